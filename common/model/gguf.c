/* model/gguf.c: reading the GGUF container; see gguf.h.
 *
 * One cursor walks the file from front to back. Nothing is allocated before the bytes
 * that would fill it were seen to be there, and no size is formed without a check. */
#include "model/gguf.h"

#include "base/checked.h"
#include "base/mem.h"
#include "model/gguf_index.h"

#include <string.h>

/* Blocks of ggml's types, by number: log2 of their elements, bytes. No bytes: no type,
 * or one that was removed. */
static const struct {
    unsigned char elements_log2;
    unsigned short bytes;
} ggml_block[] = {
    [0] = {0, 4},    [1] = {0, 2},    [2] = {5, 18},   [3] = {5, 20},   [6] = {5, 22},
    [7] = {5, 24},   [8] = {5, 34},   [9] = {5, 36},   [10] = {8, 84},  [11] = {8, 110},
    [12] = {8, 144}, [13] = {8, 176}, [14] = {8, 210}, [15] = {8, 292}, [16] = {8, 66},
    [17] = {8, 74},  [18] = {8, 98},  [19] = {8, 50},  [20] = {5, 18},  [21] = {8, 110},
    [22] = {8, 82},  [23] = {8, 136}, [24] = {0, 1},   [25] = {0, 2},   [26] = {0, 4},
    [27] = {0, 8},   [28] = {0, 8},   [29] = {8, 56},  [30] = {0, 2},   [34] = {8, 54},
    [35] = {8, 66},  [39] = {5, 17},  [40] = {6, 36},  [41] = {7, 18},  [42] = {6, 18},
};

/* Bytes of one value; 0 for strings and arrays. */
static const unsigned char value_bytes[] = {
    [MI_GGUF_U8] = 1,  [MI_GGUF_I8] = 1,  [MI_GGUF_U16] = 2, [MI_GGUF_I16] = 2,
    [MI_GGUF_U32] = 4, [MI_GGUF_I32] = 4, [MI_GGUF_F32] = 4, [MI_GGUF_BOOL] = 1,
    [MI_GGUF_U64] = 8, [MI_GGUF_I64] = 8, [MI_GGUF_F64] = 8,
};

/* Where reading stands. */
struct cursor {
    const unsigned char *bytes; /* [size] */
    uint64_t at, size;
    bool is_v1; /* lengths and counts of 32 bits */
    struct mi_error *err;
};

static int take(struct cursor *c, uint64_t n, const unsigned char **out, const char *what)
{
    if (!mi_span_fits(c->at, n, c->size))
        return mi_fail(
            c->err, MI_EXIT_DATA, "the file ends at byte %llu, inside %s (byte %llu, %llu bytes)",
            (unsigned long long)c->size, what, (unsigned long long)c->at, (unsigned long long)n);
    *out = c->bytes + c->at;
    c->at += n;
    return 0;
}

static int take_u32(struct cursor *c, uint32_t *out, const char *what)
{
    const unsigned char *p = c->bytes;
    int rc = take(c, 4, &p, what);

    if (rc == 0)
        memcpy(out, p, 4);
    return rc;
}

static int take_u64(struct cursor *c, uint64_t *out, const char *what)
{
    const unsigned char *p = c->bytes;
    int rc = take(c, 8, &p, what);

    if (rc == 0)
        memcpy(out, p, 8);
    return rc;
}

/* A length or count. */
static int take_count(struct cursor *c, uint64_t *out, const char *what)
{
    uint32_t narrow = 0;
    int rc;

    if (!c->is_v1)
        return take_u64(c, out, what);
    rc = take_u32(c, &narrow, what);
    *out = narrow;
    return rc;
}

static int take_string(struct cursor *c, struct mi_gguf_string *s, uint64_t limit, const char *what)
{
    const unsigned char *p = c->bytes;
    uint64_t n = 0;
    int rc = take_count(c, &n, what);

    if (rc < 0)
        return rc;
    if (n > limit)
        return mi_fail(c->err, MI_EXIT_DATA, "%s at byte %llu claims %llu bytes (limit %llu)", what,
                       (unsigned long long)c->at, (unsigned long long)n, (unsigned long long)limit);
    rc = take(c, n, &p, what);
    if (rc < 0)
        return rc;
    s->at = (const char *)p;
    s->len = (size_t)n;
    return 0;
}

