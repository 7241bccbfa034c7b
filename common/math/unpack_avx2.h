/* math/unpack_avx2.h: see math/unpack.h.
 *
 * Four bits a weight: loads widen the bytes, then they are cut. Where a weight has pieces in
 * several places they are put together as 32 bytes at once, and then widened. */
#ifndef MI_MATH_UNPACK_AVX2_H
#define MI_MATH_UNPACK_AVX2_H

#include "math/unpack.h"
#include "math/unpack_x86.h"

/* The scales of a Q4_K or Q5_K block's eight groups, then minus their minima; of Q6_K: its 16
 * scales. */
struct unpack_state {
    float scale[16];
};

ALWAYS_INLINE __m256 broadcast_f16(const unsigned char *p)
{
    short h;

    memcpy(&h, p, sizeof h);
    return _mm256_cvtph_ps(_mm_set1_epi16(h));
}

ALWAYS_INLINE __m256 widen_8(const void *p)
{
    return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(p)));
}

/* 32 signed bytes to floats. */
ALWAYS_INLINE void widen(__m256i bytes, __m256 q[4])
{
    const __m128i half[2] = {_mm256_castsi256_si128(bytes), _mm256_extracti128_si256(bytes, 1)};

    UNROLL
    for (int i = 0; i < 4; i++) {
        __m128i b = i % 2 ? _mm_srli_si128(half[i / 2], 8) : half[i / 2];
        q[i] = _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(b));
    }
}

/* Sixteen bytes as 32 nibbles, low halves first: as floats, with `zero` taken away. */
ALWAYS_INLINE void widen_nibbles(const unsigned char *p, const int zero, __m256 q[4])
{
    UNROLL
    for (int i = 0; i < 2; i++) {
        __m256i x = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const void *)(p + 8 * i)));
        __m256i low = _mm256_and_si256(x, _mm256_set1_epi32(15)), high = _mm256_srli_epi32(x, 4);
        q[i] = _mm256_cvtepi32_ps(_mm256_sub_epi32(low, _mm256_set1_epi32(zero)));
        q[i + 2] = _mm256_cvtepi32_ps(_mm256_sub_epi32(high, _mm256_set1_epi32(zero)));
    }
}

/* The low or the high nibbles of 32 bytes as floats. */
ALWAYS_INLINE void widen_halves(const unsigned char *p, const bool high, __m256 q[4])
{
    UNROLL
    for (int i = 0; i < 4; i++) {
        __m256i x = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const void *)(p + 8 * i)));
        q[i] = _mm256_cvtepi32_ps(high ? _mm256_srli_epi32(x, 4)
                                       : _mm256_and_si256(x, _mm256_set1_epi32(15)));
    }
}

/* Sixteen bytes as 32 nibbles, in bytes. */
ALWAYS_INLINE __m256i nibbles(const unsigned char *p)
{
    const __m256i shift = _mm256_setr_epi32(0, 0, 0, 0, 4, 4, 4, 4);
    __m256i x = _mm256_broadcastsi128_si256(_mm_loadu_si128((const void *)p));

    return _mm256_and_si256(_mm256_srlv_epi32(x, shift), _mm256_set1_epi8(15));
}

/* Bit i of `high` as 16 in byte i. */
ALWAYS_INLINE __m256i fifth_bits(const unsigned char *high)
{
    const __m256i byte =
        _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303);
    const __m256i bit = _mm256_set1_epi64x((long long)0x8040201008040201);
    __m256i x;
    int u;

    memcpy(&u, high, sizeof u);
    x = _mm256_and_si256(_mm256_shuffle_epi8(_mm256_set1_epi32(u), byte), bit);
    return _mm256_and_si256(_mm256_cmpeq_epi8(x, bit), _mm256_set1_epi8(16));
}

/* y = d y */
ALWAYS_INLINE void scale(const float *d, __m256 y[4])
{
    UNROLL
    for (int i = 0; i < 4; i++)
        y[i] = _mm256_mul_ps(_mm256_broadcast_ss(d), y[i]);
}

/* y = d y + m */
ALWAYS_INLINE void scale_add(const float *d, const float *m, __m256 y[4])
{
    UNROLL
    for (int i = 0; i < 4; i++)
        y[i] = _mm256_fmadd_ps(_mm256_broadcast_ss(d), y[i], _mm256_broadcast_ss(m));
}

/* d levels[q] */
ALWAYS_INLINE void look_up(const signed char levels[16], __m256i q, __m256 d, __m256 y[4])
{
    const __m256i table = _mm256_broadcastsi128_si256(_mm_loadu_si128((const void *)levels));

    widen(_mm256_shuffle_epi8(table, q), y);
    UNROLL
    for (int i = 0; i < 4; i++)
        y[i] = _mm256_mul_ps(d, y[i]);
}

/* Q4_K's and Q5_K's scales of all groups into the state. */
ALWAYS_INLINE void set_scales(const unsigned char *p, struct unpack_state *s)
{
    __m128i both = scales_q4_k(p + 4);
    __m256 d = broadcast_f16(p), dmin = broadcast_f16(p + 2);
    __m256 scale = _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(both));
    __m256 least = _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_srli_si128(both, 8)));

    _mm256_storeu_ps(s->scale, _mm256_mul_ps(d, scale));
    _mm256_storeu_ps(s->scale + 8,
                     _mm256_xor_ps(_mm256_set1_ps(-0.0f), _mm256_mul_ps(dmin, least)));
}

