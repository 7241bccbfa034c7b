/* stream/block.h: one block: its frame decompressed, its records decoded.
 *
 * Nothing of other blocks is needed for that, so that several threads can do one each.
 * Whether records follow each other rightly is the reader's to see. */
#ifndef MI_STREAM_BLOCK_H
#define MI_STREAM_BLOCK_H

#include "base/mem.h"
#include "stream/codec.h"
#include "stream/frame.h"

struct mi_block_record {
    struct mi_wire_record wire;
    size_t n; /* bytes in the block; 0 of a record that has no end */
};

/* `{0}` is empty; used for one block after the other, its memory is kept. */
struct mi_block {
    unsigned char *bytes; /* [cap], len of them the block's */
    size_t cap, len, decoded;
    struct mi_block_record *record; /* [n_records], the next ones */
    size_t n_records, cap_records;
    int status; /* < 0: the frame, or the last of the records, is wrong: err says how */
    struct mi_error err;
    struct mi_unpacker unpacker; /* private */
    struct mi_arena arena;       /* private: what the records point to */
};

/* Decompresses a whole frame [n] of `content` bytes; no record is decoded yet. */
void mi_block_open(struct mi_block *b, const void *frame, size_t n, size_t content);
/* Decodes the next records, and forgets the last ones: at least one, and more until they hold
 * `most` bytes of memory, the block ends or one is wrong. */
void mi_block_decode(struct mi_block *b, size_t most);
void mi_block_free(struct mi_block *b);

#endif
