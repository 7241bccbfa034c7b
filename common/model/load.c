/* model/load.c: weights, by canonical names; see load.h. */
#include "model/load.h"

#include "math/vmath.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* A reading of the tensors, one by one. */
struct loader {
    struct mi_model *m;
    struct mi_arena *arena;
    bool *is_used; /* [n_tensors] */
    struct mi_error *err;
    char name[64];
};

/* Sizes that shapes are made of. */
enum size { SIZE_MODEL, SIZE_HEADS, SIZE_KV };

static int size_of(const struct mi_dims *d, enum size s)
{
    return s == SIZE_MODEL   ? d->d_model
           : s == SIZE_HEADS ? d->n_heads * d->d_head
                             : d->n_kv_heads * d->d_head;
}

static bool has_trait(const struct loader *l, unsigned trait)
{
    return (l->m->config.row->traits & trait) != 0;
}

/* layer -1: a tensor of the whole model. */
static const struct mi_store_tensor *find(struct loader *l, int layer, const char *stem,
                                          const char *kind)
{
    if (layer < 0)
        snprintf(l->name, sizeof(l->name), "%s%s", stem, kind);
    else
        snprintf(l->name, sizeof(l->name), "blk.%d.%s%s", layer, stem, kind);
    return mi_store_tensor(&l->m->store, l->name);
}

static int check_tensor(struct loader *l, const struct mi_store_tensor *t, uint64_t experts,
                        uint64_t n, uint64_t k)
{
    const char *type;

    if (!t)
        return mi_fail(l->err, MI_EXIT_DATA, "tensor '%s' is missing", l->name);
    if (t->ne[0] != k || t->ne[1] != n || t->ne[2] != experts || t->ne[3] != 1)
        return mi_fail(l->err, MI_EXIT_DATA,
                       "tensor '%s' is [%llu, %llu, %llu, %llu], not [%llu, %llu, %llu, 1]",
                       l->name, (unsigned long long)t->ne[0], (unsigned long long)t->ne[1],
                       (unsigned long long)t->ne[2], (unsigned long long)t->ne[3],
                       (unsigned long long)k, (unsigned long long)n, (unsigned long long)experts);
    if (!mi_qtype_info(t->type)) {
        type = mi_qtype_name(t->type);
        return mi_fail(l->err, MI_EXIT_DATA, "tensor '%s' has type %s, which is not supported",
                       l->name, type ? type : "unknown");
    }
    l->is_used[t - l->m->store.tensor] = true;
    return 0;
}

static struct mi_matrix rows_of(const struct mi_store_tensor *t, const void *data, int row, int n,
                                int k)
{
    const struct mi_qtype_info *info = mi_qtype_info(t->type);
    struct mi_matrix out = {.type = info->type, .n = n, .k = k};

    out.row_bytes = (size_t)(k / info->block_elements) * (size_t)info->block_bytes;
    out.data = (const char *)data + (size_t)row * out.row_bytes;
    return out;
}

/* Rows [row, row + n) of a tensor of `rows` rows. */
static int read_matrix(struct loader *l, const struct mi_store_tensor *t, int rows, int row, int n,
                       int k, struct mi_matrix *out)
{
    int rc = check_tensor(l, t, 1, (uint64_t)rows, (uint64_t)k);

    if (rc == 0)
        *out = rows_of(t, t->data, row, n, k);
    return rc;
}

/* A tensor of n rows of k as floats of ours; *out points at element `from`. */
static int read_floats(struct loader *l, const struct mi_store_tensor *t, int n, int k, int from,
                       float **out)
{
    struct mi_matrix rows;
    float *all;
    int rc = read_matrix(l, t, n, 0, n, k, &rows);

    if (rc < 0)
        return rc;
    all = mi_arena_alloc(l->arena, (size_t)n * (size_t)k * sizeof(float));
    for (int i = 0; i < n; i++)
        mi_matrix_row(all + (size_t)i * (size_t)k, &rows, i);
    for (size_t i = 0; i < (size_t)n * (size_t)k; i++)
        if (!isfinite(all[i]))
            return mi_fail(l->err, MI_EXIT_DATA, "tensor '%s' holds a number that is not finite",
                           l->name);
    *out = all + from;
    return 0;
}

/* A bias; NULL where it need not be there and is not. */
static int read_bias(struct loader *l, int layer, const char *stem, int n, bool is_needed,
                     float **out)
{
    const struct mi_store_tensor *t = find(l, layer, stem, ".bias");

    return t || is_needed ? read_floats(l, t, 1, n, 0, out) : 0;
}

