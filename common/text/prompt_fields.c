#include "text/prompt_fields.h"

#include "base/escape.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* A string without NUL bytes. */
static int get_text(const struct mi_value *v, const char *field, const char **out, size_t *len,
                    struct mi_error *err)
{
    if (!mi_is(v, MI_STR))
        return mi_fail(err, MI_EXIT_DATA, "'%s' is not a string", mi_quote(field));
    if (memchr(v->as.bytes.at, '\0', v->as.bytes.len))
        return mi_fail(err, MI_EXIT_DATA, "'%s' holds a NUL", mi_quote(field));
    *out = v->as.bytes.at;
    if (len)
        *len = v->as.bytes.len;
    return 0;
}

/* A string, or an integer as one. */
static int get_name(struct mi_arena *a, const struct mi_value *v, const char *field,
                    const char **out, struct mi_error *err)
{
    char text[32];

    if (mi_is(v, MI_INT)) {
        int n = snprintf(text, sizeof text, "%" PRId64, v->as.integer);

        *out = mi_arena_dup(a, text, (size_t)n);
        return 0;
    }
    if (!mi_is(v, MI_STR))
        return mi_fail(err, MI_EXIT_DATA, "'%s' is neither a string nor an integer", field);
    if (v->as.bytes.len == 0)
        return mi_fail(err, MI_EXIT_DATA, "'%s' is empty", field);
    return get_text(v, field, out, NULL, err);
}

static int get_tokens(struct mi_arena *a, const struct mi_value *v, struct mi_prompt *out,
                      struct mi_error *err)
{
    int32_t *ids;

    if (!mi_is(v, MI_ARRAY))
        return mi_fail(err, MI_EXIT_DATA, "'tokens' is not a list");
    ids = mi_arena_alloc(a, v->as.array.n * sizeof *ids);
    for (size_t i = 0; i < v->as.array.n; i++) {
        const struct mi_value *x = &v->as.array.item[i];

        if (!mi_is(x, MI_INT) || x->as.integer < 0 || x->as.integer > INT32_MAX)
            return mi_fail(err, MI_EXIT_DATA, "'tokens': item %zu is no token id", i);
        ids[i] = (int32_t)x->as.integer;
    }
    out->tokens = ids;
    out->n_tokens = v->as.array.n;
    return 0;
}

static int get_message(const struct mi_value *v, size_t i, struct mi_message *m,
                       struct mi_error *err)
{
    int r;

    if (!mi_is(v, MI_MAP))
        return mi_fail(err, MI_EXIT_DATA, "'messages': item %zu is no object", i);
    /* What is not shown to the model must not look as if it were. */
    for (size_t k = 0; k < v->as.map.n; k++) {
        const char *key = v->as.map.member[k].key;

        if (strcmp(key, "role") != 0 && strcmp(key, "content") != 0)
            return mi_fail(err, MI_EXIT_DATA,
                           "'messages': item %zu has '%s'; role and content are supported", i,
                           mi_quote(key));
    }
    r = get_text(mi_get(v, "role"), "role", &m->role, NULL, err);
    if (r == 0)
        r = get_text(mi_get(v, "content"), "content", &m->content, &m->len, err);
    return r < 0 ? mi_fail_in(err, "'messages': item %zu", i) : 0;
}

static int get_messages(struct mi_arena *a, const struct mi_value *v, struct mi_prompt *out,
                        struct mi_error *err)
{
    struct mi_message *m;

    if (!mi_is(v, MI_ARRAY) || v->as.array.n == 0)
        return mi_fail(err, MI_EXIT_DATA, "'messages' is no list of messages");
    m = mi_arena_alloc(a, v->as.array.n * sizeof *m);
    for (size_t i = 0; i < v->as.array.n; i++) {
        int r = get_message(&v->as.array.item[i], i, &m[i], err);

        if (r < 0)
            return r;
    }
    out->messages = m;
    out->n_messages = v->as.array.n;
    return 0;
}

