/* model/safetensors.c: reading one .safetensors file; see safetensors.h.
 *
 * The header is walked without a tree, so that memory is a small multiple of the tensors that
 * are there. Offsets and shapes are whole numbers of 64 bits and never pass through a double. */
#include "model/safetensors.h"

#include "base/checked.h"
#include "data/pull.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const struct mi_safetensors_type types[] = {
    {"F32", 32, 0},         {"F16", 16, 1},         {"BF16", 16, 30},    {"F64", 64, 28},
    {"I8", 8, 24},          {"I16", 16, 25},        {"I32", 32, 26},     {"I64", 64, 27},
    {"BOOL", 8, -1},        {"U8", 8, -1},          {"U16", 16, -1},     {"U32", 32, -1},
    {"U64", 64, -1},        {"C64", 64, -1},        {"F8_E4M3", 8, 256}, {"F8_E5M2", 8, 257},
    {"F8_E8M0", 8, -1},     {"F6_E2M3", 6, -1},     {"F6_E3M2", 6, -1},  {"F4", 4, -1},
    {"F8_E4M3FNUZ", 8, -1}, {"F8_E5M2FNUZ", 8, -1},
};

/* A header being read. */
struct reading {
    struct mi_safetensors *s;
    struct mi_pull pull;
    size_t cap;
    uint64_t n_data; /* bytes behind the header */
    struct mi_error *err;
};

static const struct mi_safetensors_type *find_type(const struct mi_pull_string *name)
{
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (mi_pull_is(name, types[i].name))
            return &types[i];
    return NULL;
}

static int read_type(struct reading *r, struct mi_safetensor *t)
{
    struct mi_pull_string name;
    int rc = mi_pull_take_string(&r->pull, &name);

    if (rc < 0)
        return rc;
    t->type = find_type(&name);
    return t->type ? 0
                   : mi_fail(r->err, MI_EXIT_DATA, "unknown dtype '%.*s'",
                             name.len > 40 ? 40 : (int)name.len, name.at);
}

static int read_shape(struct reading *r, struct mi_safetensor *t)
{
    int rc = mi_pull_enter(&r->pull, '[');

    while (rc == 0 && (rc = mi_pull_next(&r->pull)) > 0) {
        if (t->rank == MI_SAFETENSORS_MAX_RANK)
            return mi_fail(r->err, MI_EXIT_DATA, "more than %d dimensions",
                           MI_SAFETENSORS_MAX_RANK);
        rc = mi_pull_take_u64(&r->pull, &t->shape[t->rank++]);
    }
    return rc;
}

static int read_offsets(struct reading *r, struct mi_safetensor *t)
{
    uint64_t at[2];
    int n = 0, rc = mi_pull_enter(&r->pull, '[');

    while (rc == 0 && (rc = mi_pull_next(&r->pull)) > 0) {
        if (n == 2)
            break;
        rc = mi_pull_take_u64(&r->pull, &at[n++]);
    }
    if (rc < 0)
        return rc;
    if (rc > 0 || n != 2)
        return mi_fail(r->err, MI_EXIT_DATA, "'data_offsets' are not two numbers");
    if (at[0] > at[1] || at[1] > r->n_data)
        return mi_fail(r->err, MI_EXIT_DATA,
                       "data_offsets [%llu, %llu] lie outside the %llu bytes of data: cut short?",
                       (unsigned long long)at[0], (unsigned long long)at[1],
                       (unsigned long long)r->n_data);
    t->begin = at[0];
    t->n_bytes = at[1] - at[0];
    return 0;
}

static int check_size(struct reading *r, const struct mi_safetensor *t)
{
    uint64_t n = 1, bits = 0;
    bool fits = true;

    for (int i = 0; i < t->rank; i++) /* a zero among sizes that wrap is no tensor of ours */
        fits = fits && mi_mul_u64(n, t->shape[i], &n);
    if (!fits || !mi_mul_u64(n, (uint64_t)t->type->bits, &bits))
        return mi_fail(r->err, MI_EXIT_DATA, "the product of its shape wraps");
    if (bits % 8 != 0)
        return mi_fail(r->err, MI_EXIT_DATA, "%llu elements of %s are no whole number of bytes",
                       (unsigned long long)n, t->type->name);
    if (bits / 8 != t->n_bytes)
        return mi_fail(
            r->err, MI_EXIT_DATA, "%llu bytes where its shape and type (%s) ask for %llu",
            (unsigned long long)t->n_bytes, t->type->name, (unsigned long long)(bits / 8));
    return 0;
}