static int read_norm(struct loader *l, int layer, const char *stem, int rows, int n,
                     struct mi_norm *out)
{
    int rc;

    if (has_trait(l, MI_TRAIT_BARE_NORM))
        return 0;
    rc = read_floats(l, find(l, layer, stem, ".weight"), rows, n, 0, &out->weight);
    return rc < 0 ? rc : read_bias(l, layer, stem, n, has_trait(l, MI_TRAIT_NORM_BIAS), &out->bias);
}

/* ---- attention ------------------------------------------------------------------------- */

static const struct {
    const char *separate; /* "attn_q" */
    size_t matrix, bias;
    enum size n;
} block_qkv[] = {
    {"attn_q", offsetof(struct mi_block, q), offsetof(struct mi_block, q_bias), SIZE_HEADS},
    {"attn_k", offsetof(struct mi_block, k), offsetof(struct mi_block, k_bias), SIZE_KV},
    {"attn_v", offsetof(struct mi_block, v), offsetof(struct mi_block, v_bias), SIZE_KV},
};

/* q, k, v: three tensors, or one with the rows of all. */
static int read_qkv(struct loader *l, int layer, const char *kind)
{
    const struct mi_dims *d = &l->m->config.dims;
    struct mi_block *b = &l->m->block[layer];
    const struct mi_store_tensor *t, *fused = find(l, layer, "attn_qkv", kind);
    int rows = (d->n_heads + 2 * d->n_kv_heads) * d->d_head, row = 0, rc = 0;
    bool is_bias = strcmp(kind, ".bias") == 0;

    for (int i = 0; i < 3 && rc == 0; i++) {
        int n = size_of(d, block_qkv[i].n);
        void *to = (char *)b + (is_bias ? block_qkv[i].bias : block_qkv[i].matrix);

        t = fused ? fused : find(l, layer, block_qkv[i].separate, kind);
        if (is_bias && (t || has_trait(l, MI_TRAIT_QKV_BIAS)))
            rc = read_floats(l, t, 1, fused ? rows : n, fused ? row : 0, to);
        else if (!is_bias)
            rc = read_matrix(l, t, fused ? rows : n, fused ? row : 0, n, d->d_model, to);
        row += n;
    }
    return rc;
}

static int read_qk_norm(struct loader *l, int layer, const char *stem, int n_heads,
                        struct mi_norm *out)
{
    int k = l->m->config.dims.d_head;
    const struct mi_store_tensor *t = find(l, layer, stem, ".weight");

    switch (l->m->config.qk_norm) {
    case MI_QK_NORM_NONE: return 0;
    case MI_QK_NORM_HEAD: return read_floats(l, t, 1, k, 0, &out->weight);
    case MI_QK_NORM_HEADS: return read_floats(l, t, n_heads, k, 0, &out->weight);
    default: return read_floats(l, t, 1, n_heads * k, 0, &out->weight);
    }
}

static int read_attention(struct loader *l, int layer)
{
    const struct mi_dims *d = &l->m->config.dims;
    struct mi_block *b = &l->m->block[layer];
    int hk = d->n_heads * d->d_head, rc = read_qkv(l, layer, ".weight");

    if (rc == 0)
        rc = read_qkv(l, layer, ".bias");
    if (rc == 0)
        rc = read_qk_norm(l, layer, "attn_q_norm", d->n_heads, &b->q_norm);
    if (rc == 0)
        rc = read_qk_norm(l, layer, "attn_k_norm", d->n_kv_heads, &b->k_norm);
    if (rc == 0)
        rc = read_matrix(l, find(l, layer, "attn_output", ".weight"), d->d_model, 0, d->d_model, hk,
                         &b->o);
    if (rc == 0)
        rc = read_bias(l, layer, "attn_output", d->d_model, has_trait(l, MI_TRAIT_O_BIAS),
                       &b->o_bias);
    if (rc == 0 && has_trait(l, MI_TRAIT_SINKS))
        rc = read_floats(l, find(l, layer, "attn_sinks", ".weight"), 1, d->n_heads, 0, &b->sinks);
    return rc;
}

/* ---- MLPs ------------------------------------------------------------------------------ */

