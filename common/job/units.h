/* job/units.h: which single units of an activation stream go with the side.
 *
 * A unit is one number of a row at one place (a neuron of mlp_post, an element of the residual
 * stream; of a site with heads, all heads one behind the other). Its figure is Pearson's
 * correlation with the side taken as +1 and -1, the point-biserial correlation. A unit that
 * does not vary has none.
 *
 * Score records: the n_top units of largest |r| over all places (equal ones in the order of the
 * stream), metric `correlation`, with intervals over groups; then correlation_max, the largest |r|
 * of all units, and the same as the control "permuted": its mean, least and greatest over
 * n_permuted draws in which the sides were shuffled (within pairs; without pairs over prompts:
 * stats/cases.h). Looking for the largest among many units finds a large one by chance; that
 * control says how large. of = {site, layer, head, unit, rank, position, groups}, of
 * correlation_max {units, position, groups}. */
#ifndef MI_JOB_UNITS_H
#define MI_JOB_UNITS_H

#include "job/acts.h"
#include "job/scores.h"

struct mi_units_options {
    int64_t n_top;
    int n_permuted;     /* 0: without the control */
    int64_t max_memory; /* as of mi_held_read (job/fit.h) */
};

/* Reads acts to the end; holds all rows. MI_EXIT_DATA: one side only, too few groups, no unit
 * varies. */
int mi_units(struct mi_acts *acts, const struct mi_units_options *o, struct mi_scores *s,
             struct mi_error *err) MI_MUST_USE;

#endif
