/* Figures of single tokens: maps of layers and tokens, and the tokens coloured. */
#include "base/mem.h"
#include "data/metric.h"
#include "figure/source.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_TEXTS = 12, MOST_COLUMNS = 4, MOST_DISTANCES = 2 };
static const double share_in_scale = 0.95;

/* Records of one method: of all prompts and layers. */
struct scan {
    const struct mi_source *s;
    const struct mi_value **record; /* [n] */
    size_t n;
    double scale;  /* where the colours end */
    double beyond; /* share of the figures that lie further out */
    bool has_mean;
    int n_layers;
};

bool mi_is_scan(const struct mi_value *body)
{
    const struct mi_value *at = mi_get(body, "positions"), *x = mi_get(body, "values");

    return mi_get_str(body, "id", NULL) && mi_is(at, MI_ARRAY) && mi_is(x, MI_ARRAY) &&
           at->as.array.n == x->as.array.n;
}

/* ---- which records belong together -------------------------------------------------- */

static const char *const keys[] = {"metric", "method", "draw", "domain", "site", NULL};

static bool is_of(const struct mi_value *a, const struct mi_value *b)
{
    for (int i = 0; keys[i]; i++) {
        const struct mi_value *x = mi_get(a, keys[i]), *y = mi_get(b, keys[i]);

        if (!x != !y || (x && !mi_value_equal(x, y)))
            return false;
    }
    return true;
}

static bool is_mean(const struct mi_value *body)
{
    return mi_is(mi_get(body, "layers"), MI_ARRAY);
}

static double value_at(const struct mi_value *body, size_t i)
{
    const struct mi_value *v = &mi_get(body, "values")->as.array.item[i];

    return mi_is(v, MI_REAL) ? v->as.real : mi_is(v, MI_INT) ? (double)v->as.integer : (double)NAN;
}

static int64_t position_at(const struct mi_value *body, size_t i)
{
    const struct mi_value *v = &mi_get(body, "positions")->as.array.item[i];

    return mi_is(v, MI_INT) ? v->as.integer : -1;
}

static size_t length_of(const struct mi_value *body)
{
    return mi_get(body, "values")->as.array.n;
}

static int compare_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* In distances of the sides: four times as far from the threshold as the sides' means. Else
 * colours end where most of the figures have been, for the first tokens of a text may be many
 * times larger than all others. */
static void set_scale(struct scan *sc)
{
    double *size = NULL;
    size_t n = 0, cap = 0, n_beyond = 0;

    for (size_t i = 0; i < sc->n; i++)
        for (size_t k = 0; k < length_of(sc->record[i]); k++) {
            double x = fabs(value_at(sc->record[i], k));

            size = mi_grow(size, &cap, n + 1, sizeof *size);
            if (!isnan(x))
                size[n++] = x;
        }
    if (n)
        qsort(size, n, sizeof *size, compare_size);
    sc->scale = n ? size[(size_t)ceil(share_in_scale * (double)n) - 1] : 1;
    sc->scale = sc->scale > 0 ? sc->scale : 1;
    if (n && strcmp(mi_get_str(sc->record[0], "metric", ""), "projection_scaled") == 0)
        sc->scale = MOST_DISTANCES;
    for (size_t i = 0; i < n; i++)
        n_beyond += size[i] > sc->scale;
    sc->beyond = n ? (double)n_beyond / (double)n : 0;
    mi_free(size);
}

static void collect(struct scan *sc, size_t first)
{
    const struct mi_value *bodies = &sc->s->bodies, *of = &bodies->as.array.item[first];

    sc->n = 0;
    sc->has_mean = false;
    sc->n_layers = 0;
    for (size_t i = first; i < bodies->as.array.n; i++) {
        const struct mi_value *body = &bodies->as.array.item[i];

        if (!mi_is_scan(body) || !is_of(of, body))
            continue;
        sc->record[sc->n++] = body;
        sc->has_mean = sc->has_mean || is_mean(body);
        sc->n_layers +=
            !is_mean(body) && strcmp(mi_get_str(body, "id", ""), mi_get_str(of, "id", "")) == 0;
    }
    set_scale(sc);
}

