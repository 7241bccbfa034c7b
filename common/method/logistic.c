#include "method/logistic.h"

#include "base/mem.h"
#include "math/cholesky.h"
#include "math/samples.h"
#include "math/vec.h"
#include "math/vmath.h"
#include "stats/moments.h"

#include <limits.h>
#include <math.h>
#include <string.h>

enum { N_PAIRS = 10, MAX_ITERATIONS = 5000, MAX_STEPS = 40 };

static const double gradient_limit = 1e-8;

/* The unknowns are u [D + 1]: L^T w and unit * b, with w the weights on the scaled columns. */
struct problem {
    struct mi_samples rows;
    const int8_t *side; /* [n] */
    double *mean, *sd;  /* [D] of the columns */
    double l2, unit;
    float *L;            /* [D, D], or NULL: the identity */
    double *theta, *raw; /* [D + 1] w, b of the last evaluation, and the gradient in them */
    double *v;           /* [D] scratch: the weights on the rows as they are */
    double worst;        /* the largest entry of that gradient */
};

static double largest(const double *x, int64_t n)
{
    double m = 0;

    for (int64_t i = 0; i < n; i++)
        m = fabs(x[i]) > m ? fabs(x[i]) : m;
    return m;
}

/* Value at u [D + 1]; its gradient into g. */
static double evaluate(struct problem *p, const double *u, double *g)
{
    const int64_t D = p->rows.D;
    const double n = (double)p->rows.n;
    double *w = p->theta, loss;

    memcpy(w, u, (size_t)(D + 1) * sizeof *w);
    if (p->L)
        mi_cholesky_back(w, p->L, D);
    w[D] /= p->unit;
    for (int64_t k = 0; k < D; k++)
        p->v[k] = w[k] / p->sd[k];
    loss = mi_samples_logit(p->raw, &p->rows, p->side, p->v, w[D], p->mean) / n;
    for (int64_t k = 0; k < D; k++)
        p->raw[k] = p->raw[k] / (n * p->sd[k]) + p->l2 * w[k];
    p->raw[D] /= n;
    p->worst = largest(p->raw, D + 1);
    memcpy(g, p->raw, (size_t)(D + 1) * sizeof *g);
    if (p->L)
        mi_cholesky_forward(g, p->L, D);
    g[D] /= p->unit;
    return loss + p->l2 / 2 * mi_vec_dot(w, w, D);
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
static double search(struct problem *p, const double *theta, const double *step, double value,
                     double slope, double *theta_new, double *g_new, double *value_new)
{
    int64_t N = p->rows.D + 1;
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

/* From u [D + 1] to the minimum. Returns the iterations, or -1. */
static int minimise(struct problem *p, double *u, double *loss)
{
    int64_t N = p->rows.D + 1;
    double *work = mi_alloc_zero(4 * (size_t)N, sizeof *work);
    double *next = work, *g = work + N, *g_next = work + 2 * N, *step = work + 3 * N;
    struct history h = {.N = N};
    int i = 0;

    h.s = mi_alloc_n(2 * N_PAIRS * (size_t)N, sizeof *h.s);
    h.t = h.s + N_PAIRS * N;
    *loss = evaluate(p, u, g);
    for (; i < MAX_ITERATIONS && p->worst > gradient_limit; i++) {
        double length, value;

        descend(step, g, &h);
        length = search(p, u, step, *loss, mi_vec_dot(g, step, N), next, g_next, &value);
        if (length <= 0) {
            *loss = evaluate(p, u, g);
            break;
        }
        remember(&h, step, length, g_next, g);
        memcpy(u, next, (size_t)N * sizeof *u);
        memcpy(g, g_next, (size_t)N * sizeof *g);
        *loss = value;
    }
    /* A search that found nothing within rounding of the minimum has found the minimum. */
    if (p->worst > 100 * gradient_limit)
        i = -1;
    mi_free(h.s);
    mi_free(work);
    return i;
}

/* With w = 0 and b at the share of the positive side, the second derivative is `weight` times
 * the Gram matrix, and l2: its factor makes the problem round near there, and the first step
 * Newton's. With fewer rows than columns it costs more than it saves. Floats see no eigenvalue
 * below 1e-6 of the largest: the diagonal is kept above that. */
static void scale_problem(struct problem *p, double weight)
{
    const int64_t D = p->rows.D, n = p->rows.n;
    double least = 4e-6 * weight * (double)D, by;

    if (n < D || D > INT_MAX)
        return;
    p->L = mi_alloc_n((size_t)D * (size_t)D, sizeof *p->L);
    by = weight /
         (double)mi_samples_gram(p->L, &p->rows, n / D >= 32 ? n / D / 16 | 1 : 1, p->mean, p->sd);
    for (int64_t i = 0; i < D; i++) {
        for (int64_t k = 0; k <= i; k++)
            p->L[i * D + k] = (float)(by * (double)p->L[i * D + k]);
        p->L[i * D + i] += (float)(p->l2 > least ? p->l2 : least);
    }
    if (mi_cholesky(p->L, D) < 0) {
        mi_free(p->L);
        p->L = NULL;
    } else {
        p->unit = sqrt(weight);
    }
}

int mi_logistic_fit(struct mi_logistic *out, const struct mi_cases *s, const float *x, int64_t D,
                    double l2, struct mi_error *err)
{
    const double share = (double)mi_cases_count(s, 1) / (double)s->n;
    double *work = mi_alloc_zero(6 * ((size_t)D + 1), sizeof *work), *u = work + 5 * (D + 1);
    struct problem p = {.rows = {x, s->row, s->n, D},
                        .side = s->side,
                        .mean = work,
                        .sd = work + (D + 1),
                        .l2 = l2,
                        .unit = 1,
                        .theta = work + 2 * (D + 1),
                        .raw = work + 3 * (D + 1),
                        .v = work + 4 * (D + 1)};
    int r;

    mi_column_scale(p.mean, p.sd, s, x, D);
    scale_problem(&p, share * (1 - share));
    u[D] = p.unit * mi_log(share / (1 - share));
    r = minimise(&p, u, &out->loss);
    out->iterations = r;
    out->b = p.theta[D];
    for (int64_t k = 0; k < D; k++) {
        out->w[k] = p.theta[k] / p.sd[k];
        out->b -= out->w[k] * p.mean[k];
    }
    mi_free(p.L);
    mi_free(work);
    if (r < 0)
        return mi_fail(err, MI_EXIT_DATA,
                       "the logistic regression does not converge: give a "
                       "larger --l2 than %g",
                       l2);
    return 0;
}