/* The object behind a tensor's name: each of its three keys once. */
static int read_entry(struct reading *r, struct mi_safetensor *t)
{
    bool has_shape = false, has_offsets = false;
    int rc = mi_pull_enter(&r->pull, '{');

    while (rc == 0 && (rc = mi_pull_next(&r->pull)) > 0) {
        const struct mi_pull_string *key = &r->pull.key;

        if (mi_pull_is(key, "dtype") && !t->type) {
            rc = read_type(r, t);
        } else if (mi_pull_is(key, "shape") && !has_shape) {
            has_shape = true;
            rc = read_shape(r, t);
        } else if (mi_pull_is(key, "data_offsets") && !has_offsets) {
            has_offsets = true;
            rc = read_offsets(r, t);
        } else {
            rc = mi_fail(r->err, MI_EXIT_DATA, "key '%.*s' is unknown or there twice",
                         key->len > 40 ? 40 : (int)key->len, key->at);
        }
    }
    if (rc < 0)
        return rc;
    if (!t->type || !has_shape || !has_offsets)
        return mi_fail(r->err, MI_EXIT_DATA, "'%s' is missing",
                       !t->type     ? "dtype"
                       : !has_shape ? "shape"
                                    : "data_offsets");
    return check_size(r, t);
}

static int compare_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* A copy of the key that was just read. */
static int keep_key(struct reading *r, const char **out)
{
    const struct mi_pull_string *key = &r->pull.key;

    if (key->len == 0 || key->len > MI_SAFETENSORS_MAX_NAME || memchr(key->at, 0, key->len))
        return mi_fail(r->err, MI_EXIT_DATA, "a name of %zu bytes%s (1 to %d are allowed)",
                       key->len, key->len ? ", or with a NUL" : "", MI_SAFETENSORS_MAX_NAME);
    *out = mi_arena_dup(&r->s->names, key->at, key->len);
    return 0;
}

/* __metadata__: texts that we have no use for, checked all the same. */
static int read_metadata(struct reading *r)
{
    const char **key = NULL;
    size_t n = 0, cap = 0;
    struct mi_pull_string text;
    int rc = mi_pull_enter(&r->pull, '{');

    while (rc == 0 && (rc = mi_pull_next(&r->pull)) > 0) {
        if (n == MI_SAFETENSORS_MAX_TENSORS) {
            rc = mi_fail(r->err, MI_EXIT_DATA, "__metadata__: more than %d entries",
                         MI_SAFETENSORS_MAX_TENSORS);
            break;
        }
        key = mi_grow(key, &cap, n + 1, sizeof(*key));
        rc = keep_key(r, &key[n++]);
        if (rc == 0)
            rc = mi_pull_take_string(&r->pull, &text);
    }
    if (rc == 0 && n > 1)
        qsort(key, n, sizeof(*key), compare_text);
    for (size_t i = 1; i < n && rc == 0; i++)
        if (strcmp(key[i - 1], key[i]) == 0)
            rc = mi_fail(r->err, MI_EXIT_DATA, "__metadata__: '%s' is there twice", key[i]);
    mi_free(key);
    return rc;
}

static int read_header(struct reading *r)
{
    struct mi_safetensors *s = r->s;
    bool has_metadata = false;
    int rc = mi_pull_enter(&r->pull, '{');

    while (rc == 0 && (rc = mi_pull_next(&r->pull)) > 0) {
        struct mi_safetensor *t;

        if (mi_pull_is(&r->pull.key, "__metadata__")) {
            if (has_metadata)
                return mi_fail(r->err, MI_EXIT_DATA, "'__metadata__' is there twice");
            has_metadata = true;
            rc = read_metadata(r);
            continue;
        }
        if (s->n_tensors == MI_SAFETENSORS_MAX_TENSORS)
            return mi_fail(r->err, MI_EXIT_DATA, "more than %d tensors",
                           MI_SAFETENSORS_MAX_TENSORS);
        s->tensor = mi_grow(s->tensor, &r->cap, s->n_tensors + 1, sizeof(*s->tensor));
        t = &s->tensor[s->n_tensors++];
        *t = (struct mi_safetensor){0};
        rc = keep_key(r, &t->name);
        if (rc == 0 && (rc = read_entry(r, t)) < 0)
            return mi_fail_in(r->err, "tensor '%s'", t->name);
    }
    return rc < 0 ? rc : mi_pull_end(&r->pull);
}

