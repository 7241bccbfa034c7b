/* model/cache.c: keys and values of past positions; see forward.h. */
#include "base/mem.h"
#include "model/forward.h"

#include <string.h>

void mi_cache_init(struct mi_cache *c, const struct mi_model *m, int64_t capacity)
{
    const struct mi_dims *d = &m->config.dims;

    *c = (struct mi_cache){.n_layers = d->n_layers};
    c->width = (int64_t)d->n_kv_heads * d->d_head;
    c->layer_keys = mi_alloc_zero((size_t)d->n_layers, sizeof(*c->layer_keys));
    c->layer_values = mi_alloc_zero((size_t)d->n_layers, sizeof(*c->layer_values));
    mi_cache_reserve(c, capacity);
}

void mi_cache_reserve(struct mi_cache *c, int64_t capacity)
{
    size_t row = (size_t)c->width * sizeof(float);

    if (capacity <= c->capacity)
        return;
    if (capacity < c->capacity + c->capacity / 2)
        capacity = c->capacity + c->capacity / 2;
    for (int l = 0; l < c->n_layers; l++) {
        c->layer_keys[l] = mi_realloc_n(c->layer_keys[l], (size_t)capacity, row);
        c->layer_values[l] = mi_realloc_n(c->layer_values[l], (size_t)capacity, row);
    }
    c->capacity = capacity;
}

void mi_cache_truncate(struct mi_cache *c, int64_t n)
{
    if (n < c->n)
        c->n = n < 0 ? 0 : n;
}

void mi_cache_copy(struct mi_cache *to, const struct mi_cache *from, int64_t n)
{
    size_t bytes;

    n = n > from->n ? from->n : n;
    bytes = (size_t)n * (size_t)from->width * sizeof(float);
    mi_cache_reserve(to, n);
    for (int l = 0; l < from->n_filled && bytes; l++) {
        memcpy(to->layer_keys[l], from->layer_keys[l], bytes);
        memcpy(to->layer_values[l], from->layer_values[l], bytes);
    }
    to->n = n;
    to->n_filled = from->n_filled;
}

size_t mi_cache_bytes(const struct mi_model *m, int64_t capacity)
{
    const struct mi_dims *d = &m->config.dims;

    return (size_t)capacity * 2 * sizeof(float) * (size_t)d->n_layers * (size_t)d->n_kv_heads *
           (size_t)d->d_head;
}

void mi_cache_free(struct mi_cache *c)
{
    for (int l = 0; l < c->n_layers; l++) {
        mi_free(c->layer_keys[l]);
        mi_free(c->layer_values[l]);
    }
    mi_free(c->layer_keys);
    mi_free(c->layer_values);
    *c = (struct mi_cache){0};
}
