/* craft.h: streams put together by hand, right or wrong. */
#ifndef MI_TESTS_CRAFT_H
#define MI_TESTS_CRAFT_H

#include "base/buf.h"
#include "base/hash.h"
#include "stream/codec.h"
#include "stream/format.h"
#include "stream/frame.h"
#include "stream/header.h"
#include "stream/magic.h"
#include "stream/reader.h"
#include "stream/seek.h"

#include <stdbool.h>
#include <string.h>

struct craft {
    struct mi_buf out, block;
    struct mi_packer packer;
    struct mi_hash hash;
    struct mi_seek seek;
    struct mi_arena arena;
    uint64_t records, bytes;
    bool has_table;
};

static inline void craft_begin(struct craft *c, bool has_table)
{
    unsigned char magic[MI_MAGIC_SIZE];

    *c = (struct craft){.has_table = has_table};
    mi_hash_init(&c->hash);
    mi_magic_write(magic, has_table);
    mi_buf_add(&c->out, magic, sizeof magic);
    mi_seek_add(&c->seek, sizeof magic, 0);
}

static inline void craft_frame(struct craft *c)
{
    size_t before = c->out.len;

    if (c->block.len == 0)
        return;
    if (mi_pack(&c->packer, c->block.data, c->block.len, 1, &c->out, NULL) < 0)
        return;
    mi_seek_add(&c->seek, (uint32_t)(c->out.len - before), (uint32_t)c->block.len);
    mi_buf_clear(&c->block);
}

/* Any bytes as a record, digested as they are. */
static inline void craft_bytes(struct craft *c, const void *bytes, size_t n)
{
    mi_buf_add(&c->block, bytes, n);
    mi_hash_add(&c->hash, bytes, n);
    c->bytes += n;
    c->records++;
}

static inline void craft_record(struct craft *c, uint64_t sequence, const char *kind,
                                const struct mi_value *body)
{
    struct mi_buf b = {0};

    mi_codec_put(&b, sequence, kind, body, false);
    craft_bytes(c, b.data, b.len);
    mi_buf_free(&b);
}

static inline void craft_header(struct craft *c)
{
    struct mi_value h = mi_header_new(&c->arena, "test");

    craft_record(c, 0, "header", &h);
}

static inline struct mi_value craft_end_body(struct craft *c)
{
    struct mi_value body = mi_map();
    struct mi_digest d = mi_hash_value(&c->hash);
    char text[33];

    mi_set(&c->arena, &body, "records", mi_int((int64_t)c->records));
    mi_set(&c->arena, &body, "bytes", mi_int((int64_t)c->bytes));
    mi_set(&c->arena, &body, "digest", mi_str_dup(&c->arena, mi_digest_text(&d, text)));
    mi_set(&c->arena, &body, "inputs", mi_array());
    mi_set(&c->arena, &body, "status", mi_str("complete"));
    return body;
}

static inline void craft_end(struct craft *c)
{
    struct mi_value body = craft_end_body(c);

    mi_codec_put(&c->block, c->records, "end", &body, false);
    craft_frame(c);
    if (c->has_table)
        mi_seek_write(&c->seek, &c->out);
}

static inline void craft_free(struct craft *c)
{
    mi_buf_free(&c->out);
    mi_buf_free(&c->block);
    mi_packer_free(&c->packer);
    mi_hash_free(&c->hash);
    mi_seek_free(&c->seek);
    mi_arena_free(&c->arena);
}

/* Reads to the end: 0, or the negated exit code with the message in *err. */
static inline int craft_read(const void *bytes, size_t n, struct mi_error *err)
{
    struct mi_reader r = {0};
    struct mi_record rec;
    int status = mi_reader_open_bytes(&r, bytes, n, "s", err);

    if (status == 0)
        while ((status = mi_reader_next(&r, &rec, err)) > 0)
            ;
    mi_reader_close(&r);
    return status;
}

#endif
