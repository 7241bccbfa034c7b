#include "model/hub.h"

#include "../tap.h"
#include "data/json.h"

#include <stdlib.h>
#include <string.h>

/* config.json as canonical keys. */
struct reading {
    struct mi_folder folder;
    struct mi_store store;
    struct mi_hub hub;
    struct mi_error err;
    int rc;
};

static void open_config(struct reading *r, const char *json)
{
    *r = (struct reading){0};
    r->hub = (struct mi_hub){.folder = &r->folder, .store = &r->store, .err = &r->err};
    r->rc = mi_json_parse(&r->folder.arena, json, strlen(json), &r->folder.config, &r->err);
    if (r->rc == 0)
        r->rc = mi_hub_config(&r->hub);
}

static void close_config(struct reading *r)
{
    mi_store_free(&r->store);
    mi_arena_free(&r->folder.arena);
}

#define SIZES                                                              \
    "\"hidden_size\":64,\"intermediate_size\":96,\"num_hidden_layers\":4," \
    "\"num_attention_heads\":4,\"max_position_embeddings\":128"
#define CONFIG(type, more) "{\"model_type\":\"" type "\"," SIZES more "}"

/* What is said in two ways means the same. */
static const char *const same[][2] = {
    {CONFIG("llama", ""), CONFIG("llama", ",\"rope_theta\":10000,\"rms_norm_eps\":0.000001")},
    {CONFIG("llama", ""), CONFIG("llama", ",\"rope_scaling\":null,\"head_dim\":null")},
    {CONFIG("llama", ",\"rope_theta\":5e5,\"rope_scaling\":{\"type\":\"linear\",\"factor\":2}"),
     CONFIG("llama", ",\"rope_parameters\":{\"rope_theta\":500000.0,\"rope_type\":\"linear\","
                     "\"factor\":2.0}")},
    {CONFIG("llama", ",\"rope_theta\":5e5,\"rope_scaling\":{\"rope_type\":\"default\"}"),
     CONFIG("llama", ",\"rope_parameters\":{\"rope_theta\":5e5,\"rope_type\":\"default\"}")},
    {CONFIG("llama", ",\"rope_theta\":5e5,\"rope_scaling\":{\"rope_type\":\"llama3\",\"factor\":8,"
                     "\"low_freq_factor\":1,\"high_freq_factor\":4,"
                     "\"original_max_position_embeddings\":64}"),
     CONFIG("llama",
            ",\"rope_parameters\":{\"rope_theta\":5e5,\"rope_type\":\"llama3\",\"factor\":8,"
            "\"low_freq_factor\":1,\"high_freq_factor\":4,"
            "\"original_max_position_embeddings\":64}")},
    {CONFIG("gemma3_text", ",\"rope_theta\":1e6,\"rope_local_base_freq\":1e4,\"rope_scaling\":"
                           "{\"rope_type\":\"linear\",\"factor\":8.0},\"sliding_window\":16"),
     CONFIG(
         "gemma3_text",
         ",\"rope_parameters\":{\"sliding_attention\":{\"rope_type\":\"default\","
         "\"rope_theta\":10000.0},\"full_attention\":{\"rope_type\":\"linear\",\"factor\":8.0,"
         "\"rope_theta\":1000000.0}},\"sliding_window\":16,\"layer_types\":[\"sliding_attention\","
         "\"sliding_attention\",\"sliding_attention\",\"sliding_attention\"]")},
    {CONFIG("gemma2", ",\"sliding_window\":16"),
     CONFIG("gemma2", ",\"sliding_window\":16,\"layer_types\":[\"sliding_attention\","
                      "\"full_attention\",\"sliding_attention\",\"full_attention\"]")},
    {CONFIG("qwen2", ",\"sliding_window\":16"), CONFIG("qwen2", ",\"use_sliding_window\":false")},
    {CONFIG("qwen2", ",\"sliding_window\":16,\"use_sliding_window\":true,\"max_window_layers\":2"),
     CONFIG("qwen2", ",\"sliding_window\":16,\"use_sliding_window\":true,\"layer_types\":["
                     "\"full_attention\",\"full_attention\",\"sliding_attention\","
                     "\"sliding_attention\"]")},
    {CONFIG("gpt_neox", ""), CONFIG("gpt_neox", ",\"rotary_pct\":0.25,\"rotary_emb_base\":10000,"
                                                "\"use_parallel_residual\":true")},
    {CONFIG("gpt_neox", ",\"rotary_pct\":0.5"),
     CONFIG("gpt_neox", ",\"rope_parameters\":{\"rope_theta\":1e4,\"partial_rotary_factor\":0.5,"
                        "\"rope_type\":\"default\"}")},
    {CONFIG("phi", ""), CONFIG("phi", ",\"partial_rotary_factor\":0.5,\"layer_norm_eps\":1e-5")},
    {CONFIG("phi3", ",\"rope_scaling\":{\"type\":\"su\",\"short_factor\":[1,1,1,1,1,1,1,1],"
                    "\"long_factor\":[2,2,2,2,2,2,2,2]},\"original_max_position_embeddings\":64"),
     CONFIG("phi3", ",\"rope_parameters\":{\"rope_type\":\"longrope\",\"rope_theta\":1e4,"
                    "\"short_factor\":[1,1,1,1,1,1,1,1],\"long_factor\":[2,2,2,2,2,2,2,2],"
                    "\"original_max_position_embeddings\":64}"
                    ",\"original_max_position_embeddings\":64")},
    {CONFIG("smollm3", ""), CONFIG("smollm3", ",\"no_rope_layers\":[1,1,1,0]")},
    {CONFIG("cohere2", ",\"sliding_window\":16"),
     CONFIG("cohere2", ",\"sliding_window\":16,\"sliding_window_pattern\":4,\"rotary_pct\":1.0")},
    {"{\"model_type\":\"gpt2\",\"n_embd\":64,\"n_layer\":4,\"n_head\":4,\"n_positions\":128}",
     "{\"model_type\":\"gpt2\",\"n_embd\":64,\"n_layer\":4,\"n_head\":4,\"n_positions\":128,"
     "\"n_ctx\":128,\"n_inner\":null,\"activation_function\":\"gelu_new\"}"},
    {"{\"model_type\":\"falcon\",\"hidden_size\":64,\"num_hidden_layers\":4,"
     "\"num_attention_heads\":4}",
     "{\"model_type\":\"falcon\",\"hidden_size\":64,\"num_hidden_layers\":4,"
     "\"num_attention_heads\":4,\"multi_query\":true,\"num_kv_heads\":4,\"alibi\":false,"
     "\"new_decoder_architecture\":false,\"parallel_attn\":true}"},
};