/* How many characters of a name an error shows. */
static int shown(const struct mi_gguf_string *s)
{
    return s->len > 80 ? 80 : (int)s->len;
}

static int take_array(struct cursor *c, struct mi_gguf_value *v)
{
    uint32_t element = 0;
    uint64_t n_bytes;
    struct mi_gguf_string s;
    int rc = take_u32(c, &element, "an array's type");

    if (rc == 0)
        rc = take_count(c, &v->count, "an array's count");
    if (rc < 0)
        return rc;
    if (element > MI_GGUF_F64 || element == MI_GGUF_ARRAY)
        return mi_fail(c->err, MI_EXIT_DATA, "key '%.*s': array of %s (type %u)", shown(&v->key),
                       v->key.at, element == MI_GGUF_ARRAY ? "arrays" : "an unknown type", element);
    v->element = (enum mi_gguf_type)element;
    if (v->count > MI_GGUF_MAX_ARRAY)
        return mi_fail(c->err, MI_EXIT_DATA, "key '%.*s': array of %llu elements (limit %d)",
                       shown(&v->key), v->key.at, (unsigned long long)v->count, MI_GGUF_MAX_ARRAY);
    v->data = c->bytes + c->at;
    if (element != MI_GGUF_STRING) {
        if (!mi_mul_u64(v->count, value_bytes[element], &n_bytes))
            n_bytes = UINT64_MAX;
        return take(c, n_bytes, &v->data, "an array");
    }
    for (uint64_t i = 0; i < v->count && rc == 0; i++)
        rc = take_string(c, &s, MI_GGUF_MAX_STRING, "an array's string");
    return rc;
}

static int take_value(struct cursor *c, struct mi_gguf_value *v)
{
    struct mi_gguf_string s;
    uint32_t type = 0;
    int rc = take_string(c, &v->key, MI_GGUF_MAX_KEY, "a key");

    if (rc == 0)
        rc = take_u32(c, &type, "a value's type");
    if (rc < 0)
        return rc;
    if (v->key.len == 0)
        return mi_fail(c->err, MI_EXIT_DATA, "a key is empty (byte %llu)",
                       (unsigned long long)c->at);
    if (type > MI_GGUF_F64)
        return mi_fail(c->err, MI_EXIT_DATA, "key '%.*s': unknown value type %u", shown(&v->key),
                       v->key.at, type);
    v->type = (enum mi_gguf_type)type;
    v->element = v->type;
    v->count = 1;
    v->has_short_lengths = c->is_v1;
    if (type == MI_GGUF_ARRAY)
        return take_array(c, v);
    if (type != MI_GGUF_STRING)
        return take(c, value_bytes[type], &v->data, "a value");
    v->data = c->bytes + c->at;
    return take_string(c, &s, MI_GGUF_MAX_STRING, "a string");
}

/* Bytes of the tensor's data, from its dimensions and type. */
static int measure_tensor(struct cursor *c, struct mi_gguf_tensor *t)
{
    uint64_t blocks, per_block, n_bytes = 0;
    size_t type = (size_t)t->type;

    if (t->type < 0 || type >= sizeof(ggml_block) / sizeof(ggml_block[0]) ||
        ggml_block[type].bytes == 0)
        return mi_fail(c->err, MI_EXIT_DATA, "tensor '%.*s': unknown or removed type %d",
                       shown(&t->name), t->name.at, t->type);
    per_block = ggml_block[type].bytes;
    blocks = t->ne[0] >> ggml_block[type].elements_log2;
    if (blocks << ggml_block[type].elements_log2 != t->ne[0])
        return mi_fail(c->err, MI_EXIT_DATA,
                       "tensor '%.*s': rows of %llu are no whole number of blocks (type %d)",
                       shown(&t->name), t->name.at, (unsigned long long)t->ne[0], t->type);
    if (!mi_mul_u64(blocks, per_block, &n_bytes) || !mi_mul_u64(n_bytes, t->ne[1], &n_bytes) ||
        !mi_mul_u64(n_bytes, t->ne[2], &n_bytes) || !mi_mul_u64(n_bytes, t->ne[3], &n_bytes) ||
        n_bytes > c->size)
        return mi_fail(
            c->err, MI_EXIT_DATA, "tensor '%.*s': [%llu, %llu, %llu, %llu] is larger than the file",
            shown(&t->name), t->name.at, (unsigned long long)t->ne[0], (unsigned long long)t->ne[1],
            (unsigned long long)t->ne[2], (unsigned long long)t->ne[3]);
    t->n_bytes = n_bytes;
    return 0;
}

