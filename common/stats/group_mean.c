#include "stats/group_mean.h"

#include "base/mem.h"

#include <math.h>

void mi_group_mean_init(struct mi_group_mean *m, int32_t n_groups)
{
    m->n_groups = n_groups;
    m->sum = mi_alloc_zero((size_t)n_groups, sizeof *m->sum);
    m->n = mi_alloc_zero((size_t)n_groups, sizeof *m->n);
}

void mi_group_mean_add(struct mi_group_mean *m, int32_t group, double x)
{
    m->sum[group] += x;
    m->n[group]++;
}

double mi_group_mean(const struct mi_group_mean *m, const int32_t *count)
{
    double sum = 0, n = 0;

    for (int32_t g = 0; g < m->n_groups; g++) {
        double w = count ? count[g] : 1;

        sum += w * m->sum[g];
        n += w * (double)m->n[g];
    }
    return n > 0 ? sum / n : (double)NAN;
}

static double figure(void *ctx, const int32_t *count)
{
    return mi_group_mean(ctx, count);
}

struct mi_interval mi_group_mean_interval(struct mi_group_mean *m, const struct mi_resamples *r,
                                          double level)
{
    if (!r || r->n == 0 || mi_group_mean_cases(m) == 0)
        return (struct mi_interval){(double)NAN, (double)NAN};
    return mi_bootstrap(r, level, figure, m);
}

double mi_unseen_share(int32_t n_groups, double level)
{
    return 1 - pow((1 - level) / 2, 1.0 / n_groups);
}

int64_t mi_group_mean_cases(const struct mi_group_mean *m)
{
    int64_t n = 0;

    for (int32_t g = 0; g < m->n_groups; g++)
        n += m->n[g];
    return n;
}

void mi_group_mean_free(struct mi_group_mean *m)
{
    mi_free(m->sum);
    mi_free(m->n);
    *m = (struct mi_group_mean){0};
}
