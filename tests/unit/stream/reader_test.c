/* What a reader refuses, each with its message. */
#include "craft.h"

#include "../tap.h"

enum { BODIES = 3 };

static struct mi_value body_of(struct craft *c, int i)
{
    struct mi_value b = mi_map();

    mi_set(&c->arena, &b, "i", mi_int(i));
    return b;
}

/* A right stream but for what `spoil` does; says whether it is read (NULL) or refused with
 * a message that holds `says`. */
static void expect(const char *what, void (*spoil)(struct craft *), const char *says)
{
    struct craft c;
    struct mi_error err = {0};
    int status;

    craft_begin(&c, false);
    spoil(&c);
    status = craft_read(c.out.data, c.out.len, &err);
    if (says)
        ok(status == -MI_EXIT_DATA && strstr(err.text, says) && strncmp(err.text, "'s': ", 5) == 0,
           "%s: %s", what, err.text);
    else
        ok(status == 0, "%s: %s", what, err.text);
    craft_free(&c);
}

static void put_all(struct craft *c)
{
    craft_header(c);
    for (int i = 0; i < BODIES; i++) {
        struct mi_value b = body_of(c, i);

        craft_frame(c);
        craft_record(c, c->records, "x", &b);
    }
}

static void right(struct craft *c)
{
    put_all(c);
    craft_end(c);
}

static void with_table(struct craft *c)
{
    craft_free(c);
    craft_begin(c, true);
    right(c);
}

static void no_end(struct craft *c)
{
    put_all(c);
    craft_frame(c);
}

static void only_header(struct craft *c)
{
    craft_header(c);
    craft_frame(c);
}

static void only_magic(struct craft *c)
{
    (void)c;
}

static void nothing(struct craft *c)
{
    c->out.len = 0;
}

static void gap(struct craft *c)
{
    struct mi_value b = body_of(c, 1);

    craft_header(c);
    craft_record(c, 2, "x", &b);
    craft_end(c);
}

static void repeat(struct craft *c)
{
    struct mi_value b = body_of(c, 1);

    craft_header(c);
    craft_record(c, 1, "x", &b);
    craft_record(c, 1, "x", &b);
    craft_end(c);
}

static void second_header(struct craft *c)
{
    struct mi_value h = mi_header_new(&c->arena, "test");

    craft_header(c);
    craft_record(c, 1, "header", &h);
    craft_end(c);
}

static void no_header(struct craft *c)
{
    struct mi_value b = body_of(c, 1);

    craft_record(c, 0, "x", &b);
    craft_end(c);
}

static void glued(struct craft *c)
{
    struct mi_buf twice = {0};

    right(c);
    mi_buf_add(&twice, c->out.data, c->out.len);
    mi_buf_add(&c->out, twice.data, twice.len);
    mi_buf_free(&twice);
}

static void zeros_behind(struct craft *c)
{
    right(c);
    mi_buf_add(&c->out, "\0\0\0", 3);
}

static void record_behind(struct craft *c)
{
    struct mi_value body, b;

    put_all(c);
    body = craft_end_body(c);
    b = body_of(c, 9);
    mi_codec_put(&c->block, c->records, "end", &body, false);
    mi_codec_put(&c->block, c->records + 1, "x", &b, false);
    craft_frame(c);
}

static void frame_behind(struct craft *c)
{
    struct mi_value b = body_of(c, 9);

    right(c);
    mi_codec_put(&c->block, c->records + 1, "x", &b, false);
    craft_frame(c);
}

/* An end record with one key changed. */
static void put_end_with(struct craft *c, const char *key, struct mi_value v)
{
    struct mi_value body;

    put_all(c);
    body = craft_end_body(c);
    mi_set(&c->arena, &body, key, v);
    mi_codec_put(&c->block, c->records, "end", &body, false);
    craft_frame(c);
}

static void wrong_count(struct craft *c)
{
    put_end_with(c, "records", mi_int(99));
}

static void wrong_bytes(struct craft *c)
{
    put_end_with(c, "bytes", mi_int(1));
}

