#include "text/bytemap.h"

#include "base/escape.h"

/* Printable characters stand for themselves; the other 68 bytes are the characters from 256
 * on, in order. */
static int byte_of(uint32_t cp)
{
    if ((cp >= 33 && cp <= 126) || (cp >= 161 && cp <= 172) || (cp >= 174 && cp <= 255))
        return (int)cp;
    if (cp >= 256 && cp < 256 + 33)
        return (int)cp - 256;
    if (cp >= 289 && cp < 289 + 34)
        return (int)cp - 289 + 127;
    return cp == 323 ? 173 : -1;
}

uint32_t mi_bytemap_char(unsigned char byte)
{
    if (byte <= 32)
        return 256u + byte;
    if (byte >= 127 && byte <= 160)
        return 289u + byte - 127;
    return byte == 173 ? 323 : byte;
}

bool mi_bytemap_decode(struct mi_buf *b, const char *s, size_t len)
{
    size_t before = b->len;

    for (size_t i = 0; i < len;) {
        uint32_t cp;
        int used = mi_utf8_decode(s + i, len - i, &cp);
        int byte = used > 0 ? byte_of(cp) : -1;

        if (byte < 0) {
            b->len = before;
            return false;
        }
        mi_buf_add_char(b, (char)byte);
        i += (size_t)used;
    }
    return true;
}
