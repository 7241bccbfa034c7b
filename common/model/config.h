/* model/config.h: the hyperparameters of a model, read from any source and checked. */
#ifndef MI_MODEL_CONFIG_H
#define MI_MODEL_CONFIG_H

#include "data/dims.h"
#include "model/architecture.h"
#include "model/store.h"

#include <stdbool.h>

/* How angles of rotation grow with the position: see model/rotary.h. */
enum mi_scaling_kind {
    MI_SCALING_LINEAR, /* all frequencies / factor */
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
    double log_multiplier;       /* YaRN: yarn_log_multiplier, 0: none */
    double low, high;            /* Llama 3: factors of the low and the high frequencies */
};

/* What differs from layer to layer. */
struct mi_layer_config {
    int window; /* keys that a query sees, itself included; 0: all */
    int rotary; /* index into config.rotary, -1: none */
};

enum { MI_MAX_LAYERS = 1024 };

struct mi_config {
    const struct mi_architecture *row;
    const char *architecture; /* GGUF's name: "llama" */
    struct mi_dims dims;
    float norm_eps;
    struct mi_rotary rotary[2]; /* [1]: of layers with a window, MI_TRAIT_TWO_ROTARIES */
    bool is_permuted;           /* rows of q, k lie in the order of GGUF's permutation */
    enum mi_activation activation;
    bool is_parallel;
    bool is_gated;
    bool is_tied;          /* unembedding = embedding */
    float attention_scale; /* 1 / sqrt(K) unless the source says otherwise */
    float embedding_scale, residual_scale, logit_scale; /* 1: none */
    float score_cap, logit_cap;                         /* 0: none */
    float clamp_qkv;                                    /* 0: none */
    float alibi_max;                                    /* ALiBi: 8 */
    int window;                    /* the largest of all layers; 0: some layer has none */
    struct mi_layer_config *layer; /* [L] */
    int n_experts, n_experts_used, d_expert, d_shared; /* 0: none */
    float expert_scale;                                /* of the mixture; 1: none */
    int n_context; /* positions that scaling of the rotation is set for: dims.n_ctx, or ... */
};

/* Reads and checks (ranges, agreement with each other and with the tensors); keys that change
 * the computation and are not supported are refused by name. */
int mi_config_read(struct mi_config *c, const struct mi_store *s, struct mi_error *err) MI_MUST_USE;
void mi_config_free(struct mi_config *c);

#endif
