#include "text/mention.h"

#include "base/escape.h"
#include "text/unicode.h"

#include <stdbool.h>
#include <string.h>

static bool is_word(uint32_t cp)
{
    return mi_is_letter(cp) || mi_is_number(cp) || !mi_nfc_starts(cp);
}

/* Scripts whose words do not stand apart. Folding has taken Hangul syllables to pieces. */
static bool stands_alone(uint32_t cp)
{
    static const uint32_t range[][2] = {
        {0x0e00, 0x0eff},   /* Thai, Lao */
        {0x1000, 0x109f},   /* Myanmar */
        {0x1100, 0x11ff},   /* Hangul */
        {0x1780, 0x17ff},   /* Khmer */
        {0x2e80, 0x9fff},   /* Han, kana, bopomofo */
        {0xf900, 0xfaff},   /* Han */
        {0x20000, 0x3ffff}, /* Han */
    };

    for (size_t i = 0; i < sizeof range / sizeof *range; i++)
        if (cp >= range[i][0] && cp <= range[i][1])
            return true;
    return false;
}

void mi_words(struct mi_buf *b, const char *s, size_t len)
{
    struct mi_buf folded = {0};
    bool is_open = false; /* a word that may go on */

    mi_fold(&folded, s, len);
    mi_buf_clear(b);
    for (size_t i = 0; i < folded.len;) {
        uint32_t cp = 0;
        int used = mi_utf8_decode(folded.data + i, folded.len - i, &cp);
        size_t n = used > 0 ? (size_t)used : 1;
        bool is_one = is_word(cp), is_alone = is_one && stands_alone(cp);

        if (is_one && (!is_open || is_alone))
            mi_buf_add_char(b, ' ');
        if (is_one)
            mi_buf_add(b, folded.data + i, n);
        is_open = is_one && !is_alone;
        i += n;
    }
    if (b->len)
        mi_buf_add_char(b, ' ');
    mi_buf_free(&folded);
}

int64_t mi_mention(const struct mi_buf *text, const struct mi_buf *phrase)
{
    for (size_t i = 0; phrase->len && i + phrase->len <= text->len; i++) {
        const char *at = memchr(text->data + i, ' ', text->len - i);

        if (!at)
            break;
        i = (size_t)(at - text->data);
        if (i + phrase->len <= text->len && memcmp(at, phrase->data, phrase->len) == 0)
            return (int64_t)i;
    }
    return -1;
}
