/* stream/effect_record.h: what a change to a run does to a figure.
 *
 * effect = {id, n, groups, site, layer, head, position, offset, to, variant, method, subspace,
 *           draw, metric, at, direction, base, source, patched, effect, lo, hi, difference,
 *           difference_lo,
 *           difference_hi, refused}
 *
 *     id          of the prompt that was changed; nil of an aggregate
 *     n           pairs or prompts: 1 of one, more of an aggregate
 *     groups      of an aggregate, how many; nil otherwise
 *     site, layer, head   what was changed; all nil of a variant
 *     position    token of the base prompt; nil: all positions at once, or an aggregate
 *     offset      the same, counted from the end of the aligned positions: -1 is the last;
 *                 nil: all at once
 *     to          of a path its receiver, as "k:5.1"; nil otherwise
 *     variant     the label of an edit; nil otherwise
 *     method      patch, along, across, zero, mean, resample, edit or path
 *     subspace    of along and across the method of the direction; nil otherwise
 *     draw        of a control among those, which; nil otherwise
 *     metric      id in the registry (data/metric.h)
 *     at          of a projection where it is read, as "resid_post:12"; nil otherwise
 *     direction   of a projection the digest of the direction's stream
 *     base, source, patched   the figure of the three runs (means of an aggregate); source is
 *                 nil where there is none
 *     effect      (patched - base) / (source - base), of an aggregate the ratio of the means
 *     lo, hi      its interval; nil of one pair
 *     difference  patched - base, with its interval
 *     refused     why an aggregate has no effect, or nil */
#ifndef MI_STREAM_EFFECT_RECORD_H
#define MI_STREAM_EFFECT_RECORD_H

#include "base/error.h"
#include "data/site.h"
#include "data/value.h"

#include <stdbool.h>
#include <stdint.h>

struct mi_effect_record {
    const char *id; /* NULL: an aggregate */
    int64_t n;
    int64_t groups; /* 0: nil */
    bool has_place;
    struct mi_place place;
    int64_t position; /* -1: nil */
    int64_t offset;   /* < 0; 0: nil */
    const char *to, *variant;
    const char *method, *metric;
    const char *subspace;
    int64_t draw; /* < 0, or without subspace: nil */
    const char *at, *direction;
    double base, source, patched; /* NAN stands for nil, here and below */
    double effect, lo, hi;
    double difference, difference_lo, difference_hi;
    const char *refused;
};

/* Strings are borrowed. */
struct mi_value mi_effect_body(struct mi_arena *a, const struct mi_effect_record *r);
int mi_effect_read(const struct mi_value *body, struct mi_effect_record *r,
                   struct mi_error *err) MI_MUST_USE;

#endif
