/* job/effects.h: effect records: one a pair as it comes, and their aggregates at the end. */
#ifndef MI_JOB_EFFECTS_H
#define MI_JOB_EFFECTS_H

#include "base/intern.h"
#include "job/measure.h"
#include "job/pair.h"
#include "stream/effect_record.h"
#include "stream/writer.h"

struct mi_effects_options {
    const char *method;  /* patch, along, across, zero, mean ... */
    bool aggregate;      /* write aggregates after the records of the pairs */
    int32_t n_bootstrap; /* replicates; 0: no intervals */
    double level;
    uint64_t seed;
};

/* What was changed. */
struct mi_effect_subject {
    const struct mi_place *place; /* NULL: a variant */
    int64_t position, offset;     /* of the base prompt; -1 and 0: all at once */
    const char *to, *variant;     /* may be NULL */
    const char *subspace;         /* method of the direction patched along or across, or NULL */
    int64_t draw;                 /* of it; -1: none */
};

struct mi_effects {
    const struct mi_effects_options *o;
    const struct mi_measures *measures;
    struct mi_writer *out;
    int64_t n_pairs, n_effects, n_refused; /* pairs, records, aggregates without effect */
    /* private */
    struct mi_intern groups, keys;
    double *base, *source; /* [n_pairs, metrics]; source NAN without one */
    int32_t *group;        /* [n_pairs] */
    size_t cap_base, cap_source, cap_group;
    struct mi_effect_cell *cell; /* [keys.n] */
    size_t cap_cells;
    struct mi_arena arena, names;
    const char *id;
};

void mi_effects_init(struct mi_effects *e, const struct mi_effects_options *o,
                     const struct mi_measures *m, struct mi_writer *out);
/* Writes the prompt records of the pair. base, source [metrics]; source NULL without one. */
int mi_effects_begin(struct mi_effects *e, const struct mi_pair *p, const double *base,
                     const double *source, struct mi_error *err) MI_MUST_USE;
/* One record a metric: patched [metrics]. */
int mi_effects_add(struct mi_effects *e, const struct mi_effect_subject *s, const double *patched,
                   struct mi_error *err) MI_MUST_USE;
/* The aggregates, in the order in which their subjects first came. MI_EXIT_DATA: too few groups
 * for an interval. */
int mi_effects_end(struct mi_effects *e, struct mi_error *err) MI_MUST_USE;
void mi_effects_free(struct mi_effects *e);

#endif
