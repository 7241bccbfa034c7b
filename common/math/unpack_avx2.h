/* math/unpack_avx2.h: see math/unpack.h. */
#ifndef MI_MATH_UNPACK_AVX2_H
#define MI_MATH_UNPACK_AVX2_H

#include "math/unpack.h"

/* The scales of a Q4_K or Q5_K block's eight groups, then minus their minima. */
struct unpack_state {
    float scale[8], least[8];
};

ALWAYS_INLINE __m256 broadcast_f16(const unsigned char *p)
{
    short h;

    memcpy(&h, p, sizeof h);
    return _mm256_cvtph_ps(_mm_set1_epi16(h));
}

ALWAYS_INLINE __m256i load_8_bytes(const unsigned char *p)
{
    return _mm256_cvtepu8_epi32(_mm_loadl_epi64((const void *)p));
}

ALWAYS_INLINE __m256 signed_bytes(const unsigned char *p)
{
    return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const void *)p)));
}

/* Q4_K's 6-bit numbers: eight scales in the low half, eight minima in the high. */
ALWAYS_INLINE __m128i scales_q4_k(const unsigned char *p)
{
    uint32_t u[3];

    memcpy(u, p, sizeof u);
    return _mm_setr_epi32(
        (int)(u[0] & 0x3f3f3f3f), (int)((u[2] & 0x0f0f0f0f) | (u[0] >> 6 & 0x03030303) << 4),
        (int)(u[1] & 0x3f3f3f3f), (int)((u[2] >> 4 & 0x0f0f0f0f) | (u[1] >> 6 & 0x03030303) << 4));
}

/* Sixteen bytes as 32 nibbles: low halves first. */
ALWAYS_INLINE void nibbles(const unsigned char *p, __m256i q[4])
{
    UNROLL
    for (int i = 0; i < 2; i++) {
        __m256i x = load_8_bytes(p + 8 * i);
        q[i] = _mm256_and_si256(x, _mm256_set1_epi32(15));
        q[i + 2] = _mm256_srli_epi32(x, 4);
    }
}

/* Bits 8 i + j of `high` as 16 in lane j of q[i]. */
ALWAYS_INLINE void fifth_bits(const unsigned char *high, __m256i q[4])
{
    const __m256i bit = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
    int u;

    memcpy(&u, high, sizeof u);
    UNROLL
    for (int i = 0; i < 4; i++) {
        __m256i set = _mm256_and_si256(_mm256_set1_epi32((int)((uint32_t)u >> 8 * i)), bit);
        set = _mm256_cmpeq_epi32(set, bit);
        q[i] = _mm256_or_si256(q[i], _mm256_and_si256(set, _mm256_set1_epi32(16)));
    }
}

/* d (q - zero) */
ALWAYS_INLINE void scaled(__m256 d, const __m256i q[4], int zero, __m256 y[4])
{
    UNROLL
    for (int i = 0; i < 4; i++) {
        __m256i x = _mm256_sub_epi32(q[i], _mm256_set1_epi32(zero));
        y[i] = _mm256_mul_ps(d, _mm256_cvtepi32_ps(x));
    }
}

/* d q + m */
ALWAYS_INLINE void affine(__m256 d, const __m256i q[4], __m256 m, __m256 y[4])
{
    UNROLL
    for (int i = 0; i < 4; i++)
        y[i] = _mm256_fmadd_ps(d, _mm256_cvtepi32_ps(q[i]), m);
}

/* Q4_K's and Q5_K's scales of all groups into the state. */
ALWAYS_INLINE void set_scales(const unsigned char *p, struct unpack_state *s)
{
    __m128i both = scales_q4_k(p + 4);
    __m256 d = broadcast_f16(p), dmin = broadcast_f16(p + 2);
    __m256 scale = _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(both));
    __m256 least = _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_srli_si128(both, 8)));

    _mm256_storeu_ps(s->scale, _mm256_mul_ps(d, scale));
    _mm256_storeu_ps(s->least, _mm256_xor_ps(_mm256_set1_ps(-0.0f), _mm256_mul_ps(dmin, least)));
}

