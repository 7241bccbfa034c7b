/* math/quant_iq.c: types whose weights are looked up; see math/quant.h.
 *
 * IQ4_NL, IQ4_XS and MXFP4 look single weights up in a table of sixteen; IQ1 to IQ3 look
 * groups of four or eight up in a grid (iq_grids.c), with signs beside it. Products are
 * bracketed as the reference has them: (scale times grid) times sign. */
#include "math/quant_types.h"

#include <stdbool.h>
#include <string.h>

/* ---- sixteen levels ------------------------------------------------------------------ */

static const signed char levels[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                       1,    13,   25,  38,  53,  69,  89,  113};

/* 32 weights of 16 bytes: the low nibbles, then the high. */
static void look_up_32(float *y, const unsigned char *q, const signed char table[16], float d)
{
    for (int i = 0; i < 16; i++) {
        y[i] = d * (float)table[q[i] & 15];
        y[i + 16] = d * (float)table[q[i] >> 4];
    }
}

/* f16 d; 16 bytes of nibbles. */
void mi_dequantise_iq4_nl(float *y, const void *src, int64_t n)
{
    const unsigned char *p = src;

    for (; n > 0; n--, p += 18, y += 32)
        look_up_32(y, p + 2, levels, load_f16(p));
}

/* f16 d; the high pairs of eight scales; their low nibbles; eight times 16 bytes. */
void mi_dequantise_iq4_xs(float *y, const void *src, int64_t n)
{
    const unsigned char *p = src;

    for (; n > 0; n--, p += 136) {
        float d = load_f16(p);
        for (int j = 0; j < 8; j++, y += 32) {
            int low = p[4 + j / 2] >> j % 2 * 4 & 15;
            int high = (int)(load_u16(p + 2) >> 2 * j & 3);
            look_up_32(y, p + 8 + 16 * j, levels, d * (float)((low | high << 4) - 32));
        }
    }
}

/* A power of two, 2^(e - 128); 16 bytes of nibbles. The table holds doubled values. */
void mi_dequantise_mxfp4(float *y, const void *src, int64_t n)
{
    static const signed char table[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};
    const unsigned char *p = src;

    for (; n > 0; n--, p += 17, y += 32) {
        uint32_t bits = p[0] < 2 ? 0x00200000u << p[0] : (p[0] - 1u) << 23;
        float d;
        memcpy(&d, &bits, sizeof d);
        look_up_32(y, p + 1, table, d);
    }
}

/* ---- grids ---------------------------------------------------------------------------- */

static const unsigned char two_bit_levels[4] = {8, 25, 43};

/* Eight weights of a grid of two-bit levels; a set bit of `signs` turns its weight. */
static float *put_8(float *y, uint32_t group, uint32_t signs, float d)
{
    for (int i = 0; i < 8; i++)
        *y++ = d * (float)two_bit_levels[group >> 2 * i & 3] * (signs >> i & 1 ? -1.0f : 1.0f);
    return y;
}

/* Four weights of a grid of three-bit levels. */
static float *put_4(float *y, uint32_t group, const unsigned char level[8], uint32_t signs, float d)
{
    for (int i = 0; i < 4; i++)
        *y++ = d * (float)level[group >> 3 * i & 7] * (signs >> i & 1 ? -1.0f : 1.0f);
    return y;
}

/* Seven signs; the eighth makes their number even. */
static uint32_t even_signs(uint32_t seven)
{
    uint32_t odd = seven ^ seven >> 4;

    odd ^= odd >> 2;
    odd ^= odd >> 1;
    return seven | (odd & 1) << 7;
}

/* d (0.5 + s) / 4, a power of two's worth of rounding less than d (s + 0.5). */
static float quarter_scale(float d, uint32_t s)
{
    return d * (0.5f + (float)s) * 0.25f;
}

/* f16 d; for each 32 weights four indices and, in a u32, four times seven signs and the
 * scale on top. */
void mi_dequantise_iq2_xxs(float *y, const void *src, int64_t n)
{
    const unsigned char *p = src;

    for (; n > 0; n--, p += 66) {
        float d = load_f16(p);
        for (int j = 0; j < 8; j++) {
            const unsigned char *q = p + 2 + 8 * j;
            uint32_t rest = load_u32(q + 4);
            float ds = quarter_scale(d, rest >> 28);
            for (int i = 0; i < 4; i++)
                y = put_8(y, mi_iq2_xxs_grid[q[i]], even_signs(rest >> 7 * i & 127), ds);
        }
    }
}

