/* The bounds of a run: memory, steps, depth, and its one failure. */
#include "text/jinja_value.h"

#include <stdarg.h>
#include <stdio.h>

enum { CHUNK = 16 * 1024, MAX_DEPTH = 1000 };

struct mi_jchunk {
    struct mi_jchunk *next;
    size_t used, size;
    _Alignas(16) char data[];
};

/* ---- memory ----------------------------------------------------------------------- */

/* From the front chunk, or a new one. */
static void *take(struct mi_jrun *run, size_t size)
{
    struct mi_jchunk *c = run->heap;
    void *p;

    size = (size + 15) & ~(size_t)15;
    if (!c || c->size - c->used < size) {
        size_t room = size > CHUNK ? size : CHUNK;

        c = mi_alloc(sizeof *c + room);
        *c = (struct mi_jchunk){.size = room};
        if (run->heap && size > CHUNK) { /* what is left of the front one stays in use */
            c->next = run->heap->next;
            run->heap->next = c;
        } else {
            c->next = run->heap;
            run->heap = c;
        }
    }
    p = c->data + c->used;
    c->used += size;
    return p;
}

static bool count_memory(struct mi_jrun *run, size_t size)
{
    if (size > run->memory_left) {
        mi_jfail(run, "needs too much memory");
        return false;
    }
    run->memory_left -= size;
    return true;
}

void *mi_jalloc(struct mi_jrun *run, size_t size)
{
    count_memory(run, size);
    return take(run, size);
}

void *mi_jgrow(struct mi_jrun *run, void *p, size_t n, size_t more, size_t *cap, size_t size)
{
    size_t room = *cap ? 2 * *cap : 8;
    void *q;

    if (run->failed)
        return NULL;
    if (n + more <= *cap)
        return p;
    if (room < n + more)
        room = n + more;
    if (room > run->memory_left / size || !count_memory(run, room * size)) {
        mi_jfail(run, "needs too much memory");
        return NULL;
    }
    q = take(run, room * size);
    if (n)
        memcpy(q, p, n * size);
    *cap = room;
    return q;
}

void mi_jfree_all(struct mi_jrun *run)
{
    while (run->heap) {
        struct mi_jchunk *next = run->heap->next;

        mi_free(run->heap);
        run->heap = next;
    }
}

/* ---- work, depth ------------------------------------------------------------------ */

bool mi_jwork(struct mi_jrun *run, size_t bytes)
{
    run->steps_left -= 1 + (int64_t)(bytes / 64);
    if (run->steps_left < 0 && !run->failed)
        mi_jfail(run, "runs for too long");
    return !run->failed;
}

bool mi_jenter(struct mi_jrun *run)
{
    if (run->depth >= MAX_DEPTH) {
        mi_jfail(run, "nests too deeply");
        return false;
    }
    run->depth++;
    return !run->failed || (run->depth--, false);
}

void mi_jleave(struct mi_jrun *run)
{
    run->depth--;
}

/* ---- failure ---------------------------------------------------------------------- */

struct mi_jv mi_jfail(struct mi_jrun *run, const char *fmt, ...)
{
    va_list ap;

    if (run->failed)
        return mi_jundefined(NULL);
    run->failed = true;
    va_start(ap, fmt);
    mi_vfail(run->err, MI_EXIT_DATA, fmt, ap);
    va_end(ap);
    mi_fail_in(run->err, "chat template, line %d", run->line);
    return mi_jundefined(NULL);
}

struct mi_jv mi_jfail_undefined(struct mi_jrun *run, struct mi_jv v)
{
    return mi_jfail(run, "%s", v.as.why ? v.as.why : "a value is undefined");
}

struct mi_jv mi_jmissing(struct mi_jrun *run, const char *fmt, ...)
{
    char text[256];
    va_list ap;
    char *why;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (n < 0)
        n = 0;
    if ((size_t)n >= sizeof text)
        n = (int)sizeof text - 1;
    why = mi_jalloc(run, (size_t)n + 1);
    memcpy(why, text, (size_t)n);
    why[n] = '\0';
    return mi_jundefined(why);
}
