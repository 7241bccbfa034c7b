/* math/unpack_avx512.h: see math/unpack.h.
 *
 * A block of 16 or 32 levels becomes a table of its exact values in one or two registers;
 * vpermps looks sixteen weights up at once. */
#ifndef MI_MATH_UNPACK_AVX512_H
#define MI_MATH_UNPACK_AVX512_H

#include "math/unpack.h"
#include "math/unpack_x86.h"

/* The scales of a Q4_K or Q5_K block's eight groups, then their minima; of Q6_K: its 16 scales. */
struct unpack_state {
    float scale[16];
};

ALWAYS_INLINE __m512 broadcast_f16(const unsigned char *p)
{
    short h;

    memcpy(&h, p, sizeof h);
    return _mm512_cvtph_ps(_mm256_set1_epi16(h));
}

/* Two f16 side by side (of the eight bytes from p on), each in all lanes. */
ALWAYS_INLINE void broadcast_two_f16(const unsigned char *p, __m512 out[2])
{
    float x[4];

    load_two_f16(p, x);
    out[0] = _mm512_set1_ps(x[0]);
    out[1] = _mm512_set1_ps(x[1]);
}

ALWAYS_INLINE __m512 count_from(float first)
{
    return _mm512_add_ps(_mm512_set1_ps(first),
                         _mm512_setr_ps(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
}

ALWAYS_INLINE __m512i load_16_bytes(const unsigned char *p)
{
    return _mm512_cvtepu8_epi32(_mm_loadu_si128((const void *)p));
}

/* Looks up the low and the high nibbles of sixteen bytes (vpermps reads four bits). */
ALWAYS_INLINE void look_up_nibbles(const unsigned char *p, __m512 table, __m512 out[2])
{
    __m512i x = load_16_bytes(p);

    out[0] = _mm512_permutexvar_ps(x, table);
    out[1] = _mm512_permutexvar_ps(_mm512_srli_epi32(x, 4), table);
}

/* The same with bits 0 .. 31 of `high` as the fifth: 1 takes the second table. */
ALWAYS_INLINE void look_up_fives(const unsigned char *p, const unsigned char *high, __m512 table,
                                 __m512 table16, __m512 out[2])
{
    __m512i x = load_16_bytes(p);
    uint32_t u;

    memcpy(&u, high, sizeof u);
    out[0] = _mm512_permutexvar_ps(x, table);
    out[0] = _mm512_mask_permutexvar_ps(out[0], (__mmask16)u, x, table16);
    x = _mm512_srli_epi32(x, 4);
    out[1] = _mm512_permutexvar_ps(x, table);
    out[1] = _mm512_mask_permutexvar_ps(out[1], (__mmask16)(u >> 16), x, table16);
}

/* Q4_K's and Q5_K's scales of all groups into the state. */
ALWAYS_INLINE void set_scales(const unsigned char *p, struct unpack_state *s)
{
    __m512 d = _mm512_mask_mov_ps(broadcast_f16(p), 0xff00, broadcast_f16(p + 2));
    __m512 q = _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(scales_q4_k(p + 4)));

    _mm512_storeu_ps(s->scale, _mm512_mul_ps(d, q));
}

/* 32 signed bytes to floats. */
ALWAYS_INLINE void widen(__m256i bytes, __m512 q[2])
{
    q[0] = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm256_castsi256_si128(bytes)));
    q[1] = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm256_extracti128_si256(bytes, 1)));
}

ALWAYS_INLINE void unpack_q4_k(const unsigned char *p, int group, struct unpack_state *s,
                               __m512 out[2])
{
    const unsigned char *bytes = p + 16 + group / 2 * 32;
    __m512 table;

    if (group == 0)
        set_scales(p, s);
    table = _mm512_fmsub_ps(_mm512_set1_ps(s->scale[group]), count_from(0),
                            _mm512_set1_ps(s->scale[8 + group]));
    UNROLL
    for (int i = 0; i < 2; i++) {
        __m512i x = load_16_bytes(bytes + 16 * i);
        out[i] = _mm512_permutexvar_ps(group % 2 ? _mm512_srli_epi32(x, 4) : x, table);
    }
}

ALWAYS_INLINE void unpack_q5_k(const unsigned char *p, int group, struct unpack_state *s,
                               __m512 out[2])
{
    if (group == 0)
        set_scales(p, s);
    widen(bytes_q5_k(p, group), out);
    UNROLL
    for (int i = 0; i < 2; i++)
        out[i] = _mm512_fmsub_ps(_mm512_set1_ps(s->scale[group]), out[i],
                                 _mm512_set1_ps(s->scale[8 + group]));
}

