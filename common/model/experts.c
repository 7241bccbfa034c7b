/* model/experts.c: a mixture of experts over the live rows; see pass.h.
 *
 *     w = softmax(router h) over all experts, or the sigmoid of each; the n_experts_used largest
 *         are chosen (of equals the first), where there is choice_bias of w + choice_bias, and
 *         made to sum to 1 where the model does so
 *     out = sum of w[e] expert[e](h) over the chosen e, in the order of e, from 0 on;
 *         the shared expert is added last
 *
 * A clamped expert is down(s(g) (u + 1)) with g = min(gate h, 7), u = up h within -7 and 7, and
 * s(g) = g / (1 + exp(-1.702 g)).
 *
 * Rows of one expert are gathered, so that its weights are read once; a row's bits do not
 * depend on who else is there, since every step works by rows. */
#include "math/linear.h"
#include "math/rows.h"
#include "math/vmath.h"
#include "model/pass.h"

#include <math.h>
#include <string.h>

/* Largest first, of equals the one with the lower index: `taken` are those chosen before. */
static int find_largest(const float *w, const float *bias, int n, const bool *taken)
{
    float most = 0;
    int best = -1;

    for (int e = 0; e < n; e++) {
        float x = bias ? w[e] + bias[e] : w[e];

        if (!taken[e] && (best < 0 || x > most)) {
            best = e;
            most = x;
        }
    }
    return best;
}

/* w [E]: what is not chosen becomes -1. */
static void choose(const struct mi_config *c, const float *bias, float *w)
{
    bool taken[MI_MAX_EXPERTS] = {false};
    float sum = 0;

    for (int i = 0; i < c->n_experts_used; i++) {
        int e = find_largest(w, bias, c->n_experts, taken);

        taken[e] = true;
        sum += w[e];
    }
    for (int e = 0; e < c->n_experts; e++) {
        if (!taken[e])
            w[e] = -1;
        else if (c->is_renormalised)
            w[e] /= sum;
        if (taken[e])
            w[e] *= c->expert_scale;
    }
}

/* s(g) (u + 1) is silu(1.702 g) (u + 1) / 1.702. */
static void clamp_glu(float *g, float *u, int64_t n)
{
    const float most = 7, slope = 1.702f;

    for (int64_t i = 0; i < n; i++) {
        g[i] = (g[i] < most ? g[i] : most) * slope;
        u[i] = u[i] < most ? u[i] : most;
        u[i] = ((u[i] > -most ? u[i] : -most) + 1) / slope;
    }
}

/* One expert; a bias is NULL where there is none. */
struct expert {
    const struct mi_matrix *gate, *up, *down;
    const float *gate_bias, *up_bias, *down_bias;
};

static const float *row_of(const float *x, int row, int64_t width)
{
    return x ? x + row * width : NULL;
}

/* down(act(gate h) up h) for n rows. */
static void run_expert(struct mi_pass *p, const struct expert *e, const float *h, int n, float *out)
{
    const struct mi_config *c = &p->m->config;
    int64_t m = e->gate->n, d = c->dims.d_model;
    float *g = mi_pass_room(p, &p->s->gate, m), *u = mi_pass_room(p, &p->s->up, m);
    struct mi_linear_job job[] = {{g, m, e->gate, e->gate_bias}, {u, m, e->up, e->up_bias}};

    mi_linear_many(job, 2, h, d, n);
    if (c->row->traits & MI_TRAIT_CLAMPED_GLU)
        clamp_glu(g, u, n * m);
    mi_activate(c->activation, g, g, u, n * m);
    mi_linear(out, d, g, m, n, e->down, e->down_bias);
}

static void add_shared(struct mi_pass *p, const struct mi_experts *e, const float *h, float *out)
{
    int64_t d = p->m->config.dims.d_model;
    float *y = mi_pass_room(p, &p->s->mixed, d), *weight;
    const struct expert shared = {
        .gate = &e->shared_gate, .up = &e->shared_up, .down = &e->shared_down};

    run_expert(p, &shared, h, p->live.n, y);
    weight = mi_pass_room(p, &p->s->scale, 1);
    if (e->shared_router.data)
        mi_linear(weight, 1, h, d, p->live.n, &e->shared_router, NULL);
    for (int r = 0; r < p->live.n; r++) {
        float w = e->shared_router.data ? 1 / (1 + mi_expf(-weight[r])) : 1;

        for (int64_t i = 0; i < d; i++)
            out[r * d + i] += w * y[r * d + i];
    }
}

void mi_pass_experts(struct mi_pass *p, int layer, const float *h, float *out)
{
    const struct mi_config *c = &p->m->config;
    const struct mi_experts *x = p->m->block[layer].experts;
    int64_t d = c->dims.d_model, E = c->n_experts;
    float *w = mi_pass_room(p, &p->s->routes, E), *from = mi_pass_room(p, &p->s->gathered, d);
    float *to = mi_pass_room(p, &p->s->mixed, d);
    int *rows = mi_room_for(&p->s->gathered_rows, (size_t)p->live.n, sizeof(int));

    mi_linear(w, E, h, d, p->live.n, &x->router, x->router_bias);
    if (!c->is_sigmoid)
        mi_rows_softmax(w, E, p->live.n, E);
    for (int64_t i = 0; c->is_sigmoid && i < p->live.n * E; i++)
        w[i] = 1 / (1 + mi_expf(-w[i]));
    for (int r = 0; r < p->live.n; r++)
        choose(c, x->choice_bias, w + r * E);
    memset(out, 0, (size_t)p->live.n * (size_t)d * sizeof(float));
    for (int e = 0; e < c->n_experts; e++) {
        const struct expert one = {
            .gate = &x->gate[e],
            .up = &x->up[e],
            .down = &x->down[e],
            .gate_bias = row_of(x->gate_bias, e, c->d_expert),
            .up_bias = row_of(x->up_bias, e, c->d_expert),
            .down_bias = row_of(x->down_bias, e, d),
        };
        int n = 0;

        for (int r = 0; r < p->live.n; r++)
            if (!(w[r * E + e] < 0)) {
                memcpy(from + n * d, h + r * d, (size_t)d * sizeof(float));
                rows[n++] = r;
            }
        if (n == 0)
            continue;
        run_expert(p, &one, from, n, to);
        for (int i = 0; i < n; i++)
            for (int64_t j = 0; j < d; j++)
                out[rows[i] * d + j] = out[rows[i] * d + j] + w[rows[i] * E + e] * to[i * d + j];
    }
    if (c->d_shared > 0)
        add_shared(p, x, h, out);
}
