#include "base/intern.h"

#include "base/hash.h"

#include <string.h>

/* The slot of the name, or the empty one where it would go (open addressing, one step at
 * a time; at most half of the slots are taken). */
static size_t find_slot(const struct mi_intern *t, const char *name, size_t len)
{
    size_t i = (size_t)mi_hash_u64(name, len, 0) & (t->n_slots - 1);

    for (; t->slot[i]; i = (i + 1) & (t->n_slots - 1)) {
        int64_t k = t->slot[i] - 1;

        if (t->len[k] == len && (len == 0 || memcmp(t->name[k], name, len) == 0))
            break;
    }
    return i;
}

static void double_slots(struct mi_intern *t)
{
    t->n_slots = t->n_slots ? 2 * t->n_slots : 64;
    mi_free(t->slot);
    t->slot = mi_alloc_zero(t->n_slots, sizeof *t->slot);
    for (int64_t k = 0; k < t->n; k++)
        t->slot[find_slot(t, t->name[k], t->len[k])] = k + 1;
}

int64_t mi_intern_add(struct mi_intern *t, const char *name, size_t len)
{
    size_t i;

    if (2 * ((size_t)t->n + 1) > t->n_slots)
        double_slots(t);
    i = find_slot(t, name, len);
    if (!t->slot[i]) {
        t->name = mi_grow(t->name, &t->cap_name, (size_t)t->n + 1, sizeof *t->name);
        t->len = mi_grow(t->len, &t->cap_len, (size_t)t->n + 1, sizeof *t->len);
        t->name[t->n] = mi_arena_dup(&t->arena, name, len);
        t->len[t->n] = len;
        t->slot[i] = ++t->n;
    }
    return t->slot[i] - 1;
}

int64_t mi_intern_find(const struct mi_intern *t, const char *name, size_t len)
{
    return t->n_slots ? t->slot[find_slot(t, name, len)] - 1 : -1;
}

void mi_intern_free(struct mi_intern *t)
{
    mi_free(t->name);
    mi_free(t->len);
    mi_free(t->slot);
    mi_arena_free(&t->arena);
    *t = (struct mi_intern){0};
}
