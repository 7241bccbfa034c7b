#include "stats/student.h"

#include <math.h>

enum { SERIES_MOST = 200, STEPS = 80 };
static const double half_pi = 1.5707963267948966;

double mi_normal_tail(double z)
{
    return erfc(z / sqrt(2)) / 2;
}

/* P(|T| <= t): a finite sum of powers of cos(atan(t / sqrt(df))). */
static double within(double t, int64_t df)
{
    double theta = atan(t / sqrt((double)df)), c = cos(theta), s = sin(theta);
    double term = df % 2 ? c : 1, sum = df == 1 ? 0 : term;

    for (int64_t k = df % 2 ? 3 : 2; k < df; k += 2) {
        term *= c * c * (double)(k - 1) / (double)k;
        sum += term;
    }
    return df % 2 ? (theta + s * sum) / half_pi : s * sum;
}

/* Of a rising function of t, P(|.| <= t), the t where it is `level`. */
static double invert(double level, int64_t df)
{
    double lo = 0, hi = 1;

    while (hi < 1e12 && (df ? within(hi, df) : 1 - 2 * mi_normal_tail(hi)) < level)
        hi *= 2;
    for (int i = 0; i < STEPS; i++) {
        double mid = (lo + hi) / 2;

        if ((df ? within(mid, df) : 1 - 2 * mi_normal_tail(mid)) < level)
            lo = mid;
        else
            hi = mid;
    }
    return (lo + hi) / 2;
}

double mi_student_quantile(int64_t df, double level)
{
    double n = (double)df, z, z2;

    if (df <= SERIES_MOST)
        return invert(level, df);
    z = invert(level, 0);
    z2 = z * z;
    return z * (1 + (z2 + 1) / (4 * n) + ((5 * z2 + 16) * z2 + 3) / (96 * n * n) +
                (((3 * z2 + 19) * z2 + 17) * z2 - 15) / (384 * n * n * n));
}
