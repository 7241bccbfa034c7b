/* math/lanes_avx512.h: see math/lanes.h. One register is 16 lanes. */
#ifndef MI_MATH_LANES_AVX512_H
#define MI_MATH_LANES_AVX512_H

#include "math/lanes.h"

#include <immintrin.h>

#define KERNEL(name) name##_avx512

typedef __m512 lanes;

#define lanes_zero  _mm512_setzero_ps
#define lanes_set1  _mm512_set1_ps
#define lanes_load  _mm512_loadu_ps
#define lanes_store _mm512_storeu_ps
#define lanes_add   _mm512_add_ps
#define lanes_sub   _mm512_sub_ps
#define lanes_mul   _mm512_mul_ps
#define lanes_div   _mm512_div_ps
#define lanes_max   _mm512_max_ps
#define lanes_min   _mm512_min_ps
#define lanes_fma   _mm512_fmadd_ps

ALWAYS_INLINE lanes lanes_load_part(const float *p, int n)
{
    return _mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), p);
}

ALWAYS_INLINE void lanes_store_part(float *p, lanes a, int n)
{
    _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1), a);
}

ALWAYS_INLINE float lanes_sum(lanes a)
{
    __m256 v = _mm256_add_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
    __m128 q = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));

    q = _mm_add_ps(q, _mm_movehl_ps(q, q));
    return _mm_cvtss_f32(_mm_add_ss(q, _mm_shuffle_ps(q, q, 1)));
}

ALWAYS_INLINE float lanes_top(lanes a)
{
    __m256 v = _mm256_max_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
    __m128 q = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));

    q = _mm_max_ps(q, _mm_movehl_ps(q, q));
    return _mm_cvtss_f32(_mm_max_ss(q, _mm_shuffle_ps(q, q, 1)));
}

ALWAYS_INLINE lanes lanes_times_pow2(lanes p, lanes t)
{
    __m512i n = _mm512_sub_epi32(_mm512_castps_si512(t), _mm512_set1_epi32(LANES_MAGIC_BITS));
    __m512i half = _mm512_srai_epi32(n, 1), rest = _mm512_sub_epi32(n, half);
    __m512i bias = _mm512_set1_epi32(127);

    half = _mm512_slli_epi32(_mm512_add_epi32(half, bias), 23);
    rest = _mm512_slli_epi32(_mm512_add_epi32(rest, bias), 23);
    return _mm512_mul_ps(_mm512_mul_ps(p, _mm512_castsi512_ps(half)), _mm512_castsi512_ps(rest));
}

typedef __m512 vec;
#define TILE_M_MAX 6
enum { VEC = 16, LANES_PARTS = 1, TILE_M = TILE_M_MAX, TILE_N = 4, SUM_ROWS = 4, MIX_LANES = 4 };
#define FEW_PASS_MAX 8
enum { FEW_PASS = FEW_PASS_MAX, FEW_MAX = 8, FEW_MAX_SLOW = 8 };
#define FEW_ROWS(m) ((m) == 1 ? 4 : 2)
#define VEC_KEEP(v) __asm__("" : "+v"(v))
#define vec_zero    _mm512_setzero_ps
#define vec_load    _mm512_loadu_ps
#define vec_store   _mm512_storeu_ps
#define vec_add     _mm512_add_ps
#define vec_fma     _mm512_fmadd_ps

/* One step of the fold for two vectors at once. A blend and one shuffle bring together what is
 * added: blends and additions have two ports, shuffles one, and products want both.
 *
 * a's sums of lanes 8 apart in the low half, b's in the high. */
ALWAYS_INLINE __m512 fold_8(__m512 a, __m512 b)
{
    return _mm512_add_ps(_mm512_mask_blend_ps(0xff00, a, b), _mm512_shuffle_f32x4(a, b, 0x4e));
}

/* Quarters of a and b by turns. */
ALWAYS_INLINE __m512 fold_4(__m512 a, __m512 b)
{
    const __m512i other =
        _mm512_setr_epi32(4, 5, 6, 7, 16, 17, 18, 19, 12, 13, 14, 15, 24, 25, 26, 27);

    return _mm512_add_ps(_mm512_mask_blend_ps(0xf0f0, a, b), _mm512_permutex2var_ps(a, other, b));
}

/* In each quarter a's two, then b's. */
ALWAYS_INLINE __m512 fold_2(__m512 a, __m512 b)
{
    return _mm512_add_ps(_mm512_mask_blend_ps(0xcccc, a, b), _mm512_shuffle_ps(a, b, 0x4e));
}

ALWAYS_INLINE __m512 fold_1(__m512 a, __m512 b)
{
    return _mm512_add_ps(_mm512_shuffle_ps(a, b, 0x88), _mm512_shuffle_ps(a, b, 0xdd));
}

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
    __m512 f[4], s;

    UNROLL
    for (int j = 0; j < 4; j++)
        f[j] = fold_4(fold_8(c[0][j], c[1][j]), fold_8(c[2][j], c[3][j]));
    s = fold_1(fold_2(f[0], f[1]), fold_2(f[2], f[3]));
    out[0] = _mm512_castps512_ps128(s);
    out[1] = _mm512_extractf32x4_ps(s, 2);
    out[2] = _mm512_extractf32x4_ps(s, 1);
    out[3] = _mm512_extractf32x4_ps(s, 3);
}

/* The same for two rows, in half the steps. */
#define HAS_PAIR_SUMS 1
ALWAYS_INLINE void vec_pair_sums(four out[2], vec a[4], vec b[4])
{
    __m512 f[4], s;

    UNROLL
    for (int j = 0; j < 4; j++)
        f[j] = fold_8(a[j], b[j]);
    s = fold_2(fold_4(f[0], f[1]), fold_4(f[2], f[3]));
    s = fold_1(s, s);
    out[0] = _mm_unpacklo_ps(_mm512_castps512_ps128(s), _mm512_extractf32x4_ps(s, 1));
    out[1] = _mm_unpacklo_ps(_mm512_extractf32x4_ps(s, 2), _mm512_extractf32x4_ps(s, 3));
}

#endif
