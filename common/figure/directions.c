#include "figure/directions.h"

#include "figure/views.h"

#include <math.h>
#include <string.h>

static const struct column {
    const char *title, *key;
    int decimals; /* -1: text, 0: whole number */
} columns[] = {
    {"method", "method", -1},    {"n", "n", 0},
    {"scale", "scale", 3},       {"threshold", "threshold", 3},
    {"agree", "sign_share", 3},  {"cos mean-diff", "cos_mean_diff", 3},
    {"variance", "variance", 3},
};
enum { N_COLUMNS = sizeof columns / sizeof *columns };

static bool is_same_text(const struct mi_value *a, const struct mi_value *b, const char *key)
{
    return strcmp(mi_get_str(a, key, ""), mi_get_str(b, key, "")) == 0;
}

static bool is_of_table(const struct mi_value *first, const struct mi_value *body)
{
    return is_same_text(first, body, "site") && is_same_text(first, body, "position");
}

static void add_cell(struct mi_table *t, const struct mi_value *body, const struct column *c)
{
    const struct mi_value *v = mi_get(body, c->key);

    if (mi_is(v, MI_ARRAY)) /* a number a vector: the first */
        v = v->as.array.n ? &v->as.array.item[0] : NULL;
    if (c->decimals > 0 && v)
        mi_table_number(t,
                        mi_is(v, MI_REAL)  ? v->as.real
                        : mi_is(v, MI_INT) ? (double)v->as.integer
                                           : (double)NAN,
                        c->decimals);
    else
        mi_table_value(t, v, false);
}

static void add_title(struct mi_page *p, const struct mi_value *body)
{
    const struct mi_value *groups = mi_get(body, "groups");
    const char *position = mi_get_str(body, "position", NULL), *site = mi_get_str(body, "site", "");
    const char *sides = mi_get_str(body, "sides", NULL);

    struct mi_buf b = {0};

    mi_buf_add(&b, site, strlen(site));
    if (position) {
        mi_buf_add_text(&b, ", ");
        mi_buf_add(&b, position, strlen(position));
    }
    if (sides) {
        mi_buf_add_text(&b, ", ");
        mi_buf_add(&b, sides, strlen(sides));
    }
    if (mi_is(groups, MI_TENSOR))
        mi_buf_addf(&b, ": %lld groups", (long long)mi_tensor_count(&groups->as.tensor));
    mi_page_say(p, MI_PART_TITLE, mi_buf_text(&b), b.len);
    mi_page_sayf(p, MI_PART_ASIDE, "agree: share of pairs that speak for the sign");
    mi_buf_free(&b);
}

/* Returns the number of controls, which have no line. */
static int64_t add_table(struct mi_page *p, const struct mi_value *bodies, size_t first)
{
    const struct mi_value *body = &bodies->as.array.item[first];
    struct mi_table t = {0};
    int64_t n_controls = 0;
    char text[64];

    add_title(p, body);
    mi_table_column(&t, "layer", true);
    for (int c = 0; c < N_COLUMNS; c++)
        mi_table_column(&t, columns[c].title, columns[c].decimals >= 0);
    for (size_t i = first; i < bodies->as.array.n; i++) {
        const struct mi_value *other = &bodies->as.array.item[i];

        if (!is_of_table(body, other))
            continue;
        if (mi_get(other, "draw")) {
            n_controls++;
            continue;
        }
        mi_table_str(&t, mi_layer_text(other, text, sizeof text));
        for (int c = 0; c < N_COLUMNS; c++)
            add_cell(&t, other, &columns[c]);
    }
    mi_page_table(p, &t);
    return n_controls;
}

/* A line a method of one figure by layer. */
static void add_chart(struct mi_page *p, const struct mi_value *bodies, size_t first,
                      const char *key, const char *title, bool is_share)
{
    const struct mi_value *body = &bodies->as.array.item[first];
    struct mi_chart *c = mi_chart_new(&p->arena, MI_CHART_LINES);
    bool has_any = false;
    double least = 0;
    char text[64];

    for (int turn = 0; turn < 2; turn++)
        for (size_t i = first; i < bodies->as.array.n; i++) {
            const struct mi_value *other = &bodies->as.array.item[i];
            const struct mi_value *v = mi_get(other, key);
            struct mi_series *s;

            if (!is_of_table(body, other) || mi_get(other, "draw"))
                continue;
            if (mi_is(v, MI_ARRAY))
                v = v->as.array.n ? &v->as.array.item[0] : NULL;
            if (!mi_is(v, MI_REAL))
                continue;
            mi_chart_x(c, mi_layer_text(other, text, sizeof text));
            if (turn == 0)
                continue;
            s = mi_chart_series(c, mi_get_str(other, "method", ""));
            s->y[mi_chart_x(c, text)] = v->as.real;
            has_any = true;
            least = v->as.real < least ? v->as.real : least;
        }
    c->title = title;
    c->x_title = "layer";
    c->from = !is_share ? (double)NAN : least < 0 ? -1 : 0;
    c->to = is_share ? 1 : (double)NAN;
    if (has_any && c->n_x > 2)
        mi_page_chart(p, c);
}

void mi_figure_directions(struct mi_page *p, const struct mi_value *bodies)
{
    for (size_t i = 0; i < bodies->as.array.n; i++) {
        bool is_new = true;
        int64_t n_controls;

        for (size_t k = 0; k < i && is_new; k++)
            is_new = !is_of_table(&bodies->as.array.item[k], &bodies->as.array.item[i]);
        if (!is_new)
            continue;
        n_controls = add_table(p, bodies, i);
        add_chart(p, bodies, i, "scale", "distance of the sides along the direction", false);
        add_chart(p, bodies, i, "cos_mean_diff", "cosine with the difference of means", true);
        add_chart(p, bodies, i, "variance", "share of the variance that is explained", true);
        if (n_controls)
            mi_page_sayf(p, MI_PART_NOTE, "and %lld directions of controls", (long long)n_controls);
    }
}
