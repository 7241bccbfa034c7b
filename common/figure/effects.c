/* Effects of changes: maps over layers and positions, heads or receivers; the largest. */
#include "base/intern.h"
#include "base/mem.h"
#include "figure/source.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum shape { BY_VARIANT, BY_PATH, BY_HEAD, BY_POSITION, BY_LAYER };
enum { LARGEST = 20, MOST_MAPS = 24 };

/* Effects that go into one figure. */
struct group {
    const struct mi_value **record; /* [n] */
    size_t n;
    enum shape shape;
    bool is_difference; /* shares were refused, or there is no source: raw differences */
};

static const char *const group_keys[] = {"id", "method", "subspace", "metric", "at", "site", NULL};

static enum shape shape_of(const struct mi_value *body)
{
    if (mi_get_str(body, "variant", NULL))
        return BY_VARIANT;
    if (mi_get_str(body, "to", NULL))
        return BY_PATH;
    if (mi_is(mi_get(body, "offset"), MI_INT) || mi_is(mi_get(body, "position"), MI_INT))
        return BY_POSITION;
    return mi_get_int(body, "head", -1) >= 0 ? BY_HEAD : BY_LAYER;
}

/* What tells the groups apart, as one text. */
static void add_group_key(struct mi_buf *b, const struct mi_value *body)
{
    enum shape shape = shape_of(body);

    b->len = 0;
    mi_buf_addf(b, "%d", (int)shape);
    for (int i = 0; group_keys[i]; i++) {
        const char *text = mi_get_str(body, group_keys[i], NULL);

        if (shape == BY_PATH && strcmp(group_keys[i], "site") == 0)
            continue;
        mi_buf_addf(b, "%c%s", text ? '\x1f' : '\x1e', text ? text : "");
    }
}

static double figure_of(const struct group *g, const struct mi_value *body, const char *which)
{
    static const char *const keys[2][3] = {{"effect", "lo", "hi"},
                                           {"difference", "difference_lo", "difference_hi"}};
    int k = strcmp(which, "y") == 0 ? 0 : strcmp(which, "lo") == 0 ? 1 : 2;

    return mi_get_real(body, keys[g->is_difference][k], (double)NAN);
}

static void set_point(const struct group *g, struct mi_series *s, int k,
                      const struct mi_value *body)
{
    s->y[k] = figure_of(g, body, "y");
    s->lo[k] = figure_of(g, body, "lo");
    s->hi[k] = figure_of(g, body, "hi");
}

/* ---- names of places -------------------------------------------------------------------- */

static void set_place(char *text, size_t size, const struct mi_value *body, bool has_head)
{
    int64_t layer = mi_get_int(body, "layer", -1), head = mi_get_int(body, "head", -1);
    const char *site = mi_get_str(body, "site", "");

    if (layer < 0)
        snprintf(text, size, "%.40s", site);
    else if (has_head && head >= 0)
        snprintf(text, size, "%.40s:%lld.%lld", site, (long long)layer, (long long)head);
    else
        snprintf(text, size, "%.40s:%lld", site, (long long)layer);
    if (mi_is(mi_get(body, "draw"), MI_INT))
        snprintf(text + strlen(text), size - strlen(text), " draw %lld",
                 (long long)mi_get_int(body, "draw", 0));
}

/* "-3", or with the prompt at hand "5 ' Paris'". */
static void set_column(struct mi_buf *b, const struct group *g, const struct mi_source *s,
                       const struct mi_value *body)
{
    const char *id = mi_get_str(body, "id", NULL);
    int64_t offset = mi_get_int(body, "offset", 0), position = mi_get_int(body, "position", -1);
    const struct mi_value *pieces = id ? mi_get(mi_source_prompt(s, id), "pieces") : NULL,
                          *piece = NULL;

    mi_buf_clear(b);
    if (g->shape == BY_PATH)
        mi_buf_add_text(b, mi_get_str(body, "to", ""));
    else if (g->shape == BY_HEAD)
        mi_buf_addf(b, "%lld", (long long)mi_get_int(body, "head", -1));
    else if (id && position >= 0) {
        mi_buf_addf(b, "%lld", (long long)position);
        if (mi_is(pieces, MI_ARRAY) && position < (int64_t)pieces->as.array.n)
            piece = &pieces->as.array.item[position];
        if (mi_is(piece, MI_STR) || mi_is(piece, MI_BIN)) {
            mi_buf_add_char(b, ' ');
            mi_buf_add(b, piece->as.bytes.at, piece->as.bytes.len);
        }
    } else if (g->shape == BY_POSITION)
        mi_buf_addf(b, "%lld", (long long)(offset ? offset : position));
    else
        mi_buf_add_text(b, "all");
}

