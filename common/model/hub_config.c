/* model/hub_config.c: config.json as canonical keys; see hub.h. */
#include "model/hub.h"

#include "base/escape.h"
#include "data/json.h"
#include "model/config.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- fields ----------------------------------------------------------------------- */

static const struct mi_value *find_first(const struct mi_value *map, const char *names)
{
    char name[64];

    for (const char *s = names; *s; s += strspn(s, " ")) {
        size_t n = strcspn(s, " ");
        const struct mi_value *v;

        snprintf(name, sizeof(name), "%.*s", (int)n, s);
        v = mi_get(map, name);
        if (v)
            return v;
        s += n;
    }
    return NULL;
}

const struct mi_value *mi_hub_field(const struct mi_hub *h, const char *names)
{
    const struct mi_value *v = find_first(&h->folder->config, names);

    if (!v)
        v = find_first(&h->defaults, names);
    return v && v->kind != MI_NIL ? v : NULL;
}

bool mi_hub_flag(const struct mi_hub *h, const char *name)
{
    const struct mi_value *v = mi_hub_field(h, name);

    return mi_is(v, MI_BOOL) && v->as.flag;
}

int mi_hub_int(const struct mi_hub *h, const char *names, int64_t otherwise, int64_t least,
               int64_t *out)
{
    const struct mi_value *v = mi_hub_field(h, names);

    *out = otherwise;
    if (!v)
        return 0;
    if (v->kind != MI_INT)
        return mi_fail(h->err, MI_EXIT_DATA, "'%.*s' is not a whole number",
                       (int)strcspn(names, " "), names);
    if (v->as.integer < least || v->as.integer > INT32_MAX)
        return mi_fail(h->err, MI_EXIT_DATA, "'%.*s' is %lld: not from %lld to %d",
                       (int)strcspn(names, " "), names, (long long)v->as.integer, (long long)least,
                       INT32_MAX);
    *out = v->as.integer;
    return 0;
}

int mi_hub_real(const struct mi_hub *h, const char *names, double otherwise, double *out)
{
    const struct mi_value *v = mi_hub_field(h, names);

    *out = otherwise;
    if (!v)
        return 0;
    if (v->kind != MI_INT && v->kind != MI_REAL)
        return mi_fail(h->err, MI_EXIT_DATA, "'%.*s' is not a number", (int)strcspn(names, " "),
                       names);
    *out = v->kind == MI_INT ? (double)v->as.integer : v->as.real;
    return 0;
}

void mi_hub_put_int(struct mi_hub *h, const char *key, int64_t i)
{
    mi_set(&h->store->arena, &h->store->keys, key, mi_int(i));
}

void mi_hub_put_real(struct mi_hub *h, const char *key, double r)
{
    mi_set(&h->store->arena, &h->store->keys, key, mi_real((double)(float)r));
}

void mi_hub_put_text(struct mi_hub *h, const char *key, const char *text)
{
    mi_set(&h->store->arena, &h->store->keys, key, mi_str_dup(&h->store->arena, text));
}

/* ---- what it is ------------------------------------------------------------------- */

/* The supported types that begin as this one does, or share a part of its name. */
static int refuse_type(struct mi_hub *h)
{
    char near[256] = "";
    size_t at = 0, stem = strcspn(h->type, "0123456789_-.");
    int n;
    const struct mi_architecture *table = mi_architectures(&n);

    for (int i = 0; i < n; i++)
        for (const char *s = table[i].model_types; *s; s += strspn(s, " ")) {
            size_t len = strcspn(s, " ");

            if (stem > 2 && strncmp(s, h->type, stem) == 0 && at + len + 3 < sizeof(near))
                at += (size_t)snprintf(near + at, sizeof(near) - at, "%s%.*s", at ? ", " : "",
                                       (int)len, s);
            s += len;
        }
    return mi_fail(h->err, MI_EXIT_DATA, "model_type '%s' is not supported%s%s%s",
                   mi_quote(h->type), at ? " (near: " : "; mi-tools(7) lists what is", near,
                   at ? ")" : "");
}

