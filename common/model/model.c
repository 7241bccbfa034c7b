/* model/model.c: opening a model file; see model.h. */
#include "model/model.h"

#include "base/mem.h"
#include "data/site.h"
#include "model/hub.h"
#include "model/load.h"
#include "model/rotary.h"

/* What belongs to an open model beside the map. */
struct owned {
    struct mi_arena vectors;
};

/* Notes in the sizes which sites the model has not. */
static void note_sites(struct mi_model *m)
{
    struct mi_config *c = &m->config;
    bool has_experts = false, is_rotated = c->position == MI_POSITION_ROTARY;
    const struct {
        enum mi_site site;
        bool is_there;
    } row[] = {
        {MI_SITE_LN1_SCALE, c->has_norm1},     {MI_SITE_LN1_NORMALIZED, c->has_norm1},
        {MI_SITE_LN2_SCALE, c->has_norm2},     {MI_SITE_LN2_NORMALIZED, c->has_norm2},
        {MI_SITE_ROT_Q, is_rotated},           {MI_SITE_ROT_K, is_rotated},
        {MI_SITE_RESID_MID, !c->is_parallel},  {MI_SITE_MLP_PRE, true},
        {MI_SITE_MLP_PRE_LINEAR, c->is_gated}, {MI_SITE_MLP_POST, true},
    };

    for (int i = 0; i < c->dims.n_layers; i++)
        has_experts = has_experts || m->block[i].experts;
    for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
        bool is_mlp = row[i].site >= MI_SITE_MLP_PRE && row[i].site <= MI_SITE_MLP_POST;

        if (!row[i].is_there || (is_mlp && has_experts))
            c->dims.no_sites |= UINT64_C(1) << row[i].site;
    }
}

/* Fills the model from m->store. */
static int read_model(struct mi_model *m, struct mi_error *err)
{
    struct owned *owned;
    int rc = mi_config_read(&m->config, &m->store, err);

    if (rc < 0)
        return rc;
    m->owned = owned = mi_alloc_zero(1, sizeof(struct owned));
    m->block = mi_alloc_zero((size_t)m->config.dims.n_layers, sizeof(*m->block));
    rc = mi_model_load(m, &owned->vectors, err);
    note_sites(m);
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

static bool has_no_end(const struct mi_config *c)
{
    return c->position == MI_POSITION_ROTARY && c->rotary[0].kind == MI_SCALING_DYNAMIC;
}

bool mi_model_may_grow(const struct mi_model *m)
{
    return m->config.dims.n_ctx < m->config.n_trained || has_no_end(&m->config);
}

int mi_model_set_context(struct mi_model *m, int n_ctx, struct mi_error *err)
{
    struct mi_config *c = &m->config;
    if (n_ctx < 1 || (n_ctx > c->n_trained && !has_no_end(c)) || n_ctx > 1 << 27)
        return mi_fail(err, MI_EXIT_USAGE, "the model was made for %d tokens, not %d", c->n_trained,
                       n_ctx);
    c->dims.n_ctx = n_ctx;
    return 0;
}

void mi_model_rope(const struct mi_model *m, int which, struct mi_rope *rope, int64_t n_pos)
{
    const struct mi_config *c = &m->config;
    const struct mi_rotary *r = &c->rotary[which];
    const float *factor = which > 0 ? NULL : m->rope_factor;
    double step[MI_MAX_HEAD / 2], magnitude;

    if (rope->n_pos >= n_pos)
        return;
    if (n_pos < 2 * rope->n_pos) /* grow by doubling */
        n_pos = 2 * rope->n_pos;
    if (n_pos > c->dims.n_ctx)
        n_pos = c->dims.n_ctx;
    if (r->kind == MI_SCALING_LONGROPE)
        factor = c->dims.n_ctx > r->n_original ? m->rope_long : m->rope_short;
    magnitude = mi_rotary_steps(r, factor, c->n_trained, c->dims.n_ctx, step);
    rope->is_paired = (c->row->traits & MI_TRAIT_PAIRS) != 0;
    mi_rope_init(rope, r->n_rot, n_pos, step, magnitude);
}

static double count_mlp(const struct mi_model *m, int layer)
{
    const struct mi_config *c = &m->config;
    double width = c->dims.d_mlp;

    if (m->block[layer].experts)
        width = (double)c->n_experts_used * c->d_expert + c->d_shared;
    return (c->is_gated ? 3.0 : 2.0) * c->dims.d_model * width;
}

double mi_model_flops_per_token(const struct mi_model *m, int from, int to)
{
    const struct mi_dims *d = &m->config.dims;
    double attention = 2.0 * d->d_model * ((double)d->n_heads + d->n_kv_heads) * d->d_head, sum = 0;

    for (int i = from; i < to; i++)
        sum += 2 * (attention + count_mlp(m, i));
    return sum;
}

double mi_model_flops_per_logits(const struct mi_model *m)
{
    return 2.0 * m->config.dims.d_model * m->config.dims.d_vocab;
}
