#include "stats/tree.h"

#include "base/mem.h"

#include <string.h>

void mi_tree_init(struct mi_tree *t, int64_t width)
{
    *t = (struct mi_tree){.width = width};
}

static int64_t first_unit(const struct mi_node *n)
{
    return n->index << n->level;
}

static int64_t end_unit(const struct mi_node *n)
{
    return (n->index + 1) << n->level;
}

static bool are_siblings(const struct mi_node *left, const struct mi_node *right)
{
    return left->level == right->level && (left->index & 1) == 0 && left->index + 1 == right->index;
}

static double *copy_sum(const double *sum, int64_t width)
{
    double *to = mi_alloc_n((size_t)width, sizeof *to);

    memcpy(to, sum, (size_t)width * sizeof *to);
    return to;
}

/* left becomes the parent of left and right. A side without observations adds nothing, not
 * even a zero, so that -0 stays what it is. */
static void merge_pair(struct mi_node *left, struct mi_node *right, int64_t width)
{
    if (!left->sum) {
        left->sum = right->sum;
    } else if (right->sum) {
        for (int64_t i = 0; i < width; i++)
            left->sum[i] += right->sum[i];
        mi_free(right->sum);
    }
    right->sum = NULL;
    left->n += right->n;
    left->level++;
    left->index >>= 1;
}

/* Joins siblings around position i as long as there are any. */
static void join_around(struct mi_tree *t, int i)
{
    for (;;) {
        int left = -1;

        if (i > 0 && are_siblings(&t->node[i - 1], &t->node[i]))
            left = i - 1;
        else if (i + 1 < t->n_nodes && are_siblings(&t->node[i], &t->node[i + 1]))
            left = i;
        if (left < 0)
            return;
        merge_pair(&t->node[left], &t->node[left + 1], t->width);
        memmove(&t->node[left + 1], &t->node[left + 2],
                (size_t)(t->n_nodes - left - 2) * sizeof *t->node);
        t->n_nodes--;
        i = left;
    }
}

static void insert(struct mi_tree *t, int i, struct mi_node node)
{
    size_t cap = (size_t)t->cap;

    t->node = mi_grow(t->node, &cap, (size_t)t->n_nodes + 1, sizeof *t->node);
    t->cap = (int)cap;
    memmove(&t->node[i + 1], &t->node[i], (size_t)(t->n_nodes - i) * sizeof *t->node);
    t->node[i] = node;
    t->n_nodes++;
    join_around(t, i);
}

void mi_tree_add(struct mi_tree *t, int64_t unit, int64_t n, const double *sum)
{
    struct mi_node node = {.index = unit, .n = n};

    if (n && sum)
        node.sum = copy_sum(sum, t->width);
    insert(t, t->n_nodes, node);
}

bool mi_tree_join(struct mi_tree *t, const struct mi_node *node)
{
    struct mi_node copy = *node;
    int i = 0;

    while (i < t->n_nodes && end_unit(&t->node[i]) <= first_unit(node))
        i++;
    if (i < t->n_nodes && first_unit(&t->node[i]) < end_unit(node))
        return false;
    copy.sum = node->n && node->sum ? copy_sum(node->sum, t->width) : NULL;
    insert(t, i, copy);
    return true;
}

void mi_tree_fill(struct mi_tree *t, int64_t first, int64_t last)
{
    int64_t unit = first;
    int i = 0;

    while (unit < last) {
        struct mi_node node = {0};
        int64_t end;

        for (i = 0; i < t->n_nodes && end_unit(&t->node[i]) <= unit;)
            i++;
        if (i < t->n_nodes && first_unit(&t->node[i]) <= unit) {
            unit = end_unit(&t->node[i]);
            continue;
        }
        end = i < t->n_nodes && first_unit(&t->node[i]) < last ? first_unit(&t->node[i]) : last;
        while (node.level < 62 && (unit & (((int64_t)2 << node.level) - 1)) == 0 &&
               unit + ((int64_t)2 << node.level) <= end)
            node.level++;
        node.index = unit >> node.level;
        unit = (node.index + 1) << node.level;
        insert(t, i, node);
    }
}

int64_t mi_tree_total(const struct mi_tree *t, double *sum)
{
    bool is_first = true;
    int64_t n = 0;

    memset(sum, 0, (size_t)t->width * sizeof *sum);
    for (int i = 0; i < t->n_nodes; i++) {
        const struct mi_node *node = &t->node[i];

        n += node->n;
        if (!node->sum)
            continue;
        for (int64_t j = 0; j < t->width; j++)
            sum[j] = is_first ? node->sum[j] : sum[j] + node->sum[j];
        is_first = false;
    }
    return n;
}

void mi_tree_free(struct mi_tree *t)
{
    for (int i = 0; i < t->n_nodes; i++)
        mi_free(t->node[i].sum);
    mi_free(t->node);
    *t = (struct mi_tree){0};
}
