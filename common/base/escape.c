#include "base/escape.h"

#include <stdio.h>
#include <string.h>

int mi_utf8_decode(const char *s, size_t len, uint32_t *cp)
{
    const unsigned char *u = (const unsigned char *)s;
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    uint32_t c;
    int n;

    if (len == 0)
        return 0;
    c = u[0];
    if (c < 0x80) {
        *cp = c;
        return 1;
    }
    if (c < 0xc2 || c > 0xf4)
        return 0;
    n = c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    if (len < (size_t)n)
        return 0;
    c &= 0x7fu >> n;
    for (int i = 1; i < n; i++) {
        if ((u[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (u[i] & 0x3fu);
    }
    if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
        return 0;
    *cp = c;
    return n;
}

int mi_utf8_encode(uint32_t cp, char *dst)
{
    if (cp < 0x80) {
        dst[0] = (char)cp;
        return 1;
    }
    if (cp < 0x800) {
        dst[0] = (char)(0xc0 | cp >> 6);
        dst[1] = (char)(0x80 | (cp & 0x3f));
        return 2;
    }
    if (cp < 0x10000) {
        dst[0] = (char)(0xe0 | cp >> 12);
        dst[1] = (char)(0x80 | (cp >> 6 & 0x3f));
        dst[2] = (char)(0x80 | (cp & 0x3f));
        return 3;
    }
    dst[0] = (char)(0xf0 | cp >> 18);
    dst[1] = (char)(0x80 | (cp >> 12 & 0x3f));
    dst[2] = (char)(0x80 | (cp >> 6 & 0x3f));
    dst[3] = (char)(0x80 | (cp & 0x3f));
    return 4;
}

size_t mi_utf8_valid(const char *s, size_t len)
{
    size_t i = 0;

    while (i < len) {
        uint32_t cp;
        int n = (unsigned char)s[i] < 0x80 ? 1 : mi_utf8_decode(s + i, len - i, &cp);

        if (n == 0)
            break;
        i += (size_t)n;
    }
    return i;
}

/* Can s [len < 4] be the start of a longer valid code point? Filling up with the
 * lowest and the highest continuation bytes covers the rules on second bytes. */
static bool may_go_on(const char *s, size_t len)
{
    for (int fill = 0x80; fill <= 0xbf; fill += 0x3f) {
        char t[4];
        uint32_t cp;

        memset(t, fill, sizeof t);
        memcpy(t, s, len);
        if (mi_utf8_decode(t, sizeof t, &cp) > (int)len)
            return true;
    }
    return false;
}

size_t mi_utf8_whole(const char *s, size_t len)
{
    for (size_t back = 1; back <= 3 && back <= len; back++) {
        unsigned char c = (unsigned char)s[len - back];

        if ((c & 0xc0) == 0x80)
            continue;
        return c >= 0xc2 && may_go_on(s + len - back, back) ? len - back : len;
    }
    return len;
}

/* Controls, and what turns the reading direction or hides on a terminal. */
static bool is_unsafe(uint32_t cp)
{
    return cp < 0x20 || (cp >= 0x7f && cp < 0xa0) || cp == 0x61c || cp == 0x200e || cp == 0x200f ||
           (cp >= 0x2028 && cp <= 0x202e) || (cp >= 0x2066 && cp <= 0x2069) || cp == 0xfeff;
}

/* Writes what stands for the start of s [len > 0] to piece [16]; returns the bytes read. */
static size_t take_piece(const char *s, size_t len, char *piece)
{
    uint32_t cp = 0;
    int n = mi_utf8_decode(s, len, &cp);

    if (n == 0) {
        snprintf(piece, 16, "\\x%02x", (unsigned)(unsigned char)*s);
        return 1;
    }
    if (!is_unsafe(cp)) {
        memcpy(piece, s, (size_t)n);
        piece[n] = '\0';
    } else if (cp == '\n' || cp == '\t' || cp == '\r') {
        snprintf(piece, 16, "\\%c", cp == '\n' ? 'n' : cp == '\t' ? 't' : 'r');
    } else if (cp < 0x80) {
        snprintf(piece, 16, "\\x%02x", (unsigned)cp);
    } else {
        snprintf(piece, 16, "\\u{%04x}", (unsigned)cp);
    }
    return (size_t)n;
}

char *mi_escape(char *dst, size_t size, const char *src, size_t len)
{
    size_t out = 0, cut = 0; /* cut: the last border with room for "..." behind it */

    for (size_t i = 0; i < len;) {
        char piece[16];
        size_t n;

        i += take_piece(src + i, len - i, piece);
        n = strlen(piece);
        if (out + n + 1 > size) {
            memcpy(dst + cut, "...", 4);
            return dst;
        }
        memcpy(dst + out, piece, n);
        out += n;
        if (out + 4 <= size)
            cut = out;
    }
    dst[out] = '\0';
    return dst;
}

void mi_escape_text(struct mi_buf *out, const char *src, size_t len)
{
    while (len > 0) {
        size_t n = 0;

        while (n < len && src[n] != '\n' && src[n] != '\t')
            n++;
        mi_buf_reserve(out, 10 * n + 8); /* a byte becomes at most "\u{10FFFF}" */
        mi_escape(out->data + out->len, 10 * n + 8, src, n);
        out->len += strlen(out->data + out->len);
        if (n < len)
            mi_buf_add_char(out, src[n++]);
        src += n;
        len -= n;
    }
}

const char *mi_quote(const char *s)
{
    static _Thread_local char text[4][204];
    static _Thread_local unsigned next;
    char *t = text[next++ % 4];

    return mi_escape(t, sizeof text[0], s, strlen(s));
}