static void wrong_digest(struct craft *c)
{
    put_end_with(c, "digest", mi_str("00000000000000000000000000000000"));
}

static void not_complete(struct craft *c)
{
    put_end_with(c, "status", mi_str("cut"));
}

static void no_inputs(struct craft *c)
{
    put_end_with(c, "inputs", mi_nil());
}

static void nan_inside(struct craft *c)
{
    static const float x[2] = {1, NAN};
    struct mi_value b = body_of(c, 1);

    mi_set(&c->arena, &b, "x", mi_tensor_value(mi_tensor_1(MI_F32, 2, x)));
    craft_header(c);
    craft_record(c, 1, "act", &b);
    craft_end(c);
}

static void masked(struct craft *c)
{
    static const float x[2] = {1, -INFINITY};
    struct mi_value b = mi_map();

    mi_set(&c->arena, &b, "site", mi_str("attn_scores"));
    mi_set(&c->arena, &b, "x", mi_tensor_value(mi_tensor_1(MI_F32, 2, x)));
    craft_header(c);
    craft_record(c, 1, "act", &b);
    craft_end(c);
}

static void version_2(struct craft *c)
{
    right(c);
    c->out.data[17] = 2;
}

static void minor_differs(struct craft *c)
{
    right(c);
    c->out.data[18] = 1;
}

static void flags_unknown(struct craft *c)
{
    right(c);
    c->out.data[19] = 2;
}

static void table_missing(struct craft *c)
{
    right(c);
    c->out.data[19] = 1;
}

static void table_wrong(struct craft *c)
{
    with_table(c);
    c->out.data[c->out.len - 20]++;
}

static void table_cut(struct craft *c)
{
    with_table(c);
    c->out.len--;
}

static void behind_table(struct craft *c)
{
    with_table(c);
    mi_buf_add(&c->out, "x", 1);
}

static void table_unannounced(struct craft *c)
{
    with_table(c);
    c->out.data[19] = 0;
}

static void body_with_kind(struct craft *c)
{
    struct mi_value b = mi_map();

    mi_set(&c->arena, &b, "kind", mi_int(1));
    craft_header(c);
    craft_record(c, 1, "x", &b);
    craft_end(c);
}

static void header_without_content(struct craft *c)
{
    struct mi_value h = mi_header_new(&c->arena, "test");

    mi_set(&c->arena, &h, "content", mi_nil());
    craft_record(c, 0, "header", &h);
    craft_end(c);
}

static void test_rules(void)
{
    expect("a right stream", right, NULL);
    expect("one with a seek table", with_table, NULL);
    expect("masked scores", masked, NULL);
    expect("no end record", no_end, "ends after record 3 without an end record (byte ");
    expect("nothing but a header", only_header, "ends after record 0 without an end record");
    expect("nothing but the magic", only_magic, "ends before its header (byte 20)");
    expect("nothing", nothing, "empty, expected a stream");
    expect("a gap", gap, "record 1 (byte 20): sequence 2, expected 1");
    expect("a repeat", repeat, "record 2 (byte 20): sequence 1, expected 2");
    expect("a second header", second_header, "a second header");
    expect("no header", no_header, "no header at the beginning");
    expect("two streams", glued, "a second stream after the end record (byte ");
    expect("zeros behind", zeros_behind, "more bytes after the end record");
    expect("a record behind the end", record_behind, "a record after the end record");
    expect("a frame behind the end", frame_behind, "more bytes after the end record");
    expect("another count", wrong_count, "counts other records");
    expect("another size", wrong_bytes, "counts other records");
    expect("another digest", wrong_digest, "the digest of the records differs");
    expect("not complete", not_complete, "does not say 'complete'");
    expect("no inputs", no_inputs, "without 'inputs'");
    expect("NaN", nan_inside, "element 1 of 'x' is NaN");
    expect("format 2", version_2, "format 2.x, this is a reader for 1.x");
    expect("another minor version in the header", minor_differs, "version is not that");
    expect("unknown flags", flags_unknown, "damaged in its first bytes");
    expect("no seek table", table_missing, "the seek table after record 4 is cut");
    expect("a wrong seek table", table_wrong, "the seek table after record 4 is wrong");
    expect("a cut seek table", table_cut, "is cut");
    expect("a byte behind the table", behind_table, "more bytes after the end record");
    expect("a table that was not announced", table_unannounced, "more bytes after the end record");
    expect("a body with 'kind'", body_with_kind, "key 'kind'");
    expect("a header without content", header_without_content, "header: 'content' is missing");
}

