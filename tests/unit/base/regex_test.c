#include "base/mem.h"
#include "base/regex.h"

#include "../tap.h"

#include <string.h>

/* All matches as "[a][b]" into text [size]; "error" when a limit was hit. */
static const char *all(const char *pattern, const char *s, size_t len, char *text, size_t size)
{
    struct mi_regex re;
    struct mi_error err = {0};
    size_t at = 0, b, e, used = 0;
    int r;

    text[0] = '\0';
    if (mi_regex_compile(&re, pattern, &err) < 0) {
        diag("%s", err.text);
        return "error";
    }
    while ((r = mi_regex_find(&re, s, len, at, &b, &e, &err)) > 0 && used < size) {
        used += (size_t)snprintf(text + used, size - used, "[%.*s]", (int)(e - b), s + b);
        at = e > b ? e : e + 1;
        if (at > len)
            break;
    }
    mi_regex_free(&re);
    return r < 0 ? "error" : text;
}

static bool gives(const char *pattern, const char *s, const char *want)
{
    char text[400];
    const char *got = all(pattern, s, strlen(s), text, sizeof text);

    if (strcmp(got, want) != 0)
        diag("got %s", got);
    return strcmp(got, want) == 0;
}

static const char gpt2[] =
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

static void test_matches(void)
{
    ok(gives(gpt2, "It's 2024,  a caf\xc3\xa9  ", "[It]['s][ 2024][,][ ][ a][ caf\xc3\xa9][  ]"),
       "the GPT-2 pre-tokenizer");
    ok(gives("\\p{White_Space}+",
             "a\xe2\x80\x83\xc2\xa0"
             "b\xc2\x85"
             "c",
             "[\xe2\x80\x83\xc2\xa0][\xc2\x85]"),
       "the property White_Space");
    ok(gives("\\w+", "\xd0\xb6\xd1\x91 x", "[\xd0\xb6\xd1\x91][x]"), "words of other scripts");
    ok(gives("x*", "ab", "[][][]"), "empty matches are reported");
    ok(gives("(?<=a)b", "ab", "[b]"), "what stands before is seen");
    ok(gives("(?i)\xc3\x89", "\xc3\xa9", "[\xc3\xa9]"), "case of other scripts");
    ok(gives("$", "", "[]"), "nothing matches in nothing");
    ok(gives("q", "abc", ""), "no match");
}

static void test_refusals(void)
{
    struct mi_regex re = {0};
    struct mi_error err = {0};
    char *longer = mi_alloc(10001);

    memset(longer, 'a', 10000);
    longer[10000] = '\0';
    ok(mi_regex_compile(&re, "(", &err) == -3, "%s", err.text);
    ok(mi_regex_compile(&re, "a\\Cb", &err) == -3, "%s", err.text);
    ok(mi_regex_compile(&re, "a(?C1)b", &err) == -3, "%s", err.text);
    ok(mi_regex_compile(&re, "\xff", &err) == -3, "%s", err.text);
    ok(mi_regex_compile(&re, longer, &err) == -3, "%s", err.text);
    mi_regex_free(&re);
    mi_free(longer);
}

/* Doubling the work of a catastrophic pattern must end in an error, not in hours. */
static void test_limits(void)
{
    char text[64], *run = mi_alloc(262144);

    memset(run, 'a', 262144);
    ok(strcmp(all("(a+)+$", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", 49, text, 64),
              "error") == 0,
       "endless backtracking is an error");
    ok(strcmp(all(gpt2, run, 262144, text, sizeof text), "error") != 0, "a long run is not");
    memset(run, ' ', 262144);
    ok(strcmp(all(gpt2, run, 262144, text, sizeof text), "error") != 0, "nor are many spaces");
    mi_free(run);
}

int main(void)
{
    plan(16);
    test_matches();
    test_refusals();
    test_limits();
    return done();
}
