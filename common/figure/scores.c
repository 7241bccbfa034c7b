#include "figure/scores.h"

#include "base/intern.h"
#include "base/mem.h"
#include "data/metric.h"
#include "figure/views.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const probe_metrics[] = {"accuracy", "pair_accuracy", "auroc"};
static const char *const controls[] = {"random", "shuffled", "permuted"};
enum { N_METRICS = 3, N_CONTROLS = 3, N_VIEWS = 5 };

/* The records by what they speak of. */
struct index {
    const struct mi_value *bodies;
    struct mi_intern keys; /* number: index into at */
    size_t *at;
    size_t cap;
    struct mi_buf key; /* scratch */
};

static void add_part(struct mi_buf *b, const struct mi_value *v)
{
    if (mi_is(v, MI_STR))
        mi_buf_add(b, v->as.bytes.at, v->as.bytes.len);
    else if (mi_is(v, MI_INT))
        mi_buf_addf(b, "%lld", (long long)v->as.integer);
    mi_buf_add_char(b, '\x1f');
}

/* site, position, method: what makes one table. */
static void set_series_key(struct mi_buf *b, const struct mi_value *body)
{
    mi_buf_clear(b);
    add_part(b, mi_get(body, "site"));
    add_part(b, mi_get(body, "position"));
    add_part(b, mi_get(body, "method"));
}

/* The place of `body`, and the rest as given; of controls that are no direction's own the
 * method is the control's name. */
static void set_key(struct mi_buf *b, const struct mi_value *body, const char *method,
                    const char *metric, const char *control)
{
    mi_buf_clear(b);
    add_part(b, mi_get(body, "site"));
    add_part(b, mi_get(body, "position"));
    add_part(b, mi_get(body, "layer"));
    add_part(b, mi_get(body, "head"));
    mi_buf_addf(b, "%s\x1f%s\x1f%s", method, metric, control);
}

static const struct mi_value *find(struct index *x, const struct mi_value *body, const char *method,
                                   const char *metric, const char *control)
{
    int64_t k;

    set_key(&x->key, body, method, metric, control);
    k = mi_intern_find(&x->keys, x->key.data, x->key.len);
    return k < 0 ? NULL : &x->bodies->as.array.item[x->at[k]];
}

static bool is_probe_metric(const char *metric)
{
    for (int i = 0; i < N_METRICS; i++)
        if (strcmp(metric, probe_metrics[i]) == 0)
            return true;
    return false;
}

/* A figure of a probe at a place, of the direction itself or of a control. */
static bool is_probe(const struct mi_value *body)
{
    return is_probe_metric(mi_get_str(body, "metric", "")) && mi_get_str(body, "method", NULL) &&
           mi_get_str(body, "site", NULL) && !mi_is_transfer(body) && !mi_is_card(body);
}

static void build_index(struct index *x, const struct mi_value *bodies)
{
    x->bodies = bodies;
    for (size_t i = 0; i < bodies->as.array.n; i++) {
        const struct mi_value *body = &bodies->as.array.item[i];
        int64_t n = x->keys.n;

        if (!is_probe(body))
            continue;
        set_key(&x->key, body, mi_get_str(body, "method", ""), mi_get_str(body, "metric", ""),
                mi_get_str(body, "control", ""));
        if (mi_intern_add(&x->keys, x->key.data, x->key.len) < n)
            continue; /* said before: the first counts */
        x->at = mi_grow(x->at, &x->cap, (size_t)n + 1, sizeof *x->at);
        x->at[n] = i;
    }
}

/* ---- one table ------------------------------------------------------------------ */

/* The places of one series: indices of the first record of each. */
struct series {
    size_t *row; /* [n] */
    size_t n, cap;
    const char *method;
};

/* Records of directions (no controls) of the series, one a place. */
static void collect(struct series *s, const struct mi_value *bodies, size_t first)
{
    struct mi_buf key = {0}, other = {0};
    struct mi_intern places = {0};

    set_series_key(&key, &bodies->as.array.item[first]);
    s->method = mi_get_str(&bodies->as.array.item[first], "method", "");
    for (size_t i = first; i < bodies->as.array.n; i++) {
        const struct mi_value *body = &bodies->as.array.item[i];
        int64_t n = places.n;

        if (!is_probe(body) || mi_get_str(body, "control", NULL))
            continue;
        set_series_key(&other, body);
        if (other.len != key.len || memcmp(other.data, key.data, key.len) != 0)
            continue;
        set_key(&other, body, "", "", "");
        if (mi_intern_add(&places, other.data, other.len) < n)
            continue;
        s->row = mi_grow(s->row, &s->cap, s->n + 1, sizeof *s->row);
        s->row[s->n++] = i;
    }
    mi_intern_free(&places);
    mi_buf_free(&other);
    mi_buf_free(&key);
}

