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
    if (body->as.map.n)
        b->data[brace] = ','; /* the body's members follow in the same object */
    else
        b->len--;
    if (!body->as.map.n)
        b->data[brace] = '}';
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
    const char *line;
    size_t len, taken, start;
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
