/* model/hub_names.c: Hugging Face's names of tensors as GGUF's; see hub.h. */
#include "model/hub.h"

#include "base/escape.h"

#include <stdio.h>
#include <string.h>

/* Inside a layer: name without ".weight" and ".bias" -> name without them. '*' stands for a
 * number. `rows`: only in these rows of the table of architectures (first match counts). */
static const struct rule {
    const char *from, *to, *rows;
    enum mi_hub_change change; /* MI_HUB_KEEP: see change_of */
} layer_rules[] = {
    {"self_attn.q_proj", "attn_q", NULL, MI_HUB_KEEP},
    {"self_attn.k_proj", "attn_k", NULL, MI_HUB_KEEP},
    {"self_attn.v_proj", "attn_v", NULL, MI_HUB_KEEP},
    {"self_attn.o_proj", "attn_output", NULL, MI_HUB_KEEP},
    {"self_attn.dense", "attn_output", NULL, MI_HUB_KEEP},
    {"self_attn.qkv_proj", "attn_qkv", NULL, MI_HUB_KEEP},
    {"self_attn.q_norm", "attn_q_norm", NULL, MI_HUB_KEEP},
    {"self_attn.k_norm", "attn_k_norm", NULL, MI_HUB_KEEP},
    {"self_attn.q_layernorm", "attn_q_norm", NULL, MI_HUB_KEEP},
    {"self_attn.k_layernorm", "attn_k_norm", NULL, MI_HUB_KEEP},
    {"self_attn.q_layernorm.norms.*", "attn_q_norm", NULL, MI_HUB_HEAD},
    {"self_attn.k_layernorm.norms.*", "attn_k_norm", NULL, MI_HUB_HEAD},
    {"self_attn.query_layernorm", "attn_q_norm", NULL, MI_HUB_KEEP},
    {"self_attn.key_layernorm", "attn_k_norm", NULL, MI_HUB_KEEP},
    {"self_attn.out_proj", "attn_output", NULL, MI_HUB_KEEP},
    {"self_attn_layer_norm", "attn_norm", NULL, MI_HUB_KEEP},
    {"final_layer_norm", "ffn_norm", NULL, MI_HUB_KEEP},
    {"fc1", "ffn_up", NULL, MI_HUB_KEEP},
    {"fc2", "ffn_down", NULL, MI_HUB_KEEP},
    {"attn.c_attn", "attn_qkv", NULL, MI_HUB_KEEP},
    {"attn.c_proj", "attn_output", NULL, MI_HUB_KEEP},
    {"attn.q_proj", "attn_q", NULL, MI_HUB_KEEP},
    {"attn.k_proj", "attn_k", NULL, MI_HUB_KEEP},
    {"attn.v_proj", "attn_v", NULL, MI_HUB_KEEP},
    {"attn.out_proj", "attn_output", NULL, MI_HUB_KEEP},
    {"attn.Wqkv", "attn_qkv", NULL, MI_HUB_KEEP},
    {"attn.attention.q_proj", "attn_q", NULL, MI_HUB_KEEP},
    {"attn.attention.k_proj", "attn_k", NULL, MI_HUB_KEEP},
    {"attn.attention.v_proj", "attn_v", NULL, MI_HUB_KEEP},
    {"attn.attention.out_proj", "attn_output", NULL, MI_HUB_KEEP},
    {"attention.query_key_value", "attn_qkv", NULL, MI_HUB_KEEP},
    {"attention.dense", "attn_output", NULL, MI_HUB_KEEP},
    {"self_attention.query_key_value", "attn_qkv", NULL, MI_HUB_KEEP},
    {"self_attention.dense", "attn_output", NULL, MI_HUB_KEEP},
    {"input_layernorm", "attn_norm", NULL, MI_HUB_KEEP},
    {"ln_1", "attn_norm", NULL, MI_HUB_KEEP},
    {"norm_1", "attn_norm", NULL, MI_HUB_KEEP},
    {"ln_mlp", "attn_norm", NULL, MI_HUB_KEEP},
    {"ln_attn", "attn_norm_2", NULL, MI_HUB_KEEP},
    {"ln_2", "ffn_norm", NULL, MI_HUB_KEEP},
    {"norm_2", "ffn_norm", NULL, MI_HUB_KEEP},
    {"post_attention_layernorm", "post_attention_norm", "gemma2 gemma3 olmo2 exaone4", MI_HUB_KEEP},
    {"post_attention_layernorm", "ffn_norm", NULL, MI_HUB_KEEP},
    {"post_self_attn_layernorm", "post_attention_norm", NULL, MI_HUB_KEEP},
    {"post_mlp_layernorm", "post_ffw_norm", NULL, MI_HUB_KEEP},
    {"pre_feedforward_layernorm", "ffn_norm", NULL, MI_HUB_KEEP},
    {"post_feedforward_layernorm", "post_ffw_norm", NULL, MI_HUB_KEEP},
    {"mlp.gate_proj", "ffn_gate", NULL, MI_HUB_KEEP},
    {"mlp.up_proj", "ffn_up", NULL, MI_HUB_KEEP},
    {"mlp.down_proj", "ffn_down", NULL, MI_HUB_KEEP},
    {"mlp.gate_up_proj", "ffn_up", NULL, MI_HUB_KEEP},
    {"mlp.c_fc", "ffn_up", NULL, MI_HUB_KEEP},
    {"mlp.c_proj", "ffn_down", NULL, MI_HUB_KEEP},
    {"mlp.fc1", "ffn_up", NULL, MI_HUB_KEEP},
    {"mlp.fc2", "ffn_down", NULL, MI_HUB_KEEP},
    {"mlp.fc_in", "ffn_up", NULL, MI_HUB_KEEP},
    {"mlp.fc_out", "ffn_down", NULL, MI_HUB_KEEP},
    {"mlp.dense_h_to_4h", "ffn_up", NULL, MI_HUB_KEEP},
    {"mlp.dense_4h_to_h", "ffn_down", NULL, MI_HUB_KEEP},
    {"ffn.up_proj", "ffn_up", NULL, MI_HUB_KEEP},
    {"ffn.down_proj", "ffn_down", NULL, MI_HUB_KEEP},
    {"mlp.gate", "ffn_gate_inp", NULL, MI_HUB_KEEP},
    {"block_sparse_moe.gate", "ffn_gate_inp", NULL, MI_HUB_KEEP},
    {"block_sparse_moe.router.layer", "ffn_gate_inp", NULL, MI_HUB_KEEP},
    {"block_sparse_moe.experts.*.w1", "ffn_gate_exps", NULL, MI_HUB_EXPERT},
    {"block_sparse_moe.experts.*.w2", "ffn_down_exps", NULL, MI_HUB_EXPERT},
    {"block_sparse_moe.experts.*.w3", "ffn_up_exps", NULL, MI_HUB_EXPERT},
    {"block_sparse_moe.input_linear", "ffn_gate_exps", NULL, MI_HUB_GATE_UP},
    {"block_sparse_moe.output_linear", "ffn_down_exps", NULL, MI_HUB_EXPERTS},
    {"shared_mlp.input_linear", "ffn_gate_shexp", NULL, MI_HUB_GATE_UP},
    {"shared_mlp.output_linear", "ffn_down_shexp", NULL, MI_HUB_KEEP},
    {"mlp.experts.*.gate_proj", "ffn_gate_exps", NULL, MI_HUB_EXPERT},
    {"mlp.experts.*.down_proj", "ffn_down_exps", NULL, MI_HUB_EXPERT},
    {"mlp.experts.*.up_proj", "ffn_up_exps", NULL, MI_HUB_EXPERT},
    {"mlp.experts.gate_up_proj", "ffn_gate_exps", "gpt-oss", MI_HUB_WOVEN},
    {"mlp.experts.gate_up_proj_bias", "ffn_gate_exps.bias", "gpt-oss", MI_HUB_WOVEN},
    {"mlp.experts.down_proj", "ffn_down_exps", "gpt-oss", MI_HUB_TURNED},
    {"mlp.experts.down_proj_bias", "ffn_down_exps.bias", "gpt-oss", MI_HUB_KEEP},
    {"mlp.router", "ffn_gate_inp", "gpt-oss", MI_HUB_KEEP},
    {"self_attn.sinks", "attn_sinks", "gpt-oss", MI_HUB_KEEP},
    {"mlp.experts.gate_up_proj", "ffn_gate_exps", NULL, MI_HUB_GATE_UP},
    {"mlp.experts.down_proj", "ffn_down_exps", NULL, MI_HUB_EXPERTS},
    {"mlp.gate.e_score_correction_bias", "exp_probs_b.bias", NULL, MI_HUB_KEEP},
    {"mlp.moe_statics.e_score_correction_bias", "exp_probs_b.bias", NULL, MI_HUB_KEEP},
    {"mlp.shared_experts.gate_proj", "ffn_gate_shexp", NULL, MI_HUB_KEEP},
    {"mlp.shared_experts.down_proj", "ffn_down_shexp", NULL, MI_HUB_KEEP},
    {"mlp.shared_experts.up_proj", "ffn_up_shexp", NULL, MI_HUB_KEEP},
    {"mlp.shared_expert.gate_proj", "ffn_gate_shexp", NULL, MI_HUB_KEEP},
    {"mlp.shared_expert.down_proj", "ffn_down_shexp", NULL, MI_HUB_KEEP},
    {"mlp.shared_expert.up_proj", "ffn_up_shexp", NULL, MI_HUB_KEEP},
    {"mlp.shared_expert_gate", "ffn_gate_inp_shexp", NULL, MI_HUB_KEEP},
};

