/* model/block.c: one transformer block over the live rows; see pass.h. */
#include "base/par.h"
#include "math/linear.h"
#include "math/rows.h"
#include "math/vmath.h"
#include "model/pass.h"

#include <string.h>

bool mi_pass_is_enough(const struct mi_pass *p, enum mi_site site, int layer)
{
    return layer == p->n_layers - 1 && p->last_site <= site;
}

/* ---- the MLP --------------------------------------------------------------------------- */

/* gate and up (of a plain MLP up alone) -> act -> down. */
static int run_mlp(struct mi_pass *p, int layer, const float *h, float *out)
{
    const struct mi_config *c = &p->m->config;
    const struct mi_block *b = &p->m->block[layer];
    int64_t d = c->dims.d_model, m = c->dims.d_mlp;
    float *pre = mi_pass_room(p, &p->s->gate, m);
    float *up = c->is_gated ? mi_pass_room(p, &p->s->up, m) : NULL;
    struct mi_linear_job gated[] = {{pre, m, &b->gate, b->gate_bias}, {up, m, &b->up, b->up_bias}};
    struct mi_linear_job plain = {pre, m, &b->up, b->up_bias};
    int rc;

    mi_linear_many(c->is_gated ? gated : &plain, c->is_gated ? 2 : 1, h, d, p->live.n);
    rc = mi_pass_show(p, MI_SITE_MLP_PRE, layer, pre, 1, m);
    if (rc == 0 && c->is_gated)
        rc = mi_pass_show(p, MI_SITE_MLP_PRE_LINEAR, layer, up, 1, m);
    if (rc < 0)
        return rc;
    mi_activate(c->activation, pre, pre, up, p->live.n * m);
    rc = mi_pass_show(p, MI_SITE_MLP_POST, layer, pre, 1, m);
    if (rc < 0 || mi_pass_is_enough(p, MI_SITE_MLP_POST, layer))
        return rc;
    mi_linear(out, d, pre, m, p->live.n, &b->down, b->down_bias);
    return 0;
}

/* ---- the block ------------------------------------------------------------------------- */

/* What a sublayer wrote, as it is added to the residual stream: normed, or scaled. */
static void finish(struct mi_pass *p, const struct mi_norm *post, float *out)
{
    const struct mi_config *c = &p->m->config;
    int64_t d = c->dims.d_model;

    if (c->has_post_norm)
        mi_pass_norm_rows(p, post, out, p->live.n, d);
    if (c->residual_scale != 1)
        mi_rows_scale(out, d, p->live.n, d, c->residual_scale);
}

/* *h, the block's normed input, becomes that of the rows that go on. */
static int run_attention(struct mi_pass *p, int layer, const float **h, float *out)
{
    const struct mi_dims *d = &p->m->config.dims;
    const struct mi_block *b = &p->m->block[layer];
    int64_t hk = (int64_t)d->n_heads * d->d_head;
    float *z = mi_pass_room(p, &p->s->z, hk);
    int rc = mi_pass_qkv(p, layer, h);

    if (rc < 0 || mi_pass_is_enough(p, MI_SITE_ROT_K, layer))
        return rc;
    rc = mi_pass_attend(p, layer);
    if (rc == 0)
        rc = mi_pass_show(p, MI_SITE_Z, layer, z, d->n_heads, d->d_head);
    if (rc < 0 || mi_pass_is_enough(p, MI_SITE_Z, layer))
        return rc;
    mi_linear(out, d->d_model, z, hk, p->live.n, &b->o, b->o_bias);
    if (!p->m->config.has_post_norm)
        finish(p, &b->post1, out);
    rc = mi_pass_result(p, layer, out); /* sums to what a linear step only may follow */
    if (rc == 0 && p->m->config.has_post_norm)
        finish(p, &b->post1, out);
    return rc < 0 ? rc : mi_pass_show(p, MI_SITE_ATTN_OUT, layer, out, 1, d->d_model);
}

/* The MLP's input: N2 of x, or in a parallel block without N2 that of attention, h. */
static int prepare_mlp(struct mi_pass *p, int layer, const float **h)
{
    float *normed;

    if (!p->m->config.has_norm2) {
        *h = p->m->config.is_parallel ? *h : p->x;
        return 0;
    }
    *h = normed = mi_pass_room(p, &p->s->h, p->m->config.dims.d_model);
    return mi_pass_norm(p, MI_SITE_LN2_SCALE, layer, &p->m->block[layer].norm2, normed);
}

static void add_to_stream(struct mi_pass *p, const float *out)
{
    int64_t d = p->m->config.dims.d_model;

    mi_rows_add(p->x, d, out, d, p->live.n, d);
}

/* The second half: what attention wrote is in attn_out, and added already where the block
 * is not parallel. */
static int run_second_half(struct mi_pass *p, int layer, const float *h, const float *attn_out,
                           float *out)
{
    const struct mi_block *b = &p->m->block[layer];
    int rc = prepare_mlp(p, layer, &h);

    if (rc < 0 || mi_pass_is_enough(p, MI_SITE_LN2_NORMALIZED, layer))
        return rc;
    if (b->experts)
        mi_pass_experts(p, layer, h, out);
    else
        rc = run_mlp(p, layer, h, out);
    if (rc < 0 || mi_pass_is_enough(p, MI_SITE_MLP_POST, layer))
        return rc;
    finish(p, &b->post2, out);
    rc = mi_pass_show(p, MI_SITE_MLP_OUT, layer, out, 1, p->m->config.dims.d_model);
    if (rc < 0 || mi_pass_is_enough(p, MI_SITE_MLP_OUT, layer))
        return rc;
    if (p->m->config.is_parallel)
        add_to_stream(p, attn_out);
    add_to_stream(p, out);
    return mi_pass_show(p, MI_SITE_RESID_POST, layer, p->x, 1, p->m->config.dims.d_model);
}

int mi_pass_block(struct mi_pass *p, int layer)
{
    const struct mi_config *c = &p->m->config;
    int64_t d = c->dims.d_model;
    float *normed = mi_pass_room(p, &p->s->h, d), *out = mi_pass_room(p, &p->s->out, d);
    float *mlp = c->is_parallel ? mi_pass_room(p, &p->s->mlp, d) : out;
    const float *h = c->has_norm1 ? normed : p->x;
    int rc = mi_pass_show(p, MI_SITE_RESID_PRE, layer, p->x, 1, d);

    if (rc < 0 || mi_pass_is_enough(p, MI_SITE_RESID_PRE, layer))
        return rc;
    if (c->has_norm1)
        rc = mi_pass_norm(p, MI_SITE_LN1_SCALE, layer, &p->m->block[layer].norm1, normed);
    if (rc < 0 || mi_pass_is_enough(p, MI_SITE_LN1_NORMALIZED, layer))
        return rc;
    rc = run_attention(p, layer, &h, out);
    if (rc < 0 || mi_pass_is_enough(p, MI_SITE_ATTN_OUT, layer))
        return rc;
    if (!c->is_parallel) {
        add_to_stream(p, out);
        rc = mi_pass_show(p, MI_SITE_RESID_MID, layer, p->x, 1, d);
    }
    if (rc < 0 || mi_pass_is_enough(p, MI_SITE_RESID_MID, layer))
        return rc;
    return run_second_half(p, layer, h, out, mlp);
}
