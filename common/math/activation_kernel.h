/* math/activation_kernel.h: activations of MLPs, and the soft-cap, sixteen at a time.
 *
 * y = act(g) u, or act(g) where u is NULL; in place allowed. */
#ifndef MI_MATH_ACTIVATION_KERNEL_H
#define MI_MATH_ACTIVATION_KERNEL_H

#include "math/vmath_kernel.h"

/* exp(x) - 1 for x <= 89, good near 0 too: 2^n (exp(r) - 1) + (2^n - 1). */
ALWAYS_INLINE lanes lanes_expm1(lanes x)
{
    const lanes magic = lanes_set1(LANES_MAGIC), one = lanes_set1(1.0f);
    lanes t, n, r, p;

    x = lanes_max(lanes_set1(-104.0f), x);
    t = lanes_fma(x, lanes_set1(0x1.715476p+0f), magic);
    n = lanes_sub(t, magic);
    r = lanes_fma(n, lanes_set1(-0x1.62e43p-1f), x);
    r = lanes_fma(n, lanes_set1(0x1.05c61p-29f), r);
    p = lanes_exp_less_1(r);
    n = lanes_times_pow2(one, t);
    return lanes_fma(p, n, lanes_sub(n, one));
}

/* m / (m + 2), m = exp(2x) - 1. */
ALWAYS_INLINE lanes lanes_tanh(lanes x)
{
    lanes m = lanes_expm1(lanes_min(lanes_set1(40.0f), lanes_add(x, x)));

    return lanes_div(m, lanes_add(m, lanes_set1(2.0f)));
}

/* x Phi(x) = max(x, 0) - |x| erfc(|x| / sqrt 2) / 2, and erfc(z) = exp(-z^2) t Q(t) with
 * t = 1 / (1 + z / 2): Q a minimax polynomial of ours on z <= 10.2. */
ALWAYS_INLINE lanes lanes_gelu(lanes x)
{
    static const float c[] = {
        -0x1.873c24p-4f, 0x1.86925ep-3f, -0x1.288a02p-3f, -0x1.67d870p-7f, 0x1.220f98p-6f,
        0x1.c18da6p-6f,  0x1.7c1952p-4f, 0x1.f62078p-4f,  0x1.2106c6p-3f,  0x1.20dbd0p-3f,
    };
    const lanes one = lanes_set1(1.0f), zero = lanes_zero();
    lanes minus = lanes_sub(zero, x), size = lanes_max(minus, x), t, q = lanes_set1(0x1.2500d2p-6f);

    size = lanes_min(lanes_set1(20.0f), size); /* beyond it nothing is left but max(x, 0) */
    t = lanes_div(one, lanes_fma(size, lanes_set1(0x1.6a09e6p-2f), one));
    for (int i = 0; i < 10; i++)
        q = lanes_fma(q, t, lanes_set1(c[i]));
    q = lanes_mul(q, t);
    q = lanes_mul(q, lanes_exp(lanes_mul(lanes_mul(x, lanes_set1(-0.5f)), x)));
    return lanes_fma(lanes_sub(zero, size), q, lanes_max(zero, x));
}

/* x / (1 + exp(-2 sqrt(2 / pi) (x + 0.044715 x^3))) = x (1 + tanh(sqrt(2 / pi) ...)) / 2 */
ALWAYS_INLINE lanes lanes_gelu_tanh(lanes x)
{
    lanes u = lanes_fma(lanes_mul(x, x), lanes_set1(0.044715f), lanes_set1(1.0f));
    lanes e = lanes_exp(lanes_mul(lanes_mul(x, lanes_set1(-1.5957691216f)), u));

    return lanes_div(x, lanes_add(lanes_set1(1.0f), e));
}

ALWAYS_INLINE lanes lanes_relu(lanes x)
{
    return lanes_max(lanes_zero(), x);
}

ALWAYS_INLINE lanes lanes_relu2(lanes x)
{
    lanes r = lanes_relu(x);

    return lanes_mul(r, r);
}

#define ACTIVATION(name)                                                                          \
    static void run_##name##_mul(float *y, const float *g, const float *u, int64_t n)             \
    {                                                                                             \
        const lanes one = lanes_set1(1.0f);                                                       \
        int64_t i = 0;                                                                            \
                                                                                                  \
        for (; i + 16 <= n; i += 16)                                                              \
            lanes_store(y + i,                                                                    \
                        lanes_mul(lanes_##name(lanes_load(g + i)), u ? lanes_load(u + i) : one)); \
        if (i < n) {                                                                              \
            int rest = (int)(n - i);                                                              \
            lanes a = lanes_##name(lanes_load_part(g + i, rest));                                 \
            lanes_store_part(y + i, lanes_mul(a, u ? lanes_load_part(u + i, rest) : one), rest);  \
        }                                                                                         \
    }
ACTIVATION(gelu)
ACTIVATION(gelu_tanh)
ACTIVATION(relu)
ACTIVATION(relu2)

static void run_tanh_n(float *y, const float *x, int64_t n)
{
    int64_t i = 0;

    for (; i + 16 <= n; i += 16)
        lanes_store(y + i, lanes_tanh(lanes_load(x + i)));
    if (i < n)
        lanes_store_part(y + i, lanes_tanh(lanes_load_part(x + i, (int)(n - i))), (int)(n - i));
}

/* y = cap tanh(x / cap) */
static void run_cap(float *y, const float *x, float cap, int64_t n)
{
    const lanes c = lanes_set1(cap);
    int64_t i = 0;

    for (; i + 16 <= n; i += 16)
        lanes_store(y + i, lanes_mul(c, lanes_tanh(lanes_div(lanes_load(x + i), c))));
    if (i < n) {
        int rest = (int)(n - i);
        lanes a = lanes_tanh(lanes_div(lanes_load_part(x + i, rest), c));
        lanes_store_part(y + i, lanes_mul(c, a), rest);
    }
}

#endif
