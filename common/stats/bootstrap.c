#include "stats/bootstrap.h"

#include "base/mem.h"
#include "base/rng.h"
#include "stats/quantile.h"
#include "stats/student.h"

#include <math.h>

void mi_resamples_init(struct mi_resamples *r, int32_t n_groups, int32_t n, uint64_t seed)
{
    *r = (struct mi_resamples){.n_groups = n_groups, .n = n};
    r->count = mi_alloc_zero((size_t)n * (size_t)n_groups, sizeof *r->count);
    for (int32_t i = 0; i < n; i++) {
        struct mi_rng rng = mi_rng_make_n(seed, "bootstrap", (uint64_t)i);
        int32_t *count = r->count + (int64_t)i * n_groups;

        for (int32_t k = 0; k < n_groups; k++)
            count[mi_rng_below(&rng, (uint64_t)n_groups)]++;
    }
}

void mi_resamples_free(struct mi_resamples *r)
{
    mi_free(r->count);
    *r = (struct mi_resamples){0};
}

/* To twelve digits, so that no last bit of another libm enters. */
double mi_bootstrap_tail(int32_t n_groups, double level)
{
    double n = n_groups;

    if (n_groups < 2)
        return (1 - level) / 2;
    n = mi_normal_tail(sqrt(n / (n - 1)) * mi_student_quantile(n_groups - 1, level));
    return floor(n * 1e12 + 0.5) / 1e12;
}

struct mi_interval mi_bootstrap(const struct mi_resamples *r, double level,
                                double (*figure)(void *ctx, const int32_t *count), void *ctx)
{
    double *value = mi_alloc_n((size_t)r->n, sizeof *value);
    struct mi_interval out = {(double)NAN, (double)NAN};
    int64_t n = 0;

    for (int32_t i = 0; i < r->n; i++) {
        double v = figure(ctx, r->count + (int64_t)i * r->n_groups);

        if (!isnan(v))
            value[n++] = v;
    }
    if (n > 0 && 20 * (r->n - n) <= r->n) {
        double tail = mi_bootstrap_tail(r->n_groups, level);

        mi_sort(value, n);
        out.lo = mi_quantile_sorted(value, n, tail);
        out.hi = mi_quantile_sorted(value, n, 1 - tail);
    }
    mi_free(value);
    return out;
}
