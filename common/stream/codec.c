#include "stream/codec.h"

#include "base/escape.h"
#include "stream/format.h"
#include "stream/shuffle.h"
#include "stream/wire.h"

#include <msgpack.h>
#include <stdlib.h>
#include <string.h>

/* ---- out ---------------------------------------------------------------------- */

static int append(void *buf, const char *bytes, size_t n)
{
    mi_buf_add(buf, bytes, n);
    return 0;
}

static void pack_str(msgpack_packer *p, const char *s, size_t n)
{
    msgpack_pack_str(p, n);
    msgpack_pack_str_body(p, s, n);
}

static void pack_key(msgpack_packer *p, const char *key)
{
    pack_str(p, key, strlen(key));
}

static void pack_tensor(msgpack_packer *p, const struct mi_tensor *t, bool shuffle)
{
    size_t size = mi_dtype_size(t->dtype), bytes = mi_tensor_bytes(t);
    bool is_shuffled = shuffle && size > 1 && bytes >= MI_SHUFFLE_MIN;

    msgpack_pack_map(p, is_shuffled ? 4 : 3);
    pack_key(p, "dtype");
    pack_key(p, mi_dtype_name(t->dtype));
    pack_key(p, "shape");
    msgpack_pack_array(p, (size_t)t->rank);
    for (int i = 0; i < t->rank; i++)
        msgpack_pack_int64(p, t->shape[i]);
    pack_key(p, "data");
    msgpack_pack_bin(p, bytes);
    if (!is_shuffled) {
        msgpack_pack_bin_body(p, t->data, bytes);
        return;
    }
    mi_shuffle(mi_buf_more(p->data, bytes), t->data, bytes / size, size);
    pack_key(p, "shuffle");
    msgpack_pack_true(p);
}

static void pack_value(msgpack_packer *p, const struct mi_value *v, bool shuffle)
{
    switch (v->kind) {
    case MI_NIL: msgpack_pack_nil(p); break;
    case MI_BOOL: v->as.flag ? msgpack_pack_true(p) : msgpack_pack_false(p); break;
    case MI_INT: msgpack_pack_int64(p, v->as.integer); break;
    case MI_REAL: msgpack_pack_double(p, v->as.real); break;
    case MI_STR: pack_str(p, v->as.bytes.at, v->as.bytes.len); break;
    case MI_BIN:
        msgpack_pack_bin(p, v->as.bytes.len);
        msgpack_pack_bin_body(p, v->as.bytes.at, v->as.bytes.len);
        break;
    case MI_ARRAY:
        msgpack_pack_array(p, v->as.array.n);
        for (size_t i = 0; i < v->as.array.n; i++)
            pack_value(p, &v->as.array.item[i], shuffle);
        break;
    case MI_MAP:
        msgpack_pack_map(p, v->as.map.n);
        for (size_t i = 0; i < v->as.map.n; i++) {
            pack_key(p, v->as.map.member[i].key);
            pack_value(p, &v->as.map.member[i].value, shuffle);
        }
        break;
    case MI_TENSOR: pack_tensor(p, &v->as.tensor, shuffle); break;
    }
}

void mi_codec_put(struct mi_buf *b, uint64_t sequence, const char *kind,
                  const struct mi_value *body, bool shuffle)
{
    msgpack_packer p;

    msgpack_packer_init(&p, b, append);
    msgpack_pack_array(&p, 3);
    msgpack_pack_uint64(&p, sequence);
    pack_key(&p, kind);
    pack_value(&p, body, shuffle);
}

void mi_codec_put_value(struct mi_buf *b, const struct mi_value *v)
{
    msgpack_packer p;

    msgpack_packer_init(&p, b, append);
    pack_value(&p, v, false);
}

/* ---- in ----------------------------------------------------------------------- */

/* What conversion needs on its way. */
struct convert {
    struct mi_arena *arena;
    struct mi_wire_tensor **shuffled; /* where the next of them goes */
};

/* A tensor whose bytes are out of order: a map of four, the last "shuffle": true. */
struct mi_wire_tensor {
    const unsigned char *map, *data; /* in the record */
    const void *plain;
    size_t n; /* bytes of data */
    struct mi_wire_tensor *next;
};

enum { SHUFFLE_TRUE = 9 }; /* bytes of that key and value */

static int convert(struct convert *c, const msgpack_object *o, struct mi_value *out,
                   struct mi_error *err);

static bool key_is(const msgpack_object_kv *kv, const char *name)
{
    return kv->key.via.str.size == strlen(name) &&
           memcmp(kv->key.via.str.ptr, name, kv->key.via.str.size) == 0;
}

/* {dtype, shape, data} in this order with bytes as data; a fourth key says shuffled. */
static bool is_tensor(const msgpack_object *o)
{
    const msgpack_object_kv *kv = o->via.map.ptr;

    return (o->via.map.size == 3 || (o->via.map.size == 4 && key_is(&kv[3], "shuffle"))) &&
           key_is(&kv[0], "dtype") && key_is(&kv[1], "shape") && key_is(&kv[2], "data") &&
           kv[0].val.type == MSGPACK_OBJECT_STR && kv[1].val.type == MSGPACK_OBJECT_ARRAY &&
           kv[2].val.type == MSGPACK_OBJECT_BIN;
}