static const char *place_label(const struct mi_value *body, char *text, size_t size)
{
    return *mi_layer_text(body, text, size) ? text : "-";
}

static void add_estimate(struct mi_table *t, const struct mi_value *rec)
{
    double value = mi_get_real(rec, "value", (double)NAN), lo = mi_get_real(rec, "lo", (double)NAN);
    double hi = mi_get_real(rec, "hi", (double)NAN);
    char text[96];

    if (isnan(value))
        text[0] = '\0';
    else if (isnan(lo) || isnan(hi))
        snprintf(text, sizeof text, "%.3f", value);
    else
        snprintf(text, sizeof text, "%.3f [%.2f %.2f]", value, lo, hi);
    mi_table_str(t, text);
}

static const struct mi_value *find_control(struct index *x, const struct mi_value *body,
                                           const char *method, const char *metric, int c)
{
    /* permuted sides are shown where no direction was fitted on shuffled ones */
    const char *whose = strcmp(controls[c], "permuted") == 0 ? method : controls[c];

    return find(x, body, whose, metric, controls[c]);
}

/* Which columns have anything in them. */
static void find_columns(struct index *x, const struct series *s, const char *metric,
                         bool has_metric[N_METRICS], bool has_control[N_CONTROLS])
{
    for (size_t i = 0; i < s->n; i++) {
        const struct mi_value *body = &x->bodies->as.array.item[s->row[i]];

        for (int m = 0; m < N_METRICS; m++)
            has_metric[m] = has_metric[m] || find(x, body, s->method, probe_metrics[m], "");
        for (int c = 0; c < N_CONTROLS; c++)
            has_control[c] = has_control[c] || find_control(x, body, s->method, metric, c);
    }
    has_control[2] = has_control[2] && !has_control[1];
}

static void add_table(struct mi_page *p, struct index *x, const struct series *s,
                      const char *metric)
{
    bool has_metric[N_METRICS] = {0}, has_control[N_CONTROLS] = {0};
    struct mi_table t = {0};
    char text[64];

    find_columns(x, s, metric, has_metric, has_control);
    mi_table_column(&t, "layer", true);
    for (int m = 0; m < N_METRICS; m++)
        if (has_metric[m])
            mi_table_column(&t, probe_metrics[m], true);
    for (int c = 0; c < N_CONTROLS; c++)
        if (has_control[c])
            mi_table_column(&t, controls[c], true);
    for (size_t i = 0; i < s->n; i++) {
        const struct mi_value *body = &x->bodies->as.array.item[s->row[i]];

        mi_table_str(&t, place_label(body, text, sizeof text));
        for (int m = 0; m < N_METRICS; m++)
            if (has_metric[m])
                add_estimate(&t, find(x, body, s->method, probe_metrics[m], ""));
        for (int c = 0; c < N_CONTROLS; c++)
            if (has_control[c])
                mi_table_number(
                    &t, mi_get_real(find_control(x, body, s->method, metric, c), "hi", (double)NAN),
                    3);
    }
    mi_page_table(p, &t);
}

/* The values of a record at place k of a series. */
static void set_point(struct mi_series *s, int k, const struct mi_value *rec)
{
    if (!rec)
        return;
    s->y[k] = mi_get_real(rec, "value", (double)NAN);
    s->lo[k] = mi_get_real(rec, "lo", (double)NAN);
    s->hi[k] = mi_get_real(rec, "hi", (double)NAN);
}

/* A line of the method, or of a control where c says so. */
static void add_line(struct mi_chart *chart, struct index *x, const struct series *s,
                     const char *metric, int c)
{
    struct mi_series *line = mi_chart_series(chart, c < 0 ? s->method : controls[c]);
    char text[64];

    line->is_control = c >= 0;
    for (size_t i = 0; i < s->n; i++) {
        const struct mi_value *body = &x->bodies->as.array.item[s->row[i]];

        set_point(line, mi_chart_x(chart, place_label(body, text, sizeof text)),
                  c < 0 ? find(x, body, s->method, metric, "")
                        : find_control(x, body, s->method, metric, c));
    }
}

