/* job/stat.h: statistic records, and how those of shards become the single run's.
 *
 *     stat  = {site, layer, head, position, by, class, n, mean f64 [W], second f64 [W, W]}
 *     shard = {site, layer, head, position, by, class, n, 
 *              node: {level, index, width: W, sum_width}, sum f64 [sum_width]}
 *
 * W is the width of the place, heads joined. `second` (when reduced) is the mean of x x^T, not
 * centred. A sharded run writes the nodes of its trees (stats/tree.h) instead, one record each:
 * `sum` holds the sums of x [W], then, of second moments, the upper triangle of the sums of
 * products, row by row [W (W + 1) / 2]; nil where nothing was observed. Classes come in the order
 * in which the input shows them, places in the order asked, nodes ascending. */
#ifndef MI_JOB_STAT_H
#define MI_JOB_STAT_H

#include "data/site.h"
#include "data/value.h"
#include "stats/tree.h"
#include "stream/merge.h"

enum mi_reduce { MI_REDUCE_NONE, MI_REDUCE_MEAN, MI_REDUCE_SECOND };

/* Numbers in a sum: W, or W and the upper triangle. */
int64_t mi_reduce_width(enum mi_reduce reduce, int64_t width);

/* What a statistic is of. */
struct mi_stat_subject {
    struct mi_place place;
    const char *position; /* the specification */
    const char *by;       /* field that makes classes, NULL: none */
    const char *class;    /* NULL: none */
};
/* The record of a whole tree, or of one node of it. */
struct mi_value mi_stat_body(struct mi_arena *a, const struct mi_stat_subject *s,
                             enum mi_reduce reduce, const struct mi_tree *tree, int64_t width);
struct mi_value mi_stat_node_body(struct mi_arena *a, const struct mi_stat_subject *s,
                                  const struct mi_node *node, int64_t width, int64_t sum_width);

/* For mi_merge (stream/merge.h): joins the nodes of all shards. */
struct mi_stat_merge {
    struct mi_stat_merge_state *state; /* private */
};
struct mi_combine mi_stat_merge_open(struct mi_stat_merge *m);
void mi_stat_merge_close(struct mi_stat_merge *m);

#endif
