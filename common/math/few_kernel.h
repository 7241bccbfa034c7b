/* math/few_kernel.h: y = W x for few rows of x, in the canonical order (math/linear.h): each
 * weight is dequantised once, in registers, and used at once. */
#ifndef MI_MATH_FEW_KERNEL_H
#define MI_MATH_FEW_KERNEL_H

#include "math/kernels.h"
#include "math/linear.h"
#include "math/unpack.h"

/* Memory is read this far ahead; the hardware alone keeps up with floats only. */
enum { AHEAD = 8192 };

ALWAYS_INLINE void prefetch_group(const int type, const unsigned char *p)
{
    __builtin_prefetch(p);
    if (type == MI_Q_F32)
        __builtin_prefetch(p + 64);
}

ALWAYS_INLINE int least(int a, int b)
{
    return a < b ? a : b;
}

ALWAYS_INLINE int64_t element_bytes(const int type)
{
    return type == MI_Q_F32 ? 4 : 2;
}

/* The sums of n accumulators. */
ALWAYS_INLINE void sum_lanes(float *y, const int n, const lanes *c)
{
    UNROLL
    for (int g = 0; g < n; g += 4 * SUM_ROWS) {
        vec z[SUM_ROWS][4];
        four s[SUM_ROWS];
        if (n - g < 4) {
            UNROLL
            for (int i = g; i < n; i++)
                y[i] = lanes_sum(c[i]);
            break;
        }
        UNROLL
        for (int i = 0; i < 4 * SUM_ROWS; i++)
            z[i / 4][i % 4] = g + i < n ? lanes_vec(c[g + i]) : vec_zero();
        vec_sums(s, z);
        UNROLL
        for (int i = 0; i < SUM_ROWS; i++)
            if (g + 4 * i < n)
                memcpy(y + g + 4 * i, &s[i], (size_t)(n - g - 4 * i < 4 ? n - g - 4 * i : 4) * 4);
    }
}

/* What one call of the few-rows kernel works on. */
struct few {
    const float *x;
    int64_t ldx;
    const unsigned char *w; /* the first of the rows */
    size_t row_bytes;
    int rows;                   /* of W that exist, at most R */
    int k0, k1;                 /* k0 a multiple of 1024 */
    const unsigned char *ahead; /* one row of x: prefetch from here on, byte after byte */
    size_t ahead_by;            /* several: prefetch this much further on */
    float *y;
    int64_t ldy;
};

/* c[m, r] += x[m, k .. k + n - 1] w[r], n <= 32. */
ALWAYS_INLINE void few_group(const int M, const int R, const struct few *f, int k, int n,
                             lanes w[][2], lanes *c)
{
    UNROLL
    for (int g = 0; g < 2; g++) {
        const int there = n - 16 * g;
        if (there <= 0)
            break;
        UNROLL
        for (int m = 0; m < M; m++) {
            const float *p = f->x + m * f->ldx + k + 16 * g;
            lanes x = there >= 16 ? lanes_load(p) : lanes_load_part(p, there);
            UNROLL
            for (int r = 0; r < R; r++)
                c[m * R + r] = lanes_fma(x, w[r][g], c[m * R + r]);
        }
    }
}

