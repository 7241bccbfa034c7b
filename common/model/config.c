/* model/config.c: hyperparameters of a GGUF file; see config.h. */
#include "model/config.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const struct mi_architecture architecture[] = {
    {"llama", true, false, "Llama 1 to 3, Mistral, SmolLM2, TinyLlama"},
    {"qwen2", false, true, "Qwen 1.5 to 2.5"},
};

const struct mi_architecture *mi_architectures(int *n)
{
    *n = (int)(sizeof(architecture) / sizeof(architecture[0]));
    return architecture;
}

/* What a file says, with where to complain. */
struct reading {
    const struct mi_gguf *g;
    const struct mi_architecture *a;
    struct mi_error *err;
    char key[96];
};

/* "llama.block_count" for "block_count". */
static const char *full_key(struct reading *r, const char *suffix)
{
    snprintf(r->key, sizeof(r->key), "%s.%s", r->a->name, suffix);
    return r->key;
}

/* Integer in [least, most]; absent: `otherwise`, or a failure where that is negative. */
static int read_size(struct reading *r, const char *suffix, int otherwise, int least, int most,
                     int *out)
{
    const char *key = full_key(r, suffix);
    int64_t i = 0;

    if (!mi_gguf_find(r->g, key)) {
        *out = otherwise;
        return otherwise >= 0 ? 0 : mi_fail(r->err, MI_EXIT_DATA, "key '%s' is missing", key);
    }
    if (!mi_gguf_int(r->g, key, &i))
        return mi_fail(r->err, MI_EXIT_DATA,
                       "key '%s' is not one whole number for all layers: not supported", key);
    if (i < least || i > most)
        return mi_fail(r->err, MI_EXIT_DATA, "key '%s' is %lld: not in %d to %d", key, (long long)i,
                       least, most);
    *out = (int)i;
    return 0;
}

/* Finite number above 0; absent: `otherwise`, or a failure where that is 0. */
static int read_positive(struct reading *r, const char *suffix, double otherwise, double *out)
{
    const char *key = full_key(r, suffix);

    *out = otherwise;
    if (!mi_gguf_find(r->g, key))
        return otherwise > 0 ? 0 : mi_fail(r->err, MI_EXIT_DATA, "key '%s' is missing", key);
    if (!mi_gguf_real(r->g, key, out) || !isfinite(*out) || *out <= 0)
        return mi_fail(r->err, MI_EXIT_DATA, "key '%s' is not a number above 0", key);
    return 0;
}

/* Keys that change the computation in ways that the common block has not, with the value at
 * which they change nothing. A key that is absent is neutral. */
static const struct {
    const char *suffix;
    double neutral;
} unsupported[] = {
    {"expert_count", 0},
    {"expert_used_count", 0},
    {"leading_dense_block_count", 0},
    {"nextn_predict_layers", 0},
    {"use_parallel_residual", 0},
    {"attn_logit_softcapping", 0},
    {"final_logit_softcapping", 0},
    {"router_logit_softcapping", 0},
    {"attention.clamp_kqv", 0},
    {"attention.max_alibi_bias", 0},
    {"attention.causal", 1},
    {"attention.key_length_mla", 0},
    {"attention.q_lora_rank", 0},
    {"attention.kv_lora_rank", 0},
    {"attention.shared_kv_layers", 0},
    {"attention.sliding_window_pattern", 0},
    {"attention.temperature_scale", 0},
    {"attention.temperature_length", 0},
    {"attention.output_scale", 1},
    {"attention.value_scale", 1},
    {"rope.scaling.attn_factor", 1},
    {"embedding_scale", 1},
    {"residual_scale", 1},
    {"logit_scale", 1},
    {"activation_sparsity_scale", 0},
};

static int refuse_unsupported(struct reading *r)
{
    for (size_t i = 0; i < sizeof(unsupported) / sizeof(unsupported[0]); i++) {
        const char *key = full_key(r, unsupported[i].suffix);
        double x = 0;
        bool flag = false;

        if (!mi_gguf_find(r->g, key))
            continue;
        if (mi_gguf_flag(r->g, key, &flag))
            x = flag ? 1 : 0;
        else if (!mi_gguf_real(r->g, key, &x))
            x = NAN;
        if (!(x == unsupported[i].neutral))
            return mi_fail(r->err, MI_EXIT_DATA,
                           "key '%s' asks for a computation that is not supported", key);
    }
    return 0;
}

static int read_rope(struct reading *r, struct mi_config *c)
{
    struct mi_gguf_string type;
    double factor = 1;
    const char *key;
    int rc = read_size(r, "rope.dimension_count", c->dims.d_head, 2, c->dims.d_head, &c->n_rot);

    if (rc == 0)
        rc = read_positive(r, "rope.freq_base", 10000, &c->rope_base);
    if (rc == 0) /* the older name first; the newer one wins */
        rc = read_positive(r, "rope.scale_linear", 1, &factor);
    if (rc == 0)
        rc = read_positive(r, "rope.scaling.factor", factor, &factor);
    if (rc < 0)
        return rc;
    if (c->n_rot % 2 != 0 || (r->a->rope_interleaved && c->n_rot != c->dims.d_head))
        return mi_fail(r->err, MI_EXIT_DATA,
                       "key '%s' is %d where heads have %d coordinates: not supported",
                       full_key(r, "rope.dimension_count"), c->n_rot, c->dims.d_head);
    key = full_key(r, "rope.scaling.type");
    if (mi_gguf_text(r->g, key, &type)) {
        if (type.len == 4 && memcmp(type.at, "none", 4) == 0)
            factor = 1;
        else if (type.len != 6 || memcmp(type.at, "linear", 6) != 0)
            return mi_fail(r->err, MI_EXIT_DATA,
                           "key '%s' is '%.*s': only none and linear are supported", key,
                           type.len > 80 ? 80 : (int)type.len, type.at);
    } else if (mi_gguf_find(r->g, key)) {
        return mi_fail(r->err, MI_EXIT_DATA, "key '%s' is not a string", key);
    }
    c->rope_freq_scale = 1 / factor;
    return 0;
}

