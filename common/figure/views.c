#include "figure/views.h"

#include "base/intern.h"
#include "base/mem.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PARTS_SHOWN = 15 };

char *mi_layer_text(const struct mi_value *body, char *text, size_t size)
{
    int64_t layer = mi_get_int(body, "layer", -1), head = mi_get_int(body, "head", -1);

    text[0] = '\0';
    if (layer >= 0 && head >= 0)
        snprintf(text, size, "%lld.%lld", (long long)layer, (long long)head);
    else if (layer >= 0)
        snprintf(text, size, "%lld", (long long)layer);
    return text;
}

static bool has_metric(const struct mi_value *body, const char *metric)
{
    return strcmp(mi_get_str(body, "metric", ""), metric) == 0;
}

static bool is_same(const struct mi_value *a, const struct mi_value *b, const char *const *keys)
{
    for (; *keys; keys++) {
        const struct mi_value *x = mi_get(a, *keys), *y = mi_get(b, *keys);

        if (!x != !y || (x && !mi_value_equal(x, y)))
            return false;
    }
    return true;
}

/* ---- unembedding ------------------------------------------------------------------ */

bool mi_is_unembed(const struct mi_value *body)
{
    return (has_metric(body, "entropy") || has_metric(body, "entropy_z")) && mi_get(body, "folded");
}

/* The pieces of [[token, piece, logit] ...], between bars. */
static void add_tokens(struct mi_table *t, const struct mi_value *top)
{
    struct mi_buf b = {0};

    for (size_t i = 0; mi_is(top, MI_ARRAY) && i < top->as.array.n; i++) {
        const struct mi_value *one = &top->as.array.item[i];
        const struct mi_value *piece =
            mi_is(one, MI_ARRAY) && one->as.array.n > 1 ? &one->as.array.item[1] : NULL;

        mi_buf_add_text(&b, i ? "|" : "");
        if (mi_is(piece, MI_STR) || mi_is(piece, MI_BIN))
            mi_buf_add(&b, piece->as.bytes.at, piece->as.bytes.len);
    }
    mi_table_text(t, b.data ? b.data : "", b.len);
    mi_buf_free(&b);
}

static double find_z(const struct mi_value *bodies, const struct mi_value *body)
{
    static const char *const keys[] = {"site", "layer", "head", "method", "vector", "side", NULL};

    for (size_t i = 0; i < bodies->as.array.n; i++)
        if (has_metric(&bodies->as.array.item[i], "entropy_z") &&
            is_same(&bodies->as.array.item[i], body, keys))
            return mi_get_real(&bodies->as.array.item[i], "value", (double)NAN);
    return (double)NAN;
}

void mi_figure_unembed(struct mi_page *p, const struct mi_value *bodies)
{
    static const char *const titles[] = {"site",    "layer", "method", "end",
                                         "entropy", "z",     "tokens"};
    struct mi_table t = {0};
    struct mi_buf random = {0};
    char text[64];

    for (int i = 0; i < 7; i++)
        mi_table_column(&t, titles[i], i == 1 || i == 4 || i == 5);
    for (size_t i = 0; i < bodies->as.array.n; i++) {
        const struct mi_value *body = &bodies->as.array.item[i];
        double value = mi_get_real(body, "value", (double)NAN);

        if (!mi_is_unembed(body) || !has_metric(body, "entropy"))
            continue;
        if (mi_get_str(body, "control", NULL)) {
            mi_buf_addf(&random, "%lld random directions: %.3f, between %.3f and %.3f nats. ",
                        (long long)mi_get_int(body, "n", 0), value,
                        mi_get_real(body, "lo", (double)NAN), mi_get_real(body, "hi", (double)NAN));
            continue;
        }
        mi_table_str(&t, mi_get_str(body, "site", ""));
        mi_table_str(&t, mi_layer_text(body, text, sizeof text));
        mi_table_str(&t, mi_get_str(body, "method", ""));
        mi_table_str(&t, mi_get_str(body, "side", ""));
        mi_table_number(&t, value, 3);
        mi_table_number(&t, find_z(bodies, body), 2);
        add_tokens(&t, mi_get(body, "top"));
    }
    mi_page_sayf(p, MI_PART_TITLE,
                 "directions as the whole residual stream: entropy (nats), beside random ones "
                 "as z");
    mi_page_table(p, &t);
    if (random.len)
        mi_page_say(p, MI_PART_NOTE, random.data, random.len - 1);
    mi_buf_free(&random);
}

