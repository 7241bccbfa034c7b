/* job/effect_scores.h: the aggregate effects of a sweep as scores, beside their controls.
 *
 * Of every aggregate (mi-patch --aggregate; effects of single pairs are left out) two score
 * records:
 *
 *     effect            the ratio of the means; is_complement: completeness, 1 - effect
 *     <metric>_diff     mean of patched - base; of logp it is called target_logp_diff
 *
 * of = {site, layer, head, position, offset, to, variant, method, subspace, draw, subject (the
 * metric that was swept), at, direction, groups}, as they stand in the effect. A refused effect has
 * no value, and `reason`. A sweep without source has differences alone.
 *
 * Controls: the draws of a direction that is one (random, shuffled), and the variants whose labels
 * match a pattern, become one score each: control is its name, value the mean over the draws,
 * between the smallest and the largest, n how many. */
#ifndef MI_JOB_EFFECT_SCORES_H
#define MI_JOB_EFFECT_SCORES_H

#include "job/scores.h"
#include "stream/reader.h"

struct mi_effect_control {
    const char *name, *pattern; /* of labels, as in fnmatch(3) */
};

struct mi_effect_scores_options {
    bool is_complement;
    const struct mi_effect_control *control; /* [n_controls]; the first that matches */
    int n_controls;
};

/* "NAME=PATTERN" into the two, in the arena. MI_EXIT_USAGE. */
int mi_effect_control_parse(struct mi_effect_control *c, const char *text, struct mi_arena *a,
                            struct mi_error *err) MI_MUST_USE;
/* Reads *in, which is open, to its end. MI_EXIT_DATA: no aggregates, a pattern without a label. */
int mi_effect_scores(struct mi_reader *in, const struct mi_effect_scores_options *o,
                     struct mi_scores *s, struct mi_error *err) MI_MUST_USE;

#endif
