#include "text/chat.h"

#include "base/escape.h"
#include "base/file.h"
#include "base/mem.h"
#include "text/jinja_value.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* ---- choosing ------------------------------------------------------------------- */

const char *mi_chat_name(const struct mi_chat_template *t)
{
    return t->name;
}

struct mi_digest mi_chat_digest(const struct mi_chat_template *t)
{
    struct mi_digest d;
    struct mi_hash h;
    mi_hash_init(&h);
    mi_hash_add(&h, t->source.byte, sizeof t->source.byte); /* zero for raw */
    for (int i = 0; i < 4 && t->jinja.state; i++) {
        const char *s = t->token[i] ? t->token[i] : "";

        mi_hash_add(&h, s, strlen(s) + 1);
    }
    if (t->jinja.state)
        mi_hash_add(&h, &t->now, sizeof t->now);
    d = mi_hash_value(&h);
    mi_hash_free(&h);
    return d;
}

static int open_text(struct mi_chat_template *t, const char *name, const char *source, size_t len,
                     const struct mi_chat_model *model, struct mi_error *err)
{
    const char *const token[] = {model->bos, model->eos, model->unk, model->pad};
    int r = mi_jinja_parse(&t->jinja, source, len, err);

    if (r < 0)
        return r;
    t->name = mi_strdup(name);
    t->source = mi_hash_bytes(source, len);
    t->now = model->now;
    for (int i = 0; i < 4; i++)
        t->token[i] = token[i] ? mi_strdup(token[i]) : NULL;
    return 0;
}

static int open_file(struct mi_chat_template *t, const char *path,
                     const struct mi_chat_model *model, struct mi_error *err)
{
    struct mi_buf b = {0};
    int r = mi_file_read(path, MI_JINJA_MAX_SOURCE, &b, err);

    if (r == 0) {
        r = open_text(t, path, b.len ? b.data : "", b.len, model, err);
        if (r < 0)
            mi_fail_in(err, "'%s'", mi_quote(path));
    }
    mi_buf_free(&b);
    return r;
}

/* ", tool_use, rag": the names of the model's further templates, as many as fit. */
static const char *list_named(const struct mi_chat_model *model, char *text, size_t size)
{
    size_t n = 0;

    text[0] = '\0';
    for (size_t i = 0; i < model->n_named && n + 80 < size; i++)
        n += (size_t)snprintf(text + n, size - n, ", %.60s", mi_quote(model->named[i].name));
    return text;
}

static int open_own(struct mi_chat_template *t, const struct mi_chat_model *model,
                    struct mi_error *err)
{
    char text[400];

    if (!model->source)
        return mi_fail(err, MI_EXIT_DATA,
                       "the model has no %schat template; choose --template raw, %s%s, or a file",
                       model->n_named ? "default " : "", mi_chat_names,
                       list_named(model, text, sizeof text));
    return open_text(t, "the model's own", model->source, strlen(model->source), model, err);
}

/* One of the model's further templates, or none of that name. */
static int open_named(struct mi_chat_template *t, const char *name,
                      const struct mi_chat_model *model, struct mi_error *err)
{
    char text[400];

    for (size_t i = 0; i < model->n_named; i++)
        if (strcmp(model->named[i].name, name) == 0)
            return open_text(t, name, model->named[i].source, strlen(model->named[i].source), model,
                             err);
    return mi_fail(err, MI_EXIT_USAGE,
                   "no chat template '%s': there are auto, raw, %s%s; or a file (with / or . in "
                   "its name), or the text of one",
                   mi_quote(name), mi_chat_names, list_named(model, text, sizeof text));
}

int mi_chat_open(struct mi_chat_template *t, const char *name, const struct mi_chat_model *model,
                 struct mi_error *err)
{
    static const struct mi_chat_model unknown = {.now = MI_CHAT_NOW};
    const char *ours = name ? mi_chat_builtin(name) : NULL;
    int r = 0;

    *t = (struct mi_chat_template){0};
    if (!model)
        model = &unknown;
    if (!name || strcmp(name, "auto") == 0)
        r = open_own(t, model, err);
    else if (strcmp(name, "raw") == 0)
        t->name = mi_strdup(name);
    else if (ours)
        r = open_text(t, name, ours, strlen(ours), model, err);
    else if (strstr(name, "{{") || strstr(name, "{%"))
        r = open_text(t, "given", name, strlen(name), model, err);
    else if (strpbrk(name, "/."))
        r = open_file(t, name, model, err);
    else
        r = open_named(t, name, model, err);
    if (r < 0)
        mi_chat_free(t);
    return r;
}

