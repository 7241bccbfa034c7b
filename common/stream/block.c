#include "stream/block.h"

static int reserve(struct mi_block *b, size_t n)
{
    if (n <= b->cap)
        return 0;
    mi_free(b->bytes);
    b->cap = 0;
    b->bytes = mi_try_alloc(n);
    if (!b->bytes)
        return mi_fail(&b->err, MI_EXIT_SYS, "out of memory for a block of %zu bytes", n);
    b->cap = n;
    return 0;
}

void mi_block_open(struct mi_block *b, const void *frame, size_t n, size_t content)
{
    b->len = b->decoded = b->n_records = 0;
    b->status = reserve(b, content);
    if (b->status == 0)
        b->status = mi_unpack(&b->unpacker, frame, n, b->bytes, content, &b->err);
    if (b->status == 0)
        b->len = content;
}

static int decode_one(struct mi_block *b, struct mi_block_record *r)
{
    const unsigned char *bytes = b->bytes + b->decoded;
    int64_t n = mi_codec_measure(bytes, b->len - b->decoded, &b->err);
    int status;

    r->n = n < 0 ? 0 : (size_t)n;
    if (n < 0)
        return (int)n;
    b->decoded += r->n;
    status = mi_codec_get(&b->arena, bytes, r->n, &r->wire, &b->err);
    return status < 0 ? status : mi_codec_finite(r->wire.kind, &r->wire.body, &b->err);
}

void mi_block_decode(struct mi_block *b, size_t most)
{
    mi_arena_reset(&b->arena);
    b->n_records = 0;
    do {
        b->record = mi_grow(b->record, &b->cap_records, b->n_records + 1, sizeof *b->record);
        b->status = decode_one(b, &b->record[b->n_records++]);
    } while (b->status == 0 && b->decoded < b->len &&
             mi_arena_used(&b->arena) + b->n_records * sizeof *b->record < most);
}

void mi_block_free(struct mi_block *b)
{
    mi_unpacker_free(&b->unpacker);
    mi_arena_free(&b->arena);
    mi_free(b->record);
    mi_free(b->bytes);
    *b = (struct mi_block){0};
}
