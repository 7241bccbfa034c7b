/* Frames: what is accepted, and that a claim is not believed before it can be true. */
#include "craft.h"

#include "base/mem.h"

#include "../tap.h"

/* A frame of `n` bytes that are hard to compress, or zeros. */
static void make_frame(struct mi_buf *frame, size_t n, bool is_zero)
{
    struct mi_packer p = {0};
    struct mi_buf b = {0};

    for (size_t i = 0; i < n; i++)
        mi_buf_add_char(&b, is_zero ? 0 : (char)(i * i * 2654435761u >> 13));
    mi_buf_clear(frame);
    if (mi_pack(&p, b.data, n, 1, frame, NULL) < 0)
        frame->len = 0;
    mi_buf_free(&b);
    mi_packer_free(&p);
}

/* Feeds the scanner as bytes arrive one by one; the length found, or < 0. */
static int64_t scan(const struct mi_buf *frame, uint64_t limit, uint64_t *content,
                    struct mi_error *err)
{
    struct mi_frame_scan s = {0};

    for (size_t have = 1; have <= frame->len; have++) {
        int status;

        if (have < s.need)
            continue;
        status = mi_frame_next(&s, (const unsigned char *)frame->data, have, limit, err);
        *content = s.content;
        if (status)
            return status < 0 ? status : (int64_t)s.need;
    }
    return 0;
}

static void test_good(void)
{
    static const size_t sizes[] = {1, 255, 256, 257, 65535, 65791, 65792, 131072, 131073, 1000000};
    struct mi_buf frame = {0};

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct mi_unpacker u = {0};
        struct mi_error err = {0};
        unsigned char *out = mi_alloc(sizes[i]);
        uint64_t content = 0;
        bool good = true;

        for (int zero = 0; zero < 2; zero++) {
            make_frame(&frame, sizes[i], zero);
            good = good && scan(&frame, 1 << 20, &content, &err) == (int64_t)frame.len &&
                   content == sizes[i] &&
                   mi_unpack(&u, frame.data, frame.len, out, sizes[i], &err) == 0;
        }
        ok(good, "%zu bytes %s", sizes[i], err.text);
        mi_free(out);
        mi_unpacker_free(&u);
    }
    mi_buf_free(&frame);
}

static void expect(struct mi_buf *frame, const char *says)
{
    struct mi_error err = {0};
    uint64_t content;
    int64_t n = scan(frame, 1 << 20, &content, &err);

    ok(n == -MI_EXIT_DATA && strstr(err.text, says), "%s: %s", says, err.text);
}

static void set_frame(struct mi_buf *frame, const char *bytes, size_t n)
{
    mi_buf_clear(frame);
    mi_buf_add(frame, bytes, n);
}

static void test_bad(void)
{
    struct mi_buf f = {0};
    struct mi_unpacker u = {0};
    struct mi_error err = {0};
    unsigned char out[1000];

    make_frame(&f, 1000, false);
    f.data[4] = (char)(f.data[4] & ~4);
    expect(&f, "without a checksum");
    make_frame(&f, 1000, false);
    f.data[4] |= 1;
    expect(&f, "dictionary");
    make_frame(&f, 1000, false);
    f.data[4] |= 8;
    expect(&f, "reserved bits");
    f.data[0]++;
    expect(&f, "no frame where one should begin");
    set_frame(&f, "\x28\xb5\x2f\xfd\x04\x58\x01\x00\x00", 9);
    expect(&f, "without its content size");
    set_frame(&f, "\x28\xb5\x2f\xfd\xe4\x00\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00", 16);
    expect(&f, "claims 4294967296 bytes; the limit is 1048576");
    set_frame(&f, "\x28\xb5\x2f\xfd\x44\x90\x00\x00\x01\x00\x00", 11);
    expect(&f, "a window of 268435456 bytes");
    set_frame(&f, "\x28\xb5\x2f\xfd\xa4\x00\x00\x10\x00\x01\x00\x00\x00\x00\x00\x00", 16);
    expect(&f, "too short for its content"); /* 1 MiB claimed by an empty block */
    set_frame(&f, "\x28\xb5\x2f\xfd\x24\x00\x01\x00\x00", 9);
    expect(&f, "an empty block");
    set_frame(&f, "\x28\xb5\x2f\xfd\x24\x05\x07\x00\x00", 9);
    expect(&f, "no block where one should be");
    set_frame(&f, "\x28\xb5\x2f\xfd\x24\x05\xff\xff\xff", 9);
    expect(&f, "no block where one should be");
    make_frame(&f, 1000, false);
    f.data[f.len - 1]++;
    ok(mi_unpack(&u, f.data, f.len, out, 1000, &err) == -MI_EXIT_DATA &&
           strstr(err.text, "the checksum differs"),
       "%s", err.text);
    make_frame(&f, 1000, false);
    f.data[500]++;
    ok(mi_unpack(&u, f.data, f.len, out, 1000, &err) == -MI_EXIT_DATA, "%s", err.text);
    mi_unpacker_free(&u);
    mi_buf_free(&f);
}

/* Empty blocks cost three bytes each and never end a frame: they do not fill the memory. */
static void test_endless(void)
{
    struct mi_buf f = {0};
    struct mi_error err = {0};
    uint64_t content;

    set_frame(&f, "\x28\xb5\x2f\xfd\x24\x05", 6);
    for (int i = 0; i < 100000; i++)
        mi_buf_add(&f, "\0\0\0", 3);
    ok(scan(&f, 1 << 20, &content, &err) == -MI_EXIT_DATA && strstr(err.text, "larger than its"),
       "%s", err.text);
    mi_buf_free(&f);
}

int main(void)
{
    plan(10 + 13 + 1);
    test_good();
    test_bad();
    test_endless();
    return done();
}
