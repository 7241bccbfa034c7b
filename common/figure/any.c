/* Charts of score records that have no view of their own. */
#include "figure/views.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { LEAST_PLACES = 3, MOST_BARS = 40, MOST_LINES = 10 };

/* Does every record say the same under this key? */
static bool is_constant(const struct mi_value *bodies, const char *key)
{
    const struct mi_value *first = mi_get(&bodies->as.array.item[0], key);

    for (size_t i = 1; i < bodies->as.array.n; i++) {
        const struct mi_value *v = mi_get(&bodies->as.array.item[i], key);

        if (!first || !v || !mi_value_equal(first, v))
            return false;
    }
    return true;
}

/* Words that tell the record from others of its metric; `without` is left out. */
static void set_subject(struct mi_buf *b, const struct mi_value *bodies,
                        const struct mi_value *body, const char *without)
{
    static const char *const figures[] = {"metric", "value", "lo", "hi", "n", "seed", "groups"};
    const struct mi_value *last = NULL;

    mi_buf_clear(b);
    for (size_t i = 0; i < body->as.map.n; i++) {
        const struct mi_member *m = &body->as.map.member[i];
        bool is_figure = strcmp(m->key, without) == 0;

        for (size_t k = 0; k < sizeof figures / sizeof *figures; k++)
            is_figure = is_figure || strcmp(m->key, figures[k]) == 0;
        if (is_figure || (m->value.kind != MI_STR && m->value.kind != MI_INT) ||
            is_constant(bodies, m->key) || (last && mi_value_equal(last, &m->value)))
            continue; /* of a control its method says the same */
        mi_buf_add_text(b, b->len ? " " : "");
        if (m->value.kind == MI_STR)
            mi_buf_add(b, m->value.as.bytes.at, m->value.as.bytes.len);
        else
            mi_buf_addf(b, "%s:%lld", m->key, (long long)m->value.as.integer);
        last = m->value.kind == MI_STR ? &m->value : NULL;
    }
}

static bool set_place(char *text, size_t size, const struct mi_value *body, const char *key)
{
    const struct mi_value *v = mi_get(body, key);

    if (mi_is(v, MI_INT))
        snprintf(text, size, "%lld", (long long)v->as.integer);
    else if (mi_is(v, MI_REAL))
        snprintf(text, size, "%.6g", v->as.real);
    else
        return false;
    return true;
}

static void set_point(struct mi_series *s, int k, const struct mi_value *body)
{
    s->is_control = mi_get_str(body, "control", NULL) != NULL;
    s->y[k] = mi_get_real(body, "value", (double)NAN);
    s->lo[k] = mi_get_real(body, "lo", (double)NAN);
    s->hi[k] = mi_get_real(body, "hi", (double)NAN);
}

/* Lines over `key`, a line a subject; false when there are too few places or too many lines. */
static bool add_lines(struct mi_page *p, const struct mi_value *bodies, const char *key,
                      const struct mi_metric *m)
{
    struct mi_chart *c = mi_chart_new(&p->arena, MI_CHART_LINES);
    struct mi_buf subject = {0};
    char place[64];

    for (int turn = 0; turn < 2; turn++)
        for (size_t i = 0; i < bodies->as.array.n && c->n <= MOST_LINES; i++) {
            const struct mi_value *body = &bodies->as.array.item[i];
            int k;

            if (!set_place(place, sizeof place, body, key))
                continue;
            k = mi_chart_x(c, place);
            set_subject(&subject, bodies, body, key);
            if (turn == 1 && c->n_x >= LEAST_PLACES)
                set_point(mi_chart_series(c, mi_buf_text(&subject)), k, body);
        }
    mi_buf_free(&subject);
    if (c->n == 0 || c->n > MOST_LINES)
        return false;
    c->x_title = key;
    c->chance = m ? m->chance : (double)NAN;
    mi_page_chart(p, c);
    return true;
}

/* A map of layers over positions, where records have both and one subject. */
static bool add_map(struct mi_page *p, const struct mi_value *bodies)
{
    struct mi_chart *c = mi_chart_new(&p->arena, MI_CHART_HEAT);
    char layer[64], position[64];

    for (int turn = 0; turn < 2; turn++)
        for (size_t i = 0; i < bodies->as.array.n; i++) {
            const struct mi_value *body = &bodies->as.array.item[i];
            int k;

            if (!set_place(layer, sizeof layer, body, "layer") ||
                !set_place(position, sizeof position, body, "position"))
                return false;
            k = mi_chart_x(c, position);
            if (turn)
                set_point(mi_chart_series(c, layer), k, body);
        }
    if (c->n < 2 || c->n_x < LEAST_PLACES ||
        (size_t)c->n * (size_t)c->n_x < bodies->as.array.n) /* several of one place */
        return false;
    c->x_title = "position";
    c->y_title = "layer";
    mi_page_chart(p, c);
    return true;
}

/* Shares are shown on the whole of their range. */
static void set_range(struct mi_chart *c, const struct mi_metric *m)
{
    if (!m || strcmp(m->unit, "share") != 0 || isinf(m->lowest) || isinf(m->highest))
        return;
    c->from = m->lowest;
    c->to = m->highest;
}

static void add_bars(struct mi_page *p, const struct mi_value *bodies, const struct mi_metric *m)
{
    struct mi_chart *c = mi_chart_new(&p->arena, MI_CHART_BARS);
    struct mi_buf subject = {0};
    size_t n = bodies->as.array.n;

    for (int turn = 0; turn < 2; turn++)
        for (size_t i = 0; i < n; i++) {
            int k;

            set_subject(&subject, bodies, &bodies->as.array.item[i], "");
            k = mi_chart_x(c, mi_buf_text(&subject));
            if (turn == 1)
                set_point(mi_chart_series(c, ""), k, &bodies->as.array.item[i]);
        }
    mi_buf_free(&subject);
    if ((size_t)c->n_x < n) /* two records of one subject: the table tells them apart */
        return;
    c->series[0].is_control = false;
    if (m && m->lowest >= 0) /* bars of differences begin at zero */
        set_range(c, m);
    mi_page_chart(p, c);
}

void mi_figure_any(struct mi_page *p, const struct mi_value *bodies, const struct mi_metric *m)
{
    static const char *const keys[] = {"dose", "layer", "offset", "position"};
    size_t n = bodies->as.array.n;

    if (add_map(p, bodies))
        return;
    for (int i = 0; i < 4; i++)
        if (add_lines(p, bodies, keys[i], m))
            return;
    if (n > 1 && n <= MOST_BARS)
        add_bars(p, bodies, m);
}
