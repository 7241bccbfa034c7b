/* math/samples.h: sums over many rows of floats, in double: what estimators read their rows by.
 *
 * Each function reads the rows once, at the speed of memory. Products and sums are rounded one
 * by one (nothing is fused) in an order that is stated, so the bits are the same on every
 * instruction set and for any number of threads. */
#ifndef MI_MATH_SAMPLES_H
#define MI_MATH_SAMPLES_H

#include <stdint.h>

/* Rows row[0 .. n - 1] of a matrix x [rows, D]. */
struct mi_samples {
    const float *x;
    const int64_t *row; /* [n] */
    int64_t n, D;
};

/* sum[k] += sum_i x[i, k], row after row. */
void mi_samples_sum(double *sum, const struct mi_samples *s);
/* sum[k] += sum_i (x[i, k] - centre[k])^2, row after row. */
void mi_samples_spread(double *sum, const struct mi_samples *s, const double *centre);
/* y[i] = sum_k x[i, k] w[k], in the order of mi_vec_dot_row. */
void mi_samples_dot(double *y, const struct mi_samples *s, const double *w);

/* The logistic loss and its gradient, in one pass: with the margin
 * m_i = side_i (b + sum_k (x[i, k] - centre[k]) w[k])
 *
 *     returns   sum_i log(1 + exp(-m_i))
 *     g[k]    = sum_i s_i (x[i, k] - centre[k]),   s_i = -side_i / (1 + exp(m_i))
 *     g[D]    = sum_i s_i
 *
 * g [D + 1]. Blocks of MI_LOGIT_BLOCK rows are summed row after row, then the blocks in order;
 * the blocks are parallel. */
enum { MI_LOGIT_BLOCK = 1024 };
double mi_samples_logit(double *g, const struct mi_samples *s, const int8_t *side, const double *w,
                        double b, const double *centre);

/* The lower triangle of G [D, D] = sum_i z_i z_i^T over every `step`-th row, where
 * z[i, k] = (x[i, k] - centre[k]) / scale[k] rounded to float. In floats, in the canonical order
 * of math/linear.h in blocks of 1024 rows: good to about 1e-6 of the diagonal, for
 * preconditioning (math/cholesky.h). Returns how many rows were taken. */
int64_t mi_samples_gram(float *G, const struct mi_samples *s, int64_t step, const double *centre,
                        const double *scale);

#endif
