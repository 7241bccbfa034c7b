/* base/intern.h: names into small numbers: the first name is 0, the next new one 1.
 *
 * A name may hold any bytes. `{0}` is valid and empty; free with mi_intern_free. Not for
 * several threads at once. */
#ifndef MI_BASE_INTERN_H
#define MI_BASE_INTERN_H

#include "base/mem.h"

#include <stddef.h>
#include <stdint.h>

struct mi_intern {
    const char **name; /* [n], each NUL-ended as well; they stay where they are */
    size_t *len;       /* [n] */
    int64_t n;
    size_t cap_name, cap_len; /* private, as all below */
    int64_t *slot;            /* [n_slots] number + 1, 0 where empty */
    size_t n_slots;           /* a power of two */
    struct mi_arena arena;
};

/* The number of name [len], which is added (a copy) when it is new. */
int64_t mi_intern_add(struct mi_intern *t, const char *name, size_t len);
/* The number, or -1. */
int64_t mi_intern_find(const struct mi_intern *t, const char *name, size_t len);
void mi_intern_free(struct mi_intern *t);

#endif