static int read_heads(struct reading *r, struct mi_config *c)
{
    struct mi_dims *d = &c->dims;
    int d_value = 0, rc = read_size(r, "attention.head_count", -1, 1, 1024, &d->n_heads);

    if (rc == 0)
        rc = read_size(r, "attention.head_count_kv", d->n_heads, 1, d->n_heads, &d->n_kv_heads);
    if (rc < 0)
        return rc;
    if (d->n_heads % d->n_kv_heads != 0)
        return mi_fail(r->err, MI_EXIT_DATA, "%d heads do not share %d key and value heads evenly",
                       d->n_heads, d->n_kv_heads);
    rc = read_size(r, "attention.key_length", d->d_model / d->n_heads, 2, 1024, &d->d_head);
    if (rc == 0)
        rc = read_size(r, "attention.value_length", d->d_head, 1, 1024, &d_value);
    if (rc < 0)
        return rc;
    if (d_value != d->d_head)
        return mi_fail(r->err, MI_EXIT_DATA,
                       "keys have %d coordinates and values %d: not supported", d->d_head, d_value);
    if (d->d_head < 2 || d->d_head % 2 != 0)
        return mi_fail(r->err, MI_EXIT_DATA, "heads of %d coordinates are not supported",
                       d->d_head);
    return 0;
}

static int read_attention(struct reading *r, struct mi_config *c)
{
    double eps = 0, scale = 0;
    int window = 0, rc = read_heads(r, c);

    if (rc == 0)
        rc = read_positive(r, "attention.layer_norm_rms_epsilon", 0, &eps);
    if (rc == 0)
        rc = read_positive(r, "attention.scale", 1 / sqrt((double)c->dims.d_head), &scale);
    if (rc == 0)
        rc = read_size(r, "attention.sliding_window", 0, 0, INT32_MAX, &window);
    c->norm_eps = (float)eps;
    c->attention_scale = (float)scale;
    c->window = window < c->dims.n_ctx ? window : 0;
    return rc;
}

static int read_sizes(struct reading *r, struct mi_config *c)
{
    const struct mi_gguf_tensor *embedding = mi_gguf_tensor(r->g, "token_embd.weight");
    struct mi_dims *d = &c->dims;
    int rc = read_size(r, "block_count", -1, 1, 1024, &d->n_layers);

    if (rc == 0)
        rc = read_size(r, "embedding_length", -1, 1, 1 << 16, &d->d_model);
    if (rc == 0)
        rc = read_size(r, "feed_forward_length", -1, 1, 1 << 20, &d->d_mlp);
    if (rc == 0)
        rc = read_size(r, "context_length", -1, 1, 1 << 27, &d->n_ctx);
    if (rc < 0)
        return rc;
    if (!embedding)
        return mi_fail(r->err, MI_EXIT_DATA, "tensor 'token_embd.weight' is missing");
    if (embedding->ne[1] > 1 << 22)
        return mi_fail(r->err, MI_EXIT_DATA, "a vocabulary of %llu tokens (limit %d)",
                       (unsigned long long)embedding->ne[1], 1 << 22);
    d->d_vocab = (int)embedding->ne[1];
    return 0;
}

static const struct mi_architecture *find_architecture(const struct mi_gguf_string *name)
{
    for (size_t i = 0; i < sizeof(architecture) / sizeof(architecture[0]); i++)
        if (name->len == strlen(architecture[i].name) &&
            memcmp(name->at, architecture[i].name, name->len) == 0)
            return &architecture[i];
    return NULL;
}

static int refuse_architecture(const struct mi_gguf_string *name, struct mi_error *err)
{
    char known[256] = "";
    size_t at = 0;

    for (size_t i = 0; i < sizeof(architecture) / sizeof(architecture[0]) && at < 200; i++)
        at += (size_t)snprintf(known + at, sizeof(known) - at, "%s%s", i ? ", " : "",
                               architecture[i].name);
    return mi_fail(err, MI_EXIT_DATA, "architecture '%.*s' is not supported (known: %s)",
                   name->len > 80 ? 80 : (int)name->len, name->at, known);
}

int mi_config_read(struct mi_config *c, const struct mi_gguf *g, struct mi_error *err)
{
    struct reading r = {.g = g, .err = err};
    struct mi_gguf_string name;
    int64_t n_splits = 0;
    int rc;

    *c = (struct mi_config){0};
    if (!mi_gguf_text(g, "general.architecture", &name))
        return mi_fail(err, MI_EXIT_DATA, "key 'general.architecture' is missing");
    r.a = find_architecture(&name);
    if (!r.a)
        return refuse_architecture(&name, err);
    if (mi_gguf_int(g, "split.count", &n_splits) && n_splits > 1)
        return mi_fail(err, MI_EXIT_DATA, "one part of a model in %lld files is not supported",
                       (long long)n_splits);
    c->architecture = r.a->name;
    c->rope_interleaved = r.a->rope_interleaved;
    c->has_qkv_bias = r.a->qkv_bias || mi_gguf_tensor(g, "blk.0.attn_q.bias") ||
                      mi_gguf_tensor(g, "blk.0.attn_qkv.bias");
    c->is_tied = !mi_gguf_tensor(g, "output.weight");
    rc = read_sizes(&r, c);
    if (rc == 0)
        rc = read_attention(&r, c);
    if (rc == 0)
        rc = read_rope(&r, c);
    return rc < 0 ? rc : refuse_unsupported(&r);
}
