/* math/quant.c: the type table and the portable, exact dequantisation.
 *
 * Layouts and formulas are ggml's. Every product below fits a float's 24 bits or is
 * rounded once in the order written, so a fused multiply-add gives the same value. */
#include "math/quant.h"

#include "math/quant_types.h"

#include <string.h>

static void dequantise_f32(float *y, const void *src, int64_t n)
{
    memcpy(y, src, (size_t)n * sizeof *y);
}

static void dequantise_f16(float *y, const void *src, int64_t n)
{
    const unsigned char *p = src;

    for (int64_t i = 0; i < n; i++)
        y[i] = load_f16(p + 2 * i);
}

static void dequantise_bf16(float *y, const void *src, int64_t n)
{
    const unsigned char *p = src;

    for (int64_t i = 0; i < n; i++)
        y[i] = mi_bf16_to_f32((uint16_t)(p[2 * i] | p[2 * i + 1] << 8));
}

/* f16 d; 16 bytes: element i in the low half, i + 16 in the high half of byte i. */
static void dequantise_q4_0(float *y, const void *src, int64_t n)
{
    const unsigned char *p = src;

    for (; n > 0; n--, p += 18, y += 32) {
        float d = load_f16(p);
        for (int i = 0; i < 16; i++) {
            y[i] = (float)((p[2 + i] & 15) - 8) * d;
            y[i + 16] = (float)((p[2 + i] >> 4) - 8) * d;
        }
    }
}

/* f16 d, m; nibbles as in Q4_0. */
static void dequantise_q4_1(float *y, const void *src, int64_t n)
{
    const unsigned char *p = src;

    for (; n > 0; n--, p += 20, y += 32) {
        float d = load_f16(p), m = load_f16(p + 2);
        for (int i = 0; i < 16; i++) {
            y[i] = (float)(p[4 + i] & 15) * d + m;
            y[i + 16] = (float)(p[4 + i] >> 4) * d + m;
        }
    }
}

/* The 5-bit number of element i: a nibble and bit i of `high`. */
static int five_bits(const unsigned char *nibbles, uint32_t high, int i)
{
    int low = i < 16 ? nibbles[i] & 15 : nibbles[i - 16] >> 4;

    return low | (int)(high >> i & 1) << 4;
}

/* f16 d; u32 fifth bits; nibbles. */
static void dequantise_q5_0(float *y, const void *src, int64_t n)
{
    const unsigned char *p = src;

    for (; n > 0; n--, p += 22, y += 32) {
        float d = load_f16(p);
        uint32_t high = load_u32(p + 2);
        for (int i = 0; i < 32; i++)
            y[i] = (float)(five_bits(p + 6, high, i) - 16) * d;
    }
}

/* f16 d, m; u32 fifth bits; nibbles. */
static void dequantise_q5_1(float *y, const void *src, int64_t n)
{
    const unsigned char *p = src;

    for (; n > 0; n--, p += 24, y += 32) {
        float d = load_f16(p), m = load_f16(p + 2);
        uint32_t high = load_u32(p + 4);
        for (int i = 0; i < 32; i++)
            y[i] = (float)five_bits(p + 8, high, i) * d + m;
    }
}

/* f16 d; 32 signed bytes. */
static void dequantise_q8_0(float *y, const void *src, int64_t n)
{
    const unsigned char *p = src;

    for (; n > 0; n--, p += 34, y += 32) {
        float d = load_f16(p);
        for (int i = 0; i < 32; i++)
            y[i] = (float)(signed char)p[2 + i] * d;
    }
}

/* Sign, four bits of exponent (bias 7), three of fraction; one NaN a sign, no infinity.
 * The bits of an f16 whose exponent is 8 too small. */
static float load_e4m3(unsigned char b)
{
    const unsigned sign = (b & 128u) << 8, rest = b & 127;

    return mi_f16_to_f32((uint16_t)(sign | (rest == 127 ? 0x7e00 : rest << 7))) * 256.0f;
}

static void dequantise_f8_e4m3(float *y, const void *src, int64_t n)
{
    const unsigned char *p = src;

    for (int64_t i = 0; i < n; i++)
        y[i] = load_e4m3(p[i]);
}

/* The upper byte of an f16. */
static void dequantise_f8_e5m2(float *y, const void *src, int64_t n)
{
    const unsigned char *p = src;

    for (int64_t i = 0; i < n; i++)
        y[i] = mi_f16_to_f32((uint16_t)(p[i] << 8));
}

