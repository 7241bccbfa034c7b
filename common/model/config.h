/* model/config.h: the hyperparameters of a model, read from any store and checked. */
#ifndef MI_MODEL_CONFIG_H
#define MI_MODEL_CONFIG_H

#include "data/dims.h"
#include "model/architecture.h"
#include "model/store.h"

#include <stdbool.h>

/* How angles of rotation are stretched for contexts longer than the first one; keys
 * rope.scaling.* (model/rotary.h has the formulas). */
enum mi_scaling_kind {
    MI_SCALING_LINEAR, /* factor 1: none */
    MI_SCALING_DYNAMIC,
    MI_SCALING_YARN,
    MI_SCALING_LONGROPE,
    MI_SCALING_LLAMA3,
};

struct mi_rotary {
    enum mi_scaling_kind kind;
    int n_rot; /* rotated coordinates of a head */
    double base;
    double factor;
    int n_original;              /* context that the model was first trained for */
    double magnitude;            /* cos and sin are multiplied by it; 0: as the kind has it */
    double beta_fast, beta_slow; /* YaRN */
    bool is_smooth;              /* YaRN: borders are not rounded to coordinates */
    double low, high;            /* Llama 3: low_freq_factor, high_freq_factor */
};

/* What differs from layer to layer. */
struct mi_layer_config {
    int window;    /* keys that a query sees, itself included; 0: all */
    int rotary;    /* index into config.rotary; -1: this layer does not rotate */
    bool is_local; /* of the layers with a window, whether it is shorter than the context or not */
};

enum { MI_MAX_LAYERS = 1024, MI_MAX_HEAD = 1024 /* coordinates */, MI_MAX_EXPERTS = 1024 };

/* Which vectors a norm of q and k is taken over, and what it is weighed by. */
enum mi_qk_norm {
    MI_QK_NORM_NONE,
    MI_QK_NORM_HEAD,  /* over each head; one weight [K] for all */
    MI_QK_NORM_HEADS, /* over each head; a weight a head [H, K] */
    MI_QK_NORM_WHOLE, /* over all heads at once [H K] */
};

struct mi_config {
    const struct mi_architecture *row;
    const char *architecture; /* GGUF's name: "llama" */
    struct mi_dims dims;
    enum mi_position_kind position;
    enum mi_activation activation;
    float norm_eps;
    bool has_norm1, has_norm2, has_post_norm; /* N1, N2; P1 and P2 */
    bool is_crossed;                          /* attn_norm_2 is N1, attn_norm is N2 */
    bool is_parallel;
    bool is_gated;
    bool is_tied;     /* unembedding = embedding */
    bool is_permuted; /* rows of q, k lie in the order of GGUF's permutation */
    enum mi_qk_norm qk_norm;
    float attention_scale; /* 1 / sqrt(K) unless the store says otherwise */
    float embedding_scale, residual_scale, logit_scale; /* 1: none */
    float score_cap, logit_cap;                         /* 0: none */
    float clamp_qkv;                                    /* 0: none */
    float alibi_max;                                    /* of ALiBi's slopes 2^(-alibi_max i / H) */
    int window;                    /* of every layer, 0 where they differ or see all */
    struct mi_layer_config *layer; /* [L] */
    int n_trained;                 /* the context that the store tells of; dims.n_ctx is in use */
    struct mi_rotary rotary[2];    /* [1]: of local layers, MI_TRAIT_TWO_ROTARIES */
    /* Mixtures of experts; which layers are ones their tensors say. 0: none. */
    int n_experts, n_experts_used, d_expert, d_shared;
    bool is_renormalised; /* weights of the chosen experts sum to 1 */
    bool is_sigmoid;      /* experts are weighed by a sigmoid each, not by a softmax of all */
    float expert_scale;   /* of the mixture; 1: none */
};

/* Reads and checks (ranges, agreement with each other and with the tensors); keys that change
 * the computation and are not supported are refused by name. */
int mi_config_read(struct mi_config *c, const struct mi_store *s, struct mi_error *err) MI_MUST_USE;
void mi_config_free(struct mi_config *c);

#endif
