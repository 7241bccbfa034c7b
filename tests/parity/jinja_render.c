/* usage: jinja_render <LINES
 * Renders templates for jinja_parity.py: a line {"template": TEXT, "variables": MAP, "now":
 * SECONDS, "sources": true} gives a line {"text": TEXT, "parts": [[begin, end, source, offset]
 * ...]} or {"error": TEXT}. With sources the contents of the messages are followed. */
#include "base/file.h"
#include "data/json.h"
#include "text/jinja.h"

#include <stdio.h>

enum { MOST = 1 << 28 };

static struct mi_jinja_output out;

/* The addresses of the contents among the messages. */
static size_t contents(struct mi_arena *a, const struct mi_value *variables, const char ***source)
{
    const struct mi_value *m = mi_get(variables, "messages");
    size_t n = mi_is(m, MI_ARRAY) ? m->as.array.n : 0, found = 0;

    *source = mi_arena_alloc(a, n * sizeof **source);
    for (size_t i = 0; i < n; i++) {
        const struct mi_value *c = mi_get(&m->as.array.item[i], "content");

        if (mi_is(c, MI_STR))
            (*source)[found++] = c->as.bytes.at;
    }
    return found;
}

static void render(struct mi_arena *a, const struct mi_value *v, struct mi_value *answer)
{
    const struct mi_value *source = mi_get(v, "template"), *wants = mi_get(v, "sources");
    struct mi_jinja_input in = {.variables = mi_get(v, "variables"),
                                .now = mi_get_int(v, "now", 0)};
    struct mi_error err = {0};
    struct mi_jinja j = {0};
    struct mi_value parts = mi_array();
    const char **address = NULL;
    int r;

    if (mi_is(wants, MI_BOOL) && wants->as.flag)
        in.n_sources = contents(a, in.variables, &address);
    in.source = address;
    r = mi_jinja_parse(&j, source->as.bytes.at, source->as.bytes.len, &err);
    if (r == 0)
        r = mi_jinja_render(&j, &in, &out, &err);
    mi_jinja_free(&j);
    if (r < 0) {
        mi_set(a, answer, "error", mi_str_dup(a, err.text));
        return;
    }
    mi_set(a, answer, "text", mi_str_n(out.text.len ? out.text.data : "", out.text.len));
    for (size_t i = 0; i < out.n; i++) {
        struct mi_value p = mi_array();

        mi_push(a, &p, mi_int((int64_t)out.part[i].begin));
        mi_push(a, &p, mi_int((int64_t)out.part[i].end));
        mi_push(a, &p, mi_int((int64_t)out.part[i].source));
        mi_push(a, &p, mi_int((int64_t)out.part[i].offset));
        mi_push(a, &parts, p);
    }
    mi_set(a, answer, "parts", parts);
}

int main(void)
{
    struct mi_buf all = {0}, b = {0};
    struct mi_error err = {0};
    struct mi_arena a = {0};
    int status = mi_file_read("-", MOST, &all, &err);

    for (size_t at = 0, end; status == 0 && at < all.len; at = end + 1) {
        struct mi_value v, answer = mi_map();

        for (end = at; end < all.len && all.data[end] != '\n'; end++)
            ;
        status = mi_json_parse(&a, all.data + at, end - at, &v, &err);
        if (status < 0)
            break;
        render(&a, &v, &answer);
        mi_buf_clear(&b);
        mi_json_print(&b, &answer, (struct mi_json_style){0});
        puts(mi_buf_text(&b));
        mi_arena_reset(&a);
    }
    if (status < 0)
        fprintf(stderr, "jinja_render: %s\n", err.text);
    mi_jinja_output_free(&out);
    mi_buf_free(&all);
    mi_buf_free(&b);
    mi_arena_free(&a);
    return status < 0;
}
