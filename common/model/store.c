/* model/store.c: hyperparameters and tensors under canonical names; see store.h. */
#include "model/store.h"

#include "math/quant.h"

#include <stdlib.h>
#include <string.h>

enum {
    MAX_KEYS = 512,          /* of one architecture: real files have about 40 */
    MAX_LAYER_VALUES = 1024, /* of an array: one a layer, or less */
    MAX_TEXT = 1024,
};

struct mi_store_tensor *mi_store_add(struct mi_store *s, const char *name, size_t len, int type,
                                     const uint64_t ne[4], const void *data)
{
    struct mi_store_tensor *t;

    s->tensor = mi_grow(s->tensor, &s->cap, s->n_tensors + 1, sizeof(*s->tensor));
    t = &s->tensor[s->n_tensors++];
    *t = (struct mi_store_tensor){
        .name = mi_arena_dup(&s->arena, name, len), .type = type, .data = data};
    memcpy(t->ne, ne, sizeof(t->ne));
    return t;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const struct mi_store_tensor *)a)->name,
                  ((const struct mi_store_tensor *)b)->name);
}

int mi_store_sort(struct mi_store *s, struct mi_error *err)
{
    if (s->n_tensors > 0)
        qsort(s->tensor, s->n_tensors, sizeof(*s->tensor), compare_names);
    for (size_t i = 1; i < s->n_tensors; i++)
        if (strcmp(s->tensor[i - 1].name, s->tensor[i].name) == 0)
            return mi_fail(err, MI_EXIT_DATA, "tensor '%s' is there twice", s->tensor[i].name);
    return 0;
}

const struct mi_store_tensor *mi_store_tensor(const struct mi_store *s, const char *name)
{
    struct mi_store_tensor wanted = {.name = name};

    return s->n_tensors > 0
               ? bsearch(&wanted, s->tensor, s->n_tensors, sizeof(wanted), compare_names)
               : NULL;
}

uint64_t mi_store_bytes(const struct mi_store_tensor *t)
{
    const struct mi_qtype_info *info = mi_qtype_info(t->type);
    uint64_t n = t->ne[0] * t->ne[1] * t->ne[2] * t->ne[3];

    return info ? n / (uint64_t)info->block_elements * (uint64_t)info->block_bytes : 0;
}

void mi_store_free(struct mi_store *s)
{
    mi_free(s->tensor);
    mi_arena_free(&s->arena);
    *s = (struct mi_store){0};
}

/* ---- of a GGUF file --------------------------------------------------------------------- */

static bool is_real(enum mi_gguf_type t)
{
    return t == MI_GGUF_F32 || t == MI_GGUF_F64;
}

/* An array of numbers; another one is none of a configuration's. */
static struct mi_value copy_array(struct mi_store *s, const struct mi_gguf_value *v)
{
    struct mi_value array = mi_array();

    if (v->count > MAX_LAYER_VALUES || v->element == MI_GGUF_STRING)
        return mi_nil();
    for (uint64_t i = 0; i < v->count; i++)
        mi_push(&s->arena, &array,
                is_real(v->element) ? mi_real(mi_gguf_array_real(v, i))
                                    : mi_int(mi_gguf_array_int(v, i)));
    return array;
}

static struct mi_value copy_value(struct mi_store *s, const struct mi_gguf *g, const char *key,
                                  const struct mi_gguf_value *v)
{
    struct mi_gguf_string text;
    int64_t i = 0;
    double x = 0;
    bool flag = false;

    if (v->type == MI_GGUF_ARRAY)
        return copy_array(s, v);
    if (mi_gguf_text(g, key, &text) && text.len <= MAX_TEXT)
        return mi_text_dup(&s->arena, text.at, text.len);
    if (mi_gguf_flag(g, key, &flag))
        return mi_bool(flag);
    if (mi_gguf_int(g, key, &i))
        return mi_int(i);
    return mi_gguf_real(g, key, &x) ? mi_real(x) : mi_nil();
}

int mi_store_gguf(struct mi_store *s, const struct mi_gguf *g, struct mi_error *err)
{
    struct mi_gguf_string name;
    int64_t n_splits = 0;

    *s = (struct mi_store){.keys = mi_map(), .is_permuted = true};
    if (!mi_gguf_text(g, "general.architecture", &name))
        return mi_fail(err, MI_EXIT_DATA, "key 'general.architecture' is missing");
    if (mi_gguf_int(g, "split.count", &n_splits) && n_splits > 1)
        return mi_fail(err, MI_EXIT_DATA, "one part of a model in %lld files is not supported",
                       (long long)n_splits);
    s->architecture = mi_arena_dup(&s->arena, name.at, name.len);
    for (size_t i = 0; i < g->n_values; i++) {
        const struct mi_gguf_value *v = &g->value[i];
        char *key;

        if (v->key.len <= name.len + 1 || memcmp(v->key.at, name.at, name.len) != 0 ||
            v->key.at[name.len] != '.')
            continue;
        if (s->keys.as.map.n == MAX_KEYS)
            return mi_fail(err, MI_EXIT_DATA, "more than %d keys '%.40s.*'", MAX_KEYS,
                           s->architecture);
        key = mi_arena_dup(&s->arena, v->key.at, v->key.len);
        mi_set(&s->arena, &s->keys, key + name.len + 1, copy_value(s, g, key, v));
    }
    for (size_t i = 0; i < g->n_tensors; i++) {
        const struct mi_gguf_tensor *t = &g->tensor[i];

        mi_store_add(s, t->name.at, t->name.len, t->type, t->ne, t->data);
    }
    return mi_store_sort(s, err);
}
