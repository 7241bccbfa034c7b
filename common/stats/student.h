/* stats/student.h: Student's t distribution, as far as intervals need it. */
#ifndef MI_STATS_STUDENT_H
#define MI_STATS_STUDENT_H

#include <stdint.h>

/* The t with P(|T| <= t) = level, 0 < level < 1, of `df` degrees of freedom, df > 0. Up to 200
 * of them by the finite series of Abramowitz and Stegun 26.7.3 and 26.7.4, beyond by their
 * expansion 26.7.5 about the normal quantile: within 1e-8 at levels up
 * to 0.99, within 1e-6 beyond. */
double mi_student_quantile(int64_t df, double level);
/* P(Z > z) of a standard normal. */
double mi_normal_tail(double z);

#endif
