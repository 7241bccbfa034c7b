/* base/half.h: 16-bit floats, exactly. */
#ifndef MI_BASE_HALF_H
#define MI_BASE_HALF_H

#include <stdint.h>
#include <string.h>

/* IEEE 754 binary16 widened exactly: subnormals, infinities and NaN kept. */
static inline float mi_f16_to_f32(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000u) << 16, exp = (h >> 10) & 31u, man = h & 0x3ffu, u;
    float f;

    if (exp == 31) {
        u = sign | 0x7f800000u | man << 13;
    } else if (exp) {
        u = sign | (exp + 112) << 23 | man << 13;
    } else if (man) { /* subnormal: man * 2^-24 is exact in binary32 */
        f = (float)man * 0x1p-24f;
        memcpy(&u, &f, 4);
        u |= sign;
    } else {
        u = sign;
    }
    memcpy(&f, &u, 4);
    return f;
}

static inline float mi_bf16_to_f32(uint16_t h)
{
    uint32_t u = (uint32_t)h << 16;
    float f;

    memcpy(&f, &u, 4);
    return f;
}

/* Round to nearest, ties to even; overflow gives infinity, NaN stays NaN. */
static inline uint16_t mi_f32_to_f16(float f)
{
    uint32_t u, sign, man;
    int32_t exp;

    memcpy(&u, &f, 4);
    sign = (u >> 16) & 0x8000u;
    u &= 0x7fffffffu;
    if (u >= 0x7f800000u)
        return (uint16_t)(sign | 0x7c00u | (u > 0x7f800000u ? 0x200u : 0));
    exp = (int32_t)(u >> 23) - 112;
    man = u & 0x7fffffu;
    if (exp <= 0) { /* subnormal or zero: shift the explicit mantissa right */
        uint32_t shift = (uint32_t)(14 - exp), half, rest;
        if (shift > 24)
            return (uint16_t)sign;
        man |= 0x800000u;
        half = man >> shift;
        rest = man & ((1u << shift) - 1);
        if (rest > 1u << (shift - 1) || (rest == 1u << (shift - 1) && (half & 1)))
            half++;
        return (uint16_t)(sign | half);
    }
    u = (uint32_t)exp << 10 | man >> 13;
    if ((man & 0x1fffu) > 0x1000u || ((man & 0x1fffu) == 0x1000u && (u & 1)))
        u++;
    return (uint16_t)(sign | (u >= 0x7c00u ? 0x7c00u : u));
}

static inline uint16_t mi_f32_to_bf16(float f)
{
    uint32_t u;

    memcpy(&u, &f, 4);
    if ((u & 0x7fffffffu) > 0x7f800000u)
        return (uint16_t)(u >> 16 | 0x40u);
    return (uint16_t)((u + 0x7fffu + (u >> 16 & 1)) >> 16);
}

#endif
