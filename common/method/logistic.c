#include "method/logistic.h"

#include "base/mem.h"
#include "math/vec.h"
#include "math/vmath.h"
#include "stats/moments.h"

#include <math.h>
#include <string.h>

enum { N_PAIRS = 10, MAX_ITERATIONS = 5000, MAX_STEPS = 40 };

static const double gradient_limit = 1e-9;

/* The unknowns are theta [D + 1]: w, then b. */
struct problem {
    const int8_t *y; /* [n] */
    const double *z; /* [n, D] scaled rows */
    int64_t n, D;
    double l2;
    double *slope; /* [n] scratch: d loss_i / d f_i */
};

/* log(1 + exp(-m)) without overflow, and its derivative in m. */
static double log_loss(double m, double *derivative)
{
    double e = mi_exp(m > 0 ? -m : m);

    *derivative = m > 0 ? -e / (1 + e) : -1 / (1 + e);
    return (m > 0 ? 0 : -m) + mi_log(1 + e);
}

/* Value at theta [D + 1]; its gradient into g. */
static double evaluate(const struct problem *p, const double *theta, double *g)
{
    double loss = 0, sum_slope = 0;
    const double *w = theta;

    for (int64_t i = 0; i < p->n; i++) {
        double y = p->y[i], f = mi_vec_dot(p->z + i * p->D, w, p->D) + theta[p->D], d;

        loss += log_loss(y * f, &d);
        p->slope[i] = y * d / (double)p->n;
        sum_slope += p->slope[i];
    }
    for (int64_t k = 0; k < p->D; k++)
        g[k] = p->l2 * w[k];
    for (int64_t i = 0; i < p->n; i++)
        mi_vec_axpy(g, p->slope[i], p->z + i * p->D, p->D);
    g[p->D] = sum_slope;
    return loss / (double)p->n + p->l2 / 2 * mi_vec_dot(w, w, p->D);
}

static double largest(const double *x, int64_t n)
{
    double m = 0;

    for (int64_t i = 0; i < n; i++)
        m = fabs(x[i]) > m ? fabs(x[i]) : m;
    return m;
}

/* The last N_PAIRS steps s and changes of gradient t, a ring. */
struct history {
    double *s, *t; /* [N_PAIRS, N] */
    double rho[N_PAIRS];
    int64_t N;
    int n, next;
};

/* direction = -H g by the two-loop recursion. */
static void descend(double *direction, const double *g, const struct history *h)
{
    double a[N_PAIRS];
    int64_t N = h->N;

    for (int64_t k = 0; k < N; k++)
        direction[k] = -g[k];
    for (int i = 1; i <= h->n; i++) {
        int j = (h->next - i + N_PAIRS) % N_PAIRS;

        a[j] = h->rho[j] * mi_vec_dot(h->s + j * N, direction, N);
        mi_vec_axpy(direction, -a[j], h->t + j * N, N);
    }
    if (h->n) {
        int j = (h->next - 1 + N_PAIRS) % N_PAIRS;

        mi_vec_scale(direction, 1 / (h->rho[j] * mi_vec_dot(h->t + j * N, h->t + j * N, N)), N);
    }
    for (int i = h->n; i >= 1; i--) {
        int j = (h->next - i + N_PAIRS) % N_PAIRS;
        double b = h->rho[j] * mi_vec_dot(h->t + j * N, direction, N);

        mi_vec_axpy(direction, a[j] - b, h->s + j * N, N);
    }
}

static void remember(struct history *h, const double *step, double length, const double *g_new,
                     const double *g_old)
{
    double *s = h->s + h->next * h->N, *t = h->t + h->next * h->N, st;

    for (int64_t k = 0; k < h->N; k++) {
        s[k] = length * step[k];
        t[k] = g_new[k] - g_old[k];
    }
    st = mi_vec_dot(s, t, h->N);
    if (st <= 0) /* rounding only: the function is convex */
        return;
    h->rho[h->next] = 1 / st;
    h->next = (h->next + 1) % N_PAIRS;
    h->n = h->n < N_PAIRS ? h->n + 1 : N_PAIRS;
}

