#include "job/batch.h"

#include "base/buf.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/* The number that follows `key` in a small text file of the system; -1 when there is none. */
static int64_t system_number(const char *path, const char *key)
{
    struct mi_error err = {0};
    struct mi_buf b = {0};
    const char *at;
    int64_t value = -1;

    if (mi_file_read(path, 1 << 20, &b, &err) == 0) {
        at = strstr(mi_buf_text(&b), key);
        if (at) {
            char *end;

            at += strlen(key);
            value = strtoll(at, &end, 10);
            if (end == at || value < 0)
                value = -1;
        }
    }
    mi_buf_free(&b);
    return value;
}

int64_t mi_memory_free(void)
{
    int64_t kib = system_number("/proc/meminfo", "MemAvailable:");
    int64_t limit = system_number("/sys/fs/cgroup/memory.max", "");
    int64_t used = system_number("/sys/fs/cgroup/memory.current", "");
    int64_t bytes = kib > 0 ? kib * 1024 : (int64_t)2 << 30;

    if (limit > 0 && used >= 0 && limit - used < bytes)
        bytes = limit > used ? limit - used : 0;
    return bytes;
}

int64_t mi_memory_limit(int64_t max_memory)
{
    return max_memory > 0 ? max_memory : mi_memory_free() / 4 * 3;
}

static int64_t pass_bytes(const struct mi_session *s, int64_t rows, int64_t n_longest,
                          int64_t extra, int64_t fixed)
{
    return (int64_t)mi_forward_bytes(&s->model, (int)rows, n_longest) + rows * extra + fixed;
}

int mi_batch_rows(const struct mi_session *s, int64_t max_memory, int64_t n_longest, int64_t extra,
                  int64_t fixed, int *rows, struct mi_error *err)
{
    int64_t limit = mi_memory_limit(max_memory);
    int64_t n = n_longest > MI_BATCH_ROWS ? n_longest : MI_BATCH_ROWS;

    while (n > n_longest && pass_bytes(s, n, n_longest, extra, fixed) > limit)
        n = n / 2 > n_longest ? n / 2 : n_longest;
    if (pass_bytes(s, n, n_longest, extra, fixed) > limit)
        return mi_fail(err, MI_EXIT_SYS,
                       "a prompt of %lld tokens needs %lld MiB of working memory, the limit is "
                       "%lld MiB (--max-memory)",
                       (long long)n_longest,
                       (long long)(pass_bytes(s, n, n_longest, extra, fixed) >> 20),
                       (long long)(limit >> 20));
    *rows = (int)n;
    return 0;
}

static void empty(struct mi_batch *b)
{
    for (int i = 0; i < b->n; i++)
        mi_item_free(&b->item[i]);
    if (b->has_next)
        b->item[0] = b->item[b->n];
    b->n = 0;
    b->n_tokens = b->n_rows = 0;
}

/* Tokens of the item that follows the batch which the batch has computed by then. */
static int64_t count_shared(const struct mi_batch *b)
{
    const struct mi_prompt_record *p = &b->item[b->n].prompt;
    const struct mi_trie_text text = {p->tokens, p->n_tokens};
    int64_t most = 0;

    for (int i = 0; i < b->n && most < text.n; i++) {
        const struct mi_prompt_record *q = &b->item[i].prompt;
        int64_t n = mi_trie_common(&text, &(struct mi_trie_text){q->tokens, q->n_tokens});

        most = n > most ? n : most;
    }
    return most;
}

/* Does the item that follows join the batch? */
static bool fits(struct mi_batch *b, const struct mi_batch_limits *limits)
{
    int64_t n = b->item[b->n].prompt.n_tokens, shared = limits->is_shared ? count_shared(b) : 0;

    if (b->n > 0 && (b->n >= limits->items || b->n_rows + n - shared > limits->rows ||
                     b->n_tokens + n > limits->tokens))
        return false;
    b->n_shared = mi_grow(b->n_shared, &b->cap_shared, (size_t)b->n + 1, sizeof *b->n_shared);
    b->n_shared[b->n++] = shared;
    b->n_tokens += n;
    b->n_rows += n - shared;
    return true;
}

int mi_batch_next(struct mi_batch *b, struct mi_source *src, struct mi_session *s,
                  const struct mi_batch_limits *limits, struct mi_error *err)
{
    size_t cap;

    empty(b);
    for (;;) {
        cap = (size_t)b->cap;
        b->item = mi_grow(b->item, &cap, (size_t)b->n + 1, sizeof *b->item);
        b->cap = (int)cap;
        if (!b->has_next) {
            int r = mi_source_next(src, s, &b->item[b->n], err);

            if (r < 0)
                return r;
            if (r == 0)
                return b->n > 0;
        }
        b->has_next = !fits(b, limits);
        if (b->has_next)
            return 1;
    }
}

int64_t mi_batch_longest(const struct mi_batch *b)
{
    int64_t n = 0;

    for (int i = 0; i < b->n; i++)
        if (b->item[i].prompt.n_tokens > n)
            n = b->item[i].prompt.n_tokens;
    return n;
}

void mi_batch_free(struct mi_batch *b)
{
    empty(b);
    if (b->has_next)
        mi_item_free(&b->item[0]);
    mi_free(b->item);
    mi_free(b->n_shared);
    *b = (struct mi_batch){0};
}
