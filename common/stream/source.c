#include "stream/source.h"

#include "base/mem.h"

#include <string.h>

enum { CHUNK = 256 << 10 };

int mi_source_open(struct mi_source *s, const char *path, struct mi_error *err)
{
    *s = (struct mi_source){0};
    return mi_in_open(&s->in, path, err);
}

void mi_source_open_bytes(struct mi_source *s, const void *bytes, size_t len, const char *name)
{
    *s = (struct mi_source){.memory = len ? bytes : (const void *)"", .memory_left = len};
    s->in.name = mi_strdup(name);
}

/* Reads once, behind what is there. */
static int64_t read_more(struct mi_source *s, struct mi_error *err)
{
    int64_t got;

    if (s->at && s->at == s->buf.len) {
        s->at = 0;
        mi_buf_clear(&s->buf);
    } else if (s->at > s->buf.len / 2) { /* moving less than what was taken costs little */
        memmove(s->buf.data, s->buf.data + s->at, s->buf.len - s->at);
        s->buf.len -= s->at;
        s->at = 0;
    }
    mi_buf_reserve(&s->buf, CHUNK);
    if (s->memory) {
        got = s->memory_left < CHUNK ? (int64_t)s->memory_left : CHUNK;
        memcpy(s->buf.data + s->buf.len, s->memory, (size_t)got);
        s->memory += got;
        s->memory_left -= (size_t)got;
    } else {
        got = mi_in_read(&s->in, s->buf.data + s->buf.len, s->buf.cap - s->buf.len, err);
    }
    if (got > 0)
        s->buf.len += (size_t)got;
    else if (got == 0)
        s->is_at_end = true;
    return got;
}

int64_t mi_source_want(struct mi_source *s, size_t n, const unsigned char **bytes,
                       struct mi_error *err)
{
    while (s->buf.len - s->at < n && !s->is_at_end) {
        int64_t got = read_more(s, err);

        if (got < 0)
            return got;
    }
    *bytes = (const unsigned char *)s->buf.data + s->at;
    return (int64_t)(s->buf.len - s->at);
}

void mi_source_take(struct mi_source *s, size_t n)
{
    s->at += n;
    s->offset += n;
}

void mi_source_close(struct mi_source *s)
{
    mi_in_close(&s->in);
    mi_buf_free(&s->buf);
    *s = (struct mi_source){0};
}