static bool is_same_map(const struct mi_value *a, const struct mi_value *b)
{
    bool is_same = a->as.map.n == b->as.map.n;

    for (size_t i = 0; i < a->as.map.n && is_same; i++) {
        const struct mi_value *other = mi_get(b, a->as.map.member[i].key);

        is_same = other && mi_value_equal(&a->as.map.member[i].value, other);
    }
    return is_same;
}

static void test_same(void)
{
    for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
        struct reading a, b;
        struct mi_buf text[2] = {{0}};
        bool is_same;

        open_config(&a, same[i][0]);
        open_config(&b, same[i][1]);
        mi_json_print(&text[0], &a.store.keys, (struct mi_json_style){0});
        mi_json_print(&text[1], &b.store.keys, (struct mi_json_style){0});
        is_same = a.rc == 0 && b.rc == 0 && is_same_map(&a.store.keys, &b.store.keys);
        ok(is_same, "pair %zu: two spellings, one meaning%s%s", i, a.err.text, b.err.text);
        if (!is_same)
            diag("%s\n# %s", mi_buf_text(&text[0]), mi_buf_text(&text[1]));
        mi_buf_free(&text[0]);
        mi_buf_free(&text[1]);
        close_config(&a);
        close_config(&b);
    }
}

static const struct {
    const char *json, *key;
    double value;
} values[] = {
    {CONFIG("llama", ""), "context_length", 128},
    {CONFIG("mistral", ""), "attention.head_count_kv", 8},
    {CONFIG("mistral", ""), "attention.sliding_window", 4096},
    {CONFIG("mistral", ",\"sliding_window\":null"), "attention.sliding_window", 0},
    {CONFIG("mixtral", ",\"num_key_value_heads\":2"), "rope.freq_base", 1e6},
    {CONFIG("qwen3", ""), "attention.key_length", 128},
    {CONFIG("gemma2", ""), "attn_logit_softcapping", 50},
    {CONFIG("gemma2", ",\"attn_logit_softcapping\":null"), "attn_logit_softcapping", 0},
    {CONFIG("gemma2", ",\"query_pre_attn_scalar\":64"), "attention.scale", 0.125},
    {CONFIG("gemma3_text", ""), "rope.freq_base_swa", 1e4},
    {CONFIG("gpt_neox", ""), "rope.dimension_count", 4},
    {CONFIG("gptj", ",\"rotary_dim\":8"), "rope.dimension_count", 8},
    {CONFIG("gptj", ",\"rotary_dim\":null"), "rope.dimension_count", 16},
    {CONFIG("stablelm", ",\"head_dim\":32"), "rope.dimension_count", 8},
    {CONFIG("granite", ",\"attention_multiplier\":0.5"), "attention.scale", 0.5},
    {CONFIG("cohere", ""), "logit_scale", 0.0625},
    {CONFIG("olmo", ""), "attention.layer_norm_epsilon", (double)1e-5f},
    {CONFIG("olmo", ",\"clip_qkv\":8"), "attention.clamp_kqv", 8},
    {CONFIG("bloom", ",\"seq_length\":77"), "feed_forward_length", 96},
    {CONFIG("phi3", ",\"rope_scaling\":{\"type\":\"longrope\",\"short_factor\":[1,1,1,1,1,1,1,1],"
                    "\"long_factor\":[2,2,2,2,2,2,2,2]},\"original_max_position_embeddings\":64"),
     "rope.scaling.attn_factor", 1.0801234},
};

