#include "data/value.h"

#include "base/escape.h"

#include <string.h>

struct mi_value mi_nil(void)
{
    return (struct mi_value){.kind = MI_NIL};
}

struct mi_value mi_bool(bool b)
{
    return (struct mi_value){.kind = MI_BOOL, .as.flag = b};
}

struct mi_value mi_int(int64_t i)
{
    return (struct mi_value){.kind = MI_INT, .as.integer = i};
}

struct mi_value mi_real(double r)
{
    return (struct mi_value){.kind = MI_REAL, .as.real = r};
}

struct mi_value mi_str_n(const char *s, size_t n)
{
    return (struct mi_value){.kind = MI_STR, .as.bytes = {s, n}};
}

struct mi_value mi_str(const char *s)
{
    return mi_str_n(s, strlen(s));
}

struct mi_value mi_bin(const void *bytes, size_t n)
{
    return (struct mi_value){.kind = MI_BIN, .as.bytes = {bytes, n}};
}

struct mi_value mi_str_dup(struct mi_arena *a, const char *s)
{
    size_t n = strlen(s);

    return mi_str_n(mi_arena_dup(a, s, n), n);
}

struct mi_value mi_text_dup(struct mi_arena *a, const char *s, size_t n)
{
    const char *copy = mi_arena_dup(a, s, n);

    return mi_utf8_valid(s, n) == n ? mi_str_n(copy, n) : mi_bin(copy, n);
}

struct mi_value mi_tensor_value(struct mi_tensor t)
{
    return (struct mi_value){.kind = MI_TENSOR, .as.tensor = t};
}

struct mi_value mi_array(void)
{
    return (struct mi_value){.kind = MI_ARRAY};
}

struct mi_value mi_map(void)
{
    return (struct mi_value){.kind = MI_MAP};
}

/* Room for one more of `size` in an array that lives in the arena; the old one stays
 * behind until the arena goes. */
static void *grow_in_arena(struct mi_arena *a, void *old, size_t n, size_t *cap, size_t size)
{
    size_t more = *cap ? 2 * *cap : 8;
    void *p;

    if (n < *cap)
        return old;
    p = mi_arena_alloc(a, more * size);
    if (n)
        memcpy(p, old, n * size);
    *cap = more;
    return p;
}

void mi_push(struct mi_arena *a, struct mi_value *array, struct mi_value v)
{
    size_t n = array->as.array.n;

    array->as.array.item =
        grow_in_arena(a, array->as.array.item, n, &array->as.array.cap, sizeof v);
    array->as.array.item[n] = v;
    array->as.array.n = n + 1;
}

static struct mi_value *find_member(const struct mi_value *map, const char *key)
{
    for (size_t i = 0; i < map->as.map.n; i++)
        if (strcmp(map->as.map.member[i].key, key) == 0)
            return &map->as.map.member[i].value;
    return NULL;
}

static void set_member(struct mi_arena *a, struct mi_value *map, const char *key, struct mi_value v,
                       bool copy_key)
{
    struct mi_value *there = find_member(map, key);
    size_t n = map->as.map.n;

    if (there) {
        *there = v;
        return;
    }
    map->as.map.member =
        grow_in_arena(a, map->as.map.member, n, &map->as.map.cap, sizeof(struct mi_member));
    map->as.map.member[n].key = copy_key ? mi_arena_dup(a, key, strlen(key)) : key;
    map->as.map.member[n].value = v;
    map->as.map.n = n + 1;
}

void mi_set(struct mi_arena *a, struct mi_value *map, const char *key, struct mi_value v)
{
    set_member(a, map, key, v, false);
}

void mi_set_dup(struct mi_arena *a, struct mi_value *map, const char *key, struct mi_value v)
{
    set_member(a, map, key, v, true);
}

void mi_set_text(struct mi_arena *a, struct mi_value *map, const char *key, const char *text)
{
    if (text)
        mi_set(a, map, key, mi_text_dup(a, text, strlen(text)));
}

struct mi_value mi_ints(struct mi_arena *a, const int32_t *x, size_t n)
{
    struct mi_value v = mi_array();

    v.as.array.item = mi_arena_alloc(a, n * sizeof(struct mi_value));
    v.as.array.n = v.as.array.cap = n;
    for (size_t i = 0; i < n; i++)
        v.as.array.item[i] = mi_int(x[i]);
    return v;
}

struct mi_value mi_reals(struct mi_arena *a, const double *x, size_t n)
{
    struct mi_value v = mi_array();

