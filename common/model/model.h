/* model/model.h: a model file or directory, opened: sizes, weights, provenance. */
#ifndef MI_MODEL_MODEL_H
#define MI_MODEL_MODEL_H

#include "base/hash.h"
#include "data/site.h"
#include "math/quant.h"
#include "math/rows.h"
#include "model/config.h"
#include "model/folder.h"

/* A norm's learned part; NULL: none. */
struct mi_norm {
    float *weight, *bias;
};

/* A mixture of experts in place of an MLP. */
struct mi_experts {
    struct mi_matrix router;                              /* [E, D] */
    struct mi_matrix *gate, *up, *down;                   /* [E] each as those of an MLP */
    struct mi_matrix shared_gate, shared_up, shared_down; /* config.d_shared > 0 */
    struct mi_matrix shared_router;                       /* [1, D]; data NULL: always on */
    float *choice_bias; /* [E] added for the choice alone; NULL: none */
    float *router_bias, *gate_bias, *up_bias, *down_bias; /* [E], [E, M], [E, M], [E, D]; or NULL */
};

/* Weights of one block; matrices borrow from the mapped file, vectors are floats of ours.
 *
 * Where config.is_permuted, rows of q and k (and their biases) lie in the file's order:
 * row 2i + b of a head holds coordinate b * K/2 + i. The engine puts the products into the
 * order of Hugging Face, so that every site has it; who reads q or k rows goes through
 * mi_model_head_row. */
struct mi_block {
    struct mi_matrix q, k, v, o;              /* [H*K, D], [KV*K, D], [KV*K, D], [D, H*K] */
    struct mi_matrix gate, up, down;          /* [M, D] (data NULL: none), [M, D], [D, M] */
    float *q_bias, *k_bias, *v_bias, *o_bias; /* NULL: none */
    float *gate_bias, *up_bias, *down_bias;
    struct mi_norm norm1, norm2, post1, post2; /* [D]; config says which there are */
    struct mi_norm q_norm, k_norm;             /* config.qk_norm */
    float *sinks;                              /* [H] math/rows.h; NULL: none */
    struct mi_experts *experts;                /* NULL: an MLP */
};

struct mi_model {
    struct mi_gguf file;      /* empty where the model is a directory */
    struct mi_folder *folder; /* NULL where it is a GGUF file */
    uint64_t n_bytes;         /* of the mapped files, and of what had to be copied from them */
    struct mi_store store;    /* hyperparameters and tensors, whatever they are stored in */
    struct mi_config config;
    struct mi_block *block;                  /* [L] */
    struct mi_matrix embedding, unembedding; /* [V, D] */
    struct mi_matrix positions;              /* [n_ctx, D] learned ones; data NULL: none */
    struct mi_norm norm_embed, norm_final;   /* [D] */
    float *unembedding_bias;                 /* [V]; NULL: none */
    float *alibi;                            /* [H] slopes; NULL: none */
    float *rope_factor;                      /* [n_rot / 2] divisors of the angles; NULL: none */
    float *rope_long, *rope_short;           /* the same, of longrope */
    struct mi_digest digest;                 /* of the file's bytes; made by mi_model_digest */
    bool has_digest;
    void *owned; /* private */
};

/* Maps, checks that every tensor is there with the shape and a type that the configuration
 * asks for (and no unknown one, which might change the result), reads the small vectors.
 * `open_bytes` borrows memory (tests, fuzzing). */
int mi_model_open(struct mi_model *m, const char *path, struct mi_error *err) MI_MUST_USE;
int mi_model_open_bytes(struct mi_model *m, const void *bytes, size_t len,
                        struct mi_error *err) MI_MUST_USE;
/* How long the context is to be: beyond it tokens are refused, and scaling of the rotation
 * that depends on it is set for it (model/rotary.h). Call before the first pass. Without it
 * the context is the model's own, of a longrope model the original one. */
int mi_model_set_context(struct mi_model *m, int n_ctx, struct mi_error *err) MI_MUST_USE;
bool mi_model_may_grow(const struct mi_model *m); /* could it be longer than it is? */
/* Makes or extends table `which` of config.rotary so that it holds at least n_pos positions. */
void mi_model_rope(const struct mi_model *m, int which, struct mi_rope *rope, int64_t n_pos);
static inline bool mi_model_has_site(const struct mi_model *m, enum mi_site s)
{
    return mi_site_exists(s, &m->config.dims);
}
/* The row of q or k that computes coordinate i of a head. */
static inline int mi_model_head_row(const struct mi_model *m, int i)
{
    int half = m->config.dims.d_head / 2;

    return !m->config.is_permuted ? i : i < half ? 2 * i : 2 * (i - half) + 1;
}
/* XXH3-128 of the whole file, or of a directory (model/folder.h); read once, then cached. */
int mi_model_digest(struct mi_model *m, struct mi_digest *out, struct mi_error *err) MI_MUST_USE;
/* The files are still what they were when they were opened; call before a result is committed. */
int mi_model_unchanged(struct mi_model *m, struct mi_error *err) MI_MUST_USE;
void mi_model_close(struct mi_model *m);

/* Floating point operations of one token through blocks [from, to), without attention's
 * dependence on length, and of one unembedding row; for --dry-run and bench. */
double mi_model_flops_per_token(const struct mi_model *m, int from, int to);
double mi_model_flops_per_logits(const struct mi_model *m);

#endif
