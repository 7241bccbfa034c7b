/* model/model.h: a model file, opened: sizes, weights, provenance. */
#ifndef MI_MODEL_MODEL_H
#define MI_MODEL_MODEL_H

#include "base/hash.h"
#include "math/quant.h"
#include "math/rows.h"
#include "model/config.h"

/* Weights of one block; matrices borrow from the mapped file, vectors are floats of ours.
 * Of architectures with permuted q, k rows the matrices are read through `row order` of the
 * engine, so that coordinates inside a head are always in the order of Hugging Face. */
struct mi_block {
    struct mi_matrix q, k, v, o;       /* [H*K, D], [KV*K, D], [KV*K, D], [D, H*K] */
    struct mi_matrix gate, up, down;   /* [M, D], [M, D], [D, M] */
    float *q_bias, *k_bias, *v_bias, *o_bias; /* NULL: none */
    float *norm1, *norm2;              /* [D] */
};

struct mi_model {
    struct mi_gguf file;
    struct mi_config config;
    struct mi_block *block;            /* [L] */
    struct mi_matrix embedding, unembedding; /* [V, D] */
    float *norm_final;                 /* [D] */
    struct mi_rope rope;               /* tables for positions below n_ctx */
    struct mi_digest digest;           /* of the file's bytes; made by mi_model_digest */
    bool has_digest;
    void *owned;                       /* private */
};

/* Maps, checks that every tensor is there with the shape and a type that the configuration
 * asks for (and no unknown one that would change the result), reads the small vectors.
 * n_ctx 0: the model's own. */
int mi_model_open(struct mi_model *m, const char *path, struct mi_error *err) MI_MUST_USE;
/* XXH3-128 of the whole file (read once; cached in the struct). */
int mi_model_digest(struct mi_model *m, struct mi_digest *out, struct mi_error *err) MI_MUST_USE;
/* The file is still what it was when it was opened; call before a result is committed. */
int mi_model_unchanged(struct mi_model *m, struct mi_error *err) MI_MUST_USE;
void mi_model_close(struct mi_model *m);

/* Floating point operations of one token through blocks [from, to), without attention's
 * dependence on length, and of one unembedding row; for --dry-run and bench. */
double mi_model_flops_per_token(const struct mi_model *m, int from, int to);
double mi_model_flops_per_logits(const struct mi_model *m);

#endif
