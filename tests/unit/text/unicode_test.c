#include "text/unicode.h"

#include "../tap.h"
#include "base/escape.h"
#include "base/mem.h"
#include "base/rng.h"

#include <string.h>

static void test_classes(void)
{
    int letters = 0, numbers = 0, spaces = 0, both = 0;

    for (uint32_t cp = 0; cp < 0x110000; cp++) {
        letters += mi_is_letter(cp);
        numbers += mi_is_number(cp);
        spaces += mi_is_space(cp);
        both += mi_is_letter(cp) + mi_is_number(cp) + mi_is_space(cp) > 1;
    }
    /* counts of Unicode 16: DerivedGeneralCategory.txt and PropList.txt */
    ok(letters == 141028, "%d letters", letters);
    ok(numbers == 1911, "%d numbers", numbers);
    ok(spaces == 25, "%d spaces", spaces);
    ok(both == 0, "no code point is two of them");
    ok(mi_is_letter(0x4e00) && mi_is_letter(0x1d518) && mi_is_letter(0x323af) && mi_is_letter(0xaa),
       "letters of all planes");
    ok(mi_is_number(0x664) && mi_is_number(0x2167) && mi_is_number(0xbd) && !mi_is_number(0x4e00),
       "numbers");
    ok(mi_is_space(0x85) && mi_is_space(0x3000) && !mi_is_space(0x180e) && !mi_is_space(0x200b),
       "spaces");
    ok(!mi_is_letter(0x301) && !mi_is_letter(0x10ffff) && !mi_is_letter(0xe000), "neither");
}

static bool nfc_is(const char *s, const char *want)
{
    struct mi_buf b = {0};
    bool same;

    mi_nfc(&b, s, strlen(s));
    same = strcmp(mi_buf_text(&b), want) == 0;
    mi_buf_free(&b);
    return same;
}

static void test_nfc(void)
{
    ok(nfc_is("", "") && nfc_is("abc", "abc"), "plain text stays");
    ok(nfc_is("e\xcc\x81", "\xc3\xa9"), "letter and mark join");
    ok(nfc_is("a\xcc\x88\xcc\xa3", "\xe1\xba\xa1\xcc\x88"), "marks are ordered first");
    ok(nfc_is("\xe2\x84\xab", "\xc3\x85"), "a singleton is replaced");
    ok(nfc_is("\xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab", "\xed\x95\x9c"), "Hangul is composed");
    ok(nfc_is("\xe0\xa5\x98", "\xe0\xa4\x95\xe0\xa4\xbc"), "exclusions stay apart");
    ok(nfc_is("\xcc\x81x", "\xcc\x81x"), "a mark at the start stays");
    ok(nfc_is("\xef\xac\x81", "\xef\xac\x81"), "a ligature stays");
}

/* Text may be cut before every code point that mi_nfc_starts names. */
static void test_cuts(void)
{
    static const uint32_t pool[] = {'a',    'e',    0x301,  0x327,  0x323,  0x345,   0x1100,
                                    0x1161, 0x11a8, 0xac00, 0x9c7,  0x9be,  0xf71,   0xf72,
                                    0xf74,  0x1e9b, 0x212b, 0x3099, 0x304b, 0x110b9, 0x110ba};
    struct mi_rng r = mi_rng_make(1, "nfc", "cuts");
    int wrong = 0;

    for (int k = 0; k < 20000; k++) {
        struct mi_buf text = {0}, whole = {0}, parts = {0};
        size_t from = 0;

        for (uint64_t n = mi_rng_below(&r, 40); n > 0; n--) {
            char bytes[4];
            uint32_t cp = pool[mi_rng_below(&r, sizeof pool / sizeof pool[0])];

            if (mi_nfc_starts(cp)) {
                mi_nfc(&parts, text.data ? text.data + from : "", text.len - from);
                from = text.len;
            }
            mi_buf_add(&text, bytes, (size_t)mi_utf8_encode(cp, bytes));
        }
        mi_nfc(&parts, text.data ? text.data + from : "", text.len - from);
        mi_nfc(&whole, text.data ? text.data : "", text.len);
        wrong += whole.len != parts.len ||
                 (whole.len > 0 && memcmp(whole.data, parts.data, whole.len) != 0);
        mi_buf_free(&text);
        mi_buf_free(&whole);
        mi_buf_free(&parts);
    }
    ok(wrong == 0, "normal forms of the parts make that of the whole (%d do not)", wrong);
}

int main(void)
{
    test_classes();
    test_nfc();
    test_cuts();
    ok(mi_char_width('a') == 1 && mi_char_width(0x4e00) == 2 && mi_char_width(0x301) == 0 &&
           mi_char_width(0x1f600) == 2 && mi_char_width(7) == 0,
       "widths");
    return done();
}
