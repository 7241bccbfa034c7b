/* math/linear.h: y = W x for packed rows, in one canonical order.
 *
 * Each output element is computed in this order, whatever the number of rows, the
 * tiling, the threads and the instruction set, so that its bits depend on its own row
 * of x and of W alone:
 *
 *     cut k into blocks of 1024, the last padded with zeros to a multiple of 16;
 *     in a block, lane j of 16 is a chain of fused multiply-adds from +0 over
 *         the elements j, j + 16, j + 32, ... (x times w, added to the lane);
 *     fold the lanes: j += j + 8, then + 4, + 2, + 1;
 *     the blocks' sums are added in order (the first one starts the sum).
 *
 * Weights are dequantised to their exact floats first (math/quant.h). */
#ifndef MI_MATH_LINEAR_H
#define MI_MATH_LINEAR_H

#include "math/quant.h"

#include <stdint.h>

enum { MI_LINEAR_BLOCK = 1024 };

/* Y[m, n] = sum_k X[m, k] W[n, k] (+ bias[n], added last as one rounded add).
 *
 * X [m, W->k] with rows ldx floats apart; Y [m, W->n] with rows ldy apart; bias [W->n]
 * or NULL. X and Y must not overlap. Splits the outputs over threads (base/par.h),
 * never k. Rows of X need no padding or alignment. A few rows (m <= 8 or so) take a
 * path that dequantises each weight once in registers; more rows dequantise a tile of
 * W into cache and use it for all rows. Scratch is per thread and bounded (< 2 MiB). */
void mi_linear(float *Y, int64_t ldy, const float *X, int64_t ldx, int m, const struct mi_matrix *W,
               const float *bias);

/* Several matrices that read the same X (q, k, v; gate, up), as one piece of parallel work. */
struct mi_linear_job {
    float *Y;
    int64_t ldy;
    const struct mi_matrix *W;
    const float *bias; /* or NULL */
};
void mi_linear_many(const struct mi_linear_job *jobs, int n_jobs, const float *X, int64_t ldx,
                    int m);

/* The canonical dot product of two float arrays [k] (the same order as above). */
float mi_dot(const float *x, const float *w, int64_t k);

/* Y[m, j] = dot(X[m, :], B[j, :]) for plain float matrices, rows ldb apart; canonical. */
void mi_dots(float *Y, int64_t ldy, const float *X, int64_t ldx, int m, const float *B, int64_t ldb,
             int n, int64_t k);

#endif