/* Large blocks hold one record; limits hold at the limit and not above. */
static void test_limits(void)
{
    static unsigned char bytes[9 << 20];
    struct craft c;
    struct mi_error err = {0};
    struct mi_reader r = {0};
    struct mi_record rec;
    struct mi_value b = mi_map();

    craft_begin(&c, false);
    craft_header(&c);
    craft_frame(&c);
    mi_set(&c.arena, &b, "x", mi_bin(bytes, sizeof bytes));
    craft_record(&c, 1, "x", &b);
    craft_frame(&c);
    craft_end(&c);
    ok(craft_read(c.out.data, c.out.len, &err) == 0, "a record of 9 MiB alone: %s", err.text);
    ok(mi_reader_open_bytes(&r, c.out.data, c.out.len, "s", &err) == 0, "opened again");
    mi_reader_limit(&r, (8 << 20) + 1);
    ok(mi_reader_next(&r, &rec, &err) == -MI_EXIT_DATA && strstr(err.text, "the limit is 8388609"),
       "a lower limit: %s", err.text);
    ok(mi_reader_next(&r, &rec, &err) == -MI_EXIT_DATA && strstr(err.text, "failed before"),
       "and it stays failed");
    mi_reader_close(&r);
    ok(mi_reader_open_bytes(&r, c.out.data, c.out.len, "s", &err) == 0, "opened again");
    mi_reader_limit(&r, sizeof bytes + 13); /* the array, 1, "x", the map, "x", the bin's head */
    ok(mi_reader_next(&r, &rec, &err) == 1, "a limit that just holds it: %s", err.text);
    ok(mi_reader_next(&r, &rec, &err) == 0 && mi_reader_next(&r, &rec, &err) == 0, "and the end");
    mi_reader_close(&r);
    craft_free(&c);

    craft_begin(&c, false);
    craft_header(&c);
    b = mi_map();
    mi_set(&c.arena, &b, "x", mi_bin(bytes, sizeof bytes));
    craft_record(&c, 1, "x", &b);
    craft_end(&c);
    ok(craft_read(c.out.data, c.out.len, &err) == -MI_EXIT_DATA &&
           strstr(err.text, "several records in a block"),
       "a large block of several records: %s", err.text);
    craft_free(&c);
}

static void test_foreign(void)
{
    static const struct {
        const char *bytes;
        size_t n;
        const char *says;
    } cases[] = {{"\x1f\x8b\x08\0\0\0\0\0\0\3", 10, "gzip"},
                 {"{\"a\": 1}\n", 9, "JSON"},
                 {"<!DOCTYPE html>", 15, "HTML"},
                 {"GGUF\3\0\0\0", 8, "GGUF"},
                 {"PK\3\4abc", 7, "zip"},
                 {"\x93NUMPY\1\0", 8, "NumPy"},
                 {"\x80\1\0\0\0\0\0\0{\"x\"", 12, "safetensors"},
                 {"The capital of France", 21, "text"},
                 {"\x28\xb5\x2f\xfd\x04\x00", 6, "plain zstd"},
                 {"\0\1\2\3\4\5\6\7", 8, "not a stream of mi-tools (byte 0)"}};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct mi_error err = {0};

        ok(craft_read(cases[i].bytes, cases[i].n, &err) == -MI_EXIT_DATA &&
               strstr(err.text, cases[i].says),
           "%s", err.text);
    }
}

int main(void)
{
    plan(31 + 8 + 10);
    test_rules();
    test_limits();
    test_foreign();
    return done();
}
