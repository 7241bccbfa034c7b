/* model/model.c: opening a model file; see model.h. */
#include "model/model.h"

#include "base/mem.h"
#include "model/hub.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* What belongs to an open model beside the map. */
struct owned {
    struct mi_arena vectors;
};

/* A reading of the tensors, one by one. */
struct loader {
    struct mi_model *m;
    bool *is_used; /* [n_tensors] */
    struct mi_error *err;
    char name[64];
};

/* Sizes that shapes are made of. */
enum size { SIZE_MODEL, SIZE_HEADS, SIZE_KV, SIZE_MLP };

static int size_of(const struct mi_dims *d, enum size s)
{
    switch (s) {
    case SIZE_MODEL: return d->d_model;
    case SIZE_HEADS: return d->n_heads * d->d_head;
    case SIZE_KV: return d->n_kv_heads * d->d_head;
    default: return d->d_mlp;
    }
}

/* Tensors of a block. Optional ones are left NULL when absent. */
static const struct {
    const char *suffix;
    size_t at; /* in struct mi_block */
    enum size n, k;
} block_matrix[] = {
    {"attn_output.weight", offsetof(struct mi_block, o), SIZE_MODEL, SIZE_HEADS},
    {"ffn_gate.weight", offsetof(struct mi_block, gate), SIZE_MLP, SIZE_MODEL},
    {"ffn_up.weight", offsetof(struct mi_block, up), SIZE_MLP, SIZE_MODEL},
    {"ffn_down.weight", offsetof(struct mi_block, down), SIZE_MODEL, SIZE_MLP},
};

static const struct {
    const char *suffix;
    size_t at;
    enum size n;
    bool is_optional;
} block_vector[] = {
    {"attn_norm.weight", offsetof(struct mi_block, norm1), SIZE_MODEL, false},
    {"ffn_norm.weight", offsetof(struct mi_block, norm2), SIZE_MODEL, false},
    {"attn_output.bias", offsetof(struct mi_block, o_bias), SIZE_MODEL, true},
};

static const struct {
    const char *separate; /* "attn_q" */
    size_t matrix, bias;
    enum size n;
} block_qkv[] = {
    {"attn_q", offsetof(struct mi_block, q), offsetof(struct mi_block, q_bias), SIZE_HEADS},
    {"attn_k", offsetof(struct mi_block, k), offsetof(struct mi_block, k_bias), SIZE_KV},
    {"attn_v", offsetof(struct mi_block, v), offsetof(struct mi_block, v_bias), SIZE_KV},
};

static const struct mi_store_tensor *find_in_block(struct loader *l, int layer, const char *suffix,
                                                   const char *kind)
{
    snprintf(l->name, sizeof(l->name), "blk.%d.%s%s", layer, suffix, kind);
    return mi_store_tensor(&l->m->store, l->name);
}

static int check_tensor(struct loader *l, const struct mi_store_tensor *t, uint64_t n, uint64_t k)
{
    const char *type;

    if (!t)
        return mi_fail(l->err, MI_EXIT_DATA, "tensor '%s' is missing", l->name);
    if (t->ne[0] != k || t->ne[1] != n || t->ne[2] != 1 || t->ne[3] != 1)
        return mi_fail(l->err, MI_EXIT_DATA,
                       "tensor '%s' is [%llu, %llu, %llu, %llu], not [%llu, %llu]", l->name,
                       (unsigned long long)t->ne[0], (unsigned long long)t->ne[1],
                       (unsigned long long)t->ne[2], (unsigned long long)t->ne[3],
                       (unsigned long long)k, (unsigned long long)n);
    if (!mi_qtype_info(t->type)) {
        type = mi_qtype_name(t->type);
        return mi_fail(l->err, MI_EXIT_DATA, "tensor '%s' has type %s, which is not supported",
                       l->name, type ? type : "unknown");
    }
    l->is_used[t - l->m->store.tensor] = true;
    return 0;
}

/* Rows [row, row + n) of a tensor of `rows` rows. */
static int read_matrix(struct loader *l, const struct mi_store_tensor *t, int rows, int row, int n,
                       int k, struct mi_matrix *out)
{
    const struct mi_qtype_info *info;
    int rc = check_tensor(l, t, (uint64_t)rows, (uint64_t)k);

    if (rc < 0)
        return rc;
    info = mi_qtype_info(t->type);
    out->type = info->type;
    out->n = n;
    out->k = k;
    out->row_bytes = (size_t)(k / info->block_elements) * (size_t)info->block_bytes;
    out->data = (const char *)t->data + (size_t)row * out->row_bytes;
    return 0;
}

