/* model/block_qkv.c: queries, keys and values of a block; see pass.h. */
#include "base/par.h"
#include "math/linear.h"
#include "math/rows.h"
#include "model/pass.h"

#include <string.h>

enum { PIECE = 1 << 14 }; /* numbers of one piece of parallel work */

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
    float pairs[MI_MAX_HEAD];

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

static void norm_heads(struct mi_pass *p, const struct mi_norm *norm, float *y, int n_rows,
                       int n_heads)
{
    int64_t k = p->m->config.dims.d_head, width = n_heads * k;
    const struct mi_norm none = {0};

    switch (p->m->config.qk_norm) {
    case MI_QK_NORM_NONE: break;
    case MI_QK_NORM_HEAD: mi_pass_norm_rows(p, norm, y, n_rows * n_heads, k); break;
    case MI_QK_NORM_WHOLE: mi_pass_norm_rows(p, norm, y, n_rows, width); break;
    case MI_QK_NORM_HEADS:
        mi_pass_norm_rows(p, &none, y, n_rows * n_heads, k);
        mi_rows_mul(y, width, y, width, n_rows, width, norm->weight);
        break;
    }
}

/* What a row's query or key goes through between its product and attention. */
static void finish_heads(struct mi_pass *p, int layer, const struct mi_norm *norm, float *y,
                         const struct mi_rows *rows, int n_heads)
{
    const struct mi_config *c = &p->m->config;
    bool is_last = (c->row->traits & MI_TRAIT_NORM_ROTATED) != 0;
    int rotary = c->layer[layer].rotary;

    if (!is_last)
        norm_heads(p, norm, y, rows->n, n_heads);
    if (rotary >= 0)
        mi_rope_apply(y, (int64_t)n_heads * c->dims.d_head, rows->n, n_heads, c->dims.d_head,
                      rows->position, &p->s->rope[rotary]);
    if (is_last)
        norm_heads(p, norm, y, rows->n, n_heads);
}

/* Products in the order of coordinates that sites have. */
static void finish_products(const struct mi_pass *p, float *y, int n_rows, int n_heads, bool is_v)
{
    const struct mi_config *c = &p->m->config;
    int64_t width = (int64_t)n_heads * c->dims.d_head;

    if (c->clamp_qkv > 0)
        mi_rows_clamp(y, width, n_rows, width, c->clamp_qkv);
    if (!is_v)
        order_coordinates(p, y, n_rows, n_heads);
}

/* Queries of the rows that go on alone; *h becomes theirs. */
static void pick_queries(struct mi_pass *p, int layer, float *q, const float **h)
{
    const struct mi_dims *d = &p->m->config.dims;
    const struct mi_block *b = &p->m->block[layer];
    size_t D = (size_t)d->d_model;
    float *picked = mi_pass_room(p, &p->s->picked_h, d->d_model);

    for (int i = 0; i < p->logit.n; i++)
        memcpy(picked + (size_t)i * D, *h + (size_t)p->logit_index[i] * D, D * sizeof(float));
    mi_pass_pick(p);
    mi_linear(q, (int64_t)d->n_heads * d->d_head, picked, d->d_model, p->live.n, &b->q, b->q_bias);
    finish_products(p, q, p->live.n, d->n_heads, false);
    finish_heads(p, layer, &b->q_norm, q, &p->live, d->n_heads);
    *h = picked;
}

static int show_products(struct mi_pass *p, int layer, float *q, float *k, float *v)
{
    const struct mi_dims *d = &p->m->config.dims;
    int rc = q ? mi_pass_show(p, MI_SITE_Q, layer, q, d->n_heads, d->d_head) : 0;

    if (rc == 0)
        rc = mi_pass_show(p, MI_SITE_K, layer, k, d->n_kv_heads, d->d_head);
    if (rc == 0)
        rc = mi_pass_show(p, MI_SITE_V, layer, v, d->n_kv_heads, d->d_head);
    return rc;
}

int mi_pass_qkv(struct mi_pass *p, int layer, const float **h)
{
    const struct mi_dims *d = &p->m->config.dims;
    const struct mi_block *b = &p->m->block[layer];
    int64_t hk = (int64_t)d->n_heads * d->d_head, kvk = (int64_t)d->n_kv_heads * d->d_head;
    bool is_picking = may_pick(p, layer), needs_q = !is_picking;
    float *q = mi_pass_room(p, &p->s->q, hk), *k = mi_pass_room(p, &p->s->k, kvk);
    float *v = mi_pass_room(p, &p->s->v, kvk);
    struct mi_linear_job job[] = {
        {k, kvk, &b->k, b->k_bias}, {v, kvk, &b->v, b->v_bias}, {q, hk, &b->q, b->q_bias}};
    int rc;

    if (mi_pass_is_enough(p, MI_SITE_ROT_K, layer))
        needs_q = mi_pass_wants(p, MI_SITE_Q, layer) || mi_pass_wants(p, MI_SITE_ROT_Q, layer);
    mi_linear_many(job, needs_q ? 3 : 2, *h, d->d_model, p->all.n);
    finish_products(p, k, p->all.n, d->n_kv_heads, false);
    finish_products(p, v, p->all.n, d->n_kv_heads, true);
    if (needs_q)
        finish_products(p, q, p->all.n, d->n_heads, false);
    rc = show_products(p, layer, needs_q ? q : NULL, k, v);
    if (rc < 0)
        return rc;
    finish_heads(p, layer, &b->k_norm, k, &p->all, d->n_kv_heads);
    if (needs_q) {
        finish_heads(p, layer, &b->q_norm, q, &p->all, d->n_heads);
        rc = mi_pass_show(p, MI_SITE_ROT_Q, layer, q, d->n_heads, d->d_head);
    }
    if (rc == 0)
        rc = mi_pass_show(p, MI_SITE_ROT_K, layer, k, d->n_kv_heads, d->d_head);
    if (rc < 0)
        return rc;
    store_in_caches(p, layer);
    if (is_picking)
        pick_queries(p, layer, q, h);
    return 0;
}
