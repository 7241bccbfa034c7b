/* job/fit_stat.h: directions from running statistics: constant memory, whatever the number of
 * prompts.
 *
 * `mi-capture --reduce mean --by side` keeps the mean of each class at each place; with
 * `--reduce second` the second moments as well. Of two classes follow
 *
 *     mean-diff   mean(x+) - mean(x-)
 *     mass-mean   W^+ (mean(x+) - mean(x-)), W = sum_c n_c (second_c - mean_c mean_c^T) / n
 *     random      a normal draw, turned by the means: control
 *
 * with scale and threshold as of method/direction.h; shares of pairs and the groups are not
 * known, so these keys are missing in the records. Vectors of both classes agree with those
 * fitted on the rows themselves to rounding. */
#ifndef MI_JOB_FIT_STAT_H
#define MI_JOB_FIT_STAT_H

#include "job/fit.h"
#include "stream/reader.h"

/* Reads the statistic stream to its end and writes dir records, places in order of appearance.
 * sides "POSITIVE,NEGATIVE" names two classes; NULL: the classes are 1 and 0 (or true and
 * false). `at` as of mi_acts_options. MI_EXIT_USAGE: the sides are not named; MI_EXIT_DATA: a
 * class is missing at a place, a method needs the rows themselves, second moments are missing. */
int mi_fit_stat(struct mi_reader *in, const char *sides, const char *at,
                const struct mi_fit_options *o, struct mi_writer *out, int64_t *n_dirs,
                struct mi_error *err) MI_MUST_USE;

#endif