/* ---- attribution ------------------------------------------------------------------ */

bool mi_is_attribution(const struct mi_value *body)
{
    return has_metric(body, "contribution") || has_metric(body, "contribution_diff") ||
           (has_metric(body, "participation_ratio") && !mi_is_spread(body)) ||
           has_metric(body, "sum_error");
}

static int compare_size(const void *a, const void *b)
{
    const struct mi_value *const *x = a, *const *y = b;
    double u = fabs(mi_get_real(*x, "value", 0)), v = fabs(mi_get_real(*y, "value", 0));

    return u != v ? (u < v) - (u > v) : (*x > *y) - (*x < *y);
}

static const char *part_text(const struct mi_value *body, char *text, size_t size)
{
    char layer[64];

    mi_layer_text(body, layer, sizeof layer);
    snprintf(text, size, "%.30s%s%s", mi_get_str(body, "site", ""), *layer ? ":" : "", layer);
    return text;
}

static void set_point(struct mi_series *s, int k, const struct mi_value *body)
{
    s->y[k] = mi_get_real(body, "value", (double)NAN);
    s->lo[k] = mi_get_real(body, "lo", (double)NAN);
    s->hi[k] = mi_get_real(body, "hi", (double)NAN);
}

/* The largest parts [n] of one direction as bars. */
static void add_parts(struct mi_page *p, const struct mi_value **part, size_t n)
{
    struct mi_chart *c = mi_chart_new(&p->arena, MI_CHART_BARS);
    struct mi_series *s;
    char text[128];

    qsort(part, n, sizeof *part, compare_size);
    n = n < PARTS_SHOWN ? n : PARTS_SHOWN;
    for (size_t i = 0; i < n; i++)
        mi_chart_x(c, part_text(part[i], text, sizeof text));
    s = mi_chart_series(c, "");
    for (size_t i = 0; i < n; i++)
        set_point(s, mi_chart_x(c, part_text(part[i], text, sizeof text)), part[i]);
    c->x_title = NULL;
    mi_page_chart(p, c);
}

/* Heads by layer as a map: which of them write, wherever they rank. */
static void add_heads(struct mi_page *p, const struct mi_value **part, size_t n)
{
    struct mi_chart *c = mi_chart_new(&p->arena, MI_CHART_HEAT);
    char text[64];

    for (int turn = 0; turn < 2; turn++)
        for (size_t i = 0; i < n; i++) {
            int64_t head = mi_get_int(part[i], "head", -1);
            struct mi_series *s;
            int k;

            if (head < 0)
                continue;
            snprintf(text, sizeof text, "%lld", (long long)head);
            k = mi_chart_x(c, text);
            if (turn == 0)
                continue;
            snprintf(text, sizeof text, "%lld", (long long)mi_get_int(part[i], "layer", -1));
            s = mi_chart_series(c, text);
            set_point(s, k, part[i]);
        }
    c->title = "heads by layer";
    c->x_title = "head";
    c->y_title = "layer";
    if (c->n > 1 && c->n_x > 1)
        mi_page_chart(p, c);
}

static bool is_to(const struct mi_value *body, const struct mi_value *whole)
{
    return strcmp(mi_get_str(body, "to_site", ""), mi_get_str(whole, "to_site", "")) == 0 &&
           mi_get_int(body, "to_layer", -1) == mi_get_int(whole, "to_layer", -1) &&
           strcmp(mi_get_str(body, "method", ""), mi_get_str(whole, "method", "")) == 0;
}

