#include "method/probe.h"

#include "base/mem.h"
#include "stats/auc.h"

#include <math.h>

const char *mi_probe_figure_id(enum mi_probe_figure f)
{
    static const char *const id[MI_PROBE_FIGURES] = {"accuracy", "pair_accuracy", "auroc"};

    return id[f];
}

/* ---- shares: sums by group, so that a replicate costs one pass over the groups ---- */

struct share {
    int32_t n_groups;
    int64_t *halves; /* [n_groups] twice the number of hits */
    int64_t *n;      /* [n_groups] trials */
};

static struct share new_share(int32_t n_groups)
{
    struct share s = {.n_groups = n_groups};

    s.halves = mi_alloc_zero(2 * (size_t)n_groups, sizeof *s.halves);
    s.n = s.halves + n_groups;
    return s;
}

static double weigh_share(void *ctx, const int32_t *count)
{
    const struct share *s = ctx;
    int64_t halves = 0, n = 0;

    for (int32_t g = 0; g < s->n_groups; g++) {
        int64_t w = count ? count[g] : 1;

        halves += w * s->halves[g];
        n += w * s->n[g];
    }
    return n > 0 ? (double)halves / 2 / (double)n : (double)NAN;
}

static struct mi_figure finish_share(struct share *s, const struct mi_resamples *boot, double level)
{
    struct mi_figure f = {weigh_share(s, NULL), (double)NAN, (double)NAN, 0};

    for (int32_t g = 0; g < s->n_groups; g++)
        f.n += s->n[g];
    if (boot && f.n > 0) {
        struct mi_interval i = mi_bootstrap(boot, level, weigh_share, s);

        f.lo = i.lo;
        f.hi = i.hi;
    }
    mi_free(s->halves);
    return f;
}

static struct mi_figure accuracy(const struct mi_cases *s, const double *score, double threshold,
                                 const struct mi_resamples *boot, double level)
{
    struct share a = new_share(s->n_groups);

    for (int64_t i = 0; i < s->n; i++) {
        a.halves[s->group[i]] += 2 * ((score[i] > threshold) == (s->side[i] > 0));
        a.n[s->group[i]]++;
    }
    return finish_share(&a, boot, level);
}

static struct mi_figure pair_accuracy(const struct mi_cases *s, const double *score,
                                      const struct mi_resamples *boot, double level)
{
    struct share a = new_share(s->n_groups);

    for (int64_t i = 0; s->is_paired && i + 1 < s->n; i += 2) {
        a.halves[s->group[i]] += (score[i] > score[i + 1]) + (score[i] >= score[i + 1]);
        a.n[s->group[i]]++;
    }
    return finish_share(&a, boot, level);
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