    v.as.array.item = mi_arena_alloc(a, n * sizeof(struct mi_value));
    v.as.array.n = v.as.array.cap = n;
    for (size_t i = 0; i < n; i++)
        v.as.array.item[i] = mi_real(x[i]);
    return v;
}

const struct mi_value *mi_get(const struct mi_value *map, const char *key)
{
    return mi_is(map, MI_MAP) ? find_member(map, key) : NULL;
}

const char *mi_get_str(const struct mi_value *map, const char *key, const char *otherwise)
{
    const struct mi_value *v = mi_get(map, key);

    return mi_is(v, MI_STR) ? v->as.bytes.at : otherwise;
}

int64_t mi_get_int(const struct mi_value *map, const char *key, int64_t otherwise)
{
    const struct mi_value *v = mi_get(map, key);

    return mi_is(v, MI_INT) ? v->as.integer : otherwise;
}

double mi_get_real(const struct mi_value *map, const char *key, double otherwise)
{
    const struct mi_value *v = mi_get(map, key);

    if (mi_is(v, MI_REAL))
        return v->as.real;
    return mi_is(v, MI_INT) ? (double)v->as.integer : otherwise;
}

bool mi_is(const struct mi_value *v, enum mi_value_kind kind)
{
    return v && v->kind == kind;
}

static struct mi_value copy_map(struct mi_arena *a, const struct mi_value *v)
{
    struct mi_value out = mi_map();
    size_t n = v->as.map.n;

    out.as.map.member = mi_arena_alloc(a, n * sizeof(struct mi_member));
    out.as.map.n = out.as.map.cap = n;
    for (size_t i = 0; i < n; i++) {
        const struct mi_member *m = &v->as.map.member[i];

        out.as.map.member[i].key = mi_arena_dup(a, m->key, strlen(m->key));
        out.as.map.member[i].value = mi_value_copy(a, &m->value);
    }
    return out;
}

struct mi_value mi_value_copy(struct mi_arena *a, const struct mi_value *v)
{
    struct mi_value out = *v;

    switch (v->kind) {
    case MI_STR:
    case MI_BIN: out.as.bytes.at = mi_arena_dup(a, v->as.bytes.at, v->as.bytes.len); break;
    case MI_ARRAY:
        out.as.array.cap = v->as.array.n;
        out.as.array.item = mi_arena_alloc(a, v->as.array.n * sizeof out);
        for (size_t i = 0; i < v->as.array.n; i++)
            out.as.array.item[i] = mi_value_copy(a, &v->as.array.item[i]);
        break;
    case MI_MAP: out = copy_map(a, v); break;
    case MI_TENSOR:
        out.as.tensor.data = mi_arena_dup(a, v->as.tensor.data, mi_tensor_bytes(&v->as.tensor));
        break;
    default: break;
    }
    return out;
}

static bool bytes_equal(const void *a, size_t na, const void *b, size_t nb)
{
    return na == nb && (na == 0 || memcmp(a, b, na) == 0);
}

static bool tensors_equal(const struct mi_tensor *a, const struct mi_tensor *b)
{
    if (a->dtype != b->dtype || a->rank != b->rank)
        return false;
    for (int i = 0; i < a->rank; i++)
        if (a->shape[i] != b->shape[i])
            return false;
    return bytes_equal(a->data, mi_tensor_bytes(a), b->data, mi_tensor_bytes(b));
}

bool mi_value_equal(const struct mi_value *a, const struct mi_value *b)
{
    if (a->kind != b->kind)
        return false;
    switch (a->kind) {
    case MI_NIL: return true;
    case MI_BOOL: return a->as.flag == b->as.flag;
    case MI_INT: return a->as.integer == b->as.integer;
    case MI_REAL: return memcmp(&a->as.real, &b->as.real, sizeof(double)) == 0;
    case MI_STR:
    case MI_BIN:
        return bytes_equal(a->as.bytes.at, a->as.bytes.len, b->as.bytes.at, b->as.bytes.len);
    case MI_ARRAY:
        if (a->as.array.n != b->as.array.n)
            return false;
        for (size_t i = 0; i < a->as.array.n; i++)
            if (!mi_value_equal(&a->as.array.item[i], &b->as.array.item[i]))
                return false;
        return true;
    case MI_MAP:
        if (a->as.map.n != b->as.map.n)
            return false;
        for (size_t i = 0; i < a->as.map.n; i++)
            if (strcmp(a->as.map.member[i].key, b->as.map.member[i].key) != 0 ||
                !mi_value_equal(&a->as.map.member[i].value, &b->as.map.member[i].value))
                return false;
        return true;
    case MI_TENSOR: return tensors_equal(&a->as.tensor, &b->as.tensor);
    }
    return false;
}