static const struct rule global_rules[] = {
    {"embed_tokens", "token_embd", NULL, MI_HUB_KEEP},
    {"wte", "token_embd", NULL, MI_HUB_KEEP},
    {"embed_in", "token_embd", NULL, MI_HUB_KEEP},
    {"word_embeddings", "token_embd", NULL, MI_HUB_KEEP},
    {"word_embeddings_layernorm", "token_embd_norm", NULL, MI_HUB_KEEP},
    {"wpe", "position_embd", NULL, MI_HUB_KEEP},
    {"embed_positions", "position_embd", NULL, MI_HUB_FROM_2},
    {"norm", "output_norm", NULL, MI_HUB_KEEP},
    {"norm_f", "output_norm", NULL, MI_HUB_KEEP},
    {"ln_f", "output_norm", NULL, MI_HUB_KEEP},
    {"final_layernorm", "output_norm", NULL, MI_HUB_KEEP},
    {"final_layer_norm", "output_norm", NULL, MI_HUB_KEEP},
    {"lm_head", "output", NULL, MI_HUB_KEEP},
    {"embed_out", "output", NULL, MI_HUB_KEEP},
};

/* Buffers that follow from the settings. */
static const char *const buffers[] = {
    "attn.bias",
    "attn.masked_bias",
    "attn.attention.bias",
    "attn.attention.masked_bias",
    "attention.bias",
    "attention.masked_bias",
    "attention.rotary_emb.inv_freq",
    "self_attn.rotary_emb.inv_freq",
    "self_attention.rotary_emb.inv_freq",
    "rotary_emb.inv_freq",
};

