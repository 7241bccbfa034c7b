/* Stop strings and characters across pieces. */
#include "../tap.h"

#include "job/answer.h"

#include <string.h>

static bool is_text(const char *at, size_t n, const char *want)
{
    bool same = n == strlen(want) && (n == 0 || memcmp(at, want, n) == 0);

    if (!same)
        diag("'%.*s' is not '%s'", (int)n, at, want);
    return same;
}

static bool add(struct mi_answer *a, const char *piece, const struct mi_stops *stops)
{
    return mi_answer_add(a, piece, strlen(piece), stops);
}

static bool shows(struct mi_answer *a, const struct mi_stops *stops, bool is_end, const char *want)
{
    const char *at;
    size_t n = mi_answer_take(a, stops, is_end, &at);

    return is_text(at, n, want);
}

static void check_stops(void)
{
    static const char *const list[] = {"END", "\n\n"};
    struct mi_stops stops = {list, 2};
    struct mi_answer a = {0};

    ok(!add(&a, "one E", &stops) && shows(&a, &stops, false, "one "), "a start of a stop is held");
    ok(!add(&a, "N", &stops) && shows(&a, &stops, false, ""), "and held");
    ok(!add(&a, "X", &stops) && shows(&a, &stops, false, "ENX"), "and let go when it is none");
    ok(add(&a, "y EN\n\nD END", &stops), "a stop string is found in the middle of a piece");
    ok(shows(&a, &stops, true, "y EN"), "the text ends before the earliest");
    ok(is_text(a.bytes.data, a.bytes.len, "one ENXy EN"), "the whole text");
    mi_answer_free(&a);

    ok(!add(&a, "aE", &stops) && !add(&a, "N", &stops) && add(&a, "Dz", &stops),
       "a stop string across three pieces");
    ok(is_text(a.bytes.data, a.bytes.len, "a"), "is cut off whole");
    mi_answer_free(&a);
    ok(!add(&a, "\n", &stops) && shows(&a, &stops, false, "") && shows(&a, &stops, true, "\n"),
       "what was held comes at the end");
    mi_answer_free(&a);
}

static void check_characters(void)
{
    struct mi_stops none = {0};
    struct mi_answer a = {0};
    struct mi_buf text = {0};

    ok(!add(&a, "na\xc3", &none) && shows(&a, &none, false, "na"), "half a character waits");
    ok(!add(&a, "\xaf", &none) && shows(&a, &none, false, "\xc3\xaf"), "for its other half");
    ok(!add(&a, "ve \xf0\x9f\x98", &none) && shows(&a, &none, false, "ve "), "three of four bytes");
    mi_answer_text(&a, &text);
    ok(is_text(text.data, text.len, "na\xc3\xafve \xef\xbf\xbd"), "an unfinished one is U+FFFD");
    mi_buf_free(&text);
    mi_answer_free(&a);
}

/* Expected: Python's bytes.decode("utf-8", "replace"), which follows the same rule. */
static void check_repair(void)
{
    static const struct {
        const char *bytes, *text;
    } row[] = {
        {"", ""},
        {"abc", "abc"},
        {"a\xff", "a\xef\xbf\xbd"},
        {"\xc3\x28", "\xef\xbf\xbd("},
        {"\xe2\x82", "\xef\xbf\xbd"},
        {"\xe2\x82(", "\xef\xbf\xbd("},
        {"\xf0\x9f\x98x", "\xef\xbf\xbdx"},
        {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xc0\x80", "\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xf5\x80", "\xef\xbf\xbd\xef\xbf\xbd"},
        {"\x80\x80z", "\xef\xbf\xbd\xef\xbf\xbdz"},
        {"\xf0\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
    };

    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        struct mi_buf b = {0};

        mi_text_repair(&b, row[i].bytes, strlen(row[i].bytes));
        ok(is_text(b.data, b.len, row[i].text), "repair row %zu", i);
        mi_buf_free(&b);
    }
}

int main(void)
{
    plan(9 + 4 + 12);
    check_stops();
    check_characters();
    check_repair();
    return done();
}
