#include "stream/frame.h"

#include "base/checked.h"
#include "stream/format.h"

#include <zstd.h>
#include <zstd_errors.h>

enum { BLOCK_HEAD = 3, CHECKSUM = 4, ZSTD_BLOCK = 128 << 10, SLACK = 64 << 10 };

/* ---- out ---------------------------------------------------------------------- */

int mi_pack(struct mi_packer *p, const void *bytes, size_t n, int level, struct mi_buf *out,
            struct mi_error *err)
{
    size_t most = ZSTD_compressBound(n), size;

    if (!p->context)
        p->context = ZSTD_createCCtx();
    if (!p->context)
        return mi_fail(err, MI_EXIT_SYS, "out of memory for compression");
    ZSTD_CCtx_setParameter(p->context, ZSTD_c_compressionLevel, level);
    ZSTD_CCtx_setParameter(p->context, ZSTD_c_checksumFlag, 1);
    ZSTD_CCtx_setParameter(p->context, ZSTD_c_contentSizeFlag, 1);
    mi_buf_reserve(out, most);
    size = ZSTD_compress2(p->context, out->data + out->len, most, bytes, n);
    if (ZSTD_isError(size))
        return mi_fail(err, MI_EXIT_SYS, "cannot compress: %s", ZSTD_getErrorName(size));
    out->len += size;
    return 0;
}

void mi_packer_free(struct mi_packer *p)
{
    ZSTD_freeCCtx(p->context);
    p->context = NULL;
}

/* ---- in ----------------------------------------------------------------------- */

static int damaged(struct mi_error *err, const char *what)
{
    return mi_fail(err, MI_EXIT_DATA, "damaged: %s", what);
}

/* Bytes of the frame header: magic, descriptor, window (if any), content size. */
static size_t header_size(unsigned descriptor)
{
    static const size_t content_size[4] = {0, 2, 4, 8};
    unsigned is_single = descriptor >> 5 & 1, kind = descriptor >> 6;

    return 4 + 1 + !is_single + (is_single && kind == 0 ? 1 : content_size[kind]);
}

static uint64_t read_content_size(const unsigned char *end, unsigned descriptor)
{
    unsigned kind = descriptor >> 6;

    switch (kind) {
    case 0: return end[-1];
    case 1: return (uint64_t)(end[-2] | end[-1] << 8) + 256;
    case 2: return mi_load_u32(end - 4);
    default: return mi_load_u32(end - 8) | (uint64_t)mi_load_u32(end - 4) << 32;
    }
}

static int check_window(uint64_t window, struct mi_error *err)
{
    if (window > MI_WINDOW_MAX)
        return mi_fail(err, MI_EXIT_DATA, "a window of %llu bytes, the limit is %d",
                       (unsigned long long)window, MI_WINDOW_MAX);
    return 0;
}

/* Reads the header once it is there; s->need becomes the end of the first block's head. */
static int read_header(struct mi_frame_scan *s, const unsigned char *bytes, size_t size,
                       uint64_t limit, struct mi_error *err)
{
    unsigned descriptor = bytes[4], is_single = descriptor >> 5 & 1;

    if (!is_single && descriptor >> 6 == 0)
        return mi_fail(err, MI_EXIT_DATA, "a frame without its content size");
    if (!(descriptor & 4))
        return mi_fail(err, MI_EXIT_DATA, "a frame without a checksum");
    if (descriptor & 3)
        return mi_fail(err, MI_EXIT_DATA, "a frame that needs a dictionary");
    if (descriptor & 0x18)
        return damaged(err, "reserved bits of a frame are set");
    s->content = read_content_size(bytes + size, descriptor);
    if (s->content > limit)
        return mi_fail(err, MI_EXIT_DATA, "claims %llu bytes; the limit is %llu",
                       (unsigned long long)s->content, (unsigned long long)limit);
    if (s->content == 0)
        return damaged(err, "an empty block");
    s->need = size + BLOCK_HEAD;
    if (!is_single) {
        unsigned w = bytes[5];
        uint64_t base = (uint64_t)1 << (10 + (w >> 3));

        return check_window(base + base / 8 * (w & 7), err);
    }
    return check_window(s->content, err);
}

/* Steps over the block whose head ends at s->need. Returns 1 when it was the last. */
static int step_block(struct mi_frame_scan *s, const unsigned char *bytes, struct mi_error *err)
{
    const unsigned char *p = bytes + s->need - BLOCK_HEAD;
    uint32_t head = (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16;
    uint32_t kind = head >> 1 & 3, size = head >> 3;

    if (kind == 3 || size > ZSTD_BLOCK)
        return damaged(err, "no block where one should be");
    s->blocks++;
    s->need += kind == 1 ? 1 : size;
    if (s->need > s->content + s->content / 128 + SLACK)
        return damaged(err, "a frame that is larger than its content");
    if (!(head & 1)) {
        s->need += BLOCK_HEAD;
        return 0;
    }
    /* A block makes at most 128 KiB: what a few bytes claim is not allocated. */
    if (s->blocks * ZSTD_BLOCK < s->content)
        return damaged(err, "a frame that is too short for its content");
    s->need += CHECKSUM;
    return 1;
}

int mi_frame_next(struct mi_frame_scan *s, const unsigned char *bytes, size_t have, uint64_t limit,
                  struct mi_error *err)
{
    int status;

    if (s->need < 5) {
        s->need = 5; /* magic and descriptor */
        if (have < s->need)
            return 0;
    }
    if (s->content == 0) {
        if (mi_load_u32(bytes) != MI_ZSTD_FRAME)
            return damaged(err, "no frame where one should begin");
        s->need = header_size(bytes[4]);
        if (have < s->need)
            return 0;
        status = read_header(s, bytes, s->need, limit, err);
        if (status < 0)
            return status;
    }
    while (have >= s->need) {
        status = step_block(s, bytes, err);
        if (status)
            return status;
    }
    return 0;
}

int mi_unpack(struct mi_unpacker *u, const void *frame, size_t n, void *out, size_t size,
              struct mi_error *err)
{
    size_t got;

    if (!u->context)
        u->context = ZSTD_createDCtx();
    if (!u->context)
        return mi_fail(err, MI_EXIT_SYS, "out of memory for decompression");
    got = ZSTD_decompressDCtx(u->context, out, size, frame, n);
    if (ZSTD_isError(got)) {
        ZSTD_ErrorCode code = ZSTD_getErrorCode(got);

        if (code == ZSTD_error_memory_allocation)
            return mi_fail(err, MI_EXIT_SYS, "out of memory for decompression");
        return damaged(err, code == ZSTD_error_checksum_wrong ? "the checksum differs"
                                                              : ZSTD_getErrorName(got));
    }
    return got == size ? 0 : damaged(err, "a frame that is shorter than it claims");
}

void mi_unpacker_free(struct mi_unpacker *u)
{
    ZSTD_freeDCtx(u->context);
    u->context = NULL;
}