/* Where a gated MLP has no matrix for the gate, up has the gate's rows before its own. */
static int read_mlp(struct loader *l, int layer)
{
    const struct mi_dims *d = &l->m->config.dims;
    struct mi_block *b = &l->m->block[layer];
    const struct mi_store_tensor *gate = find(l, layer, "ffn_gate", ".weight");
    bool is_fused = l->m->config.is_gated && !gate, is_needed = has_trait(l, MI_TRAIT_MLP_BIAS);
    int D = d->d_model, M = d->d_mlp, rc = 0;

    if (l->m->config.is_gated && gate)
        rc = read_matrix(l, gate, M, 0, M, D, &b->gate);
    else if (is_fused)
        rc = read_matrix(l, find(l, layer, "ffn_up", ".weight"), 2 * M, 0, M, D, &b->gate);
    if (rc == 0)
        rc = read_matrix(l, find(l, layer, "ffn_up", ".weight"), is_fused ? 2 * M : M,
                         is_fused ? M : 0, M, D, &b->up);
    if (rc == 0)
        rc = read_matrix(l, find(l, layer, "ffn_down", ".weight"), D, 0, D, M, &b->down);
    if (rc == 0)
        rc = read_bias(l, layer, "ffn_up", is_fused ? 2 * M : M, is_needed, &b->up_bias);
    if (rc == 0 && is_fused && b->up_bias) {
        b->gate_bias = b->up_bias;
        b->up_bias += M;
    }
    if (rc == 0 && l->m->config.is_gated && gate)
        rc = read_bias(l, layer, "ffn_gate", M, false, &b->gate_bias);
    return rc < 0 ? rc : read_bias(l, layer, "ffn_down", D, is_needed, &b->down_bias);
}

/* One matrix an expert: [E] matrices of n rows from `row` on of `rows`. Old files have a
 * tensor for each, "ffn_up.3.weight". */
static int read_stack(struct loader *l, int layer, const char *stem, int rows, int row, int n,
                      int k, struct mi_matrix **out)
{
    int n_experts = l->m->config.n_experts, rc = 0;
    char name[32];
    const struct mi_store_tensor *t;
    struct mi_matrix *w = mi_arena_alloc(l->arena, (size_t)n_experts * sizeof(struct mi_matrix));

    snprintf(name, sizeof(name), "%s.0", stem);
    if (find(l, layer, name, ".weight")) {
        for (int i = 0; i < n_experts && rc == 0; i++) {
            snprintf(name, sizeof(name), "%s.%d", stem, i);
            rc = read_matrix(l, find(l, layer, name, ".weight"), rows, row, n, k, &w[i]);
        }
        *out = w;
        return rc;
    }
    snprintf(name, sizeof(name), "%s_exps", stem);
    t = find(l, layer, name, ".weight");
    rc = check_tensor(l, t, (uint64_t)n_experts, (uint64_t)rows, (uint64_t)k);
    for (int i = 0; i < n_experts && rc == 0; i++) {
        size_t bytes = rows_of(t, NULL, 0, n, k).row_bytes * (size_t)rows;

        w[i] =
            rows_of(t, t->part ? t->part[i] : (const char *)t->data + (size_t)i * bytes, row, n, k);
    }
    *out = w;
    return rc;
}

static int read_shared_expert(struct loader *l, int layer, struct mi_experts *e)
{
    int D = l->m->config.dims.d_model, M = l->m->config.d_shared;
    const struct mi_store_tensor *t;
    int rc =
        read_matrix(l, find(l, layer, "ffn_gate_shexp", ".weight"), M, 0, M, D, &e->shared_gate);

    if (rc == 0)
        rc = read_matrix(l, find(l, layer, "ffn_up_shexp", ".weight"), M, 0, M, D, &e->shared_up);
    if (rc == 0)
        rc = read_matrix(l, find(l, layer, "ffn_down_shexp", ".weight"), D, 0, D, M,
                         &e->shared_down);
    t = find(l, layer, "ffn_gate_inp_shexp", ".weight");
    return rc == 0 && t ? read_matrix(l, t, 1, 0, 1, D, &e->shared_router) : rc;
}

