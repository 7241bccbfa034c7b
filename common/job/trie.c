#include "job/trie.h"

#include "base/mem.h"

#include <string.h>

int64_t mi_trie_common(const struct mi_trie_text *a, const struct mi_trie_text *b)
{
    int64_t n = a->n < b->n ? a->n : b->n, i = 0;

    while (i < n && a->tokens[i] == b->tokens[i])
        i++;
    return i;
}

/* Texts in order, one that another begins with behind it: then each shares most with the one
 * before it. */
static bool comes_before(const struct mi_trie_text *text, int a, int b)
{
    int64_t n = mi_trie_common(&text[a], &text[b]);

    if (n < text[a].n && n < text[b].n)
        return text[a].tokens[n] < text[b].tokens[n];
    if (text[a].n != text[b].n)
        return text[a].n > text[b].n;
    return a < b;
}

/* Merge sort of the first n of `order`: the C library's has nowhere to pass `text`. */
static void sort(int *order, int *room, int n, const struct mi_trie_text *text)
{
    int half = n / 2, i = 0, j = half;

    if (n < 2)
        return;
    sort(order, room, half, text);
    sort(order + half, room, n - half, text);
    memcpy(room, order, (size_t)n * sizeof *room);
    for (int k = 0; k < n; k++) {
        bool is_first = j >= n || (i < half && comes_before(text, room[i], room[j]));

        order[k] = is_first ? room[i++] : room[j++];
    }
}

static void add_part(struct mi_trie *t, int item, int before, int64_t n_past, int64_t n)
{
    t->end[item] = before;
    if (n == n_past)
        return;
    t->end[item] = t->n_parts;
    t->part[t->n_parts++] = (struct mi_trie_part){item, before, n_past, n - n_past, t->n_rows};
    t->n_rows += n - n_past;
}

static void reserve(struct mi_trie *t, int n)
{
    size_t size = (size_t)(n > 0 ? n : 1);

    if (n <= t->cap)
        return;
    t->part = mi_realloc_n(t->part, size, sizeof *t->part);
    t->end = mi_realloc_n(t->end, size, sizeof *t->end);
    t->order = mi_realloc_n(t->order, 2 * size, sizeof *t->order);
    t->cap = n;
}

void mi_trie_build(struct mi_trie *t, const struct mi_trie_text *text, int n, bool is_shared)
{
    reserve(t, n);
    t->n_parts = 0;
    t->n_rows = 0;
    for (int i = 0; i < n; i++)
        t->order[i] = i;
    if (is_shared)
        sort(t->order, t->order + n, n, text);
    for (int i = 0; i < n; i++) {
        int item = t->order[i], last = i && is_shared ? t->order[i - 1] : -1, before = -1;
        int64_t common = last < 0 ? 0 : mi_trie_common(&text[last], &text[item]);

        if (common > 0)
            for (before = t->end[last]; common <= t->part[before].n_past;)
                before = t->part[before].before;
        add_part(t, item, before, common, text[item].n);
    }
}

int64_t mi_trie_row(const struct mi_trie *t, int item, int64_t position)
{
    const struct mi_trie_part *p = &t->part[t->end[item]];

    while (position < p->n_past)
        p = &t->part[p->before];
    return p->row + position - p->n_past;
}

void mi_trie_free(struct mi_trie *t)
{
    mi_free(t->part);
    mi_free(t->end);
    mi_free(t->order);
    *t = (struct mi_trie){0};
}
