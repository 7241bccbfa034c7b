/* math/lanes_portable.h: see math/lanes.h. Plain C; the compiler vectorises what it can. */
#ifndef MI_MATH_LANES_PORTABLE_H
#define MI_MATH_LANES_PORTABLE_H

#include "math/lanes.h"

#include <math.h>

#define KERNEL(name) name##_portable

typedef struct {
    float f[16];
} lanes;

ALWAYS_INLINE lanes lanes_set1(float x)
{
    lanes r;
    for (int i = 0; i < 16; i++)
        r.f[i] = x;
    return r;
}

ALWAYS_INLINE lanes lanes_zero(void)
{
    return lanes_set1(0.0f);
}

ALWAYS_INLINE lanes lanes_load(const float *p)
{
    lanes r;
    memcpy(r.f, p, sizeof r.f);
    return r;
}

ALWAYS_INLINE lanes lanes_load_part(const float *p, int n)
{
    lanes r = lanes_zero();
    memcpy(r.f, p, (size_t)n * sizeof *p);
    return r;
}

ALWAYS_INLINE void lanes_store(float *p, lanes a)
{
    memcpy(p, a.f, sizeof a.f);
}

ALWAYS_INLINE void lanes_store_part(float *p, lanes a, int n)
{
    memcpy(p, a.f, (size_t)n * sizeof *p);
}

#define LANES_BINARY(name, expression)         \
    ALWAYS_INLINE lanes name(lanes a, lanes b) \
    {                                          \
        lanes r;                               \
        for (int i = 0; i < 16; i++)           \
            r.f[i] = expression;               \
        return r;                              \
    }
LANES_BINARY(lanes_add, a.f[i] + b.f[i])
LANES_BINARY(lanes_sub, a.f[i] - b.f[i])
LANES_BINARY(lanes_mul, a.f[i] * b.f[i])
LANES_BINARY(lanes_div, a.f[i] / b.f[i])
LANES_BINARY(lanes_max, a.f[i] > b.f[i] ? a.f[i] : b.f[i])
LANES_BINARY(lanes_min, a.f[i] < b.f[i] ? a.f[i] : b.f[i])
#undef LANES_BINARY

#ifdef __FP_FAST_FMAF
ALWAYS_INLINE lanes lanes_fma(lanes a, lanes b, lanes c)
{
    for (int i = 0; i < 16; i++)
        c.f[i] = __builtin_fmaf(a.f[i], b.f[i], c.f[i]);
    return c;
}
#else
/* Without the instruction: the product of two floats is exact in double, the sum there is
 * off by one rounding. Rounding it to odd (Boldo and Melquiond 2008) makes the second
 * rounding, to float, the only one that counts. */
static inline float fma_rounded_to_odd(float a, float b, float c)
{
    double p = (double)a * (double)b, s = p + (double)c, t = s - p;
    double rest = (p - (s - t)) + ((double)c - t);
    uint64_t u;

    memcpy(&u, &s, sizeof u);
    if (!(u & 1) && (rest > 0 || rest < 0)) {
        u += (rest > 0) == (s > 0) ? 1 : (uint64_t)-1;
        memcpy(&s, &u, sizeof s);
    }
    return (float)s;
}

/* The two roundings can only differ from one where the double stands halfway between two
 * floats, or where the result is subnormal. Both are rare and looked for. Not inlined: it
 * is long, and used everywhere. */
static __attribute__((noinline)) void fma_16(float *c, const float *a, const float *b)
{
    float r[16];
    uint32_t rare = 0;

    for (int i = 0; i < 16; i++) {
        double s = (double)a[i] * (double)b[i] + (double)c[i];
        uint64_t u;
        uint32_t v;
        r[i] = (float)s;
        memcpy(&u, &s, sizeof u);
        memcpy(&v, &r[i], sizeof v);
        rare |= (((uint32_t)u & 0x1fffffffu) == 0x10000000u) | ((v & 0x7fffffffu) < 0x01000000u);
    }
    if (rare)
        for (int i = 0; i < 16; i++)
            r[i] = fma_rounded_to_odd(a[i], b[i], c[i]);
    memcpy(c, r, sizeof r);
}

ALWAYS_INLINE lanes lanes_fma(lanes a, lanes b, lanes c)
{
    fma_16(c.f, a.f, b.f);
    return c;
}
#endif

ALWAYS_INLINE float lanes_sum(lanes a)
{
    for (int step = 8; step; step /= 2)
        for (int i = 0; i < step; i++)
            a.f[i] += a.f[i + step];
    return a.f[0];
}

ALWAYS_INLINE float lanes_top(lanes a)
{
    for (int i = 1; i < 16; i++)
        a.f[0] = a.f[0] > a.f[i] ? a.f[0] : a.f[i];
    return a.f[0];
}

ALWAYS_INLINE lanes lanes_times_pow2(lanes p, lanes t)
{
    for (int i = 0; i < 16; i++) {
        uint32_t u, half, rest;
        float x, y;
        memcpy(&u, &t.f[i], sizeof u);
        u -= LANES_MAGIC_BITS;
        half = (uint32_t)((int32_t)u >> 1);
        rest = (u - half + 127) << 23;
        half = (half + 127) << 23;
        memcpy(&x, &half, sizeof x);
        memcpy(&y, &rest, sizeof y);
        p.f[i] = p.f[i] * x * y;
    }
    return p;
}

typedef lanes vec;
#define TILE_M_MAX 2
enum { VEC = 16, LANES_PARTS = 1, TILE_M = TILE_M_MAX, TILE_N = 4, SUM_ROWS = 1, MIX_LANES = 1 };
#define FEW_PASS_MAX 4
enum { FEW_PASS = FEW_PASS_MAX, FEW_MAX = 8, FEW_MAX_SLOW = 8 };
#define FEW_ROWS(m) ((m) == 1 ? 2 : 1)
#define VEC_KEEP(v) ((void)0)
#define vec_zero    lanes_zero
#define vec_load    lanes_load
#define vec_store   lanes_store
#define vec_add     lanes_add
#define vec_fma     lanes_fma

ALWAYS_INLINE vec lanes_part(lanes a, const int part)
{
    (void)part;
    return a;
}

ALWAYS_INLINE vec lanes_vec(lanes a)
{
    return a;
}

ALWAYS_INLINE void vec_sums(four out[SUM_ROWS], vec c[SUM_ROWS][4])
{
    for (int j = 0; j < 4; j++)
        out[0][j] = lanes_sum(c[0][j]);
}

#endif