static int compare_places(const void *a, const void *b)
{
    const struct mi_safetensor *s = a, *t = b;
    uint64_t s_end = s->begin + s->n_bytes, t_end = t->begin + t->n_bytes;

    if (s->begin != t->begin)
        return s->begin < t->begin ? -1 : 1;
    return (s_end > t_end) - (s_end < t_end);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const struct mi_safetensor *)a)->name, ((const struct mi_safetensor *)b)->name);
}

/* In the order of their places each tensor begins where the last one ended. */
static int check_places(struct reading *r, const unsigned char *data)
{
    struct mi_safetensors *s = r->s;
    uint64_t next = 0;

    if (s->n_tensors > 0)
        qsort(s->tensor, s->n_tensors, sizeof(*s->tensor), compare_places);
    for (size_t i = 0; i < s->n_tensors; i++) {
        struct mi_safetensor *t = &s->tensor[i];

        if (t->begin != next)
            return mi_fail(
                r->err, MI_EXIT_DATA, "tensor '%s' begins at byte %llu of the data, %s (%llu)",
                t->name, (unsigned long long)t->begin,
                t->begin < next ? "inside the one before it" : "behind bytes that belong to none",
                (unsigned long long)next);
        next += t->n_bytes; /* at most n_data: it was compared */
        t->data = data + t->begin;
    }
    if (next != r->n_data)
        return mi_fail(r->err, MI_EXIT_DATA, "%llu bytes of data where the header speaks of %llu",
                       (unsigned long long)r->n_data, (unsigned long long)next);
    if (s->n_tensors > 0)
        qsort(s->tensor, s->n_tensors, sizeof(*s->tensor), compare_names);
    for (size_t i = 1; i < s->n_tensors; i++)
        if (compare_names(&s->tensor[i - 1], &s->tensor[i]) == 0)
            return mi_fail(r->err, MI_EXIT_DATA, "tensor '%s' is there twice", s->tensor[i].name);
    return 0;
}

static int read_file(struct mi_safetensors *s, const unsigned char *bytes, size_t len,
                     struct mi_error *err)
{
    struct reading r = {.s = s, .err = err};
    uint64_t n = 0;
    int rc;

    if (len < 8)
        return mi_fail(err, MI_EXIT_DATA, "%zu bytes are no safetensors file", len);
    for (int i = 0; i < 8; i++)
        n |= (uint64_t)bytes[i] << (8 * i);
    if (n > MI_SAFETENSORS_MAX_HEADER)
        return mi_fail(err, MI_EXIT_DATA,
                       "a header of %llu bytes (limit %d): not a safetensors file?",
                       (unsigned long long)n, MI_SAFETENSORS_MAX_HEADER);
    if (!mi_span_fits(8, n, len))
        return mi_fail(err, MI_EXIT_DATA, "a header of %llu bytes in a file of %zu: cut short?",
                       (unsigned long long)n, len);
    r.n_data = len - 8 - n;
    mi_pull_init(&r.pull, (const char *)bytes + 8, (size_t)n, err);
    rc = read_header(&r);
    mi_pull_free(&r.pull);
    return rc < 0 ? rc : check_places(&r, bytes + 8 + n);
}

int mi_safetensors_open_bytes(struct mi_safetensors *s, const void *bytes, size_t len,
                              struct mi_error *err)
{
    int rc;

    *s = (struct mi_safetensors){0};
    rc = read_file(s, bytes, len, err);
    if (rc < 0)
        mi_safetensors_close(s);
    return rc;
}

int mi_safetensors_open(struct mi_safetensors *s, const char *path, struct mi_error *err)
{
    struct mi_map map = {0};
    int rc = mi_map_open(&map, path, err);

    *s = (struct mi_safetensors){0};
    if (rc < 0)
        return rc;
    rc = mi_safetensors_open_bytes(s, map.data, map.size, err);
    if (rc < 0) {
        mi_map_close(&map);
        return mi_fail_in(err, "'%s'", path);
    }
    s->map = map;
    return 0;
}

void mi_safetensors_close(struct mi_safetensors *s)
{
    mi_free(s->tensor);
    mi_arena_free(&s->names);
    mi_map_close(&s->map);
    *s = (struct mi_safetensors){0};
}

const struct mi_safetensor *mi_safetensors_find(const struct mi_safetensors *s, const char *name)
{
    struct mi_safetensor wanted = {.name = name};

    return s->n_tensors > 0
               ? bsearch(&wanted, s->tensor, s->n_tensors, sizeof(wanted), compare_names)
               : NULL;
}