ALWAYS_INLINE void unpack_q2_k(const unsigned char *p, int group, __m512 out[2])
{
    const __m512 d = broadcast_f16(p + 80), dmin = broadcast_f16(p + 82);

    widen(bytes_q2_k(p, group), out);
    UNROLL
    for (int i = 0; i < 2; i++) {
        const int both = p[2 * group + i];
        __m512 scale = _mm512_mul_ps(d, _mm512_set1_ps((float)(both & 15)));
        __m512 least = _mm512_mul_ps(dmin, _mm512_set1_ps((float)(both >> 4)));
        out[i] = _mm512_fmsub_ps(scale, out[i], least);
    }
}

ALWAYS_INLINE void unpack_q3_k(const unsigned char *p, int group, __m512 out[2])
{
    const __m512 d = broadcast_f16(p + 108);

    widen(bytes_q3_k(p, group), out);
    UNROLL
    for (int i = 0; i < 2; i++)
        out[i] = _mm512_mul_ps(_mm512_mul_ps(d, _mm512_set1_ps(scale_q3_k(p + 96, 2 * group + i))),
                               out[i]);
}

/* d times sixteen levels. */
ALWAYS_INLINE __m512 level_table(const signed char levels[16], __m512 d)
{
    __m512i q = _mm512_cvtepi8_epi32(_mm_loadu_si128((const void *)levels));

    return _mm512_mul_ps(d, _mm512_cvtepi32_ps(q));
}

ALWAYS_INLINE void unpack_q6_k(const unsigned char *p, int group, struct unpack_state *s,
                               __m512 out[2])
{
    if (group == 0) {
        __m512i n = _mm512_cvtepi8_epi32(_mm_loadu_si128((const void *)(p + 192)));
        _mm512_storeu_ps(s->scale, _mm512_mul_ps(broadcast_f16(p + 208), _mm512_cvtepi32_ps(n)));
    }
    widen(bytes_q6_k(p, group), out);
    UNROLL
    for (int i = 0; i < 2; i++)
        out[i] = _mm512_mul_ps(_mm512_set1_ps(s->scale[2 * group + i]), out[i]);
}

ALWAYS_INLINE void unpack(const int type, const unsigned char *p, int group, struct unpack_state *s,
                          lanes out[2])
{
    __m512 scale[2];

    switch (type) {
    case MI_Q_F32:
        for (int i = 0; i < 2; i++)
            out[i] = _mm512_loadu_ps(p + 64 * i);
        break;
    case MI_Q_F16:
        for (int i = 0; i < 2; i++)
            out[i] = _mm512_cvtph_ps(_mm256_loadu_si256((const void *)(p + 32 * i)));
        break;
    case MI_Q_BF16:
        for (int i = 0; i < 2; i++) {
            __m256i h = _mm256_loadu_si256((const void *)(p + 32 * i));
            out[i] = _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(h), 16));
        }
        break;
    case MI_Q_Q4_0:
        broadcast_two_f16(p, scale);
        look_up_nibbles(p + 2, _mm512_mul_ps(scale[0], count_from(-8)), out);
        break;
    case MI_Q_Q4_1:
        broadcast_two_f16(p, scale);
        look_up_nibbles(p + 4, _mm512_fmadd_ps(scale[0], count_from(0), scale[1]), out);
        break;
    case MI_Q_Q5_0:
        broadcast_two_f16(p, scale);
        look_up_fives(p + 6, p + 2, _mm512_mul_ps(scale[0], count_from(-16)),
                      _mm512_mul_ps(scale[0], count_from(0)), out);
        break;
    case MI_Q_Q5_1:
        broadcast_two_f16(p, scale);
        look_up_fives(p + 8, p + 4, _mm512_fmadd_ps(scale[0], count_from(0), scale[1]),
                      _mm512_fmadd_ps(scale[0], count_from(16), scale[1]), out);
        break;
    case MI_Q_Q8_0:
        broadcast_two_f16(p, scale);
        for (int i = 0; i < 2; i++) {
            __m512i q = _mm512_cvtepi8_epi32(_mm_loadu_si128((const void *)(p + 2 + 16 * i)));
            out[i] = _mm512_mul_ps(scale[0], _mm512_cvtepi32_ps(q));
        }
        break;
    case MI_Q_IQ4_NL: look_up_nibbles(p + 2, level_table(iq4_levels, broadcast_f16(p)), out); break;
    case MI_Q_MXFP4:
        look_up_nibbles(p + 1, level_table(mxfp4_levels, _mm512_set1_ps(load_e8m0_half(p[0]))),
                        out);
        break;
    case MI_Q_IQ4_XS: {
        __m512 d = _mm512_mul_ps(broadcast_f16(p), _mm512_set1_ps(scale_iq4_xs(p, group)));
        look_up_nibbles(p + 8 + 16 * group, level_table(iq4_levels, d), out);
        break;
    }
    case MI_Q_Q2_K: unpack_q2_k(p, group, out); break;
    case MI_Q_Q3_K: unpack_q3_k(p, group, out); break;
    case MI_Q_Q4_K: unpack_q4_k(p, group, s, out); break;
    case MI_Q_Q5_K: unpack_q5_k(p, group, s, out); break;
    default: unpack_q6_k(p, group, s, out);
    }
}

#endif
