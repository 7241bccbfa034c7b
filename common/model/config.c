/* model/config.c: hyperparameters of a source; see config.h. */
#include "model/config.h"

#include "base/mem.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* What a source says, with where to complain. */
struct reading {
    const struct mi_store *s;
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

/* The value of a key; an array of equal elements counts as its element. NULL: not there. */
static const struct mi_value *find(const struct reading *r, const char *suffix)
{
    const struct mi_value *v = mi_get(&r->s->keys, suffix);

    if (!mi_is(v, MI_ARRAY) || v->as.array.n == 0)
        return v;
    for (size_t i = 1; i < v->as.array.n; i++)
        if (!mi_value_equal(&v->as.array.item[i], &v->as.array.item[0]))
            return v;
    return &v->as.array.item[0];
}

static bool is_number(const struct mi_value *v)
{
    return mi_is(v, MI_INT) || mi_is(v, MI_REAL);
}

static double number(const struct mi_value *v)
{
    return v->kind == MI_INT ? (double)v->as.integer : v->as.real;
}

/* Integer in [least, most]; absent: `otherwise`, or a failure where that is negative. */
static int read_size(struct reading *r, const char *suffix, int otherwise, int least, int most,
                     int *out)
{
    const char *key = full_key(r, suffix);
    const struct mi_value *v = find(r, suffix);
    int64_t i;

    if (!v) {
        *out = otherwise;
        return otherwise >= 0 ? 0 : mi_fail(r->err, MI_EXIT_DATA, "key '%s' is missing", key);
    }
    if (v->kind != MI_INT)
        return mi_fail(r->err, MI_EXIT_DATA,
                       "key '%s' is not one whole number for all layers: not supported", key);
    i = v->as.integer;
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
    const struct mi_value *v = find(r, suffix);

    *out = otherwise;
    if (!v)
        return otherwise > 0 ? 0 : mi_fail(r->err, MI_EXIT_DATA, "key '%s' is missing", key);
    *out = is_number(v) ? number(v) : (double)NAN;
    if (!isfinite(*out) || *out <= 0)
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
        const struct mi_value *v = find(r, unsupported[i].suffix);
        double x = (double)NAN;

        if (!v)
            continue;
        if (v->kind == MI_BOOL)
            x = v->as.flag ? 1 : 0;
        else if (is_number(v))
            x = number(v);
        if (!(x == unsupported[i].neutral))
            return mi_fail(r->err, MI_EXIT_DATA,
                           "key '%s' asks for a computation that is not supported",
                           full_key(r, unsupported[i].suffix));
    }
    return 0;
}

static int read_rope(struct reading *r, struct mi_config *c)
{
    struct mi_rotary *rot = &c->rotary[0];
    const struct mi_value *type = find(r, "rope.scaling.type");
    double factor = 1;
    int rc = read_size(r, "rope.dimension_count", c->dims.d_head, 2, c->dims.d_head, &rot->n_rot);

    if (rc == 0)
        rc = read_positive(r, "rope.freq_base", 10000, &rot->base);
    if (rc == 0) /* the older name first; the newer one wins */
        rc = read_positive(r, "rope.scale_linear", 1, &factor);
    if (rc == 0)
        rc = read_positive(r, "rope.scaling.factor", factor, &factor);
    if (rc < 0)
        return rc;
    if (rot->n_rot % 2 != 0 || (c->is_permuted && rot->n_rot != c->dims.d_head))
        return mi_fail(r->err, MI_EXIT_DATA,
                       "key '%s' is %d where heads have %d coordinates: not supported",
                       full_key(r, "rope.dimension_count"), rot->n_rot, c->dims.d_head);
    if (type && type->kind != MI_STR)
        return mi_fail(r->err, MI_EXIT_DATA, "key '%s' is not a string",
                       full_key(r, "rope.scaling.type"));
    if (type && strcmp(type->as.bytes.at, "none") == 0)
        factor = 1;
    else if (type && strcmp(type->as.bytes.at, "linear") != 0)
        return mi_fail(r->err, MI_EXIT_DATA,
                       "key '%s' is '%.80s': only none and linear are supported",
                       full_key(r, "rope.scaling.type"), type->as.bytes.at);
    rot->factor = factor;
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
    const struct mi_store_tensor *embedding = mi_store_tensor(r->s, "token_embd.weight");
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

static int refuse_architecture(const char *name, struct mi_error *err)
{
    char known[512] = "";
    size_t at = 0;
    int n;
    const struct mi_architecture *table = mi_architectures(&n);

    for (int i = 0; i < n && at < sizeof(known) - 40; i++)
        at +=
            (size_t)snprintf(known + at, sizeof(known) - at, "%s%s", i ? ", " : "", table[i].name);
    return mi_fail(err, MI_EXIT_DATA, "architecture '%.80s' is not supported (known: %s)", name,
                   known);
}

int mi_config_read(struct mi_config *c, const struct mi_store *s, struct mi_error *err)
{
    struct reading r = {.s = s, .a = mi_architecture_find(s->architecture), .err = err};
    int rc;

    *c = (struct mi_config){.row = r.a};
    if (!r.a)
        return refuse_architecture(s->architecture, err);
    c->architecture = r.a->name;
    c->is_permuted = s->is_permuted && (r.a->traits & MI_TRAIT_PERMUTED);
    c->is_tied = !mi_store_tensor(s, "output.weight");
    rc = read_sizes(&r, c);
    if (rc == 0)
        rc = read_attention(&r, c);
    if (rc == 0)
        rc = read_rope(&r, c);
    return rc < 0 ? rc : refuse_unsupported(&r);
}

void mi_config_free(struct mi_config *c)
{
    mi_free(c->layer);
    *c = (struct mi_config){0};
}
