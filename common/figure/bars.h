/* figure/bars.h: a bar chart in a terminal: one bar a line, with interval and controls. */
#ifndef MI_FIGURE_BARS_H
#define MI_FIGURE_BARS_H

#include "figure/width.h"

/* One bar. */
struct mi_bar {
    const char *label;
    double value;
    double lo, hi;  /* interval; NAN: none */
    double control; /* the mark of the control: its largest draw; NAN: none */
};

struct mi_bars {
    const char *title; /* NULL: none */
    double from, to;   /* ends of the axis, from < to */
    double chance;     /* a line where a blind guess stands; NAN: none */
    const struct mi_bar *bar;
    int n;
    bool is_size; /* the bar is as long as the value is large, below zero too */
};

/* Title, axis, bars, legend of the marks that occur. Values beyond the axis end at it. Bars of
 * eighths of a column; with is_ascii of whole ones ('#'). */
void mi_bars_print(struct mi_buf *b, const struct mi_bars *bars, const struct mi_style *style);

#endif