/* A point along `step` from theta that meets the strong Wolfe conditions (1e-4, 0.9), by
 * doubling and then halving an interval. Near the minimum the values no longer differ, so a
 * point whose slope is small enough counts as well when the value did not rise beyond
 * rounding. Returns the length, 0 when there is none. */
static double search(const struct problem *p, const double *theta, const double *step, double value,
                     double slope, double *theta_new, double *g_new, double *value_new)
{
    int64_t N = p->D + 1;
    double low = 0, high = HUGE_VAL, length = 1, rounding = 1e-14 * (1 + fabs(value));

    for (int i = 0; i < MAX_STEPS; i++) {
        double slope_new;

        memcpy(theta_new, theta, (size_t)N * sizeof *theta);
        mi_vec_axpy(theta_new, length, step, N);
        *value_new = evaluate(p, theta_new, g_new);
        slope_new = mi_vec_dot(g_new, step, N);
        if (*value_new > value + 1e-4 * length * slope + rounding || slope_new > -0.9 * slope)
            high = length;
        else if (slope_new < 0.9 * slope)
            low = length;
        else
            return length;
        length = high < HUGE_VAL ? (low + high) / 2 : 2 * length;
    }
    return 0;
}

/* Fills z [n, D] with the scaled rows. */
static void scale_rows(double *z, const struct mi_cases *s, const float *x, int64_t D,
                       const double *mean, const double *sd)
{
    for (int64_t i = 0; i < s->n; i++) {
        const float *row = x + s->row[i] * D;

        for (int64_t k = 0; k < D; k++)
            z[i * D + k] = ((double)row[k] - mean[k]) / sd[k];
    }
}

/* From theta [D + 1] to the minimum. Returns the iterations, or -1. */
static int minimise(const struct problem *p, double *theta, double *loss)
{
    int64_t N = p->D + 1;
    double *work = mi_alloc_zero(4 * (size_t)N, sizeof *work);
    double *next = work, *g = work + N, *g_next = work + 2 * N, *step = work + 3 * N;
    struct history h = {.N = N};
    int i = 0;

    h.s = mi_alloc_n(2 * N_PAIRS * (size_t)N, sizeof *h.s);
    h.t = h.s + N_PAIRS * N;
    *loss = evaluate(p, theta, g);
    for (; i < MAX_ITERATIONS && largest(g, N) > gradient_limit; i++) {
        double length, value;

        descend(step, g, &h);
        length = search(p, theta, step, *loss, mi_vec_dot(g, step, N), next, g_next, &value);
        if (length <= 0)
            break;
        remember(&h, step, length, g_next, g);
        memcpy(theta, next, (size_t)N * sizeof *theta);
        memcpy(g, g_next, (size_t)N * sizeof *g);
        *loss = value;
    }
    /* A search that found nothing within rounding of the minimum has found the minimum. */
    if (largest(g, N) > 100 * gradient_limit)
        i = -1;
    mi_free(h.s);
    mi_free(work);
    return i;
}

int mi_logistic_fit(struct mi_logistic *out, const struct mi_cases *s, const float *x, int64_t D,
                    double l2, struct mi_error *err)
{
    double *mean = mi_alloc_n(2 * (size_t)D, sizeof *mean), *sd = mean + D;
    double *z = mi_alloc_n((size_t)s->n * (size_t)D, sizeof *z);
    double *theta = mi_alloc_zero((size_t)D + 1, sizeof *theta);
    struct problem p = {.y = s->side, .z = z, .n = s->n, .D = D, .l2 = l2};
    int r;

    p.slope = mi_alloc_n((size_t)s->n, sizeof *p.slope);
    mi_column_scale(mean, sd, s, x, D);
    scale_rows(z, s, x, D, mean, sd);
    r = minimise(&p, theta, &out->loss);
    out->iterations = r;
    out->b = theta[D];
    for (int64_t k = 0; k < D; k++) {
        out->w[k] = theta[k] / sd[k];
        out->b -= out->w[k] * mean[k];
    }
    mi_free(p.slope);
    mi_free(theta);
    mi_free(z);
    mi_free(mean);
    if (r < 0)
        return mi_fail(err, MI_EXIT_DATA,
                       "the logistic regression does not converge: give a "
                       "larger --l2 than %g",
                       l2);
    return 0;
}
