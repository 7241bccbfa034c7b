#include "stream/intake.h"

#include <string.h>

enum { CHUNK = 256 << 10 };

void mi_intake_open(struct mi_intake *s, struct mi_in *in)
{
    *s = (struct mi_intake){.in = *in};
    *in = (struct mi_in){0};
}

/* Reads once, behind what is there. */
static int64_t read_more(struct mi_intake *s, struct mi_error *err)
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
    got = mi_in_read(&s->in, s->buf.data + s->buf.len, s->buf.cap - s->buf.len, err);
    if (got > 0)
        s->buf.len += (size_t)got;
    else if (got == 0)
        s->is_at_end = true;
    return got;
}

static int64_t fetch(struct mi_intake *s, size_t n, bool may_wait, const unsigned char **bytes,
                     struct mi_error *err)
{
    while (s->buf.len - s->at < n && !s->is_at_end && (may_wait || mi_in_ready(&s->in))) {
        int64_t got = read_more(s, err);

        if (got < 0)
            return got;
    }
    *bytes = (const unsigned char *)s->buf.data + s->at;
    return (int64_t)(s->buf.len - s->at);
}

int64_t mi_intake_want(struct mi_intake *s, size_t n, const unsigned char **bytes,
                       struct mi_error *err)
{
    return fetch(s, n, true, bytes, err);
}

int64_t mi_intake_try(struct mi_intake *s, size_t n, const unsigned char **bytes,
                      struct mi_error *err)
{
    return fetch(s, n, false, bytes, err);
}

void mi_intake_take(struct mi_intake *s, size_t n)
{
    s->at += n;
    s->offset += n;
}

void mi_intake_close(struct mi_intake *s)
{
    mi_in_close(&s->in);
    mi_buf_free(&s->buf);
    *s = (struct mi_intake){0};
}
