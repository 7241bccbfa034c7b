/* The half of stream/codec.h that msgpack-c has no part in: bounds and rules. */
#include "stream/wire.h"

#include "base/escape.h"
#include "stream/codec.h"
#include "stream/format.h"
#include "stream/reader.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const char *mi_value_reserved(const struct mi_value *map)
{
    size_t n = map->as.map.n;

    if (n == 1 && mi_is(mi_get(map, "b64"), MI_STR))
        return "bytes";
    if ((n == 3 || (n == 4 && mi_get(map, "shuffle"))) && mi_get(map, "data") &&
        mi_is(mi_get(map, "dtype"), MI_STR) && mi_is(mi_get(map, "shape"), MI_ARRAY))
        return "a tensor";
    return NULL;
}

/* ---- before writing ----------------------------------------------------------- */

/* What a check has counted. */
struct tally {
    uint64_t values, bytes;
};

static int check(struct tally *t, const struct mi_value *v, int depth, struct mi_error *err);

static int check_text(struct tally *t, const char *s, size_t n, struct mi_error *err)
{
    t->bytes += n;
    if (n > MI_STRING_MAX)
        return mi_fail(err, MI_EXIT_DATA, "a string of %zu bytes, the limit is %d", n,
                       MI_STRING_MAX);
    if (mi_utf8_valid(s, n) != n)
        return mi_fail(err, MI_EXIT_DATA, "a string that is not UTF-8 at byte %zu",
                       mi_utf8_valid(s, n));
    return 0;
}

static int check_map(struct tally *t, const struct mi_value *v, int depth, struct mi_error *err)
{
    int status = 0;

    if (mi_value_reserved(v))
        return mi_fail(err, MI_EXIT_DATA, "a map that text would take for %s",
                       mi_value_reserved(v));
    for (size_t i = 0; i < v->as.map.n && status == 0; i++) {
        const struct mi_member *m = &v->as.map.member[i];

        t->values++;
        status = check_text(t, m->key, strlen(m->key), err);
        if (status == 0)
            status = check(t, &m->value, depth + 1, err);
        if (status < 0)
            return status;
    }
    return status;
}

static int check_tensor(struct tally *t, const struct mi_tensor *x, int depth, struct mi_error *err)
{
    t->bytes += mi_tensor_bytes(x);
    t->values += 8 + (uint64_t)x->rank;
    if (depth + 1 > MI_DEPTH_MAX)
        return mi_fail(err, MI_EXIT_DATA, "nested deeper than %d", MI_DEPTH_MAX);
    if (x->rank < 0 || x->rank > MI_MAX_RANK || mi_tensor_count(x) < 0)
        return mi_fail(err, MI_EXIT_DATA, "a tensor of an impossible shape");
    return 0;
}

static int check(struct tally *t, const struct mi_value *v, int depth, struct mi_error *err)
{
    int status = 0;

    if (++t->values > MI_VALUES_MAX)
        return mi_fail(err, MI_EXIT_DATA, "more than %d values in a record", MI_VALUES_MAX);
    switch (v->kind) {
    case MI_REAL:
        return isfinite(v->as.real) ? 0 : mi_fail(err, MI_EXIT_DATA, "a number that is not finite");
    case MI_STR: return check_text(t, v->as.bytes.at, v->as.bytes.len, err);
    case MI_BIN: t->bytes += v->as.bytes.len; return 0;
    case MI_TENSOR: return check_tensor(t, &v->as.tensor, depth, err);
    case MI_ARRAY:
    case MI_MAP:
        if (depth > MI_DEPTH_MAX)
            return mi_fail(err, MI_EXIT_DATA, "nested deeper than %d", MI_DEPTH_MAX);
        if (v->kind == MI_MAP)
            return check_map(t, v, depth, err);
        for (size_t i = 0; i < v->as.array.n && status == 0; i++)
            status = check(t, &v->as.array.item[i], depth + 1, err);
        return status;
    default: return 0;
    }
}

int mi_codec_check(const struct mi_value *v, struct mi_error *err)
{
    struct tally t = {.values = 3}; /* the record's own */
    int status = check(&t, v, 2, err);

    if (status == 0 && t.bytes > MI_MAX_RECORD - 16 * (uint64_t)MI_VALUES_MAX)
        status = mi_fail(err, MI_EXIT_DATA, "a record of more than %llu bytes",
                         (unsigned long long)MI_MAX_RECORD);
    return status;
}

/* ---- NaN ---------------------------------------------------------------------- */