static const struct mi_qtype_info types[] = {
    {MI_Q_F32, "F32", 1, 4, dequantise_f32},
    {MI_Q_F16, "F16", 1, 2, dequantise_f16},
    {MI_Q_Q4_0, "Q4_0", 32, 18, dequantise_q4_0},
    {MI_Q_Q4_1, "Q4_1", 32, 20, dequantise_q4_1},
    {MI_Q_Q5_0, "Q5_0", 32, 22, dequantise_q5_0},
    {MI_Q_Q5_1, "Q5_1", 32, 24, dequantise_q5_1},
    {MI_Q_Q8_0, "Q8_0", 32, 34, dequantise_q8_0},
    {MI_Q_Q2_K, "Q2_K", 256, 84, mi_dequantise_q2_k},
    {MI_Q_Q3_K, "Q3_K", 256, 110, mi_dequantise_q3_k},
    {MI_Q_Q4_K, "Q4_K", 256, 144, mi_dequantise_q4_k},
    {MI_Q_Q5_K, "Q5_K", 256, 176, mi_dequantise_q5_k},
    {MI_Q_Q6_K, "Q6_K", 256, 210, mi_dequantise_q6_k},
    {MI_Q_IQ2_XXS, "IQ2_XXS", 256, 66, mi_dequantise_iq2_xxs},
    {MI_Q_IQ2_XS, "IQ2_XS", 256, 74, mi_dequantise_iq2_xs},
    {MI_Q_IQ3_XXS, "IQ3_XXS", 256, 98, mi_dequantise_iq3_xxs},
    {MI_Q_IQ1_S, "IQ1_S", 256, 50, mi_dequantise_iq1_s},
    {MI_Q_IQ4_NL, "IQ4_NL", 32, 18, mi_dequantise_iq4_nl},
    {MI_Q_IQ3_S, "IQ3_S", 256, 110, mi_dequantise_iq3_s},
    {MI_Q_IQ2_S, "IQ2_S", 256, 82, mi_dequantise_iq2_s},
    {MI_Q_IQ4_XS, "IQ4_XS", 256, 136, mi_dequantise_iq4_xs},
    {MI_Q_IQ1_M, "IQ1_M", 256, 56, mi_dequantise_iq1_m},
    {MI_Q_BF16, "BF16", 1, 2, dequantise_bf16},
    {MI_Q_TQ1_0, "TQ1_0", 256, 54, mi_dequantise_tq1_0},
    {MI_Q_TQ2_0, "TQ2_0", 256, 66, mi_dequantise_tq2_0},
    {MI_Q_MXFP4, "MXFP4", 32, 17, mi_dequantise_mxfp4},
    {MI_Q_F8_E4M3, "F8_E4M3", 1, 1, dequantise_f8_e4m3},
    {MI_Q_F8_E5M2, "F8_E5M2", 1, 1, dequantise_f8_e5m2},
};

const struct mi_qtype_info *mi_qtypes(int *n)
{
    *n = (int)(sizeof types / sizeof *types);
    return types;
}

const struct mi_qtype_info *mi_qtype_info(int type)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if ((int)types[i].type == type)
            return &types[i];
    return NULL;
}

const char *mi_qtype_name(int type)
{
    /* NULL: removed from ggml (4, 5, 31 to 33, 36 to 38). */
    static const char *const names[] = {
        "F32",     "F16",   "Q4_0",   "Q4_1",  NULL,    NULL,     "Q5_0", "Q5_1",    "Q8_0",
        "Q8_1",    "Q2_K",  "Q3_K",   "Q4_K",  "Q5_K",  "Q6_K",   "Q8_K", "IQ2_XXS", "IQ2_XS",
        "IQ3_XXS", "IQ1_S", "IQ4_NL", "IQ3_S", "IQ2_S", "IQ4_XS", "I8",   "I16",     "I32",
        "I64",     "F64",   "IQ1_M",  "BF16",  NULL,    NULL,     NULL,   "TQ1_0",   "TQ2_0",
        NULL,      NULL,    NULL,     "MXFP4", "NVFP4", "Q1_0",   "Q2_0",
    };

    if (type >= 0 && type < (int)(sizeof names / sizeof *names))
        return names[type];
    return mi_qtype_info(type) ? mi_qtype_info(type)->name : NULL;
}
