#include "stream/header.h"

#include "base/buf.h"
#include "base/escape.h"
#include "base/hash.h"
#include "stream/codec.h"
#include "stream/format.h"

#include <string.h>

struct mi_value mi_header_new(struct mi_arena *a, const char *content)
{
    struct mi_value h = mi_map(), version = mi_array();

    mi_push(a, &version, mi_int(MI_FORMAT_MAJOR));
    mi_push(a, &version, mi_int(MI_FORMAT_MINOR));
    mi_set(a, &h, "format", mi_str(MI_FORMAT_NAME));
    mi_set(a, &h, "version", version);
    mi_set(a, &h, "content", mi_str_dup(a, content));
    mi_set(a, &h, "model", mi_nil());
    mi_set(a, &h, "tokenizer", mi_nil());
    mi_set(a, &h, "template", mi_nil());
    mi_set(a, &h, "sites", mi_array());
    mi_set(a, &h, "dtype", mi_nil());
    mi_set(a, &h, "shard", mi_nil());
    mi_set(a, &h, "provenance", mi_array());
    return h;
}

struct mi_value mi_header_from(struct mi_arena *a, const struct mi_value *from, const char *content)
{
    static const char *const kept[] = {"model", "tokenizer", "template", "shard", "provenance"};
    struct mi_value h = mi_header_new(a, content);

    for (size_t i = 0; from && i < sizeof kept / sizeof *kept; i++) {
        const struct mi_value *v = mi_get(from, kept[i]);

        if (v)
            mi_set(a, &h, kept[i], mi_value_copy(a, v));
    }
    return h;
}

void mi_header_step(struct mi_arena *a, struct mi_value *header, const char *tool, const char *verb,
                    struct mi_value options, int64_t seed)
{
    struct mi_value step = mi_map(), steps = *mi_get(header, "provenance");

    mi_set(a, &step, "tool", mi_str_dup(a, tool));
    mi_set(a, &step, "version", mi_str(MI_VERSION));
    mi_set(a, &step, "verb", verb ? mi_str_dup(a, verb) : mi_nil());
    mi_set(a, &step, "options", options);
    mi_set(a, &step, "edits", mi_array());
    mi_set(a, &step, "seed", mi_int(seed));
    mi_push(a, &steps, step);
    mi_set(a, header, "provenance", steps);
}

void mi_header_step_edits(struct mi_arena *a, struct mi_value *header, struct mi_value edits)
{
    const struct mi_value *steps = mi_get(header, "provenance");

    if (mi_is(steps, MI_ARRAY) && steps->as.array.n)
        mi_set(a, &steps->as.array.item[steps->as.array.n - 1], "edits", edits);
}

/* ---- checking ----------------------------------------------------------------- */

static int check_version(const struct mi_value *header, struct mi_error *err)
{
    const struct mi_value *v = mi_get(header, "version");

    if (!mi_is(v, MI_ARRAY) || v->as.array.n != 2 || !mi_is(&v->as.array.item[0], MI_INT) ||
        !mi_is(&v->as.array.item[1], MI_INT))
        return mi_fail(err, MI_EXIT_DATA, "'version' is missing or no pair of numbers");
    if (v->as.array.item[0].as.integer != MI_FORMAT_MAJOR)
        return mi_fail(err, MI_EXIT_DATA, "format %lld.x, this is a reader for %d.x",
                       (long long)v->as.array.item[0].as.integer, MI_FORMAT_MAJOR);
    return 0;
}

static int check_shard(const struct mi_value *header, struct mi_error *err)
{
    const struct mi_value *s = mi_get(header, "shard");
    int64_t index, of, units, first, last;

    if (!s || s->kind == MI_NIL)
        return 0;
    index = mi_get_int(s, "index", -1);
    of = mi_get_int(s, "of", -1);
    units = mi_get_int(s, "units", -1);
    first = mi_get_int(s, "first", -1);
    last = mi_get_int(s, "last", -1);
    if (index < 0 || index >= of || first < 0 || last < first || units < last)
        return mi_fail(err, MI_EXIT_DATA, "'shard' is no {index, of, units, first, last}");
    return 0;
}

