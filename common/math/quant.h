/* math/quant.h: the element types of weights, and their exact values.
 *
 * Numbers and block layouts are ggml's (GGUF files). Dequantisation gives the very
 * floats of the reference implementation (gguf-py), whatever the instruction set. Common
 * types have kernels of their own (unpack.h); of the others a tile of floats is made by
 * `dequantise`, and the kernels of floats go on from there. */
#ifndef MI_MATH_QUANT_H
#define MI_MATH_QUANT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum mi_qtype {
    MI_Q_F32 = 0,
    MI_Q_F16 = 1,
    MI_Q_Q4_0 = 2,
    MI_Q_Q4_1 = 3,
    MI_Q_Q5_0 = 6,
    MI_Q_Q5_1 = 7,
    MI_Q_Q8_0 = 8,
    MI_Q_Q2_K = 10,
    MI_Q_Q3_K = 11,
    MI_Q_Q4_K = 12,
    MI_Q_Q5_K = 13,
    MI_Q_Q6_K = 14,
    MI_Q_IQ2_XXS = 16,
    MI_Q_IQ2_XS = 17,
    MI_Q_IQ3_XXS = 18,
    MI_Q_IQ1_S = 19,
    MI_Q_IQ4_NL = 20,
    MI_Q_IQ3_S = 21,
    MI_Q_IQ2_S = 22,
    MI_Q_IQ4_XS = 23,
    MI_Q_IQ1_M = 29,
    MI_Q_BF16 = 30,
    MI_Q_TQ1_0 = 34,
    MI_Q_TQ2_0 = 35,
    MI_Q_MXFP4 = 39,
    /* Not ggml's: safetensors files hold them. */
    MI_Q_F8_E4M3 = 256,
    MI_Q_F8_E5M2 = 257,
};

/* One row of the type table. */
struct mi_qtype_info {
    enum mi_qtype type;
    const char *name;   /* "Q4_1" */
    int block_elements; /* elements in a block: a row is a whole number of blocks */
    int block_bytes;
    /* Dequantises `n_blocks` blocks at `src` (no alignment needed) into y
     * [n_blocks * block_elements]. Portable, exact, the reference of the kernels. */
    void (*dequantise)(float *y, const void *src, int64_t n_blocks);
};

/* NULL for a type that is unknown or not supported. */
const struct mi_qtype_info *mi_qtype_info(int type);
/* The table itself, for listings: [*n]. */
const struct mi_qtype_info *mi_qtypes(int *n);
/* The name ggml gives a type number, supported here or not; "type 99" is never needed:
 * NULL for a number that ggml does not define or has removed. */
const char *mi_qtype_name(int type);

/* A weight matrix as it lies in the file: y = W x, row n at data + n * row_bytes. */
struct mi_matrix {
    const void *data; /* borrowed; any alignment */
    enum mi_qtype type;
    int n; /* rows: outputs */
    int k; /* columns: inputs; a multiple of the type's block */
    size_t row_bytes;
};

/* Row i of W as floats: y [k]. (Embeddings; unembedding of single tokens.) Uses the
 * fastest kernel there is; same bits as `dequantise`. */
void mi_matrix_row(float *y, const struct mi_matrix *W, int i);

#endif
