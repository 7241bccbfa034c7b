#include "base/buf.h"

#include "base/mem.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* One byte more than asked, so that mi_buf_text never moves what was just added. */
void mi_buf_reserve(struct mi_buf *b, size_t n)
{
    size_t want;

    if (__builtin_add_overflow(b->len, n, &want) || want == SIZE_MAX)
        want = SIZE_MAX - 1; /* mi_grow ends the program */
    b->data = mi_grow(b->data, &b->cap, want + 1, 1);
}

char *mi_buf_more(struct mi_buf *b, size_t n)
{
    char *p;

    mi_buf_reserve(b, n);
    p = b->data + b->len;
    b->len += n;
    return p;
}

void mi_buf_add(struct mi_buf *b, const void *bytes, size_t n)
{
    char *p = mi_buf_more(b, n);

    if (n)
        memcpy(p, bytes, n);
}

void mi_buf_add_text(struct mi_buf *b, const char *s)
{
    mi_buf_add(b, s, strlen(s));
}

void mi_buf_add_char(struct mi_buf *b, char c)
{
    *mi_buf_more(b, 1) = c;
}

void mi_buf_addf(struct mi_buf *b, const char *fmt, ...)
{
    va_list ap, again;
    int n;

    va_start(ap, fmt);
    va_copy(again, ap);
    mi_buf_reserve(b, 128);
    n = vsnprintf(b->data + b->len, b->cap - b->len, fmt, ap);
    if (n > 0 && (size_t)n >= b->cap - b->len) {
        mi_buf_reserve(b, (size_t)n);
        n = vsnprintf(b->data + b->len, b->cap - b->len, fmt, again);
    }
    if (n > 0)
        b->len += (size_t)n;
    va_end(again);
    va_end(ap);
}

const char *mi_buf_text(struct mi_buf *b)
{
    mi_buf_reserve(b, 0);
    b->data[b->len] = '\0';
    return b->data;
}

void mi_buf_clear(struct mi_buf *b)
{
    b->len = 0;
}

void mi_buf_free(struct mi_buf *b)
{
    mi_free(b->data);
    *b = (struct mi_buf){0};
}
