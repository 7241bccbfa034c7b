#include "text/unicode.h"

#include "base/escape.h"
#include "base/mem.h"
#include "text/unicode_table.h"

#include <string.h>
#include <utf8proc.h>

/* ---- classes ------------------------------------------------------------------ */

/* 0 other, 1 letter, 2 number: of the last run that starts at or before cp. */
static unsigned class_of(uint32_t cp)
{
    size_t lo = 0, hi = mi_unicode_n_starts;

    while (hi - lo > 1) {
        size_t mid = lo + (hi - lo) / 2;

        if (mi_unicode_starts[mid] >> 2 <= cp)
            lo = mid;
        else
            hi = mid;
    }
    return mi_unicode_starts[lo] & 3;
}

bool mi_is_letter(uint32_t cp)
{
    if (cp < 0x80)
        return (cp | 0x20) >= 'a' && (cp | 0x20) <= 'z';
    return class_of(cp) == 1;
}

bool mi_is_number(uint32_t cp)
{
    if (cp < 0x80)
        return cp >= '0' && cp <= '9';
    return class_of(cp) == 2;
}

bool mi_is_space(uint32_t cp)
{
    if (cp < 0x80)
        return cp == ' ' || (cp >= '\t' && cp <= '\r');
    return cp == 0x85 || cp == 0xa0 || cp == 0x1680 || (cp >= 0x2000 && cp <= 0x200a) ||
           cp == 0x2028 || cp == 0x2029 || cp == 0x202f || cp == 0x205f || cp == 0x3000;
}

static utf8proc_category_t category(uint32_t cp)
{
    return utf8proc_category((utf8proc_int32_t)cp);
}

bool mi_is_decimal(uint32_t cp)
{
    return cp < 0x80 ? cp >= '0' && cp <= '9' : category(cp) == UTF8PROC_CATEGORY_ND;
}

bool mi_is_mark(uint32_t cp)
{
    utf8proc_category_t c;

    if (cp < 0x300)
        return false;
    c = category(cp);
    return c == UTF8PROC_CATEGORY_MN || c == UTF8PROC_CATEGORY_MC || c == UTF8PROC_CATEGORY_ME;
}

bool mi_is_nonspacing(uint32_t cp)
{
    return cp >= 0x300 && category(cp) == UTF8PROC_CATEGORY_MN;
}

bool mi_is_punctuation(uint32_t cp)
{
    if (cp < 0x80)
        return cp > ' ' && cp < 0x7f && !mi_is_letter(cp) && !mi_is_number(cp);
    switch (category(cp)) {
    case UTF8PROC_CATEGORY_PC:
    case UTF8PROC_CATEGORY_PD:
    case UTF8PROC_CATEGORY_PS:
    case UTF8PROC_CATEGORY_PE:
    case UTF8PROC_CATEGORY_PI:
    case UTF8PROC_CATEGORY_PF:
    case UTF8PROC_CATEGORY_PO: return true;
    default: return false;
    }
}

bool mi_is_control(uint32_t cp)
{
    switch (category(cp)) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_CS: return true;
    default: return false;
    }
}

bool mi_is_word(uint32_t cp)
{
    if (mi_is_letter(cp) || mi_is_mark(cp) || cp == '_' || cp == 0x200c || cp == 0x200d)
        return true;
    if ((cp >= 0x24b6 && cp <= 0x24e9) || (cp >= 0x1f130 && cp <= 0x1f149) ||
        (cp >= 0x1f150 && cp <= 0x1f169) || (cp >= 0x1f170 && cp <= 0x1f189))
        return true; /* letters in circles and squares */
    switch (category(cp)) {
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_PC: return true;
    default: return false;
    }
}

