/* model/architecture.h: the table of architectures.
 *
 * A row says how an architecture differs from the common block; there is no code path a
 * model. What a row leaves open, the hyperparameters and the tensors of the source say:
 *
 *   h = N1(x);  a = P1(Attention(h));  x = x + a;  f = P2(MLP(N2(x)));  x = x + f
 *
 * in parallel blocks x + a + f, with f from N2 of the block's own input, or from h where there is
 * no N2. Any linear layer may have a bias; q and k may have norms. */
#ifndef MI_MODEL_ARCHITECTURE_H
#define MI_MODEL_ARCHITECTURE_H

#include "math/vmath.h"

#include <stdbool.h>

enum mi_norm_kind {
    MI_NORM_RMS,   /* x / sqrt(mean x^2 + eps) */
    MI_NORM_LAYER, /* (x - mean) / sqrt(var + eps) */
};

enum mi_position_kind {
    MI_POSITION_ROTARY,
    MI_POSITION_LEARNED, /* position_embd.weight is added to the embedding */
    MI_POSITION_ALIBI,   /* scores + slope[h] * (key - query) */
    MI_POSITION_NONE,
};

/* What a row can say beside kinds. */
enum {
    /* rotation */
    MI_TRAIT_PERMUTED = 1 << 0, /* GGUF: row 2i + b of a q or k head is row b K/2 + i of HF's */
    MI_TRAIT_PAIRS = 1 << 1,    /* HF's own order rotates pairs (2i, 2i + 1), not (i, i + n/2) */
    MI_TRAIT_LOCAL_ROTARY = 1 << 2, /* where some layers have a window, only they rotate */
    MI_TRAIT_TWO_ROTARIES = 1 << 3, /* layers with a window rotate by freq_base_swa, unscaled */
    /* the block */
    MI_TRAIT_PARALLEL = 1 << 4,       /* unless key use_parallel_residual says otherwise */
    MI_TRAIT_PARALLEL_BARE = 1 << 5,  /* parallel where ffn_norm is not there, whatever the key */
    MI_TRAIT_NO_PRE_NORM = 1 << 6,    /* no N1, N2 */
    MI_TRAIT_POST_NORM = 1 << 7,      /* P1, P2 */
    MI_TRAIT_BARE_NORM = 1 << 8,      /* norms have neither weight nor bias */
    MI_TRAIT_NORM_BIAS = 1 << 9,      /* norms must have a bias */
    MI_TRAIT_TWO_NORMS = 1 << 10,     /* N2 must be there, in parallel blocks too */
    MI_TRAIT_CROSSED_NORMS = 1 << 11, /* attn_norm_2, when there, is N1, and attn_norm is N2 */
    MI_TRAIT_QK_NORM = 1 << 12,   /* must be there; shapes say whether of a head or of all of q */
    MI_TRAIT_NO_SCALE = 1 << 13,  /* scores are not divided by sqrt(K) */
    MI_TRAIT_PLAIN_MLP = 1 << 14, /* act(up h), no gate */
    /* biases that must be there; where they need not, a file may have them */
    MI_TRAIT_QKV_BIAS = 1 << 15,
    MI_TRAIT_O_BIAS = 1 << 16,
    MI_TRAIT_MLP_BIAS = 1 << 17, /* up and down */
    MI_TRAIT_LOGIT_BIAS = 1 << 18,
    /* the two ends */
    MI_TRAIT_EMBED_NORM = 1 << 19,   /* token_embd_norm */
    MI_TRAIT_EMBED_ROOT = 1 << 20,   /* embedding * sqrt(D) */
    MI_TRAIT_LOGIT_DIVIDE = 1 << 21, /* key logit_scale divides; else it multiplies */
    /* mixtures of experts */
    MI_TRAIT_EXPERTS = 1 << 22, /* must have experts; where it need not, key expert_count says */
    MI_TRAIT_EXPERT_RENORM = 1 << 23, /* weights of the chosen experts sum to 1 */
    MI_TRAIT_SHARED_EXPERT = 1 << 24, /* one more expert, for every token */
    /* more of attention */
    MI_TRAIT_NORM_ROTATED = 1 << 25, /* the norms of q and k stand behind the rotation */
    MI_TRAIT_SINKS = 1 << 26,        /* attn_sinks: a score of no key in each head's softmax */
    MI_TRAIT_SMOOTH_YARN = 1 << 27,  /* YaRN's borders lie between coordinates too */
    MI_TRAIT_CLAMPED_GLU = 1 << 28,  /* experts: model/experts.c */
    MI_TRAIT_SIGMOID = 1 << 29, /* experts are weighed by it unless expert_gating_func says more */
};

#define MI_TRAITS_ALL_BIASES \
    (MI_TRAIT_NORM_BIAS | MI_TRAIT_QKV_BIAS | MI_TRAIT_O_BIAS | MI_TRAIT_MLP_BIAS)

struct mi_architecture {
    const char *name;        /* general.architecture of GGUF */
    const char *model_types; /* model_type of Hugging Face; several are parted by spaces; "": as
                                GGUF alone */
    const char *families;    /* that it serves, for listings */
    enum mi_norm_kind norm;
    enum mi_position_kind position;
    enum mi_activation activation;
    unsigned traits;
    /* Defaults of keys; 0: none. */
    int window;                 /* attention.sliding_window */
    int window_period;          /* attention.sliding_window_pattern: layer i has the window when
                          i % period < period - 1; 0: every layer */
    int unrotated_period;       /* the last of every so many layers does not rotate */
    int wide_scale_layers;      /* a model of so many layers scales scores by sqrt(H / D) */
    double local_base;          /* rope.freq_base_swa; 0: as rope.freq_base */
    float score_cap, logit_cap; /* attn_logit_softcapping, final_logit_softcapping */
};

const struct mi_architecture *mi_architectures(int *n);
/* By GGUF's name; NULL: not known. */
const struct mi_architecture *mi_architecture_find(const char *name);
/* By Hugging Face's model_type; NULL: not known. */
const struct mi_architecture *mi_architecture_of_type(const char *model_type);

#endif