ALWAYS_INLINE void unpack_q2_k(const unsigned char *p, int group, __m256 y[4])
{
    const __m256 d = broadcast_f16(p + 80), dmin = broadcast_f16(p + 82);

    widen(bytes_q2_k(p, group), y);
    UNROLL
    for (int i = 0; i < 4; i++) {
        const int both = p[2 * group + i / 2];
        __m256 scale = _mm256_mul_ps(d, _mm256_set1_ps((float)(both & 15)));
        __m256 least = _mm256_mul_ps(dmin, _mm256_set1_ps((float)(both >> 4)));
        y[i] = _mm256_fmsub_ps(scale, y[i], least);
    }
}

ALWAYS_INLINE void unpack_q3_k(const unsigned char *p, int group, __m256 y[4])
{
    const __m256 d = broadcast_f16(p + 108);

    widen(bytes_q3_k(p, group), y);
    UNROLL
    for (int i = 0; i < 4; i++)
        y[i] = _mm256_mul_ps(
            _mm256_mul_ps(d, _mm256_set1_ps(scale_q3_k(p + 96, 2 * group + i / 2))), y[i]);
}

ALWAYS_INLINE void unpack_q6_k(const unsigned char *p, int group, struct unpack_state *s,
                               __m256 y[4])
{
    if (group == 0) {
        __m256 d = broadcast_f16(p + 208);
        _mm256_storeu_ps(s->scale, _mm256_mul_ps(d, widen_8(p + 192)));
        _mm256_storeu_ps(s->scale + 8, _mm256_mul_ps(d, widen_8(p + 200)));
    }
    widen(bytes_q6_k(p, group), y);
    UNROLL
    for (int i = 0; i < 4; i++)
        y[i] = _mm256_mul_ps(_mm256_broadcast_ss(s->scale + 2 * group + i / 2), y[i]);
}

ALWAYS_INLINE void unpack(const int type, const unsigned char *p, int group, struct unpack_state *s,
                          lanes out[2])
{
    float d[4]; /* of the block: its scale, what is added */
    __m256 y[4];
    __m256i q;

    switch (type) {
    case MI_Q_F32:
        for (int i = 0; i < 4; i++)
            y[i] = _mm256_loadu_ps((const float *)(const void *)(p + 32 * i));
        break;
    case MI_Q_F16:
        for (int i = 0; i < 4; i++)
            y[i] = _mm256_cvtph_ps(_mm_loadu_si128((const void *)(p + 16 * i)));
        break;
    case MI_Q_BF16:
        for (int i = 0; i < 4; i++) {
            __m128i h = _mm_loadu_si128((const void *)(p + 16 * i));
            y[i] = _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(h), 16));
        }
        break;
    case MI_Q_Q4_0:
        load_two_f16(p, d);
        widen_nibbles(p + 2, 8, y);
        scale(d, y);
        break;
    case MI_Q_Q4_1:
        load_two_f16(p, d);
        widen_nibbles(p + 4, 0, y);
        scale_add(d, d + 1, y);
        break;
    case MI_Q_Q5_0:
        load_two_f16(p, d);
        q = _mm256_or_si256(nibbles(p + 6), fifth_bits(p + 2));
        widen(_mm256_sub_epi8(q, _mm256_set1_epi8(16)), y);
        scale(d, y);
        break;
    case MI_Q_Q5_1:
        load_two_f16(p, d);
        widen(_mm256_or_si256(nibbles(p + 8), fifth_bits(p + 4)), y);
        scale_add(d, d + 1, y);
        break;
    case MI_Q_Q8_0:
        load_two_f16(p, d);
        for (int i = 0; i < 4; i++)
            y[i] = _mm256_mul_ps(_mm256_broadcast_ss(d), widen_8(p + 2 + 8 * i));
        break;
    case MI_Q_IQ4_NL: look_up(iq4_levels, nibbles(p + 2), broadcast_f16(p), y); break;
    case MI_Q_MXFP4:
        look_up(mxfp4_levels, nibbles(p + 1), _mm256_set1_ps(load_e8m0_half(p[0])), y);
        break;
    case MI_Q_IQ4_XS:
        look_up(iq4_levels, nibbles(p + 8 + 16 * group),
                _mm256_mul_ps(broadcast_f16(p), _mm256_set1_ps(scale_iq4_xs(p, group))), y);
        break;
    case MI_Q_Q2_K: unpack_q2_k(p, group, y); break;
    case MI_Q_Q3_K: unpack_q3_k(p, group, y); break;
    case MI_Q_Q4_K:
    case MI_Q_Q5_K:
        if (group == 0)
            set_scales(p, s);
        if (type == MI_Q_Q4_K)
            widen_halves(p + 16 + group / 2 * 32, group % 2, y);
        else
            widen(bytes_q5_k(p, group), y);
        scale_add(s->scale + group, s->scale + 8 + group, y);
        break;
    default: unpack_q6_k(p, group, s, y);
    }
    out[0] = (lanes){y[0], y[1]};
    out[1] = (lanes){y[2], y[3]};
}

#endif
