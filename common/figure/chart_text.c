/* A chart in a terminal. */
#include "base/mem.h"
#include "figure/bars.h"
#include "figure/chart.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* The highest draw of the controls at a place. */
static double highest_control(const struct mi_chart *c, int x)
{
    double best = (double)NAN;

    for (int i = 0; i < c->n; i++) {
        double hi = isnan(c->series[i].hi[x]) ? c->series[i].y[x] : c->series[i].hi[x];

        if (c->series[i].is_control && (isnan(best) || hi > best))
            best = hi;
    }
    return best;
}

/* Ends of the axis: as given, or from zero to the furthest value on either side. */
static void set_ends(struct mi_bars *bars, const struct mi_chart *c, const struct mi_series *s)
{
    double most = 0, least = 0;

    for (int i = 0; i < c->n_x; i++) {
        most = s->y[i] > most ? s->y[i] : most;
        least = s->y[i] < least ? s->y[i] : least;
    }
    bars->is_size = least < 0 && isnan(c->from);
    if (bars->is_size)
        most = most > -least ? most : -least;
    bars->from = isnan(c->from) ? 0 : c->from;
    bars->to = isnan(c->to) ? most : c->to;
    if (!(bars->to > bars->from))
        bars->to = bars->from + 1;
}

static void print_bars(struct mi_buf *b, const struct mi_chart *c, const struct mi_series *s,
                       bool is_named, const struct mi_style *style)
{
    struct mi_bar *bar = mi_alloc_n((size_t)c->n_x + 1, sizeof *bar);
    struct mi_buf title = {0};
    struct mi_bars bars = {.chance = c->chance, .bar = bar};

    if (c->title)
        mi_buf_add_text(&title, c->title);
    if (is_named && *s->name)
        mi_buf_addf(&title, "%s%s", title.len ? ": " : "", s->name);
    for (int i = 0; i < c->n_x; i++)
        if (!isnan(s->y[i]))
            bar[bars.n++] =
                (struct mi_bar){c->x[i], s->y[i], s->lo[i], s->hi[i], highest_control(c, i)};
    bars.title = title.len ? mi_buf_text(&title) : NULL;
    set_ends(&bars, c, s);
    if (bars.n)
        mi_bars_print(b, &bars, style);
    mi_buf_free(&title);
    mi_free(bar);
}

/* ---- heat maps --------------------------------------------------------------------- */

static double furthest(const struct mi_chart *c)
{
    double most = 0;

    if (!isnan(c->to))
        return c->to;
    for (int i = 0; i < c->n; i++)
        for (int k = 0; k < c->n_x; k++)
            most = fabs(c->series[i].y[k]) > most ? fabs(c->series[i].y[k]) : most;
    return most > 0 ? most : 1;
}

/* Two columns a cell: its sign and its share of the furthest, in four shades. */
static void add_cell(struct mi_buf *b, double y, double most, bool is_ascii)
{
    static const char *const shade[] = {"\u00b7", "\u2591", "\u2592", "\u2593", "\u2588"};
    static const char *const ascii[] = {".", ":", "+", "*", "#"};
    int level = isnan(y) ? 0 : fabs(y) >= most ? 4 : (int)floor(fabs(y) / most * 4 + 0.5);

    mi_buf_add_char(b, y < 0 && level > 0 ? '-' : ' ');
    if (isnan(y))
        mi_buf_add_char(b, ' ');
    else
        mi_buf_add_text(b, is_ascii ? ascii[level] : shade[level]);
}

static int label_width(const struct mi_chart *c, int page)
{
    int width = 0;

    for (int i = 0; i < c->n; i++) {
        int w = mi_text_width(c->series[i].name, strlen(c->series[i].name));

        width = w > width ? w : width;
    }
    return width > page / 3 ? page / 3 : width;
}

static void print_heat(struct mi_buf *b, const struct mi_chart *c, const struct mi_style *style)
{
    int label = label_width(c, style->width), columns = (style->width - label - 1) / 2;
    int first = c->n_x > columns ? c->n_x - columns : 0; /* the last places matter most */
    double most = furthest(c);

    if (c->title) {
        mi_add_safe(b, c->title, strlen(c->title));
        mi_buf_add_char(b, '\n');
    }
    for (int i = c->n - 1; i >= 0; i--) { /* the first row lies at the bottom, as in the page */
        mi_add_padded(b, c->series[i].name, strlen(c->series[i].name), label, true, style);
        mi_buf_add_char(b, ' ');
        for (int k = first; k < c->n_x; k++)
            add_cell(b, c->series[i].y[k], most, style->is_ascii);
        mi_buf_add_char(b, '\n');
    }
    if (c->n_x > first) {
        mi_buf_addf(b, "%*s ", label, "");
        mi_add_safe(b, c->x_title ? c->x_title : "", c->x_title ? strlen(c->x_title) : 0);
        mi_buf_add_text(b, " from ");
        mi_add_safe(b, c->x[first], strlen(c->x[first]));
        mi_buf_add_text(b, " to ");
        mi_add_safe(b, c->x[c->n_x - 1], strlen(c->x[c->n_x - 1]));
        mi_buf_addf(b, "; the darkest is %.3g%s, '-' marks below zero\n", most,
                    isnan(c->to) ? "" : " or more");
    }
}

void mi_chart_print(struct mi_buf *b, const struct mi_chart *c, const struct mi_style *style)
{
    int n = 0;

    if (c->kind == MI_CHART_HEAT) {
        print_heat(b, c, style);
        return;
    }
    for (int i = 0; i < c->n; i++)
        n += !c->series[i].is_control;
    for (int i = 0, shown = 0; i < c->n; i++) {
        if (c->series[i].is_control)
            continue;
        if (shown++)
            mi_buf_add_char(b, '\n');
        print_bars(b, c, &c->series[i], n > 1, style);
    }
}
