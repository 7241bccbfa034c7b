/* One way to write a value: what is decoded encodes to the same bytes, and bytes that are
 * not canonical are refused. Expected bytes are Python's msgpack.packb. */
#include "craft.h"

#include "base/rng.h"
#include "stream/shuffle.h"

#include "../tap.h"

#include <stdlib.h>

static void hex(struct mi_buf *out, const char *text)
{
    mi_buf_clear(out);
    for (; *text; text += 2) {
        char pair[3] = {text[0], text[1], 0};

        mi_buf_add_char(out, (char)strtol(pair, NULL, 16));
    }
}

static void test_known(void)
{
    struct mi_arena a = {0};
    struct mi_buf want = {0}, got = {0};
    static const struct {
        int64_t i;
        const char *hex;
    } ints[] = {{0, "00"},
                {127, "7f"},
                {128, "cc80"},
                {255, "ccff"},
                {256, "cd0100"},
                {65535, "cdffff"},
                {65536, "ce00010000"},
                {INT64_C(4294967296), "cf0000000100000000"},
                {INT64_MAX, "cf7fffffffffffffff"},
                {-1, "ff"},
                {-32, "e0"},
                {-33, "d0df"},
                {-128, "d080"},
                {-129, "d1ff7f"},
                {-32769, "d2ffff7fff"},
                {INT64_C(-2147483649), "d3ffffffff7fffffff"},
                {INT64_MIN, "d38000000000000000"}};
    static const size_t lengths[] = {0, 31, 32, 255, 256, 65535, 65536};
    static const char *const str_heads[] = {"a0",     "bf",     "d920",      "d9ff",
                                            "da0100", "daffff", "db00010000"};
    static const char *const bin_heads[] = {"c400",   "c41f",   "c420",      "c4ff",
                                            "c50100", "c5ffff", "c600010000"};
    static char text[65536];

    for (size_t i = 0; i < sizeof ints / sizeof *ints; i++) {
        struct mi_value v = mi_int(ints[i].i);

        hex(&want, ints[i].hex);
        mi_buf_clear(&got);
        mi_codec_put_value(&got, &v);
        ok(got.len == want.len && memcmp(got.data, want.data, got.len) == 0 &&
               mi_codec_measure(got.data, got.len, NULL) == (int64_t)got.len,
           "%lld", (long long)ints[i].i);
    }
    memset(text, 'x', sizeof text);
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        struct mi_value s = mi_str_n(text, lengths[i]), b = mi_bin(text, lengths[i]);

        hex(&want, str_heads[i]);
        mi_buf_clear(&got);
        mi_codec_put_value(&got, &s);
        ok(got.len == want.len + lengths[i] && memcmp(got.data, want.data, want.len) == 0 &&
               mi_codec_measure(got.data, got.len, NULL) == (int64_t)got.len,
           "a string of %zu", lengths[i]);
        hex(&want, bin_heads[i]);
        mi_buf_clear(&got);
        mi_codec_put_value(&got, &b);
        ok(got.len == want.len + lengths[i] && memcmp(got.data, want.data, want.len) == 0 &&
               mi_codec_measure(got.data, got.len, NULL) == (int64_t)got.len,
           "bytes of %zu", lengths[i]);
    }
    mi_buf_free(&want);
    mi_buf_free(&got);
    mi_arena_free(&a);
}

