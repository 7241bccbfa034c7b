/* Numbers beyond 31, 32 and 53 bits: counters of a stream that has run for long, and records
 * that are, or say they are, larger than 4 GiB. Nobody writes 2^53 records: reader and writer
 * stand here in source, so that their counters can begin where it matters. */
#include "../../../common/stream/reader.c"
#include "../../../common/stream/writer.c"

#include "craft.h"

#include "../tap.h"

#include <stdlib.h>
#include <unistd.h>

enum { BEFORE = 3, RECORDS = 7 }; /* counters begin so far before a border and cross it */

static const uint64_t borders[] = {(uint64_t)1 << 31, (uint64_t)1 << 32, (uint64_t)1 << 53,
                                   (uint64_t)INT64_MAX - RECORDS - 200};

static char folder[] = "/tmp/mi-border-XXXXXX";
static char path[128];

static int write_from(uint64_t first, struct mi_error *err)
{
    struct mi_writer w = {0};
    struct mi_arena a = {0};
    struct mi_value h = mi_header_new(&a, "test");
    int status = mi_writer_open(&w, path, err);

    if (status == 0)
        status = mi_writer_header(&w, &h, err);
    if (status == 0)
        w.state->records = w.state->bytes = first;
    for (int i = 0; i < RECORDS && status == 0; i++) {
        struct mi_value b = mi_map();

        mi_set(&a, &b, "i", mi_int(i));
        status = mi_writer_put(&w, "x", &b, err);
    }
    if (status == 0)
        status = mi_writer_end(&w, NULL, err);
    mi_writer_close(&w);
    mi_arena_free(&a);
    return status;
}

/* How many records come with the sequence and the body that they must have; < 0 on failure. */
static int read_from(uint64_t first, struct mi_error *err)
{
    struct mi_reader r = {0};
    struct mi_record rec;
    int n = 0, right = 0, status = mi_reader_open(&r, path, err);

    if (status < 0)
        return status;
    r.state->records = first;
    r.state->bytes = first > 1 ? first : r.state->bytes;
    while ((status = mi_reader_next(&r, &rec, err)) > 0) {
        right += rec.sequence == first + (uint64_t)n && mi_get_int(rec.body, "i", -1) == n;
        n++;
    }
    if (status == 0 && mi_get_int(mi_reader_end(&r), "records", -1) != (int64_t)first + RECORDS)
        right = 0;
    mi_reader_close(&r);
    return status < 0 ? status : right;
}

static void test_counters(void)
{
    for (size_t i = 0; i < sizeof borders / sizeof *borders; i++) {
        uint64_t first = borders[i] - BEFORE;
        struct mi_error err = {0};
        char says[96];
        int written = write_from(first, &err), got = read_from(first, &err);

        ok(written == 0 && got == RECORDS, "records from %llu on: %d right %s",
           (unsigned long long)first, got, err.text);
        snprintf(says, sizeof says, "sequence %llu, expected 1", (unsigned long long)first);
        ok(read_from(1, &err) == -MI_EXIT_DATA && strstr(err.text, says), "%s", err.text);
        snprintf(says, sizeof says, "expected %llu", (unsigned long long)(uint32_t)first);
        if ((uint32_t)first != first)
            ok(read_from((uint32_t)first, &err) == -MI_EXIT_DATA && strstr(err.text, says),
               "no counter is cut to 32 bits: %s", err.text);
        else
            ok(read_from(first + 1, &err) == -MI_EXIT_DATA, "nor counts one off: %s", err.text);
    }
}

/* A sequence keeps every bit on the wire; a double would lose the last of 2^53 + 1. */
static void test_wire(void)
{
    static const uint64_t about[] = {(uint64_t)1 << 31, (uint64_t)1 << 32, (uint64_t)1 << 53,
                                     (uint64_t)1 << 63};

    for (size_t i = 0; i < sizeof about / sizeof *about; i++) {
        struct mi_value body = mi_map();
        int right = 0;

        for (uint64_t n = about[i] - 2; n != about[i] + 3; n++) {
            struct mi_buf b = {0};
            struct mi_arena a = {0};
            struct mi_wire_record rec = {0};

            mi_codec_put(&b, n, "x", &body, false);
            right += mi_codec_measure(b.data, b.len, NULL) == (int64_t)b.len &&
                     mi_codec_get(&a, b.data, b.len, &rec, NULL) == 0 && rec.sequence == n;
            mi_arena_free(&a);
            mi_buf_free(&b);
        }
        ok(right == 5, "sequences about %llu", (unsigned long long)about[i]);
    }
}

/* ---- records of more than 4 GiB ------------------------------------------------ */

static const uint64_t five = (uint64_t)5 << 30, six = (uint64_t)6 << 30;

