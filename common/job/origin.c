#include "job/origin.h"

#include "base/buf.h"
#include "stream/header.h"

#include <string.h>

void mi_origin_option(void *origin, const char *name, const char *value)
{
    static const char *const elsewhere[] = {"directions", "gate", "probes", "seed"};
    struct mi_origin *o = origin;
    struct mi_value given = mi_origin_options(o);
    const struct mi_value *there = mi_get(&given, name);
    struct mi_buf both = {0};

    for (size_t i = 0; i < sizeof elsewhere / sizeof *elsewhere; i++)
        if (strcmp(name, elsewhere[i]) == 0)
            return;
    if (there)
        mi_buf_addf(&both, "%s\n", there->as.bytes.at);
    mi_buf_add_text(&both, value);
    mi_set_dup(&o->arena, &o->options, name, mi_text_dup(&o->arena, both.data, both.len));
    mi_buf_free(&both);
}

struct mi_value mi_origin_options(struct mi_origin *o)
{
    if (o->options.kind != MI_MAP)
        o->options = mi_map();
    return o->options;
}

static void add_input(struct mi_origin *o, struct mi_value one)
{
    const char *digest = mi_get_str(&one, "digest", "");

    if (o->inputs.kind != MI_ARRAY)
        o->inputs = mi_array();
    for (size_t i = 0; i < o->inputs.as.array.n; i++)
        if (strcmp(mi_get_str(&o->inputs.as.array.item[i], "digest", "?"), digest) == 0)
            return;
    mi_push(&o->arena, &o->inputs, one);
}

void mi_origin_file(struct mi_origin *o, const char *name, const struct mi_digest *d)
{
    struct mi_value one = mi_map();
    char text[33];

    mi_set(&o->arena, &one, "name", mi_str_dup(&o->arena, name));
    mi_set(&o->arena, &one, "digest", mi_str_dup(&o->arena, mi_digest_text(d, text)));
    add_input(o, one);
}

void mi_origin_input(struct mi_origin *o, const struct mi_reader *r)
{
    const struct mi_value *up = mi_get(mi_reader_end(r), "inputs");
    struct mi_digest digest = mi_reader_digest(r);

    for (size_t i = 0; mi_is(up, MI_ARRAY) && i < up->as.array.n; i++)
        add_input(o, mi_value_copy(&o->arena, &up->as.array.item[i]));
    mi_origin_file(o, mi_get_str(mi_reader_header(r), "content", "stream"), &digest);
}

static bool has_step(const struct mi_value *steps, const struct mi_value *step)
{
    for (size_t i = 0; i < steps->as.array.n; i++)
        if (mi_value_equal(&steps->as.array.item[i], step))
            return true;
    return false;
}

struct mi_value mi_origin_header(struct mi_origin *o, const struct mi_value *from,
                                 const struct mi_value *also, const char *content, const char *tool,
                                 const char *verb, int64_t seed)
{
    struct mi_value h = mi_header_from(&o->arena, from, content);
    struct mi_value steps = *mi_get(&h, "provenance");
    const struct mi_value *more = mi_get(also, "provenance");

    for (size_t i = 0; mi_is(more, MI_ARRAY) && i < more->as.array.n; i++)
        if (!has_step(&steps, &more->as.array.item[i]))
            mi_push(&o->arena, &steps, mi_value_copy(&o->arena, &more->as.array.item[i]));
    mi_set(&o->arena, &h, "provenance", steps);
    mi_set(&o->arena, &h, "shard", mi_nil());
    mi_header_step(&o->arena, &h, tool, verb, mi_origin_options(o), seed);
    return h;
}

void mi_origin_free(struct mi_origin *o)
{
    mi_arena_free(&o->arena);
    *o = (struct mi_origin){0};
}
