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
    const struct mi_logistic_scale *c;
    double l2;
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
    if (p->c->L)
        mi_cholesky_back(w, p->c->L, D);
    w[D] /= p->c->unit;
    for (int64_t k = 0; k < D; k++)
        p->v[k] = w[k] / p->c->sd[k];
    loss = mi_samples_logit(p->raw, &p->rows, p->side, p->v, w[D], p->c->mean) / n;
    for (int64_t k = 0; k < D; k++)
        p->raw[k] = p->raw[k] / (n * p->c->sd[k]) + p->l2 * w[k];
    p->raw[D] /= n;
    p->worst = largest(p->raw, D + 1);
    memcpy(g, p->raw, (size_t)(D + 1) * sizeof *g);
    if (p->c->L)
        mi_cholesky_forward(g, p->c->L, D);
    g[D] /= p->c->unit;
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
static void factor(struct mi_logistic_scale *c, const struct mi_samples *rows, double weight,
                   double l2)
{
    const int64_t D = rows->D, n = rows->n;
    double least = 4e-6 * weight * (double)D, by;

    if (n < D || D > INT_MAX)
        return;
    c->L = mi_alloc_n((size_t)D * (size_t)D, sizeof *c->L);
    by = weight /
         (double)mi_samples_gram(c->L, rows, n / D >= 32 ? n / D / 16 | 1 : 1, c->mean, c->sd);
    for (int64_t i = 0; i < D; i++) {
        for (int64_t k = 0; k <= i; k++)
            c->L[i * D + k] = (float)(by * (double)c->L[i * D + k]);
        c->L[i * D + i] += (float)(l2 > least ? l2 : least);
    }
    if (mi_cholesky(c->L, D) < 0) {
        mi_free(c->L);
        c->L = NULL;
    } else {
        c->unit = sqrt(weight);
    }
}

static void fill_scale(struct mi_logistic_scale *c, const struct mi_cases *s, const float *x,
                       int64_t D, double share, double l2)
{
    c->mean = mi_alloc_n(2 * (size_t)D, sizeof *c->mean);
    c->sd = c->mean + D;
    c->unit = 1;
    mi_column_scale(c->mean, c->sd, s, x, D);
    factor(c, &(struct mi_samples){x, s->row, s->n, D}, share * (1 - share), l2);
}

void mi_logistic_scale_free(struct mi_logistic_scale *c)
{
    mi_free(c->mean);
    mi_free(c->L);
    *c = (struct mi_logistic_scale){0};
}

int mi_logistic_fit(struct mi_logistic *out, const struct mi_cases *s, const float *x, int64_t D,
                    double l2, struct mi_logistic_scale *scale, struct mi_error *err)
{
    const double share = (double)mi_cases_count(s, 1) / (double)s->n;
    double *work = mi_alloc_zero(4 * ((size_t)D + 1), sizeof *work), *u = work + 3 * (D + 1);
    struct mi_logistic_scale own = {0}, *c = scale ? scale : &own;
    struct problem p = {.rows = {x, s->row, s->n, D},
                        .side = s->side,
                        .c = c,
                        .l2 = l2,
                        .theta = work,
                        .raw = work + (D + 1),
                        .v = work + 2 * (D + 1)};
    int r;

    if (!c->mean)
        fill_scale(c, s, x, D, share, l2);
    u[D] = c->unit * mi_log(share / (1 - share));
    r = minimise(&p, u, &out->loss);
    out->iterations = r;
    out->b = p.theta[D];
    for (int64_t k = 0; k < D; k++) {
        out->w[k] = p.theta[k] / c->sd[k];
        out->b -= out->w[k] * c->mean[k];
    }
    mi_logistic_scale_free(&own);
    mi_free(work);
    if (r < 0)
        return mi_fail(err, MI_EXIT_DATA,
                       "the logistic regression does not converge: give a "
                       "larger --l2 than %g",
                       l2);
    return 0;
}