/* f16 d; 32 numbers of nine bits of index and seven signs; 16 scales of four bits. */
void mi_dequantise_iq2_xs(float *y, const void *src, int64_t n)
{
    const unsigned char *p = src;

    for (; n > 0; n--, p += 74) {
        float d = load_f16(p);
        for (int i = 0; i < 32; i++) {
            uint32_t q = load_u16(p + 2 + 2 * i), s = p[66 + i / 4] >> i / 2 % 2 * 4 & 15;
            y = put_8(y, mi_iq2_xs_grid[q & 511], even_signs(q >> 9), quarter_scale(d, s));
        }
    }
}

/* f16 d; 32 low bytes of the indices; 32 bytes of signs; 8 bytes of the indices' high
 * pairs; 16 scales of four bits. */
void mi_dequantise_iq2_s(float *y, const void *src, int64_t n)
{
    const unsigned char *p = src;

    for (; n > 0; n--, p += 82) {
        float d = load_f16(p);
        for (int i = 0; i < 32; i++) {
            uint32_t high = p[66 + i / 4] >> i % 4 * 2 & 3, s = p[74 + i / 4] >> i / 2 % 2 * 4 & 15;
            y = put_8(y, mi_iq2_s_grid[p[2 + i] | high << 8], p[34 + i], quarter_scale(d, s));
        }
    }
}

/* f16 d; 64 indices; for each 32 weights a u32 of signs and scale as in IQ2_XXS. */
void mi_dequantise_iq3_xxs(float *y, const void *src, int64_t n)
{
    static const unsigned char level[8] = {4, 12, 20, 28, 36, 44, 52, 62};
    const unsigned char *p = src;

    for (; n > 0; n--, p += 98) {
        float d = load_f16(p);
        for (int j = 0; j < 64; j++) {
            uint32_t rest = load_u32(p + 66 + j / 8 * 4);
            float ds = d * (0.5f + (float)(rest >> 28)) * 0.5f;
            uint32_t signs = even_signs(rest >> j / 2 % 4 * 7 & 127) >> j % 2 * 4;
            y = put_4(y, mi_iq3_xxs_grid[p[2 + j]], level, signs, ds);
        }
    }
}

/* f16 d; 64 low bytes of the indices; their ninth bits; 32 bytes of signs; eight scales
 * of four bits. */
void mi_dequantise_iq3_s(float *y, const void *src, int64_t n)
{
    static const unsigned char level[8] = {1, 3, 5, 7, 9, 11, 13, 15};
    const unsigned char *p = src;

    for (; n > 0; n--, p += 110) {
        float d = load_f16(p);
        for (int j = 0; j < 64; j++) {
            uint32_t high = p[66 + j / 8] >> j % 8 & 1, s = p[106 + j / 16] >> j / 8 % 2 * 4 & 15;
            uint32_t signs = p[74 + j / 2] >> j % 2 * 4;
            y = put_4(y, mi_iq3_s_grid[p[2 + j] | high << 8], level, signs, d * (float)(1 + 2 * s));
        }
    }
}

/* Eight weights of -1, 0 or 1, all moved by an eighth up or down. */
static float *put_ternary(float *y, uint32_t group, bool down, float d)
{
    const float delta = down ? -0.125f : 0.125f;

    for (int i = 0; i < 8; i++)
        *y++ = d * ((float)(int)(group >> 2 * i & 3) - 1.0f + delta);
    return y;
}

/* f16 d; 32 low bytes of the indices; for each 32 weights a u16: four times three high
 * bits, a scale of three bits, the direction of the shift. */
void mi_dequantise_iq1_s(float *y, const void *src, int64_t n)
{
    const unsigned char *p = src;

    for (; n > 0; n--, p += 50) {
        float d = load_f16(p);
        for (int i = 0; i < 32; i++) {
            uint32_t rest = load_u16(p + 34 + i / 4 * 2), high = rest >> i % 4 * 3 & 7;
            float ds = d * (float)(2 * (rest >> 12 & 7) + 1);
            y = put_ternary(y, mi_iq1_grid[p[2 + i] | high << 8], rest >> 15, ds);
        }
    }
}

/* 32 low bytes of the indices; 32 nibbles of three high bits and the shift's direction;
 * four u16 of four scales of three bits, whose top nibbles make the f16 d. */
void mi_dequantise_iq1_m(float *y, const void *src, int64_t n)
{
    const unsigned char *p = src;

    for (; n > 0; n--, p += 56) {
        uint32_t half = 0;
        for (int i = 0; i < 4; i++)
            half |= load_u16(p + 48 + 2 * i) >> 12 << 4 * i;
        float d = mi_f16_to_f32((uint16_t)half);
        for (int i = 0; i < 32; i++) {
            uint32_t s = load_u16(p + 48 + i / 8 * 2) >> i / 2 % 4 * 3 & 7;
            uint32_t high = p[32 + i / 2] >> i % 2 * 4 & 15;
            y = put_ternary(y, mi_iq1_grid[p[i] | (high & 7) << 8], high >> 3,
                            d * (float)(2 * s + 1));
        }
    }
}
