/* math/vec.h: vectors in double, for statistics: one order of summation everywhere.
 *
 * Sums run in eight lanes (element i goes to lane i mod 8) that are folded as
 * ((0+4) + (2+6)) + ((1+5) + (3+7)). The same bits on every machine. */
#ifndef MI_MATH_VEC_H
#define MI_MATH_VEC_H

#include <stdint.h>

double mi_vec_dot(const double *x, const double *y, int64_t n);
/* A row of floats with a vector in double: sum_i x[i] * y[i], every product in double. */
double mi_vec_dot_row(const float *x, const double *y, int64_t n);
double mi_vec_norm(const double *x, int64_t n);                       /* sqrt(sum x^2) */
void mi_vec_axpy(double *y, double a, const double *x, int64_t n);    /* y += a x */
void mi_vec_axpy_row(double *y, double a, const float *x, int64_t n); /* y += a x */
void mi_vec_scale(double *x, double a, int64_t n);                    /* x *= a */
/* Divides by the norm, which is returned; a zero vector is left alone. */
double mi_vec_normalize(double *x, int64_t n);

#endif
