/* math/unpack_x86.h: what both forms of math/unpack.h for x86 share. */
#ifndef MI_MATH_UNPACK_X86_H
#define MI_MATH_UNPACK_X86_H

#include "math/lanes.h"

#include <immintrin.h>

/* Two f16 side by side (of the eight bytes from p on) as floats in memory. From there a load
 * repeats one in all lanes: shuffles have one port, which the weights themselves need, and
 * loads have two others. */
ALWAYS_INLINE void load_two_f16(const unsigned char *p, float x[4])
{
    const struct {
        unsigned char at[8];
    } *eight = (const void *)p;
    __m128 f;

    __asm__("vcvtph2ps %1, %0" : "=v"(f) : "m"(*eight));
    _mm_storeu_ps(x, f);
    __asm__("" : "+m"(*(float(*)[4])x));
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

/* 32 bytes at once: bits `shift` on, as many as the mask has (no more than a byte holds). */
ALWAYS_INLINE __m256i bits_of_32(const unsigned char *p, int shift, char mask)
{
    return _mm256_and_si256(_mm256_srli_epi16(_mm256_loadu_si256((const void *)p), shift),
                            _mm256_set1_epi8(mask));
}

/* The 32 weights of a group of a K type, as bytes, before their scale. The bits that the
 * pieces have in a byte make shifts across bytes harmless. */
ALWAYS_INLINE __m256i bytes_q2_k(const unsigned char *p, int group)
{
    return bits_of_32(p + 16 + group / 4 * 32, group % 4 * 2, 3);
}

ALWAYS_INLINE __m256i bytes_q3_k(const unsigned char *p, int group)
{
    __m256i low = bits_of_32(p + 32 + group / 4 * 32, group % 4 * 2, 3);
    __m256i high = _mm256_slli_epi16(bits_of_32(p, group, 1), 2);

    return _mm256_sub_epi8(_mm256_or_si256(low, high), _mm256_set1_epi8(4));
}

ALWAYS_INLINE __m256i bytes_q5_k(const unsigned char *p, int group)
{
    __m256i high = _mm256_slli_epi16(bits_of_32(p + 16, group, 1), 4);

    return _mm256_or_si256(bits_of_32(p + 48 + group / 2 * 32, group % 2 * 4, 15), high);
}

ALWAYS_INLINE __m256i bytes_q6_k(const unsigned char *p, int group)
{
    const int half = group / 4, g = group % 4;
    __m256i low = bits_of_32(p + 64 * half + 32 * (g % 2), g / 2 * 4, 15);
    __m256i high = _mm256_slli_epi16(bits_of_32(p + 128 + 32 * half, 2 * g, 3), 4);

    return _mm256_sub_epi8(_mm256_or_si256(low, high), _mm256_set1_epi8(32));
}

#endif
