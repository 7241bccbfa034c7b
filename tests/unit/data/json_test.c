#include "data/json.h"

#include "../tap.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Text in, printed again. */
static const char *again(struct mi_arena *a, struct mi_buf *b, const char *text)
{
    struct mi_value v;
    struct mi_error err = {0};

    mi_buf_clear(b);
    if (mi_json_parse(a, text, strlen(text), &v, &err) < 0)
        return "refused";
    mi_json_print(b, &v, (struct mi_json_style){0});
    return mi_buf_text(b);
}

static void test_same(struct mi_arena *a, struct mi_buf *b)
{
    static const char *const texts[] = {
        "null",
        "true",
        "false",
        "0",
        "-7",
        "9223372036854775807",
        "-9223372036854775808",
        "1.5",
        "\"\"",
        "[]",
        "{}",
        "[1,[2,[3]],{\"a\":{\"b\":null}}]",
        "{\"z\":1,\"a\":2,\"m\":3}",
        "\"\\u0000\\u001f\\n\\t\\\"\\\\/\xc3\xa9\xf0\x9f\x98\x80\"",
        "\"\\u202e\\u2066\\u0085\\u2028\"",
        "{\"b64\":\"AP8=\"}",
        "{\"b64\":\"\"}",
        "{\"dtype\":\"f32\",\"shape\":[2,2],\"data\":[0.1,-0.0,1e-45,\"-Infinity\"]}",
        "{\"dtype\":\"f16\",\"shape\":[3],\"data\":[65504.0,\"NaN\",\"Infinity\"]}",
        "{\"dtype\":\"bf16\",\"shape\":[2],\"data\":[0.100097656,1.0]}",
        "{\"dtype\":\"f64\",\"shape\":[1],\"data\":[0.1]}",
        "{\"dtype\":\"i64\",\"shape\":[2],\"data\":[-9007199254740993,9]}",
        "{\"dtype\":\"i32\",\"shape\":[],\"data\":[-5]}",
        "{\"dtype\":\"u8\",\"shape\":[0,7],\"data\":[]}",
        "{\"dtype\":\"f8\",\"shape\":[1],\"data\":[1.5]}",
        "{\"b64\":\"AP8=\",\"x\":1}"};

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const char *got = again(a, b, texts[i]);

        ok(strcmp(got, texts[i]) == 0, "%s comes back (%s)", texts[i], got);
    }
}

static void test_refused(struct mi_arena *a, struct mi_buf *b)
{
    static const char *const texts[] = {
        "",
        " ",
        "nul",
        "1 2",
        "{\"a\":1,\"a\":2}",
        "[1,]",
        "01",
        "\"\xff\"",
        "\"\\ud800\"",
        "18446744073709551616",
        "1e999",
        "{\"b64\":\"A\"}",
        "{\"b64\":\"AP9=\"}",
        "{\"b64\":\"A===\"}",
        "{\"b64\":\"AA=A\"}",
        "{\"dtype\":\"f32\",\"shape\":[3],\"data\":[1,2]}",
        "{\"dtype\":\"f32\",\"shape\":[-1],\"data\":[]}",
        "{\"dtype\":\"f32\",\"shape\":[1.0],\"data\":[1]}",
        "{\"dtype\":\"f32\",\"shape\":[1],\"data\":[\"x\"]}",
        "{\"dtype\":\"f32\",\"shape\":[1],\"data\":[1e39]}",
        "{\"dtype\":\"f16\",\"shape\":[1],\"data\":[65520]}",
        "{\"dtype\":\"u8\",\"shape\":[1],\"data\":[256]}",
        "{\"dtype\":\"i32\",\"shape\":[1],\"data\":[1.5]}",
        "{\"dtype\":\"f32\",\"shape\":[4294967296,4294967296],\"data\":[]}",
        "{\"dtype\":\"f32\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data\":[1]}"};

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        ok(strcmp(again(a, b, texts[i]), "refused") == 0, "%s is refused", texts[i]);
}

static void test_depth(struct mi_arena *a)
{
    char deep[200001];
    struct mi_value v;
    struct mi_error err = {0};

    memset(deep, '[', sizeof deep);
    ok(mi_json_parse(a, deep, sizeof deep, &v, &err) == -MI_EXIT_DATA &&
           strstr(err.text, "nested deeper than 64"),
       "200,001 brackets: %s", err.text);
    memset(deep + 64, ']', 64);
    ok(mi_json_parse(a, deep, 128, &v, &err) == 0, "64 levels are read");
    ok(mi_json_parse(a, "[\"a\xff\"]", 6, &v, &err) == -MI_EXIT_DATA && strstr(err.text, "byte"),
       "a message names the byte: %s", err.text);
}

/* Expected texts are repr() of Python 3.11. */
static void test_reals(struct mi_buf *b)
{
    static const struct {
        double r;
        const char *text;
    } known[] = {{0.1, "0.1"},
                 {1.0, "1.0"},
                 {-0.0, "-0.0"},
                 {1e22, "1e+22"},
                 {1e-7, "1e-07"},
                 {0.1 + 0.2, "0.30000000000000004"},
                 {5e-324, "5e-324"},
                 {1.7976931348623157e308, "1.7976931348623157e+308"},
                 {123456789012345680.0, "1.2345678901234568e+17"},
                 {2.5e-5, "2.5e-05"}};
    uint64_t state = 1;
    int bad = 0;

    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        mi_buf_clear(b);
        mi_json_real(b, known[i].r);
        ok(strcmp(mi_buf_text(b), known[i].text) == 0, "%s is %s", known[i].text, b->data);
    }
    for (int i = 0; i < 100000; i++) {
        double r;

        state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        memcpy(&r, &state, sizeof r);
        if (!isfinite(r))
            continue;
        mi_buf_clear(b);
        mi_json_real(b, r);
        bad += strtod(mi_buf_text(b), NULL) != r || b->len > 25;
    }
    ok(bad == 0, "100,000 random doubles read back (%d do not)", bad);
}