void mi_figure_attribution(struct mi_page *p, const struct mi_value *bodies)
{
    size_t all = bodies->as.array.n, n = 0;
    const struct mi_value **part = mi_alloc_n(all, sizeof *part);

    /* the parts of a direction come before its ratio, and the ratio before the next one's */
    for (size_t i = 0; i < all; i++) {
        const struct mi_value *body = &bodies->as.array.item[i];

        if (has_metric(body, "contribution_diff") && (n == 0 || is_to(body, part[0])))
            part[n++] = body;
        if (!has_metric(body, "participation_ratio"))
            continue;
        mi_page_sayf(p, MI_PART_TITLE,
                     "what writes %.30s:%lld, %.60s: %zu parts, as spread as %.1f equal ones "
                     "[%.1f, %.1f]",
                     mi_get_str(body, "to_site", ""), (long long)mi_get_int(body, "to_layer", -1),
                     mi_get_str(body, "method", ""), n, mi_get_real(body, "value", (double)NAN),
                     mi_get_real(body, "lo", (double)NAN), mi_get_real(body, "hi", (double)NAN));
        mi_page_sayf(p, MI_PART_ASIDE, "mean projection, positive minus negative side");
        add_heads(p, part, n);
        add_parts(p, part, n);
        n = 0;
    }
    mi_free(part);
}

/* ---- spread ------------------------------------------------------------------------- */

static const char *const spread_metrics[] = {"participation_ratio", "components_50",
                                             "components_80", "components_90"};

bool mi_is_spread(const struct mi_value *body)
{
    bool is_metric = false;

    for (int i = 0; i < 4; i++)
        is_metric = is_metric || has_metric(body, spread_metrics[i]);
    return is_metric && mi_get(body, "over") && mi_get(body, "subject");
}

static void add_spread_cell(struct mi_table *t, const struct mi_value *body)
{
    double lo = mi_get_real(body, "lo", (double)NAN);
    char text[96];

    snprintf(text, sizeof text, isnan(lo) ? "%.3g" : "%.3g [%.3g, %.3g]",
             mi_get_real(body, "value", (double)NAN), lo, mi_get_real(body, "hi", (double)NAN));
    mi_table_str(t, body ? text : "");
}

void mi_figure_spread(struct mi_page *p, const struct mi_value *bodies)
{
    static const char *const titles[] = {"patched",        "by",   "of",   "parts",
                                         "as equal parts", "50 %", "80 %", "90 %"};
    static const char *const keys[] = {"site", "method", "subject", "at",
                                       "to",   "over",   "head",    NULL};
    struct mi_table t = {0};

    for (int i = 0; i < 8; i++)
        mi_table_column(&t, titles[i], i >= 3);
    for (size_t i = 0; i < bodies->as.array.n; i++) {
        const struct mi_value *body = &bodies->as.array.item[i];

        if (!mi_is_spread(body) || !has_metric(body, spread_metrics[0]))
            continue;
        mi_table_str(&t, mi_get_str(body, "site", ""));
        mi_table_str(&t, mi_get_str(body, "over", ""));
        mi_table_str(&t, mi_get_str(body, "subject", ""));
        mi_table_int(&t, mi_get_int(body, "n", 0));
        add_spread_cell(&t, body);
        for (int m = 1; m < 4; m++) {
            const struct mi_value *other = NULL;

            for (size_t k = i + 1; k < bodies->as.array.n && !other; k++)
                if (has_metric(&bodies->as.array.item[k], spread_metrics[m]) &&
                    is_same(&bodies->as.array.item[k], body, keys))
                    other = &bodies->as.array.item[k];
            add_spread_cell(&t, other);
        }
    }
    mi_page_sayf(p, MI_PART_TITLE, "Over how many parts effects are spread");
    mi_page_sayf(
        p, MI_PART_ASIDE,
        "as equal parts: (sum |e|)^2 / sum e^2, the number of equal parts that would be as "
        "spread; 50, 80, 90 %%: the least number of parts that make up this share of "
        "sum |e|");
    mi_page_table(p, &t);
}

/* ---- transfer ---------------------------------------------------------------------- */

bool mi_is_transfer(const struct mi_value *body)
{
    return mi_get_str(body, "from", NULL) && mi_get_str(body, "on", NULL);
}

