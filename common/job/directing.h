/* job/directing.h: the verbs of mi-direction: each from its inputs to the end of its output. */
#ifndef MI_JOB_DIRECTING_H
#define MI_JOB_DIRECTING_H

#include "job/attribute.h"
#include "job/fit.h"
#include "job/split.h"
#include "job/step.h"
#include "job/unembed.h"

/* What a verb needs; each looks at its own part. */
struct mi_directing {
    struct mi_step step;
    const char *model;
    struct mi_names inputs, directions, methods; /* methods: those to select; none: all */
    bool other_model, is_scaled;
    int64_t draw;  /* of controls the one to select; -1: all */
    double length; /* of exported vectors */
    double rtol;   /* of a split: least singular value of the read-out, of the largest */
    struct mi_acts_options acts;
    struct mi_fit_options fit;
    struct mi_unembed_options unembed;
    struct mi_attribute_options attribute;
    /* out, of a fit: what was done, for a summary */
    size_t n_prompts, n_places;
    int64_t n_groups, n_dirs;
};

/* From activations, or from statistics, by what the input holds. */
int mi_directing_fit(struct mi_directing *d, struct mi_error *err) MI_MUST_USE;
int mi_directing_select(struct mi_directing *d, struct mi_error *err) MI_MUST_USE;
int mi_directing_compare(struct mi_directing *d, struct mi_error *err) MI_MUST_USE;
int mi_directing_unembed(struct mi_directing *d, struct mi_error *err) MI_MUST_USE;
int mi_directing_split(struct mi_directing *d, struct mi_error *err) MI_MUST_USE;
int mi_directing_attribute(struct mi_directing *d, struct mi_error *err) MI_MUST_USE;
int mi_directing_export(struct mi_directing *d, struct mi_error *err) MI_MUST_USE;

#endif
