/* stats/tree.h: sums in a canonical tree, so that shards merge to the single run's bits.
 *
 * Leaf i of level 0 is unit i's vector of sums; node (level, i) = (level - 1, 2i) +
 * (level - 1, 2i + 1), added element by element in double. A state holds the maximal nodes
 * inside the range of units seen; merging joins siblings when both are there; the total adds
 * what is left in ascending order of position. So the result depends on the units' numbers
 * alone, not on how they were cut or merged (reference: pairwise summation, Higham 1993). */
#ifndef MI_STATS_TREE_H
#define MI_STATS_TREE_H

#include <stdbool.h>
#include <stdint.h>

struct mi_node {
    int level;
    int64_t index; /* covers units [index << level, (index + 1) << level) */
    int64_t n;     /* observations in it */
    double *sum;   /* [width]; NULL while n is 0 */
};

struct mi_tree {
    int64_t width;
    struct mi_node *node; /* [n_nodes] ascending by first unit, disjoint */
    int n_nodes, cap;     /* cap private */
};

void mi_tree_init(struct mi_tree *t, int64_t width);
/* Adds unit i (greater than all before): n observations with these sums [width]. A unit without
 * observations is added with n = 0 and sum NULL, so that siblings join. */
void mi_tree_add(struct mi_tree *t, int64_t unit, int64_t n, const double *sum);
/* Puts in a node of another state (copied); false when it overlaps what is there. */
bool mi_tree_join(struct mi_tree *t, const struct mi_node *node);
/* The units of first .. last - 1 that no node covers had no observations. */
void mi_tree_fill(struct mi_tree *t, int64_t first, int64_t last);
/* The total over all nodes into sum [width]; returns n. */
int64_t mi_tree_total(const struct mi_tree *t, double *sum);
void mi_tree_free(struct mi_tree *t);

#endif