static void test_refused(void)
{
    static const char *const cases[][2] = {{"cc7f", "shortest"},
                                           {"cd00ff", "shortest"},
                                           {"ce0000ffff", "shortest"},
                                           {"cf00000000ffffffff", "shortest"},
                                           {"d0e0", "shortest"},
                                           {"d001", "shortest"},
                                           {"d1ff80", "shortest"},
                                           {"d2ffff8000", "shortest"},
                                           {"d3ffffffff80000000", "shortest"},
                                           {"d901ff", "shortest"},
                                           {"da001f", "shortest"},
                                           {"db0000ffff", "shortest"},
                                           {"c5000a", "shortest"},
                                           {"c60000ffff", "shortest"},
                                           {"dc000f", "shortest"},
                                           {"dd0000ffff", "shortest"},
                                           {"de000f", "shortest"},
                                           {"df0000ffff", "shortest"},
                                           {"c1", "do not have (0xc1)"},
                                           {"d40100", "do not have"},
                                           {"c70100", "do not have"},
                                           {"ca3f800000", "do not have (0xca)"},
                                           {"cb7ff0000000000000", "not finite"},
                                           {"cbfff8000000000000", "not finite"},
                                           {"a1ff", "not UTF-8"},
                                           {"a3eda080", "not UTF-8"},
                                           {"81c001", "key that is no string"},
                                           {"8101c0", "key that is no string"},
                                           {"81a10001", "NUL byte in a key"},
                                           {"a2", "beyond its block"},
                                           {"cd00", "beyond its block"},
                                           {"cb00", "beyond its block"},
                                           {"92c0", "beyond its block"},
                                           {"dc0010", "beyond its block"},
                                           {"ddffffffff", "beyond its block"},
                                           {"dfffffffff", "beyond its block"},
                                           {"c6ffffffff", "beyond its block"},
                                           {"dbffffffff", "beyond its block"},
                                           {"", "beyond"}};
    struct mi_buf b = {0};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct mi_error err = {0};

        hex(&b, cases[i][0]);
        ok(mi_codec_measure(b.data ? b.data : "", b.len, &err) == -MI_EXIT_DATA &&
               strstr(err.text, cases[i][1]),
           "%s: %s", cases[i][0], err.text);
    }
    mi_buf_free(&b);
}

/* Of a whole record: rules on maps and tensors. `body` is hexadecimal. */
static void test_bodies(void)
{
    static const char *const cases[][2] = {
        {"81a161c0", NULL},
        {"82a16101a16102", "stands twice"},
        {"81a162"
         "81a3623634a161",
         "take for bytes"},
        {"81a162"
         "82a3623634a161a163c0",
         NULL},
        {"81a162"
         "83a56474797065a3663332a5736861706590a464617461c40400000000",
         NULL},
        {"81a162"
         "83a56474797065a3663332a5736861706590a464617461c403000000",
         "shape says otherwise"},
        {"81a162"
         "83a56474797065a2663fa5736861706590a464617461c40400000000",
         "unknown dtype"},
        {"81a162"
         "83a56474797065a3663332a57368617065"
         "91ffa464617461c400",
         "no list of counts"},
        {"81a162"
         "83a56474797065a3663332a57368617065"
         "9900000000000000000"
         "0a464617461c400",
         "rank 9"},
        {"81a162"
         "83a56474797065a3663332a5736861706590a46461746190",
         "take for a tensor"},
        {"81a162"
         "83a5736861706590a56474797065a3663332a464617461c40400000000",
         "take for a tensor"},
        {"81a162"
         "84a56474797065a3663332a5736861706590a464617461c40400000000a773687566666c65c3",
         NULL},
        {"81a162"
         "84a56474797065a3663332a5736861706590a464617461c40400000000a773687566666c65c2",
         "'shuffle' that cannot be"},
        {"81a162"
         "84a56474797065a27538a5736861706590a464617461c40100a773687566666c65c3",
         "'shuffle' that cannot be"},
        {"81a162"
         "83a56474797065a3663634a57368617065"
         "92cf4000000000000000"
         "02a464617461c400",
         "shape says otherwise"},
        {"90", "no record"},
        {"c0", "no record"},
        {"81a46b696e64c0", "key 'kind'"},
        {"81a161cfffffffffffffffff", "above 2^63"},
        {"83a56474797065a3663332a5736861706590a464617461c40400000000", "is a tensor"},
    };
    struct mi_arena a = {0};
    struct mi_buf b = {0}, body = {0};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct mi_wire_record rec;
        struct mi_error err = {0};
        int status;

        hex(&body, cases[i][0]);
        mi_buf_clear(&b);
        mi_buf_add(&b, "\x93\x01\xa1x", 4);
        mi_buf_add(&b, body.data, body.len);
        status = mi_codec_measure(b.data, b.len, &err) == (int64_t)b.len
                     ? mi_codec_get(&a, b.data, b.len, &rec, &err)
                     : -1;
        ok(cases[i][1] ? status < 0 && strstr(err.text, cases[i][1]) : status == 0, "%s: %s",
           cases[i][0], err.text);
    }
    mi_buf_free(&b);
    mi_buf_free(&body);
    mi_arena_free(&a);
}

