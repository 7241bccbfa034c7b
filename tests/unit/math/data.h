/* data.h: numbers for the tests of math: random, and the same each time. */
#ifndef MI_TESTS_MATH_DATA_H
#define MI_TESTS_MATH_DATA_H

#include "base/cpu.h"
#include "math/quant.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t data_state = 88172645463325252u;

static inline uint64_t data_bits(void) /* xorshift64 */
{
    data_state ^= data_state << 13;
    data_state ^= data_state >> 7;
    data_state ^= data_state << 17;
    return data_state;
}

/* Uniform on [-1, 1); one in 13 twenty times larger, as activations are. */
static inline float data_float(void)
{
    float x = (float)((int64_t)(data_bits() >> 40) - (1 << 23)) * 0x1p-23f;

    return data_bits() % 13 ? x : 20 * x;
}

static inline float *data_floats(int64_t n)
{
    float *x = malloc((size_t)(n + 1) * sizeof *x);

    if (!x)
        abort();
    for (int64_t i = 0; i < n; i++)
        x[i] = data_float();
    return x;
}

static inline void data_put_f16(unsigned char *p, uint16_t low, uint16_t high)
{
    uint16_t h = (uint16_t)(low + data_bits() % (uint16_t)(high - low));

    h = (uint16_t)(h | (data_bits() & 1) << 15);
    memcpy(p, &h, sizeof h);
}

/* n rows of k weights, of a size as in models. Every quant bit is random. */
static inline unsigned char *data_weights(const struct mi_qtype_info *t, int n, int k)
{
    size_t blocks = (size_t)n * (size_t)(k / t->block_elements);
    size_t bytes = blocks * (size_t)t->block_bytes;
    unsigned char *w = malloc(bytes + 8);

    if (!w)
        abort();
    for (size_t i = 0; i < bytes; i++)
        w[i] = (unsigned char)(data_bits() >> 24);
    for (size_t b = 0; b < blocks; b++) {
        unsigned char *p = w + b * (size_t)t->block_bytes;
        float x = data_float();
        switch (t->type) {
        case MI_Q_F32: memcpy(p, &x, sizeof x); break;
        case MI_Q_F16: data_put_f16(p, 0x1c00, 0x3c00); break;
        case MI_Q_BF16: data_put_f16(p, 0x3c00, 0x3f80); break;
        case MI_Q_F8_E4M3: *p = (unsigned char)((*p & 0xbf) | 0x20); break; /* no NaN */
        case MI_Q_F8_E5M2: *p = (unsigned char)((*p & 0x9f) | 0x20); break;
        case MI_Q_MXFP4: *p = (unsigned char)(110 + *p % 16); break;
        case MI_Q_IQ1_M: /* d is 0x1222: a nibble on top of each of four u16 */
            for (int i = 0; i < 4; i++)
                p[49 + 2 * i] = (unsigned char)((p[49 + 2 * i] & 15) | (i == 3 ? 0x10 : 0x20));
            break;
        case MI_Q_Q2_K:
            data_put_f16(p + 82, 0x1c00, 0x2800);
            data_put_f16(p + 80, 0x1c00, 0x2800);
            break;
        case MI_Q_Q3_K: data_put_f16(p + 108, 0x0400, 0x2400); break;
        case MI_Q_TQ1_0: data_put_f16(p + 52, 0x1c00, 0x2800); break;
        case MI_Q_TQ2_0: data_put_f16(p + 64, 0x1c00, 0x2800); break;
        case MI_Q_Q6_K: data_put_f16(p + 208, 0x0400, 0x2400); break;
        case MI_Q_Q4_1:
        case MI_Q_Q5_1:
        case MI_Q_Q4_K:
        case MI_Q_Q5_K: data_put_f16(p + 2, 0x1c00, 0x2800); /* fall through */
        default: data_put_f16(p, 0x1c00, 0x2800);
        }
    }
    return w;
}

/* The instruction sets that this machine has. */
static inline int data_isas(const char *names[3])
{
    int n = 0;

    for (int isa = 0; isa <= (int)mi_cpu_best(); isa++)
        names[n++] = mi_isa_name((enum mi_isa)isa);
    return n;
}

#endif
