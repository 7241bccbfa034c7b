/* Whatever the bytes: a stream is refused, or its records are written again as they were.
 *
 * The first byte chooses: records behind the checksums (which no mutation would pass), a
 * whole stream, JSON text, or one of the small grammars. */
#include "base/mem.h"
#include "data/edit.h"
#include "data/json.h"
#include "stream/codec.h"
#include "stream/reader.h"
#include "stream/record.h"
#include "stream/text.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

/* What is read encodes to the same bytes, and its text reads back to the same value. */
static void fuzz_record(const uint8_t *data, size_t size)
{
    struct mi_arena a = {0};
    struct mi_buf b = {0};
    struct mi_wire_record rec;
    struct mi_value again;
    struct mi_prompt_record prompt;
    struct mi_act_record act;
    int64_t n = mi_codec_measure(data, size, NULL);

    if (n >= 0 && mi_codec_get(&a, data, (size_t)n, &rec, NULL) == 0) {
        mi_codec_put(&b, rec.sequence, rec.kind, &rec.body, rec.is_shuffled);
        /* small tensors are not shuffled by the writer, but may be read so */
        must(rec.is_shuffled || ((int64_t)b.len == n && memcmp(b.data, data, b.len) == 0));
        must(mi_codec_check(&rec.body, NULL) == 0);
        if (mi_codec_finite(rec.kind, &rec.body, NULL) == 0) {
            mi_buf_clear(&b);
            mi_json_print(&b, &rec.body, (struct mi_json_style){0});
            must(mi_json_parse(&a, b.data, b.len, &again, NULL) == 0);
            must(mi_value_equal(&rec.body, &again));
        }
        if (mi_prompt_read(&a, &rec.body, &prompt, NULL) == 0)
            must(prompt.n_prompt <= prompt.n_tokens);
        if (mi_act_read(&a, &rec.body, &act, NULL) == 0)
            must(act.x.shape[0] == act.n_positions);
    }
    mi_buf_free(&b);
    mi_arena_free(&a);
}

static void fuzz_stream(const uint8_t *data, size_t size)
{
    struct mi_reader r = {0};
    struct mi_record rec;
    struct mi_error err = {0};
    int status = mi_reader_open_bytes(&r, data, size, "fuzz", &err);

    while (status >= 0 && (status = mi_reader_next(&r, &rec, &err)) > 0)
        must(rec.body->kind == MI_MAP);
    must(status == 0 || err.text[0]);
    mi_reader_close(&r);
}

static void fuzz_json(const uint8_t *data, size_t size)
{
    struct mi_arena a = {0};
    struct mi_buf b = {0};
    struct mi_value v, again;

    if (mi_json_parse(&a, (const char *)data, size, &v, NULL) == 0) {
        mi_json_print(&b, &v, (struct mi_json_style){0});
        must(mi_json_parse(&a, b.data, b.len, &again, NULL) == 0);
        /* not a number has many bit patterns, and one name */
        must(mi_value_equal(&v, &again) || strstr(mi_buf_text(&b), "NaN"));
    }
    mi_buf_free(&b);
    mi_arena_free(&a);
}

/* An edit that is read prints as one that reads to the same text. */
static void fuzz_edit(const uint8_t *data, size_t size)
{
    static const struct mi_dims dims = {4, 4, 2, 16, 4, 32, 100, 64};
    struct mi_edits list = {0}, again = {0};
    struct mi_buf one = {0}, two = {0};
    char *text = mi_strndup((const char *)data, size);

    if (mi_edits_parse(&list, text, &dims, NULL) == 0) {
        mi_edit_print(&one, &list.item[0], NULL, NULL, NULL);
        must(mi_edits_parse(&again, mi_buf_text(&one), &dims, NULL) == 0);
        mi_edit_print(&two, &again.item[0], NULL, NULL, NULL);
        must(one.len == two.len && memcmp(one.data, two.data, one.len) == 0);
    }
    mi_edits_free(&list);
    mi_edits_free(&again);
    mi_buf_free(&one);
    mi_buf_free(&two);
    mi_free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    switch (data[0] & 3) {
    case 0: fuzz_record(data + 1, size - 1); break;
    case 1: fuzz_stream(data + 1, size - 1); break;
    case 2: fuzz_json(data + 1, size - 1); break;
    default: fuzz_edit(data + 1, size - 1);
    }
    return 0;
}