static int read_type(struct mi_hub *h)
{
    const struct mi_value *type = mi_get(&h->folder->config, "model_type");
    const char *defaults;

    if (!mi_is(type, MI_STR))
        return mi_fail(h->err, MI_EXIT_DATA, "'model_type' is %s", type ? "no text" : "missing");
    h->type = type->as.bytes.at;
    h->row = mi_architecture_of_type(h->type);
    if (!h->row)
        return refuse_type(h);
    h->store->architecture = h->row->name;
    defaults = mi_hub_defaults(h->type);
    return mi_json_parse(&h->store->arena, defaults, strlen(defaults), &h->defaults, h->err);
}

/* Settings under which a model computes something else than its row says. */
static const struct {
    const char *type, *field; /* type "": any */
    const char *neutral;      /* as JSON; null: it must not be there */
} neutral[] = {
    {"", "scale_attn_by_inverse_layer_idx", "false"},
    {"", "add_cross_attention", "false"},
    {"", "apply_residual_connection_post_layernorm", "false"},
    {"", "use_bidirectional_attention", "false"},
    {"", "decoder_sparse_step", "1"},
    {"", "mlp_only_layers", "[]"},
    {"", "num_nextn_predict_layers", "0"},
    {"", "n_group", "1"},
    {"", "topk_group", "1"},
    {"falcon", "alibi", "false"},
    {"opt", "do_layer_norm_before", "true"},
    {"gpt_oss", "swiglu_limit", "7.0"},
    {"gpt_oss", "swiglu_alpha", "1.702"},
    {"opt", "_remove_final_layer_norm", "false"},
    {"mpt", "logit_scale", "null"},
    {"mpt", "no_bias", "true"},
    {"gpt2", "scale_attn_weights", "true"},
    {"gpt_bigcode", "scale_attn_weights", "true"},
};

static int refuse_unsupported(struct mi_hub *h)
{
    for (size_t i = 0; i < sizeof(neutral) / sizeof(neutral[0]); i++) {
        const struct mi_value *v = mi_hub_field(h, neutral[i].field);
        struct mi_value wanted;
        int rc;

        if (!v || (neutral[i].type[0] && strcmp(neutral[i].type, h->type) != 0))
            continue;
        rc = mi_json_parse(&h->store->arena, neutral[i].neutral, strlen(neutral[i].neutral),
                           &wanted, h->err);
        if (rc < 0)
            return rc;
        if (!mi_value_equal(v, &wanted))
            return mi_fail(h->err, MI_EXIT_DATA,
                           "'%s' asks for a computation that is not supported", neutral[i].field);
    }
    return 0;
}

/* ---- sizes ------------------------------------------------------------------------ */

/* Larger numbers are refused here, so that products of them fit; config.c has the limits of
 * what is computed. */
enum { MAX_SIZE = 1 << 27, MAX_HEADS = 65536 };

static const struct {
    const char *key, *names;
    bool is_needed;
} sizes[] = {
    {"block_count", "num_hidden_layers n_layer n_layers num_layers", true},
    {"embedding_length", "hidden_size n_embd d_model n_embed", true},
    {"context_length", "max_position_embeddings n_positions max_seq_len seq_length n_ctx", true},
    {"attention.head_count", "num_attention_heads n_head n_heads num_heads", true},
    {"attention.head_count_kv", "num_key_value_heads", false},
    {"attention.key_length", "head_dim", false},
    {"attention.value_length", "head_dim", false},
    {"feed_forward_length", "intermediate_size n_inner ffn_hidden_size ffn_dim", false},
    {"expert_count", "num_local_experts num_experts n_routed_experts moe_num_experts", false},
    {"expert_used_count", "num_experts_per_tok experts_per_token moe_k", false},
    {"expert_shared_count", "n_shared_experts moe_num_shared_experts", false},
    {"expert_feed_forward_length", "moe_intermediate_size", false},
    {"expert_shared_feed_forward_length",
     "shared_expert_intermediate_size shared_intermediate_size", false},
};

