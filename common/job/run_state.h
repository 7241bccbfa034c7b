/* job/run_state.h: a run under way (private to job/generate.c, pass.c and crossed.c).
 *
 * generate.c takes items in and gives records out; pass.c chooses what goes through the model
 * next and looks at the logits; crossed.c does so where the keys and values of earlier
 * positions come from a run under other edits. */
#ifndef MI_JOB_RUN_STATE_H
#define MI_JOB_RUN_STATE_H

#include "base/par.h"
#include "job/flight.h"
#include "job/generate.h"

struct mi_run_state {
    struct mi_session *session;
    struct mi_source *source;
    struct mi_editor *edits;       /* NULL: none, or o->variants */
    struct mi_editor *cache_edits; /* of o->cache_from; NULL: none */
    const struct mi_run_options *o;
    struct mi_writer *out; /* NULL: text only */
    struct mi_run_totals *totals;
    struct mi_flight **flight; /* [n] in the order of the input; done ones wait for the first */
    size_t n, cap;
    struct mi_flight *waiting; /* read, but did not fit yet */
    struct mi_item item_left;  /* of which variants have not begun; the last one takes it over */
    int n_begun;               /* variants of that item; 0: there is none */
    bool is_ended;             /* of the source */
    int n_live, max_items, max_rows, n_top;
    int64_t limit, cache_bytes, longest; /* memory allowed; of the live caches; tokens of one */
    bool keeps_scores;                   /* an edit needs attention scores or patterns in memory */
    struct mi_draw_room room[MI_PAR_MAX];
    /* the pass in hand */
    bool is_step;                 /* of a crossed run: tokens are scored */
    struct mi_editor **now;       /* [n_now] the edits in it, each once */
    struct mi_sequence *sequence; /* [n_sequences] */
    struct mi_strand **strand;
    struct mi_flight **owner;
    const struct mi_item **item;
    struct mi_editor **edits_of; /* of each sequence; NULL: none */
    size_t sequence_cap, strand_cap, owner_cap, item_cap, edits_cap, now_cap;
    int n_now, n_sequences, n_rows, n_made_rows;
    int *logit_row; /* [max_rows], shared out among the sequences */
    int n_logit_rows;
    bool *is_bad;          /* [max_rows] of a block of logits */
    struct mi_arena arena; /* of the records in hand */
};

/* Puts tokens together, runs them, looks at what came out. */
int mi_run_pass(struct mi_run_state *run, struct mi_error *err) MI_MUST_USE;

/* For crossed.c: what the flight has not fed yet joins the pass, all its strands. */
void mi_pass_feed(struct mi_run_state *run, struct mi_flight *f, bool with_scores);
/* n tokens from `first` on of the strand join the pass; with scores their logits
 * are looked at where somebody wants to know. */
void mi_pass_add(struct mi_run_state *run, struct mi_flight *f, struct mi_strand *s, int64_t first,
                 int64_t n, bool with_scores);
/* The flight is ready for its records when it has nothing left to do. */
void mi_pass_settle(struct mi_run_state *run, struct mi_flight *f);

/* The same two steps of a pass for runs with o->cache_from. */
void mi_crossed_plan(struct mi_run_state *run);
void mi_crossed_settle(struct mi_run_state *run);

#endif
