/* job/sweep_state.h: a sweep under way (private to job/sweep.c, sweep_runs.c, sweep_plan.c and
 * paths.c).
 *
 * Pairs are taken some at a time: their plain runs share passes, and then the changed runs of
 * all of them do. What a plain run of the base keeps lets a changed run begin where it begins to
 * differ: keys and values of the positions before, and the residual stream before its block. A
 * change that puts what is there already is not run: its figures are the base's. */
#ifndef MI_JOB_SWEEP_STATE_H
#define MI_JOB_SWEEP_STATE_H

#include "job/material.h"
#include "job/sweep.h"

enum {
    MI_SWEEP_PAIRS = 16,     /* pairs in hand, at most, */
    MI_SWEEP_TOKENS = 512,   /* whose prompts have about as many tokens together */
    MI_SWEEP_ROWS = 1024,    /* rows of a pass, when memory allows */
    MI_SWEEP_CHANGES = 8192, /* changed runs that wait for a pass, at most, */
    MI_SWEEP_WAITING = 8,    /* with rows for as many passes */
};

/* The subspaces of a place, one change each. */
struct mi_sweep_bases {
    struct mi_sweep_basis {
        struct mi_subspace space;
        const char *method; /* the direction's */
        int64_t draw;       /* of a control, -1: none */
    } * item;               /* [n] */
    int n;
};

struct mi_sweep_state;
/* Those of all places, from o->directions, into w->bases. */
int mi_sweep_open_bases(struct mi_sweep_state *w, struct mi_error *err) MI_MUST_USE;
void mi_sweep_free_bases(struct mi_sweep_state *w);

/* A prompt that was run as it is. */
struct mi_plain_run {
    struct mi_subject subject;
    struct mi_reading reading;
    struct mi_trace trace;
    double *value; /* [metrics] */
};

struct mi_sweep_case {
    struct mi_pair pair;
    struct mi_plain_run base, source, donor; /* donor: of resample */
    const struct mi_plain_run *from;         /* whose values are written */
    struct mi_alignment align;
    struct mi_cache cache; /* of the base run */
};

/* A changed run of a case: one write (n > 0) or edits. */
struct mi_sweep_change {
    struct mi_sweep_case *of;
    struct mi_write write;
    struct mi_editor *edits;
    struct mi_effect_subject subject;
    /* chosen by mi_sweep_place */
    bool is_same;
    int64_t start;
    int first_layer;
};

struct mi_sweep_state {
    struct mi_session *session;
    const struct mi_dims *dims;
    const struct mi_measures *measures;
    const struct mi_sweep_options *o;
    struct mi_sweep_totals *totals;
    bool is_plan;
    int first_read; /* the first block that a figure looks into; L: none */
    struct mi_pairs pairs;
    struct mi_effects effects;
    struct mi_tracks tracks;
    struct mi_places needed_sites, base_sites; /* whole sites whose base values are kept: because
                                                * they must; and those that spare work */
    struct mi_places source_sites;
    float **mean;                 /* [places n] of `mean` */
    struct mi_sweep_bases *bases; /* [places n]; NULL: places as a whole */
    int64_t limit;
    /* the pairs in hand */
    struct mi_sweep_case *cases; /* [n_cases] of MI_SWEEP_PAIRS */
    int n_cases, n_begun;
    bool is_sparing; /* there is memory for base_sites */
    struct mi_sweep_change *change;
    size_t n_changes, cap_changes;
    int64_t n_waiting;     /* their rows */
    struct mi_arena arena; /* of what is written */
    /* of resample: all pairs */
    struct mi_pair *all;
    size_t n_all, cap_all;
};

/* Where a changed run begins, and whether it changes anything (sweep_plan.c). */
void mi_sweep_place(const struct mi_sweep_state *w, struct mi_sweep_change *c);
/* The sites whose values of the base and the source are kept. */
void mi_sweep_sites(struct mi_sweep_state *w);
/* Bytes that a case keeps, by the tokens of its two sides. */
int64_t mi_sweep_case_bytes(const struct mi_sweep_state *w, int64_t n_base, int64_t n_source,
                            bool is_sparing);

/* Runs changes and hands on their figures, in order. */
int mi_sweep_run(struct mi_sweep_state *w, struct mi_sweep_change *change, size_t n,
                 struct mi_error *err) MI_MUST_USE;
/* What patching writes at a place: at alignment position k, or at all (k < 0). */
int mi_sweep_write(struct mi_sweep_state *w, struct mi_sweep_case *c, const struct mi_place *place,
                   size_t place_index, int64_t k, struct mi_write *out,
                   struct mi_error *err) MI_MUST_USE;
/* All changes of the cases in hand. */
int mi_sweep_cases(struct mi_sweep_state *w, struct mi_error *err) MI_MUST_USE;
int mi_sweep_paths(struct mi_sweep_state *w, struct mi_sweep_case *c,
                   struct mi_error *err) MI_MUST_USE;
/* What a sweep of paths asks of its places; the base's sites that it needs. */
int mi_paths_check(const struct mi_sweep_options *o, struct mi_error *err) MI_MUST_USE;
void mi_paths_sites(const struct mi_sweep_options *o, const struct mi_dims *dims,
                    struct mi_places *base, struct mi_places *source);

#endif