/* Bits `shift` on of eight bytes, as many as the mask has. */
ALWAYS_INLINE __m256i bits_of(const unsigned char *p, __m128i shift, int mask)
{
    return _mm256_and_si256(_mm256_srl_epi32(load_8_bytes(p), shift), _mm256_set1_epi32(mask));
}

ALWAYS_INLINE void unpack_q4_k(const unsigned char *p, int group, struct unpack_state *s,
                               __m256 y[4])
{
    const __m128i shift = _mm_cvtsi32_si128(group % 2 * 4);
    const unsigned char *bytes = p + 16 + group / 2 * 32;
    __m256i q[4];

    if (group == 0)
        set_scales(p, s);
    UNROLL
    for (int i = 0; i < 4; i++)
        q[i] = bits_of(bytes + 8 * i, shift, 15);
    affine(_mm256_set1_ps(s->scale[group]), q, _mm256_set1_ps(s->least[group]), y);
}

ALWAYS_INLINE void unpack_q5_k(const unsigned char *p, int group, struct unpack_state *s,
                               __m256 y[4])
{
    const __m128i shift = _mm_cvtsi32_si128(group % 2 * 4), fifth = _mm_cvtsi32_si128(group);
    const unsigned char *bytes = p + 48 + group / 2 * 32;
    __m256i q[4];

    if (group == 0)
        set_scales(p, s);
    UNROLL
    for (int i = 0; i < 4; i++)
        q[i] = _mm256_or_si256(bits_of(bytes + 8 * i, shift, 15),
                               _mm256_slli_epi32(bits_of(p + 16 + 8 * i, fifth, 1), 4));
    affine(_mm256_set1_ps(s->scale[group]), q, _mm256_set1_ps(s->least[group]), y);
}

ALWAYS_INLINE void unpack_q2_k(const unsigned char *p, int group, __m256 y[4])
{
    const __m128i shift = _mm_cvtsi32_si128(group % 4 * 2);
    const unsigned char *bytes = p + 16 + group / 4 * 32;
    const __m256 d = broadcast_f16(p + 80), dmin = broadcast_f16(p + 82);

    UNROLL
    for (int i = 0; i < 4; i++) {
        const int both = p[2 * group + i / 2];
        __m256 scale = _mm256_mul_ps(d, _mm256_set1_ps((float)(both & 15)));
        __m256 least = _mm256_mul_ps(dmin, _mm256_set1_ps((float)(both >> 4)));
        y[i] = _mm256_fmsub_ps(scale, _mm256_cvtepi32_ps(bits_of(bytes + 8 * i, shift, 3)), least);
    }
}

ALWAYS_INLINE void unpack_q3_k(const unsigned char *p, int group, __m256 y[4])
{
    const __m128i shift = _mm_cvtsi32_si128(group % 4 * 2), third = _mm_cvtsi32_si128(group);
    const unsigned char *bytes = p + 32 + group / 4 * 32;
    const __m256 d = broadcast_f16(p + 108);

    UNROLL
    for (int i = 0; i < 4; i++) {
        __m256i q = _mm256_or_si256(bits_of(bytes + 8 * i, shift, 3),
                                    _mm256_slli_epi32(bits_of(p + 8 * i, third, 1), 2));
        __m256 scale = _mm256_mul_ps(d, _mm256_set1_ps(scale_q3_k(p + 96, 2 * group + i / 2)));
        q = _mm256_sub_epi32(q, _mm256_set1_epi32(4));
        y[i] = _mm256_mul_ps(scale, _mm256_cvtepi32_ps(q));
    }
}