static int get_span(const struct mi_member *from, struct mi_named_range *span, struct mi_error *err)
{
    const struct mi_value *v = &from->value;

    *span = (struct mi_named_range){.name = from->key};
    if (!from->key[0])
        return mi_fail(err, MI_EXIT_DATA, "'spans': a span without a name");
    if (mi_is(v, MI_STR)) {
        int r = get_text(v, "spans", &span->needle, NULL, err);

        if (r == 0 && !span->needle[0])
            r = mi_fail(err, MI_EXIT_DATA, "span '%s' is empty", mi_quote(from->key));
        return r;
    }
    if (!mi_is(v, MI_ARRAY) || v->as.array.n != 2 || !mi_is(&v->as.array.item[0], MI_INT) ||
        !mi_is(&v->as.array.item[1], MI_INT))
        return mi_fail(err, MI_EXIT_DATA,
                       "span '%s' is neither a text nor a range [begin, end] of characters",
                       mi_quote(from->key));
    span->begin = v->as.array.item[0].as.integer;
    span->end = v->as.array.item[1].as.integer;
    if (span->begin < 0 || span->end <= span->begin)
        return mi_fail(err, MI_EXIT_DATA, "span '%s': [%" PRId64 ", %" PRId64 "] is no range",
                       mi_quote(from->key), span->begin, span->end);
    return 0;
}

static int get_spans(struct mi_arena *a, const struct mi_value *v, struct mi_prompt *out,
                     struct mi_error *err)
{
    struct mi_named_range *spans;

    if (!mi_is(v, MI_MAP))
        return mi_fail(err, MI_EXIT_DATA, "'spans' is no object");
    spans = mi_arena_alloc(a, v->as.map.n * sizeof *spans);
    for (size_t i = 0; i < v->as.map.n; i++) {
        int r = get_span(&v->as.map.member[i], &spans[i], err);

        if (r < 0)
            return r;
    }
    out->spans = spans;
    out->n_spans = v->as.map.n;
    return 0;
}

static int get_label(const struct mi_value *v, struct mi_prompt *out, struct mi_error *err)
{
    if (mi_is(v, MI_BOOL))
        out->label = mi_int(v->as.flag);
    else if (mi_is(v, MI_INT) || mi_is(v, MI_REAL) || mi_is(v, MI_STR))
        out->label = *v;
    else
        return mi_fail(err, MI_EXIT_DATA, "'label' is neither a number nor a string");
    return 0;
}

/* Fields that are read here and do not travel among the user's. *mine says so. */
static int get_field(struct mi_arena *a, const struct mi_member *m, struct mi_prompt *out,
                     bool *mine, struct mi_error *err)
{
    const struct mi_value *v = &m->value;
    const char *key = m->key;

    *mine = true;
    if (strcmp(key, "text") == 0)
        return get_text(v, key, &out->text, &out->text_len, err);
    if (strcmp(key, "tokens") == 0)
        return get_tokens(a, v, out, err);
    if (strcmp(key, "messages") == 0)
        return get_messages(a, v, out, err);
    if (strcmp(key, "id") == 0)
        return get_name(a, v, key, &out->id, err);
    if (strcmp(key, "spans") == 0)
        return get_spans(a, v, out, err);
    *mine = false;
    if (strcmp(key, "target") == 0)
        return get_text(v, key, &out->target, NULL, err);
    if (strcmp(key, "foil") == 0)
        return get_text(v, key, &out->foil, NULL, err);
    if (strcmp(key, "pair") == 0)
        return get_name(a, v, key, &out->pair, err);
    if (strcmp(key, "side") == 0)
        return get_name(a, v, key, &out->side, err);
    if (strcmp(key, "group") == 0)
        return get_name(a, v, key, &out->group, err);
    return strcmp(key, "label") == 0 ? get_label(v, out, err) : 0;
}

int mi_prompt_from_object(struct mi_arena *a, const struct mi_value *object, struct mi_prompt *out,
                          struct mi_error *err)
{
    int n;

    *out = (struct mi_prompt){.label = mi_nil(), .fields = mi_map()};
    if (!mi_is(object, MI_MAP))
        return mi_fail(err, MI_EXIT_DATA, "not a JSON object");
    for (size_t i = 0; i < object->as.map.n; i++) {
        const struct mi_member *m = &object->as.map.member[i];
        bool mine;
        int r = 0;

        /* null is as good as not given, but travels along */
        if (mi_is(&m->value, MI_NIL))
            mine = strcmp(m->key, "text") == 0 || strcmp(m->key, "tokens") == 0 ||
                   strcmp(m->key, "messages") == 0 || strcmp(m->key, "id") == 0 ||
                   strcmp(m->key, "spans") == 0;
        else
            r = get_field(a, m, out, &mine, err);
        if (r < 0)
            return r;
        if (!mine)
            mi_set(a, &out->fields, m->key, m->value);
    }
    n = (out->text != NULL) + (out->tokens != NULL) + (out->messages != NULL);
    if (n != 1)
        return mi_fail(err, MI_EXIT_DATA,
                       n == 0 ? "none of text, tokens and messages is there"
                              : "more than one of text, tokens and messages");
    if (!out->group)
        out->group = out->pair;
    return 0;
}
