/* base/checked.h: arithmetic on sizes that came from a file.
 *
 * Every function returns false, and leaves *out alone, when the true result does
 * not fit. Readers of foreign files use nothing else for lengths and offsets. */
#ifndef MI_BASE_CHECKED_H
#define MI_BASE_CHECKED_H

#include <stdbool.h>
#include <stdint.h>

static inline bool mi_add_u64(uint64_t a, uint64_t b, uint64_t *out)
{
    uint64_t r;
    if (__builtin_add_overflow(a, b, &r))
        return false;
    *out = r;
    return true;
}

static inline bool mi_mul_u64(uint64_t a, uint64_t b, uint64_t *out)
{
    uint64_t r;
    if (__builtin_mul_overflow(a, b, &r))
        return false;
    *out = r;
    return true;
}

/* Rounds a up to a multiple of `to`, a power of two. */
static inline bool mi_align_up_u64(uint64_t a, uint64_t to, uint64_t *out)
{
    uint64_t r;
    if (__builtin_add_overflow(a, to - 1, &r))
        return false;
    *out = r & ~(to - 1);
    return true;
}

/* offset + size <= limit, without wrapping. */
static inline bool mi_span_fits(uint64_t offset, uint64_t size, uint64_t limit)
{
    return offset <= limit && size <= limit - offset;
}

#endif
