/* model/block.c: one transformer block over the live rows; see pass.h. */
#include "base/par.h"
#include "math/linear.h"
#include "math/rows.h"
#include "math/vmath.h"
#include "model/pass.h"

#include <string.h>

enum {
    MAX_HEAD = 1024, /* coordinates of a head (config.c) */
    PIECE = 1 << 14, /* numbers of one piece of parallel work */
};

static float *rows_of(struct mi_pass *p, struct mi_room *room, int64_t width)
{
    int n = p->n_rows > p->logit.n ? p->n_rows : p->logit.n;

    return mi_room_for(room, (size_t)n * (size_t)width, sizeof(float));
}

/* Is all done that anyone needs of this pass, once `site` was visited? */
static bool is_enough(const struct mi_pass *p, enum mi_site site, int layer)
{
    return layer == p->n_layers - 1 && p->last_site <= site;
}

/* ---- queries, keys and values ---------------------------------------------------------- */

/* Heads whose coordinates come as 0, K/2, 1, K/2 + 1 ... */
struct interleaved {
    float *y; /* [n_heads_in_all, K] */
    int64_t n_heads, n_piece;
    int d_head;
};

static void order_heads(void *ctx, int64_t i, int thread)
{
    const struct interleaved *w = ctx;
    int half = w->d_head / 2;
    float pairs[MAX_HEAD];

    (void)thread;
    for (int64_t h = i * w->n_piece; h < (i + 1) * w->n_piece && h < w->n_heads; h++) {
        float *y = w->y + h * w->d_head;

        memcpy(pairs, y, (size_t)w->d_head * sizeof(float));
        for (int j = 0; j < half; j++) {
            y[j] = pairs[2 * j];
            y[j + half] = pairs[2 * j + 1];
        }
    }
}

/* Puts products of a file's permuted q or k rows into the order of Hugging Face. */
static void order_coordinates(const struct mi_pass *p, float *y, int n_rows, int n_heads)
{
    struct interleaved w = {.y = y, .d_head = p->m->config.dims.d_head};

    if (!p->m->config.is_permuted)
        return;
    w.n_heads = (int64_t)n_rows * n_heads;
    w.n_piece = PIECE / w.d_head;
    mi_par_for((w.n_heads + w.n_piece - 1) / w.n_piece, order_heads, &w);
}

static void store_in_caches(struct mi_pass *p, int layer)
{
    const struct mi_dims *d = &p->m->config.dims;
    size_t width = (size_t)d->n_kv_heads * (size_t)d->d_head;
    const float *k = p->s->k.at, *v = p->s->v.at;

    for (int i = 0; i < p->n_sequences; i++) {
        struct mi_cache *c = p->batch[i].cache;
        size_t n = (size_t)p->batch[i].n * width;

        if (c && n) {
            memcpy(c->layer_keys[layer] + (size_t)c->n * width, k, n * sizeof(float));
            memcpy(c->layer_values[layer] + (size_t)c->n * width, v, n * sizeof(float));
        }
        k += n;
        v += n;
    }
}

/* Of the last block, when only some rows' logits are wanted and no hook looks at what the
 * other rows would be: those rows end with their keys and values. */
static bool may_pick(const struct mi_pass *p, int layer)
{
    if (layer != p->m->config.dims.n_layers - 1 || p->last_site != MI_SITES ||
        p->logit.n >= p->all.n)
        return false;
    if (mi_pass_wants(p, MI_SITE_Q, layer) || mi_pass_wants(p, MI_SITE_ROT_Q, layer))
        return false;
    for (int site = MI_SITE_ATTN_SCORES; site <= MI_SITE_RESID_POST; site++)
        if (mi_pass_wants(p, (enum mi_site)site, layer))
            return false;
    return true;
}

