/* job/flight.h: one item on its way through the model: what was fed, found and made.
 *
 * A flight has a main strand of tokens (prompt, given continuation, what is generated) and,
 * when the prompt names them, two short ones: prompt + target and prompt + foil. Each strand
 * has a cache of its own; those of target and foil start as copies of the prompt's. Private
 * to job/generate.c, pass.c, crossed.c and their tests. */
#ifndef MI_JOB_FLIGHT_H
#define MI_JOB_FLIGHT_H

#include "job/answer.h"
#include "job/editor.h"
#include "job/judge.h"
#include "job/source.h"
#include "stream/run_record.h"

/* Tokens over one cache, and their scores. */
struct mi_strand {
    struct mi_item view; /* the item with these tokens, as editors see it; owns nothing */
    struct mi_cache cache;
    struct mi_cache twin; /* of the unedited run beside it, where the flight is twinned */
    bool is_open;         /* the cache is there */
    int64_t n, cap;       /* tokens known; room in every array below */
    int64_t n_fed;        /* went through the model */
    int64_t n_left;       /* of a crossed run (job/crossed.c): still to be scored */
    int32_t *tokens;      /* [cap] */
    const char **piece;   /* [cap] */
    size_t *piece_len;    /* [cap] */
    int64_t *offset;      /* [cap] */
    double *logp;         /* [cap]; NaN: not known */
    double *entropy;      /* [cap] */
    int64_t *rank;        /* [cap]; -1: not known */
    int32_t *top_token;   /* [cap, n_top] */
    double *top_logp;     /* [cap, n_top] */
};

struct mi_flight {
    struct mi_item item;
    const char *id;                      /* of its records: the item's, or "ID/LABEL" */
    const char *variant;                 /* the label, or NULL */
    struct mi_editor *edits;             /* NULL: none */
    int64_t n_untouched;                 /* of the first tokens: computed as without edits */
    struct mi_strand main, target, foil; /* n = 0: there is none */
    int64_t n_given;                     /* tokens of main that were not generated here */
    int64_t n_new;                       /* how many may be generated */
    int64_t n_shared; /* positions that came from another flight (job/prefix.h) */
    int n_top;
    bool is_twinned;  /* every token goes through the model a second time, unedited */
    bool is_filled;   /* of a crossed run: the caches hold all that the steps need */
    bool has_chosen;  /* the pass in hand has put a token at main.tokens[main.n] */
    const char *stop; /* see stream/run_record.h; NULL while it runs, and of a score */
    bool is_done;
    struct mi_answer answer;
    bool has_next;       /* next_* hold what would follow the last token */
    int32_t *next_token; /* [n_top] */
    double *next_logp;
    size_t bytes; /* of its caches when they are full; the caller's book */
};

/* Takes the item over (it is left empty). Its tokens + n_new stay within the context. */
void mi_flight_start(struct mi_flight *f, struct mi_item *item, const struct mi_session *s,
                     int64_t n_new, int n_top);
/* Before its first pass: it runs under these edits (not NULL), a variant where a label is given. */
void mi_flight_edit(struct mi_flight *f, struct mi_editor *edits, const char *variant);
/* Bytes of the caches that it will need. */
size_t mi_flight_bytes(const struct mi_flight *f, const struct mi_model *m);
/* Tokens that main still has to feed now. */
int64_t mi_flight_pending(const struct mi_flight *f);
/* Opens the cache of main before its first tokens. */
void mi_flight_open(struct mi_flight *f, const struct mi_model *m);
/* Once the prompt went through: target and foil get their copies of the cache. */
void mi_flight_branch(struct mi_flight *f, const struct mi_model *m);
/* Room for `more` tokens behind those that are known, so that a pass may write there. */
void mi_strand_reserve(struct mi_strand *s, int64_t more, int n_top);
/* After a pass: the chosen token joins, and the reason to stop is looked for. */
void mi_flight_settle(struct mi_flight *f, const struct mi_session *s,
                      const struct mi_stops *stops);
/* The records; text is what answer holds, `judge` (NULL: nobody) says what it answers. Borrow
 * from the flight and the arena. */
struct mi_value mi_flight_prompt_body(const struct mi_flight *f, struct mi_arena *a);
int mi_flight_run_body(const struct mi_flight *f, struct mi_judge *judge, struct mi_arena *a,
                       struct mi_value *body, struct mi_error *err) MI_MUST_USE;
void mi_flight_free(struct mi_flight *f);

#endif
