#include "data/pull.h"

#include "../tap.h"
#include "data/json.h"

#include <stdlib.h>
#include <string.h>

/* Is the whole text one value? */
static bool accepts(const char *text, size_t len, struct mi_error *err)
{
    struct mi_pull p;
    int rc;

    mi_pull_init(&p, text, len, err);
    rc = mi_pull_skip(&p);
    if (rc == 0)
        rc = mi_pull_end(&p);
    mi_pull_free(&p);
    return rc == 0;
}

static const char *const good[] = {
    "null",
    " true ",
    "\n\t\r false",
    "0",
    "-0",
    "-0.5e+3",
    "1E9",
    "\"\"",
    "\"a\\u00e9\\n\\/\"",
    "\"\\ud83d\\ude00\"",
    "[]",
    "[ ]",
    "{}",
    "[1,2,[3,{}]]",
    "{\"a\":1,\"b\":[{\"c\":null}]}",
    " { \"a\" : [ 1 , 2 ] } ",
    "123456789012345678901234567890",
};

static const char *const bad[] = {
    "",
    " ",
    "nul",
    "tru",
    "True",
    "+1",
    "01",
    "1.",
    ".5",
    "1e",
    "1e+",
    "-",
    "--1",
    "0x1",
    "NaN",
    "Infinity",
    "1e999",
    "\"",
    "\"a",
    "\"\\x\"",
    "\"\\u12g4\"",
    "\"\\u12\"",
    "\"\\ud83d\"",
    "\"\\ude00\"",
    "\"\\ud83dx\"",
    "\"\\ud83d\\u0041\"",
    "\"\n\"",
    "\"\xff\"",
    "\"\xc3\"",
    "\"\xed\xa0\x80\"",
    "[",
    "[1",
    "[1,",
    "[1,]",
    "[,1]",
    "[1 2]",
    "]",
    "{",
    "{\"a\"",
    "{\"a\":",
    "{\"a\":1",
    "{\"a\":1,",
    "{\"a\":1,}",
    "{,}",
    "{a:1}",
    "{1:2}",
    "{\"a\" 1}",
    "{\"a\":1 \"b\":2}",
    "[1}",
    "{\"a\":1]",
    "1 2",
    "[] []",
    "{} x",
    "'a'",
    "/* */ 1",
    "\xef\xbb\xbf[]",
};

static void test_grammar(void)
{
    struct mi_error err = {0};

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        ok(accepts(good[i], strlen(good[i]), &err), "text %zu is JSON", i);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        err = (struct mi_error){0};
        ok(!accepts(bad[i], strlen(bad[i]), &err) && err.code == MI_EXIT_DATA && err.text[0],
           "text %zu is not JSON: %s", i, err.text);
    }
}

static void test_depth(void)
{
    char text[200000];
    struct mi_error err = {0};

    memset(text, '[', 64);
    memset(text + 64, ']', 64);
    ok(accepts(text, 128, &err), "64 levels are read");
    memset(text, '[', 65);
    memset(text + 65, ']', 65);
    ok(!accepts(text, 130, &err), "65 levels are refused: %s", err.text);
    memset(text, '[', sizeof(text));
    ok(!accepts(text, sizeof(text), &err), "so are 200,000");
}

static void test_values(void)
{
    static const char text[] =
        "{\"n\": 18446744073709551615, \"\\u006bey\": \"x\\ty\", \"r\": -1.5e1,"
        " \"f\": false, \"skip\": {\"a\": [1, {\"b\": \"\\\"\"}]}, \"last\": [7]}";
    struct mi_pull p;
    struct mi_pull_string s = {0};
    struct mi_error err = {0};
    uint64_t u = 0;
    double r = 0;
    bool flag = true;

    mi_pull_init(&p, text, sizeof(text) - 1, &err);
    ok(mi_pull_enter(&p, '{') == 0 && mi_pull_next(&p) == 1 && mi_pull_is(&p.key, "n") &&
           mi_pull_take_u64(&p, &u) == 0 && u == UINT64_MAX,
       "the largest whole number");
    ok(mi_pull_next(&p) == 1 && mi_pull_is(&p.key, "key") && mi_pull_take_string(&p, &s) == 0 &&
           mi_pull_is(&s, "x\ty") && mi_pull_is(&p.key, "key"),
       "escapes in keys and strings are undone");
    ok(mi_pull_next(&p) == 1 && mi_pull_take_real(&p, &r) == 0 && r == -15, "a real");
    ok(mi_pull_next(&p) == 1 && mi_pull_take_flag(&p, &flag) == 0 && !flag, "a flag");
    ok(mi_pull_next(&p) == 1 && mi_pull_skip(&p) == 0, "a value is skipped");
    ok(mi_pull_next(&p) == 1 && mi_pull_is(&p.key, "last") && mi_pull_enter(&p, '[') == 0 &&
           mi_pull_next(&p) == 1 && mi_pull_take_u64(&p, &u) == 0 && u == 7 &&
           mi_pull_next(&p) == 0 && mi_pull_next(&p) == 0 && mi_pull_end(&p) == 0,
       "the rest to the end");
    mi_pull_free(&p);
}

static void test_wrong_kinds(void)
{
    static const char *const numbers[] = {"-1",    "1.0", "1e3", "18446744073709551616",
                                          "\"1\"", "[]"};
    struct mi_pull p;
    struct mi_error err = {0};
    struct mi_pull_string s;
    uint64_t u;
    bool flag;

    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        mi_pull_init(&p, numbers[i], strlen(numbers[i]), &err);
        ok(mi_pull_take_u64(&p, &u) < 0, "%s is no count: %s", numbers[i], err.text);
        ok(mi_pull_take_flag(&p, &flag) < 0 && mi_pull_enter(&p, '{') < 0 && mi_pull_next(&p) < 0 &&
               (numbers[i][0] == '"' || mi_pull_take_string(&p, &s) < 0),
           "nor a flag, an object or text");
        mi_pull_free(&p);
    }
}

/* Whatever one byte of damage does, both readers of JSON say the same (numbers beyond 64 bits
 * and duplicate keys apart, which these texts have not). */
static void test_same_as_tree(void)
{
    static const char text[] =
        "{\"a\":[1,-2.5e3,true,null],\"bc\":{\"c\":\"x\\u0041\\n\\ud83d\\ude00\"}}";
    char hurt[sizeof(text)];
    struct mi_arena a = {0};
    struct mi_value v;
    struct mi_error err = {0};
    int n_differ = 0;

    for (size_t i = 0; i + 1 < sizeof(text); i++)
        for (int c = 0; c < 256; c++) {
            memcpy(hurt, text, sizeof(text));
            hurt[i] = (char)c;
            n_differ += accepts(hurt, sizeof(text) - 1, &err) !=
                        (mi_json_parse(&a, hurt, sizeof(text) - 1, &v, &err) == 0);
            mi_arena_reset(&a);
        }
    ok(n_differ == 0, "%d of the damaged texts are read by one reader only", n_differ);
    mi_arena_free(&a);
}

int main(void)
{
    test_grammar();
    test_depth();
    test_values();
    test_wrong_kinds();
    test_same_as_tree();
    return done();
}