static void test_values(void)
{
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        struct reading r;

        open_config(&r, values[i].json);
        near(mi_get_real(&r.store.keys, values[i].key, -1), values[i].value, 1e-7, "%s %s%s",
             r.hub.type ? r.hub.type : "?", values[i].key, r.err.text);
        close_config(&r);
    }
}

static const struct {
    const char *json, *says;
} bad[] = {
    {"{}", "'model_type' is missing"},
    {CONFIG("llamba", ""), "'llamba' is not supported"},
    {CONFIG("mistral9", ""), "near: mistral"},
    {CONFIG("gpt2", ",\"scale_attn_by_inverse_layer_idx\":true"), "scale_attn_by_inverse"},
    {CONFIG("gpt2", ",\"scale_attn_weights\":false"), "scale_attn_weights"},
    {CONFIG("bloom", ",\"apply_residual_connection_post_layernorm\":true"), "apply_residual"},
    {CONFIG("falcon", ",\"alibi\":true"), "'alibi'"},
    {CONFIG("mpt", ",\"attn_config\":{\"alibi\":false}"), "without ALiBi"},
    {CONFIG("mpt", ",\"logit_scale\":\"inv_sqrt_d_model\""), "logit_scale"},
    {CONFIG("qwen2_moe", ",\"decoder_sparse_step\":2"), "decoder_sparse_step"},
    {CONFIG("qwen3_moe", ",\"mlp_only_layers\":[1]"), "mlp_only_layers"},
    {CONFIG("gpt_oss", ",\"swiglu_limit\":6.0"), "swiglu_limit"},
    {CONFIG("opt", ",\"do_layer_norm_before\":false"), "do_layer_norm_before"},
    {CONFIG("llama", ",\"rope_scaling\":{\"type\":\"yarn\",\"factor\":4,\"mscale\":1}"), "mscale"},
    {CONFIG("llama", ",\"rope_scaling\":{\"type\":\"linear\",\"factor\":0}"), "above 0"},
    {CONFIG("llama", ",\"rope_scaling\":{\"type\":\"linear\"}"), "without 'factor'"},
    {CONFIG("phi3", ",\"rope_scaling\":{\"type\":\"longrope\",\"short_factor\":[1]}"),
     "not a list of 8"},
    {CONFIG("phi", ",\"partial_rotary_factor\":2"), "rotated share"},
    {CONFIG("gemma2", ",\"layer_types\":[\"full_attention\"]"), "1 layers are given, of 4"},
    {CONFIG("gemma2", ",\"layer_types\":[\"linear\",\"linear\",\"linear\",\"linear\"]"),
     "'linear' is not supported"},
    {CONFIG("smollm3", ",\"no_rope_layers\":[1]"), "not a list of 4"},
    {CONFIG("gpt_neo", ",\"attention_types\":[1]"), "attention_types"},
};

static void test_refused(void)
{
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct reading r;

        open_config(&r, bad[i].json);
        ok(r.rc == -MI_EXIT_DATA && strstr(r.err.text, bad[i].says), "refused: %s", r.err.text);
        close_config(&r);
    }
}