/* ---- tokens -------------------------------------------------------------------------- */

static struct mi_text piece_of(const struct scan *sc, const struct mi_value *body, int64_t position)
{
    const struct mi_value *pieces =
        mi_get(mi_source_prompt(sc->s, mi_get_str(body, "id", "")), "pieces");
    const struct mi_value *v;

    if (!mi_is(pieces, MI_ARRAY) || position < 0 || position >= (int64_t)pieces->as.array.n)
        return (struct mi_text){"", 0};
    v = &pieces->as.array.item[position];
    return mi_is(v, MI_STR) || mi_is(v, MI_BIN) ? (struct mi_text){v->as.bytes.at, v->as.bytes.len}
                                                : (struct mi_text){"", 0};
}

static const char *token_label(struct mi_buf *b, const struct scan *sc, const struct mi_value *body,
                               size_t i)
{
    struct mi_text piece = piece_of(sc, body, position_at(body, i));

    mi_buf_clear(b);
    mi_buf_addf(b, "%lld ", (long long)position_at(body, i));
    mi_add_safe(b, piece.at, piece.len);
    return mi_buf_text(b);
}

static const char *layer_label(const struct mi_value *body, char *text, size_t size)
{
    int64_t head = mi_get_int(body, "head", -1);
    const char *site = mi_get_str(body, "site", "");

    if (is_mean(body))
        snprintf(text, size, "mean");
    else if (head >= 0)
        snprintf(text, size, "%.30s:%lld.%lld", site, (long long)mi_get_int(body, "layer", -1),
                 (long long)head);
    else
        snprintf(text, size, "%.30s:%lld", site, (long long)mi_get_int(body, "layer", -1));
    return text;
}

/* ---- the map of one prompt -------------------------------------------------------------- */

static void add_map(struct mi_page *p, const struct scan *sc, const char *id)
{
    struct mi_chart *c = mi_chart_new(&p->arena, MI_CHART_HEAT);
    struct mi_buf label = {0};
    char row[64];

    for (int turn = 0; turn < 2; turn++)
        for (size_t i = 0; i < sc->n; i++) {
            const struct mi_value *body = sc->record[i];
            struct mi_series *s = NULL;

            if (is_mean(body) || strcmp(mi_get_str(body, "id", ""), id) != 0)
                continue;
            if (turn)
                s = mi_chart_series(c, layer_label(body, row, sizeof row));
            for (size_t k = 0; k < length_of(body); k++) {
                int x = mi_chart_x(c, token_label(&label, sc, body, k));

                if (turn)
                    s->y[x] = value_at(body, k);
            }
        }
    mi_buf_free(&label);
    c->title = mi_arena_dup(&p->arena, id, strlen(id));
    c->x_title = "token";
    c->from = -sc->scale;
    c->to = sc->scale;
    mi_page_chart(p, c);
}

/* ---- coloured texts -------------------------------------------------------------------- */

static void set_words(struct mi_page *p, struct mi_words *w, const struct scan *sc,
                      const struct mi_value *body, const char *label)
{
    size_t n = length_of(body);
    struct mi_token *token = mi_arena_alloc(&p->arena, n * sizeof *token);
    char tip[64];

    *w = (struct mi_words){
        .label = label, .token = token, .n_tokens = (int64_t)n, .scale = sc->scale};
    for (size_t i = 0; i < n; i++) {
        struct mi_text piece = piece_of(sc, body, position_at(body, i));

        snprintf(tip, sizeof tip, "token %lld: %+.4g", (long long)position_at(body, i),
                 value_at(body, i));
        token[i] = (struct mi_token){{mi_arena_dup(&p->arena, piece.at, piece.len), piece.len},
                                     value_at(body, i),
                                     mi_arena_dup(&p->arena, tip, strlen(tip))};
    }
}

