/* text/traced.h: text that was changed, with the place of the original that each byte is from. */
#ifndef MI_TEXT_TRACED_H
#define MI_TEXT_TRACED_H

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

/* Bytes from to `to` - 1 of the original; empty for what was put in. */
struct mi_origin {
    uint32_t from, to;
};

/* Borrowed text. Without origins byte i is byte base + i of the original. */
struct mi_traced {
    const char *at;
    size_t len;
    const struct mi_origin *origin; /* [len] or NULL */
    size_t base;
};

/* Where such a text is written. `{0}` is valid and empty. What would go beyond `most` bytes
 * (0: no limit) is left out, and is_over says so. */
struct mi_tracing {
    struct mi_buf text;
    struct mi_origin *origin;
    size_t cap, most;
    bool is_over;
};

struct mi_origin mi_traced_origin(const struct mi_traced *t, size_t i);
/* What bytes begin to end - 1 are from, begin < end. */
struct mi_origin mi_traced_range(const struct mi_traced *t, size_t begin, size_t end);
struct mi_traced mi_traced_slice(const struct mi_traced *t, size_t begin, size_t end);

void mi_tracing_clear(struct mi_tracing *w);
void mi_tracing_copy(struct mi_tracing *w, const struct mi_traced *t, size_t begin, size_t end);
void mi_tracing_put(struct mi_tracing *w, const char *bytes, size_t n, struct mi_origin from);
struct mi_traced mi_tracing_view(const struct mi_tracing *w);
void mi_tracing_free(struct mi_tracing *w);

#endif
