/* model/hub_defaults.c: what transformers assumes where config.json says nothing.
 *
 * Only fields that files really leave out: sizes must be there. A field that is there with the
 * value null is absent, and its default does not count. */
#include "model/hub.h"

#include <string.h>

static const struct {
    const char *model_type, *json;
} table[] = {
    {"llama", "{\"rms_norm_eps\":1e-6}"},
    {"mistral", "{\"rms_norm_eps\":1e-6,\"num_key_value_heads\":8,\"sliding_window\":4096}"},
    {"mixtral", "{\"rms_norm_eps\":1e-5,\"num_key_value_heads\":8,\"rope_theta\":1e6,"
                "\"num_experts_per_tok\":2,\"num_local_experts\":8}"},
    {"qwen2", "{\"rms_norm_eps\":1e-6,\"max_window_layers\":28,\"sliding_window\":4096}"},
    {"qwen2_moe", "{\"rms_norm_eps\":1e-6,\"max_window_layers\":28,\"sliding_window\":4096,"
                  "\"norm_topk_prob\":false,\"num_experts\":60,\"num_experts_per_tok\":4,\"moe_"
                  "intermediate_size\":1408,"
                  "\"shared_expert_intermediate_size\":5632}"},
    {"qwen3", "{\"rms_norm_eps\":1e-6,\"head_dim\":128,\"max_window_layers\":28,"
              "\"sliding_window\":4096}"},
    {"qwen3_moe", "{\"rms_norm_eps\":1e-6,\"num_key_value_heads\":4,\"sliding_window\":4096,"
                  "\"norm_topk_prob\":false,\"num_experts\":128,\"num_experts_per_tok\":8,\"moe_"
                  "intermediate_size\":768}"},
    {"olmoe", "{\"rms_norm_eps\":1e-5,\"norm_topk_prob\":false,\"num_experts\":64,\"num_experts_"
              "per_tok\":8}"},
    {"gemma", "{\"rms_norm_eps\":1e-6,\"head_dim\":256,\"tie_word_embeddings\":true}"},
    {"gemma2", "{\"rms_norm_eps\":1e-6,\"head_dim\":256,\"num_key_value_heads\":4,"
               "\"tie_word_embeddings\":true,\"query_pre_attn_scalar\":256,\"sliding_window\":4096,"
               "\"final_logit_softcapping\":30.0,\"attn_logit_softcapping\":50.0}"},
    {"gemma3_text", "{\"rms_norm_eps\":1e-6,\"head_dim\":256,\"num_attention_heads\":8,"
                    "\"num_key_value_heads\":4,\"tie_word_embeddings\":true,"
                    "\"max_position_embeddings\":131072,\"query_pre_attn_scalar\":256,"
                    "\"sliding_window\":4096,\"rope_theta\":1e6,\"rope_local_base_freq\":1e4}"},
    {"phi", "{\"layer_norm_eps\":1e-5,\"partial_rotary_factor\":0.5,\"hidden_act\":\"gelu_new\"}"},
    {"phi3", "{\"rms_norm_eps\":1e-5,\"original_max_position_embeddings\":4096}"},
    {"gpt2", "{\"layer_norm_epsilon\":1e-5,\"tie_word_embeddings\":true,"
             "\"activation_function\":\"gelu_new\"}"},
    {"gpt_bigcode", "{\"layer_norm_epsilon\":1e-5,\"tie_word_embeddings\":true,"
                    "\"activation_function\":\"gelu_pytorch_tanh\",\"multi_query\":true}"},
    {"gpt_neox", "{\"layer_norm_eps\":1e-5,\"rotary_pct\":0.25,\"hidden_act\":\"gelu\","
                 "\"use_parallel_residual\":true}"},
    {"gptj", "{\"layer_norm_epsilon\":1e-5,\"rotary_dim\":64,"
             "\"activation_function\":\"gelu_new\"}"},
    {"gpt_neo", "{\"layer_norm_epsilon\":1e-5,\"tie_word_embeddings\":true,\"window_size\":256,"
                "\"activation_function\":\"gelu_new\"}"},
    {"opt", "{\"tie_word_embeddings\":true,\"activation_function\":\"relu\"}"},
    {"gpt_oss", "{\"rms_norm_eps\":1e-5,\"head_dim\":64,\"num_key_value_heads\":8,"
                "\"sliding_window\":128,\"sliding_window_pattern\":2,\"rope_theta\":150000}"},
    {"hunyuan_v1_dense", "{\"rms_norm_eps\":1e-5}"},
    {"falcon", "{\"layer_norm_epsilon\":1e-5,\"tie_word_embeddings\":true,\"multi_query\":true,"
               "\"parallel_attn\":true,\"max_position_embeddings\":2048,\"activation\":\"gelu\"}"},
    {"mpt", "{\"layer_norm_epsilon\":1e-5,\"tie_word_embeddings\":true,\"expansion_ratio\":4,"
            "\"max_seq_len\":2048}"},
    {"bloom", "{\"layer_norm_epsilon\":1e-5,\"tie_word_embeddings\":true,\"seq_length\":2048}"},
    {"starcoder2", "{\"norm_epsilon\":1e-5,\"num_key_value_heads\":2,\"tie_word_embeddings\":true,"
                   "\"hidden_act\":\"gelu_pytorch_tanh\"}"},
    {"stablelm", "{\"layer_norm_eps\":1e-5,\"partial_rotary_factor\":0.25}"},
    {"olmo", "{}"},
    {"olmo2", "{\"rms_norm_eps\":1e-5}"},
    {"olmo3", "{\"rms_norm_eps\":1e-5,\"rope_theta\":5e5,\"sliding_window\":4096,"
              "\"sliding_window_pattern\":4}"},
    {"granite", "{\"rms_norm_eps\":1e-6,\"embedding_multiplier\":1.0,\"logits_scaling\":1.0,"
                "\"residual_multiplier\":1.0,\"attention_multiplier\":1.0}"},
    {"granitemoeshared",
     "{\"rms_norm_eps\":1e-6,\"embedding_multiplier\":1.0,\"logits_scaling\":1.0,"
     "\"residual_multiplier\":1.0,\"attention_multiplier\":1.0,"
     "\"num_local_experts\":8,\"num_experts_per_tok\":2,\"shared_intermediate_size\":0}"},
    {"granitemoe", "{\"rms_norm_eps\":1e-6,\"embedding_multiplier\":1.0,\"logits_scaling\":1.0,"
                   "\"residual_multiplier\":1.0,\"attention_multiplier\":1.0,"
                   "\"num_local_experts\":8,\"num_experts_per_tok\":2}"},
    {"cohere", "{\"layer_norm_eps\":1e-5,\"logit_scale\":0.0625,\"rope_theta\":5e5,"
               "\"tie_word_embeddings\":true}"},
    {"cohere2", "{\"layer_norm_eps\":1e-5,\"logit_scale\":0.0625,\"tie_word_embeddings\":true,"
                "\"sliding_window\":4096,\"sliding_window_pattern\":4}"},
    {"smollm3", "{\"rms_norm_eps\":1e-6,\"num_key_value_heads\":4,\"rope_theta\":2e6,"
                "\"no_rope_layer_interval\":4,\"tie_word_embeddings\":true}"},
    {"helium", "{\"rms_norm_eps\":1e-8,\"head_dim\":128,\"rope_theta\":1e5}"},
    {"glm", "{\"rms_norm_eps\":1.5625e-7,\"head_dim\":128,\"num_key_value_heads\":2,"
            "\"partial_rotary_factor\":0.5}"},
    {"glm4", "{\"rms_norm_eps\":1.5625e-7,\"head_dim\":128,\"num_key_value_heads\":2,"
             "\"partial_rotary_factor\":0.5}"},
    {"nemotron", "{\"norm_eps\":1e-5,\"partial_rotary_factor\":0.5,\"hidden_act\":\"relu2\"}"},
    {"arcee", "{\"rms_norm_eps\":1e-5,\"hidden_act\":\"relu2\"}"},
    {"ernie4_5", "{\"rms_norm_eps\":1e-5,\"head_dim\":128,\"num_key_value_heads\":2,"
                 "\"rope_theta\":5e5,\"tie_word_embeddings\":true}"},
    {"ernie4_5_moe", "{\"rms_norm_eps\":1e-5,\"num_key_value_heads\":4,\"rope_theta\":5e5,"
                     "\"moe_num_shared_experts\":2,\"tie_word_embeddings\":true}"},
    {"dots1", "{\"rms_norm_eps\":1e-6,\"n_group\":1,\"topk_group\":1,\"norm_topk_prob\":false,"
              "\"routed_scaling_factor\":1.0,\"hidden_act\":\"silu\"}"},
    {"seed_oss", "{\"rms_norm_eps\":1e-6,\"head_dim\":128,\"num_key_value_heads\":8}"},
    {"exaone4", "{\"rms_norm_eps\":1e-5,\"sliding_window\":4096,\"sliding_window_pattern\":4}"},
};

const char *mi_hub_defaults(const char *model_type)
{
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (strcmp(table[i].model_type, model_type) == 0)
            return table[i].json;
    return "{}";
}
