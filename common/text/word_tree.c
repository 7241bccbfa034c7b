#include "text/word_tree.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/* Entries lo to hi - 1 share the first `depth` bytes, which lead to `node`. */
struct range {
    size_t lo, hi, depth;
};

static int by_text(const void *a, const void *b)
{
    const struct mi_word_tree_entry *x = a, *y = b;
    size_t n = x->len < y->len ? x->len : y->len;
    int order = memcmp(x->at, y->at, n);

    if (order)
        return order;
    if (x->len != y->len)
        return x->len < y->len ? -1 : 1;
    return (x->value > y->value) - (x->value < y->value);
}

static void add_node(struct mi_word_tree *t, struct range **todo, size_t *cap, struct range r,
                     unsigned char byte)
{
    t->node = mi_grow(t->node, &t->cap, t->n + 1, sizeof *t->node);
    *todo = mi_grow(*todo, cap, t->n + 1, sizeof **todo);
    (*todo)[t->n] = r;
    t->node[t->n++] = (struct mi_word_tree_node){.value = -1, .byte = byte};
}

/* Nodes are made level by level: the children of one stand together. */
void mi_word_tree_init(struct mi_word_tree *t, struct mi_word_tree_entry *entry, size_t n)
{
    struct range *todo = NULL;
    size_t cap = 0;

    *t = (struct mi_word_tree){0};
    if (n == 0)
        return;
    qsort(entry, n, sizeof *entry, by_text);
    add_node(t, &todo, &cap, (struct range){0, n, 0}, 0);
    for (size_t k = 0; k < t->n; k++) {
        struct range r = todo[k];

        t->node[k].first = (uint32_t)t->n;
        while (r.lo < r.hi && entry[r.lo].len == r.depth) {
            if (t->node[k].value < 0)
                t->node[k].value = entry[r.lo].value;
            r.lo++;
        }
        while (r.lo < r.hi) {
            unsigned char byte = (unsigned char)entry[r.lo].at[r.depth];
            size_t end = r.lo;

            while (end < r.hi && (unsigned char)entry[end].at[r.depth] == byte)
                end++;
            if (k == 0)
                t->start[byte] = (uint32_t)t->n;
            add_node(t, &todo, &cap, (struct range){r.lo, end, r.depth + 1}, byte);
            t->node[k].n++;
            r.lo = end;
        }
    }
    mi_free(todo);
}

uint32_t mi_word_tree_step(const struct mi_word_tree *t, uint32_t node, unsigned char byte)
{
    uint32_t lo, hi;

    if (node == 0)
        return t->start[byte];
    lo = t->node[node].first;
    hi = lo + t->node[node].n;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;

        if (t->node[mid].byte == byte)
            return mid;
        if (t->node[mid].byte < byte)
            lo = mid + 1;
        else
            hi = mid;
    }
    return 0;
}

void mi_word_tree_free(struct mi_word_tree *t)
{
    mi_free(t->node);
    *t = (struct mi_word_tree){0};
}
