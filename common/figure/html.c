#include "figure/html.h"

#include "base/escape.h"
#include "data/json.h"
#include "figure/width.h"

#include <string.h>

static void add_entities(struct mi_buf *b, const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++)
        switch (s[i]) {
        case '&': mi_buf_add_text(b, "&amp;"); break;
        case '<': mi_buf_add_text(b, "&lt;"); break;
        case '>': mi_buf_add_text(b, "&gt;"); break;
        case '"': mi_buf_add_text(b, "&quot;"); break;
        case '\'': mi_buf_add_text(b, "&#39;"); break;
        default: mi_buf_add_char(b, s[i]);
        }
}

void mi_html_text(struct mi_buf *b, const char *s, size_t len)
{
    struct mi_buf safe = {0};

    mi_add_safe(&safe, s, len);
    add_entities(b, safe.data, safe.len);
    mi_buf_free(&safe);
}

void mi_html_str(struct mi_buf *b, const char *s)
{
    mi_html_text(b, s ? s : "", s ? strlen(s) : 0);
}

/* Bytes of the character at s, which would be shown as itself or not. */
static size_t take_char(const char *s, size_t len, bool *is_plain)
{
    struct mi_buf safe = {0};
    uint32_t cp;
    int n = mi_utf8_decode(s, len, &cp);
    size_t taken = n ? (size_t)n : 1;

    if ((unsigned char)*s >= 0x20 && (unsigned char)*s < 0x7f) {
        *is_plain = true;
        return 1;
    }
    mi_add_safe(&safe, s, taken);
    *is_plain = safe.len == taken && memcmp(safe.data, s, taken) == 0;
    mi_buf_free(&safe);
    return taken;
}

void mi_html_words(struct mi_buf *b, const char *s, size_t len)
{
    for (size_t i = 0; i < len;) {
        bool is_plain;
        size_t n = take_char(s + i, len - i, &is_plain);

        if (!is_plain)
            mi_buf_add_text(b, "<i class=\"esc\">");
        mi_html_text(b, s + i, n);
        if (!is_plain)
            mi_buf_add_text(b, s[i] == '\n' ? "</i><br>" : "</i>");
        i += n;
    }
}

void mi_html_json(struct mi_buf *b, const struct mi_value *v)
{
    struct mi_buf json = {0};

    mi_json_print(&json, v, (struct mi_json_style){0});
    for (size_t i = 0; i < json.len; i++) {
        const char *s = json.data + i;

        if (*s == '<' || *s == '>' || *s == '&') {
            mi_buf_addf(b, "\\u%04x", (unsigned)(unsigned char)*s);
        } else if (json.len - i > 2 && memcmp(s, "\xe2\x80", 2) == 0 &&
                   (s[2] == '\xa8' || s[2] == '\xa9')) { /* line ends to old scripts */
            mi_buf_add_text(b, s[2] == '\xa8' ? "\\u2028" : "\\u2029");
            i += 2;
        } else {
            mi_buf_add_char(b, *s);
        }
    }
    mi_buf_free(&json);
}

struct mi_value mi_plotly_text(struct mi_arena *a, const char *s)
{
    struct mi_buf safe = {0}, text = {0};
    struct mi_value v;

    mi_add_safe(&safe, s, strlen(s));
    for (size_t i = 0; i < safe.len; i++)
        switch (safe.data[i]) {
        case '&': mi_buf_add_text(&text, "&amp;"); break;
        case '<': mi_buf_add_text(&text, "&lt;"); break;
        case '>': mi_buf_add_text(&text, "&gt;"); break;
        default: mi_buf_add_char(&text, safe.data[i]);
        }
    v = mi_str(mi_arena_dup(a, text.data ? text.data : "", text.len));
    mi_buf_free(&text);
    mi_buf_free(&safe);
    return v;
}