/* M rows of x times R rows of W, columns k0 .. k1 - 1. */
ALWAYS_INLINE void few_rows(const int type, const int M, const int R, const struct few *f)
{
    const unsigned char *row[4], *ahead = f->ahead;
    struct unpack_state state[4];
    float sums[FEW_PASS * 4];
    int group;

    UNROLL
    for (int r = 0; r < R; r++)
        row[r] = f->w + (size_t)least(r, f->rows - 1) * f->row_bytes;
    for (int k = f->k0; k < f->k1;) {
        const int end = least(f->k1, k + MI_LINEAR_BLOCK);
        const bool first = k == 0;
        lanes c[FEW_PASS * 4], w[4][2];

        UNROLL
        for (int i = 0; i < M * R; i++)
            c[i] = lanes_zero();
        for (; k + stride(type) <= end; k += stride(type)) {
            UNROLL
            for (int g = 0; g < stride(type); g += 32) {
                UNROLL
                for (int r = 0; r < R; r++) {
                    const unsigned char *block = block_of(type, row[r], k, g, &group);
                    if (M > 1)
                        ahead = block + group * group_bytes(type) + f->ahead_by;
                    prefetch_group(type, ahead);
                    ahead += group_bytes(type);
                    unpack(type, block, group, &state[r], w[r]);
                }
                few_group(M, R, f, k + g, 32, w, c);
            }
        }
        if (k < end && is_plain(type)) {
            UNROLL
            for (int r = 0; r < R; r++)
                unpack_tail(type, row[r] + k * element_bytes(type), end - k, w[r]);
            few_group(M, R, f, k, end - k, w, c);
            k = end;
        }
        sum_lanes(sums, M * R, c);
        UNROLL
        for (int m = 0; m < M; m++)
            UNROLL
        for (int r = 0; r < R; r++) {
            float *y = f->y + m * f->ldy + r;
            if (r < f->rows)
                *y = first ? sums[m * R + r] : *y + sums[m * R + r];
        }
    }
}

/* ---- one function for each type and number of rows ------------------------------------ */

#define FEW_CASE(type, m)                  \
    case m:                                \
        few_rows(type, m, FEW_ROWS(m), f); \
        break;

#if FEW_PASS_MAX == 8
#define FEW_CASES(type) \
    FEW_CASE(type, 1)   \
    FEW_CASE(type, 2)   \
    FEW_CASE(type, 3)   \
    FEW_CASE(type, 4)   \
    FEW_CASE(type, 5)   \
    FEW_CASE(type, 6)   \
    FEW_CASE(type, 7)   \
    FEW_CASE(type, 8)
#else
#define FEW_CASES(type) \
    FEW_CASE(type, 1)   \
    FEW_CASE(type, 2)   \
    FEW_CASE(type, 3)   \
    FEW_CASE(type, 4)
#endif

#define FEW_FUNCTION(type)                                                       \
    static __attribute__((noinline)) void few_##type(int m, const struct few *f) \
    {                                                                            \
        switch (m) {                                                             \
            FEW_CASES(type)                                                      \
        }                                                                        \
    }

MI_KERNEL_EACH_TYPE(FEW_FUNCTION)

typedef void few_function(int m, const struct few *f);

#define FEW_ENTRY(type) [type] = few_##type,
static few_function *const few_functions[MI_KERNEL_TYPES] = {MI_KERNEL_EACH_TYPE(FEW_ENTRY)};

static void run_few(float *Y, int64_t ldy, const float *X, int64_t ldx, int m,
                    const struct mi_matrix *W, int n0, int n1)
{
    const unsigned char *data = W->data;
    /* Whole rows while x stays in the first cache, else blocks of columns. */
    const int span = m * (int64_t)W->k > 8192 && m > 1 ? MI_LINEAR_BLOCK : W->k;
    const int R = FEW_ROWS(m);
    const size_t near = (size_t)R * W->row_bytes; /* the next rows */

    for (int start = n0; start < n1; start += 64)
        for (int k0 = 0; k0 < W->k; k0 += span)
            for (int n = start; n < least(start + 64, n1); n += R)
                for (int i = 0; i < m; i += FEW_PASS) {
                    struct few f = {
                        .x = X + i * ldx,
                        .ldx = ldx,
                        .w = data + (size_t)n * W->row_bytes,
                        .row_bytes = W->row_bytes,
                        .rows = least(R, least(start + 64, n1) - n),
                        .k0 = k0,
                        .k1 = least(W->k, k0 + span),
                        .y = Y + i * ldy + n,
                        .ldy = ldy,
                    };
                    f.ahead = f.w + (near > AHEAD ? near : AHEAD);
                    f.ahead_by = near * (AHEAD / (near * (size_t)span / (size_t)W->k) + 1);
                    few_functions[W->type](least(FEW_PASS, m - i), &f);
                }
}

#endif
