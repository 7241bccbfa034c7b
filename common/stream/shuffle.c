#include "stream/shuffle.h"

void mi_shuffle(void *out, const void *in, size_t n, size_t size)
{
    unsigned char *y = out;
    const unsigned char *x = in;

    for (size_t b = 0; b < size; b++)
        for (size_t i = 0; i < n; i++)
            y[b * n + i] = x[i * size + b];
}

void mi_unshuffle(void *out, const void *in, size_t n, size_t size)
{
    unsigned char *y = out;
    const unsigned char *x = in;

    /* A stretch at a time, so that the strided stores stay in the first cache. */
    for (size_t from = 0; from < n; from += 1024) {
        size_t to = n - from < 1024 ? n : from + 1024;

        for (size_t b = 0; b < size; b++)
            for (size_t i = from; i < to; i++)
                y[i * size + b] = x[b * n + i];
    }
}
