/* A chart as a Plotly figure. Colours that depend on the page's theme are set by its script;
 * those here suit a dark and a light ground. */
#include "figure/chart.h"
#include "figure/html.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const palette[] = {"#3b7dd8", "#e07b28", "#2a9d64", "#b455c0",
                                      "#c94f4f", "#8a7a2c", "#1f9eb0", "#7463d8"};
static const char *const bands[] = {
    "rgba(59,125,216,0.2)", "rgba(224,123,40,0.2)", "rgba(42,157,100,0.2)", "rgba(180,85,192,0.2)",
    "rgba(201,79,79,0.2)",  "rgba(138,122,44,0.2)", "rgba(31,158,176,0.2)", "rgba(116,99,216,0.2)"};
static const char grey[] = "#8c8c8c", grey_band[] = "rgba(140,140,140,0.18)";
enum { N_COLOURS = 8, ROW = 22, MOST_ROWS = 40 };

/* Six digits are enough to look at, and the page stays small. */
static struct mi_value number(double x)
{
    char text[40];

    if (!isfinite(x))
        return mi_nil();
    snprintf(text, sizeof text, "%.6g", x);
    return mi_real(strtod(text, NULL));
}

static struct mi_value numbers(struct mi_arena *a, const double *x, int n)
{
    struct mi_value v = mi_array();

    for (int i = 0; i < n; i++)
        mi_push(a, &v, number(x[i]));
    return v;
}

static bool has_any(const double *x, int n)
{
    for (int i = 0; i < n; i++)
        if (!isnan(x[i]))
            return true;
    return false;
}

static struct mi_value places(struct mi_arena *a, const struct mi_chart *c)
{
    struct mi_value v = mi_array();

    for (int i = 0; i < c->n_x; i++)
        mi_push(a, &v, c->is_numeric ? number(c->x_at[i]) : mi_plotly_text(a, c->x[i]));
    return v;
}

/* "[lo, hi] hint" of every place. */
static struct mi_value hints(struct mi_arena *a, const struct mi_chart *c,
                             const struct mi_series *s)
{
    struct mi_value v = mi_array();
    char text[96];

    for (int i = 0; i < c->n_x; i++) {
        struct mi_buf b = {0};

        if (!isnan(s->lo[i]) && !isnan(s->hi[i])) {
            snprintf(text, sizeof text, "[%.4g, %.4g] ", s->lo[i], s->hi[i]);
            mi_buf_add_text(&b, text);
        }
        mi_buf_add_text(&b, s->hint ? s->hint[i] : "");
        mi_push(a, &v, mi_plotly_text(a, mi_buf_text(&b)));
        mi_buf_free(&b);
    }
    return v;
}

static struct mi_value object(struct mi_arena *a, const char *key, struct mi_value v)
{
    struct mi_value map = mi_map();

    mi_set(a, &map, key, v);
    return map;
}

/* ---- lines ---------------------------------------------------------------------- */

static void add_edge(struct mi_arena *a, struct mi_value *data, const struct mi_chart *c,
                     const double *y, const char *fill, int group)
{
    struct mi_value t = mi_map(), line = object(a, "width", mi_int(0));
    char name[24];

    snprintf(name, sizeof name, "s%d", group);
    mi_set(a, &t, "type", mi_str("scatter"));
    mi_set(a, &t, "mode", mi_str("lines"));
    mi_set(a, &t, "x", places(a, c));
    mi_set(a, &t, "y", numbers(a, y, c->n_x));
    mi_set(a, &t, "line", line);
    mi_set(a, &t, "hoverinfo", mi_str("skip"));
    mi_set(a, &t, "showlegend", mi_bool(false));
    mi_set(a, &t, "legendgroup", mi_str_dup(a, name));
    if (fill) {
        mi_set(a, &t, "fill", mi_str("tonexty"));
        mi_set(a, &t, "fillcolor", mi_str(fill));
    }
    mi_push(a, data, t);
}

static void add_line(struct mi_arena *a, struct mi_value *data, const struct mi_chart *c, int i,
                     int colour)
{
    const struct mi_series *s = &c->series[i];
    struct mi_value t = mi_map(), line = mi_map();
    char name[24];

    if (has_any(s->lo, c->n_x) && has_any(s->hi, c->n_x)) {
        add_edge(a, data, c, s->lo, NULL, i);
        add_edge(a, data, c, s->hi, s->is_control ? grey_band : bands[colour], i);
    }
    snprintf(name, sizeof name, "s%d", i);
    mi_set(a, &line, "color", mi_str(s->is_control ? grey : palette[colour]));
    mi_set(a, &line, "width", s->is_control ? mi_real(1.5) : mi_int(2));
    if (s->is_control)
        mi_set(a, &line, "dash", mi_str(i % 2 ? "dot" : "dash"));
    mi_set(a, &t, "type", mi_str("scatter"));
    mi_set(a, &t, "mode", mi_str(s->is_control || c->n_x > 60 ? "lines" : "lines+markers"));
    mi_set(a, &t, "name", mi_plotly_text(a, s->name));
    mi_set(a, &t, "x", places(a, c));
    mi_set(a, &t, "y", numbers(a, s->y, c->n_x));
    mi_set(a, &t, "line", line);
    mi_set(a, &t, "marker", object(a, "size", mi_int(5)));
    mi_set(a, &t, "legendgroup", mi_str_dup(a, name));
    mi_set(a, &t, "text", hints(a, c, s));
    mi_set(a, &t, "hovertemplate", mi_str("%{x}: %{y:.4g} %{text}<extra>%{fullData.name}</extra>"));
    mi_push(a, data, t);
}