static int read_dtype(const msgpack_object *o)
{
    char name[8] = {0};

    if (o->via.str.size >= sizeof name)
        return -1;
    memcpy(name, o->via.str.ptr, o->via.str.size);
    return mi_dtype_parse(name);
}

static int convert_tensor(struct convert *c, const msgpack_object *o, struct mi_value *out,
                          struct mi_error *err)
{
    const msgpack_object_kv *kv = o->via.map.ptr;
    const msgpack_object_array *shape = &kv[1].val.via.array;
    const msgpack_object_bin *bin = &kv[2].val.via.bin;
    bool is_shuffled = o->via.map.size == 4;
    int dtype = read_dtype(&kv[0].val);
    struct mi_tensor t = {.dtype = (enum mi_dtype)dtype, .data = bin->ptr};
    size_t size;

    if (dtype < 0)
        return mi_fail(err, MI_EXIT_DATA, "a tensor of an unknown dtype");
    if (shape->size > MI_MAX_RANK)
        return mi_fail(err, MI_EXIT_DATA, "a tensor of rank %u, the limit is %d",
                       (unsigned)shape->size, MI_MAX_RANK);
    t.rank = (int)shape->size;
    for (int i = 0; i < t.rank; i++) {
        if (shape->ptr[i].type != MSGPACK_OBJECT_POSITIVE_INTEGER ||
            shape->ptr[i].via.u64 > INT64_MAX)
            return mi_fail(err, MI_EXIT_DATA, "a tensor's shape that is no list of counts");
        t.shape[i] = (int64_t)shape->ptr[i].via.u64;
    }
    if (mi_tensor_count(&t) < 0 || mi_tensor_bytes(&t) != bin->size)
        return mi_fail(err, MI_EXIT_DATA, "a tensor of %u bytes, its shape says otherwise",
                       (unsigned)bin->size);
    size = mi_dtype_size(t.dtype);
    if (is_shuffled) {
        struct mi_wire_tensor *s = mi_arena_alloc(c->arena, sizeof *s);
        void *plain;

        if (kv[3].val.type != MSGPACK_OBJECT_BOOLEAN || !kv[3].val.via.boolean || size == 1)
            return mi_fail(err, MI_EXIT_DATA, "a tensor's 'shuffle' that cannot be");
        t.data = plain = mi_arena_alloc(c->arena, bin->size);
        mi_unshuffle(plain, bin->ptr, bin->size / size, size);
        *s = (struct mi_wire_tensor){.map = (const unsigned char *)kv[0].key.via.str.ptr - 2,
                                     .data = (const unsigned char *)bin->ptr,
                                     .plain = plain,
                                     .n = bin->size};
        *c->shuffled = s;
        c->shuffled = &s->next;
    }
    *out = mi_tensor_value(t);
    return 0;
}