static const struct mi_value *field_of(const struct scan *sc, const char *id, const char *key)
{
    return mi_get(mi_get(mi_source_prompt(sc->s, id), "fields"), key);
}

/* Is the text of `body` shown: the mean of the layers where there is one, else every layer. */
static bool is_text(const struct scan *sc, const struct mi_value *body)
{
    return sc->has_mean ? is_mean(body) : sc->n_layers <= MOST_COLUMNS;
}

static bool is_pair(const struct scan *sc, const char *a, const char *b)
{
    const struct mi_value *x = field_of(sc, a, "pair"), *y = field_of(sc, b, "pair");

    return strcmp(a, b) == 0 || (x && y && x->kind != MI_NIL && mi_value_equal(x, y));
}

/* "honest", "resid_post:4", or both. */
static const char *column_label(struct mi_page *p, const struct scan *sc,
                                const struct mi_value *body)
{
    const struct mi_value *v = field_of(sc, mi_get_str(body, "id", ""), "side");
    const char *side = mi_is(v, MI_STR) ? v->as.bytes.at : "";
    struct mi_buf b = {0};
    const char *text;
    char layer[64];

    mi_buf_add_text(&b, side);
    if (!is_mean(body) && sc->n_layers > 1)
        mi_buf_addf(&b, "%s%s", *side ? ", " : "", layer_label(body, layer, sizeof layer));
    text = b.len ? mi_arena_dup(&p->arena, b.data, b.len) : NULL;
    mi_buf_free(&b);
    return text;
}

/* The texts of the prompt and of its mates, which follow it. */
static void add_texts(struct mi_page *p, const struct scan *sc, const char *id)
{
    struct mi_transcript *t = mi_arena_alloc(&p->arena, sizeof *t);
    int n = 0;

    for (size_t i = 0; i < sc->n; i++)
        n += is_text(sc, sc->record[i]) && is_pair(sc, id, mi_get_str(sc->record[i], "id", ""));
    if (n == 0)
        return;
    *t = (struct mi_transcript){.id = mi_arena_dup(&p->arena, id, strlen(id)), .is_scan = true};
    t->column = mi_arena_alloc(&p->arena, (size_t)n * sizeof *t->column);
    for (size_t i = 0; i < sc->n; i++)
        if (is_text(sc, sc->record[i]) && is_pair(sc, id, mi_get_str(sc->record[i], "id", "")))
            set_words(p, &t->column[t->n++], sc, sc->record[i], column_label(p, sc, sc->record[i]));
    mi_page_texts(p, t);
}

/* ---- the whole ------------------------------------------------------------------------- */

static void add_title(struct mi_page *p, const struct scan *sc)
{
    const struct mi_value *body = sc->record[0];
    const char *metric = mi_get_str(body, "metric", ""), *sides = mi_get_str(body, "sides", "");
    const struct mi_metric *m = mi_metric_find(metric);
    size_t first = strcspn(sides, ",");

    mi_page_sayf(p, MI_PART_TITLE, "Every token on the direction: %s, %s",
                 mi_get_str(body, "method", ""), mi_get_str(body, "site", ""));
    mi_page_sayf(
        p, MI_PART_ASIDE,
        "%s: %s. Orange (+, #) is towards %.*s, blue (-, =) towards %s. Colours end at %.3g; "
        "%.2g %% of the figures lie beyond.",
        metric, m ? m->formula : "", *sides ? (int)first : 17, *sides ? sides : "the positive side",
        sides[first] ? sides + first + 1 : "the other side", sc->scale, 100 * sc->beyond);
}