/* Every finite f16 and bf16, and many f32, through text and back to the same bits. */
static void test_tensor_bits(struct mi_arena *a, struct mi_buf *b)
{
    static uint32_t f32[100000];
    static uint16_t h[65536];
    struct mi_value v, w;
    uint32_t state = 7;

    for (int i = 0; i < 100000; i++) {
        state = state * 1664525u + 1013904223u;
        f32[i] = (state & 0x7f800000u) == 0x7f800000u ? 0 : state;
    }
    v = mi_tensor_value(mi_tensor_1(MI_F32, 100000, f32));
    mi_buf_clear(b);
    mi_json_print(b, &v, (struct mi_json_style){0});
    ok(mi_json_parse(a, b->data, b->len, &w, NULL) == 0 && mi_value_equal(&v, &w),
       "100,000 floats keep their bits");
    for (int d = MI_F16; d <= MI_BF16; d++) {
        uint16_t mask = d == MI_F16 ? 0x7c00 : 0x7f80;

        for (int i = 0; i < 65536; i++)
            h[i] = (i & mask) == mask ? 0 : (uint16_t)i;
        v = mi_tensor_value(mi_tensor_1((enum mi_dtype)d, 65536, h));
        mi_buf_clear(b);
        mi_json_print(b, &v, (struct mi_json_style){0});
        ok(mi_json_parse(a, b->data, b->len, &w, NULL) == 0 && mi_value_equal(&v, &w),
           "every finite %s keeps its bits", mi_dtype_name((enum mi_dtype)d));
    }
}

static void test_shorten(struct mi_buf *b)
{
    float x[10] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
    struct mi_value v = mi_tensor_value(mi_tensor_1(MI_F32, 10, x));

    mi_buf_clear(b);
    mi_json_print(b, &v, (struct mi_json_style){.shorten = 2});
    ok(strcmp(mi_buf_text(b), "{\"dtype\":\"f32\",\"shape\":[10],\"data\":[1.0,2.0,\"...\"]}") == 0,
       "shortened: %s", b->data);
    mi_buf_clear(b);
    mi_json_print(b, &v, (struct mi_json_style){.shorten = 10});
    ok(!strstr(mi_buf_text(b), "..."), "what is short enough is whole");
}

/* ---- JSONTestSuite --------------------------------------------------------------------- */

static void put_hex(struct mi_buf *b, const char *hex)
{
    for (unsigned byte; hex[0] != '-' && sscanf(hex, "%2x", &byte) == 1; hex += 2)
        mi_buf_add_char(b, (char)byte);
}

/* What is refused though it is JSON, see data/json.h. */
static bool is_left_out(const char *name)
{
    return strncmp(name, "y_object_duplicated_key", 23) == 0 ||
           strcmp(name, "y_object_escaped_null_in_key") == 0;
}

/* Rows of name, repeated unit, count, rest; the name's first letter is the verdict. */
static void test_suite(struct mi_buf *b)
{
    char line[4096], name[128], unit[16], rest[2048];
    FILE *in = fopen("tests/golden/json/suite.txt", "r");
    int n_read = 0, n_refused = 0, n_any = 0, n_out = 0, n_bad = 0, count;

    while (in && fgets(line, sizeof line, in)) {
        struct mi_arena a = {0};
        struct mi_error err = {0};
        struct mi_value v;
        bool read;

        if (sscanf(line, "%127s %15s %d %2047s", name, unit, &count, rest) != 4 || line[0] == '#')
            continue;
        mi_buf_clear(b);
        for (int i = 0; i < count; i++)
            put_hex(b, unit);
        put_hex(b, rest);
        read = mi_json_parse(&a, mi_buf_text(b), b->len, &v, &err) == 0;
        n_read += name[0] == 'y' && read;
        n_refused += name[0] == 'n' && !read;
        n_any += name[0] == 'i';
        n_out += name[0] == 'y' && !read && is_left_out(name);
        if (read != (name[0] == 'y') && name[0] != 'i' && !is_left_out(name)) {
            n_bad++;
            diag("%s is %s %s", name, read ? "read" : "refused:", err.text);
        }
        mi_arena_free(&a);
    }
    if (in)
        fclose(in);
    ok(n_refused == 188, "JSONTestSuite: %d of 188 are refused", n_refused);
    ok(n_bad == 0 && n_read == 92 && n_out == 3,
       "JSONTestSuite: %d of 95 are read; %d have a key twice or with a NUL", n_read, n_out);
    ok(n_any == 35, "JSONTestSuite: %d of 35 are read or refused", n_any);
}

int main(void)
{
    struct mi_arena a = {0};
    struct mi_buf b = {0};

    plan(26 + 25 + 3 + 11 + 3 + 2 + 3);
    test_same(&a, &b);
    test_refused(&a, &b);
    test_depth(&a);
    test_reals(&b);
    test_tensor_bits(&a, &b);
    test_shorten(&b);
    test_suite(&b);
    mi_buf_free(&b);
    mi_arena_free(&a);
    return done();
}