static int take_tensor(struct cursor *c, struct mi_gguf_tensor *t)
{
    uint32_t rank = 0, type = 0;
    int rc = take_string(c, &t->name, MI_GGUF_MAX_NAME, "a tensor's name");

    if (rc == 0)
        rc = take_u32(c, &rank, "a tensor's rank");
    if (rc < 0)
        return rc;
    if (t->name.len == 0)
        return mi_fail(c->err, MI_EXIT_DATA, "a tensor has no name (byte %llu)",
                       (unsigned long long)c->at);
    if (rank < 1 || rank > 4)
        return mi_fail(c->err, MI_EXIT_DATA, "tensor '%.*s': %u dimensions", shown(&t->name),
                       t->name.at, rank);
    t->rank = (int)rank;
    for (uint32_t i = 0; i < 4; i++) {
        t->ne[i] = 1;
        if (i < rank && (rc = take_count(c, &t->ne[i], "a tensor's dimension")) < 0)
            return rc;
        if (t->ne[i] == 0)
            return mi_fail(c->err, MI_EXIT_DATA, "tensor '%.*s': dimension %u is 0",
                           shown(&t->name), t->name.at, i);
    }
    rc = take_u32(c, &type, "a tensor's type");
    if (rc == 0)
        rc = take_u64(c, &t->offset, "a tensor's offset");
    if (rc < 0)
        return rc;
    t->type = type > INT32_MAX ? -1 : (int)type;
    return measure_tensor(c, t);
}

/* Offsets become positions in the file. Tensors lie in file order without holes, each
 * padded to the alignment; version 1 promised less. */
static int place_tensors(struct cursor *c, struct mi_gguf *g)
{
    uint64_t start, next = 0, end;

    if (g->n_tensors == 0)
        return 0;
    if (!mi_align_up_u64(c->at, g->alignment, &start))
        return mi_fail(c->err, MI_EXIT_DATA, "the start of the data wraps");
    for (size_t i = 0; i < g->n_tensors; i++) {
        struct mi_gguf_tensor *t = &g->tensor[i];

        if (t->offset % g->alignment != 0 || (!c->is_v1 && t->offset != next))
            return mi_fail(c->err, MI_EXIT_DATA, "tensor '%.*s': offset %llu where %llu is due",
                           shown(&t->name), t->name.at, (unsigned long long)t->offset,
                           (unsigned long long)next);
        if (!mi_add_u64(start, t->offset, &t->offset) ||
            !mi_span_fits(t->offset, t->n_bytes, c->size))
            return mi_fail(c->err, MI_EXIT_DATA,
                           "tensor '%.*s' lies beyond the end of the file (%llu bytes): cut short?",
                           shown(&t->name), t->name.at, (unsigned long long)c->size);
        t->data = c->bytes + t->offset;
        if (!mi_add_u64(t->offset - start, t->n_bytes, &end) ||
            !mi_align_up_u64(end, g->alignment, &next))
            return mi_fail(c->err, MI_EXIT_DATA, "tensor '%.*s': size wraps", shown(&t->name),
                           t->name.at);
    }
    return 0;
}

static int read_alignment(struct cursor *c, struct mi_gguf *g)
{
    const struct mi_gguf_value *v = mi_gguf_find(g, "general.alignment");
    uint32_t a = 32;

    if (v) {
        if (v->type != MI_GGUF_U32)
            return mi_fail(c->err, MI_EXIT_DATA, "general.alignment has value type %d, not u32",
                           (int)v->type);
        memcpy(&a, v->data, 4);
    }
    if (a < MI_GGUF_MIN_ALIGNMENT || a > MI_GGUF_MAX_ALIGNMENT || (a & (a - 1)) != 0)
        return mi_fail(c->err, MI_EXIT_DATA,
                       "general.alignment is %u: not a power of two from %d to %d", a,
                       MI_GGUF_MIN_ALIGNMENT, MI_GGUF_MAX_ALIGNMENT);
    g->alignment = a;
    return 0;
}