static int64_t key_int(const struct mi_hub *h, const char *key)
{
    return mi_get_int(&h->store->keys, key, 0);
}

/* Falcon's and StarCoder's ways to say how many heads keys and values have. */
static int read_shared_heads(struct mi_hub *h)
{
    bool is_falcon = strcmp(h->type, "falcon") == 0;
    int64_t n = h->n_heads;
    int rc = 0;

    if (!is_falcon && strcmp(h->type, "gpt_bigcode") != 0)
        return 0;
    if (is_falcon && mi_hub_flag(h, "new_decoder_architecture"))
        rc = mi_hub_int(h, "num_kv_heads n_head_kv", n, 1, &n);
    else if (mi_hub_flag(h, "multi_query"))
        n = 1;
    mi_hub_put_int(h, "attention.head_count_kv", n);
    return rc;
}

static int read_sizes(struct mi_hub *h)
{
    int64_t width, ratio = 4;
    int rc = 0;

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]) && rc == 0; i++) {
        int64_t n = 0;

        rc = mi_hub_int(h, sizes[i].names, -1, sizes[i].is_needed ? 1 : 0, &n);
        if (rc == 0 && n < 0 && sizes[i].is_needed)
            rc = mi_fail(h->err, MI_EXIT_DATA, "'%.*s' is missing",
                         (int)strcspn(sizes[i].names, " "), sizes[i].names);
        if (rc == 0 && n >= 0)
            mi_hub_put_int(h, sizes[i].key, n);
    }
    if (rc < 0)
        return rc;
    width = key_int(h, "embedding_length");
    h->n_layers = key_int(h, "block_count");
    h->n_heads = key_int(h, "attention.head_count");
    rc = read_shared_heads(h);
    if (rc == 0)
        rc = mi_hub_int(h, "expansion_ratio", 4, 1, &ratio);
    if (key_int(h, "feed_forward_length") == 0)
        mi_hub_put_int(h, "feed_forward_length", ratio * width);
    h->n_kv_heads = mi_get_int(&h->store->keys, "attention.head_count_kv", h->n_heads);
    h->d_head = mi_get_int(&h->store->keys, "attention.key_length", width / h->n_heads);
    if (rc == 0 && (width > MAX_SIZE || h->d_head > MAX_SIZE || h->n_heads > MAX_HEADS ||
                    h->n_kv_heads > MAX_HEADS || h->n_layers > MI_MAX_LAYERS))
        rc = mi_fail(h->err, MI_EXIT_DATA, "%lld layers, %lld heads, a width of %lld: too large",
                     (long long)h->n_layers, (long long)h->n_heads, (long long)width);
    if (rc == 0 && (h->d_head < 1 || h->n_kv_heads < 1))
        rc = mi_fail(h->err, MI_EXIT_DATA, "%lld heads (%lld of keys) do not share a width of %lld",
                     (long long)h->n_heads, (long long)h->n_kv_heads, (long long)width);
    return rc;
}

/* ---- numbers ---------------------------------------------------------------------- */

static const struct {
    const char *key, *names;
} numbers[] = {
    {"attn_logit_softcapping", "attn_logit_softcapping"},
    {"final_logit_softcapping", "final_logit_softcapping"},
    {"attention.clamp_kqv", "clip_qkv"},
    {"attention.scale", "attention_multiplier"},
    {"embedding_scale", "embedding_multiplier"},
    {"residual_scale", "residual_multiplier"},
    {"expert_weights_scale", "routed_scaling_factor"},
    {"logit_scale", "logits_scaling logit_scale"},
};