static int compare_keys(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Keys are distinct: by looking at all pairs when they are few, else by sorting. */
static int check_keys(struct mi_arena *a, const struct mi_value *map, struct mi_error *err)
{
    size_t n = map->as.map.n;
    const struct mi_member *m = map->as.map.member;
    const char **keys;

    if (n <= 16) {
        for (size_t i = 1; i < n; i++)
            for (size_t j = 0; j < i; j++)
                if (strcmp(m[i].key, m[j].key) == 0)
                    return mi_fail(err, MI_EXIT_DATA, "key '%.60s' stands twice", m[i].key);
        return 0;
    }
    keys = mi_arena_alloc(a, n * sizeof *keys);
    for (size_t i = 0; i < n; i++)
        keys[i] = m[i].key;
    qsort(keys, n, sizeof *keys, compare_keys);
    for (size_t i = 1; i < n; i++)
        if (strcmp(keys[i], keys[i - 1]) == 0)
            return mi_fail(err, MI_EXIT_DATA, "key '%.60s' stands twice", keys[i]);
    return 0;
}

static int convert_map(struct convert *c, const msgpack_object *o, struct mi_value *out,
                       struct mi_error *err)
{
    size_t n = o->via.map.size;
    int status = 0;

    if (n >= 3 && n <= 4 && is_tensor(o))
        return convert_tensor(c, o, out, err);
    *out = mi_map();
    out->as.map.n = out->as.map.cap = n;
    out->as.map.member = mi_arena_alloc(c->arena, n * sizeof(struct mi_member));
    for (size_t i = 0; i < n && status == 0; i++) {
        const msgpack_object_kv *kv = &o->via.map.ptr[i];
        struct mi_member *m = &out->as.map.member[i];

        m->key = mi_arena_dup(c->arena, kv->key.via.str.ptr, kv->key.via.str.size);
        status = convert(c, &kv->val, &m->value, err);
    }
    if (status == 0 && mi_value_reserved(out))
        status =
            mi_fail(err, MI_EXIT_DATA, "a map that text would take for %s", mi_value_reserved(out));
    return status == 0 ? check_keys(c->arena, out, err) : status;
}

static int convert_array(struct convert *c, const msgpack_object *o, struct mi_value *out,
                         struct mi_error *err)
{
    size_t n = o->via.array.size;
    int status = 0;

    *out = mi_array();
    out->as.array.n = out->as.array.cap = n;
    out->as.array.item = mi_arena_alloc(c->arena, n * sizeof *out);
    for (size_t i = 0; i < n && status == 0; i++)
        status = convert(c, &o->via.array.ptr[i], &out->as.array.item[i], err);
    return status;
}

/* mi_codec_measure has bounded depth, sizes and kinds before. */
static int convert(struct convert *c, const msgpack_object *o, struct mi_value *out,
                   struct mi_error *err)
{
    switch (o->type) {
    case MSGPACK_OBJECT_NIL: *out = mi_nil(); return 0;
    case MSGPACK_OBJECT_BOOLEAN: *out = mi_bool(o->via.boolean); return 0;
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
        if (o->via.u64 > INT64_MAX)
            return mi_fail(err, MI_EXIT_DATA, "an integer above 2^63 - 1");
        *out = mi_int((int64_t)o->via.u64);
        return 0;
    case MSGPACK_OBJECT_NEGATIVE_INTEGER: *out = mi_int(o->via.i64); return 0;
    case MSGPACK_OBJECT_FLOAT64: *out = mi_real(o->via.f64); return 0;
    case MSGPACK_OBJECT_STR:
        *out = mi_str_n(mi_arena_dup(c->arena, o->via.str.ptr, o->via.str.size), o->via.str.size);
        return 0;
    case MSGPACK_OBJECT_BIN: *out = mi_bin(o->via.bin.ptr, o->via.bin.size); return 0;
    case MSGPACK_OBJECT_ARRAY: return convert_array(c, o, out, err);
    case MSGPACK_OBJECT_MAP: return convert_map(c, o, out, err);
    default: return mi_fail(err, MI_EXIT_DATA, "a kind of value that streams do not have");
    }
}

/* [sequence, kind, body] */
static int convert_record(struct convert *c, const msgpack_object *o, struct mi_wire_record *out,
                          struct mi_error *err)
{
    const msgpack_object *part = o->type == MSGPACK_OBJECT_ARRAY ? o->via.array.ptr : NULL;
    int status;

    if (!part || o->via.array.size != 3 || part[0].type != MSGPACK_OBJECT_POSITIVE_INTEGER ||
        part[1].type != MSGPACK_OBJECT_STR || part[1].via.str.size == 0 ||
        part[1].via.str.size > MI_KIND_MAX || part[2].type != MSGPACK_OBJECT_MAP)
        return mi_fail(err, MI_EXIT_DATA, "no record [sequence, kind, body]");
    out->sequence = part[0].via.u64;
    out->kind = mi_arena_dup(c->arena, part[1].via.str.ptr, part[1].via.str.size);
    if (strlen(out->kind) != part[1].via.str.size)
        return mi_fail(err, MI_EXIT_DATA, "a NUL byte in a record's kind");
    status = convert(c, &part[2], &out->body, err);
    if (status == 0 && (out->body.kind != MI_MAP || mi_get(&out->body, "kind")))
        status = mi_fail(err, MI_EXIT_DATA, "a body that is a tensor or has the key 'kind'");
    out->is_shuffled = out->shuffled != NULL;
    return status;
}

int mi_codec_get(struct mi_arena *a, const void *bytes, size_t n, struct mi_wire_record *out,
                 struct mi_error *err)
{
    struct convert c = {.arena = a, .shuffled = &out->shuffled};
    msgpack_unpacked unpacked;
    size_t at = 0;
    int status;

    out->shuffled = NULL;
    msgpack_unpacked_init(&unpacked);
    switch (msgpack_unpack_next(&unpacked, bytes, n, &at)) {
    case MSGPACK_UNPACK_SUCCESS: status = convert_record(&c, &unpacked.data, out, err); break;
    case MSGPACK_UNPACK_NOMEM_ERROR:
        status = mi_fail(err, MI_EXIT_SYS, "out of memory for a record of %zu bytes", n);
        break;
    default: status = mi_fail(err, MI_EXIT_DATA, "damaged: no msgpack value");
    }
    msgpack_unpacked_destroy(&unpacked);
    return status;
}

uint64_t mi_codec_hash(struct mi_hash *h, const void *bytes, size_t n,
                       const struct mi_wire_record *r)
{
    const unsigned char *at = bytes, *end = at + n;

    for (const struct mi_wire_tensor *t = r->shuffled; t; t = t->next) {
        mi_hash_add(h, at, (size_t)(t->map - at));
        mi_hash_add(h, "\x83", 1); /* a map of three */
        mi_hash_add(h, t->map + 1, (size_t)(t->data - t->map - 1));
        mi_hash_add(h, t->plain, t->n);
        at = t->data + t->n + SHUFFLE_TRUE;
        n -= SHUFFLE_TRUE;
    }
    mi_hash_add(h, at, (size_t)(end - at));
    return n;
}
