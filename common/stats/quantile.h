/* stats/quantile.h: order statistics. */
#ifndef MI_STATS_QUANTILE_H
#define MI_STATS_QUANTILE_H

#include <stdint.h>

/* Sorts ascending, in place. No NaN. */
void mi_sort(double *x, int64_t n);

/* The p-quantile (0 <= p <= 1) of the ascending x [n], n > 0: linear between the order
 * statistics around (n - 1) p (type 7 of Hyndman and Fan 1996; NumPy's default). */
double mi_quantile_sorted(const double *x, int64_t n, double p);

#endif
