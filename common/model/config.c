/* model/config.c: hyperparameters of a store; see config.h. */
#include "model/config.h"

#include "base/mem.h"
#include "model/config_keys.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static bool has_trait(const struct mi_reading *r, unsigned trait)
{
    return (r->a->traits & trait) != 0;
}

static int read_heads(struct mi_reading *r, struct mi_config *c)
{
    struct mi_dims *d = &c->dims;
    int d_value = 0, rc = mi_reading_size(r, "attention.head_count", -1, 1, 1024, &d->n_heads);

    if (rc == 0)
        rc = mi_reading_size(r, "attention.head_count_kv", d->n_heads, 1, d->n_heads,
                             &d->n_kv_heads);
    if (rc < 0)
        return rc;
    if (d->n_heads % d->n_kv_heads != 0)
        return mi_fail(r->err, MI_EXIT_DATA, "%d heads do not share %d key and value heads evenly",
                       d->n_heads, d->n_kv_heads);
    rc = mi_reading_size(r, "attention.key_length", d->d_model / d->n_heads, 2, MI_MAX_HEAD,
                         &d->d_head);
    if (rc == 0)
        rc = mi_reading_size(r, "attention.value_length", d->d_head, 1, MI_MAX_HEAD, &d_value);
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

/* Where q and k have norms, the shape of q's says of what. */
static int read_qk_norm(struct mi_reading *r, struct mi_config *c)
{
    const struct mi_store_tensor *t = mi_store_tensor(r->s, "blk.0.attn_q_norm.weight");
    uint64_t k = (uint64_t)c->dims.d_head, all = k * (uint64_t)c->dims.n_heads;

    if (!t && has_trait(r, MI_TRAIT_QK_NORM))
        return mi_fail(r->err, MI_EXIT_DATA, "tensor 'blk.0.attn_q_norm.weight' is missing");
    if (!t)
        return 0;
    if (c->is_permuted)
        return mi_fail(r->err, MI_EXIT_DATA, "norms of q and k are not supported in %s files",
                       r->a->name);
    c->qk_norm = t->ne[1] > 1      ? MI_QK_NORM_HEADS
                 : t->ne[0] == all ? MI_QK_NORM_WHOLE
                                   : MI_QK_NORM_HEAD;
    if (t->ne[0] != (c->qk_norm == MI_QK_NORM_WHOLE ? all : k))
        return mi_fail(
            r->err, MI_EXIT_DATA, "tensor '%s' has rows of %llu, not of %llu or %llu numbers",
            t->name, (unsigned long long)t->ne[0], (unsigned long long)k, (unsigned long long)all);
    return 0;
}

static int read_attention(struct mi_reading *r, struct mi_config *c)
{
    const struct mi_dims *d = &c->dims;
    bool is_wide = r->a->wide_scale_layers > 0 && d->n_layers == r->a->wide_scale_layers;
    double width = is_wide ? (double)(d->d_model / d->n_heads) : (double)d->d_head;
    double scale = has_trait(r, MI_TRAIT_NO_SCALE) ? 1 : 1 / sqrt(width);
    int rc = mi_reading_measure(r, "attention.scale", 0, &c->attention_scale);

    if (!(c->attention_scale > 0))
        c->attention_scale = (float)scale;
    if (rc == 0)
        rc =
            mi_reading_measure(r, "attn_logit_softcapping", (double)r->a->score_cap, &c->score_cap);
    if (rc == 0)
        rc = mi_reading_measure(r, "attention.clamp_kqv", 0, &c->clamp_qkv);
    if (rc == 0)
        rc = mi_reading_measure(r, "attention.max_alibi_bias",
                                r->a->position == MI_POSITION_ALIBI ? 8 : 0, &c->alibi_max);
    return rc == 0 ? read_qk_norm(r, c) : rc;
}

/* Keys in reach: all, of every layer the same, or by a period or a list of layers. */
static int read_windows(struct mi_reading *r, struct mi_config *c)
{
    static const char pattern[] = "attention.sliding_window_pattern";
    bool is_local[MI_MAX_LAYERS];
    int window = 0, period = r->a->window_period, n = c->dims.n_layers;
    int rc = mi_reading_size(r, "attention.sliding_window", r->a->window, 0, INT32_MAX, &window);
    bool has_list = rc == 0 && mi_reading_flags(r, pattern, n, is_local);

    if (rc == 0 && !has_list)
        rc = mi_reading_size(r, pattern, period, 0, MI_MAX_LAYERS, &period);
    if (rc < 0)
        return rc;
    c->layer = mi_alloc_zero((size_t)n, sizeof(*c->layer));
    for (int i = 0; i < n && window > 0; i++) {
        bool is_on = has_list ? is_local[i] : period == 0 || i % period < period - 1;

        c->layer[i].is_local = is_on;
        c->layer[i].window = is_on && window < c->dims.n_ctx ? window : 0;
    }
    c->window = c->layer[0].window;
    for (int i = 1; i < n; i++)
        if (c->layer[i].window != c->window)
            c->window = 0;
    return 0;
}

static int read_position(struct mi_reading *r, struct mi_config *c)
{
    c->position = r->a->position;
    if (c->position == MI_POSITION_ALIBI && !(c->alibi_max > 0))
        c->position = MI_POSITION_LEARNED; /* MPT without ALiBi */
    else if (c->alibi_max > 0)
        c->position = MI_POSITION_ALIBI;
    return mi_config_read_rotary(r, c);
}

static int read_norms(struct mi_reading *r, struct mi_config *c)
{
    const char *key = r->a->norm == MI_NORM_RMS ? "attention.layer_norm_rms_epsilon"
                                                : "attention.layer_norm_epsilon";
    bool has_second = mi_store_tensor(r->s, "blk.0.ffn_norm.weight") != NULL;
    double eps = 0;
    int rc = mi_reading_positive(r, key, 0, &eps);

    c->norm_eps = (float)eps;
    if (rc == 0)
        rc = mi_reading_flag(r, "use_parallel_residual", has_trait(r, MI_TRAIT_PARALLEL),
                             &c->is_parallel);
    if (has_trait(r, MI_TRAIT_PARALLEL_BARE))
        c->is_parallel = !has_second;
    c->is_crossed = has_trait(r, MI_TRAIT_CROSSED_NORMS) &&
                    mi_store_tensor(r->s, "blk.0.attn_norm_2.weight") != NULL;
    c->has_norm1 = !has_trait(r, MI_TRAIT_NO_PRE_NORM);
    c->has_norm2 = c->has_norm1 && (!c->is_parallel || has_second || c->is_crossed ||
                                    has_trait(r, MI_TRAIT_TWO_NORMS));
    c->has_post_norm = has_trait(r, MI_TRAIT_POST_NORM);
    return rc;
}

/* A factor that is 1 where it is absent or 0. */
static int read_factor(struct mi_reading *r, const char *suffix, float *out)
{
    int rc = mi_reading_measure(r, suffix, 1, out);

    if (!(*out > 0))
        *out = 1;
    return rc;
}

static int read_scales(struct mi_reading *r, struct mi_config *c)
{
    int rc = read_factor(r, "embedding_scale", &c->embedding_scale);

    if (has_trait(r, MI_TRAIT_EMBED_ROOT))
        c->embedding_scale = (float)sqrt((double)c->dims.d_model);
    if (rc == 0)
        rc = read_factor(r, "residual_scale", &c->residual_scale);
    if (rc == 0)
        rc = read_factor(r, "logit_scale", &c->logit_scale);
    if (has_trait(r, MI_TRAIT_LOGIT_DIVIDE))
        c->logit_scale = 1 / c->logit_scale;
    if (rc == 0)
        rc = mi_reading_measure(r, "final_logit_softcapping", (double)r->a->logit_cap,
                                &c->logit_cap);
    return rc;
}

static const struct {
    const char *name;
    enum mi_activation kind;
} activation[] = {
    {"silu", MI_ACTIVATION_SILU},           {"swish", MI_ACTIVATION_SILU},
    {"gelu", MI_ACTIVATION_GELU},           {"gelu_new", MI_ACTIVATION_GELU_TANH},
    {"gelu_fast", MI_ACTIVATION_GELU_TANH}, {"gelu_pytorch_tanh", MI_ACTIVATION_GELU_TANH},
    {"relu", MI_ACTIVATION_RELU},           {"relu2", MI_ACTIVATION_RELU2},
};

static int read_mlp(struct mi_reading *r, struct mi_config *c)
{
    const char *name;
    int rc = mi_reading_text(r, "activation", &name);

    c->is_gated = !has_trait(r, MI_TRAIT_PLAIN_MLP);
    c->activation = r->a->activation;
    if (rc < 0 || !*name)
        return rc;
    for (size_t i = 0; i < sizeof(activation) / sizeof(activation[0]); i++)
        if (strcmp(name, activation[i].name) == 0) {
            c->activation = activation[i].kind;
            return 0;
        }
    return mi_fail(r->err, MI_EXIT_DATA, "activation '%.80s' is not supported", name);
}

/* expert_gating_func; the last is what a softmax of all becomes when it is made to sum to 1 */
enum { SOFTMAX = 1, SIGMOID, SOFTMAX_OF_CHOSEN };

static int read_experts(struct mi_reading *r, struct mi_config *c)
{
    int n = 0, least = has_trait(r, MI_TRAIT_EXPERTS) ? 1 : 0;
    bool is_shared = has_trait(r, MI_TRAIT_SHARED_EXPERT);
    int rc = mi_reading_size(r, "expert_count", least ? -1 : 0, least, MI_MAX_EXPERTS, &n);

    c->n_experts = n;
    c->expert_scale = 1;
    if (rc < 0 || n == 0)
        return rc;
    rc = mi_reading_size(r, "expert_used_count", -1, 1, n, &c->n_experts_used);
    if (rc == 0)
        rc = mi_reading_size(r, "expert_feed_forward_length", c->dims.d_mlp, 1, 1 << 20,
                             &c->d_expert);
    /* the count says it where it stands: ERNIE's converter divides the length by it */
    if (rc == 0)
        rc = mi_reading_size(r, "expert_shared_count", 0, 0, 64, &n);
    c->d_shared = n * c->d_expert;
    if (rc == 0 && n == 0)
        rc = mi_reading_size(r, "expert_shared_feed_forward_length", is_shared ? c->dims.d_mlp : 0,
                             0, 1 << 20, &c->d_shared);
    n = has_trait(r, MI_TRAIT_SIGMOID) ? SIGMOID : SOFTMAX;
    if (rc == 0)
        rc = mi_reading_size(r, "expert_gating_func", n, SOFTMAX, SOFTMAX_OF_CHOSEN, &n);
    c->is_sigmoid = n == SIGMOID;
    if (rc == 0)
        rc = mi_reading_flag(r, "expert_weights_norm",
                             has_trait(r, MI_TRAIT_EXPERT_RENORM) || n == SOFTMAX_OF_CHOSEN,
                             &c->is_renormalised);
    if (rc == 0)
        rc = read_factor(r, "expert_weights_scale", &c->expert_scale);
    if (rc == 0 && !c->is_gated)
        rc = mi_fail(r->err, MI_EXIT_DATA, "experts without a gate are not supported");
    return rc;
}

static int read_sizes(struct mi_reading *r, struct mi_config *c)
{
    const struct mi_store_tensor *embedding = mi_store_tensor(r->s, "token_embd.weight");
    struct mi_dims *d = &c->dims;
    int rc = mi_reading_size(r, "block_count", -1, 1, MI_MAX_LAYERS, &d->n_layers);

    r->n_layers = rc == 0 ? d->n_layers : 0;
    if (rc == 0)
        rc = mi_reading_size(r, "embedding_length", -1, 1, 1 << 16, &d->d_model);
    if (rc == 0)
        rc = mi_reading_size(r, "feed_forward_length", -1, 1, 1 << 20, &d->d_mlp);
    if (rc == 0)
        rc = mi_reading_size(r, "context_length", -1, 1, 1 << 27, &d->n_ctx);
    if (rc < 0)
        return rc;
    if (!embedding)
        return mi_fail(r->err, MI_EXIT_DATA, "tensor 'token_embd.weight' is missing");
    if (embedding->ne[1] > 1 << 22)
        return mi_fail(r->err, MI_EXIT_DATA, "a vocabulary of %llu tokens (limit %d)",
                       (unsigned long long)embedding->ne[1], 1 << 22);
    c->n_trained = d->n_ctx;
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
    static int (*const part[])(struct mi_reading *, struct mi_config *) = {
        read_sizes, read_heads,  read_attention, read_windows, read_position,
        read_norms, read_scales, read_mlp,       read_experts,
    };
    struct mi_reading r = {.s = s, .a = mi_architecture_find(s->architecture), .err = err};
    int rc = 0;

    *c = (struct mi_config){.row = r.a};
    if (!r.a)
        return refuse_architecture(s->architecture, err);
    c->architecture = r.a->name;
    c->is_permuted = s->is_permuted && has_trait(&r, MI_TRAIT_PERMUTED);
    c->is_tied = !mi_store_tensor(s, "output.weight");
    for (size_t i = 0; i < sizeof(part) / sizeof(part[0]) && rc == 0; i++)
        rc = part[i](&r, c);
    return rc < 0 ? rc : mi_reading_refuse(&r);
}

void mi_config_free(struct mi_config *c)
{
    mi_free(c->layer);
    *c = (struct mi_config){0};
}