static struct mi_value lines(struct mi_arena *a, const struct mi_chart *c)
{
    struct mi_value data = mi_array();
    int colour = 0;

    for (int i = 0; i < c->n; i++) /* controls lie below */
        if (c->series[i].is_control)
            add_line(a, &data, c, i, 0);
    for (int i = 0; i < c->n; i++)
        if (!c->series[i].is_control)
            add_line(a, &data, c, i, colour++ % N_COLOURS);
    return data;
}

/* ---- bars ------------------------------------------------------------------------ */

static struct mi_value interval(struct mi_arena *a, const struct mi_chart *c,
                                const struct mi_series *s)
{
    struct mi_value e = mi_map(), up = mi_array(), down = mi_array();

    for (int i = 0; i < c->n_x; i++) {
        mi_push(a, &up, number(s->hi[i] - s->y[i]));
        mi_push(a, &down, number(s->y[i] - s->lo[i]));
    }
    mi_set(a, &e, "type", mi_str("data"));
    mi_set(a, &e, "symmetric", mi_bool(false));
    mi_set(a, &e, "array", up);
    mi_set(a, &e, "arrayminus", down);
    mi_set(a, &e, "color", mi_str(grey));
    mi_set(a, &e, "thickness", mi_int(1));
    mi_set(a, &e, "width", mi_int(3));
    return e;
}

static struct mi_value bars(struct mi_arena *a, const struct mi_chart *c)
{
    struct mi_value data = mi_array();

    for (int i = 0; i < c->n; i++) {
        const struct mi_series *s = &c->series[i];
        const char *colour = s->is_control ? grey : palette[i % N_COLOURS];
        struct mi_value t = mi_map();

        mi_set(a, &t, "type", mi_str("bar"));
        mi_set(a, &t, "orientation", mi_str("h"));
        mi_set(a, &t, "name", mi_plotly_text(a, s->name));
        mi_set(a, &t, "y", places(a, c));
        mi_set(a, &t, "x", numbers(a, s->y, c->n_x));
        if (has_any(s->lo, c->n_x))
            mi_set(a, &t, "error_x", interval(a, c, s));
        mi_set(a, &t, "marker", object(a, "color", mi_str(colour)));
        mi_set(a, &t, "customdata", hints(a, c, s));
        mi_set(a, &t, "hovertemplate", mi_str("%{y}: %{x:.4g} %{customdata}<extra></extra>"));
        mi_push(a, &data, t);
    }
    return data;
}

/* ---- heat maps -------------------------------------------------------------------- */

static struct mi_value heat(struct mi_arena *a, const struct mi_chart *c)
{
    struct mi_value data = mi_array(), t = mi_map(), z = mi_array(), rows = mi_array();
    struct mi_value tips = mi_array(), bar = mi_map();
    double most = 0, least = c->from < 0 ? c->from : 0;
    bool is_signed;

    for (int i = 0; i < c->n; i++) {
        const struct mi_series *s = &c->series[i];

        for (int k = 0; k < c->n_x; k++) {
            most = s->y[k] > most ? s->y[k] : most;
            least = s->y[k] < least ? s->y[k] : least;
        }
        mi_push(a, &rows, mi_plotly_text(a, s->name));
        mi_push(a, &z, numbers(a, s->y, c->n_x));
        mi_push(a, &tips, hints(a, c, s));
    }
    most = !isnan(c->to) ? c->to : most > -least ? most : -least;
    mi_set(a, &bar, "thickness", mi_int(12));
    mi_set(a, &bar, "outlinewidth", mi_int(0));
    mi_set(a, &t, "type", mi_str("heatmap"));
    mi_set(a, &t, "x", places(a, c));
    mi_set(a, &t, "y", rows);
    mi_set(a, &t, "z", z);
    mi_set(a, &t, "text", tips);
    mi_set(a, &t, "zmin", number(least < 0 ? -most : isnan(c->from) ? 0 : c->from));
    mi_set(a, &t, "zmax", number(most > 0 ? most : 1));
    is_signed = least < 0 || !isnan(c->chance); /* chance in the middle */
    mi_set(a, &t, "colorscale", mi_str(is_signed ? "RdBu" : "Blues"));
    mi_set(a, &t, "meta", mi_str(is_signed ? "diverging" : "sequential"));
    mi_set(a, &t, "colorbar", bar);
    mi_set(a, &t, "xgap", mi_int(1));
    mi_set(a, &t, "ygap", mi_int(1));
    mi_set(a, &t, "hoverongaps", mi_bool(false));
    mi_set(a, &t, "hovertemplate", mi_str("%{y}, %{x}: %{z:.4g} %{text}<extra></extra>"));
    mi_push(a, &data, t);
    return data;
}