size_t mi_grapheme(const char *s, size_t len)
{
    uint32_t last = 0, next = 0;
    utf8proc_int32_t state = 0;
    int used = mi_utf8_decode(s, len, &last);
    size_t i = used > 0 ? (size_t)used : 1;

    for (; i < len; i += (size_t)used, last = next) {
        used = mi_utf8_decode(s + i, len - i, &next);
        if (used <= 0 || utf8proc_grapheme_break_stateful((utf8proc_int32_t)last,
                                                          (utf8proc_int32_t)next, &state))
            break;
    }
    return i;
}

int mi_char_width(uint32_t cp)
{
    int w;

    if (cp >= 0x20 && cp < 0x7f)
        return 1;
    w = utf8proc_charwidth((utf8proc_int32_t)cp);
    return w < 0 ? 0 : w > 2 ? 2 : w;
}

/* ---- normal forms -------------------------------------------------------------- */

bool mi_nfc_starts(uint32_t cp)
{
    if (cp < 0x300)
        return true;
    if (cp >= 0x1160 && cp <= 0x11ff) /* vowels and finals of Hangul */
        return false;
    if (cp >= 0x16d63 && cp <= 0x16d6a) /* Kirat Rai vowels, which newer versions join */
        return false;
    return !mi_is_mark(cp);
}

static unsigned rank_of(utf8proc_int32_t cp)
{
    return cp < 0x300 ? 0 : (unsigned)utf8proc_get_property(cp)->combining_class & 255;
}

/* Sorts x [n] by combining class and keeps the order of equal ones. Short runs by insertion;
 * long ones, which only hostile text has, by counting. */
static void sort_marks(utf8proc_int32_t *x, size_t n)
{
    size_t start[257] = {0};
    utf8proc_int32_t *y;

    if (n <= 16) {
        for (size_t i = 1; i < n; i++) {
            utf8proc_int32_t v = x[i];
            size_t k = i;

            for (; k > 0 && rank_of(x[k - 1]) > rank_of(v); k--)
                x[k] = x[k - 1];
            x[k] = v;
        }
        return;
    }
    y = mi_alloc_n(n, sizeof *y);
    for (size_t i = 0; i < n; i++)
        start[rank_of(x[i]) + 1]++;
    for (int c = 0; c < 256; c++)
        start[c + 1] += start[c];
    for (size_t i = 0; i < n; i++)
        y[start[rank_of(x[i])]++] = x[i];
    memcpy(x, y, n * sizeof *x);
    mi_free(y);
}

static void order_marks(utf8proc_int32_t *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t end = i;

        while (end < n && rank_of(x[end]) != 0)
            end++;
        if (end - i > 1)
            sort_marks(x + i, end - i);
        if (end > i)
            i = end - 1;
    }
}

bool mi_form_starts(uint32_t cp, enum mi_form form)
{
    utf8proc_int32_t x[32];

    if (form < MI_NFKC || cp < 0xa0)
        return mi_nfc_starts(cp);
    /* a letter of half width may decompose to a mark */
    if (utf8proc_decompose_char((utf8proc_int32_t)cp, x, 32, UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT,
                                NULL) < 1)
        return mi_nfc_starts(cp);
    return mi_nfc_starts((uint32_t)x[0]);
}

void mi_normal_form(struct mi_buf *b, const char *s, size_t len, enum mi_form form)
{
    const int options = UTF8PROC_DECOMPOSE | (form >= MI_NFKC ? UTF8PROC_COMPAT : 0);
    utf8proc_int32_t *x = NULL;
    size_t n = 0, cap = 0, plain = 0;
    utf8proc_ssize_t left;

    while (plain < len && !(s[plain] & 0x80))
        plain++;
    if (plain == len) {
        mi_buf_add(b, s, len);
        return;
    }
    for (size_t i = 0; i < len;) {
        uint32_t cp = 0;
        int used = mi_utf8_decode(s + i, len - i, &cp);
        utf8proc_ssize_t k;

        x = mi_grow(x, &cap, n + 32, sizeof *x); /* the longest decomposition has 18 */
        k = utf8proc_decompose_char((utf8proc_int32_t)cp, x + n, 32, (utf8proc_option_t)options,
                                    NULL);
        n += k > 0 && k <= 32 ? (size_t)k : 0;
        i += used > 0 ? (size_t)used : 1;
    }
    order_marks(x, n);
    left = (utf8proc_ssize_t)n;
    if (form == MI_NFC || form == MI_NFKC)
        left = utf8proc_normalize_utf32(x, left, UTF8PROC_COMPOSE | UTF8PROC_STABLE);
    for (utf8proc_ssize_t i = 0; i < left; i++) {
        char bytes[4];

        mi_buf_add(b, bytes, (size_t)mi_utf8_encode((uint32_t)x[i], bytes));
    }
    mi_free(x);
}

