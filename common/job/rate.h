/* job/rate.h: how often runs do something, and what differs between two of them.
 *
 * A rate record is written for each cell (prompts that agree in the `by` fields, in the order in
 * which they came) and each figure: its mean over the prompts. Of judgements (rate_target,
 * rate_foil, rate_unjudged) that is the share of all texts, the unjudged among them. of = {the
 * cell's fields, position (of figures that have one), groups}.
 *
 * A difference pairs the prompts of A and B by id: the mean over prompts of A's number minus B's,
 * and beside it the mean of each. of = {the cell's fields, positions (of figures that have
 * them), run, groups}, run nil of the difference, "a" and "b" of the means.
 *
 * Intervals resample the cell's own groups. Where no replicate differs and the figure has a finite
 * range (rates, repetition, their differences), the interval is widened by what so few groups
 * cannot exclude (mi_unseen_share; twice that for differences), within that range. */
#ifndef MI_JOB_RATE_H
#define MI_JOB_RATE_H

#include "job/runs.h"
#include "job/scores.h"

/* positions, here and below: their text for the records, or NULL. */
int mi_rate(const struct mi_runs *runs, const enum mi_run_figure *figure, int n_figures,
            const char *positions, struct mi_scores *s, struct mi_error *err) MI_MUST_USE;
/* MI_EXIT_DATA: the ids differ, or (logp) the
 * tokens. */
int mi_diff(const struct mi_runs *a, const struct mi_runs *b, enum mi_run_figure f,
            const char *positions, struct mi_scores *s, struct mi_error *err) MI_MUST_USE;

#endif
