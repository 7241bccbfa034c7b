#include "stats/moments.h"

#include "base/mem.h"
#include "math/samples.h"

#include <math.h>
#include <string.h>

void mi_class_means(double *pos, double *neg, const struct mi_cases *s, const float *x, int64_t D)
{
    int64_t *row = mi_alloc_n((size_t)s->n, sizeof *row);

    for (int side = -1; side <= 1; side += 2) {
        double *mean = side > 0 ? pos : neg;
        struct mi_samples rows = {x, row, 0, D};

        for (int64_t i = 0; i < s->n; i++)
            if ((s->side[i] > 0) == (side > 0))
                row[rows.n++] = s->row[i];
        memset(mean, 0, (size_t)D * sizeof *mean);
        mi_samples_sum(mean, &rows);
        for (int64_t k = 0; k < D; k++)
            mean[k] /= (double)rows.n;
    }
    mi_free(row);
}

void mi_column_scale(double *mean, double *sd, const struct mi_cases *s, const float *x, int64_t D)
{
    const struct mi_samples rows = {x, s->row, s->n, D};

    memset(mean, 0, (size_t)D * sizeof *mean);
    memset(sd, 0, (size_t)D * sizeof *sd);
    mi_samples_sum(mean, &rows);
    for (int64_t k = 0; k < D; k++)
        mean[k] /= (double)s->n;
    mi_samples_spread(sd, &rows, mean);
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
