#include "text/bpe.h"

#include "base/mem.h"

#define NONE UINT32_MAX

/* ---- the table ---------------------------------------------------------------- */

static size_t slot_of(const struct mi_bpe *b, int32_t left, int32_t right)
{
    uint64_t h = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;

    h ^= h >> 29;
    h *= 0x9e3779b97f4a7c15u;
    h ^= h >> 32;
    return (size_t)h & b->mask;
}

void mi_bpe_init(struct mi_bpe *b, size_t n_merges)
{
    size_t n = 16;

    while (n / 2 < n_merges)
        n *= 2;
    b->slot = mi_alloc_n(n, sizeof *b->slot);
    b->mask = n - 1;
    b->n = 0;
    for (size_t i = 0; i < n; i++)
        b->slot[i].result = -1;
}

static struct mi_bpe_merge *find_slot(const struct mi_bpe *b, int32_t left, int32_t right)
{
    size_t i = slot_of(b, left, right);

    while (b->slot[i].result >= 0 && (b->slot[i].left != left || b->slot[i].right != right))
        i = (i + 1) & b->mask;
    return &b->slot[i];
}

static void grow(struct mi_bpe *b)
{
    struct mi_bpe old = *b;

    mi_bpe_init(b, old.mask + 1);
    for (size_t i = 0; i <= old.mask; i++)
        if (old.slot[i].result >= 0)
            *find_slot(b, old.slot[i].left, old.slot[i].right) = old.slot[i];
    b->n = old.n;
    mi_free(old.slot);
}

void mi_bpe_add(struct mi_bpe *b, struct mi_bpe_merge m)
{
    struct mi_bpe_merge *at = find_slot(b, m.left, m.right);

    if (at->result >= 0)
        return;
    if (2 * b->n > b->mask) {
        grow(b);
        at = find_slot(b, m.left, m.right);
    }
    *at = m;
    b->n++;
}

static bool find(const struct mi_bpe *b, const struct mi_bpe_symbol *left,
                 const struct mi_bpe_symbol *right, uint32_t *rank, int32_t *result)
{
    const struct mi_bpe_merge *m;

    if (b->find)
        return b->find(b->data, left, right, rank, result);
    m = find_slot(b, left->id, right->id);
    *rank = (uint32_t)m->rank;
    *result = m->result;
    return m->result >= 0;
}

void mi_bpe_free(struct mi_bpe *b)
{
    mi_free(b->slot);
    *b = (struct mi_bpe){0};
}

/* ---- the heap ----------------------------------------------------------------- */

static void push(struct mi_bpe_work *w, struct mi_bpe_pair p)
{
    size_t i = w->n_heap++;

    w->heap = mi_grow(w->heap, &w->heap_cap, w->n_heap, sizeof *w->heap);
    for (; i > 0 && w->heap[(i - 1) / 2].order > p.order; i = (i - 1) / 2)
        w->heap[i] = w->heap[(i - 1) / 2];
    w->heap[i] = p;
}

static struct mi_bpe_pair pop(struct mi_bpe_work *w)
{
    struct mi_bpe_pair top = w->heap[0], last = w->heap[--w->n_heap];
    size_t i = 0;

    for (;;) {
        size_t child = 2 * i + 1;

        if (child >= w->n_heap)
            break;
        if (child + 1 < w->n_heap && w->heap[child + 1].order < w->heap[child].order)
            child++;
        if (last.order <= w->heap[child].order)
            break;
        w->heap[i] = w->heap[child];
        i = child;
    }
    w->heap[i] = last;
    return top;
}

/* ---- merging ------------------------------------------------------------------ */

static void offer(const struct mi_bpe *b, const struct mi_bpe_symbol *s, struct mi_bpe_work *w,
                  uint32_t left, uint32_t right)
{
    uint32_t rank;
    int32_t result;

    if (left == NONE || right == NONE || !find(b, &s[left], &s[right], &rank, &result))
        return;
    push(w, (struct mi_bpe_pair){(uint64_t)rank << 32 | left, s[left].id, s[right].id});
}

size_t mi_bpe_run(const struct mi_bpe *b, struct mi_bpe_symbol *s, size_t n, struct mi_bpe_work *w)
{
    size_t left = 0;

    if (n < 2 || (!b->slot && !b->find))
        return n;
    w->n_heap = 0;
    w->next = mi_grow(w->next, &w->next_cap, n, sizeof *w->next);
    w->prev = mi_grow(w->prev, &w->prev_cap, n, sizeof *w->prev);
    for (size_t i = 0; i < n; i++) {
        w->next[i] = i + 1 < n ? (uint32_t)i + 1 : NONE;
        w->prev[i] = i > 0 ? (uint32_t)i - 1 : NONE;
    }
    for (size_t i = 0; i + 1 < n; i++)
        offer(b, s, w, (uint32_t)i, (uint32_t)i + 1);
    while (w->n_heap > 0) {
        struct mi_bpe_pair p = pop(w);
        uint32_t at = (uint32_t)p.order, with = w->next[at], rank;

        /* A symbol that was merged away has id -1, and no pair has that. */
        if (s[at].id != p.left || with == NONE || s[with].id != p.right)
            continue;
        if (!find(b, &s[at], &s[with], &rank, &s[at].id))
            continue;
        s[at].end = s[with].end;
        s[with].id = -1;
        w->next[at] = w->next[with];
        if (w->next[at] != NONE)
            w->prev[w->next[at]] = at;
        offer(b, s, w, w->prev[at], at);
        offer(b, s, w, at, w->next[at]);
    }
    for (size_t i = 0; i < n; i++) {
        if (s[i].id != -1)
            s[left++] = s[i];
    }
    return left;
}

void mi_bpe_work_free(struct mi_bpe_work *w)
{
    mi_free(w->heap);
    mi_free(w->next);
    mi_free(w->prev);
    *w = (struct mi_bpe_work){0};
}
