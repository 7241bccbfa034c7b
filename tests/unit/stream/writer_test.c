/* Streams of the writer: what it refuses, how it cuts frames, pipes and files. */
#include "craft.h"

#include "base/file.h"
#include "base/mem.h"
#include "stream/writer.h"

#include "../tap.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/mi-writer-XXXXXX";
static char path[128];

static struct mi_value numbered(struct mi_arena *a, int i, float *x, int64_t n)
{
    struct mi_value b = mi_map();

    for (int64_t k = 0; k < n; k++)
        x[k] = (float)((i * 31 + k * 17) % 1009) / 64;
    mi_set(a, &b, "id", mi_int(i));
    mi_set(a, &b, "x", mi_tensor_value(mi_tensor_1(MI_F32, n, x)));
    return b;
}

static int open_with_header(struct mi_writer *w, const char *to, struct mi_error *err)
{
    struct mi_arena a = {0};
    struct mi_value h = mi_header_new(&a, "test");
    int status = mi_writer_open(w, to, err);

    if (status == 0)
        status = mi_writer_header(w, &h, err);
    mi_arena_free(&a);
    return status;
}

/* n records of `width` floats; flushes after every `flush` of them. */
static void write_stream(const char *to, int n, int64_t width, int flush, char *digest)
{
    struct mi_writer w = {0};
    struct mi_arena a = {0};
    struct mi_error err = {0};
    float *x = mi_alloc_n((size_t)width, sizeof *x);
    struct mi_digest d;
    int status = open_with_header(&w, to, &err);

    for (int i = 0; i < n && status == 0; i++) {
        struct mi_value b = numbered(&a, i, x, width);

        status = mi_writer_put(&w, "x", &b, &err);
        if (status == 0 && flush && i % flush == 0)
            status = mi_writer_flush(&w, &err);
        mi_arena_reset(&a);
    }
    d = mi_writer_digest(&w);
    mi_digest_text(&d, digest);
    if (status == 0)
        status = mi_writer_end(&w, NULL, &err);
    if (status < 0)
        diag("%s", err.text);
    mi_writer_close(&w);
    mi_arena_free(&a);
    mi_free(x);
}

static void load(struct mi_buf *b)
{
    mi_buf_clear(b);
    if (mi_file_read(path, 1 << 30, b, NULL) < 0)
        b->len = 0;
}

/* Frames of a stream: how many, and the largest content. */
static int count_frames(const struct mi_buf *b, uint64_t *largest)
{
    size_t at = MI_MAGIC_SIZE;
    int n = 0;

    *largest = 0;
    while (at + 4 <= b->len && mi_load_u32((unsigned char *)b->data + at) == MI_ZSTD_FRAME) {
        struct mi_frame_scan s = {0};

        if (mi_frame_next(&s, (unsigned char *)b->data + at, b->len - at, 1 << 30, NULL) < 1)
            return -1;
        *largest = s.content > *largest ? s.content : *largest;
        at += s.need;
        n++;
    }
    return n;
}

static void test_files(void)
{
    struct mi_buf one = {0}, two = {0};
    struct mi_error err = {0};
    char d1[33], d2[33];
    uint64_t largest;
    int frames;

    write_stream(path, 40, 100000, 0, d1);
    load(&one);
    frames = count_frames(&one, &largest);
    ok(craft_read(one.data, one.len, &err) == 0, "16 MB in a file %s", err.text);
    ok(frames == 4 && largest <= MI_BLOCK_MAX && largest > MI_BLOCK_MAX - 500000,
       "the header, two blocks of up to 8 MiB, the end (%d frames, %llu bytes)", frames,
       (unsigned long long)largest);
    write_stream(path, 40, 100000, 3, d2);
    load(&two);
    ok(one.len == two.len && memcmp(one.data, two.data, one.len) == 0 && strcmp(d1, d2) == 0,
       "a file does not depend on when it was flushed");
    write_stream(path, 3, 3000000, 0, d1);
    load(&one);
    frames = count_frames(&one, &largest);
    ok(craft_read(one.data, one.len, &err) == 0 && frames == 5 && largest > 12000000,
       "records of 12 MB stand alone in their blocks (%d frames) %s", frames, err.text);
    write_stream(path, 0, 1, 0, d1);
    load(&one);
    ok(craft_read(one.data, one.len, &err) == 0, "no records at all %s", err.text);
    mi_buf_free(&one);
    mi_buf_free(&two);
}

