/* math/vmath_kernel.h: exp and what is made of it, sixteen at a time. */
#ifndef MI_MATH_VMATH_KERNEL_H
#define MI_MATH_VMATH_KERNEL_H

#include "math/kernels.h"
#include "math/lanes.h"

/* exp(x) = 2^n exp(r), n the nearest integer to x / ln 2; exp(r) on |r| <= ln 2 / 2 by the
 * polynomial of Cephes' expf (Moshier). Arguments beyond the range of float results are
 * moved to its edge, where the result is 0 or infinity. */
ALWAYS_INLINE lanes lanes_exp_less_1(lanes r)
{
    lanes p = lanes_set1(1.9875691500e-4f);

    p = lanes_fma(p, r, lanes_set1(1.3981999507e-3f));
    p = lanes_fma(p, r, lanes_set1(8.3334519073e-3f));
    p = lanes_fma(p, r, lanes_set1(4.1665795894e-2f));
    p = lanes_fma(p, r, lanes_set1(1.6666665459e-1f));
    p = lanes_fma(p, r, lanes_set1(5.0000001201e-1f));
    return lanes_fma(p, lanes_mul(r, r), r);
}

ALWAYS_INLINE lanes lanes_exp(lanes x)
{
    const lanes magic = lanes_set1(LANES_MAGIC);
    lanes t, n, r, p;

    x = lanes_min(lanes_set1(89.0f), lanes_max(lanes_set1(-104.0f), x));
    t = lanes_fma(x, lanes_set1(0x1.715476p+0f), magic);
    n = lanes_sub(t, magic);
    r = lanes_fma(n, lanes_set1(-0x1.62e43p-1f), x);
    r = lanes_fma(n, lanes_set1(0x1.05c61p-29f), r);
    p = lanes_exp_less_1(r);
    p = lanes_add(p, lanes_set1(1.0f));
    return lanes_times_pow2(p, t);
}

static void run_exp_n(float *y, const float *x, int64_t n)
{
    int64_t i = 0;

    for (; i + 16 <= n; i += 16)
        lanes_store(y + i, lanes_exp(lanes_load(x + i)));
    if (i < n)
        lanes_store_part(y + i, lanes_exp(lanes_load_part(x + i, (int)(n - i))), (int)(n - i));
}

ALWAYS_INLINE lanes lanes_silu(lanes g)
{
    lanes e = lanes_exp(lanes_sub(lanes_zero(), g));

    return lanes_div(g, lanes_add(lanes_set1(1.0f), e));
}

static void run_silu_mul(float *y, const float *g, const float *u, int64_t n)
{
    const lanes one = lanes_set1(1.0f);
    int64_t i = 0;

    for (; i + 16 <= n; i += 16)
        lanes_store(y + i, lanes_mul(lanes_silu(lanes_load(g + i)), u ? lanes_load(u + i) : one));
    if (i < n) {
        int rest = (int)(n - i);
        lanes a = lanes_silu(lanes_load_part(g + i, rest));
        lanes_store_part(y + i, lanes_mul(a, u ? lanes_load_part(u + i, rest) : one), rest);
    }
}

/* y = exp(x - top); their sum in the canonical order. Blocks of 1024 end where they end in
 * the whole row. */
static float run_exp_sum(float *y, const float *x, float top, int64_t n, int64_t at)
{
    const lanes away = lanes_set1(top);
    float sum = 0.0f;

    for (int64_t i = 0, start = 0; start < n; start = i) {
        int64_t block = 1024 - (at + start) % 1024, end = n - start < block ? n : start + block;
        lanes c = lanes_zero(), e;
        for (; i + 16 <= end; i += 16) {
            e = lanes_exp(lanes_sub(lanes_load(x + i), away));
            lanes_store(y + i, e);
            c = lanes_add(c, e);
        }
        if (i < end) {
            int rest = (int)(end - i);
            e = lanes_exp(lanes_sub(lanes_load_part(x + i, rest), away));
            lanes_store_part(y + i, e, rest);
            c = lanes_add(c, lanes_load_part(y + i, rest));
            i = end;
        }
        sum = start ? sum + lanes_sum(c) : lanes_sum(c);
    }
    return sum;
}

static float run_top(const float *x, int64_t n)
{
    float top = x[0];
    lanes t;

    if (n < 16) {
        for (int64_t i = 1; i < n; i++)
            top = top > x[i] ? top : x[i];
        return top;
    }
    t = lanes_load(x + n - 16); /* overlaps the others */
    for (int64_t i = 0; i + 16 <= n; i += 16)
        t = lanes_max(t, lanes_load(x + i));
    return lanes_top(t);
}

static void run_divide(float *y, const float *x, float by, int64_t n)
{
    const lanes d = lanes_set1(by);
    int64_t i = 0;

    for (; i + 16 <= n; i += 16)
        lanes_store(y + i, lanes_div(lanes_load(x + i), d));
    for (; i < n; i++)
        y[i] = x[i] / by;
}

#endif
