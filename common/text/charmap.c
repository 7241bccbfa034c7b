#include "text/charmap.h"

#include "base/escape.h"
#include "base/mem.h"

#include <string.h>

static uint32_t read_u32(const char *s)
{
    const unsigned char *b = (const unsigned char *)s;

    return b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

int mi_charmap_init(struct mi_charmap *m, const char *blob, size_t len, struct mi_error *err)
{
    size_t size;

    *m = (struct mi_charmap){0};
    if (len < 4 || read_u32(blob) % 4 != 0 || read_u32(blob) > len - 4)
        return mi_fail(err, MI_EXIT_DATA, "map of characters: %zu bytes are cut or no map", len);
    size = read_u32(blob);
    m->n_units = size / 4;
    m->unit = mi_alloc_n(m->n_units, sizeof *m->unit);
    for (size_t i = 0; i < m->n_units; i++)
        m->unit[i] = read_u32(blob + 4 + 4 * i);
    m->text_len = len - 4 - size;
    m->text = mi_strndup(blob + 4 + size, m->text_len);
    /* A text is cut out between NULs: valid as a whole, each is valid. */
    if (mi_utf8_valid(m->text, m->text_len) != m->text_len) {
        mi_charmap_free(m);
        return mi_fail(err, MI_EXIT_DATA, "map of characters: its texts are not UTF-8");
    }
    return 0;
}

static uint32_t offset_of(uint32_t unit)
{
    return unit >> 10 << ((unit & 512) >> 6);
}

bool mi_charmap_find(const struct mi_charmap *m, const char *s, size_t len, bool shortest,
                     size_t *used, const char **to, size_t *to_len)
{
    size_t at = 0, value = SIZE_MAX;

    if (m->n_units == 0)
        return false;
    at = offset_of(m->unit[0]);
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)s[i];
        uint32_t unit;

        at ^= c;
        if (c == 0 || at >= m->n_units)
            break;
        unit = m->unit[at];
        if ((unit & 0x800000ff) != c)
            break;
        at ^= offset_of(unit);
        if (unit & 256 && at < m->n_units) {
            value = m->unit[at] & 0x7fffffff;
            *used = i + 1;
            if (shortest)
                break;
        }
    }
    if (value >= m->text_len)
        return false;
    /* A value from a lying file may point into a character. */
    if (((unsigned char)m->text[value] & 0xc0) == 0x80)
        return false;
    *to = m->text + value;
    *to_len = strlen(*to);
    return true;
}

void mi_charmap_free(struct mi_charmap *m)
{
    mi_free(m->unit);
    mi_free(m->text);
    *m = (struct mi_charmap){0};
}
