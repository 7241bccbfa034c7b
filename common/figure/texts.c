#include "figure/texts.h"

#include "base/mem.h"

#include <string.h>

enum { GAP = 3 };

/* Text that is safe to show, and how far it has been shown. */
struct column {
    struct mi_buf text;
    size_t at;
};

/* Safe line by line, so that line ends survive. */
static void make_safe(struct mi_buf *b, const char *s, size_t len)
{
    while (len > 0) {
        const char *end = memchr(s, '\n', len);
        size_t n = end ? (size_t)(end - s) : len;

        mi_add_safe(b, s, n);
        if (end)
            mi_buf_add_char(b, '\n');
        n += end ? 1 : 0;
        s += n;
        len -= n;
    }
}

/* The next line of at most `columns`: its length; *skip what follows it. */
static size_t next_line(const struct column *c, int columns, size_t *skip)
{
    const char *s = c->text.data + c->at, *end;
    size_t left = c->text.len - c->at, n;

    if (left == 0) {
        *skip = 0;
        return 0;
    }
    end = memchr(s, '\n', left);
    n = end ? (size_t)(end - s) : left;
    *skip = end ? 1 : 0;
    if (mi_text_width(s, n) <= columns)
        return n;
    n = mi_text_cut(s, n, columns);
    *skip = 0;
    for (size_t k = n; k > 0; k--)
        if (s[k] == ' ') { /* s[n] may be the blank itself */
            *skip = 1;
            return k;
        }
    return n ? n : 1;
}

void mi_texts_print(struct mi_buf *b, const struct mi_text *text, int n,
                    const struct mi_style *style)
{
    struct column *c = mi_alloc_zero((size_t)n, sizeof *c);
    int width = (style->width - (n - 1) * GAP) / n;
    bool is_left = true;

    width = width < 8 ? 8 : width;
    for (int i = 0; i < n; i++) {
        make_safe(&c[i].text, text[i].at, text[i].len);
        mi_buf_text(&c[i].text); /* never NULL */
    }
    while (is_left) {
        is_left = false;
        for (int i = 0; i < n; i++) {
            size_t skip, len = next_line(&c[i], width, &skip);

            if (i)
                mi_buf_add_text(b, style->is_ascii ? " | " : " \u2502 ");
            if (i < n - 1)
                mi_add_padded(b, c[i].text.data + c[i].at, len, width, false, style);
            else
                mi_buf_add(b, c[i].text.data + c[i].at, len);
            c[i].at += len + skip;
            is_left = is_left || c[i].at < c[i].text.len;
        }
        while (b->len && b->data[b->len - 1] == ' ')
            b->len--;
        mi_buf_add_char(b, '\n');
    }
    for (int i = 0; i < n; i++)
        mi_buf_free(&c[i].text);
    mi_free(c);
}
