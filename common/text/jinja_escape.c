/* The escapes of string literals, Python's. */
#include "base/buf.h"
#include "base/escape.h"
#include "text/jinja_lex.h"

#include <string.h>

static bool add_cp(struct mi_buf *b, uint32_t cp)
{
    char s[4];

    if (cp > 0x10ffff || (cp >= 0xd800 && cp < 0xe000))
        return false;
    mi_buf_add(b, s, (size_t)mi_utf8_encode(cp, s));
    return true;
}

/* `digits` of base 16 at s. */
static bool add_hex(struct mi_buf *b, const char *s, size_t len, size_t digits)
{
    uint32_t cp = 0;

    if (len < digits)
        return false;
    for (size_t i = 0; i < digits; i++) {
        const char *hex = "0123456789abcdef", *at;
        char c = (char)(s[i] >= 'A' && s[i] <= 'F' ? s[i] + 32 : s[i]);

        at = c ? strchr(hex, c) : NULL;
        if (!at)
            return false;
        cp = cp << 4 | (uint32_t)(at - hex);
    }
    return add_cp(b, cp);
}

bool mi_junescape(struct mi_buf *b, const char *s, size_t len)
{
    static const char plain[] = "\\'\"abfnrtv", meaning[] = "\\'\"\a\b\f\n\r\t\v";

    for (size_t i = 0; i < len; i++) {
        const char *at;
        char c;
        size_t digits;

        if (s[i] != '\\') {
            mi_buf_add_char(b, s[i]);
            continue;
        }
        if (++i == len)
            return false;
        c = s[i];
        at = strchr(plain, c);
        digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
        if (c && at) {
            mi_buf_add_char(b, meaning[at - plain]);
        } else if (c >= '0' && c <= '7') {
            uint32_t cp = 0;
            size_t n = 0;

            for (; n < 3 && i + n < len && s[i + n] >= '0' && s[i + n] <= '7'; n++)
                cp = 8 * cp + (uint32_t)(s[i + n] - '0');
            add_cp(b, cp);
            i += n - 1;
        } else if (digits) {
            if (!add_hex(b, s + i + 1, len - i - 1, digits))
                return false;
            i += digits;
        } else if (c == 'N') {
            return false; /* names of characters */
        } else if (c != '\n') {
            mi_buf_add_char(b, '\\');
            mi_buf_add_char(b, c);
        }
    }
    return true;
}