/* ---- figures ------------------------------------------------------------------------------ */

static int compare_columns(const void *a, const void *b)
{
    long long x = strtoll(*(const char *const *)a, NULL, 10);
    long long y = strtoll(*(const char *const *)b, NULL, 10);

    return x != y ? (x > y) - (x < y) : 0;
}

static void add_map(struct mi_page *p, const struct mi_source *s, const struct group *g)
{
    struct mi_chart *c = mi_chart_new(&p->arena, MI_CHART_HEAT);
    struct mi_buf column = {0};
    char row[96];

    for (int turn = 0; turn < 2; turn++) {
        for (size_t i = 0; i < g->n; i++) {
            int k;

            set_column(&column, g, s, g->record[i]);
            k = mi_chart_x(c, mi_buf_text(&column));
            set_place(row, sizeof row, g->record[i], g->shape != BY_HEAD);
            if (turn)
                set_point(g, mi_chart_series(c, row), k, g->record[i]);
        }
        if (turn == 0 && g->shape == BY_POSITION) {
            qsort(c->x, (size_t)c->n_x, sizeof *c->x, compare_columns);
            for (int k = 0; k < c->n_x; k++)
                c->x_at[k] = (double)strtoll(c->x[k], NULL, 10);
        }
    }
    mi_buf_free(&column);
    c->x_title = g->shape == BY_PATH                    ? "receiver"
                 : g->shape == BY_HEAD                  ? "head"
                 : mi_get_str(g->record[0], "id", NULL) ? "token"
                                                        : "position (negative: from the end)";
    mi_page_chart(p, c);
}

static void add_lines(struct mi_page *p, const struct group *g)
{
    struct mi_chart *c = mi_chart_new(&p->arena, MI_CHART_LINES);
    char text[32], draw[32];

    for (int turn = 0; turn < 2; turn++)
        for (size_t i = 0; i < g->n; i++) {
            int k;

            snprintf(text, sizeof text, "%lld", (long long)mi_get_int(g->record[i], "layer", -1));
            k = mi_chart_x(c, text);
            draw[0] = '\0';
            if (mi_is(mi_get(g->record[i], "draw"), MI_INT))
                snprintf(draw, sizeof draw, "draw %lld",
                         (long long)mi_get_int(g->record[i], "draw", 0));
            if (turn)
                set_point(g, mi_chart_series(c, draw), k, g->record[i]);
        }
    c->x_title = "layer";
    mi_page_chart(p, c);
}

static int compare_doses(const void *a, const void *b)
{
    double x = strtod(*(const char *const *)a, NULL), y = strtod(*(const char *const *)b, NULL);

    return (x > y) - (x < y);
}

/* Variants that are all numbers: doses, or layers. */
static bool has_doses(const struct group *g)
{
    struct mi_arena a = {0};
    struct mi_chart *c = mi_chart_new(&a, MI_CHART_LINES);
    bool has;

    c->takes_reals = true;
    for (size_t i = 0; g->shape == BY_VARIANT && i < g->n; i++)
        mi_chart_x(c, mi_get_str(g->record[i], "variant", ""));
    has = c->n_x > 2 && c->n_x == (int)g->n && c->is_numeric;
    mi_arena_free(&a);
    return has;
}

static void add_doses(struct mi_page *p, const struct group *g)
{
    struct mi_chart *c = mi_chart_new(&p->arena, MI_CHART_LINES);
    struct mi_series *s;

    c->takes_reals = true;
    for (size_t i = 0; i < g->n; i++)
        mi_chart_x(c, mi_get_str(g->record[i], "variant", ""));
    qsort(c->x, (size_t)c->n_x, sizeof *c->x, compare_doses);
    for (int k = 0; k < c->n_x; k++)
        c->x_at[k] = strtod(c->x[k], NULL);
    s = mi_chart_series(c, "");
    for (size_t i = 0; i < g->n; i++)
        set_point(g, s, mi_chart_x(c, mi_get_str(g->record[i], "variant", "")), g->record[i]);
    c->x_title = "variant";
    mi_page_chart(p, c);
}

