/* stats/correlate.h: Pearson's correlation of every column of a matrix with the side. */
#ifndef MI_STATS_CORRELATE_H
#define MI_STATS_CORRELATE_H

#include "stats/cases.h"

/* r [D]: of column k of x [rows, D] with the side (+1, -1) over the cases, in double; NAN where
 * the column, or the side, does not vary. mean and sd [D] are those of mi_column_scale (over the
 * same rows: they do not change when sides are shuffled). */
void mi_correlate(double *r, const struct mi_cases *s, const float *x, int64_t D,
                  const double *mean, const double *sd);

/* Of one column, value [s->n] in the order of the cases, each group counted count[group] times
 * (NULL: once). */
double mi_correlation(const struct mi_cases *s, const double *value, const int32_t *count);

#endif