static int read_numbers(struct mi_hub *h)
{
    static const char eps_names[] =
        "rms_norm_eps layer_norm_eps layer_norm_epsilon norm_epsilon norm_eps";
    const char *eps_key = h->row->norm == MI_NORM_RMS ? "attention.layer_norm_rms_epsilon"
                                                      : "attention.layer_norm_epsilon";
    double x = 0;
    int rc = mi_hub_real(h, eps_names, 1e-5, &x); /* absent: OLMo 1, where it is fixed */

    mi_hub_put_real(h, eps_key, x);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]) && rc == 0; i++) {
        if (mi_hub_field(h, numbers[i].names)) {
            rc = mi_hub_real(h, numbers[i].names, 0, &x);
            mi_hub_put_real(h, numbers[i].key, x);
        } else if (strstr(numbers[i].key, "softcapping")) {
            mi_hub_put_real(h, numbers[i].key, 0); /* none, whatever the row's default is */
        }
    }
    if (rc == 0 && mi_hub_field(h, "query_pre_attn_scalar")) {
        rc = mi_hub_real(h, "query_pre_attn_scalar", 1, &x);
        if (rc == 0 && !(x > 0))
            rc = mi_fail(h->err, MI_EXIT_DATA, "'query_pre_attn_scalar' is not above 0");
        mi_hub_put_real(h, "attention.scale", 1 / sqrt(x));
    }
    return rc;
}

/* MPT keeps the settings of attention in an object of their own. */
static int read_mpt(struct mi_hub *h)
{
    const struct mi_value *a = mi_hub_field(h, "attn_config");
    const struct mi_value *alibi = mi_get(a, "alibi");
    double clip = mi_get_real(a, "clip_qkv", 0), scale = mi_get_real(a, "softmax_scale", 0);

    if (strcmp(h->type, "mpt") != 0)
        return 0;
    if ((mi_is(alibi, MI_BOOL) && !alibi->as.flag) || mi_get_int(a, "kv_n_heads", 0) != 0)
        return mi_fail(h->err, MI_EXIT_DATA,
                       "'attn_config': without ALiBi, or with kv_n_heads, is not supported");
    mi_hub_put_real(h, "attention.max_alibi_bias", mi_get_real(a, "alibi_bias_max", 8));
    if (clip > 0)
        mi_hub_put_real(h, "attention.clamp_kqv", clip);
    if (scale > 0)
        mi_hub_put_real(h, "attention.scale", scale);
    return 0;
}

static void read_activation(struct mi_hub *h)
{
    const struct mi_value *v =
        mi_hub_field(h, "hidden_activation hidden_act activation_function activation");

    /* Gemma 1 says gelu and means the approximation by tanh */
    if (strcmp(h->type, "gemma") == 0)
        mi_hub_put_text(h, "activation", "gelu_pytorch_tanh");
    else if (mi_is(v, MI_STR))
        mi_hub_put_text(h, "activation", v->as.bytes.at);
}

static void read_flags(struct mi_hub *h)
{
    static const struct {
        const char *key, *name;
    } flags[] = {
        {"use_parallel_residual", "use_parallel_residual"},
        {"use_parallel_residual", "parallel_attn"},
        {"expert_weights_norm", "norm_topk_prob"},
    };

    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        const struct mi_value *v = mi_hub_field(h, flags[i].name);

        if (mi_is(v, MI_BOOL))
            mi_set(&h->store->arena, &h->store->keys, flags[i].key, mi_bool(v->as.flag));
    }
    /* a Falcon of the new kind is parallel whatever the other field says */
    if (mi_hub_flag(h, "new_decoder_architecture"))
        mi_set(&h->store->arena, &h->store->keys, "use_parallel_residual", mi_bool(true));
    h->is_tied = mi_hub_flag(h, "tie_word_embeddings");
}

int mi_hub_config(struct mi_hub *h)
{
    int rc;

    h->store->keys = mi_map();
    rc = read_type(h);
    if (rc == 0)
        rc = refuse_unsupported(h);
    if (rc == 0)
        rc = read_sizes(h);
    if (rc == 0)
        rc = read_numbers(h);
    if (rc == 0)
        rc = read_mpt(h);
    if (rc < 0)
        return rc;
    read_activation(h);
    read_flags(h);
    rc = mi_hub_windows(h);
    return rc < 0 ? rc : mi_hub_rotary(h);
}