void mi_chat_free(struct mi_chat_template *t)
{
    mi_jinja_free(&t->jinja);
    for (int i = 0; i < 4; i++)
        mi_free(t->token[i]);
    mi_free(t->name);
    *t = (struct mi_chat_template){0};
}

int mi_chat_date(const char *text, int64_t *now, struct mi_error *err)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int y = 0, mo = 0, d = 0, h = 0, mi = 0, s = 0, end = 0, most;
    bool good;
    int64_t n;

    good = sscanf(text, "%4d-%2d-%2d%n", &y, &mo, &d, &end) == 3 && end == 10 &&
           (!text[10] ||
            (sscanf(text + 10, "T%2d:%2d:%2d%n", &h, &mi, &s, &end) == 3 && end == 9 && !text[19]));
    good = good && !strpbrk(text, "+ ") && y >= 1970 && mo >= 1 && mo <= 12 && d >= 1 && h >= 0 &&
           h < 24 && mi >= 0 && mi < 60 && s >= 0 && s < 60;
    most = good ? days[mo - 1] + (mo == 2 && (y % 4 == 0) && (y % 100 != 0 || y % 400 == 0)) : 0;
    if (!good || d > most)
        return mi_fail(err, MI_EXIT_USAGE, "'%s' is no date such as 2025-07-10", mi_quote(text));
    n = 365 * (int64_t)(y - 1970) + (y - 1969) / 4 - (y - 1901) / 100 + (y - 1601) / 400;
    for (int i = 1; i < mo; i++)
        n += days[i - 1] + (i == 2 && (y % 4 == 0) && (y % 100 != 0 || y % 400 == 0));
    *now = 86400 * (n + d - 1) + 3600 * h + 60 * mi + s;
    return 0;
}

/* ---- one run of the template ------------------------------------------------------ */

static bool has_role(const struct mi_message *m, const char *role)
{
    return strcmp(m->role, role) == 0;
}

static int run(const struct mi_chat_template *t, const struct mi_message *m, size_t n,
               bool add_generation_prompt, struct mi_jinja_output *out, struct mi_error *err)
{
    static const char *const names[] = {"bos_token", "eos_token", "unk_token", "pad_token"};
    struct mi_arena a = {0};
    struct mi_value vars = mi_map(), list = mi_array();
    const char **source = mi_alloc_n(n, sizeof *source);
    struct mi_jinja_input in = {&vars, source, n, t->now};
    int r;

    for (size_t i = 0; i < n; i++) {
        struct mi_value one = mi_map();

        source[i] = m[i].content;
        mi_set(&a, &one, "role", mi_str(m[i].role));
        mi_set(&a, &one, "content", mi_str_n(m[i].content, m[i].len));
        mi_push(&a, &list, one);
    }
    mi_set(&a, &vars, "messages", list);
    mi_set(&a, &vars, "add_generation_prompt", mi_bool(add_generation_prompt));
    mi_set(&a, &vars, "tools", mi_nil());
    mi_set(&a, &vars, "documents", mi_nil());
    for (int i = 0; i < 4; i++)
        if (t->token[i])
            mi_set(&a, &vars, names[i], mi_str(t->token[i]));
    r = mi_jinja_render(&t->jinja, &in, out, err);
    mi_free(source);
    mi_arena_free(&a);
    return r;
}

/* Cuts the text behind byte `end`. */
static void cut(struct mi_jinja_output *o, size_t end)
{
    o->text.len = end;
    while (o->n > 0 && o->part[o->n - 1].begin >= end)
        o->n--;
    if (o->n > 0 && o->part[o->n - 1].end > end)
        o->part[o->n - 1].end = end;
}

/* Ends the text where the content of the last message ends. A content that leaves nothing in
 * the text (it is empty, or is trimmed to nothing) has its place found with another in it. */
static int leave_open(const struct mi_chat_template *t, const struct mi_message *m, size_t n,
                      struct mi_jinja_output *o, struct mi_error *err)
{
    struct mi_message *other;
    int r;

