#include "stream/shuffle.h"

#include <stdint.h>
#include <string.h>

/* One pass over the elements with their size known: each is loaded whole, and the bytes go
 * to (or come from) as many planes at a time. */
#define DEFINE_PASSES(type, size)                                                    \
    static void shuffle_##size(unsigned char *y, const unsigned char *x, size_t n)   \
    {                                                                                \
        for (size_t i = 0; i < n; i++) {                                             \
            type v;                                                                  \
                                                                                     \
            memcpy(&v, x + i * (size), size);                                        \
            for (size_t b = 0; b < (size); b++)                                      \
                y[b * n + i] = (unsigned char)(v >> (8 * b));                        \
        }                                                                            \
    }                                                                                \
    static void unshuffle_##size(unsigned char *y, const unsigned char *x, size_t n) \
    {                                                                                \
        for (size_t i = 0; i < n; i++) {                                             \
            type v = 0;                                                              \
                                                                                     \
            for (size_t b = 0; b < (size); b++)                                      \
                v = (type)(v | (type)x[b * n + i] << (8 * b));                       \
            memcpy(y + i * size, &v, size);                                          \
        }                                                                            \
    }

DEFINE_PASSES(uint16_t, 2)
DEFINE_PASSES(uint32_t, 4)
DEFINE_PASSES(uint64_t, 8)

void mi_shuffle(void *out, const void *in, size_t n, size_t size)
{
    switch (size) {
    case 2: shuffle_2(out, in, n); break;
    case 4: shuffle_4(out, in, n); break;
    case 8: shuffle_8(out, in, n); break;
    default: memcpy(out, in, n * size); /* single bytes are in order already */
    }
}

void mi_unshuffle(void *out, const void *in, size_t n, size_t size)
{
    switch (size) {
    case 2: unshuffle_2(out, in, n); break;
    case 4: unshuffle_4(out, in, n); break;
    case 8: unshuffle_8(out, in, n); break;
    default: memcpy(out, in, n * size);
    }
}