static const struct group *sorted; /* what compare_size looks at */

static int compare_size(const void *a, const void *b)
{
    const struct mi_value *const *x = a, *const *y = b;
    double u = fabs(figure_of(sorted, *x, "y")), v = fabs(figure_of(sorted, *y, "y"));

    u = isnan(u) ? -1 : u;
    v = isnan(v) ? -1 : v;
    return u != v ? (u < v) - (u > v) : (*x > *y) - (*x < *y);
}

static void set_name(struct mi_buf *b, const struct mi_source *s, const struct group *g,
                     const struct mi_value *body)
{
    struct mi_buf column = {0};
    char place[96];

    mi_buf_clear(b);
    if (g->shape == BY_VARIANT) {
        mi_buf_add_text(b, mi_get_str(body, "variant", ""));
        return;
    }
    set_place(place, sizeof place, body, true);
    mi_buf_add_text(b, place);
    if (g->shape == BY_PATH || g->shape == BY_POSITION) {
        set_column(&column, g, s, body);
        mi_buf_addf(b, g->shape == BY_PATH ? " to %s" : " at %s", mi_buf_text(&column));
        mi_buf_free(&column);
    }
}

/* The largest as bars, and how fast their sizes add up to all. */
static void add_largest(struct mi_page *p, const struct mi_source *s, const struct group *g)
{
    struct mi_chart *c = mi_chart_new(&p->arena, MI_CHART_BARS);
    const struct mi_value **record = mi_alloc_n(g->n, sizeof *record);
    size_t n = g->n < LARGEST ? g->n : LARGEST;
    struct mi_buf name = {0};

    memcpy(record, g->record, g->n * sizeof *record);
    sorted = g;
    if (g->shape != BY_VARIANT)
        qsort(record, g->n, sizeof *record, compare_size);
    else
        n = g->n;
    for (int turn = 0; turn < 2; turn++)
        for (size_t i = 0; i < n; i++) {
            int k;

            set_name(&name, s, g, record[i]);
            k = mi_chart_x(c, mi_buf_text(&name));
            if (turn)
                set_point(g, mi_chart_series(c, ""), k, record[i]);
        }
    c->title = g->shape == BY_VARIANT ? NULL : "the largest";
    mi_page_chart(p, c);
    mi_buf_free(&name);
    mi_free(record);
}

static void add_spread(struct mi_page *p, const struct group *g)
{
    static const double shares[] = {0.5, 0.8, 0.9};
    const struct mi_value **record = mi_alloc_n(g->n, sizeof *record);
    double sum = 0, square = 0, running = 0;
    size_t count[3] = {0};

    memcpy(record, g->record, g->n * sizeof *record);
    sorted = g;
    qsort(record, g->n, sizeof *record, compare_size);
    for (size_t i = 0; i < g->n; i++) {
        double e = fabs(figure_of(g, record[i], "y"));

        sum += isnan(e) ? 0 : e;
        square += isnan(e) ? 0 : e * e;
    }
    for (size_t i = 0; i < g->n && sum > 0; i++) {
        double e = fabs(figure_of(g, record[i], "y"));

        running += isnan(e) ? 0 : e;
        for (int k = 0; k < 3; k++)
            if (count[k] == 0 && running >= shares[k] * sum)
                count[k] = i + 1;
    }
    if (sum > 0)
        mi_page_sayf(p, MI_PART_NOTE,
                     "%zu places, as spread as %.1f equal ones; %zu make up half of the sum of "
                     "sizes, %zu 80 %%, %zu 90 %%",
                     g->n, sum * sum / square, count[0], count[1], count[2]);
    mi_free(record);
}

/* ---- the whole ------------------------------------------------------------------------------ */