/* h [all, D] -> state's k, v [all, KV, K], rotated and stored, and q [live, H, K]. */
static int project_qkv(struct mi_pass *p, int layer, float *h)
{
    const struct mi_dims *d = &p->m->config.dims;
    const struct mi_block *b = &p->m->block[layer];
    int64_t hk = (int64_t)d->n_heads * d->d_head, kvk = (int64_t)d->n_kv_heads * d->d_head;
    bool is_picking = may_pick(p, layer), needs_q = !is_picking;
    float *q = rows_of(p, &p->s->q, hk), *k = rows_of(p, &p->s->k, kvk);
    float *v = rows_of(p, &p->s->v, kvk), *h_picked;
    struct mi_linear_job job[] = {
        {k, kvk, &b->k, b->k_bias}, {v, kvk, &b->v, b->v_bias}, {q, hk, &b->q, b->q_bias}};
    int rc = 0;

    if (is_enough(p, MI_SITE_ROT_K, layer))
        needs_q = mi_pass_wants(p, MI_SITE_Q, layer) || mi_pass_wants(p, MI_SITE_ROT_Q, layer);
    mi_linear_many(job, needs_q ? 3 : 2, h, d->d_model, p->all.n);
    order_coordinates(p, k, p->all.n, d->n_kv_heads);
    if (needs_q) {
        order_coordinates(p, q, p->all.n, d->n_heads);
        rc = mi_pass_show(p, MI_SITE_Q, layer, q, d->n_heads, d->d_head);
    }
    if (rc == 0)
        rc = mi_pass_show(p, MI_SITE_K, layer, k, d->n_kv_heads, d->d_head);
    if (rc == 0)
        rc = mi_pass_show(p, MI_SITE_V, layer, v, d->n_kv_heads, d->d_head);
    if (rc < 0)
        return rc;
    mi_rope_apply(k, kvk, p->all.n, d->n_kv_heads, d->d_head, p->all.position, &p->s->rope);
    if (needs_q) {
        mi_rope_apply(q, hk, p->all.n, d->n_heads, d->d_head, p->all.position, &p->s->rope);
        rc = mi_pass_show(p, MI_SITE_ROT_Q, layer, q, d->n_heads, d->d_head);
    }
    if (rc == 0)
        rc = mi_pass_show(p, MI_SITE_ROT_K, layer, k, d->n_kv_heads, d->d_head);
    if (rc < 0)
        return rc;
    store_in_caches(p, layer);
    if (!is_picking)
        return 0;
    h_picked = rows_of(p, &p->s->out, d->d_model);
    for (int i = 0; i < p->logit.n; i++)
        memcpy(h_picked + (size_t)i * (size_t)d->d_model,
               h + (size_t)p->logit_index[i] * (size_t)d->d_model,
               (size_t)d->d_model * sizeof(float));
    mi_pass_pick(p);
    mi_linear(q, hk, h_picked, d->d_model, p->live.n, &b->q, b->q_bias);
    order_coordinates(p, q, p->live.n, d->n_heads);
    mi_rope_apply(q, hk, p->live.n, d->n_heads, d->d_head, p->live.position, &p->s->rope);
    return 0;
}

/* ---- the MLP --------------------------------------------------------------------------- */

struct gated {
    float *gate;
    const float *up;
    int64_t n;
};

static void gate_piece(void *ctx, int64_t i, int thread)
{
    const struct gated *w = ctx;
    int64_t at = i * PIECE, n = w->n - at < PIECE ? w->n - at : PIECE;

    (void)thread;
    mi_silu_mul(w->gate + at, w->gate + at, w->up + at, n);
}

