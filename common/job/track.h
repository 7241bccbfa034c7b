/* job/track.h: many runs of prompts, each with its own changes, in shared passes.
 *
 * A track is one run of one subject: tokens, what is written on the way, what is read. Tracks of
 * one call are packed into passes as sequences; no result depends on the company. A track that
 * changes nothing before position `start` may begin there, over the cache of a run that agrees
 * with it so far, and one that changes nothing before a block may begin there with that run's
 * residual stream: the bits are those of the whole run. Tracks that begin late come into a pass
 * late: every block runs all that have come so far, in one product per matrix. */
#ifndef MI_JOB_TRACK_H
#define MI_JOB_TRACK_H

#include "job/editor.h"
#include "job/measure.h"
#include "job/subspace.h"

/* Values that replace others at one place: of position[i] the numbers x + i * ld, all that the
 * place has there (heads x width; one head's width). ld 0: one row for all; x NULL: zeros. At
 * sites with keys a row is [H, n_keys] (or [n_keys]), of which those in sight are written. With a
 * subspace only the part of the values in it (or outside it, is_across) replaces. A number that is
 * there already changes no bit. */
struct mi_write {
    struct mi_place at;
    const int64_t *position; /* [n] ascending */
    int64_t n;
    const float *x;
    int64_t ld;
    int64_t n_keys;
    const struct mi_subspace *subspace; /* orthonormal; NULL: the whole place */
    bool is_across;
};

/* Values that a run had at whole sites: every position from `start` on. */
struct mi_trace {
    const struct mi_places *places; /* head -1 each */
    float **x;                      /* [places n] each [n, size] */
    int64_t *size;                  /* [places n] heads x width of one position */
    int64_t n, n_keys;              /* positions kept; all tokens of the subject */
};
void mi_trace_init(struct mi_trace *t, const struct mi_places *places, const struct mi_dims *dims,
                   const struct mi_subject *s);
size_t mi_trace_bytes(const struct mi_places *places, const struct mi_dims *dims, int64_t n,
                      int64_t n_keys);
/* The numbers of a place (of one head, if it has one) at a position, *n of them; rows of
 * following positions are *ld apart. The place's site must be in the trace. */
const float *mi_trace_at(const struct mi_trace *t, const struct mi_place *p,
                         const struct mi_dims *dims, int64_t position, int64_t *n, int64_t *ld);
void mi_trace_free(struct mi_trace *t);

struct mi_track {
    const struct mi_subject *subject;
    int64_t start;               /* first position to compute */
    const struct mi_cache *past; /* holds at least `start` positions; NULL when start is 0 */
    struct mi_cache *cache;      /* initialised: keeps the run's keys and values; NULL: nobody.
                                  * Only of a run from the beginning */
    int first_layer;             /* first block to compute */
    const float *resid;          /* [n - start, D] of that block, when it is not the first */
    const struct mi_write *write;
    int n_writes;
    struct mi_editor *edits;    /* NULL: none; applied before the writes */
    struct mi_reading *reading; /* NULL: nothing is measured */
    struct mi_trace *trace;     /* NULL: nothing is kept */
};

/* `{0}` with session and max_rows set is ready. */
struct mi_tracks {
    struct mi_session *session;
    int max_rows;     /* of a pass; one track may have more */
    int64_t n_rows;   /* computed so far */
    int64_t n_logits; /* rows of logits */
    double n_blocks;  /* rows times blocks that they went through */
    /* private */
    struct mi_sequence *sequence;
    size_t cap_sequence;
    const struct mi_item **item;
    size_t cap_item;
    int *logit_row;
    size_t cap_logit;
    const struct mi_track **order; /* by first block; those of the pass in hand: */
    size_t cap_order;
    const struct mi_track *const *track;
    int n_track;
    float *tmp; /* scratch of a write */
    size_t cap_tmp;
    int32_t *logit_ids; /* [n_logit_ids] ascending, when nothing else is read */
    size_t cap_ids;
    int n_logit_ids;
    bool *wants;  /* [L + 1, MI_SITES] */
    int n_layers; /* blocks that the pass goes through */
};
int mi_tracks_run(struct mi_tracks *p, const struct mi_track *track, int n,
                  struct mi_error *err) MI_MUST_USE;
void mi_tracks_free(struct mi_tracks *p);

#endif