static int read_version(struct cursor *c, struct mi_gguf *g)
{
    const unsigned char *magic;
    int rc = take(c, 4, &magic, "the magic number");

    if (rc == 0 && memcmp(magic, "GGUF", 4) != 0)
        return mi_fail(c->err, MI_EXIT_DATA, "not a GGUF file");
    if (rc == 0)
        rc = take_u32(c, &g->version, "the version");
    if (rc < 0)
        return rc;
    if ((g->version & 0xffff) == 0 && g->version != 0)
        return mi_fail(c->err, MI_EXIT_DATA, "a big-endian GGUF file is not supported");
    if (g->version < 1 || g->version > 3)
        return mi_fail(c->err, MI_EXIT_DATA, "GGUF version %u is not supported (1 to 3 are)",
                       g->version);
    c->is_v1 = g->version == 1;
    return 0;
}

/* A count of entries of at least `smallest` bytes each, that the rest of the file can hold. */
static int take_entries(struct cursor *c, uint64_t *n, uint64_t smallest, const char *what)
{
    int rc = take_count(c, n, what);

    if (rc < 0)
        return rc;
    if (*n > MI_GGUF_MAX_ENTRIES)
        return mi_fail(c->err, MI_EXIT_DATA, "%llu %s claimed (limit %d)", (unsigned long long)*n,
                       what, MI_GGUF_MAX_ENTRIES);
    if (*n > (c->size - c->at) / smallest)
        return mi_fail(c->err, MI_EXIT_DATA, "%llu %s claimed, more than %llu bytes can hold",
                       (unsigned long long)*n, what, (unsigned long long)c->size);
    return 0;
}

static int read_all(struct cursor *c, struct mi_gguf *g)
{
    const uint64_t len = 8;
    uint64_t n_tensors = 0, n_values = 0;
    int rc = read_version(c, g);

    if (rc == 0) /* name, rank, one dimension, type, offset */
        rc = take_entries(c, &n_tensors, (c->is_v1 ? len : 2 * len) + 4 + 4 + 8, "tensors");
    if (rc == 0) /* key, type, one byte */
        rc = take_entries(c, &n_values, (c->is_v1 ? len / 2 : len) + 4 + 1, "keys");
    if (rc < 0)
        return rc;
    g->value = mi_alloc_zero((size_t)n_values, sizeof(*g->value));
    for (; rc == 0 && g->n_values < n_values; g->n_values++)
        rc = take_value(c, &g->value[g->n_values]);
    if (rc == 0)
        rc = mi_gguf_index_values(g, c->err);
    if (rc == 0)
        rc = read_alignment(c, g);
    if (rc < 0)
        return rc;
    g->tensor = mi_alloc_zero((size_t)n_tensors, sizeof(*g->tensor));
    for (; rc == 0 && g->n_tensors < n_tensors; g->n_tensors++)
        rc = take_tensor(c, &g->tensor[g->n_tensors]);
    if (rc == 0)
        rc = mi_gguf_index_tensors(g, c->err);
    return rc < 0 ? rc : place_tensors(c, g);
}

int mi_gguf_open_bytes(struct mi_gguf *g, const void *bytes, size_t len, struct mi_error *err)
{
    struct cursor c = {.bytes = bytes, .size = len, .err = err};
    int rc;

    *g = (struct mi_gguf){0};
    rc = read_all(&c, g);
    if (rc < 0)
        mi_gguf_close(g);
    return rc;
}

int mi_gguf_open(struct mi_gguf *g, const char *path, struct mi_error *err)
{
    struct mi_map map = {0};
    int rc = mi_map_open(&map, path, err);

    *g = (struct mi_gguf){0};
    if (rc < 0)
        return rc;
    rc = mi_gguf_open_bytes(g, map.data, map.size, err);
    if (rc < 0) {
        mi_map_close(&map);
        return mi_fail_in(err, "'%s'", path);
    }
    g->map = map;
    return 0;
}

void mi_gguf_close(struct mi_gguf *g)
{
    mi_gguf_index_free(g);
    mi_free(g->value);
    mi_free(g->tensor);
    mi_map_close(&g->map);
    *g = (struct mi_gguf){0};
}
