#include "stats/correlate.h"

#include <math.h>
#include <string.h>

/* With s the side and m its mean: sum (s - m)(x - mean) = sum (s - m) x - mean sum (s - m), whose
 * last sum is 0; x - mean is taken all the same, which loses fewer digits. */
void mi_correlate(double *r, const struct mi_cases *s, const float *x, int64_t D,
                  const double *mean, const double *sd)
{
    double n = (double)s->n, m = 0, spread;

    for (int64_t i = 0; i < s->n; i++)
        m += s->side[i];
    m /= n;
    spread = sqrt(1 - m * m); /* the standard deviation of numbers that are 1 or -1 */
    memset(r, 0, (size_t)D * sizeof *r);
    for (int64_t i = 0; i < s->n; i++) {
        const float *row = x + s->row[i] * D;
        double side = s->side[i] - m;

        for (int64_t k = 0; k < D; k++)
            r[k] += side * ((double)row[k] - mean[k]);
    }
    for (int64_t k = 0; k < D; k++)
        r[k] = spread > 0 ? r[k] / (n * sd[k] * spread) : (double)NAN;
}

/* Weighted means first, so that constants do not eat the digits. */
double mi_correlation(const struct mi_cases *s, const double *value, const int32_t *count)
{
    double n = 0, mx = 0, my = 0, xx = 0, yy = 0, xy = 0;

    for (int64_t i = 0; i < s->n; i++) {
        double w = count ? count[s->group[i]] : 1;

        n += w;
        mx += w * value[i];
        my += w * s->side[i];
    }
    mx /= n;
    my /= n;
    for (int64_t i = 0; i < s->n; i++) {
        double w = count ? count[s->group[i]] : 1, x = value[i] - mx, y = s->side[i] - my;

        xx += w * x * x;
        yy += w * y * y;
        xy += w * x * y;
    }
    return n > 0 && xx > 0 && yy > 0 ? xy / sqrt(xx * yy) : (double)NAN;
}
