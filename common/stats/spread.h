/* stats/spread.h: over how many parts an effect is spread.
 *
 *     participation ratio   (sum |e|)^2 / sum e^2: k when k parts share the effect equally and
 *                           the others have none (an inverse Herfindahl index)
 *     parts to reach s      the least k such that the k largest |e| add up to s sum |e|
 *
 * Both count noise as well: parts whose effects are only estimated never come out as 0, so a
 * figure is read beside that of a baseline with as many parts and cases. */
#ifndef MI_STATS_SPREAD_H
#define MI_STATS_SPREAD_H

#include <stdint.h>

/* NAN when all of e [n] are 0. */
double mi_participation_ratio(const double *e, int64_t n);
/* share in (0, 1]; sorted: |e| in descending order, as mi_spread_sort leaves it. NAN when all
 * are 0. */
double mi_parts_to_reach(const double *sorted, int64_t n, double share);
/* e becomes |e| in descending order. */
void mi_spread_sort(double *e, int64_t n);

#endif