/* One chart of series [n] that share their places; the controls are those of the first. */
static void add_chart(struct mi_page *p, struct index *x, const struct series *s, int n,
                      const char *metric)
{
    const struct mi_metric *m = mi_metric_find(metric);
    struct mi_chart *c = mi_chart_new(&p->arena, MI_CHART_LINES);
    bool has_metric[N_METRICS] = {0}, has_control[N_CONTROLS] = {0};
    char text[96];

    find_columns(x, s, metric, has_metric, has_control);
    snprintf(text, sizeof text, "%.30s by layer", metric);
    c->title = mi_arena_dup(&p->arena, text, strlen(text));
    c->x_title = "layer";
    c->from = 0;
    c->to = 1;
    c->chance = m ? m->chance : 0.5;
    for (int k = 0; k < n; k++)
        for (size_t i = 0; i < s[k].n; i++)
            mi_chart_x(c, place_label(&x->bodies->as.array.item[s[k].row[i]], text, sizeof text));
    for (int k = 0; k < n; k++)
        add_line(c, x, &s[k], metric, -1);
    for (int k = 0; k < N_CONTROLS; k++)
        if (has_control[k])
            add_line(c, x, s, metric, k);
    mi_page_chart(p, c);
}

/* "resid_post, mean-diff, span:statement: 16 groups, 64 rows". */
static void add_title(struct mi_page *p, const struct mi_value *body, const char *metric)
{
    struct mi_buf b = {0};
    const char *position = mi_get_str(body, "position", NULL);
    const char *parts[] = {mi_get_str(body, "site", ""), mi_get_str(body, "method", ""), position};
    int64_t groups = mi_get_int(body, "groups", -1), leak = mi_get_int(body, "leak", 0);

    for (int i = 0; i < 3 && parts[i]; i++) {
        mi_buf_add_text(&b, i ? ", " : "");
        mi_buf_add(&b, parts[i], strlen(parts[i]));
    }
    if (groups >= 0)
        mi_buf_addf(&b, ": %lld groups", (long long)groups);
    if (leak)
        mi_buf_addf(&b, ", %lld of them fitted on (not held out)", (long long)leak);
    mi_page_say(p, MI_PART_TITLE, mi_buf_text(&b), b.len);
    mi_page_sayf(p, MI_PART_ASIDE,
                 "intervals resample groups; controls: the highest %s of their draws", metric);
    mi_buf_free(&b);
}

/* Do both stand at the same site and positions, of whatever method? */
static bool is_mate(const struct mi_value *a, const struct mi_value *b)
{
    static const char *const keys[] = {"site", "position"};

    for (int i = 0; i < 2; i++)
        if (strcmp(mi_get_str(a, keys[i], ""), mi_get_str(b, keys[i], "")) != 0)
            return false;
    return is_probe(a) && is_probe(b) && !mi_get_str(a, "control", NULL) &&
           !mi_get_str(b, "control", NULL);
}

/* All methods at the same places in one chart, before their tables; nothing of a lone one. */
static bool add_mates(struct mi_page *p, struct index *x, size_t first, const char *metric)
{
    const struct mi_value *bodies = x->bodies, *of = &bodies->as.array.item[first];
    const char *position = mi_get_str(of, "position", NULL);
    struct series *s = NULL;
    size_t cap = 0;
    int n = 0;
    bool is_first = true;

    for (size_t i = 0; i < bodies->as.array.n; i++) {
        const struct mi_value *body = &bodies->as.array.item[i];
        bool is_new = is_mate(of, body);

        is_first = is_first && !(is_new && i < first);
        for (int k = 0; k < n && is_new; k++)
            is_new = strcmp(s[k].method, mi_get_str(body, "method", "")) != 0;
        if (!is_new)
            continue;
        s = mi_grow(s, &cap, (size_t)n + 1, sizeof *s);
        s[n] = (struct series){0};
        collect(&s[n++], bodies, i);
    }
    if (n > 1 && is_first) {
        mi_page_sayf(p, MI_PART_TITLE, "%s%s%s: %d methods", mi_get_str(of, "site", ""),
                     position ? ", " : "", position ? position : "", n);
        add_chart(p, x, s, n, metric);
    }
    for (int k = 0; k < n; k++)
        mi_free(s[k].row);
    mi_free(s);
    return n > 1;
}

