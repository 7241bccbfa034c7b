/* job/sweep_state.h: a sweep under way (private to job/sweep.c, job/sweep_runs.c, job/paths.c). */
#ifndef MI_JOB_SWEEP_STATE_H
#define MI_JOB_SWEEP_STATE_H

#include "job/material.h"
#include "job/sweep.h"

enum { MI_SWEEP_CHUNK = 64 }; /* changed runs in one call of mi_tracks_run, at most */

/* The subspaces of a place, one change each. */
struct mi_sweep_bases {
    struct mi_sweep_basis {
        struct mi_subspace space;
        const char *method; /* the direction's */
        int64_t draw;       /* of a control, -1: none */
    } * item;               /* [n] */
    int n;
};

/* A prompt that was run as it is. */
struct mi_plain_run {
    struct mi_subject subject;
    struct mi_reading reading;
    struct mi_trace trace;
    double *value; /* [metrics] */
};

struct mi_sweep_state {
    struct mi_session *session;
    const struct mi_dims *dims;
    const struct mi_measures *measures;
    const struct mi_sweep_options *o;
    struct mi_sweep_totals *totals;
    bool is_plan;
    struct mi_pairs pairs;
    struct mi_effects effects;
    struct mi_tracks tracks;
    struct mi_places base_sites, source_sites; /* whole sites whose values are kept */
    float **mean;                              /* [places n] of `mean` */
    struct mi_sweep_bases *bases;              /* [places n]; NULL: places as a whole */
    int64_t limit;
    /* the pair in hand */
    struct mi_pair pair;
    struct mi_plain_run base, source; /* source: whose values are written */
    struct mi_alignment align;
    struct mi_cache cache; /* of the base run */
    struct mi_arena arena; /* of what is written */
    int chunk;
    /* of resample: all pairs */
    struct mi_pair *all;
    size_t n_all, cap_all;
};

/* Runs n changed tracks of the base and hands on their figures: subject[i] is what track i
 * changed. Adds the effects in order. */
int mi_sweep_run(struct mi_sweep_state *w, struct mi_track *track,
                 const struct mi_effect_subject *subject, int n, struct mi_error *err) MI_MUST_USE;
/* What patching writes at a place: at alignment position k, or at all (k < 0). */
int mi_sweep_write(struct mi_sweep_state *w, const struct mi_place *place, size_t place_index,
                   int64_t k, struct mi_write *out, struct mi_error *err) MI_MUST_USE;
/* The pair in hand. */
int mi_sweep_places(struct mi_sweep_state *w, struct mi_error *err) MI_MUST_USE;
int mi_sweep_variants(struct mi_sweep_state *w, struct mi_error *err) MI_MUST_USE;
int mi_sweep_paths(struct mi_sweep_state *w, struct mi_error *err) MI_MUST_USE;
/* What a sweep of paths asks of its places; the base's sites that it needs. */
int mi_paths_check(const struct mi_sweep_options *o, struct mi_error *err) MI_MUST_USE;
void mi_paths_sites(const struct mi_sweep_options *o, const struct mi_dims *dims,
                    struct mi_places *base, struct mi_places *source);

#endif
