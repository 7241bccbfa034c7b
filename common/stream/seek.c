#include "stream/seek.h"

#include "base/mem.h"
#include "stream/format.h"

enum { FRAME_HEAD = 8, FOOTER = 9 };

void mi_seek_add(struct mi_seek *s, uint32_t compressed, uint32_t uncompressed)
{
    s->size = mi_grow(s->size, &s->cap, 2 * s->n + 2, sizeof *s->size);
    s->size[2 * s->n] = compressed;
    s->size[2 * s->n + 1] = uncompressed;
    s->n++;
}

size_t mi_seek_bytes(const struct mi_seek *s)
{
    return FRAME_HEAD + 8 * s->n + FOOTER;
}

void mi_seek_write(const struct mi_seek *s, struct mi_buf *out)
{
    size_t n = mi_seek_bytes(s);
    unsigned char *p = (unsigned char *)mi_buf_more(out, n);

    mi_store_u32(p, MI_TABLE_FRAME);
    mi_store_u32(p + 4, (uint32_t)(n - FRAME_HEAD));
    for (size_t i = 0; i < 2 * s->n; i++)
        mi_store_u32(p + FRAME_HEAD + 4 * i, s->size[i]);
    p += n - FOOTER;
    mi_store_u32(p, (uint32_t)s->n);
    p[4] = 0; /* descriptor: no checksums here, every frame has its own */
    mi_store_u32(p + 5, MI_TABLE_MAGIC);
}

void mi_seek_free(struct mi_seek *s)
{
    mi_free(s->size);
    *s = (struct mi_seek){0};
}