/* A vector of `size` as floats of ours; *out points at element `from`. */
static int read_vector(struct loader *l, const struct mi_store_tensor *t, int size, int from,
                       float **out)
{
    struct owned *owned = l->m->owned;
    struct mi_matrix row;
    float *all;
    int rc = read_matrix(l, t, 1, 0, 1, size, &row);

    if (rc < 0)
        return rc;
    all = mi_arena_alloc(&owned->vectors, (size_t)size * sizeof(float));
    mi_matrix_row(all, &row, 0);
    for (int i = 0; i < size; i++)
        if (!isfinite(all[i]))
            return mi_fail(l->err, MI_EXIT_DATA, "tensor '%s' holds a number that is not finite",
                           l->name);
    *out = all + from;
    return 0;
}

/* q, k, v: three tensors, or one with the rows of all. */
static int read_qkv(struct loader *l, int layer, const char *kind)
{
    const struct mi_dims *d = &l->m->config.dims;
    struct mi_block *b = &l->m->block[layer];
    const struct mi_store_tensor *t, *fused = find_in_block(l, layer, "attn_qkv", kind);
    int rows = (d->n_heads + 2 * d->n_kv_heads) * d->d_head, row = 0, rc = 0;
    bool is_bias = strcmp(kind, ".bias") == 0;

    for (int i = 0; i < 3 && rc == 0; i++) {
        int n = size_of(d, block_qkv[i].n);
        void *to = (char *)b + (is_bias ? block_qkv[i].bias : block_qkv[i].matrix);

        t = fused ? fused : find_in_block(l, layer, block_qkv[i].separate, kind);
        if (is_bias && (t || (l->m->config.row->traits & MI_TRAIT_QKV_BIAS)))
            rc = read_vector(l, t, fused ? rows : n, fused ? row : 0, to);
        else if (!is_bias)
            rc = read_matrix(l, t, fused ? rows : n, fused ? row : 0, n, d->d_model, to);
        row += n;
    }
    return rc;
}

static int read_block(struct loader *l, int layer)
{
    const struct mi_dims *d = &l->m->config.dims;
    char *b = (char *)&l->m->block[layer];
    int rc = read_qkv(l, layer, ".weight");

    if (rc == 0)
        rc = read_qkv(l, layer, ".bias");
    for (size_t i = 0; i < sizeof(block_matrix) / sizeof(block_matrix[0]) && rc == 0; i++) {
        int n = size_of(d, block_matrix[i].n), k = size_of(d, block_matrix[i].k);
        void *to = b + block_matrix[i].at;

        rc = read_matrix(l, find_in_block(l, layer, block_matrix[i].suffix, ""), n, 0, n, k, to);
    }
    for (size_t i = 0; i < sizeof(block_vector) / sizeof(block_vector[0]) && rc == 0; i++) {
        const struct mi_store_tensor *t = find_in_block(l, layer, block_vector[i].suffix, "");
        int n = size_of(d, block_vector[i].n);
        void *to = b + block_vector[i].at;

        if (t || !block_vector[i].is_optional)
            rc = read_vector(l, t, n, 0, to);
    }
    return rc;
}

static const struct mi_store_tensor *find_global(struct loader *l, const char *name)
{
    snprintf(l->name, sizeof(l->name), "%s", name);
    return mi_store_tensor(&l->m->store, name);
}