/* Into a pipe: what a reader sees comes frame by frame, with the file's digest. */
static void test_pipe(void)
{
    struct mi_writer w = {0};
    struct mi_arena a = {0};
    struct mi_error err = {0};
    struct mi_digest d;
    float x[50];
    int fd[2], before;
    char byte[8192], d1[33], d2[33];
    struct mi_buf got = {0};
    struct mi_value b;
    ssize_t n = 0;

    write_stream(path, 2, 50, 0, d1);
    ok(pipe(fd) == 0 && fcntl(fd[0], F_SETFL, O_NONBLOCK) == 0, "a pipe");
    snprintf(byte, sizeof byte, "/dev/fd/%d", fd[1]);
    ok(open_with_header(&w, byte, &err) == 0 && read(fd[0], byte, sizeof byte) < 0,
       "nothing is written before the first record %s", err.text);
    b = numbered(&a, 0, x, 50);
    ok(mi_writer_put(&w, "x", &b, &err) == 0 && (n = read(fd[0], byte, sizeof byte)) > 0,
       "then the header leaves");
    mi_buf_add(&got, byte, n > 0 ? (size_t)n : 0);
    before = count_frames(&got, &(uint64_t){0});
    ok(mi_writer_flush(&w, &err) == 0 && (n = read(fd[0], byte, sizeof byte)) > 0, "a flush");
    mi_buf_add(&got, byte, n > 0 ? (size_t)n : 0);
    ok(before == 1 && count_frames(&got, &(uint64_t){0}) == 2, "ends a frame");
    b = numbered(&a, 1, x, 50);
    ok(mi_writer_put(&w, "x", &b, &err) == 0, "another record");
    d = mi_writer_digest(&w);
    ok(mi_writer_end(&w, NULL, &err) == 0 && (n = read(fd[0], byte, sizeof byte)) > 0, "the end");
    mi_buf_add(&got, byte, n > 0 ? (size_t)n : 0);
    ok(craft_read(got.data, got.len, &err) == 0 && strcmp(mi_digest_text(&d, d2), d1) == 0 &&
           got.data[19] == 0,
       "a pipe and a file have the same digest, and a pipe no seek table %s", err.text);
    mi_writer_close(&w);
    close(fd[0]);
    close(fd[1]);
    mi_buf_free(&got);
    mi_arena_free(&a);
}

/* Each spoils an open stream; after it nothing more is taken, and no file appears. */
static void test_refused(void)
{
    static float bad[3] = {1, 2, INFINITY};
    static const struct {
        const char *kind, *key;
        int what;
        const char *says;
    } cases[] = {
        {"x", "kind", 0, "no record of this kind"},
        {"header", "a", 0, "no record of"},
        {"end", "a", 0, "no record of"},
        {"", "a", 0, "no record of"},
        {"a name of more than thirty-two bytes", "a", 0, "no record of"},
        {"act", "x", 1, "act record of 'p9' at resid_post:3: element 2 of 'x' is infinite"},
        {"x", "a", 2, "x record: a string that is not UTF-8"}};
    struct mi_arena a = {0};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct mi_writer w = {0};
        struct mi_error err = {0};
        struct mi_value b = mi_map(), good = mi_map();
        struct stat st;

        mi_set(&a, &b, "id", mi_str("p9"));
        mi_set(&a, &b, "site", mi_str("resid_post"));
        mi_set(&a, &b, "layer", mi_int(3));
        mi_set(&a, &b, cases[i].key,
               cases[i].what == 1   ? mi_tensor_value(mi_tensor_1(MI_F32, 3, bad))
               : cases[i].what == 2 ? mi_str("\xc3")
                                    : mi_int(1));
        unlink(path);
        ok(open_with_header(&w, path, &err) == 0 &&
               mi_writer_put(&w, cases[i].kind, &b, &err) == -MI_EXIT_DATA &&
               strstr(err.text, cases[i].says),
           "%s", err.text);
        ok(mi_writer_put(&w, "x", &good, NULL) < 0 && mi_writer_end(&w, NULL, NULL) < 0,
           "nothing follows");
        mi_writer_close(&w);
        ok(stat(path, &st) < 0, "no file");
    }
    mi_arena_free(&a);
}

static void test_order(void)
{
    struct mi_writer w = {0};
    struct mi_arena a = {0};
    struct mi_error err = {0};
    struct mi_value b = mi_map(), h = mi_header_new(&a, "x");

    ok(mi_writer_open(&w, path, &err) == 0 && mi_writer_put(&w, "x", &b, &err) < 0,
       "no record before the header");
    mi_writer_close(&w);
    ok(mi_writer_open(&w, path, &err) == 0 && mi_writer_end(&w, NULL, &err) < 0,
       "no end before the header");
    mi_writer_close(&w);
    ok(open_with_header(&w, path, &err) == 0 && mi_writer_header(&w, &h, &err) < 0, "one header");
    mi_writer_close(&w);
    mi_writer_close(&w);
    mi_set(&a, &h, "format", mi_str("x"));
    ok(mi_writer_open(&w, path, &err) == 0 && mi_writer_header(&w, &h, &err) == -MI_EXIT_DATA,
       "a right one: %s", err.text);
    mi_writer_close(&w);
    ok(mi_writer_open(&w, "/nowhere/x.mi", &err) == -MI_EXIT_SYS, "%s", err.text);
    mi_writer_close(&w);
    mi_arena_free(&a);
}

int main(void)
{
    plan(5 + 8 + 21 + 5);
    if (!mkdtemp(folder))
        return 1;
    snprintf(path, sizeof path, "%s/s.mi", folder);
    test_files();
    test_pipe();
    test_refused();
    test_order();
    unlink(path);
    rmdir(folder);
    return done();
}
