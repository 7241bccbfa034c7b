/* math/quant_k.c: super-blocks of 256 weights; see math/quant.h.
 *
 * The scale of a group is worked out first (d times the group's own small number) and
 * then times the weight: this bracketing is the reference's. */
#include "math/quant_types.h"

/* Two-bit number of element e: 32 bytes hold four rounds of 32, the lowest bits first. */
static int two_bits(const unsigned char *q, int e)
{
    return q[e / 128 * 32 + e % 32] >> e % 128 / 32 * 2 & 3;
}

/* 16 bytes of scale and minimum, four bits each; 64 bytes of quants; f16 d, dmin. */
void mi_dequantise_q2_k(float *y, const void *src, int64_t n)
{
    const unsigned char *p = src;

    for (; n > 0; n--, p += 84) {
        float d = load_f16(p + 80), dmin = load_f16(p + 82);
        for (int j = 0; j < 16; j++) {
            float ds = d * (float)(p[j] & 15), dm = dmin * (float)(p[j] >> 4);
            for (int i = 0; i < 16; i++)
                *y++ = ds * (float)two_bits(p + 16, 16 * j + i) - dm;
        }
    }
}

/* 32 bytes of high bits (a clear one takes 4 away); 64 bytes of low pairs; 12 bytes of
 * 6-bit scales; f16 d. */
void mi_dequantise_q3_k(float *y, const void *src, int64_t n)
{
    const unsigned char *p = src;

    for (; n > 0; n--, p += 110) {
        const unsigned char *s = p + 96;
        float d = load_f16(p + 108);
        for (int j = 0; j < 16; j++) {
            int low = j < 8 ? s[j] & 15 : s[j - 8] >> 4, high = s[8 + j % 4] >> j / 4 * 2 & 3;
            float ds = d * (float)((low | high << 4) - 32);
            for (int i = 0; i < 16; i++) {
                int e = 16 * j + i, set = p[e % 32] >> e / 32 & 1;
                *y++ = ds * (float)(two_bits(p + 32, e) - 4 * !set);
            }
        }
    }
}

/* Scale and minimum of group j of 8, six bits each in 12 bytes (Q4_K, Q5_K). */
static void six_bits(const unsigned char *s, int j, int *scale, int *least)
{
    *scale = j < 4 ? s[j] & 63 : (s[j + 4] & 15) | s[j - 4] >> 6 << 4;
    *least = j < 4 ? s[j + 4] & 63 : s[j + 4] >> 4 | s[j] >> 6 << 4;
}

/* f16 d, dmin; 12 bytes of 6-bit scales and minima; 128 bytes of nibbles: the low
 * halves of 32 bytes are one group of 32, the high halves the next. */
void mi_dequantise_q4_k(float *y, const void *src, int64_t n)
{
    const unsigned char *p = src;

    for (; n > 0; n--, p += 144) {
        float d = load_f16(p), dmin = load_f16(p + 2);
        for (int j = 0; j < 8; j++) {
            int scale, least;
            six_bits(p + 4, j, &scale, &least);
            const unsigned char *q = p + 16 + j / 2 * 32;
            float ds = d * (float)scale, dm = dmin * (float)least;
            for (int i = 0; i < 32; i++)
                *y++ = ds * (float)(j % 2 ? q[i] >> 4 : q[i] & 15) - dm;
        }
    }
}

/* As Q4_K, with 32 bytes of fifth bits before the nibbles: bit j of byte i for group j. */
void mi_dequantise_q5_k(float *y, const void *src, int64_t n)
{
    const unsigned char *p = src;

    for (; n > 0; n--, p += 176) {
        float d = load_f16(p), dmin = load_f16(p + 2);
        for (int j = 0; j < 8; j++) {
            int scale, least;
            six_bits(p + 4, j, &scale, &least);
            const unsigned char *q = p + 48 + j / 2 * 32;
            float ds = d * (float)scale, dm = dmin * (float)least;
            for (int i = 0; i < 32; i++) {
                int low = j % 2 ? q[i] >> 4 : q[i] & 15;
                *y++ = ds * (float)(low | (p[16 + i] >> j & 1) << 4) - dm;
            }
        }
    }
}

/* 128 bytes of low nibbles; 64 bytes of high pairs; 16 signed scales; f16 d. */
void mi_dequantise_q6_k(float *y, const void *src, int64_t n)
{
    const unsigned char *p = src;

    for (; n > 0; n--, p += 210) {
        float d = load_f16(p + 208);
        for (int j = 0; j < 8; j++) { /* a group of 32 elements */
            int half = j / 4, g = j % 4;
            const unsigned char *low = p + 64 * half + 32 * (g % 2), *high = p + 128 + 32 * half;
            for (int i = 0; i < 32; i++) {
                float ds = d * (float)(signed char)p[192 + 2 * j + i / 16];
                int q = (g < 2 ? low[i] & 15 : low[i] >> 4) | (high[i] >> 2 * g & 3) << 4;
                *y++ = ds * (float)(q - 32);
            }
        }
    }
}

/* Digit `i` of a byte that holds five ternary digits as a fraction of 243, most
 * significant first: times 3^i, cut to a byte, and the top third of what is left. */
static int ternary(unsigned char byte, int i)
{
    static const unsigned char power[] = {1, 3, 9, 27, 81};

    return (unsigned char)(byte * power[i]) * 3 >> 8;
}

/* 48 bytes of five digits: 32 bytes of element i, i + 32, ..., then 16 bytes likewise;
 * 4 bytes of four digits; f16 d. */
void mi_dequantise_tq1_0(float *y, const void *src, int64_t n)
{
    static const struct {
        int at, bytes, digits;
    } parts[] = {{0, 32, 5}, {32, 16, 5}, {48, 4, 4}};
    const unsigned char *p = src;

    for (; n > 0; n--, p += 54) {
        float d = load_f16(p + 52);
        for (int part = 0; part < 3; part++)
            for (int j = 0; j < parts[part].digits; j++)
                for (int i = 0; i < parts[part].bytes; i++)
                    *y++ = d * (float)(ternary(p[parts[part].at + i], j) - 1);
    }
}

/* 64 bytes of 2-bit numbers, of which 1 is nought; f16 d. */
void mi_dequantise_tq2_0(float *y, const void *src, int64_t n)
{
    const unsigned char *p = src;

    for (; n > 0; n--, p += 66) {
        float d = load_f16(p + 64);
        for (int e = 0; e < 256; e++)
            *y++ = d * (float)(two_bits(p, e) - 1);
    }
}