static void add_title(struct mi_page *p, const struct group *g)
{
    static const char *const words[] = {"", "", " by head", " by position", " by layer"};
    const struct mi_value *body = g->record[0];
    const char *id = mi_get_str(body, "id", NULL), *at = mi_get_str(body, "at", NULL);
    const char *refused = mi_get_str(body, "refused", NULL);
    const char *subspace = mi_get_str(body, "subspace", NULL);
    bool has_site = g->shape != BY_PATH && mi_get_str(body, "site", NULL);
    char n[64] = "one prompt";

    if (!id)
        snprintf(n, sizeof n, "%lld prompts or pairs", (long long)mi_get_int(body, "n", 0));
    mi_page_sayf(p, MI_PART_TITLE, "%s%s%s%s%s%s: %s%s%s, %s", mi_get_str(body, "method", ""),
                 subspace ? " " : "", subspace ? subspace : "", has_site ? " " : "",
                 has_site ? mi_get_str(body, "site", "") : "", words[g->shape],
                 mi_get_str(body, "metric", ""), at ? " at " : "", at ? at : "", id ? id : n);
    mi_page_sayf(p, MI_PART_ASIDE, "%s%s%s",
                 g->is_difference ? "figure of the changed run less that of the base run"
                                  : "share of the way from the base run to the source run",
                 refused ? "; no shares: " : "", refused ? refused : "");
}

static void add_group(struct mi_page *p, const struct mi_source *s, struct group *g)
{
    static const char *const skip[] = {"direction", "id", "method", "subspace",
                                       "metric",    "at", NULL};
    struct mi_value some = mi_array();
    struct mi_table t = {0};
    size_t n_shares = 0;

    for (size_t i = 0; i < g->n; i++)
        n_shares += !isnan(mi_get_real(g->record[i], "effect", (double)NAN));
    g->is_difference = n_shares == 0;
    add_title(p, g);
    if (has_doses(g))
        add_doses(p, g);
    else if (g->shape == BY_LAYER && g->n > 2)
        add_lines(p, g);
    else if (g->shape != BY_VARIANT && g->n > 2)
        add_map(p, s, g);
    if (g->n > 2 && g->shape != BY_VARIANT && !mi_is(mi_get(g->record[0], "draw"), MI_INT))
        add_spread(p, g);
    if (!has_doses(g))
        add_largest(p, s, g);
    for (size_t i = 0; i < g->n; i++)
        mi_push(&p->arena, &some, *g->record[i]);
    mi_table_of_records(&t, &some, skip, false);
    mi_page_table(p, &t);
}

/* The group of every record [n], numbered as they appear; -1: left out. Returns how many. */
static int64_t group_records(int64_t *group, const struct mi_value *bodies, bool *has_aggregate)
{
    size_t n = bodies->as.array.n;
    struct mi_intern keys = {0};
    struct mi_buf key = {0};
    int64_t n_groups;

    *has_aggregate = false;
    for (size_t i = 0; i < n; i++)
        *has_aggregate = *has_aggregate || !mi_get_str(&bodies->as.array.item[i], "id", NULL);
    for (size_t i = 0; i < n; i++) {
        const struct mi_value *body = &bodies->as.array.item[i];

        group[i] = -1;
        if (*has_aggregate && mi_get_str(body, "id", NULL))
            continue;
        add_group_key(&key, body);
        group[i] = mi_intern_add(&keys, key.data, key.len);
    }
    n_groups = keys.n;
    mi_buf_free(&key);
    mi_intern_free(&keys);
    return n_groups;
}

void mi_figure_effects(struct mi_page *p, const struct mi_source *s)
{
    size_t n = s->bodies.as.array.n;
    struct group g = {.record = mi_alloc_n(n, sizeof *g.record)};
    int64_t *group = mi_alloc_n(n, sizeof *group), n_groups;
    bool has_aggregate;

    n_groups = group_records(group, &s->bodies, &has_aggregate);
    for (int64_t k = 0; k < n_groups && k < MOST_MAPS; k++) {
        g.n = 0;
        for (size_t i = 0; i < n; i++)
            if (group[i] == k)
                g.record[g.n++] = &s->bodies.as.array.item[i];
        g.shape = shape_of(g.record[0]);
        add_group(p, s, &g);
    }
    if (has_aggregate)
        mi_page_sayf(p, MI_PART_NOTE, "means over prompts; single prompts are left to mi-view");
    if (n_groups > MOST_MAPS)
        mi_page_sayf(p, MI_PART_NOTE, "(%lld more figures of single prompts)",
                     (long long)(n_groups - MOST_MAPS));
    mi_free(group);
    mi_free(g.record);
}
