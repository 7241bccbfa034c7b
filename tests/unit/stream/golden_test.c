/* Streams of format 1 that another implementation wrote (tests/parity/golden_stream.py):
 * every later version reads them to the same text, and writes the same digest. */
#include "craft.h"
#include "golden.h"

#include "stream/text.h"
#include "stream/writer.h"

#include "../tap.h"

#include <unistd.h>

static const char *const digests[GOLDENS] = {"d058e307d5644fc98bfd4d80bddf5ce3",
                                             "ab2984814135bc229647285b65318f30",
                                             "960e34363d5881436835569dc0a7b32a"};

static int to_text(const struct mi_buf *stream, struct mi_buf *text, struct mi_error *err)
{
    const struct mi_json_style style = {0};
    struct mi_reader r = {0};
    struct mi_record rec;
    int status = mi_reader_open_bytes(&r, stream->data, stream->len, "golden", err);

    if (status < 0)
        return status;
    mi_text_print(text, "header", mi_reader_header(&r), style);
    while ((status = mi_reader_next(&r, &rec, err)) > 0)
        mi_text_print(text, rec.kind, rec.body, style);
    if (status == 0)
        mi_text_print(text, "end", mi_reader_end(&r), style);
    mi_reader_close(&r);
    return status;
}

/* The text of a golden through the encoder into a file; its bytes. */
static int encode(const char *name, const char *path, struct mi_buf *stream, struct mi_error *err)
{
    struct mi_text in = {0};
    struct mi_writer out = {0};
    char source[128];
    int status;

    snprintf(source, sizeof source, "tests/golden/stream/%s.jsonl", name);
    status = mi_text_open(&in, source, err);
    if (status == 0)
        status = mi_writer_open(&out, path, err);
    if (status == 0)
        status = mi_text_encode(&in, &out, err);
    mi_text_close(&in);
    mi_writer_close(&out);
    return status < 0 ? status : mi_file_read(path, 1 << 20, stream, err);
}

static void test_one(int i, const char *folder)
{
    struct mi_buf stream = {0}, text = {0}, want = {0}, ours = {0};
    struct mi_error err = {0};
    struct mi_reader r = {0};
    struct mi_record rec;
    char path[128], hex[33];
    struct mi_digest d;

    golden_load(&stream, golden_names[i], "mi");
    golden_load(&want, golden_names[i], "jsonl");
    ok(to_text(&stream, &text, &err) == 0 && text.len == want.len &&
           memcmp(text.data, want.data, text.len) == 0,
       "%s reads as its text, byte for byte %s", golden_names[i], err.text);
    snprintf(path, sizeof path, "%s/%s.mi", folder, golden_names[i]);
    ok(encode(golden_names[i], path, &ours, &err) == 0, "its text can be encoded %s", err.text);
    ok(mi_reader_open_bytes(&r, ours.data, ours.len, "ours", &err) == 0, "and read %s", err.text);
    while (mi_reader_next(&r, &rec, &err) > 0)
        ;
    d = mi_reader_digest(&r);
    ok(strcmp(mi_digest_text(&d, hex), digests[i]) == 0 && mi_reader_end(&r),
       "with the digest that the other implementation computed: %s", hex);
    mi_reader_close(&r);
    mi_buf_clear(&text);
    ok(to_text(&ours, &text, &err) == 0 && text.len == want.len &&
           memcmp(text.data, want.data, text.len) == 0,
       "and the same text");
    unlink(path);
    mi_buf_free(&stream);
    mi_buf_free(&text);
    mi_buf_free(&want);
    mi_buf_free(&ours);
}

int main(void)
{
    char folder[] = "/tmp/mi-golden-XXXXXX";

    plan(5 * GOLDENS);
    if (!mkdtemp(folder))
        return 1;
    for (int i = 0; i < GOLDENS; i++)
        test_one(i, folder);
    rmdir(folder);
    return done();
}
