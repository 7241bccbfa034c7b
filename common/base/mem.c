#include "base/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void give_up(size_t size)
{
    (void)size;
    abort();
}

void (*mi_out_of_memory)(size_t size) = give_up;

static void *no_memory(size_t size)
{
    mi_out_of_memory(size);
    abort();
}

/* A product that does not fit asks for more than there can be. */
static size_t product(size_t n, size_t size)
{
    size_t r;

    if (__builtin_mul_overflow(n, size, &r))
        no_memory(SIZE_MAX);
    return r;
}

void *mi_try_alloc(size_t size)
{
    return malloc(size ? size : 1);
}

void *mi_alloc(size_t size)
{
    void *p = mi_try_alloc(size);

    return p ? p : no_memory(size);
}

void *mi_alloc_n(size_t n, size_t size)
{
    return mi_alloc(product(n, size));
}

void *mi_alloc_zero(size_t n, size_t size)
{
    size_t total = product(n, size);
    void *p = calloc(1, total ? total : 1);

    return p ? p : no_memory(total);
}

void *mi_realloc_n(void *p, size_t n, size_t size)
{
    size_t total = product(n, size);
    void *q = realloc(p, total ? total : 1);

    return q ? q : no_memory(total);
}

void *mi_alloc_aligned(size_t size)
{
    void *p;

    if (size > SIZE_MAX - 64)
        return no_memory(size);
    p = aligned_alloc(64, (size + 64) / 64 * 64);
    return p ? p : no_memory(size);
}

char *mi_strndup(const char *s, size_t n)
{
    char *p = mi_alloc_n(n + 1, 1);

    if (n)
        memcpy(p, s, n);
    p[n] = '\0';
    return p;
}

char *mi_strdup(const char *s)
{
    return mi_strndup(s, strlen(s));
}

void mi_free(void *p)
{
    free(p);
}

void *mi_grow(void *p, size_t *cap, size_t n, size_t size)
{
    size_t want = *cap ? *cap : 8;

    if (n <= *cap)
        return p;
    while (want < n)
        want = want > SIZE_MAX / 2 ? n : want * 2;
    p = mi_realloc_n(p, want, size);
    *cap = want;
    return p;
}

/* ---- arena ----------------------------------------------------------------- */

struct mi_arena_block {
    struct mi_arena_block *next;
    size_t used, size; /* of the bytes behind this struct */
    _Alignas(16) unsigned char bytes[];
};

enum { ARENA_BLOCK = 64 * 1024 - 64 };

static struct mi_arena_block *new_block(struct mi_arena *a, size_t size)
{
    size_t room = size > ARENA_BLOCK ? size : ARENA_BLOCK;
    struct mi_arena_block *b = a->spare;

    if (b && size <= b->size) {
        a->spare = b->next;
        return b;
    }
    b = mi_alloc(sizeof *b + room);
    b->size = room;
    return b;
}

void *mi_arena_alloc(struct mi_arena *a, size_t size)
{
    struct mi_arena_block *b = a->first;
    void *p;

    if (size > SIZE_MAX / 2)
        return no_memory(size);
    size = (size + 15) & ~(size_t)15;
    if (!b || size > b->size - b->used) {
        if (b)
            a->full += b->used;
        b = new_block(a, size);
        b->next = a->first;
        b->used = 0;
        a->first = b;
    }
    p = b->bytes + b->used;
    b->used += size;
    return p;
}

char *mi_arena_dup(struct mi_arena *a, const char *s, size_t n)
{
    char *p;

    if (n == SIZE_MAX)
        return no_memory(n);
    p = mi_arena_alloc(a, n + 1);
    if (n)
        memcpy(p, s, n);
    p[n] = '\0';
    return p;
}

void mi_arena_reset(struct mi_arena *a)
{
    struct mi_arena_block *b;

    while ((b = a->first)) {
        a->first = b->next;
        if (b->size > ARENA_BLOCK) {
            mi_free(b);
        } else {
            b->next = a->spare;
            a->spare = b;
        }
    }
    a->full = 0;
}

size_t mi_arena_used(const struct mi_arena *a)
{
    return a->full + (a->first ? a->first->used : 0);
}

void mi_arena_free(struct mi_arena *a)
{
    struct mi_arena_block *b;

    mi_arena_reset(a);
    while ((b = a->spare)) {
        a->spare = b->next;
        mi_free(b);
    }
}
