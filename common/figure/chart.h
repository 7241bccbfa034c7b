/* figure/chart.h: a chart: rows of figures over one axis, drawn in a terminal or by Plotly.
 *
 * First the axis (mi_chart_x for every place), then the series, each with a value, an
 * interval and a hint a place; what is not set is absent. Of a heat map every series is a
 * row. Everything lives in the arena that the chart was made in. */
#ifndef MI_FIGURE_CHART_H
#define MI_FIGURE_CHART_H

#include "data/value.h"
#include "figure/width.h"

enum mi_chart_kind {
    MI_CHART_LINES, /* lines with bands; controls grey */
    MI_CHART_BARS,  /* one series, a bar a place, from the largest down as given */
    MI_CHART_HEAT,
};

struct mi_series {
    const char *name;
    bool is_control;
    double *y, *lo, *hi; /* [n_x]; NAN: absent */
    const char **hint;   /* [n_x] or NULL: what hovering says besides */
};

struct mi_chart {
    enum mi_chart_kind kind;
    const char *title, *x_title, *y_title; /* NULL: none */
    double from, to;                       /* ends of the axis of values; NAN: as the data are */
    double chance;                         /* what a blind guess gets; NAN: none */
    bool takes_reals;                      /* set before the places: "0.5" is a number too */
    bool is_numeric;                       /* the places are numbers, x_at */
    const char **x;                        /* [n_x] labels */
    double *x_at;                          /* [n_x] */
    int n_x, n;
    struct mi_series *series; /* [n] */
    struct mi_arena *arena;
    size_t cap_x, cap; /* private */
};

struct mi_chart *mi_chart_new(struct mi_arena *a, enum mi_chart_kind kind);
/* The number of the place with this label, added when it is new. The axis is one of numbers
 * while all labels are whole numbers, or numbers where it takes_reals. */
int mi_chart_x(struct mi_chart *c, const char *label);
/* The series of this name, added when it is new. Its address changes with the next one. */
struct mi_series *mi_chart_series(struct mi_chart *c, const char *name);
void mi_chart_hint(struct mi_chart *c, struct mi_series *s, int x, const char *hint);

/* A Plotly figure {data, layout}. */
struct mi_value mi_chart_plotly(struct mi_arena *a, const struct mi_chart *c);
/* Bars for lines and bars, a grid of shades for heat maps. */
void mi_chart_print(struct mi_buf *b, const struct mi_chart *c, const struct mi_style *style);

#endif
