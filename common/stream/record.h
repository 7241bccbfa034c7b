/* stream/record.h: the kinds of record and the keys that others rely on.
 *
 * Builders put the keys in their one canonical order; readers check kinds and shapes, so
 * that a tool never looks at raw maps for these. Reading borrows from the record. */
#ifndef MI_STREAM_RECORD_H
#define MI_STREAM_RECORD_H

#include "data/pos.h"
#include "data/site.h"
#include "data/value.h"

#include <stdbool.h>

/* prompt: what the records of one prompt share. Everything else refers to it by id. */
struct mi_prompt_record {
    const char *id;
    const int32_t *tokens;      /* [n_tokens] */
    int64_t n_tokens, n_prompt; /* n_prompt <= n_tokens; the rest was generated */
    const char *const *piece;   /* [n_tokens] bytes of each token */
    const size_t *piece_len;
    const int64_t *offset; /* [n_tokens] byte of the rendered text where a piece starts, -1 of one
                              that is not in it (beginning of text); or NULL */
    const struct mi_span *spans;
    size_t n_spans;
    const struct mi_span *roles;
    size_t n_roles;
    struct mi_value fields; /* map: label, group, pair, side, target, foil and the user's own */
};
struct mi_value mi_prompt_body(struct mi_arena *a, const struct mi_prompt_record *p);
int mi_prompt_read(struct mi_arena *a, const struct mi_value *body, struct mi_prompt_record *p,
                   struct mi_error *err) MI_MUST_USE;

/* act: activations at one place of one prompt. */
struct mi_act_record {
    const char *id;
    struct mi_place place;
    const int64_t *positions; /* [n_positions] token indices, ascending */
    int64_t n_positions;
    struct mi_tensor x; /* [P, width] or [P, heads, width] */
};
struct mi_value mi_act_body(struct mi_arena *a, const struct mi_act_record *r);
int mi_act_read(struct mi_arena *a, const struct mi_value *body, struct mi_act_record *r,
                struct mi_error *err) MI_MUST_USE;

/* dir: a direction or subspace. */
struct mi_dir_record {
    struct mi_place place;
    const char *position;  /* the specification that was read, or NULL */
    const char *method;    /* "mean-diff" */
    struct mi_tensor v;    /* [D] or [K, D], rows of unit norm */
    double sign;           /* +1 or -1 that was applied so that + means the positive side */
    double scale;          /* distance of the class means along v; 0 when not known */
    int64_t n;             /* pairs or rows it was fitted on */
    struct mi_value extra; /* map: the estimator's own figures, appended key by key */
};
struct mi_value mi_dir_body(struct mi_arena *a, const struct mi_dir_record *r);
int mi_dir_read(const struct mi_value *body, struct mi_dir_record *r,
                struct mi_error *err) MI_MUST_USE;

/* score: one figure. The subject keys (site, layer, method ...) stand in `of`. */
struct mi_score_record {
    struct mi_value of;   /* map: what was scored; its keys come first */
    const char *metric;   /* id in data/metric.h's registry */
    double value, lo, hi; /* lo = hi = NAN when no interval could be had: written as nil */
    int64_t n;
    const char *control; /* NULL, "random", "shuffled" */
    int64_t seed;
};
struct mi_value mi_score_body(struct mi_arena *a, const struct mi_score_record *r);
int mi_score_read(const struct mi_value *body, struct mi_score_record *r,
                  struct mi_error *err) MI_MUST_USE;

#endif