void mi_nfc(struct mi_buf *b, const char *s, size_t len)
{
    mi_normal_form(b, s, len, MI_NFC);
}

/* ---- folding -------------------------------------------------------------------- */

void mi_fold(struct mi_buf *b, const char *s, size_t len)
{
    for (size_t i = 0; i < len;) {
        utf8proc_int32_t x[32]; /* the longest folding has 18 */
        utf8proc_ssize_t n;
        uint32_t cp = 0;
        int used = mi_utf8_decode(s + i, len - i, &cp);

        n = utf8proc_decompose_char((utf8proc_int32_t)cp, x, 32,
                                    UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT | UTF8PROC_CASEFOLD, NULL);
        for (utf8proc_ssize_t k = 0; k < n && k < 32; k++) {
            char bytes[4];

            if (x[k] < 0x300 || x[k] > 0x36f)
                mi_buf_add(b, bytes, (size_t)mi_utf8_encode((uint32_t)x[k], bytes));
        }
        i += used > 0 ? (size_t)used : 1;
    }
}

/* ---- upper, lower and title case, one code point at a time ---- */

int mi_to_upper(uint32_t cp, uint32_t out[3])
{
    int n = mi_unicode_several(cp, out);

    if (n == 0)
        out[n++] = (uint32_t)utf8proc_toupper((utf8proc_int32_t)cp);
    return n;
}

int mi_to_lower(uint32_t cp, uint32_t out[3])
{
    out[0] = (uint32_t)utf8proc_tolower((utf8proc_int32_t)cp);
    if (cp != 0x130) /* I with a dot */
        return 1;
    out[0] = 'i';
    out[1] = 0x307;
    return 2;
}

int mi_to_title(uint32_t cp, uint32_t out[3])
{
    uint32_t title = (uint32_t)utf8proc_totitle((utf8proc_int32_t)cp);
    int n = title == cp ? mi_unicode_several(cp, out) : 0;

    if (n == 0)
        out[n++] = title;
    for (int i = 1; i < n && cp != 0x149; i++)
        out[i] = (uint32_t)utf8proc_tolower((utf8proc_int32_t)out[i]);
    return n;
}

enum mi_letter_case mi_case_of(uint32_t cp)
{
    switch (utf8proc_category((utf8proc_int32_t)cp)) {
    case UTF8PROC_CATEGORY_LU: return MI_CASE_UPPER;
    case UTF8PROC_CATEGORY_LL: return MI_CASE_LOWER;
    case UTF8PROC_CATEGORY_LT: return MI_CASE_TITLE;
    default: break;
    }
    if (utf8proc_tolower((utf8proc_int32_t)cp) != (utf8proc_int32_t)cp)
        return MI_CASE_UPPER;
    /* ordinal indicators, modifier letters */
    if (cp == 0xaa || cp == 0xba || (cp >= 0x2b0 && cp <= 0x2b8) ||
        utf8proc_toupper((utf8proc_int32_t)cp) != (utf8proc_int32_t)cp)
        return MI_CASE_LOWER;
    return MI_CASE_NONE;
}

bool mi_is_printable(uint32_t cp)
{
    if (cp < 0x7f)
        return cp >= ' ';
    switch (utf8proc_category((utf8proc_int32_t)cp)) {
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
    case UTF8PROC_CATEGORY_ZS: return false;
    default: return true;
    }
}