/* ---- the whole --------------------------------------------------------------------- */

static struct mi_value axis(struct mi_arena *a, const char *title)
{
    struct mi_value x = mi_map();

    if (title)
        mi_set(a, &x, "title", object(a, "text", mi_plotly_text(a, title)));
    mi_set(a, &x, "automargin", mi_bool(true));
    return x;
}

/* A dotted line at what a blind guess gets. */
static struct mi_value chance_line(struct mi_arena *a, double at)
{
    struct mi_value list = mi_array(), s = mi_map(), line = mi_map();

    mi_set(a, &line, "dash", mi_str("dot"));
    mi_set(a, &line, "width", mi_int(1));
    mi_set(a, &line, "color", mi_str(grey));
    mi_set(a, &s, "type", mi_str("line"));
    mi_set(a, &s, "xref", mi_str("paper"));
    mi_set(a, &s, "x0", mi_int(0));
    mi_set(a, &s, "x1", mi_int(1));
    mi_set(a, &s, "y0", number(at));
    mi_set(a, &s, "y1", number(at));
    mi_set(a, &s, "layer", mi_str("below"));
    mi_set(a, &s, "line", line);
    mi_push(a, &list, s);
    return list;
}

static int height_of(const struct mi_chart *c)
{
    int rows = c->kind == MI_CHART_HEAT ? c->n : c->n_x;

    if (c->kind == MI_CHART_LINES)
        return 320;
    rows = rows > MOST_ROWS ? MOST_ROWS : rows < 4 ? 4 : rows;
    return 96 + ROW * rows;
}

static void add_axes(struct mi_arena *a, struct mi_value *layout, const struct mi_chart *c)
{
    struct mi_value places_axis = axis(a, c->x_title), values = axis(a, c->y_title);

    if (!c->is_numeric)
        mi_set(a, &places_axis, "type", mi_str("category"));
    if (c->kind == MI_CHART_BARS) {
        mi_set(a, &places_axis, "autorange", mi_str("reversed"));
        mi_set(a, &places_axis, "type", mi_str("category"));
    } else if (c->kind == MI_CHART_HEAT) {
        mi_set(a, &values, "type", mi_str("category"));
        mi_set(a, &values, "showgrid", mi_bool(false));
        mi_set(a, &places_axis, "showgrid", mi_bool(false));
        if (c->n <= MOST_ROWS)
            mi_set(a, &values, "dtick", mi_int(1));
        if (!c->is_numeric && c->n_x > 12) /* else labels wrap into each other */
            mi_set(a, &places_axis, "tickangle", mi_int(-60));
    }
    if (c->kind != MI_CHART_HEAT && !isnan(c->from) && !isnan(c->to)) {
        struct mi_value range = mi_array();

        mi_push(a, &range, number(c->from));
        mi_push(a, &range, number(c->to));
        mi_set(a, &values, "range", range);
    }
    mi_set(a, layout, c->kind == MI_CHART_BARS ? "yaxis" : "xaxis", places_axis);
    mi_set(a, layout, c->kind == MI_CHART_BARS ? "xaxis" : "yaxis", values);
}

struct mi_value mi_chart_plotly(struct mi_arena *a, const struct mi_chart *c)
{
    struct mi_value figure = mi_map(), layout = mi_map(), margin = mi_map(), legend = mi_map();
    int n_named = 0;

    mi_set(a, &figure, "data",
           c->kind == MI_CHART_LINES  ? lines(a, c)
           : c->kind == MI_CHART_BARS ? bars(a, c)
                                      : heat(a, c));
    for (int i = 0; i < c->n; i++)
        n_named += *c->series[i].name != '\0';
    mi_set(a, &margin, "l", mi_int(56));
    mi_set(a, &margin, "r", mi_int(12));
    mi_set(a, &margin, "t", mi_int(30));
    mi_set(a, &margin, "b", mi_int(44));
    mi_set(a, &legend, "orientation", mi_str("h"));
    mi_set(a, &legend, "y", mi_real(1.02));
    mi_set(a, &legend, "yanchor", mi_str("bottom"));
    mi_set(a, &legend, "x", mi_int(0));
    add_axes(a, &layout, c);
    mi_set(a, &layout, "height", mi_int(height_of(c)));
    mi_set(a, &layout, "margin", margin);
    mi_set(a, &layout, "legend", legend);
    mi_set(a, &layout, "showlegend", mi_bool(c->kind != MI_CHART_HEAT && n_named > 1));
    if (!isnan(c->chance) && c->kind == MI_CHART_LINES)
        mi_set(a, &layout, "shapes", chance_line(a, c->chance));
    mi_set(a, &figure, "layout", layout);
    return figure;
}