static const struct mi_value *find_cell(const struct mi_value *bodies, const struct mi_value *of,
                                        const char *metric, const char *from, const char *on)
{
    static const char *const keys[] = {"site", "layer", "head", "position", "method", NULL};

    for (size_t i = 0; i < bodies->as.array.n; i++) {
        const struct mi_value *body = &bodies->as.array.item[i];

        if (mi_is_transfer(body) && has_metric(body, metric) &&
            !mi_get_str(body, "control", NULL) && strcmp(mi_get_str(body, "from", ""), from) == 0 &&
            strcmp(mi_get_str(body, "on", ""), on) == 0 && is_same(body, of, keys))
            return body;
    }
    return NULL;
}

static void add_matrix_table(struct mi_page *p, const struct mi_value *bodies,
                             const struct mi_value *first, const struct mi_intern *domains,
                             const char *metric)
{
    struct mi_table t = {0};
    char text[160];

    mi_table_column(&t, "fitted on", false);
    for (int64_t k = 0; k < domains->n; k++)
        mi_table_column(&t, domains->name[k], true);
    for (int64_t i = 0; i < domains->n; i++) {
        mi_table_str(&t, domains->name[i]);
        for (int64_t k = 0; k < domains->n; k++) {
            const struct mi_value *cell =
                find_cell(bodies, first, metric, domains->name[i], domains->name[k]);
            double lo = mi_get_real(cell, "lo", (double)NAN);

            snprintf(text, sizeof text, isnan(lo) ? "%.3f" : "%.3f [%.2f %.2f]",
                     mi_get_real(cell, "value", (double)NAN), lo,
                     mi_get_real(cell, "hi", (double)NAN));
            mi_table_str(&t, cell ? text : "");
        }
    }
    part_text(first, text, sizeof text);
    mi_page_sayf(p, MI_PART_TITLE, "%s, %s on test groups: %s", text, metric,
                 mi_get_str(first, "method", ""));
    mi_page_table(p, &t);
}

static void add_matrix_map(struct mi_page *p, const struct mi_value *bodies,
                           const struct mi_value *first, const struct mi_intern *domains,
                           const char *metric)
{
    struct mi_chart *c = mi_chart_new(&p->arena, MI_CHART_HEAT);

    for (int64_t k = 0; k < domains->n; k++)
        mi_chart_x(c, domains->name[k]);
    for (int64_t i = domains->n - 1; i >= 0; i--) {
        struct mi_series *s = mi_chart_series(c, domains->name[i]);

        for (int64_t k = 0; k < domains->n; k++) {
            const struct mi_value *cell =
                find_cell(bodies, first, metric, domains->name[i], domains->name[k]);

            if (cell)
                set_point(s, mi_chart_x(c, domains->name[k]), cell);
        }
    }
    c->from = 0;
    c->to = 1;
    c->chance = 0.5;
    c->x_title = "evaluated on";
    c->y_title = "fitted on";
    mi_page_chart(p, c);
}

void mi_figure_transfer(struct mi_page *p, const struct mi_value *bodies, const char *metric)
{
    static const char *const keys[] = {"site", "layer", "head", "position", "method", NULL};
    const struct mi_value *last = NULL;
    struct mi_intern domains = {0};

    for (size_t i = 0; i < bodies->as.array.n; i++)
        if (mi_is_transfer(&bodies->as.array.item[i])) {
            const char *from = mi_get_str(&bodies->as.array.item[i], "from", "");

            mi_intern_add(&domains, from, strlen(from));
        }
    for (size_t i = 0; i < bodies->as.array.n; i++) {
        const struct mi_value *body = &bodies->as.array.item[i];

        if (!mi_is_transfer(body) || mi_get_str(body, "control", NULL) ||
            (last && is_same(last, body, keys)))
            continue;
        add_matrix_table(p, bodies, body, &domains, metric);
        add_matrix_map(p, bodies, body, &domains, metric);
        last = body;
    }
    mi_intern_free(&domains);
}