static int read_expert_biases(struct loader *l, int layer, struct mi_experts *e)
{
    const struct mi_config *c = &l->m->config;
    const struct {
        const char *stem;
        int n;
        float **to;
    } bias[] = {{"ffn_gate_exps", c->d_expert, &e->gate_bias},
                {"ffn_up_exps", c->d_expert, &e->up_bias},
                {"ffn_down_exps", c->dims.d_model, &e->down_bias}};
    int rc = read_bias(l, layer, "ffn_gate_inp", c->n_experts, false, &e->router_bias);

    if (rc == 0)
        rc = read_bias(l, layer, "exp_probs_b", c->n_experts, false, &e->choice_bias);

    for (int i = 0; i < 3 && rc == 0; i++) {
        const struct mi_store_tensor *t = find(l, layer, bias[i].stem, ".bias");

        if (t)
            rc = read_floats(l, t, c->n_experts, bias[i].n, 0, bias[i].to);
    }
    return rc;
}

static int read_experts(struct loader *l, int layer, const struct mi_store_tensor *router)
{
    const struct mi_config *c = &l->m->config;
    int D = c->dims.d_model, M = c->d_expert, rows = M;
    const char *up = "ffn_up";
    struct mi_experts *e = mi_arena_alloc(l->arena, sizeof(*e));
    int rc;

    *e = (struct mi_experts){0};
    l->m->block[layer].experts = e;
    rc = read_matrix(l, router, c->n_experts, 0, c->n_experts, D, &e->router);
    if (find(l, layer, "ffn_gate_up_exps", ".weight")) {
        up = "ffn_gate_up";
        rows = 2 * M;
    }
    if (rc == 0)
        rc = read_stack(l, layer, rows > M ? up : "ffn_gate", rows, 0, M, D, &e->gate);
    if (rc == 0)
        rc = read_stack(l, layer, up, rows, rows - M, M, D, &e->up);
    if (rc == 0)
        rc = read_stack(l, layer, "ffn_down", D, 0, D, M, &e->down);
    if (rc == 0)
        rc = read_expert_biases(l, layer, e);
    return rc == 0 && c->d_shared > 0 ? read_shared_expert(l, layer, e) : rc;
}

/* ---- blocks ---------------------------------------------------------------------------- */

static int read_block_norms(struct loader *l, int layer)
{
    const struct mi_config *c = &l->m->config;
    struct mi_block *b = &l->m->block[layer];
    const char *second = c->is_crossed ? "attn_norm" : "ffn_norm";
    int D = c->dims.d_model, rc = 0;

    /* some converters name N2 for where it stands */
    if (!c->has_post_norm && !find(l, layer, second, ".weight") &&
        find(l, layer, "post_attention_norm", ".weight"))
        second = "post_attention_norm";
    if (c->has_norm1)
        rc = read_norm(l, layer, c->is_crossed ? "attn_norm_2" : "attn_norm", 1, D, &b->norm1);
    if (rc == 0 && c->has_norm2)
        rc = read_norm(l, layer, second, 1, D, &b->norm2);
    if (rc == 0 && c->has_post_norm)
        rc = read_norm(l, layer, "post_attention_norm", 1, D, &b->post1);
    if (rc == 0 && c->has_post_norm)
        rc = read_norm(l, layer, "post_ffw_norm", 1, D, &b->post2);
    return rc;
}

static int read_block(struct loader *l, int layer)
{
    const struct mi_store_tensor *router;
    int rc = read_block_norms(l, layer);

    if (rc == 0)
        rc = read_attention(l, layer);
    if (rc < 0)
        return rc;
    router = find(l, layer, "ffn_gate_inp", ".weight");
    return router && l->m->config.n_experts > 0 ? read_experts(l, layer, router)
                                                : read_mlp(l, layer);
}

/* ---- the whole model ------------------------------------------------------------------- */

/* Divisors of angles: above 0. Older files have them in block 0. */
static int read_divisors(struct loader *l, const char *stem, float **out)
{
    int half = l->m->config.rotary[0].n_rot / 2, rc;
    const struct mi_store_tensor *t = find(l, 0, stem, ".weight");

    if (!t)
        t = find(l, -1, stem, ".weight");
    if (!t || l->m->config.position != MI_POSITION_ROTARY)
        return 0;
    rc = read_floats(l, t, 1, half, 0, out);
    for (int i = 0; i < half && rc == 0; i++)
        if (!((*out)[i] > 0))
            rc = mi_fail(l->err, MI_EXIT_DATA, "tensor '%s' holds %g", l->name, (double)(*out)[i]);
    return rc;
}

