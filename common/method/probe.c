#include "method/probe.h"

#include "base/mem.h"
#include "stats/auc.h"
#include "stats/group_mean.h"

#include <math.h>

const char *mi_probe_figure_id(enum mi_probe_figure f)
{
    static const char *const id[MI_PROBE_FIGURES] = {"accuracy", "pair_accuracy", "auroc"};

    return id[f];
}

/* ---- shares --------------------------------------------------------------------- */

static struct mi_figure finish_share(struct mi_group_mean *m, const struct mi_resamples *boot,
                                     double level)
{
    struct mi_interval i = mi_group_mean_interval(m, boot, level);
    struct mi_figure f = {mi_group_mean(m, NULL), i.lo, i.hi, mi_group_mean_cases(m)};

    mi_group_mean_free(m);
    return f;
}

static struct mi_figure accuracy(const struct mi_cases *s, const double *score, double threshold,
                                 const struct mi_resamples *boot, double level)
{
    struct mi_group_mean m;

    mi_group_mean_init(&m, s->n_groups);
    for (int64_t i = 0; i < s->n; i++)
        mi_group_mean_add(&m, s->group[i], (score[i] > threshold) == (s->side[i] > 0));
    return finish_share(&m, boot, level);
}

/* Ties are half a hit; sums of halves are exact. */
static struct mi_figure pair_accuracy(const struct mi_cases *s, const double *score,
                                      const struct mi_resamples *boot, double level)
{
    struct mi_group_mean m;

    mi_group_mean_init(&m, s->n_groups);
    for (int64_t i = 0; s->is_paired && i + 1 < s->n; i += 2)
        mi_group_mean_add(&m, s->group[i],
                          ((score[i] > score[i + 1]) + (score[i] >= score[i + 1])) / 2.0);
    return finish_share(&m, boot, level);
}

/* ---- area under the curve ----------------------------------------------------- */

struct curve {
    const struct mi_cases *s;
    const double *score;
    int64_t *order;
};

static double weigh_curve(void *ctx, const int32_t *count)
{
    const struct curve *c = ctx;

    return mi_auc(c->score, c->s->side, c->order, c->s->n, c->s->group, count);
}

static struct mi_figure auroc(const struct mi_cases *s, const double *score,
                              const struct mi_resamples *boot, double level)
{
    struct curve c = {s, score, mi_alloc_n((size_t)s->n, sizeof *c.order)};
    struct mi_figure f = {.lo = (double)NAN, .hi = (double)NAN, .n = s->n};

    mi_auc_order(c.order, score, s->n);
    f.value = weigh_curve(&c, NULL);
    if (boot) {
        struct mi_interval i = mi_bootstrap(boot, level, weigh_curve, &c);

        f.lo = i.lo;
        f.hi = i.hi;
    }
    mi_free(c.order);
    return f;
}

void mi_probe_figures(struct mi_figure out[MI_PROBE_FIGURES], const struct mi_cases *s,
                      const double *score, double threshold, const struct mi_resamples *boot,
                      double level)
{
    out[MI_PROBE_ACCURACY] = accuracy(s, score, threshold, boot, level);
    out[MI_PROBE_PAIR_ACCURACY] = pair_accuracy(s, score, boot, level);
    out[MI_PROBE_AUROC] = auroc(s, score, boot, level);
}

/* ---- controls ------------------------------------------------------------------ */

struct mi_figure mi_control_figure(const double *value, int n)
{
    struct mi_figure f = {0, value[0], value[0], n};

    for (int i = 0; i < n; i++) {
        f.value += value[i];
        f.lo = value[i] < f.lo ? value[i] : f.lo;
        f.hi = value[i] > f.hi ? value[i] : f.hi;
    }
    f.value /= n;
    return f;
}

double mi_probe_orient(double *score, const struct mi_cases *s, double *threshold)
{
    struct mi_figure f[MI_PROBE_FIGURES];
    double sum[2] = {0}, n[2] = {0}, sign;

    mi_probe_figures(f, s, score, 0, NULL, 0);
    sign = f[s->is_paired ? MI_PROBE_PAIR_ACCURACY : MI_PROBE_AUROC].value < 0.5 ? -1 : 1;
    for (int64_t i = 0; i < s->n; i++) {
        score[i] *= sign;
        sum[s->side[i] > 0] += score[i];
        n[s->side[i] > 0] += 1;
    }
    *threshold = (sum[1] / n[1] + sum[0] / n[0]) / 2;
    return sign;
}