    for (size_t i = o->n; i-- > 0;) {
        if (o->part[i].source == n - 1) {
            cut(o, o->part[i].end);
            return 0;
        }
    }
    other = mi_alloc_n(n, sizeof *other);
    memcpy(other, m, n * sizeof *other);
    other[n - 1].content = "x";
    other[n - 1].len = 1;
    r = run(t, other, n, false, o, err);
    mi_free(other);
    for (size_t i = o->n; r == 0 && i-- > 0;) {
        if (o->part[i].source == n - 1) {
            cut(o, o->part[i].begin);
            return 0;
        }
    }
    return r < 0 ? r
                 : mi_fail(err, MI_EXIT_DATA,
                           "message %zu: this template drops it, so it cannot be left open", n);
}

/* ---- segments --------------------------------------------------------------------- */

static void add_segment(struct mi_rendering *out, size_t begin, size_t end, const char *role,
                        size_t message, size_t offset)
{
    if (end <= begin)
        return;
    out->segment = mi_grow(out->segment, &out->cap, out->n + 1, sizeof *out->segment);
    out->segment[out->n++] = (struct mi_segment){begin, end, !role, role, message, offset};
}

/* The template's own text [begin, end); of it [from, to) is a system text. */
static void add_own(struct mi_rendering *out, size_t begin, size_t end, size_t from, size_t to)
{
    if (from >= end || to <= begin || from >= to) {
        add_segment(out, begin, end, NULL, SIZE_MAX, 0);
        return;
    }
    add_segment(out, begin, from, NULL, SIZE_MAX, 0);
    add_segment(out, from > begin ? from : begin, to < end ? to : end, "system", SIZE_MAX, 0);
    add_segment(out, to, end, NULL, SIZE_MAX, 0);
}

/* Where the template puts in a system text of its own: what stands in the text where the
 * content of a system message would, everything around it being the same. */
static void find_system(const struct mi_chat_template *t, const struct mi_message *m, size_t n,
                        bool add_generation_prompt, const struct mi_jinja_output *o, size_t *from,
                        size_t *to)
{
    struct mi_message *more;
    struct mi_jinja_output with = {0};
    struct mi_error err = {0};
    size_t places = 0, before = 0, behind = 0;

    *from = *to = 0;
    if (has_role(&m[0], "system"))
        return;
    more = mi_alloc_n(n + 1, sizeof *more);
    more[0] = (struct mi_message){"system", "x", 1};
    memcpy(more + 1, m, n * sizeof *m);
    if (run(t, more, n + 1, add_generation_prompt, &with, &err) == 0) {
        for (size_t i = 0; i < with.n; i++) {
            if (with.part[i].source == 0) {
                places++;
                before = with.part[i].begin;
                behind = with.text.len - with.part[i].end;
            }
        }
    }
    if (places == 1 && before + behind < o->text.len &&
        (before == 0 || memcmp(with.text.data, o->text.data, before) == 0) &&
        (behind == 0 ||
         memcmp(with.text.data + before + 1, o->text.data + o->text.len - behind, behind) == 0)) {
        *from = before;
        *to = o->text.len - behind;
    }
    mi_jinja_output_free(&with);
    mi_free(more);
}

static bool is_blank(const struct mi_message *m)
{
    struct mi_jstr s = {.at = m->content, .len = m->len};
    size_t at = 0, n = 0;

    while (at < s.len && mi_jis_space(mi_jchar(&s, at, &n)))
        at += n;
    return at == s.len;
}

/* What is not shown to the model must not look as if it were. */
static int check_all_shown(const struct mi_message *m, size_t n, const struct mi_jinja_output *o,
                           struct mi_error *err)
{
    bool *shown = mi_alloc_zero(n, sizeof *shown);
    size_t i = 0;

    for (size_t k = 0; k < o->n; k++)
        shown[o->part[k].source] = true;
    while (i < n && (shown[i] || is_blank(&m[i])))
        i++;
    mi_free(shown);
    if (i == n)
        return 0;
    if (has_role(&m[i], "system"))
        return mi_fail(err, MI_EXIT_DATA,
                       "message %zu: this template drops the system message here: put it into "
                       "the user's text",
                       i + 1);
    return mi_fail(err, MI_EXIT_DATA, "message %zu: role '%s': this template drops it", i + 1,
                   mi_quote(m[i].role));
}

