/* stream/seek.h: the table at the end of a file that says where its frames are.
 *
 * The layout is that of zstd's seekable format: a skippable frame of one entry a frame
 * {compressed size, uncompressed size}, both 32 bits, the count, a descriptor byte and
 * a magic number. The magic frame of the stream is the first entry, with 0 bytes. */
#ifndef MI_STREAM_SEEK_H
#define MI_STREAM_SEEK_H

#include "base/buf.h"
#include "base/error.h"

#include <stdint.h>

/* Frames in order. `{0}` is empty. */
struct mi_seek {
    uint32_t *size; /* [2 n]: compressed, uncompressed */
    size_t n, cap;
};

void mi_seek_add(struct mi_seek *s, uint32_t compressed, uint32_t uncompressed);
size_t mi_seek_bytes(const struct mi_seek *s); /* size of the table as written */
void mi_seek_write(const struct mi_seek *s, struct mi_buf *out);
void mi_seek_free(struct mi_seek *s);

#endif
