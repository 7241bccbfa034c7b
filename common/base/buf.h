/* base/buf.h: the one growing byte buffer. `{0}` is valid and empty. */
#ifndef MI_BASE_BUF_H
#define MI_BASE_BUF_H

#include "base/error.h"

#include <stddef.h>

struct mi_buf {
    char *data; /* [cap], len of them used; a NUL follows after mi_buf_text */
    size_t len;
    size_t cap;
};

void mi_buf_add(struct mi_buf *b, const void *bytes, size_t n);
void mi_buf_add_text(struct mi_buf *b, const char *s);
void mi_buf_add_char(struct mi_buf *b, char c);
void mi_buf_addf(struct mi_buf *b, const char *fmt, ...) MI_PRINTF(2, 3);
char *mi_buf_more(struct mi_buf *b, size_t n);   /* n bytes to fill, already counted in len */
void mi_buf_reserve(struct mi_buf *b, size_t n); /* room for n more without moving */
const char *mi_buf_text(struct mi_buf *b);       /* NUL-ended; borrowed until the next change */
void mi_buf_clear(struct mi_buf *b);             /* len = 0, memory kept */
void mi_buf_free(struct mi_buf *b);

#endif