static int64_t first_bad(const struct mi_tensor *t, bool may_be_masked)
{
    int64_t n = mi_tensor_count(t), i = mi_tensor_nonfinite(t);

    if (i < 0 || !may_be_masked)
        return i;
    for (; i < n; i++) {
        double x = mi_tensor_at(t, i);

        if (isnan(x) || (isinf(x) && x > 0))
            return i;
    }
    return -1;
}

/* Attention scores are -infinity where masked. A header holds records of others. */
static bool is_masked_site(const struct mi_value *map)
{
    return strcmp(mi_get_str(map, "site", ""), "attn_scores") == 0;
}

/* The first tensor with a bad element, in the order of the record, and its key. */
static const struct mi_tensor *find_bad(const struct mi_value *v, bool may_be_masked, int64_t *at,
                                        const char **key)
{
    const struct mi_tensor *t = NULL;

    if (v->kind == MI_TENSOR) {
        *at = first_bad(&v->as.tensor, may_be_masked);
        return *at < 0 ? NULL : &v->as.tensor;
    }
    for (size_t i = 0; v->kind == MI_ARRAY && i < v->as.array.n && !t; i++)
        t = find_bad(&v->as.array.item[i], may_be_masked, at, key);
    if (v->kind == MI_MAP && is_masked_site(v))
        may_be_masked = true;
    for (size_t i = 0; v->kind == MI_MAP && i < v->as.map.n && !t; i++) {
        *key = v->as.map.member[i].key;
        t = find_bad(&v->as.map.member[i].value, may_be_masked, at, key);
    }
    return t;
}

int mi_codec_finite(const char *kind, const struct mi_value *body, struct mi_error *err)
{
    const char *site = mi_get_str(body, "site", NULL), *key = "";
    const char *id = mi_get_str(body, "id", NULL);
    int64_t at = 0, layer = mi_get_int(body, "layer", -1);
    const struct mi_tensor *t;
    char where[160] = "", place[96] = "";

    t = find_bad(body, false, &at, &key);
    if (!t)
        return 0;
    if (id)
        snprintf(where, sizeof where, " of '%s'", mi_quote(id));
    if (site && layer >= 0)
        snprintf(place, sizeof place, " at %.40s:%lld", site, (long long)layer);
    else if (site)
        snprintf(place, sizeof place, " at %.40s", site);
    return mi_fail(err, MI_EXIT_DATA, "%s record%s%s: element %lld of '%s' is %s", kind, where,
                   place, (long long)at, key, isnan(mi_tensor_at(t, at)) ? "NaN" : "infinite");
}

/* ---- before reading ----------------------------------------------------------- */

/* The walk over a value's bytes: no recursion, nothing allocated. */
struct walk {
    const unsigned char *bytes;
    size_t n, at;
    uint64_t values;
    int depth;
    struct {
        uint64_t left; /* values still to come in this container */
        bool is_map;   /* then keys come at even counts */
    } open[MI_DEPTH_MAX];
};

static int cut(const struct walk *w, struct mi_error *err)
{
    return mi_fail(err, MI_EXIT_DATA, "a record that goes beyond its block of %zu bytes", w->n);
}

static int not_canonical(struct mi_error *err)
{
    return mi_fail(err, MI_EXIT_DATA,
                   "a number or length that is not written in its shortest form");
}

/* A big-endian number of `size` bytes; false when it is cut. */
static bool take(struct walk *w, size_t size, uint64_t *out)
{
    if (w->n - w->at < size)
        return false;
    *out = 0;
    for (size_t i = 0; i < size; i++)
        *out = *out << 8 | w->bytes[w->at++];
    return true;
}

static int open_container(struct walk *w, uint64_t count, bool is_map, struct mi_error *err)
{
    uint64_t n = is_map ? 2 * count : count;

    if (n > w->n - w->at)
        return cut(w, err);
    if (w->depth == MI_DEPTH_MAX)
        return mi_fail(err, MI_EXIT_DATA, "nested deeper than %d", MI_DEPTH_MAX);
    w->open[w->depth].left = n;
    w->open[w->depth++].is_map = is_map;
    return 0;
}

static int walk_text(struct walk *w, uint64_t len, bool is_key, struct mi_error *err)
{
    const char *s = (const char *)w->bytes + w->at;

    if (len > w->n - w->at)
        return cut(w, err);
    if (len > MI_STRING_MAX)
        return mi_fail(err, MI_EXIT_DATA, "a string of %llu bytes, the limit is %d",
                       (unsigned long long)len, MI_STRING_MAX);
    if (mi_utf8_valid(s, len) != len)
        return mi_fail(err, MI_EXIT_DATA, "a string that is not UTF-8");
    if (is_key && memchr(s, '\0', len))
        return mi_fail(err, MI_EXIT_DATA, "a NUL byte in a key");
    w->at += len;
    return 0;
}