/* Is `name` in a list of words? */
static bool is_among(const char *list, const char *name)
{
    size_t len = strlen(name);

    for (const char *s = list; *s; s += strspn(s, " ")) {
        size_t n = strcspn(s, " ");

        if (n == len && memcmp(s, name, n) == 0)
            return true;
        s += n;
    }
    return false;
}

static bool starts(const char **s, const char *prefix)
{
    size_t n = strlen(prefix);

    if (strncmp(*s, prefix, n) != 0)
        return false;
    *s += n;
    return true;
}

/* Digits without a sign or needless zeros. */
static bool take_number(const char **s, int64_t *n)
{
    const char *p = *s;

    for (*n = 0; *p >= '0' && *p <= '9' && p - *s < 6; p++)
        *n = *n * 10 + (*p - '0');
    if (p == *s || (p - *s > 1 && **s == '0'))
        return false;
    *s = p;
    return true;
}

/* "model.layers.3.mlp.up_proj" -> layer 3, "mlp.up_proj"; layer -1 outside of layers. */
static const char *strip(const char *name, int64_t *layer)
{
    static const char *const outer[] = {"model.", "language_model.", "transformer.", "gpt_neox.",
                                        "decoder."};
    static const char *const stack[] = {"layers.", "h.", "blocks."};
    const char *s = name;

    for (int depth = 0; depth < 3; depth++)
        for (size_t i = 0; i < sizeof(outer) / sizeof(outer[0]); i++)
            if (starts(&s, outer[i]))
                break;
    *layer = -1;
    for (size_t i = 0; i < sizeof(stack) / sizeof(stack[0]); i++) {
        const char *t = s;

        if (starts(&t, stack[i]) && take_number(&t, layer) && *t == '.')
            return t + 1;
        *layer = -1;
    }
    return s;
}

