#include "method/effect.h"

#include "base/mem.h"

#include <math.h>

/* Sums of a group's cases. */
struct sums {
    double n, up, down; /* cases; sum of the numerator, of the denominator */
};

struct ratio {
    const struct sums *group; /* [n_groups] */
    int32_t n_groups;
};

double mi_effect_one(double base, double source, double patched)
{
    double gap = source - base;

    /* + 0.0: no negative zero */
    return gap == 0 || isnan(gap) ? (double)NAN : (patched - base) / gap + 0.0;
}

static double ratio_of(void *ctx, const int32_t *count)
{
    const struct ratio *q = ctx;
    double up = 0, down = 0;

    for (int32_t g = 0; g < q->n_groups; g++) {
        up += count[g] * q->group[g].up;
        down += count[g] * q->group[g].down;
    }
    return down != 0 ? up / down : (double)NAN;
}

/* Mean of `patched or source` - base over the cases, with its interval. */
static double mean_of(const struct mi_effect_cases *c, const double *x,
                      const struct mi_resamples *r, double level, struct sums *group,
                      struct mi_interval *interval)
{
    struct ratio q = {group, r->n_groups};
    double sum = 0;

    for (int32_t g = 0; g < r->n_groups; g++)
        group[g] = (struct sums){0};
    for (int64_t i = 0; i < c->n; i++) {
        sum += x[i] - c->base[i];
        group[c->group[i]].up += x[i] - c->base[i];
        group[c->group[i]].down += 1;
    }
    *interval = mi_bootstrap(r, level, ratio_of, &q);
    return sum / (double)c->n;
}

static void share_out(struct mi_effect_figures *out, const struct mi_effect_cases *c,
                      const struct mi_resamples *r, double level, struct sums *group)
{
    struct ratio q = {group, r->n_groups};
    const struct mi_interval *gap = &out->gap_interval;

    out->is_refused = out->gap == 0 || (r->n > 0 && !(gap->lo > 0 || gap->hi < 0));
    if (out->is_refused)
        return;
    for (int32_t g = 0; g < r->n_groups; g++)
        group[g] = (struct sums){0};
    for (int64_t i = 0; i < c->n; i++) {
        group[c->group[i]].up += c->patched[i] - c->base[i];
        group[c->group[i]].down += c->source[i] - c->base[i];
    }
    out->effect = out->difference / out->gap + 0.0; /* no -0 */
    out->effect_interval = mi_bootstrap(r, level, ratio_of, &q);
}

static double plain_mean(const double *x, int64_t n)
{
    double sum = 0;

    for (int64_t i = 0; i < n; i++)
        sum += x[i];
    return sum / (double)n;
}

void mi_effect_figures(struct mi_effect_figures *out, const struct mi_effect_cases *c,
                       const struct mi_resamples *r, double level)
{
    const struct mi_interval none = {(double)NAN, (double)NAN};
    struct sums *group = mi_alloc_n((size_t)r->n_groups, sizeof *group);

    *out = (struct mi_effect_figures){.source = (double)NAN,
                                      .gap = (double)NAN,
                                      .gap_interval = none,
                                      .effect = (double)NAN,
                                      .effect_interval = none};
    out->base = plain_mean(c->base, c->n);
    out->patched = plain_mean(c->patched, c->n);
    out->difference = mean_of(c, c->patched, r, level, group, &out->difference_interval);
    if (c->source) {
        out->source = plain_mean(c->source, c->n);
        out->gap = mean_of(c, c->source, r, level, group, &out->gap_interval);
        share_out(out, c, r, level, group);
    }
    mi_free(group);
}
