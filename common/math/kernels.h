/* math/kernels.h: one table of kernels for each instruction set (private to math).
 *
 * The public functions cut the work into tasks and call the table of mi_cpu_isa(). */
#ifndef MI_MATH_KERNELS_H
#define MI_MATH_KERNELS_H

#include "math/quant.h"
#include "math/vmath.h"

#include <stddef.h>
#include <stdint.h>

enum {
    MI_TILE_ROWS = 192, /* rows of W that are dequantised into cache at a time, at most */
    MI_TILE_FLOATS = MI_TILE_ROWS * 1024,
    MI_GRAM_PANEL = 24,  /* columns of the panels that `gram` takes */
    MI_SAMPLE_ROWS = 16, /* rows that the kernels of samples.h take at a time, at most */
};

/* The types with kernels of their own; of others a tile of floats is made first. */
#define MI_KERNEL_EACH_TYPE(X) \
    X(MI_Q_F32)                \
    X(MI_Q_F16)                \
    X(MI_Q_BF16)               \
    X(MI_Q_Q4_0)               \
    X(MI_Q_Q4_1)               \
    X(MI_Q_Q5_0)               \
    X(MI_Q_Q5_1)               \
    X(MI_Q_Q8_0)               \
    X(MI_Q_Q2_K)               \
    X(MI_Q_Q3_K)               \
    X(MI_Q_Q4_K)               \
    X(MI_Q_Q5_K)               \
    X(MI_Q_Q6_K)               \
    X(MI_Q_IQ4_NL)             \
    X(MI_Q_IQ4_XS)             \
    X(MI_Q_MXFP4)

enum { MI_KERNEL_TYPES = MI_Q_MXFP4 + 1 };

static inline bool mi_has_kernels(enum mi_qtype type)
{
#define MI_KERNEL_CASE(type) case type:
    switch (type) {
        MI_KERNEL_EACH_TYPE(MI_KERNEL_CASE)
        return true;
    default: return false;
    }
#undef MI_KERNEL_CASE
}

/* One block of attention: `rows` query rows that read the same keys and values. Row r sees
 * the keys from first + r * step (or 0) to n_keys - 1 + r * step. Keys before `from` (a
 * multiple of 16, at most row 0's first) are left out: nobody sees them. */
struct mi_attention_block {
    int rows, n_keys, step, first, from, d_head;
    float scale, cap;   /* cap 0: none */
    const float *slope; /* ALiBi: row r's at r, or at 0 where step is 1; NULL: none */
    const float *sink;  /* the same of the score of no key */
    const float *q, *keys, *values;
    int64_t ldq, ldk, ldv, ldz;
    float *z;
    float *scores; /* scratch [rows, lds] */
    int64_t lds;   /* at least the last row's keys */
};

/* Weights that this thread probably needs next. */
struct mi_ahead {
    const unsigned char *at;
    size_t bytes; /* 0: unknown */
};

struct mi_kernels {
    int few_max;      /* rows of x up to which `few` is the faster, for weights that */
    int few_max_slow; /* are unpacked fast (plain, Q8_0), and for the others */
    int tile_n;       /* the tile's rows of W: tasks start at multiples of it */

    /* Rows n0 .. n1 - 1 of W times m rows of X. `many` takes at most MI_TILE_ROWS rows of W
     * and a scratch of MI_TILE_FLOATS, 64-byte aligned; while it multiplies it fetches what is
     * `ahead` into cache. */
    void (*few)(float *Y, int64_t ldy, const float *X, int64_t ldx, int m,
                const struct mi_matrix *W, int n0, int n1);
    void (*many)(float *Y, int64_t ldy, const float *X, int64_t ldx, int m,
                 const struct mi_matrix *W, int n0, int n1, float *scratch,
                 const struct mi_ahead *ahead);
    void (*row)(float *y, const struct mi_matrix *W, int i);
    float (*dot)(const float *x, const float *w, int64_t k);

    void (*exp_n)(float *y, const float *x, int64_t n);
    /* By enum mi_activation (vmath.h); u may be NULL. */
    void (*activate[MI_ACTIVATIONS])(float *y, const float *g, const float *u, int64_t n);
    void (*tanh_n)(float *y, const float *x, int64_t n);
    void (*cap)(float *y, const float *x, float cap, int64_t n);

    /* y = exp(x - top); their canonical sum, where x [n] starts at element `at` (a multiple
     * of 16) of a row whose elements before it have no weight. */
    float (*exp_sum)(float *y, const float *x, float top, int64_t n, int64_t at);
    float (*top)(const float *x, int64_t n);
    void (*divide)(float *y, const float *x, float by, int64_t n);

    /* scores, softmax, mix of one block; the first and last stage apart for listeners. */
    void (*attend)(const struct mi_attention_block *b);
    void (*scores)(const struct mi_attention_block *b);
    void (*mix)(const struct mi_attention_block *b);

    /* Of n <= MI_SAMPLE_ROWS rows x [n][D] (math/samples.h): y[i] = sum_k (x[i][k] - centre[k])
     * w[k], without centre where it is NULL. sum[k] += x[i][k]; with a centre the square of what
     * is left without it; with weights a [n] too, what is left times a[i]. */
    void (*row_dots)(double *y, const float *const *x, int n, const double *w, const double *centre,
                     int64_t D);
    void (*row_sums)(double *sum, const float *const *x, int n, const double *centre,
                     const double *a, int64_t D);
    /* loss[i] = log(1 + exp(-m)), slope[i] = -side[i] / (1 + exp(m)), m = side[i] f[i]; n a
     * multiple of 8. */
    void (*logit)(double *loss, double *slope, const double *f, const double *side, int n);
    /* C [MI_GRAM_PANEL rows ldc apart] += a^T b of two panels [rows, MI_GRAM_PANEL]. */
    void (*gram)(double *C, int64_t ldc, const double *a, const double *b, int rows);
};

extern const struct mi_kernels mi_kernels_portable;
#if defined(__x86_64__)
extern const struct mi_kernels mi_kernels_avx2, mi_kernels_avx512;
#endif

const struct mi_kernels *mi_kernels(void); /* of mi_cpu_isa() */

/* This thread's scratch of at least `floats`, 64-byte aligned; the next call may move it. */
float *mi_math_scratch(size_t floats);

#endif
