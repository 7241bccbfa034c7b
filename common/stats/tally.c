#include "stats/tally.h"

#include "base/mem.h"

#include <math.h>
#include <string.h>

void mi_tally_add(struct mi_tally *t, int64_t group, int side, double x)
{
    size_t at = 2 * (size_t)group + (side < 0), old = t->cap;

    if (at >= old) {
        t->sum = mi_grow(t->sum, &t->cap, at + 1, sizeof *t->sum);
        memset(t->sum + old, 0, (t->cap - old) * sizeof *t->sum);
    }
    t->sum[at] += x;
}

void mi_tally_free(struct mi_tally *t)
{
    mi_free(t->sum);
    *t = (struct mi_tally){0};
}

/* Weighted sum and number of rows of one side, added to what is there. */
static void add_side(double *sum, double *n, const struct mi_tally *t,
                     const struct mi_tally_rows *rows, const int32_t *count, int side)
{
    for (int64_t g = 0; g < rows->n_groups; g++) {
        size_t at = 2 * (size_t)g + (size_t)side;
        double w = count ? count[g] : 1;

        *sum += w * (at < t->cap ? t->sum[at] : 0);
        *n += w * (double)rows->n[at];
    }
}

void mi_tally_means(double mean[2], const struct mi_tally *t, const struct mi_tally_rows *rows,
                    const int32_t *count)
{
    for (int side = 0; side < 2; side++) {
        double sum = 0, n = 0;

        add_side(&sum, &n, t, rows, count, side);
        mean[side] = n > 0 ? sum / n : (double)NAN;
    }
}

double mi_tally_mean(const struct mi_tally *t, const struct mi_tally_rows *rows,
                     const int32_t *count)
{
    double sum = 0, n = 0;

    add_side(&sum, &n, t, rows, count, 0);
    add_side(&sum, &n, t, rows, count, 1);
    return n > 0 ? sum / n : (double)NAN;
}
