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
    case MI_Q_Q4_K: return 144 / 8;
    default: return 210 / 8; /* Q6_K: 26.25, for prefetching only */
    }
}

ALWAYS_INLINE bool is_plain(const int type)
{
    return type == MI_Q_F32 || type == MI_Q_F16 || type == MI_Q_BF16;
}

/* Where the 32 weights from k (a multiple of 32) on lie: their block and group in it. */
ALWAYS_INLINE const unsigned char *block_of(const int type, const unsigned char *row, int k,
                                            int *group)
{
    *group = 0;
    if (type == MI_Q_Q4_K || type == MI_Q_Q6_K) {
        *group = k % 256 / 32;
        return row + k / 256 * (type == MI_Q_Q4_K ? 144 : 210);
    }
    return row + (int64_t)(k / 32) * group_bytes(type);
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