/* Record and body take two levels of the 32. */
static void test_depth(void)
{
    struct mi_arena a = {0};
    struct mi_buf b = {0};
    struct mi_value list = mi_array(), body;
    struct mi_wire_record rec;
    struct mi_error err = {0};

    for (int i = 0; i < 29; i++) {
        struct mi_value outer = mi_array();

        mi_push(&a, &outer, list);
        list = outer;
    }
    body = mi_map();
    mi_set(&a, &body, "x", list);
    ok(mi_codec_check(&body, &err) == 0, "32 levels can be written %s", err.text);
    mi_codec_put(&b, 1, "x", &body, false);
    ok(mi_codec_measure(b.data, b.len, &err) == (int64_t)b.len &&
           mi_codec_get(&a, b.data, b.len, &rec, &err) == 0 && mi_value_equal(&rec.body, &body),
       "and read %s", err.text);
    body = mi_map();
    mi_push(&a, &list, mi_array());
    list.as.array.n = 1;
    for (int i = 0; i < 1; i++) {
        struct mi_value outer = mi_array();

        mi_push(&a, &outer, list);
        list = outer;
    }
    mi_set(&a, &body, "x", list);
    ok(mi_codec_check(&body, &err) == -MI_EXIT_DATA && strstr(err.text, "deeper than 32"),
       "33 cannot: %s", err.text);
    mi_buf_clear(&b);
    mi_codec_put(&b, 1, "x", &body, false);
    ok(mi_codec_measure(b.data, b.len, &err) == -MI_EXIT_DATA && strstr(err.text, "deeper than 32"),
       "nor be read: %s", err.text);
    mi_buf_free(&b);
    mi_arena_free(&a);
}

static void test_unwritable(void)
{
    static char long_text[MI_STRING_MAX + 1];
    struct mi_arena a = {0};
    struct mi_error err = {0};
    struct mi_value b = mi_map(), inner = mi_map(), many = mi_array();

    mi_set(&a, &b, "x", mi_str("\xff"));
    ok(mi_codec_check(&b, &err) < 0 && strstr(err.text, "UTF-8"), "a string: %s", err.text);
    mi_set(&a, &b, "x", mi_real((double)NAN));
    ok(mi_codec_check(&b, &err) < 0 && strstr(err.text, "finite"), "a real: %s", err.text);
    mi_set(&a, &inner, "b64", mi_str("aa"));
    mi_set(&a, &b, "x", inner);
    ok(mi_codec_check(&b, &err) < 0 && strstr(err.text, "bytes"), "a map: %s", err.text);
    memset(long_text, 'x', sizeof long_text);
    mi_set(&a, &b, "x", mi_str_n(long_text, MI_STRING_MAX));
    ok(mi_codec_check(&b, &err) == 0, "a string of 16 MiB");
    mi_set(&a, &b, "x", mi_str_n(long_text, MI_STRING_MAX + 1));
    ok(mi_codec_check(&b, &err) < 0 && strstr(err.text, "limit"), "and one more: %s", err.text);
    many.as.array.n = MI_VALUES_MAX - 6;
    many.as.array.item = mi_arena_alloc(&a, many.as.array.n * sizeof many);
    for (size_t i = 0; i < many.as.array.n; i++)
        many.as.array.item[i] = mi_nil();
    mi_set(&a, &b, "x", many);
    ok(mi_codec_check(&b, &err) == 0, "4,194,304 values in all");
    many.as.array.n++;
    many.as.array.item = mi_arena_alloc(&a, many.as.array.n * sizeof many);
    for (size_t i = 0; i < many.as.array.n; i++)
        many.as.array.item[i] = mi_nil();
    mi_set(&a, &b, "x", many);
    ok(mi_codec_check(&b, &err) < 0, "and one more: %s", err.text);
    mi_arena_free(&a);
}

