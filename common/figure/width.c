#include "figure/width.h"

#include "base/escape.h"

#include <stdint.h>
#include <string.h>

struct range {
    uint32_t from, to;
};

static bool is_in(const struct range *r, size_t n, uint32_t cp)
{
    for (size_t i = 0; i < n; i++)
        if (r[i].from <= cp && cp <= r[i].to)
            return true;
    return false;
}

static int width_of(uint32_t cp)
{
    static const struct range none[] = {{0x300, 0x36f},   {0x483, 0x489},   {0x591, 0x5bd},
                                        {0x610, 0x61a},   {0x64b, 0x65f},   {0x1ab0, 0x1aff},
                                        {0x1dc0, 0x1dff}, {0x200b, 0x200f}, {0x20d0, 0x20ff},
                                        {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f}, {0xe0100, 0xe01ef}};
    static const struct range two[] = {{0x1100, 0x115f},   {0x2e80, 0x303e},   {0x3041, 0xa4cf},
                                       {0xa960, 0xa97f},   {0xac00, 0xd7a3},   {0xf900, 0xfaff},
                                       {0xfe30, 0xfe6f},   {0xff00, 0xff60},   {0xffe0, 0xffe6},
                                       {0x1f300, 0x1f64f}, {0x1f680, 0x1f6ff}, {0x1f900, 0x1faff},
                                       {0x20000, 0x3fffd}};

    if (cp < 0x300)
        return 1;
    if (is_in(none, sizeof none / sizeof *none, cp))
        return 0;
    return is_in(two, sizeof two / sizeof *two, cp) ? 2 : 1;
}

size_t mi_text_cut(const char *s, size_t len, int columns)
{
    size_t at = 0;

    while (at < len) {
        uint32_t cp;
        int n = mi_utf8_decode(s + at, len - at, &cp), w = n ? width_of(cp) : 1;

        if (w > columns)
            break;
        columns -= w;
        at += n ? (size_t)n : 1;
    }
    return at;
}

int mi_text_width(const char *s, size_t len)
{
    int width = 0;

    for (size_t at = 0; at < len;) {
        uint32_t cp;
        int n = mi_utf8_decode(s + at, len - at, &cp);

        width += n ? width_of(cp) : 1;
        at += n ? (size_t)n : 1;
    }
    return width;
}

void mi_add_safe(struct mi_buf *b, const char *s, size_t len)
{
    size_t room = 10 * len + 8; /* the longest escape of one byte is \u{NNNNNN} */
    size_t from = b->len;

    mi_buf_more(b, room);
    mi_escape(b->data + from, room, s, len);
    b->len = from + strlen(b->data + from);
}

void mi_add_padded(struct mi_buf *b, const char *s, size_t len, int columns, bool is_right,
                   const struct mi_style *style)
{
    const char *dots = style->is_ascii ? "..." : "\xe2\x80\xa6";
    struct mi_buf text = {0};
    int width, n_dots = style->is_ascii ? 3 : 1;

    mi_add_safe(&text, s, len);
    width = mi_text_width(text.data, text.len);
    if (width > columns) {
        bool has_dots = columns > n_dots;

        text.len = mi_text_cut(text.data, text.len, has_dots ? columns - n_dots : columns);
        if (has_dots)
            mi_buf_add_text(&text, dots);
        width = mi_text_width(text.data, text.len);
    }
    for (int i = width; is_right && i < columns; i++)
        mi_buf_add_char(b, ' ');
    mi_buf_add(b, text.data, text.len);
    for (int i = width; !is_right && i < columns; i++)
        mi_buf_add_char(b, ' ');
    mi_buf_free(&text);
}