/* Reads a stream of a header and then these bytes; the limit of a record is 6 GiB or ours. */
static void expect(const char *what, const struct mi_buf *frame, bool has_table, bool is_raised,
                   const char *says)
{
    struct craft c;
    struct mi_reader r = {0};
    struct mi_record rec;
    struct mi_error err = {0};
    int status;

    craft_begin(&c, has_table);
    craft_header(&c);
    craft_frame(&c);
    mi_buf_add(&c.out, frame->data, frame->len);
    status = mi_reader_open_bytes(&r, c.out.data, c.out.len, "s", &err);
    if (status == 0) {
        if (is_raised)
            mi_reader_limit(&r, six);
        status = mi_reader_next(&r, &rec, &err);
    }
    ok(status == -MI_EXIT_DATA && strstr(err.text, says), "%s: %s", what, err.text);
    mi_reader_close(&r);
    craft_free(&c);
}

/* A frame's head: content of 64 bits, checksum, a window of 1 MiB. */
static void frame_head(struct mi_buf *b, uint64_t content)
{
    mi_buf_clear(b);
    mi_buf_add(b, "\x28\xb5\x2f\xfd\xc4\x50", 6);
    for (int i = 0; i < 8; i++)
        mi_buf_add_char(b, (char)(content >> (8 * i)));
}

/* `n` blocks of 128 KiB zeros, four bytes each; the last says so. */
static void add_zeros(struct mi_buf *b, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++)
        mi_buf_add(b, i + 1 < n ? "\x02\x00\x10" : "\x03\x00\x10", 4);
    mi_buf_add(b, "\0\0\0", 4);
}

static void test_frames(void)
{
    struct mi_buf f = {0};

    frame_head(&f, five);
    add_zeros(&f, five >> 17);
    expect("a frame of 5 GiB", &f, false, false, "claims 5368709120 bytes; the limit is");
    frame_head(&f, five);
    add_zeros(&f, (five >> 17) - 1);
    expect("one block fewer", &f, false, true, "too short for its content");
    frame_head(&f, six + 1);
    add_zeros(&f, 1);
    expect("a byte above a raised limit", &f, false, true, "claims 6442450945 bytes");
    frame_head(&f, five + 1000);
    add_zeros(&f, 1);
    expect("what 32 bits cannot say", &f, false, true, "too short for its content");
    frame_head(&f, five);
    add_zeros(&f, five >> 17);
    expect("in a file with a seek table", &f, true, true, "a frame of 4 GiB or more in a file");
    frame_head(&f, UINT64_MAX);
    add_zeros(&f, 1);
    expect("2^64 - 1 bytes", &f, false, true, "claims 18446744073709551615 bytes");
    mi_buf_free(&f);
}

/* A record [1, "x", {"x": ...}] whose value says more than is there. */
static void test_values(void)
{
    static const struct {
        const char *what, *bytes;
        size_t n;
        const char *says;
    } cases[] = {{"bytes", "\xc6\xff\xff\xff\xff", 5, "goes beyond its block"},
                 {"a string", "\xdb\xff\xff\xff\xff", 5, "goes beyond its block"},
                 {"an array", "\xdd\xff\xff\xff\xff", 5, "goes beyond its block"},
                 {"a map", "\xdf\xff\xff\xff\xff", 5, "goes beyond its block"},
                 {"a map of 2^31", "\xdf\x80\0\0\0", 5, "goes beyond its block"},
                 {"a tensor of 5 GiB",
                  "\x83\xa5"
                  "dtype\xa2u8\xa5shape\x91\xcf\0\0\0\x01\x40\0\0\0\xa4"
                  "data\xc4\x01\0",
                  35, "its shape says otherwise"},
                 {"a tensor that wraps to one byte",
                  "\x83\xa5"
                  "dtype\xa2u8\xa5shape\x92\xce\xff\xff\xff\xff\xce\xff\xff\xff\xff\xa4"
                  "data\xc4\x01\0",
                  36, "its shape says otherwise"}};
    struct mi_packer p = {0};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct mi_buf record = {0}, frame = {0};
        int status;

        mi_buf_add(&record, "\x93\x01\xa1x\x81\xa1x", 7);
        mi_buf_add(&record, cases[i].bytes, cases[i].n);
        status = mi_pack(&p, record.data, record.len, 1, &frame, NULL);
        ok(status == 0, "packed");
        expect(cases[i].what, &frame, false, true, cases[i].says);
        mi_buf_free(&record);
        mi_buf_free(&frame);
    }
    mi_packer_free(&p);
}

int main(void)
{
    plan(4 * 3 + 4 + 6 + 2 * 7);
    if (!mkdtemp(folder))
        return 1;
    snprintf(path, sizeof path, "%s/s.mi", folder);
    test_counters();
    test_wire();
    test_frames();
    test_values();
    unlink(path);
    rmdir(folder);
    return done();
}