/* Which layers the coloured texts are the mean of. */
static void say_layers(struct mi_page *p, const struct scan *sc)
{
    struct mi_buf b = {0};
    size_t i = 0;

    while (i < sc->n && !is_mean(sc->record[i]))
        i++;
    if (i == sc->n)
        return;
    for (size_t k = 0; k < mi_get(sc->record[i], "layers")->as.array.n; k++) {
        const struct mi_value *v = &mi_get(sc->record[i], "layers")->as.array.item[k];

        mi_buf_addf(&b, "%s%lld", k ? ", " : "",
                    (long long)(mi_is(v, MI_INT) ? v->as.integer : -1));
    }
    mi_page_sayf(p, MI_PART_ASIDE, "Texts show %slayer%s %s.",
                 strchr(mi_buf_text(&b), ',') ? "the mean over " : "",
                 strchr(mi_buf_text(&b), ',') ? "s" : "", mi_buf_text(&b));
    mi_buf_free(&b);
}

static bool is_first_of_prompt(const struct scan *sc, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (strcmp(mi_get_str(sc->record[k], "id", ""), mi_get_str(sc->record[i], "id", "")) == 0)
            return false;
    return true;
}

static bool has_mate_before(const struct scan *sc, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (is_pair(sc, mi_get_str(sc->record[k], "id", ""), mi_get_str(sc->record[i], "id", "")))
            return true;
    return false;
}

static void add_scan(struct mi_page *p, const struct scan *sc, int n_texts)
{
    int most = n_texts ? n_texts : MOST_TEXTS, n_prompts = 0, n_shown = 0;

    add_title(p, sc);
    say_layers(p, sc);
    for (size_t i = 0; i < sc->n; i++) {
        const char *id = mi_get_str(sc->record[i], "id", "");

        if (!is_first_of_prompt(sc, i))
            continue;
        n_prompts++;
        if (n_shown >= most)
            continue;
        n_shown++;
        if (!has_mate_before(sc, i))
            add_texts(p, sc, id);
        if (sc->n_layers > 1)
            add_map(p, sc, id);
    }
    if (n_shown < n_prompts)
        mi_page_sayf(p, MI_PART_NOTE, "(%d of %d texts; --texts shows more)", n_shown, n_prompts);
}

void mi_figure_scan(struct mi_page *p, const struct mi_source *s, int n_texts)
{
    size_t n = s->bodies.as.array.n;
    struct scan sc = {.s = s, .record = mi_alloc_n(n, sizeof *sc.record)};

    for (size_t i = 0; i < n; i++) {
        const struct mi_value *body = &s->bodies.as.array.item[i];
        bool is_new = mi_is_scan(body);

        for (size_t k = 0; k < i && is_new; k++)
            is_new = !(mi_is_scan(&s->bodies.as.array.item[k]) &&
                       is_of(&s->bodies.as.array.item[k], body));
        if (!is_new)
            continue;
        collect(&sc, i);
        add_scan(p, &sc, n_texts);
    }
    mi_free(sc.record);
}

/* ---- a line a token ------------------------------------------------------------------------ */

struct mi_value mi_scan_lines(struct mi_arena *a, const struct mi_source *s,
                              const struct mi_value *body)
{
    struct scan sc = {.s = s};
    struct mi_value lines = mi_array();

    for (size_t i = 0; i < length_of(body); i++) {
        struct mi_text piece = piece_of(&sc, body, position_at(body, i));
        struct mi_value line = mi_map();

        for (size_t m = 0; m < body->as.map.n; m++) {
            const struct mi_member *old = &body->as.map.member[m];

            if (strcmp(old->key, "positions") == 0)
                mi_set(a, &line, "token", mi_int(position_at(body, i)));
            else if (strcmp(old->key, "values") == 0)
                mi_set(a, &line, "piece", mi_text_dup(a, piece.at, piece.len));
            else if (strcmp(old->key, "value") == 0)
                mi_set(a, &line, "value", mi_get(body, "values")->as.array.item[i]);
            else if (strcmp(old->key, "n") == 0)
                mi_set(a, &line, "n", mi_int(1));
            else
                mi_set(a, &line, old->key, old->value);
        }
        mi_push(a, &lines, line);
    }
    return lines;
}
