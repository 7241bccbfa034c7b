/* model/store.h: what a model consists of, whatever it is stored in.
 *
 * A store holds hyperparameters and tensors under canonical names: those of GGUF. A GGUF
 * file gives them as they stand; a Hugging Face directory translates its own. model.c reads
 * nothing else, so that both give the same model.
 *
 *   keys     map: GGUF's key without the architecture ("block_count", "rope.freq_base",
 *            "attention.head_count"), numbers, flags, strings, arrays of numbers. A key that
 *            the store does not know is left out; config.c holds the defaults. A Hugging Face
 *            directory also gives: "activation" (its name there: "gelu", "gelu_new"),
 *            "rope.scaling.type" "dynamic" and "llama3" (with "rope.scaling.low_freq_factor" and
 *            "rope.scaling.high_freq_factor"), "attention.sliding_window_pattern" as an array
 *            of one number a layer (1: has the window), "attention.rope_pattern" likewise (1:
 *            rotates).
 *   tensors  "token_embd.weight", "blk.3.attn_q.weight"; ne[0] is the fastest dimension, so
 *            that a matrix y = W x, W [out, in], has ne = {in, out}; experts have ne =
 *            {in, out, experts}. Fused forms are those of GGUF: attn_qkv has the rows of all
 *            Q heads, then K, then V; ffn_up of an architecture with a gate may hold the gate's
 *            rows first. Values are GGUF's too: a Gemma norm holds w + 1, a Conv1D is
 *            transposed, a fused QKV that is cut by heads is put in order. Only the rows of q and
 *            k may differ: see is_permuted. */
#ifndef MI_MODEL_STORE_H
#define MI_MODEL_STORE_H

#include "base/error.h"
#include "base/mem.h"
#include "data/value.h"
#include "model/gguf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mi_store_tensor {
    const char *name;        /* at most MI_GGUF_MAX_NAME bytes */
    int type;                /* ggml's type number */
    uint64_t ne[4];          /* 1 beyond the tensor's rank */
    const void *data;        /* borrowed: of ne's elements, checked by who fills the store */
    const void *const *part; /* [ne[2]] where each expert's matrix lies, when they are not one
                                after another in data (which is then NULL); else NULL */
};

struct mi_store {
    const char *architecture;       /* GGUF's name: "llama" */
    struct mi_value keys;           /* MI_MAP */
    struct mi_store_tensor *tensor; /* [n_tensors], by name after mi_store_sort */
    size_t n_tensors, cap;
    bool is_permuted;      /* q and k rows are in GGUF's order where the architecture has one of
                         its own (trait MI_TRAIT_PERMUTED); else in Hugging Face's */
    struct mi_arena arena; /* of names, keys, and what a store has to make */
};

/* Points into the open file, which must stay open. */
int mi_store_gguf(struct mi_store *s, const struct mi_gguf *g, struct mi_error *err) MI_MUST_USE;
/* Filling one by hand: add all, then sort. A name that is there twice is refused. The name is
 * copied; data is borrowed. What is returned is valid until the next is added. */
struct mi_store_tensor *mi_store_add(struct mi_store *s, const char *name, size_t len, int type,
                                     const uint64_t ne[4], const void *data);
int mi_store_sort(struct mi_store *s, struct mi_error *err) MI_MUST_USE;
const struct mi_store_tensor *mi_store_tensor(const struct mi_store *s,
                                              const char *name); /* or NULL */
/* Bytes of its elements; 0 for a type that is not supported. */
uint64_t mi_store_bytes(const struct mi_store_tensor *t);
void mi_store_free(struct mi_store *s);

#endif
