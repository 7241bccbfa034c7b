/* figure/graph.h: what was made from what: boxes and arrows. */
#ifndef MI_FIGURE_GRAPH_H
#define MI_FIGURE_GRAPH_H

#include "base/mem.h"
#include "figure/width.h"

#include <stdbool.h>

struct mi_graph {
    struct mi_graph_node {
        const char *name, *detail; /* any bytes */
        const char *kind;          /* nodes of one kind and depth may be folded into one */
        int depth;                 /* the column it stands in: beyond all that lead to it */
    } * node;                      /* [n]; of an edge the source comes first */
    int n;
    bool *edge; /* [n, n]: edge[i * n + k]: k was made from i */
};

/* Sets the depths, and leaves out edges that a longer way says already. */
void mi_graph_layout(struct mi_graph *g);
/* Where there are more than `most` nodes: those of one kind and depth become one, which says how
 * many they are and which. After mi_graph_layout; lays out again. */
void mi_graph_fold(struct mi_graph *g, struct mi_arena *a, int most);
/* A line a node: its name, detail, and what it was made from. */
void mi_graph_print(struct mi_buf *b, const struct mi_graph *g);
/* An SVG element. */
void mi_graph_svg(struct mi_buf *b, const struct mi_graph *g);

#endif
