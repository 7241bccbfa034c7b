#include "stats/moments.h"

#include "math/vec.h"

#include <math.h>
#include <string.h>

void mi_class_means(double *pos, double *neg, const struct mi_cases *s, const float *x, int64_t D)
{
    int64_t n_pos = 0;

    memset(pos, 0, (size_t)D * sizeof *pos);
    memset(neg, 0, (size_t)D * sizeof *neg);
    for (int64_t i = 0; i < s->n; i++) {
        mi_vec_axpy_row(s->side[i] > 0 ? pos : neg, 1, x + s->row[i] * D, D);
        n_pos += s->side[i] > 0;
    }
    for (int64_t k = 0; k < D; k++) {
        pos[k] /= (double)n_pos;
        neg[k] /= (double)(s->n - n_pos);
    }
}

void mi_column_scale(double *mean, double *sd, const struct mi_cases *s, const float *x, int64_t D)
{
    memset(mean, 0, (size_t)D * sizeof *mean);
    memset(sd, 0, (size_t)D * sizeof *sd);
    for (int64_t i = 0; i < s->n; i++)
        mi_vec_axpy_row(mean, 1, x + s->row[i] * D, D);
    for (int64_t k = 0; k < D; k++)
        mean[k] /= (double)s->n;
    for (int64_t i = 0; i < s->n; i++) {
        const float *row = x + s->row[i] * D;

        for (int64_t k = 0; k < D; k++)
            sd[k] += ((double)row[k] - mean[k]) * ((double)row[k] - mean[k]);
    }
    for (int64_t k = 0; k < D; k++)
        sd[k] = sd[k] > 0 ? sqrt(sd[k] / (double)s->n) : 1;
}

double mi_mean(const double *x, int64_t n)
{
    double sum = 0;

    for (int64_t i = 0; i < n; i++)
        sum += x[i];
    return n > 0 ? sum / (double)n : 0;
}

double mi_sd(const double *x, int64_t n)
{
    double mean = mi_mean(x, n), sum = 0;

    for (int64_t i = 0; i < n; i++)
        sum += (x[i] - mean) * (x[i] - mean);
    return n > 1 ? sqrt(sum / (double)(n - 1)) : 0;
}