static void add_series(struct mi_page *p, struct index *x, size_t first, const char *metric)
{
    struct series s = {0};
    bool has_mates = add_mates(p, x, first, metric);

    collect(&s, x->bodies, first);
    add_title(p, &x->bodies->as.array.item[first], metric);
    add_table(p, x, &s, metric);
    if (!has_mates)
        add_chart(p, x, &s, 1, metric);
    mi_free(s.row);
}

/* ---- all other metrics ------------------------------------------------------------ */

static bool has_own_view(const struct mi_value *body)
{
    return mi_is_unembed(body) || mi_is_attribution(body) || mi_is_transfer(body) ||
           mi_is_spread(body) || mi_is_card(body);
}

bool mi_is_own(const struct mi_value *body)
{
    return is_probe(body) || has_own_view(body);
}

/* The views that come once, at the first record of their kind. */
static bool add_view(struct mi_page *p, const struct mi_value *bodies, const struct mi_value *body,
                     bool seen[N_VIEWS], const char *metric)
{
    int kind = mi_is_unembed(body)       ? 0
               : mi_is_attribution(body) ? 1
               : mi_is_transfer(body)    ? 2
               : mi_is_spread(body)      ? 3
                                         : 4;

    if (!has_own_view(body))
        return false;
    if (!seen[kind] && kind == 0)
        mi_figure_unembed(p, bodies);
    else if (!seen[kind] && kind == 1)
        mi_figure_attribution(p, bodies);
    else if (!seen[kind] && kind == 2)
        mi_figure_transfer(p, bodies, metric);
    else if (!seen[kind] && kind == 3)
        mi_figure_spread(p, bodies);
    seen[kind] = true;
    return true;
}

/* A table of the records that have this metric, and a chart where one says more. */
static void add_metric(struct mi_page *p, const struct mi_value *bodies, const char *metric)
{
    static const char *const skip[] = {"metric", "seed", NULL};
    const struct mi_metric *m = mi_metric_find(metric);
    struct mi_value some = mi_array();
    struct mi_table t = {0};

    for (size_t i = 0; i < bodies->as.array.n; i++) {
        const struct mi_value *body = &bodies->as.array.item[i];

        if (!is_probe(body) && !has_own_view(body) &&
            strcmp(mi_get_str(body, "metric", ""), metric) == 0)
            mi_push(&p->arena, &some, *body);
    }
    if (m)
        mi_page_sayf(p, MI_PART_TITLE, "%s: %s%s%s%s", metric, m->formula, *m->unit ? " (" : "",
                     m->unit, *m->unit ? ")" : "");
    else
        mi_page_say(p, MI_PART_TITLE, metric, strlen(metric));
    mi_table_of_records(&t, &some, skip, false);
    mi_page_table(p, &t);
    mi_figure_any(p, &some, m);
}

void mi_figure_scores(struct mi_page *p, const struct mi_value *bodies, const char *metric)
{
    struct index x = {0};
    struct mi_intern seen = {0};
    struct mi_buf key = {0};
    bool seen_view[N_VIEWS] = {0};

    build_index(&x, bodies);
    metric = metric ? metric : "auroc";
    for (size_t i = 0; i < bodies->as.array.n; i++) {
        const struct mi_value *body = &bodies->as.array.item[i];
        const char *name = mi_get_str(body, "metric", "");
        bool is_of_probe = is_probe(body);
        int64_t n = seen.n;

        if ((is_of_probe && mi_get_str(body, "control", NULL)) ||
            add_view(p, bodies, body, seen_view, metric))
            continue;
        set_series_key(&key, body);
        if (!is_of_probe) {
            mi_buf_clear(&key);
            mi_buf_addf(&key, "metric %s", name);
        }
        if (mi_intern_add(&seen, key.data, key.len) < n)
            continue;
        if (is_of_probe)
            add_series(p, &x, i, metric);
        else
            add_metric(p, bodies, name);
    }
    mi_buf_free(&key);
    mi_intern_free(&seen);
    mi_intern_free(&x.keys);
    mi_buf_free(&x.key);
    mi_free(x.at);
}
