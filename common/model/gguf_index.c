/* model/gguf_index.c: looking up and converting entries of a GGUF file; see gguf.h. */
#include "model/gguf_index.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

struct named {
    struct mi_gguf_string name;
    size_t entry; /* in g->value or g->tensor */
};

struct index {
    struct named *values;  /* [n_values] sorted by name */
    struct named *tensors; /* [n_tensors] */
};

static int compare_strings(const struct mi_gguf_string *a, const struct mi_gguf_string *b)
{
    size_t n = a->len < b->len ? a->len : b->len;
    int order = n ? memcmp(a->at, b->at, n) : 0;

    return order ? order : (a->len > b->len) - (a->len < b->len);
}

static int compare_named(const void *a, const void *b)
{
    return compare_strings(&((const struct named *)a)->name, &((const struct named *)b)->name);
}

static int sort_names(struct named *table, size_t n, const char *what, struct mi_error *err)
{
    qsort(table, n, sizeof(*table), compare_named);
    for (size_t i = 1; i < n; i++)
        if (compare_named(&table[i - 1], &table[i]) == 0)
            return mi_fail(err, MI_EXIT_DATA, "%s '%.*s' is there twice", what,
                           table[i].name.len > 80 ? 80 : (int)table[i].name.len, table[i].name.at);
    return 0;
}

static struct index *index_of(struct mi_gguf *g)
{
    if (!g->index)
        g->index = mi_alloc_zero(1, sizeof(struct index));
    return g->index;
}

int mi_gguf_index_values(struct mi_gguf *g, struct mi_error *err)
{
    struct index *x = index_of(g);

    x->values = mi_alloc_n(g->n_values, sizeof(*x->values));
    for (size_t i = 0; i < g->n_values; i++)
        x->values[i] = (struct named){g->value[i].key, i};
    return sort_names(x->values, g->n_values, "key", err);
}

int mi_gguf_index_tensors(struct mi_gguf *g, struct mi_error *err)
{
    struct index *x = index_of(g);

    x->tensors = mi_alloc_n(g->n_tensors, sizeof(*x->tensors));
    for (size_t i = 0; i < g->n_tensors; i++)
        x->tensors[i] = (struct named){g->tensor[i].name, i};
    return sort_names(x->tensors, g->n_tensors, "tensor", err);
}

void mi_gguf_index_free(struct mi_gguf *g)
{
    struct index *x = g->index;

    if (x) {
        mi_free(x->values);
        mi_free(x->tensors);
        mi_free(x);
    }
    g->index = NULL;
}

static const struct named *find_name(const struct named *table, size_t n, const char *name)
{
    struct named key = {{name, strlen(name)}, 0};

    return n ? bsearch(&key, table, n, sizeof(*table), compare_named) : NULL;
}

const struct mi_gguf_value *mi_gguf_find(const struct mi_gguf *g, const char *key)
{
    const struct index *x = g->index;
    const struct named *hit = x ? find_name(x->values, g->n_values, key) : NULL;

    return hit ? &g->value[hit->entry] : NULL;
}

const struct mi_gguf_tensor *mi_gguf_tensor(const struct mi_gguf *g, const char *name)
{
    const struct index *x = g->index;
    const struct named *hit = x ? find_name(x->tensors, g->n_tensors, name) : NULL;

    return hit ? &g->tensor[hit->entry] : NULL;
}

static bool is_int_type(enum mi_gguf_type t)
{
    return t <= MI_GGUF_I32 || t == MI_GGUF_U64 || t == MI_GGUF_I64;
}

static bool is_real_type(enum mi_gguf_type t)
{
    return t == MI_GGUF_F32 || t == MI_GGUF_F64;
}

/* Unsigned 64-bit values beyond INT64_MAX come out as INT64_MAX: no such number is
 * meaningful in a model file, and range checks refuse it by size. */
