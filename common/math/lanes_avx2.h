/* math/lanes_avx2.h: see math/lanes.h. Two registers make 16 lanes. */
#ifndef MI_MATH_LANES_AVX2_H
#define MI_MATH_LANES_AVX2_H

#include "math/lanes.h"

#include <immintrin.h>

#define KERNEL(name) name##_avx2

typedef struct {
    __m256 lo, hi;
} lanes;

ALWAYS_INLINE lanes lanes_set1(float x)
{
    return (lanes){_mm256_set1_ps(x), _mm256_set1_ps(x)};
}

ALWAYS_INLINE lanes lanes_zero(void)
{
    return (lanes){_mm256_setzero_ps(), _mm256_setzero_ps()};
}

ALWAYS_INLINE lanes lanes_load(const float *p)
{
    return (lanes){_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)};
}

/* All ones in the first n of eight. */
ALWAYS_INLINE __m256i first_of_8(int n)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

ALWAYS_INLINE lanes lanes_load_part(const float *p, int n)
{
    return (lanes){_mm256_maskload_ps(p, first_of_8(n)),
                   _mm256_maskload_ps(p + 8, first_of_8(n - 8))};
}

ALWAYS_INLINE void lanes_store(float *p, lanes a)
{
    _mm256_storeu_ps(p, a.lo);
    _mm256_storeu_ps(p + 8, a.hi);
}

ALWAYS_INLINE void lanes_store_part(float *p, lanes a, int n)
{
    _mm256_maskstore_ps(p, first_of_8(n), a.lo);
    _mm256_maskstore_ps(p + 8, first_of_8(n - 8), a.hi);
}

#define LANES_BINARY(name, op)                          \
    ALWAYS_INLINE lanes name(lanes a, lanes b)          \
    {                                                   \
        return (lanes){op(a.lo, b.lo), op(a.hi, b.hi)}; \
    }
LANES_BINARY(lanes_add, _mm256_add_ps)
LANES_BINARY(lanes_sub, _mm256_sub_ps)
LANES_BINARY(lanes_mul, _mm256_mul_ps)
LANES_BINARY(lanes_div, _mm256_div_ps)
LANES_BINARY(lanes_max, _mm256_max_ps)
LANES_BINARY(lanes_min, _mm256_min_ps)
#undef LANES_BINARY

ALWAYS_INLINE lanes lanes_fma(lanes a, lanes b, lanes c)
{
    return (lanes){_mm256_fmadd_ps(a.lo, b.lo, c.lo), _mm256_fmadd_ps(a.hi, b.hi, c.hi)};
}

ALWAYS_INLINE float lanes_sum(lanes a)
{
    __m256 v = _mm256_add_ps(a.lo, a.hi);
    __m128 q = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));

    q = _mm_add_ps(q, _mm_movehl_ps(q, q));
    return _mm_cvtss_f32(_mm_add_ss(q, _mm_shuffle_ps(q, q, 1)));
}

ALWAYS_INLINE float lanes_top(lanes a)
{
    __m256 v = _mm256_max_ps(a.lo, a.hi);
    __m128 q = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));

    q = _mm_max_ps(q, _mm_movehl_ps(q, q));
    return _mm_cvtss_f32(_mm_max_ss(q, _mm_shuffle_ps(q, q, 1)));
}

ALWAYS_INLINE __m256 times_pow2_8(__m256 p, __m256 t)
{
    __m256i n = _mm256_sub_epi32(_mm256_castps_si256(t), _mm256_set1_epi32(LANES_MAGIC_BITS));
    __m256i half = _mm256_srai_epi32(n, 1), rest = _mm256_sub_epi32(n, half);
    __m256i bias = _mm256_set1_epi32(127);

    half = _mm256_slli_epi32(_mm256_add_epi32(half, bias), 23);
    rest = _mm256_slli_epi32(_mm256_add_epi32(rest, bias), 23);
    return _mm256_mul_ps(_mm256_mul_ps(p, _mm256_castsi256_ps(half)), _mm256_castsi256_ps(rest));
}

ALWAYS_INLINE lanes lanes_times_pow2(lanes p, lanes t)
{
    return (lanes){times_pow2_8(p.lo, t.lo), times_pow2_8(p.hi, t.hi)};
}

typedef __m256 vec;
#define TILE_M_MAX 4
enum { VEC = 8, LANES_PARTS = 2, TILE_M = TILE_M_MAX, TILE_N = 3, SUM_ROWS = 2, MIX_LANES = 1 };
#define FEW_PASS_MAX 4
enum { FEW_PASS = FEW_PASS_MAX, FEW_MAX = 8, FEW_MAX_SLOW = 4 };
#define FEW_ROWS(m) ((m) == 1 ? 4 : 1)
#define VEC_KEEP(v) __asm__("" : "+x"(v))
#define vec_zero    _mm256_setzero_ps
#define vec_load    _mm256_loadu_ps
#define vec_store   _mm256_storeu_ps
#define vec_add     _mm256_add_ps
#define vec_fma     _mm256_fmadd_ps

/* One step of the fold for two vectors: a's sums in the low half of each, b's in the high. */
ALWAYS_INLINE __m256 fold_4(__m256 a, __m256 b)
{
    return _mm256_add_ps(_mm256_permute2f128_ps(a, b, 0x20), _mm256_permute2f128_ps(a, b, 0x31));
}

ALWAYS_INLINE __m256 fold_2(__m256 a, __m256 b)
{
    return _mm256_add_ps(_mm256_shuffle_ps(a, b, 0x44), _mm256_shuffle_ps(a, b, 0xee));
}

ALWAYS_INLINE __m256 fold_1(__m256 a, __m256 b)
{
    return _mm256_add_ps(_mm256_shuffle_ps(a, b, 0x88), _mm256_shuffle_ps(a, b, 0xdd));
}

ALWAYS_INLINE vec lanes_part(lanes a, const int part)
{
    return part ? a.hi : a.lo;
}

ALWAYS_INLINE vec lanes_vec(lanes a)
{
    return _mm256_add_ps(a.lo, a.hi);
}

/* The vectors hold j + (j + 8) already. */
ALWAYS_INLINE void vec_sums(four out[SUM_ROWS], vec c[SUM_ROWS][4])
{
    __m256 f0 = fold_4(c[0][0], c[1][0]), f1 = fold_4(c[0][1], c[1][1]);
    __m256 f2 = fold_4(c[0][2], c[1][2]), f3 = fold_4(c[0][3], c[1][3]);
    __m256 s = fold_1(fold_2(f0, f1), fold_2(f2, f3));

    out[0] = _mm256_castps256_ps128(s);
    out[1] = _mm256_extractf128_ps(s, 1);
}

#endif