/* ---- rendering -------------------------------------------------------------------- */

/* Roles stand among the markers, so they must not bring any. */
static int check_roles(const struct mi_message *m, size_t n, struct mi_error *err)
{
    for (size_t i = 0; i < n; i++) {
        size_t len = strspn(m[i].role, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                       "0123456789_-");

        if (len == 0 || len > 64 || m[i].role[len])
            return mi_fail(err, MI_EXIT_DATA, "message %zu: '%s' is no name of a role", i + 1,
                           mi_quote(m[i].role));
    }
    return n > 0 ? 0 : mi_fail(err, MI_EXIT_DATA, "a conversation without messages");
}

/* Says so when it is the system message that the template does not take. */
static int blame_system(const struct mi_chat_template *t, const struct mi_message *m, size_t n,
                        struct mi_jinja_output *o, struct mi_error *err)
{
    struct mi_error other = {0};

    if (n > 1 && has_role(&m[0], "system") && run(t, m + 1, n - 1, false, o, &other) == 0)
        return mi_fail_in(err,
                          "this template takes no system message: put it into the user's text");
    return -err->code;
}

static int render_raw(const struct mi_message *m, size_t n, struct mi_rendering *out)
{
    for (size_t i = 0; i < n; i++) {
        size_t begin = out->text.len;

        mi_buf_add(&out->text, m[i].content, m[i].len);
        add_segment(out, begin, out->text.len, m[i].role, i, 0);
    }
    return 0;
}

static void write_segments(const struct mi_chat_template *t, const struct mi_message *m,
                           struct mi_rendering *out, size_t from, size_t to)
{
    struct mi_jinja_output *o = &out->made;
    const char *text = mi_buf_text(&o->text);
    size_t at = 0, own_end = o->n > 0 ? o->part[0].begin : o->text.len;
    size_t bos = t->no_bos && t->token[0] ? strlen(t->token[0]) : 0;

    if (bos > own_end || (bos > 0 && memcmp(text, t->token[0], bos) != 0))
        bos = 0;
    for (size_t i = 0; i < o->n; i++) {
        const struct mi_jinja_part *p = &o->part[i];

        add_own(out, at, p->begin, from, to);
        add_segment(out, p->begin, p->end, m[p->source].role, p->source, p->offset);
        at = p->end;
    }
    add_own(out, at, o->text.len, from, to);
    mi_buf_add(&out->text, text + bos, o->text.len - bos);
    for (size_t i = 0; bos > 0 && i < out->n; i++) {
        out->segment[i].begin -= i > 0 ? bos : 0;
        out->segment[i].end -= bos;
    }
    if (out->n > 0 && out->segment[0].end == out->segment[0].begin)
        memmove(out->segment, out->segment + 1, --out->n * sizeof *out->segment);
}

int mi_chat_render(const struct mi_chat_template *t, const struct mi_message *m, size_t n,
                   bool open_last, bool add_generation_prompt, struct mi_rendering *out,
                   struct mi_error *err)
{
    int r = check_roles(m, n, err);
    size_t from = 0, to = 0;
    bool is_open;

    mi_rendering_clear(out);
    if (r < 0 || !t->jinja.state)
        return r < 0 ? r : render_raw(m, n, out);
    is_open = open_last && has_role(&m[n - 1], "assistant");
    r = run(t, m, n, add_generation_prompt && !is_open, &out->made, err);
    if (r < 0)
        return blame_system(t, m, n, &out->made, err);
    r = check_all_shown(m, n, &out->made, err);
    if (r < 0)
        return r;
    find_system(t, m, n, add_generation_prompt && !is_open, &out->made, &from, &to);
    if (is_open)
        r = leave_open(t, m, n, &out->made, err);
    if (r == 0)
        write_segments(t, m, out, from, to);
    return r;
}

void mi_rendering_clear(struct mi_rendering *r)
{
    mi_buf_clear(&r->text);
    r->n = 0;
}

void mi_rendering_free(struct mi_rendering *r)
{
    mi_buf_free(&r->text);
    mi_jinja_output_free(&r->made);
    mi_free(r->segment);
    *r = (struct mi_rendering){0};
}
