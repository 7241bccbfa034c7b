#include "figure/graph.h"

#include "base/mem.h"
#include "figure/html.h"

#include <string.h>

enum { BOX_WIDTH = 184, BOX_HEIGHT = 44, GAP_X = 44, GAP_Y = 12, LETTERS = 24, SMALL = 28 };

void mi_graph_layout(struct mi_graph *g)
{
    size_t n = (size_t)g->n;
    bool *direct = mi_alloc_zero(n * n + 1, sizeof *direct);

    /* edges hold every ancestor: one that is an ancestor of another is not direct */
    for (size_t i = 0; i < n; i++)
        for (size_t k = i + 1; k < n; k++) {
            direct[i * n + k] = g->edge[i * n + k];
            for (size_t m = i + 1; m < k && direct[i * n + k]; m++)
                if (g->edge[i * n + m] && g->edge[m * n + k])
                    direct[i * n + k] = false;
        }
    for (size_t k = 0; k < n; k++) {
        g->node[k].depth = 0;
        for (size_t i = 0; i < k; i++)
            if (direct[i * n + k] && g->node[i].depth >= g->node[k].depth)
                g->node[k].depth = g->node[i].depth + 1;
    }
    memcpy(g->edge, direct, n * n * sizeof *direct);
    mi_free(direct);
}

/* ---- folding ----------------------------------------------------------------------- */

/* The names of the members, each once, after their number. */
static const char *list_names(struct mi_arena *a, const struct mi_graph *g, const int *to, int fold)
{
    struct mi_buf b = {0};
    const char *last = NULL, *text;
    int n = 0;

    for (int i = 0; i < g->n; i++)
        n += to[i] == fold;
    mi_buf_addf(&b, "%d", n);
    for (int i = 0; i < g->n; i++) {
        if (to[i] != fold || (last && strcmp(last, g->node[i].name) == 0))
            continue;
        last = g->node[i].name;
        if (strcmp(last, g->node[i].kind) != 0)
            mi_buf_addf(&b, "%s%s", strchr(mi_buf_text(&b), ':') ? ", " : ": ", last);
    }
    text = mi_arena_dup(a, b.data, b.len);
    mi_buf_free(&b);
    return text;
}

/* Which node of the folded graph each goes to, by depth; returns how many there are. */
static int group_nodes(const struct mi_graph *g, int *to, int *first)
{
    int n = 0, depth = 0, done = 0;

    for (; done < g->n; depth++)
        for (int i = 0; i < g->n; i++) {
            int k = 0;

            if (g->node[i].depth != depth)
                continue;
            while (k < n && (g->node[first[k]].depth != depth ||
                             strcmp(g->node[first[k]].kind, g->node[i].kind) != 0))
                k++;
            if (k == n)
                first[n++] = i;
            to[i] = k;
            done++;
        }
    return n;
}

void mi_graph_fold(struct mi_graph *g, struct mi_arena *a, int most)
{
    size_t n = (size_t)g->n;
    int *to = mi_alloc_zero(n + 1, sizeof *to), *first = mi_alloc_zero(n + 1, sizeof *first);
    struct mi_graph folded = {0};

    if (g->n > most) {
        folded.n = group_nodes(g, to, first);
        folded.node = mi_arena_alloc(a, ((size_t)folded.n + 1) * sizeof *folded.node);
        folded.edge = mi_arena_alloc(a, (size_t)folded.n * (size_t)folded.n + 1);
        memset(folded.edge, 0, (size_t)folded.n * (size_t)folded.n + 1);
        for (int k = 0; k < folded.n; k++) {
            const struct mi_graph_node *one = &g->node[first[k]];
            const char *names = list_names(a, g, to, k);

            folded.node[k] = strcmp(names, "1") == 0 || strncmp(names, "1:", 2) == 0
                                 ? *one
                                 : (struct mi_graph_node){one->kind, names, one->kind, 0};
        }
        for (int i = 0; i < g->n; i++)
            for (int k = 0; k < g->n; k++)
                if (g->edge[i * g->n + k])
                    folded.edge[to[i] * folded.n + to[k]] = true;
        *g = folded;
        mi_graph_layout(g);
    }
    mi_free(to);
    mi_free(first);
}