static int run_mlp(struct mi_pass *p, int layer, const float *h, float *out)
{
    const struct mi_dims *d = &p->m->config.dims;
    const struct mi_block *b = &p->m->block[layer];
    float *gate = rows_of(p, &p->s->gate, d->d_mlp), *up = rows_of(p, &p->s->up, d->d_mlp);
    struct mi_linear_job job[] = {{gate, d->d_mlp, &b->gate, NULL}, {up, d->d_mlp, &b->up, NULL}};
    struct gated w = {gate, up, (int64_t)p->live.n * d->d_mlp};
    int rc;

    mi_linear_many(job, 2, h, d->d_model, p->live.n);
    rc = mi_pass_show(p, MI_SITE_MLP_PRE, layer, gate, 1, d->d_mlp);
    if (rc == 0)
        rc = mi_pass_show(p, MI_SITE_MLP_PRE_LINEAR, layer, up, 1, d->d_mlp);
    if (rc < 0)
        return rc;
    mi_par_for((w.n + PIECE - 1) / PIECE, gate_piece, &w);
    rc = mi_pass_show(p, MI_SITE_MLP_POST, layer, gate, 1, d->d_mlp);
    if (rc < 0 || is_enough(p, MI_SITE_MLP_POST, layer))
        return rc;
    mi_linear(out, d->d_model, gate, d->d_mlp, p->live.n, &b->down, NULL);
    return mi_pass_show(p, MI_SITE_MLP_OUT, layer, out, 1, d->d_model);
}

/* ---- the block ------------------------------------------------------------------------- */

/* x += out, the output of attention. */
static int run_attention(struct mi_pass *p, int layer, float *h, float *out)
{
    const struct mi_dims *d = &p->m->config.dims;
    const struct mi_block *b = &p->m->block[layer];
    int64_t hk = (int64_t)d->n_heads * d->d_head;
    float *z = rows_of(p, &p->s->z, hk);
    int rc = project_qkv(p, layer, h);

    if (rc < 0 || is_enough(p, MI_SITE_ROT_K, layer))
        return rc;
    rc = mi_pass_attend(p, layer);
    if (rc == 0)
        rc = mi_pass_show(p, MI_SITE_Z, layer, z, d->n_heads, d->d_head);
    if (rc < 0 || is_enough(p, MI_SITE_Z, layer))
        return rc;
    mi_linear(out, d->d_model, z, hk, p->live.n, &b->o, b->o_bias);
    rc = mi_pass_result(p, layer, out);
    if (rc == 0)
        rc = mi_pass_show(p, MI_SITE_ATTN_OUT, layer, out, 1, d->d_model);
    if (rc == 0)
        mi_rows_add(p->x, d->d_model, out, d->d_model, p->live.n, d->d_model);
    return rc;
}

int mi_pass_block(struct mi_pass *p, int layer)
{
    const struct mi_block *b = &p->m->block[layer];
    int64_t d = p->m->config.dims.d_model;
    float *h = rows_of(p, &p->s->h, d), *out = rows_of(p, &p->s->out, d);
    int rc = mi_pass_show(p, MI_SITE_RESID_PRE, layer, p->x, 1, d);

    if (rc < 0 || is_enough(p, MI_SITE_RESID_PRE, layer))
        return rc;
    rc = mi_pass_norm(p, MI_SITE_LN1_SCALE, layer, b->norm1, h);
    if (rc < 0 || is_enough(p, MI_SITE_LN1_NORMALIZED, layer))
        return rc;
    rc = run_attention(p, layer, h, out);
    if (rc < 0 || is_enough(p, MI_SITE_ATTN_OUT, layer))
        return rc;
    rc = mi_pass_show(p, MI_SITE_RESID_MID, layer, p->x, 1, d);
    if (rc < 0 || is_enough(p, MI_SITE_RESID_MID, layer))
        return rc;
    rc = mi_pass_norm(p, MI_SITE_LN2_SCALE, layer, b->norm2, h);
    if (rc < 0 || is_enough(p, MI_SITE_LN2_NORMALIZED, layer))
        return rc;
    rc = run_mlp(p, layer, h, out);
    if (rc < 0 || is_enough(p, MI_SITE_MLP_OUT, layer))
        return rc;
    mi_rows_add(p->x, d, out, d, p->live.n, d);
    return mi_pass_show(p, MI_SITE_RESID_POST, layer, p->x, 1, d);
}
