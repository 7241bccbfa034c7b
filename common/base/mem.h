/* base/mem.h: memory that is there, or the program ends.
 *
 * mi_alloc and its kin end the program with exit 4 when memory is short (through
 * the handler of base/tool.h, so that temporary files go). They are for sizes
 * that our own configuration bounds. A size that an input file claims goes
 * through mi_try_alloc after it was compared with what the file can hold. */
#ifndef MI_BASE_MEM_H
#define MI_BASE_MEM_H

#include <stddef.h>

void *mi_alloc(size_t size);                /* never NULL; size 0 is allowed */
void *mi_alloc_n(size_t n, size_t size);    /* n objects, product checked */
void *mi_alloc_zero(size_t n, size_t size); /* the same, zeroed */
void *mi_realloc_n(void *p, size_t n, size_t size);
void *mi_alloc_aligned(size_t size); /* 64-byte aligned; free with mi_free */
char *mi_strdup(const char *s);
char *mi_strndup(const char *s, size_t n); /* n bytes and a NUL */
void *mi_try_alloc(size_t size);           /* NULL when memory is short */
void mi_free(void *p);                     /* accepts NULL */

/* Grows an array to hold n elements of `size`: *cap is in elements, doubles. */
void *mi_grow(void *p, size_t *cap, size_t n, size_t size);

/* Many small objects with one lifetime. `{0}` is valid and empty. Pointers stay
 * valid until reset or free. Not for several threads. */
struct mi_arena {
    struct mi_arena_block *first, *spare; /* private */
    size_t full;                          /* private: bytes in use behind the first */
};

void *mi_arena_alloc(struct mi_arena *a, size_t size);           /* 16-byte aligned; never NULL */
char *mi_arena_dup(struct mi_arena *a, const char *s, size_t n); /* adds a NUL */
void mi_arena_reset(struct mi_arena *a);                         /* empties, keeps small blocks */
size_t mi_arena_used(const struct mi_arena *a);                  /* bytes that are in use */
void mi_arena_free(struct mi_arena *a);

/* Called with the size that could not be had; must not return. The default aborts;
 * tools set one that says so and exits 4. */
extern void (*mi_out_of_memory)(size_t size);

#endif
