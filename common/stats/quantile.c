#include "stats/quantile.h"

#include <math.h>
#include <stdlib.h>

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

void mi_sort(double *x, int64_t n)
{
    if (n > 1)
        qsort(x, (size_t)n, sizeof *x, compare);
}

double mi_quantile_sorted(const double *x, int64_t n, double p)
{
    double at = (double)(n - 1) * p, below = floor(at);
    int64_t i = (int64_t)below;

    if (i >= n - 1)
        return x[n - 1];
    return x[i] + (at - below) * (x[i + 1] - x[i]);
}