static int read_rotary(struct loader *l)
{
    struct mi_model *m = l->m;
    int rc = read_divisors(l, "rope_freqs", &m->rope_factor);

    if (rc == 0)
        rc = read_divisors(l, "rope_factors_long", &m->rope_long);
    if (rc == 0)
        rc = read_divisors(l, "rope_factors_short", &m->rope_short);
    if (rc == 0 && m->config.rotary[0].kind == MI_SCALING_LONGROPE &&
        (!m->rope_long || !m->rope_short))
        rc = mi_fail(l->err, MI_EXIT_DATA, "tensor 'rope_factors_%s.weight' is missing",
                     m->rope_long ? "short" : "long");
    return rc;
}

/* Press et al. 2022: 2^(-most i / n) for n heads, a power of two; the heads beyond it take
 * every second one of twice as many. */
static void make_alibi(struct mi_model *m, struct mi_arena *arena)
{
    int n = m->config.dims.n_heads, whole = 1;
    double most = (double)m->config.alibi_max;

    while (2 * whole <= n)
        whole *= 2;
    m->alibi = mi_arena_alloc(arena, (size_t)n * sizeof(float));
    for (int i = 0; i < n; i++) {
        double x = i < whole ? most * (i + 1) / whole : most * (2 * (i - whole) + 1) / (2 * whole);

        m->alibi[i] = (float)mi_pow(2, -x);
    }
}

static int read_position(struct loader *l)
{
    struct mi_model *m = l->m;
    const struct mi_dims *d = &m->config.dims;
    const struct mi_store_tensor *t;

    switch (m->config.position) {
    case MI_POSITION_ROTARY: return read_rotary(l);
    case MI_POSITION_ALIBI: make_alibi(m, l->arena); return 0;
    case MI_POSITION_LEARNED:
        t = find(l, -1, "position_embd", ".weight");
        if (t && t->ne[1] > 0 && t->ne[1] < (uint64_t)d->n_ctx)
            return mi_fail(l->err, MI_EXIT_DATA, "%llu learned positions of a context of %d",
                           (unsigned long long)t->ne[1], d->n_ctx);
        return read_matrix(l, t, t ? (int)t->ne[1] : 0, 0, d->n_ctx, d->d_model, &m->positions);
    default: return 0;
    }
}

static int read_globals(struct loader *l)
{
    struct mi_model *m = l->m;
    int V = m->config.dims.d_vocab, D = m->config.dims.d_model;
    int rc = read_matrix(l, find(l, -1, "token_embd", ".weight"), V, 0, V, D, &m->embedding);

    if (rc < 0)
        return rc;
    m->unembedding = m->embedding;
    if (!m->config.is_tied)
        rc = read_matrix(l, find(l, -1, "output", ".weight"), V, 0, V, D, &m->unembedding);
    if (rc == 0)
        rc = read_bias(l, -1, "output", V, has_trait(l, MI_TRAIT_LOGIT_BIAS), &m->unembedding_bias);
    if (rc == 0)
        rc = read_norm(l, -1, "output_norm", 1, D, &m->norm_final);
    if (rc == 0 && has_trait(l, MI_TRAIT_EMBED_NORM))
        rc = read_norm(l, -1, "token_embd_norm", 1, D, &m->norm_embed);
    return rc < 0 ? rc : read_position(l);
}

/* Tables that some converters leave in the file, and that follow from the configuration. */
static bool is_redundant(const char *name)
{
    static const char *const ends[] = {"attn_rot_embd", "rotary_emb.inv_freq"};
    size_t len = strlen(name);

    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        size_t n = strlen(ends[i]);

        if (len >= n && strcmp(name + len - n, ends[i]) == 0)
            return true;
    }
    return false;
}

static int refuse_unknown(struct loader *l)
{
    const struct mi_store *s = &l->m->store;

    for (size_t i = 0; i < s->n_tensors; i++)
        if (!l->is_used[i] && !is_redundant(s->tensor[i].name))
            return mi_fail(l->err, MI_EXIT_DATA,
                           "tensor '%s' has no place in a %s model of %d layers", s->tensor[i].name,
                           l->m->config.architecture, l->m->config.dims.n_layers);
    return 0;
}

int mi_model_load(struct mi_model *m, struct mi_arena *arena, struct mi_error *err)
{
    struct loader l = {.m = m, .arena = arena, .err = err};
    int rc;

    l.is_used = mi_arena_alloc(arena, m->store.n_tensors * sizeof(bool));
    memset(l.is_used, 0, m->store.n_tensors * sizeof(bool));
    rc = read_globals(&l);
    for (int i = 0; i < m->config.dims.n_layers && rc == 0; i++)
        rc = read_block(&l, i);
    return rc < 0 ? rc : refuse_unknown(&l);
}
