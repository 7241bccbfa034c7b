#include "text/template.h"

#include "base/buf.h"
#include "base/mem.h"

#include <stdbool.h>
#include <string.h>

enum { MAX_SOURCE = 256 * 1024 };

static void add_item(struct mi_template *t, enum mi_item_kind kind, const char *s, size_t n)
{
    t->item = mi_grow(t->item, &t->cap, t->n + 1, sizeof *t->item);
    t->item[t->n++] = (struct mi_template_item){kind, mi_strndup(s, n)};
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* ---- inside a tag ------------------------------------------------------------------ */

static bool ends_with(const struct mi_buf *b, const char *s)
{
    size_t n = strlen(s);

    return b->len >= n && memcmp(b->data + b->len - n, s, n) == 0;
}

static void add_escaped(struct mi_buf *b, char c)
{
    if (c == '\'' || c == '\\')
        mi_buf_add_char(b, '\\');
    mi_buf_add_char(b, c);
}

/* The literal at s, whose quote is *s; returns what follows it, or NULL. */
static const char *add_string(struct mi_buf *b, const char *s)
{
    char quote = *s++;

    if (ends_with(b, "'+")) /* 'a'+'b' is one literal */
        b->len -= 2;
    else
        mi_buf_add_char(b, '\'');
    for (; *s && *s != quote; s++) {
        if (*s != '\\') {
            add_escaped(b, *s);
            continue;
        }
        s++;
        switch (*s) {
        case '\0': return NULL;
        case 'n': add_escaped(b, '\n'); break;
        case 't': add_escaped(b, '\t'); break;
        case 'r': add_escaped(b, '\r'); break;
        case '\'':
        case '"':
        case '\\': add_escaped(b, *s); break;
        default: /* others stay as they are written */ add_escaped(b, '\\'); add_escaped(b, *s);
        }
    }
    mi_buf_add_char(b, '\'');
    return *s ? s + 1 : NULL;
}

/* "['name'" at the end of b becomes ".name"; false when it is something else. */
static bool join_subscript(struct mi_buf *b)
{
    size_t i;

    if (!ends_with(b, "'"))
        return false;
    i = b->len - 1;
    while (i > 0 && is_word(b->data[i - 1]))
        i--;
    if (i < 2 || i == b->len - 1 || b->data[i - 1] != '\'' || b->data[i - 2] != '[')
        return false;
    memmove(b->data + i - 1, b->data + i, b->len - 1 - i);
    b->data[i - 2] = '.';
    b->len -= 2;
    return true;
}

/* The inside of a tag up to `close`, respelled into b; returns what follows the tag or NULL.
 * *trims: it ends in "-". */
static const char *scan_tag(struct mi_buf *b, const char *s, const char *close, bool *trims)
{
    bool was_blank = false;

    while (*s) {
        if (*s == '-' && strncmp(s + 1, close, 2) == 0) {
            *trims = true;
            return s + 3;
        }
        if (strncmp(s, close, 2) == 0)
            return s + 2;
        if (is_blank(*s)) {
            was_blank = true;
            s++;
            continue;
        }
        if (*s == '\'' || *s == '"') {
            s = add_string(b, s);
            if (!s)
                return NULL;
        } else if (*s == ']' && join_subscript(b)) {
            s++;
        } else {
            if (was_blank && b->len > 0 && is_word(b->data[b->len - 1]) && is_word(*s))
                mi_buf_add_char(b, ' ');
            mi_buf_add_char(b, *s == '~' ? '+' : *s);
            s++;
        }
        was_blank = false;
    }
    return NULL;
}

/* ---- between tags ------------------------------------------------------------------ */

/* Text [s, end) after the tag before it and before one that opens with "{" and `kind`. */
static void add_text(struct mi_template *t, const char *s, const char *end, bool cut_front,
                     bool cut_newline, const char *tag)
{
    bool at_start = t->n == 0;

    if (cut_front) {
        while (s < end && is_blank(*s))
            s++;
    } else if (cut_newline && s < end && *s == '\n') {
        s++;
        at_start = true;
    }
    if (*tag && tag[2] == '-') {
        while (end > s && is_blank(end[-1]))
            end--;
    } else if (*tag && tag[1] != '{' && tag[2] != '+') { /* blanks before a block on its line */
        const char *p = end;

        while (p > s && (p[-1] == ' ' || p[-1] == '\t'))
            p--;
        if ((p == s && at_start) || (p > s && p[-1] == '\n'))
            end = p;
    } else if (!*tag && end > s && end[-1] == '\n') {
        end--; /* the template's own last line end */
    }
    if (end > s)
        add_item(t, MI_ITEM_TEXT, s, (size_t)(end - s));
}

static const char *next_tag(const char *s)
{
    for (; *s; s++) {
        if (*s == '{' && (s[1] == '{' || s[1] == '%' || s[1] == '#'))
            break;
    }
    return s;
}

static const char *skip_comment(const char *s, bool *trims)
{
    const char *end = strstr(s, "#}");

    if (!end)
        return NULL;
    *trims = end > s && end[-1] == '-';
    return end + 2;
}

int mi_template_parse(struct mi_template *t, const char *source, struct mi_error *err)
{
    struct mi_buf b = {0};
    const char *s = source;
    bool cut_front = false, cut_newline = false;

    *t = (struct mi_template){0};
    if (strlen(source) > MAX_SOURCE)
        return mi_fail(err, MI_EXIT_DATA, "chat template of more than %d bytes", (int)MAX_SOURCE);
    while (s) {
        const char *tag = next_tag(s), *inside = tag + 2;
        bool trims = false;

        add_text(t, s, tag, cut_front, cut_newline, tag);
        if (!*tag)
            break;
        if (*inside == '-' || *inside == '+')
            inside++;
        mi_buf_clear(&b);
        if (tag[1] == '#')
            s = skip_comment(inside, &trims);
        else
            s = scan_tag(&b, inside, tag[1] == '{' ? "}}" : "%}", &trims);
        cut_front = trims;
        cut_newline = tag[1] != '{';
        if (s && tag[1] != '#')
            add_item(t, tag[1] == '{' ? MI_ITEM_OUTPUT : MI_ITEM_STATEMENT, mi_buf_text(&b), b.len);
    }
    mi_buf_free(&b);
    if (s)
        return 0;
    mi_template_free(t);
    return mi_fail(err, MI_EXIT_DATA, "chat template: a tag or a text in it does not end");
}

void mi_template_free(struct mi_template *t)
{
    for (size_t i = 0; i < t->n; i++)
        mi_free(t->item[i].text);
    mi_free(t->item);
    *t = (struct mi_template){0};
}
