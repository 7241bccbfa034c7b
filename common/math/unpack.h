/* math/unpack.h: 32 weights at a time as exact floats in registers.
 *
 *     unpack(type, block, group, state, out)
 *
 * gives elements 32 group .. 32 group + 31 of the block at `block` (of a plain type: the
 * 32 elements there, group 0). Groups of one block come in order, with one `state`: what
 * they share is worked out at group 0. The floats are those of math/quant.h; where a type
 * has few levels, the AVX-512 form makes a table of them and looks the weights up. */
#ifndef MI_MATH_UNPACK_H
#define MI_MATH_UNPACK_H

#include "math/lanes.h"
#include "math/quant.h"

/* Bytes of a block of 256 weights; 0: the type's blocks are smaller. */
ALWAYS_INLINE int super_bytes(const int type)
{
    switch (type) {
    case MI_Q_Q2_K: return 84;
    case MI_Q_Q3_K: return 110;
    case MI_Q_Q4_K: return 144;
    case MI_Q_Q5_K: return 176;
    case MI_Q_Q6_K: return 210;
    case MI_Q_IQ4_XS: return 136;
    default: return 0;
    }
}

/* Bytes of 32 weights, and elements of a block, as constants. */
ALWAYS_INLINE int group_bytes(const int type)
{
    switch (type) {
    case MI_Q_F32: return 128;
    case MI_Q_F16:
    case MI_Q_BF16: return 64;
    case MI_Q_Q4_0: return 18;
    case MI_Q_Q4_1: return 20;
    case MI_Q_Q5_0: return 22;
    case MI_Q_Q5_1: return 24;
    case MI_Q_Q8_0: return 34;
    case MI_Q_IQ4_NL: return 18;
    case MI_Q_MXFP4: return 17;
    default: return super_bytes(type) / 8; /* about, for prefetching only */
    }
}

ALWAYS_INLINE bool is_plain(const int type)
{
    return type == MI_Q_F32 || type == MI_Q_F16 || type == MI_Q_BF16;
}

/* The levels of four-bit types that look their weights up. */
static const signed char iq4_levels[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                           1,    13,   25,  38,  53,  69,  89,  113};
static const signed char mxfp4_levels[16] = {0, 1,  2,  3,  4,  6,  8,  12,
                                             0, -1, -2, -3, -4, -6, -8, -12};

/* A power of two, halved: MXFP4's scale of levels that are doubled. */
ALWAYS_INLINE float load_e8m0_half(unsigned char e)
{
    uint32_t bits = e < 2 ? 0x00200000u << e : (e - 1u) << 23;
    float d;

    memcpy(&d, &bits, sizeof d);
    return d;
}

/* Scale j of 16 of a Q3_K block. */
ALWAYS_INLINE float scale_q3_k(const unsigned char *s, int j)
{
    int low = j < 8 ? s[j] & 15 : s[j - 8] >> 4, high = s[8 + j % 4] >> j / 4 * 2 & 3;

    return (float)((low | high << 4) - 32);
}

/* Scale j of eight of an IQ4_XS block. */
ALWAYS_INLINE float scale_iq4_xs(const unsigned char *p, int j)
{
    int low = p[4 + j / 2] >> j % 2 * 4 & 15, high = (p[2] | p[3] << 8) >> 2 * j & 3;

    return (float)((low | high << 4) - 32);
}

/* Columns of which the kernels unroll the groups: so the shifts of a block of 256, which repeat
 * every 128, are constants. */
ALWAYS_INLINE int stride(const int type)
{
    return super_bytes(type) > 0 ? 128 : 32;
}

/* Where the 32 weights from k + within on lie: their block and group in it. k is a multiple of
 * the stride, `within` one of 32 and less. */
ALWAYS_INLINE const unsigned char *block_of(const int type, const unsigned char *row, int k,
                                            int within, int *group)
{
    const unsigned at = (unsigned)k;

    if (super_bytes(type) > 0) {
        *group = (int)(at & 128) / 32 + within / 32;
        return row + (size_t)(at / 256) * (size_t)super_bytes(type);
    }
    *group = 0;
    return row + (size_t)(at / 32) * (size_t)group_bytes(type);
}

#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__) && defined(__AVX512VL__)
#include "math/unpack_avx512.h"
#elif defined(__AVX2__) && defined(__FMA__) && defined(__F16C__)
#include "math/unpack_avx2.h"
#else
#include "math/unpack_portable.h"
#endif

/* The n < 32 weights of a plain type that end a row, zeros after them. */
ALWAYS_INLINE void unpack_tail(const int type, const unsigned char *p, int n, lanes out[2])
{
    unsigned char padded[256] = {0}; /* as long as any block, though only 128 are used */
    struct unpack_state s;

    memcpy(padded, p, (size_t)n * (type == MI_Q_F32 ? 4 : 2));
    unpack(type, padded, 0, &s, out);
}

#endif
