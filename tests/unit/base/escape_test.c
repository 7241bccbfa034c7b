#include "base/error.h"
#include "base/escape.h"

#include "../tap.h"

#include <errno.h>
#include <string.h>

static bool escapes_to(const char *src, size_t len, const char *want)
{
    char text[64];

    mi_escape(text, sizeof text, src, len);
    if (strcmp(text, want) != 0)
        diag("got %s", text);
    return strcmp(text, want) == 0;
}

static void test_code_points(void)
{
    char s[4];
    uint32_t back;
    int bad = 0;

    for (uint32_t cp = 0; cp <= 0x10ffff; cp++) {
        int n;

        if (cp >= 0xd800 && cp <= 0xdfff)
            continue;
        n = mi_utf8_encode(cp, s);
        bad += mi_utf8_decode(s, (size_t)n, &back) != n || back != cp;
        for (int k = 1; k < n; k++) {
            bad += mi_utf8_decode(s, (size_t)k, &back) != 0;
            bad += mi_utf8_whole(s, (size_t)k) != 0;
        }
        bad += mi_utf8_whole(s, (size_t)n) != (size_t)n;
    }
    ok(bad == 0, "every code point encodes and decodes; its parts are unfinished (%d)", bad);
}

/* Counts what a plain reading of the standard's table 3-7 allows for three and four bytes. */
static void test_all_sequences(void)
{
    int two = 0, three = 0, four = 0;
    uint32_t cp;

    for (int a = 0x80; a < 256; a++)
        for (int b = 0; b < 256; b++) {
            char s[4] = {(char)a, (char)b, (char)0x80, (char)0x80};

            two += mi_utf8_decode(s, 2, &cp) == 2;
            three += mi_utf8_decode(s, 3, &cp) == 3;
            four += mi_utf8_decode(s, 4, &cp) == 4;
        }
    /* C2..DF x 64; E0 x 32 + ED x 32 + 14 x 64; F0 x 48 + F1..F3 x 64 + F4 x 16 */
    ok(two == 30 * 64, "two bytes: %d", two);
    ok(three == 32 + 32 + 14 * 64, "three bytes: %d", three);
    ok(four == 48 + 3 * 64 + 16, "four bytes: %d", four);
}

static void test_valid(void)
{
    ok(mi_utf8_valid("caf\xc3\xa9", 5) == 5, "valid text is valid");
    ok(mi_utf8_valid("caf\xc3", 4) == 3, "a cut one is valid before the cut");
    ok(mi_utf8_valid("a\xc0\x80", 3) == 1, "overlong NUL is not valid");
    ok(mi_utf8_valid("\xed\xa0\x80", 3) == 0, "a surrogate is not valid");
    ok(mi_utf8_valid("\xf4\x90\x80\x80", 4) == 0, "above U+10FFFF is not valid");
    ok(mi_utf8_whole("a\xff", 2) == 2, "an invalid byte at the end is finished");
    ok(mi_utf8_whole("a\xe2\x82", 3) == 1, "an unfinished one is left out");
    ok(mi_utf8_whole("\xe0\x80", 2) == 2, "what cannot be finished is finished");
    ok(mi_utf8_whole("\x80\x80\x80\x80", 4) == 4, "continuation bytes alone are finished");
    ok(mi_utf8_whole("", 0) == 0, "nothing is whole");
}

static void test_escape(void)
{
    char text[12];

    ok(escapes_to("plain \\ text", 12, "plain \\ text"), "plain text stays");
    ok(escapes_to("a\nb\tc\rd", 7, "a\\nb\\tc\\rd"), "line controls have letters");
    ok(escapes_to("\x1b[31m\x7f", 6, "\\x1b[31m\\x7f"), "escape and DEL are spelt out");
    ok(escapes_to("\0", 1, "\\x00"), "NUL is spelt out");
    ok(escapes_to("\xc2\x9b", 2, "\\u{009b}"), "C1 is spelt out");
    ok(escapes_to("\xe2\x80\xae", 3, "\\u{202e}"), "bidirectional override is spelt out");
    ok(escapes_to("\xff\xe4\xb8\xad", 4, "\\xff\xe4\xb8\xad"), "an invalid byte is spelt out");
    ok(strcmp(mi_escape(text, 12, "12345678901", 11), "12345678901") == 0, "what fits stays");
    ok(strcmp(mi_escape(text, 12, "123456789012", 12), "12345678...") == 0, "else it is cut");
    ok(strcmp(mi_escape(text, 12, "1234567\n\n\n\n", 11), "1234567...") == 0,
       "an escape is not cut in two");
    ok(strcmp(mi_escape(text, 12, "123456\xe4\xb8\xad\xe4\xb8\xad\xe4\xb8\xad", 15), "123456...") ==
           0,
       "nor is a code point");
}

static void test_quote_and_error(void)
{
    struct mi_error err = {0};
    char longer[400], four[5];

    snprintf(four, sizeof four, "%s%s%s%s", mi_quote("a"), mi_quote("b"), mi_quote("c"),
             mi_quote("d"));
    ok(strcmp(four, "abcd") == 0, "four quotes stand side by side");
    memset(longer, 'x', sizeof longer);
    longer[399] = '\0';
    ok(strlen(mi_quote(longer)) == 203, "a quote is cut at 200 bytes");
    ok(mi_fail(&err, MI_EXIT_DATA, "'%s': cut\n", "f") == -3, "mi_fail returns the code");
    ok(strcmp(err.text, "'f': cut\\n") == 0 && err.code == 3, "and keeps one line: %s", err.text);
    ok(mi_fail_in(&err, "record %d", 7) == -3, "mi_fail_in returns it again");
    ok(strcmp(err.text, "record 7: 'f': cut\\n") == 0, "and puts a prefix: %s", err.text);
    ok(mi_fail(&err, MI_EXIT_SYS, "again: %s", err.text) == -4, "a text may contain itself");
    ok(strcmp(err.text, "again: record 7: 'f': cut\\n") == 0, "%s", err.text);
    errno = ENOENT;
    mi_fail(&err, MI_EXIT_SYS, "cannot open '%s':", "f");
    ok(strcmp(err.text, "cannot open 'f': No such file or directory") == 0, "%s", err.text);
    ok(mi_fail(NULL, MI_EXIT_DATA, "x") == -3, "no place for the text is fine");
    for (int i = 0; i < 100; i++)
        mi_fail_in(&err, "a prefix that is long %d", i);
    ok(strlen(err.text) < sizeof err.text, "many prefixes are cut");
}

int main(void)
{
    plan(36);
    test_code_points();
    test_all_sequences();
    test_valid();
    test_escape();
    test_quote_and_error();
    return done();
}
