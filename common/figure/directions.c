#include "figure/directions.h"

#include "figure/table.h"
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

static void print_title(struct mi_buf *b, const struct mi_value *body)
{
    const struct mi_value *groups = mi_get(body, "groups");
    const char *position = mi_get_str(body, "position", NULL), *site = mi_get_str(body, "site", "");
    const char *sides = mi_get_str(body, "sides", NULL);

    mi_add_safe(b, site, strlen(site));
    if (position) {
        mi_buf_add_text(b, ", ");
        mi_add_safe(b, position, strlen(position));
    }
    if (sides) {
        mi_buf_add_text(b, ", ");
        mi_add_safe(b, sides, strlen(sides));
    }
    if (mi_is(groups, MI_TENSOR))
        mi_buf_addf(b, ": %lld groups", (long long)mi_tensor_count(&groups->as.tensor));
    mi_buf_add_text(b, "\n[agree: share of pairs that speak for the sign]\n");
}

static void print_table(struct mi_buf *b, const struct mi_value *bodies, size_t first,
                        const struct mi_style *style)
{
    const struct mi_value *body = &bodies->as.array.item[first];
    struct mi_table t = {0};
    int64_t n_controls = 0;
    char text[64];

    print_title(b, body);
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
    mi_table_print(b, &t, style);
    if (n_controls)
        mi_buf_addf(b, "and %lld directions of controls\n", (long long)n_controls);
    mi_table_free(&t);
}

void mi_figure_directions(struct mi_buf *b, const struct mi_value *bodies,
                          const struct mi_style *style)
{
    for (size_t i = 0; i < bodies->as.array.n; i++) {
        bool is_new = true;

        for (size_t k = 0; k < i && is_new; k++)
            is_new = !is_of_table(&bodies->as.array.item[k], &bodies->as.array.item[i]);
        if (!is_new)
            continue;
        if (b->len)
            mi_buf_add_char(b, '\n');
        print_table(b, bodies, i, style);
    }
}