/* Does the name, without its tail, match the pattern? *number: what stands for '*', or -1. */
static bool matches(const char *pattern, const char *name, const char *end, int64_t *number)
{
    const char *p = pattern;

    *number = -1;
    while (name < end && *p) {
        if (*p == '*') {
            if (!take_number(&name, number) || name > end)
                return false;
            p++;
        } else if (*p++ != *name++) {
            return false;
        }
    }
    return name == end && !*p;
}

static const struct rule *find_rule(const struct mi_hub *h, const struct rule *rule, size_t n,
                                    const char *name, const char *end, int64_t *number)
{
    for (size_t i = 0; i < n; i++)
        if ((!rule[i].rows || is_among(rule[i].rows, h->row->name)) &&
            matches(rule[i].from, name, end, number))
            return &rule[i];
    return NULL;
}

/* What a row of the table does to some of its tensors. */
static enum mi_hub_change change_of(const struct mi_hub *h, const char *to, const char *tail)
{
    const char *row = h->row->name;
    size_t n = strlen(to);
    bool is_weight = strcmp(tail, ".weight") == 0;
    bool is_norm = n >= 4 && strcmp(to + n - 4, "norm") == 0;

    if (is_weight && is_norm && is_among("gemma gemma2 gemma3 nemotron", row))
        return MI_HUB_ADD_ONE;
    if (is_weight && strcmp(row, "gpt2") == 0 &&
        is_among("attn_qkv attn_output ffn_up ffn_down", to))
        return MI_HUB_TRANSPOSE;
    if (strcmp(to, "attn_qkv") == 0 && h->n_kv_heads > 1 &&
        is_among("gptneox bloom falcon starcoder", row))
        return MI_HUB_UNWEAVE;
    return MI_HUB_KEEP;
}

/* Parts of a larger model, and what is there twice. */
static bool is_skipped(const struct mi_hub *h, const char *name, const char *rest)
{
    static const char *const other[] = {"vision_tower.", "vision_model.", "multi_modal_projector."};
    const char *s = name;

    for (size_t i = 0; i < sizeof(buffers) / sizeof(buffers[0]); i++)
        if (strcmp(rest, buffers[i]) == 0)
            return true;
    starts(&s, "model.");
    for (size_t i = 0; h->folder->is_nested && i < sizeof(other) / sizeof(other[0]); i++)
        if (starts(&s, other[i]))
            return true;
    return h->is_tied &&
           (strcmp(rest, "lm_head.weight") == 0 || strcmp(rest, "embed_out.weight") == 0);
}

int mi_hub_translate(const struct mi_hub *h, const char *name, struct mi_hub_name *out)
{
    int64_t layer, number = -1;
    const char *rest = strip(name, &layer), *dot = strrchr(rest, '.');
    const char *tail = dot && (strcmp(dot, ".weight") == 0 || strcmp(dot, ".bias") == 0) ? dot : "";
    const char *end = *tail ? dot : rest + strlen(rest);
    const struct rule *rule;

    *out = (struct mi_hub_name){.change = MI_HUB_SKIP, .expert = -1};
    if (is_skipped(h, name, rest))
        return 0;
    if (layer >= 0)
        rule = find_rule(h, layer_rules, sizeof(layer_rules) / sizeof(layer_rules[0]), rest, end,
                         &number);
    else
        rule = find_rule(h, global_rules, sizeof(global_rules) / sizeof(global_rules[0]), rest, end,
                         &number);
    if (!rule || layer >= h->n_layers)
        return mi_fail(h->err, MI_EXIT_DATA,
                       "tensor '%s' has no place in a %s model of %lld layers", mi_quote(name),
                       h->type, (long long)h->n_layers);
    tail = *tail ? tail : strchr(rule->to, '.') ? "" : ".weight";
    if (layer >= 0)
        snprintf(out->text, sizeof(out->text), "blk.%lld.%s%s", (long long)layer, rule->to, tail);
    else
        snprintf(out->text, sizeof(out->text), "%s%s", rule->to, tail);
    out->change = rule->change != MI_HUB_KEEP ? rule->change : change_of(h, rule->to, tail);
    out->expert = number;
    return 0;
}
