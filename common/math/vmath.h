/* math/vmath.h: elementary functions of our own, the same bits everywhere.
 *
 * libm picks variants by processor; these are one polynomial each, evaluated with
 * fused multiply-adds in one order, portable and vectorised alike. Errors stated are
 * maxima over all floats in the range, in units in the last place (tests check them
 * against long double libm). */
#ifndef MI_MATH_VMATH_H
#define MI_MATH_VMATH_H

#include <stdint.h>

float mi_expf(float x);  /* <= 2 ulp; 0 below -103.97, inf above 88.72; NaN stays NaN */
float mi_logf(float x);  /* <= 2 ulp; -inf at 0, NaN below */
float mi_tanhf(float x); /* <= 4 ulp */
double mi_exp(double x); /* <= 2 ulp */
double mi_log(double x); /* <= 2 ulp */
double mi_pow(double x,
              double y); /* exp(y log x) for x > 0; relative error < 1e-13 for |y log x| < 50 */
void mi_sincos(double x, double *sine, double *cosine); /* |x| < 2^30: absolute error < 1e-15 */

/* y[i] = exp(x[i]), the same bits as mi_expf. May work in place. */
void mi_expf_n(float *y, const float *x, int64_t n);

/* y[i] = g[i] / (1 + exp(-g[i])) * u[i]: SiLU(g) gated by u (SwiGLU). In place allowed. */
void mi_silu_mul(float *y, const float *g, const float *u, int64_t n);
/* y[i] = SiLU(g[i]). */
void mi_silu(float *y, const float *g, int64_t n);

enum mi_activation {
    MI_ACTIVATION_SILU,      /* x / (1 + exp(-x)) */
    MI_ACTIVATION_GELU,      /* x Phi(x), by erf */
    MI_ACTIVATION_GELU_TANH, /* x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) / 2: "gelu_new" */
    MI_ACTIVATION_RELU,
    MI_ACTIVATION_RELU2, /* relu(x)^2 */
    MI_ACTIVATIONS
};
/* y[i] = act(g[i]) * u[i], or act(g[i]) where u is NULL. In place allowed. Of GELU the error is
 * below 1e-6 |x|; where x > -3, below 4e-6 of the result, of GELU_TANH below 2e-6 of it. */
void mi_activate(enum mi_activation kind, float *y, const float *g, const float *u, int64_t n);
/* y[i] = cap tanh(x[i] / cap): relative error below 1e-6. In place allowed. */
void mi_soft_cap(float *y, const float *x, float cap, int64_t n);

/* n numbers of N(0, 1) keyed by a seed text: same numbers whatever the cut. Number i
 * depends on (seed, purpose, key, i) only. */
void mi_normal_fill(float *y, int64_t n, uint64_t seed, const char *purpose, const char *key);

#endif
