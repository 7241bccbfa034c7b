/* stream/frame.h: blocks as zstd frames (the only file that knows zstd).
 *
 * A frame here always states its content size and carries a checksum: zstd alone would
 * decode 99 of 100 flipped bits to wrong numbers without a word. */
#ifndef MI_STREAM_FRAME_H
#define MI_STREAM_FRAME_H

#include "base/buf.h"
#include "base/error.h"

#include <stdint.h>

/* Levels: a pipe is faster than any compressor, a file is not. */
enum { MI_LEVEL_PIPE = -5, MI_LEVEL_FILE = 1 };

struct mi_packer {
    void *context; /* private */
};

/* Compresses bytes [n > 0] as one frame and appends it. */
int mi_pack(struct mi_packer *p, const void *bytes, size_t n, int level, struct mi_buf *out,
            struct mi_error *err) MI_MUST_USE;
void mi_packer_free(struct mi_packer *p);

/* Where a frame ends, found while its bytes arrive. `{0}` before the first byte. */
struct mi_frame_scan {
    size_t need;      /* bytes from the start of the frame that must be there next */
    uint64_t content; /* uncompressed size, as the frame claims */
    uint64_t blocks;  /* private */
};

/* Looks at the first `have` (>= s->need) bytes: returns 1 when s->need is the length of
 * the whole frame, 0 when more bytes are needed, < 0 when this is no frame that we
 * accept: no content size, no checksum, a dictionary, a window above MI_WINDOW_MAX, more
 * than `limit` bytes of content, or fewer blocks than the content takes. */
int mi_frame_next(struct mi_frame_scan *s, const unsigned char *bytes, size_t have, uint64_t limit,
                  struct mi_error *err) MI_MUST_USE;

struct mi_unpacker {
    void *context; /* private */
};

/* Decompresses one whole frame into out [size], its claimed size. */
int mi_unpack(struct mi_unpacker *u, const void *frame, size_t n, void *out, size_t size,
              struct mi_error *err) MI_MUST_USE;
void mi_unpacker_free(struct mi_unpacker *u);

#endif
