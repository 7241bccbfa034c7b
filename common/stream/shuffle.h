/* stream/shuffle.h: the bytes of numbers by significance, which zstd likes better.
 *
 * Element bytes [n, size] become planes [size, n]: exponents stand together. Of f32
 * activations level 1 then saves 15 %, and nothing without (measured). */
#ifndef MI_STREAM_SHUFFLE_H
#define MI_STREAM_SHUFFLE_H

#include <stddef.h>

enum { MI_SHUFFLE_MIN = 64 }; /* bytes below which a tensor stays as it is */

/* n elements of `size` bytes (1, 2, 4 or 8); the arrays do not overlap. */
void mi_shuffle(void *out, const void *in, size_t n, size_t size);
void mi_unshuffle(void *out, const void *in, size_t n, size_t size);

#endif