static int read_globals(struct loader *l)
{
    struct mi_model *m = l->m;
    const struct mi_dims *d = &m->config.dims;
    const struct mi_store_tensor *t = find_global(l, "token_embd.weight");
    int half = m->config.rotary[0].n_rot / 2;
    int rc = read_matrix(l, t, d->d_vocab, 0, d->d_vocab, d->d_model, &m->embedding);

    if (rc < 0)
        return rc;
    m->unembedding = m->embedding;
    if (!m->config.is_tied) {
        t = find_global(l, "output.weight");
        rc = read_matrix(l, t, d->d_vocab, 0, d->d_vocab, d->d_model, &m->unembedding);
    }
    t = find_global(l, "output_norm.weight");
    if (rc == 0)
        rc = read_vector(l, t, d->d_model, 0, &m->norm_final);
    t = find_global(l, "rope_freqs.weight");
    if (rc == 0 && t)
        rc = read_vector(l, t, half, 0, &m->rope_factor);
    for (int i = 0; rc == 0 && m->rope_factor && i < half; i++)
        if (!(m->rope_factor[i] > 0))
            rc = mi_fail(l->err, MI_EXIT_DATA, "tensor 'rope_freqs.weight' holds %g",
                         (double)m->rope_factor[i]);
    return rc;
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

/* Fills the model from m->store. */
static int read_model(struct mi_model *m, struct mi_error *err)
{
    struct loader l = {.m = m, .err = err};
    int rc = mi_config_read(&m->config, &m->store, err);

    if (rc < 0)
        return rc;
    m->owned = mi_alloc_zero(1, sizeof(struct owned));
    m->block = mi_alloc_zero((size_t)m->config.dims.n_layers, sizeof(*m->block));
    l.is_used = mi_alloc_zero(m->store.n_tensors, sizeof(bool));
    rc = read_globals(&l);
    for (int i = 0; i < m->config.dims.n_layers && rc == 0; i++)
        rc = read_block(&l, i);
    if (rc == 0)
        rc = refuse_unknown(&l);
    mi_free(l.is_used);
    return rc;
}

int mi_model_open_bytes(struct mi_model *m, const void *bytes, size_t len, struct mi_error *err)
{
    int rc;

    *m = (struct mi_model){0};
    rc = mi_gguf_open_bytes(&m->file, bytes, len, err);
    if (rc == 0)
        rc = mi_store_gguf(&m->store, &m->file, err);
    if (rc == 0)
        rc = read_model(m, err);
    if (rc < 0)
        mi_model_close(m);
    return rc;
}

/* Maps what is at the path and fills the store. */
static int open_store(struct mi_model *m, const char *path, struct mi_error *err)
{
    uint64_t n_copied = 0;
    int rc;

    if (mi_folder_is(path)) {
        m->folder = mi_alloc_zero(1, sizeof(*m->folder));
        rc = mi_folder_open(m->folder, path, err);
        if (rc == 0)
            rc = mi_store_folder(&m->store, m->folder, &n_copied, err);
        m->n_bytes = mi_folder_bytes(m->folder) + n_copied;
        return rc < 0 ? mi_fail_in(err, "'%s'", path) : 0;
    }
    rc = mi_gguf_open(&m->file, path, err);
    if (rc < 0)
        return rc;
    m->n_bytes = m->file.map.size;
    rc = mi_store_gguf(&m->store, &m->file, err);
    return rc < 0 ? mi_fail_in(err, "'%s'", path) : 0;
}

int mi_model_open(struct mi_model *m, const char *path, struct mi_error *err)
{
    int rc;

    *m = (struct mi_model){0};
    rc = open_store(m, path, err);
    if (rc == 0 && (rc = read_model(m, err)) < 0)
        mi_fail_in(err, "'%s'", path);
    if (rc < 0)
        mi_model_close(m);
    return rc;
}

void mi_model_close(struct mi_model *m)
{
    struct owned *owned = m->owned;

    if (owned)
        mi_arena_free(&owned->vectors);
    mi_free(owned);
    mi_free(m->block);
    mi_config_free(&m->config);
    mi_store_free(&m->store);
    mi_gguf_close(&m->file);
    if (m->folder)
        mi_folder_close(m->folder);
    mi_free(m->folder);
    *m = (struct mi_model){0};
}

int mi_model_digest(struct mi_model *m, struct mi_digest *out, struct mi_error *err)
{
    if (!m->has_digest) {
        if (!m->folder && !m->file.map.data)
            return mi_fail(err, MI_EXIT_SYS, "a model without a file has no digest");
        m->digest = m->folder ? mi_folder_digest(m->folder)
                              : mi_hash_bytes(m->file.map.data, m->file.map.size);
        m->has_digest = true;
    }
    *out = m->digest;
    return 0;
}

int mi_model_unchanged(struct mi_model *m, struct mi_error *err)
{
    if (m->folder)
        return mi_folder_unchanged(m->folder, err);
    return m->file.map.data ? mi_map_unchanged(&m->file.map, err) : 0;
}

void mi_model_rope(const struct mi_model *m, struct mi_rope *rope, int64_t n_pos)
{
    const struct mi_config *c = &m->config;

    if (rope->n_pos >= n_pos)
        return;
    if (n_pos < 2 * rope->n_pos) /* grow by doubling */
        n_pos = 2 * rope->n_pos;
    if (n_pos > c->dims.n_ctx)
        n_pos = c->dims.n_ctx;
    mi_rope_free(rope);
    mi_rope_init(rope, c->rotary[0].n_rot, n_pos, c->rotary[0].base, 1 / c->rotary[0].factor,
                 m->rope_factor);
}

double mi_model_flops_per_token(const struct mi_model *m, int from, int to)
{
    const struct mi_dims *d = &m->config.dims;
    double attention = 2.0 * d->d_model * ((double)d->n_heads + d->n_kv_heads) * d->d_head;
    double mlp = 3.0 * d->d_model * d->d_mlp;

    return to > from ? 2 * (to - from) * (attention + mlp) : 0;
}

double mi_model_flops_per_logits(const struct mi_model *m)
{
    return 2.0 * m->config.dims.d_model * m->config.dims.d_vocab;
}
