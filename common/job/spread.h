/* job/spread.h: over how many parts of the model the effects of a sweep are spread.
 *
 * Reads the effect records of the pairs (aggregates are left out). Parts that were measured in
 * one way make a set: the same kind of site, method, metric, direction and receiver. A part's
 * effect is the mean over all pairs of patched - base; a pair that has no such part (a
 * position before its beginning) counts as 0. That is the numerator of the ratio of means
 * (method/effect.h), whose denominator is common to all parts and cancels.
 *
 * For each set score records participation_ratio, components_50, components_80, components_90
 * (stats/spread.h), with intervals over groups of pairs; n is the number of parts. of = {site,
 * over (what the parts are: "layer", "layer, head", "layer, position" ...), method, subject (the
 * metric that was swept), at, to, pairs, groups}. Every replicate's effects are noisier than
 * those of all pairs, and noise looks like spread: the intervals lean upwards. */
#ifndef MI_JOB_SPREAD_H
#define MI_JOB_SPREAD_H

#include "job/origin.h"
#include "job/scores.h"

/* The stream's header is read before: *in is open, and left open at its end. MI_EXIT_DATA: no
 * effects of pairs in it, a pair without its prompt, too few groups. */
int mi_spread(struct mi_reader *in, const char *group_by, struct mi_scores *s,
              struct mi_error *err) MI_MUST_USE;

#endif