/* d times the levels of 16 bytes' nibbles: low halves first. */
ALWAYS_INLINE void look_up(const unsigned char *p, const signed char levels[16], __m256 d,
                           __m256 y[4])
{
    const __m128i table = _mm_loadu_si128((const void *)levels), low = _mm_set1_epi8(15);
    __m128i x = _mm_loadu_si128((const void *)p);

    UNROLL
    for (int i = 0; i < 4; i += 2) {
        __m128i q = _mm_shuffle_epi8(table, _mm_and_si128(x, low));
        y[i] = _mm256_mul_ps(d, _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(q)));
        q = _mm_srli_si128(q, 8);
        y[i + 1] = _mm256_mul_ps(d, _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(q)));
        x = _mm_srli_epi16(x, 4);
    }
}

ALWAYS_INLINE void unpack_q6_k(const unsigned char *p, int group, __m256 y[4])
{
    const int half = group / 4, g = group % 4;
    const unsigned char *low = p + 64 * half + 32 * (g % 2), *high = p + 128 + 32 * half;
    const __m128i low_shift = _mm_cvtsi32_si128(g / 2 * 4), high_shift = _mm_cvtsi32_si128(2 * g);
    __m256 d = broadcast_f16(p + 208);

    UNROLL
    for (int i = 0; i < 4; i++) {
        __m256i l = _mm256_and_si256(_mm256_srl_epi32(load_8_bytes(low + 8 * i), low_shift),
                                     _mm256_set1_epi32(15));
        __m256i h = _mm256_and_si256(_mm256_srl_epi32(load_8_bytes(high + 8 * i), high_shift),
                                     _mm256_set1_epi32(3));
        __m256i q =
            _mm256_sub_epi32(_mm256_or_si256(l, _mm256_slli_epi32(h, 4)), _mm256_set1_epi32(32));
        __m256 scale = _mm256_set1_ps((float)(signed char)p[192 + 2 * group + i / 2]);
        y[i] = _mm256_mul_ps(_mm256_mul_ps(d, scale), _mm256_cvtepi32_ps(q));
    }
}

ALWAYS_INLINE void unpack(const int type, const unsigned char *p, int group, struct unpack_state *s,
                          lanes out[2])
{
    __m256i q[4];
    __m256 y[4];

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
        nibbles(p + 2, q);
        scaled(broadcast_f16(p), q, 8, y);
        break;
    case MI_Q_Q4_1:
        nibbles(p + 4, q);
        affine(broadcast_f16(p), q, broadcast_f16(p + 2), y);
        break;
    case MI_Q_Q5_0:
        nibbles(p + 6, q);
        fifth_bits(p + 2, q);
        scaled(broadcast_f16(p), q, 16, y);
        break;
    case MI_Q_Q5_1:
        nibbles(p + 8, q);
        fifth_bits(p + 4, q);
        affine(broadcast_f16(p), q, broadcast_f16(p + 2), y);
        break;
    case MI_Q_Q8_0:
        for (int i = 0; i < 4; i++)
            y[i] = _mm256_mul_ps(broadcast_f16(p), signed_bytes(p + 2 + 8 * i));
        break;
    case MI_Q_IQ4_NL: look_up(p + 2, iq4_levels, broadcast_f16(p), y); break;
    case MI_Q_MXFP4: look_up(p + 1, mxfp4_levels, _mm256_set1_ps(load_e8m0_half(p[0])), y); break;
    case MI_Q_IQ4_XS:
        look_up(p + 8 + 16 * group, iq4_levels,
                _mm256_mul_ps(broadcast_f16(p), _mm256_set1_ps(scale_iq4_xs(p, group))), y);
        break;
    case MI_Q_Q2_K: unpack_q2_k(p, group, y); break;
    case MI_Q_Q3_K: unpack_q3_k(p, group, y); break;
    case MI_Q_Q4_K: unpack_q4_k(p, group, s, y); break;
    case MI_Q_Q5_K: unpack_q5_k(p, group, s, y); break;
    default: unpack_q6_k(p, group, y);
    }
    out[0] = (lanes){y[0], y[1]};
    out[1] = (lanes){y[2], y[3]};
}

#endif