static int check_provenance(const struct mi_value *header, struct mi_error *err)
{
    const struct mi_value *p = mi_get(header, "provenance");

    if (!mi_is(p, MI_ARRAY))
        return mi_fail(err, MI_EXIT_DATA, "'provenance' is missing or no list");
    for (size_t i = 0; i < p->as.array.n; i++)
        if (!mi_get_str(&p->as.array.item[i], "tool", NULL))
            return mi_fail(err, MI_EXIT_DATA, "step %zu of 'provenance' names no tool", i);
    return 0;
}

static bool is_nil_or(const struct mi_value *v, enum mi_value_kind kind)
{
    return !v || v->kind == MI_NIL || v->kind == kind;
}

int mi_header_check(const struct mi_value *header, struct mi_error *err)
{
    const char *dtype = mi_get_str(header, "dtype", "f32");
    int status;

    if (strcmp(mi_get_str(header, "format", ""), MI_FORMAT_NAME) != 0)
        return mi_fail(err, MI_EXIT_DATA, "'format' is missing or not '%s'", MI_FORMAT_NAME);
    if ((status = check_version(header, err)) < 0)
        return status;
    if (!mi_get_str(header, "content", NULL))
        return mi_fail(err, MI_EXIT_DATA, "'content' is missing");
    if (!is_nil_or(mi_get(header, "model"), MI_MAP))
        return mi_fail(err, MI_EXIT_DATA, "'model' is no map");
    if (!is_nil_or(mi_get(header, "sites"), MI_ARRAY))
        return mi_fail(err, MI_EXIT_DATA, "'sites' is no list");
    if (!is_nil_or(mi_get(header, "dtype"), MI_STR) || mi_dtype_parse(dtype) < 0)
        return mi_fail(err, MI_EXIT_DATA, "'dtype' is no type of number");
    if ((status = check_shard(header, err)) < 0)
        return status;
    return check_provenance(header, err);
}

/* ---- comparing ---------------------------------------------------------------- */

int mi_header_same_model(const struct mi_value *a, const struct mi_value *b, int other_model,
                         struct mi_error *err)
{
    const struct mi_value *ma = mi_get(a, "model"), *mb = mi_get(b, "model");
    int64_t da = mi_get_int(ma, "d_model", -1), db = mi_get_int(mb, "d_model", -1);
    const char *ga = mi_get_str(ma, "digest", NULL), *gb = mi_get_str(mb, "digest", NULL);

    if (!mi_is(ma, MI_MAP) || !mi_is(mb, MI_MAP))
        return mi_fail(err, MI_EXIT_DATA, "one of the streams names no model");
    if (da != db || da < 0)
        return mi_fail(err, MI_EXIT_DATA, "the models differ: d_model %lld, %lld", (long long)da,
                       (long long)db);
    if (other_model)
        return 0;
    if (!ga || !gb || strcmp(ga, gb) != 0)
        return mi_fail(err, MI_EXIT_DATA,
                       "the models differ: digest %.32s, %.32s (--other-model says that it is "
                       "meant)",
                       ga ? ga : "missing", gb ? gb : "missing");
    return 0;
}

char *mi_header_identity(const struct mi_value *header, char *text)
{
    struct mi_buf b = {0};
    struct mi_value whole;
    struct mi_arena arena = {0};
    struct mi_digest d;

    whole = mi_value_copy(&arena, header);
    mi_set(&arena, &whole, "shard", mi_nil());
    mi_codec_put_value(&b, &whole);
    d = mi_hash_bytes(b.data, b.len);
    mi_buf_free(&b);
    mi_arena_free(&arena);
    return mi_digest_text(&d, text);
}
