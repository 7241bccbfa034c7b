/* model/config.h: what kind of transformer a file holds, from one table.
 *
 * A row of the table says how an architecture differs from the common block
 * (docs/man/mi-tools.7 prints it); there is no code path per model. */
#ifndef MI_MODEL_CONFIG_H
#define MI_MODEL_CONFIG_H

#include "data/dims.h"
#include "model/gguf.h"

#include <stdbool.h>

struct mi_config {
    const char *architecture; /* GGUF's name: "llama" */
    struct mi_dims dims;
    float norm_eps;
    int n_rot; /* rotated coordinates of a head */
    double rope_base;
    double rope_freq_scale; /* 1 / factor of linear scaling */
    bool rope_interleaved;  /* the file's q, k rows are permuted for pairs (2i, 2i+1) */
    float attention_scale;  /* 1 / sqrt(K) unless the file says otherwise */
    int window;             /* sliding window, 0: none */
    bool has_qkv_bias;
    bool is_tied; /* unembedding = embedding */
};

/* One row of the table of architectures. */
struct mi_architecture {
    const char *name;
    bool rope_interleaved;
    bool qkv_bias;     /* must be there; where it need not, a file may have it */
    const char *notes; /* families it serves, for listings */
};
const struct mi_architecture *mi_architectures(int *n);

/* Reads and checks the hyperparameters (ranges, agreement with each other); keys that change
 * the computation and are not supported are refused by name. */
int mi_config_read(struct mi_config *c, const struct mi_gguf *g, struct mi_error *err) MI_MUST_USE;

#endif