static struct mi_value sample(struct mi_arena *a)
{
    static float x[40];
    struct mi_value b = mi_map(), list = mi_array(), m = mi_map();

    for (int i = 0; i < 40; i++)
        x[i] = (float)i / 8;
    mi_push(a, &list, mi_int(-5));
    mi_push(a, &list, mi_int(70000));
    mi_push(a, &list, mi_real(0.1));
    mi_push(a, &list, mi_bool(true));
    mi_push(a, &list, mi_nil());
    mi_push(a, &list, mi_str("caf\xc3\xa9"));
    mi_push(a, &list, mi_bin("\0\xff", 2));
    mi_set(a, &m, "a", list);
    mi_set(a, &m, "long key of more than thirty-two bytes", mi_int(1));
    mi_set(a, &b, "id", mi_str("p1"));
    mi_set(a, &b, "m", m);
    mi_set(a, &b, "x", mi_tensor_value(mi_tensor_2(MI_F32, 2, 20, x)));
    return b;
}

/* Past the checksums: whatever bytes come, the codec refuses or gives them back. */
static void test_mutations(void)
{
    struct mi_arena a = {0}, scratch = {0};
    struct mi_value body = sample(&a);
    struct mi_buf good = {0}, bad = {0}, again = {0};
    struct mi_rng r = mi_rng_make(1, "mutations", "codec");
    int read = 0, wrong = 0, tried = 0;

    mi_codec_put(&good, 1, "act", &body, true);
    for (int i = 0; i < 300000; i++) {
        struct mi_wire_record rec;
        int64_t n;

        mi_buf_clear(&bad);
        mi_buf_add(&bad, good.data, good.len);
        if (i < (int)good.len * 255) /* every byte set to every other value, then at random */
            bad.data[i / 255] = (char)(bad.data[i / 255] + i % 255 + 1);
        else
            for (uint64_t k = mi_rng_below(&r, 8) + 1; k > 0; k--)
                bad.data[mi_rng_below(&r, bad.len)] = (char)mi_rng_next(&r);
        n = mi_codec_measure(bad.data, bad.len, NULL);
        tried++;
        mi_arena_reset(&scratch);
        if (n < 0 || mi_codec_get(&scratch, bad.data, (size_t)n, &rec, NULL) < 0)
            continue;
        read++;
        mi_buf_clear(&again);
        mi_codec_put(&again, rec.sequence, rec.kind, &rec.body, rec.is_shuffled);
        wrong += (int64_t)again.len != n || memcmp(again.data, bad.data, again.len) != 0;
    }
    ok(wrong == 0 && read > 1000, "%d mutations: %d read, all of them give their bytes back", tried,
       read);
    mi_buf_free(&good);
    mi_buf_free(&bad);
    mi_buf_free(&again);
    mi_arena_free(&a);
    mi_arena_free(&scratch);
}

static void test_shuffle(void)
{
    unsigned char x[8 * 1500], y[sizeof x], z[sizeof x];
    bool good = true;

    for (size_t i = 0; i < sizeof x; i++)
        x[i] = (unsigned char)(i * 7 + i / 256);
    for (size_t size = 1; size <= 8; size *= 2) {
        mi_shuffle(y, x, 1500, size);
        mi_unshuffle(z, y, 1500, size);
        good = good && memcmp(x, z, 1500 * size) == 0 && y[1] == x[size] &&
               y[1500 * (size - 1)] == x[size - 1];
    }
    ok(good, "shuffling and back, elements of 1, 2, 4 and 8 bytes");
}

int main(void)
{
    plan(17 + 14 + 39 + 20 + 4 + 7 + 1 + 1);
    test_known();
    test_refused();
    test_bodies();
    test_depth();
    test_unwritable();
    test_mutations();
    test_shuffle();
    return done();
}