void mi_graph_print(struct mi_buf *b, const struct mi_graph *g)
{
    size_t n = (size_t)g->n;

    for (size_t k = 0; k < n; k++) {
        const char *lead = "  from ";

        mi_add_safe(b, g->node[k].name, strlen(g->node[k].name));
        if (*g->node[k].detail) {
            mi_buf_add_text(b, " (");
            mi_add_safe(b, g->node[k].detail, strlen(g->node[k].detail));
            mi_buf_add_char(b, ')');
        }
        for (size_t i = 0; i < k; i++)
            if (g->edge[i * n + k]) {
                mi_buf_add_text(b, lead);
                mi_add_safe(b, g->node[i].name, strlen(g->node[i].name));
                lead = ", ";
            }
        mi_buf_add_char(b, '\n');
    }
}

/* ---- svg --------------------------------------------------------------------------- */

struct spot {
    int x, y;
};

static void add_label(struct mi_buf *b, const char *text, int letters, struct spot at,
                      const char *class)
{
    struct mi_buf safe = {0};

    mi_add_safe(&safe, text, strlen(text));
    if (mi_text_width(safe.data, safe.len) > letters) {
        safe.len = mi_text_cut(safe.data, safe.len, letters - 1);
        mi_buf_add_text(&safe, "\u2026");
    }
    mi_buf_addf(b, "<text class=\"%s\" x=\"%d\" y=\"%d\">", class, at.x, at.y);
    mi_html_text(b, safe.data, safe.len);
    mi_buf_add_text(b, "</text>");
    mi_buf_free(&safe);
}

/* A column a depth, each centred; the size of the whole is returned. */
static struct spot place(const struct mi_graph *g, struct spot *at)
{
    struct spot size = {0, 0};
    int *count = mi_alloc_zero((size_t)g->n + 1, sizeof *count);
    int *placed = mi_alloc_zero((size_t)g->n + 1, sizeof *placed), highest = 0;

    for (int i = 0; i < g->n; i++) {
        int depth = g->node[i].depth;

        count[depth]++;
        highest = count[depth] > highest ? count[depth] : highest;
        size.x = depth + 1 > size.x ? depth + 1 : size.x;
    }
    for (int i = 0; i < g->n; i++) {
        int depth = g->node[i].depth, offset = (highest - count[depth]) * (BOX_HEIGHT + GAP_Y) / 2;

        at[i].x = depth * (BOX_WIDTH + GAP_X) + 1;
        at[i].y = offset + placed[depth]++ * (BOX_HEIGHT + GAP_Y) + 1;
    }
    size.x = size.x * (BOX_WIDTH + GAP_X) - GAP_X + 2;
    size.y = highest * (BOX_HEIGHT + GAP_Y) - GAP_Y + 2;
    mi_free(placed);
    mi_free(count);
    return size;
}

static void add_arrow(struct mi_buf *b, struct spot from, struct spot to)
{
    int x0 = from.x + BOX_WIDTH, y0 = from.y + BOX_HEIGHT / 2, y1 = to.y + BOX_HEIGHT / 2;

    mi_buf_addf(b, "<path d=\"M%d %dC%d %d %d %d %d %d\"/>", x0, y0, x0 + GAP_X / 2, y0,
                to.x - GAP_X / 2 - 4, y1, to.x - 5, y1);
    mi_buf_addf(b, "<path class=\"tip\" d=\"M%d %dl-7 -4v8z\"/>", to.x, y1);
}

void mi_graph_svg(struct mi_buf *b, const struct mi_graph *g)
{
    struct spot *at = mi_alloc_zero((size_t)g->n + 1, sizeof *at), size = place(g, at);

    mi_buf_addf(b,
                "<svg class=\"graph\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" "
                "role=\"img\" aria-label=\"what was made from what\">",
                size.x, size.y, size.x, size.y);
    for (int i = 0; i < g->n; i++)
        for (int k = i + 1; k < g->n; k++)
            if (g->edge[i * g->n + k])
                add_arrow(b, at[i], at[k]);
    for (int i = 0; i < g->n; i++) {
        const struct mi_graph_node *node = &g->node[i];

        mi_buf_add_text(b, "<g><title>");
        mi_html_str(b, node->name);
        mi_buf_add_text(b, "\n");
        mi_html_str(b, node->detail);
        mi_buf_addf(b, "</title><rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"6\"/>",
                    at[i].x, at[i].y, BOX_WIDTH, BOX_HEIGHT);
        add_label(b, node->name, LETTERS, (struct spot){at[i].x + 10, at[i].y + 19}, "name");
        add_label(b, node->detail, SMALL, (struct spot){at[i].x + 10, at[i].y + 36}, "detail");
        mi_buf_add_text(b, "</g>");
    }
    mi_buf_add_text(b, "</svg>\n");
    mi_free(at);
}
