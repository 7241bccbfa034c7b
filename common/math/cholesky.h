/* math/cholesky.h: A = L L^T in floats, for preconditioning.
 *
 * Good to about 1e-6 times the condition of A: enough to make a problem round, not to solve
 * one. Products in the canonical order of math/linear.h, so the same bits on every
 * instruction set; O(D^3 / 3) at the speed of the model's products. */
#ifndef MI_MATH_CHOLESKY_H
#define MI_MATH_CHOLESKY_H

#include <stdint.h>

/* Turns the lower triangle of A [D, D] into L; what stands above it is not looked at. Returns
 * -1, and leaves A useless, when A is not positive definite as floats see it. */
int mi_cholesky(float *A, int64_t D);
/* y = L^-1 y, y = L^-T y. */
void mi_cholesky_forward(double *y, const float *L, int64_t D);
void mi_cholesky_back(double *y, const float *L, int64_t D);

#endif
