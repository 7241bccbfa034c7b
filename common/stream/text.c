#include "stream/text.h"

#include "base/escape.h"

#include <string.h>

void mi_text_print(struct mi_buf *b, const char *kind, const struct mi_value *body,
                   struct mi_json_style style)
{
    struct mi_value name = mi_str(kind);
    size_t brace;

    mi_buf_add_text(b, "{\"kind\":");
    mi_json_print(b, &name, style);
    brace = b->len;
    mi_json_print(b, body, style);
    b->data[brace] = ','; /* the body's members follow in the same object */
    if (body->as.map.n == 0) {
        b->data[brace] = '}';
        b->len--;
    }
    mi_buf_add_char(b, '\n');
}

int mi_text_open(struct mi_text *t, const char *path, struct mi_error *err)
{
    struct mi_in in;
    int status = mi_in_open(&in, path, err);

    *t = (struct mi_text){0};
    if (status == 0)
        mi_intake_open(&t->intake, &in);
    return status;
}

const char *mi_text_name(const struct mi_text *t)
{
    return t->intake.in.name;
}

void mi_text_close(struct mi_text *t)
{
    mi_intake_close(&t->intake);
}

static int blame(const struct mi_text *t, struct mi_error *err)
{
    return mi_fail_in(err, "'%s': line %llu", mi_quote(mi_text_name(t)),
                      (unsigned long long)t->line);
}

/* The next line without its newline: 1, 0 at the end, < 0. It is taken by the caller. */
static int next_line(struct mi_text *t, const char **line, size_t *len, size_t *taken,
                     struct mi_error *err)
{
    size_t looked = 0;

    for (;;) {
        const unsigned char *bytes;
        int64_t have = mi_intake_want(&t->intake, looked + 1, &bytes, err);
        const unsigned char *newline;

        if (have < 0)
            return (int)have;
        newline = memchr(bytes + looked, '\n', (size_t)have - looked);
        *line = (const char *)bytes;
        if (newline || (uint64_t)have == looked) { /* a last line may lack its newline */
            *len = newline ? (size_t)(newline - bytes) : (size_t)have;
            *taken = *len + (newline != NULL);
            return *taken > 0;
        }
        looked = (size_t)have;
        if (looked > MI_LINE_MAX)
            return mi_fail(err, MI_EXIT_DATA, "longer than %llu bytes",
                           (unsigned long long)MI_LINE_MAX);
    }
}

static int parse_line(struct mi_arena *a, const char *line, size_t len, const char **kind,
                      struct mi_value *body, struct mi_error *err)
{
    struct mi_value object;
    int status = mi_json_parse(a, line, len, &object, err);

    if (status < 0)
        return status;
    *kind = mi_get_str(&object, "kind", NULL);
    if (!*kind)
        return mi_fail(err, MI_EXIT_DATA, "no object with a 'kind'");
    *body = mi_map();
    for (size_t i = 0; i < object.as.map.n; i++)
        if (strcmp(object.as.map.member[i].key, "kind") != 0)
            mi_set(a, body, object.as.map.member[i].key, object.as.map.member[i].value);
    return 0;
}

int mi_text_next(struct mi_text *t, struct mi_arena *a, const char **kind, struct mi_value *body,
                 struct mi_error *err)
{
    const char *line = NULL;
    size_t len = 0, taken = 0, start;
    int status;

    do {
        t->line++;
        status = next_line(t, &line, &len, &taken, err);
        if (status <= 0)
            return status < 0 ? blame(t, err) : 0;
        for (start = 0; start < len && strchr(" \t\r", line[start]) && line[start];)
            start++;
        if (start < len && parse_line(a, line, len, kind, body, err) < 0)
            return blame(t, err);
        mi_intake_take(&t->intake, taken);
    } while (start == len);
    return 1;
}

/* ---- a text as a stream ------------------------------------------------------- */

/* Text that was edited does not pass for the stream that it was made of. */
static int check_end(const struct mi_writer *out, const struct mi_value *end, struct mi_error *err)
{
    const char *said = mi_get_str(end, "digest", NULL);
    struct mi_digest digest = mi_writer_digest(out);
    char text[33];

    if (said && strcmp(said, mi_digest_text(&digest, text)) != 0)
        return mi_fail(err, MI_EXIT_DATA,
                       "the lines were changed: their digest is %s (remove 'digest' from this "
                       "line if that is meant)",
                       text);
    return 0;
}

static int encode_record(struct mi_writer *out, const char *kind, const struct mi_value *body,
                         struct mi_error *err)
{
    bool is_header = strcmp(kind, "header") == 0;

    if (is_header != (mi_writer_records(out) == 0))
        return mi_fail(err, MI_EXIT_DATA,
                       is_header ? "a second header" : "the first line must be the header");
    return is_header ? mi_writer_header(out, body, err) : mi_writer_put(out, kind, body, err);
}

static int encode_lines(struct mi_text *t, struct mi_arena *a, struct mi_writer *out,
                        struct mi_error *err)
{
    const char *kind;
    struct mi_value body, inputs;
    int status;

    while ((status = mi_text_next(t, a, &kind, &body, err)) > 0 &&
           (strcmp(kind, "end") != 0 || mi_writer_records(out) == 0)) {
        if (encode_record(out, kind, &body, err) < 0)
            return blame(t, err);
        mi_arena_reset(a);
    }
    if (status < 0)
        return status;
    if (status == 0)
        return mi_fail(err, MI_EXIT_DATA, "'%s': ends after line %llu without a line of kind 'end'",
                       mi_quote(mi_text_name(t)), (unsigned long long)t->line - 1);
    if (check_end(out, &body, err) < 0)
        return blame(t, err);
    inputs = mi_is(mi_get(&body, "inputs"), MI_ARRAY) ? *mi_get(&body, "inputs") : mi_array();
    status = mi_text_next(t, a, &kind, &body, err);
    if (status > 0) {
        mi_fail(err, MI_EXIT_DATA, "a line after the end");
        return blame(t, err);
    }
    return status < 0 ? status : mi_writer_end(out, &inputs, err);
}

int mi_text_encode(struct mi_text *t, struct mi_writer *out, struct mi_error *err)
{
    struct mi_arena arena = {0};
    int status = encode_lines(t, &arena, out, err);

    mi_arena_free(&arena);
    return status;
}
