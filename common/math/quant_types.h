/* math/quant_types.h: the dequantisers that stand in files of their own (private to math).
 *
 * Each takes `n` whole blocks; see struct mi_qtype_info in math/quant.h. */
#ifndef MI_MATH_QUANT_TYPES_H
#define MI_MATH_QUANT_TYPES_H

#include "base/half.h"

#include <stdint.h>

static inline float load_f16(const unsigned char *p)
{
    return mi_f16_to_f32((uint16_t)(p[0] | p[1] << 8));
}

static inline uint32_t load_u16(const unsigned char *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8;
}

static inline uint32_t load_u32(const unsigned char *p)
{
    return load_u16(p) | load_u16(p + 2) << 16;
}

typedef void mi_dequantiser(float *y, const void *src, int64_t n);

/* quant_k.c: super-blocks of 256 with scales of their groups, and ternary weights. */
mi_dequantiser mi_dequantise_q2_k, mi_dequantise_q3_k, mi_dequantise_q4_k, mi_dequantise_q5_k,
    mi_dequantise_q6_k, mi_dequantise_tq1_0, mi_dequantise_tq2_0;

/* quant_iq.c: weights that are looked up, one by one or in groups. */
mi_dequantiser mi_dequantise_iq4_nl, mi_dequantise_iq4_xs, mi_dequantise_mxfp4, mi_dequantise_iq1_s,
    mi_dequantise_iq1_m, mi_dequantise_iq2_xxs, mi_dequantise_iq2_xs, mi_dequantise_iq2_s,
    mi_dequantise_iq3_xxs, mi_dequantise_iq3_s;

/* iq_grids.c: the groups of weights that an index stands for. A group is one number: two
 * bits a weight for eight weights, or three bits for four, the first weight lowest. */
extern const uint16_t mi_iq1_grid[2048], mi_iq2_xxs_grid[256], mi_iq2_xs_grid[512],
    mi_iq2_s_grid[1024], mi_iq3_xxs_grid[256], mi_iq3_s_grid[512];

#endif