static const struct {
    const char *type, *name, *canonical;
    enum mi_hub_change change;
} names[] = {
    {"llama", "model.embed_tokens.weight", "token_embd.weight", MI_HUB_KEEP},
    {"llama", "model.layers.3.self_attn.q_proj.bias", "blk.3.attn_q.bias", MI_HUB_KEEP},
    {"llama", "model.layers.0.post_attention_layernorm.weight", "blk.0.ffn_norm.weight",
     MI_HUB_KEEP},
    {"llama", "model.layers.0.self_attn.rotary_emb.inv_freq", "", MI_HUB_SKIP},
    {"gemma2", "model.layers.0.post_attention_layernorm.weight", "blk.0.post_attention_norm.weight",
     MI_HUB_ADD_ONE},
    {"gemma3_text", "model.norm.weight", "output_norm.weight", MI_HUB_ADD_ONE},
    {"gemma3_text", "model.layers.1.self_attn.q_norm.weight", "blk.1.attn_q_norm.weight",
     MI_HUB_ADD_ONE},
    {"olmo2", "model.layers.0.post_feedforward_layernorm.weight", "blk.0.post_ffw_norm.weight",
     MI_HUB_KEEP},
    {"gpt2", "h.2.attn.c_attn.weight", "blk.2.attn_qkv.weight", MI_HUB_TRANSPOSE},
    {"gpt2", "transformer.h.2.mlp.c_proj.bias", "blk.2.ffn_down.bias", MI_HUB_KEEP},
    {"gpt2", "transformer.h.2.attn.bias", "", MI_HUB_SKIP},
    {"gpt2", "lm_head.weight", "", MI_HUB_SKIP},
    {"gpt_bigcode", "transformer.h.0.attn.c_attn.weight", "blk.0.attn_qkv.weight", MI_HUB_KEEP},
    {"gpt_neox", "gpt_neox.layers.0.attention.query_key_value.bias", "blk.0.attn_qkv.bias",
     MI_HUB_UNWEAVE},
    {"gpt_neox", "embed_out.weight", "output.weight", MI_HUB_KEEP},
    {"bloom", "word_embeddings_layernorm.bias", "token_embd_norm.bias", MI_HUB_KEEP},
    {"mpt", "transformer.blocks.1.ffn.down_proj.weight", "blk.1.ffn_down.weight", MI_HUB_KEEP},
    {"mixtral", "model.layers.0.block_sparse_moe.experts.7.w2.weight", "blk.0.ffn_down_exps.weight",
     MI_HUB_EXPERT},
    {"qwen2_moe", "model.layers.0.mlp.shared_expert_gate.weight", "blk.0.ffn_gate_inp_shexp.weight",
     MI_HUB_KEEP},
    {"stablelm", "model.layers.0.self_attn.q_layernorm.norms.3.weight", "blk.0.attn_q_norm.weight",
     MI_HUB_HEAD},
    {"llama", "model.layers.4.mlp.up_proj.weight", NULL, MI_HUB_SKIP},
    {"llama", "model.layers.00.mlp.up_proj.weight", NULL, MI_HUB_SKIP},
    {"llama", "model.layers.-1.mlp.up_proj.weight", NULL, MI_HUB_SKIP},
    {"llama", "model.layers.1mlp.up_proj.weight", NULL, MI_HUB_SKIP},
    {"llama", "model.layers.1.mlp.up_proj.scale", NULL, MI_HUB_SKIP},
    {"llama", "model.layers.1.mlp.up_proj_extra.weight", NULL, MI_HUB_SKIP},
    {"llama", "model.layers.1.mlp.up.weight", NULL, MI_HUB_SKIP},
    {"llama", "vision_tower.patch.weight", NULL, MI_HUB_SKIP},
    {"mixtral", "model.layers.0.block_sparse_moe.experts.07.w2.weight", NULL, MI_HUB_SKIP},
    {"mixtral", "model.layers.0.block_sparse_moe.experts..w2.weight", NULL, MI_HUB_SKIP},
    {"mixtral", "model.layers.0.block_sparse_moe.experts.9999999.w2.weight", NULL, MI_HUB_SKIP},
    {"llama", "", NULL, MI_HUB_SKIP},
    {"llama", ".weight", NULL, MI_HUB_SKIP},
};

static void test_names(void)
{
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char json[512];
        struct reading r;
        struct mi_hub_name out;
        int rc;

        snprintf(json, sizeof(json), "{\"model_type\":\"%s\",%s}", names[i].type, SIZES);
        open_config(&r, json);
        rc = r.rc < 0 ? r.rc : mi_hub_translate(&r.hub, names[i].name, &out);
        if (names[i].canonical)
            ok(rc == 0 && strcmp(out.text, names[i].canonical) == 0 &&
                   out.change == names[i].change,
               "%s: %s is %s%s", names[i].type, names[i].name, names[i].canonical, r.err.text);
        else
            ok(rc == -MI_EXIT_DATA && strstr(r.err.text, "has no place"), "%s: %s is refused",
               names[i].type, names[i].name);
        close_config(&r);
    }
}

int main(void)
{
    test_same();
    test_values();
    test_refused();
    test_names();
    return done();
}
