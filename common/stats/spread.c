#include "stats/spread.h"

#include "stats/quantile.h"

#include <math.h>

double mi_participation_ratio(const double *e, int64_t n)
{
    double sum = 0, squares = 0;

    for (int64_t i = 0; i < n; i++) {
        sum += fabs(e[i]);
        squares += e[i] * e[i];
    }
    return squares > 0 ? sum * sum / squares : (double)NAN;
}

void mi_spread_sort(double *e, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        e[i] = -fabs(e[i]);
    mi_sort(e, n);
    for (int64_t i = 0; i < n; i++)
        e[i] = -e[i];
}

double mi_parts_to_reach(const double *sorted, int64_t n, double share)
{
    double total = 0, sum = 0;
    int64_t k = 0;

    for (int64_t i = 0; i < n; i++)
        total += sorted[i];
    if (!(total > 0))
        return (double)NAN;
    while (k < n && sum < share * total)
        sum += sorted[k++];
    return (double)k;
}