static int walk_integer(struct walk *w, unsigned char head, struct mi_error *err)
{
    bool is_signed = head >= 0xd0;
    size_t size = (size_t)1 << (head & 3);
    uint64_t v = 0;
    int64_t s;

    if (!take(w, size, &v))
        return cut(w, err);
    if (!is_signed)
        return (size == 1 ? v < 128 : v >> (4 * size) == 0) ? not_canonical(err) : 0;
    s = (int64_t)(v << (64 - 8 * size)) >> (64 - 8 * size);
    return s >= (size == 1 ? -32 : -((int64_t)1 << (4 * size - 1))) ? not_canonical(err) : 0;
}

static int walk_real(struct walk *w, struct mi_error *err)
{
    uint64_t v;

    if (!take(w, 8, &v))
        return cut(w, err);
    return (v >> 52 & 0x7ff) == 0x7ff ? mi_fail(err, MI_EXIT_DATA, "a number that is not finite")
                                      : 0;
}

/* Lengths of 1, 2 or 4 bytes; a longer form than needed is refused. `least` is the
 * smallest length for which the one-byte form (or where there is none, the two-byte form)
 * is needed. */
static int take_length(struct walk *w, size_t size, uint64_t least, uint64_t *len,
                       struct mi_error *err)
{
    if (!take(w, size, len))
        return cut(w, err);
    if (size == 4 && least < 65536)
        least = 65536;
    else if (size == 2 && least == 32)
        least = 256;
    return *len < least ? not_canonical(err) : 0;
}

static int walk_sized(struct walk *w, unsigned char head, bool is_key, struct mi_error *err)
{
    uint64_t len = 0;
    int status;

    if (head >= 0xc4 && head <= 0xc6) { /* bin 8, 16, 32 */
        static const uint64_t least[3] = {0, 256, 65536};

        status = take_length(w, (size_t)1 << (head - 0xc4), least[head - 0xc4], &len, err);
        if (status == 0 && len > w->n - w->at)
            status = cut(w, err);
        w->at += status == 0 ? len : 0;
        return status;
    }
    if (head >= 0xd9 && head <= 0xdb) { /* str 8, 16, 32 */
        status = take_length(w, (size_t)1 << (head - 0xd9), 32, &len, err);
        return status < 0 ? status : walk_text(w, len, is_key, err);
    }
    /* array 16, 32; map 16, 32 */
    status = take_length(w, head & 1 ? 4 : 2, 16, &len, err);
    return status < 0 ? status : open_container(w, len, head >= 0xde, err);
}

static int walk_one(struct walk *w, bool is_key, struct mi_error *err)
{
    unsigned char head;

    if (w->at == w->n)
        return cut(w, err);
    head = w->bytes[w->at++];
    if (++w->values > MI_VALUES_MAX)
        return mi_fail(err, MI_EXIT_DATA, "more than %d values in a record", MI_VALUES_MAX);
    if (is_key && !((head >= 0xa0 && head <= 0xbf) || (head >= 0xd9 && head <= 0xdb)))
        return mi_fail(err, MI_EXIT_DATA, "a key that is no string");
    if (head < 0x80 || head >= 0xe0 || head == 0xc0 || head == 0xc2 || head == 0xc3)
        return 0; /* small integers, nil, booleans */
    if (head < 0x90)
        return open_container(w, head & 15, true, err);
    if (head < 0xa0)
        return open_container(w, head & 15, false, err);
    if (head < 0xc0)
        return walk_text(w, head & 31, is_key, err);
    if (head == 0xcb)
        return walk_real(w, err);
    if (head >= 0xcc && head <= 0xd3)
        return walk_integer(w, head, err);
    if ((head >= 0xc4 && head <= 0xc6) || head >= 0xd9)
        return walk_sized(w, head, is_key, err);
    return mi_fail(err, MI_EXIT_DATA, "a kind of value that streams do not have (0x%02x)", head);
}

int64_t mi_codec_measure(const void *bytes, size_t n, struct mi_error *err)
{
    struct walk w = {.bytes = bytes, .n = n};

    do {
        bool is_key = false;
        int status;

        if (w.depth) {
            is_key = w.open[w.depth - 1].is_map && w.open[w.depth - 1].left % 2 == 0;
            w.open[w.depth - 1].left--;
        }
        status = walk_one(&w, is_key, err);
        if (status < 0)
            return status;
        while (w.depth && w.open[w.depth - 1].left == 0)
            w.depth--;
    } while (w.depth);
    return (int64_t)w.at;
}