static int64_t load_int(enum mi_gguf_type t, const unsigned char *p)
{
    uint64_t u = 0;
    int16_t i16;
    int32_t i32;
    int64_t i64;

    switch (t) {
    case MI_GGUF_U8: return p[0];
    case MI_GGUF_I8: return (signed char)p[0];
    case MI_GGUF_U16: memcpy(&u, p, 2); return (int64_t)u;
    case MI_GGUF_I16: memcpy(&i16, p, 2); return i16;
    case MI_GGUF_U32: memcpy(&u, p, 4); return (int64_t)u;
    case MI_GGUF_I32: memcpy(&i32, p, 4); return i32;
    case MI_GGUF_U64: memcpy(&u, p, 8); return u > INT64_MAX ? INT64_MAX : (int64_t)u;
    case MI_GGUF_I64: memcpy(&i64, p, 8); return i64;
    case MI_GGUF_BOOL: return p[0] != 0;
    default: return 0;
    }
}

static double load_real(enum mi_gguf_type t, const unsigned char *p)
{
    float f;
    double d;

    if (t == MI_GGUF_F32) {
        memcpy(&f, p, 4);
        return (double)f;
    }
    if (t == MI_GGUF_F64) {
        memcpy(&d, p, 8);
        return d;
    }
    return (double)load_int(t, p);
}

static size_t element_bytes(enum mi_gguf_type t)
{
    switch (t) {
    case MI_GGUF_U8:
    case MI_GGUF_I8:
    case MI_GGUF_BOOL: return 1;
    case MI_GGUF_U16:
    case MI_GGUF_I16: return 2;
    case MI_GGUF_U64:
    case MI_GGUF_I64:
    case MI_GGUF_F64: return 8;
    default: return 4;
    }
}

int64_t mi_gguf_array_int(const struct mi_gguf_value *v, uint64_t i)
{
    return load_int(v->element, v->data + i * element_bytes(v->element));
}

double mi_gguf_array_real(const struct mi_gguf_value *v, uint64_t i)
{
    return load_real(v->element, v->data + i * element_bytes(v->element));
}

/* A scalar of a wanted kind, or an array whose elements are all the same. */
static const struct mi_gguf_value *find_scalar(const struct mi_gguf *g, const char *key,
                                               bool (*wanted)(enum mi_gguf_type))
{
    const struct mi_gguf_value *v = mi_gguf_find(g, key);
    size_t size;

    if (!v || v->count == 0 || !wanted(v->element))
        return NULL;
    size = element_bytes(v->element);
    for (uint64_t i = 1; i < v->count; i++)
        if (memcmp(v->data, v->data + i * size, size) != 0)
            return NULL;
    return v;
}

static bool is_number_type(enum mi_gguf_type t)
{
    return is_int_type(t) || is_real_type(t);
}

static bool is_flag_type(enum mi_gguf_type t)
{
    return t == MI_GGUF_BOOL;
}

bool mi_gguf_int(const struct mi_gguf *g, const char *key, int64_t *out)
{
    const struct mi_gguf_value *v = find_scalar(g, key, is_int_type);

    if (v)
        *out = load_int(v->element, v->data);
    return v != NULL;
}

bool mi_gguf_real(const struct mi_gguf *g, const char *key, double *out)
{
    const struct mi_gguf_value *v = find_scalar(g, key, is_number_type);

    if (v)
        *out = load_real(v->element, v->data);
    return v != NULL;
}

bool mi_gguf_flag(const struct mi_gguf *g, const char *key, bool *out)
{
    const struct mi_gguf_value *v = find_scalar(g, key, is_flag_type);

    if (v)
        *out = v->data[0] != 0;
    return v != NULL;
}

/* Lengths were checked when the file was opened; they have 4 or 8 bytes. */
static const unsigned char *next_string(const struct mi_gguf_value *v, const unsigned char *p,
                                        struct mi_gguf_string *out)
{
    size_t width = v->has_short_lengths ? 4 : 8;
    uint64_t n = 0;

    memcpy(&n, p, width);
    p += width;
    *out = (struct mi_gguf_string){(const char *)p, (size_t)n};
    return p + n;
}

void mi_gguf_array_strings(const struct mi_gguf_value *v, struct mi_gguf_string *out)
{
    const unsigned char *p = v->data;

    for (uint64_t i = 0; i < v->count; i++)
        p = next_string(v, p, &out[i]);
}

bool mi_gguf_text(const struct mi_gguf *g, const char *key, struct mi_gguf_string *out)
{
    const struct mi_gguf_value *v = mi_gguf_find(g, key);

    if (!v || v->type != MI_GGUF_STRING)
        return false;
    next_string(v, v->data, out);
    return true;
}
