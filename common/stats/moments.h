/* stats/moments.h: means and sums of squares of labelled rows, in double.
 *
 * Rows are added in the order of the cases, so the bits depend on that order alone. */
#ifndef MI_STATS_MOMENTS_H
#define MI_STATS_MOMENTS_H

#include "stats/cases.h"

/* Means of the two sides: pos, neg [D]. x [rows, D]. Both sides must have rows. */
void mi_class_means(double *pos, double *neg, const struct mi_cases *s, const float *x, int64_t D);

/* mean and sd [D] of each column over all cases; sd divides by n (not n - 1),
 * and is 1 for a column that does not vary. Two passes. */
void mi_column_scale(double *mean, double *sd, const struct mi_cases *s, const float *x, int64_t D);

/* Mean of x [n]; 0 when n is 0. */
double mi_mean(const double *x, int64_t n);
/* Standard deviation with n - 1; 0 when n < 2. */
double mi_sd(const double *x, int64_t n);

#endif
