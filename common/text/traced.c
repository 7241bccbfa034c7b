#include "text/traced.h"

#include "base/mem.h"

#include <string.h>

struct mi_origin mi_traced_origin(const struct mi_traced *t, size_t i)
{
    if (t->origin)
        return t->origin[i];
    return (struct mi_origin){(uint32_t)(t->base + i), (uint32_t)(t->base + i + 1)};
}

struct mi_origin mi_traced_range(const struct mi_traced *t, size_t begin, size_t end)
{
    struct mi_origin first = mi_traced_origin(t, begin), last = mi_traced_origin(t, end - 1);

    return (struct mi_origin){first.from, last.to > first.from ? last.to : first.from};
}

struct mi_traced mi_traced_slice(const struct mi_traced *t, size_t begin, size_t end)
{
    return (struct mi_traced){t->at + begin, end - begin, t->origin ? t->origin + begin : NULL,
                              t->base + begin};
}

void mi_tracing_clear(struct mi_tracing *w)
{
    mi_buf_clear(&w->text);
    w->is_over = false;
}

/* Room for n more, NULL beyond the limit. */
static struct mi_origin *more(struct mi_tracing *w, size_t n)
{
    size_t before = w->text.len;

    if (w->is_over || (w->most > 0 && before + n > w->most)) {
        w->is_over = true;
        return NULL;
    }
    w->origin = mi_grow(w->origin, &w->cap, before + n, sizeof *w->origin);
    return w->origin + before;
}

void mi_tracing_copy(struct mi_tracing *w, const struct mi_traced *t, size_t begin, size_t end)
{
    struct mi_origin *o;

    if (begin == end)
        return;
    o = more(w, end - begin);
    if (!o)
        return;
    for (size_t i = begin; i < end; i++)
        o[i - begin] = mi_traced_origin(t, i);
    mi_buf_add(&w->text, t->at + begin, end - begin);
}

void mi_tracing_put(struct mi_tracing *w, const char *bytes, size_t n, struct mi_origin from)
{
    struct mi_origin *o;

    if (n == 0)
        return;
    o = more(w, n);
    if (!o)
        return;
    for (size_t i = 0; i < n; i++)
        o[i] = from;
    mi_buf_add(&w->text, bytes, n);
}

struct mi_traced mi_tracing_view(const struct mi_tracing *w)
{
    return (struct mi_traced){w->text.len ? w->text.data : "", w->text.len, w->origin, 0};
}

void mi_tracing_free(struct mi_tracing *w)
{
    mi_buf_free(&w->text);
    mi_free(w->origin);
    *w = (struct mi_tracing){0};
}
