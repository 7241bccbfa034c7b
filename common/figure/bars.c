#include "figure/bars.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { NUMBERS = 21, MAX_BAR = 400 }; /* columns of "-0.996 [-0.99, -1.00]"; of the bar */

struct pen {
    const struct mi_bars *bars;
    const struct mi_style *style;
    int label, columns; /* of the labels, of the bar */
};

/* Column 0 .. columns - 1 of a value, or -1. */
static int column_of(const struct pen *p, double x)
{
    double share = (x - p->bars->from) / (p->bars->to - p->bars->from);
    int c;

    if (isnan(x))
        return -1;
    c = (int)floor(share * p->columns);
    return c < 0 ? 0 : c >= p->columns ? p->columns - 1 : c;
}

static void add_numbers(struct mi_buf *b, const struct mi_bar *bar)
{
    char text[64], interval[40] = "";

    if (!isnan(bar->lo) && !isnan(bar->hi))
        snprintf(interval, sizeof interval, " [%.2f, %.2f]", bar->lo, bar->hi);
    if (isnan(bar->value))
        snprintf(text, sizeof text, "%6s", "-");
    else
        snprintf(text, sizeof text, "%6.3f%s", bar->value, interval);
    mi_buf_addf(b, "%-*s ", NUMBERS, text);
}

/* Where the bar ends, in eighths of a column. */
static int eighths_of(const struct pen *p, double x)
{
    double share = (x - p->bars->from) / (p->bars->to - p->bars->from);

    if (isnan(x) || share < 0)
        share = 0;
    return (int)floor((share > 1 ? 1 : share) * p->columns * 8 + 0.5);
}

static void add_bar(struct mi_buf *b, const struct pen *p, const struct mi_bar *bar)
{
    static const char *const part[] = {" ",      "\u258f", "\u258e", "\u258d",
                                       "\u258c", "\u258b", "\u258a", "\u2589"};
    int end = eighths_of(p, p->bars->is_size ? fabs(bar->value) : bar->value),
        chance = column_of(p, p->bars->chance);
    int control = column_of(p, bar->control);
    bool ascii = p->style->is_ascii;

    for (int c = 0; c < p->columns; c++) {
        int left = end - 8 * c;

        if (c == control)
            mi_buf_add_text(b, ascii ? "|" : "\u253c");
        else if (left >= (ascii ? 4 : 8))
            mi_buf_add_text(b, ascii ? "#" : "\u2588");
        else if (left > 0 && !ascii)
            mi_buf_add_text(b, part[left]);
        else if (c == chance)
            mi_buf_add_text(b, ascii ? ":" : "\u250a");
        else
            mi_buf_add_char(b, ' ');
    }
    while (b->len && b->data[b->len - 1] == ' ')
        b->len--;
    mi_buf_add_char(b, '\n');
}

static void add_axis(struct mi_buf *b, const struct pen *p)
{
    char from[32], to[32];
    int n, chance = column_of(p, p->bars->chance);

    snprintf(from, sizeof from, "%.4g", p->bars->from);
    snprintf(to, sizeof to, "%.4g", p->bars->to);
    n = p->columns - (int)strlen(from) - (int)strlen(to);
    for (int i = 0; i < p->label + 1 + NUMBERS + 1; i++)
        mi_buf_add_char(b, ' ');
    mi_buf_add_text(b, from);
    for (int i = 0; i < n; i++)
        if (i + (int)strlen(from) == chance)
            mi_buf_add_text(b, p->style->is_ascii ? ":" : "\u250a");
        else
            mi_buf_add_char(b, ' ');
    mi_buf_addf(b, "%s\n", to);
}

static void add_legend(struct mi_buf *b, const struct pen *p)
{
    bool has_control = false, ascii = p->style->is_ascii;

    for (int i = 0; i < p->bars->n; i++)
        has_control = has_control || !isnan(p->bars->bar[i].control);
    if (has_control)
        mi_buf_addf(b, "%s highest control   ", ascii ? "|" : "\u253c");
    if (!isnan(p->bars->chance))
        mi_buf_addf(b, "%s chance", ascii ? ":" : "\u250a");
    while (b->len && b->data[b->len - 1] == ' ')
        b->len--;
    if (has_control || !isnan(p->bars->chance))
        mi_buf_add_char(b, '\n');
}

void mi_bars_print(struct mi_buf *b, const struct mi_bars *bars, const struct mi_style *style)
{
    struct pen p = {.bars = bars, .style = style};

    for (int i = 0; i < bars->n; i++) {
        int w = mi_text_width(bars->bar[i].label, strlen(bars->bar[i].label));

        p.label = w > p.label ? w : p.label;
    }
    p.label = p.label > style->width / 3 ? style->width / 3 : p.label;
    p.columns = style->width - p.label - NUMBERS - 2;
    p.columns = p.columns < 8 ? 8 : p.columns > MAX_BAR ? MAX_BAR : p.columns;
    if (bars->title) {
        mi_add_safe(b, bars->title, strlen(bars->title));
        mi_buf_add_char(b, '\n');
    }
    add_axis(b, &p);
    for (int i = 0; i < bars->n; i++) {
        mi_add_padded(b, bars->bar[i].label, strlen(bars->bar[i].label), p.label, true, style);
        mi_buf_add_char(b, ' ');
        add_numbers(b, &bars->bar[i]);
        add_bar(b, &p, &bars->bar[i]);
    }
    add_legend(b, &p);
}
