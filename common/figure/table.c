#include "figure/table.h"

#include "base/intern.h"
#include "base/mem.h"
#include "data/json.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { GAP = 2, LEAST = 6 }; /* columns between columns; what a cut column keeps */

/* ---- filling ----------------------------------------------------------------- */

void mi_table_column(struct mi_table *t, const char *title, bool is_right)
{
    t->column = mi_grow(t->column, &t->cap_columns, (size_t)t->n_columns + 1, sizeof *t->column);
    t->column[t->n_columns].title = mi_strdup(title);
    t->column[t->n_columns++].is_right = is_right;
}

void mi_table_text(struct mi_table *t, const char *text, size_t len)
{
    t->cell = mi_grow(t->cell, &t->cap_cells, t->n_cells + 1, sizeof *t->cell);
    t->cell[t->n_cells].text = mi_strndup(text, len);
    t->cell[t->n_cells++].len = len;
}

void mi_table_str(struct mi_table *t, const char *text)
{
    mi_table_text(t, text ? text : "", text ? strlen(text) : 0);
}

void mi_table_number(struct mi_table *t, double x, int decimals)
{
    char text[400];

    if (isnan(x))
        text[0] = '\0';
    else if (x != 0 && (fabs(x) >= 1e7 || fabs(x) < 0.5 * pow(10, -decimals)))
        snprintf(text, sizeof text, "%.*e", decimals > 1 ? decimals - 1 : 1, x);
    else
        snprintf(text, sizeof text, "%.*f", decimals, x);
    mi_table_str(t, text);
}

void mi_table_int(struct mi_table *t, int64_t x)
{
    char text[32];

    snprintf(text, sizeof text, "%lld", (long long)x);
    mi_table_str(t, text);
}

static void add_shape(struct mi_buf *b, const struct mi_tensor *x)
{
    mi_buf_addf(b, "%s[", mi_dtype_name(x->dtype));
    for (int i = 0; i < x->rank; i++)
        mi_buf_addf(b, "%s%lld", i ? "," : "", (long long)x->shape[i]);
    mi_buf_add_char(b, ']');
}

void mi_table_value(struct mi_table *t, const struct mi_value *v, bool is_exact)
{
    struct mi_buf b = {0};

    if (mi_is(v, MI_STR) || mi_is(v, MI_BIN))
        mi_buf_add(&b, v->as.bytes.at, v->as.bytes.len);
    else if (mi_is(v, MI_TENSOR))
        add_shape(&b, &v->as.tensor);
    else if (mi_is(v, MI_REAL) && !is_exact)
        mi_buf_addf(&b, "%.4g", v->as.real);
    else if (v && v->kind != MI_NIL)
        mi_json_print(&b, v, (struct mi_json_style){is_exact ? 0 : 4});
    mi_table_text(t, b.data ? b.data : "", b.len);
    mi_buf_free(&b);
}

void mi_table_free(struct mi_table *t)
{
    for (int i = 0; i < t->n_columns; i++)
        mi_free(t->column[i].title);
    for (size_t i = 0; i < t->n_cells; i++)
        mi_free(t->cell[i].text);
    mi_free(t->column);
    mi_free(t->cell);
    *t = (struct mi_table){0};
}

/* ---- for people --------------------------------------------------------------- */

static int safe_width(const char *s, size_t len)
{
    struct mi_buf b = {0};
    int width;

    mi_add_safe(&b, s, len);
    width = mi_text_width(b.data, b.len);
    mi_buf_free(&b);
    return width;
}

/* Widths of the columns [n_columns], cut until they fit or nothing can be cut. */
static void fit_columns(int *width, const struct mi_table *t, int page)
{
    int total = 0;

    for (int c = 0; c < t->n_columns; c++) {
        width[c] = safe_width(t->column[c].title, strlen(t->column[c].title));
        for (size_t i = (size_t)c; i < t->n_cells; i += (size_t)t->n_columns) {
            int w = safe_width(t->cell[i].text, t->cell[i].len);

            width[c] = w > width[c] ? w : width[c];
        }
        total += width[c] + (c ? GAP : 0);
    }
    while (total > page) {
        int widest = -1;

        for (int c = 0; c < t->n_columns; c++)
            if (!t->column[c].is_right && (widest < 0 || width[c] > width[widest]))
                widest = c;
        if (widest < 0 || width[widest] <= LEAST)
            return;
        width[widest]--;
        total--;
    }
}

static void end_line(struct mi_buf *b)
{
    while (b->len && b->data[b->len - 1] == ' ')
        b->len--;
    mi_buf_add_char(b, '\n');
}

/* How much of s stands in one line of this width: up to the last blank, where there is one. */
static size_t line_end(const char *s, size_t len, int width)
{
    size_t n = mi_text_cut(s, len, width), blank = n;

    if (n == len || n == 0)
        return len;
    while (blank && s[blank] != ' ')
        blank--;
    return blank ? blank : n;
}

/* A row as one line, or where the table is wrapped as many as its longest cell takes. */
static void print_row(struct mi_buf *b, const struct mi_table *t, const struct mi_table_cell *cell,
                      const int *width, const struct mi_style *style)
{
    struct mi_buf text = {0};
    size_t *at = mi_alloc_zero((size_t)t->n_columns, sizeof *at);
    bool is_more = true;

    while (is_more) {
        is_more = false;
        for (int c = 0; c < t->n_columns; c++) {
            size_t n;

            text.len = 0;
            mi_add_safe(&text, cell[c].text, cell[c].len);
            n = text.len - at[c];
            if (t->is_wrapped && !t->column[c].is_right)
                n = line_end(text.data + at[c], n, width[c]);
            mi_buf_add(b, "  ", c ? GAP : 0);
            mi_add_padded(b, text.data + at[c], n, width[c], t->column[c].is_right, style);
            at[c] += n;
            while (at[c] < text.len && text.data[at[c]] == ' ')
                at[c]++;
            is_more = is_more || at[c] < text.len;
        }
        end_line(b);
    }
    mi_free(at);
    mi_buf_free(&text);
}

void mi_table_print(struct mi_buf *b, const struct mi_table *t, const struct mi_style *style)
{
    int *width = mi_alloc_n((size_t)t->n_columns, sizeof *width);

    fit_columns(width, t, style->width);
    for (int c = 0; c < t->n_columns; c++) {
        mi_buf_add(b, "  ", c ? GAP : 0);
        mi_add_padded(b, t->column[c].title, strlen(t->column[c].title), width[c],
                      t->column[c].is_right, style);
    }
    end_line(b);
    for (int c = 0; c < t->n_columns; c++) {
        mi_buf_add(b, "  ", c ? GAP : 0);
        for (int i = 0; i < width[c]; i++)
            mi_buf_add_text(b, style->is_ascii ? "-" : "\xe2\x94\x80");
    }
    end_line(b);
    for (size_t i = 0; i < t->n_cells; i += (size_t)t->n_columns)
        print_row(b, t, &t->cell[i], width, style);
    mi_free(width);
}

/* ---- for programs -------------------------------------------------------------- */

/* Escapes as mi_add_safe does; in addition a backslash becomes two, so that it reads back. */
static void add_field(struct mi_buf *b, const char *s, size_t len)
{
    for (size_t from = 0; from < len;) {
        const char *slash = memchr(s + from, '\\', len - from);
        size_t n = slash ? (size_t)(slash - s) - from : len - from;

        mi_add_safe(b, s + from, n);
        if (slash)
            mi_buf_add_text(b, "\\\\");
        from += n + (slash ? 1 : 0);
    }
}

/* Would a spreadsheet take the text for a formula, after blanks or at a line of its own? */
static bool is_formula(const char *s, size_t len)
{
    bool is_start = true;

    for (size_t i = 0; i < len; i++) {
        if (is_start && strchr("=+-@\t\r", s[i]) && s[i])
            return true;
        if (len - i > 1 && memcmp(s + i, "\xc2\xa0", 2) == 0)
            i++;
        else
            is_start = s[i] == '\n' || (is_start && s[i] == ' ');
    }
    return false;
}

void mi_table_print_tsv(struct mi_buf *b, const struct mi_table *t, bool for_spreadsheet)
{
    for (int c = 0; c < t->n_columns; c++) {
        mi_buf_add(b, "\t", c ? 1 : 0);
        add_field(b, t->column[c].title, strlen(t->column[c].title));
    }
    mi_buf_add_char(b, '\n');
    for (size_t i = 0; i < t->n_cells; i++) {
        bool is_last = i % (size_t)t->n_columns == (size_t)t->n_columns - 1;

        if (for_spreadsheet && !t->column[i % (size_t)t->n_columns].is_right &&
            is_formula(t->cell[i].text, t->cell[i].len))
            mi_buf_add_char(b, '\'');
        add_field(b, t->cell[i].text, t->cell[i].len);
        mi_buf_add_char(b, is_last ? '\n' : '\t');
    }
}

/* ---- records -------------------------------------------------------------------- */

static bool is_listed(const char *const *list, const char *key)
{
    for (; list && *list; list++)
        if (strcmp(*list, key) == 0)
            return true;
    return false;
}

static bool is_number(const struct mi_value *bodies, const char *key)
{
    for (size_t i = 0; i < bodies->as.array.n; i++) {
        const struct mi_value *v = mi_get(&bodies->as.array.item[i], key);

        if (v && v->kind != MI_NIL && v->kind != MI_INT && v->kind != MI_REAL)
            return false;
    }
    return true;
}

static bool is_nil_everywhere(const struct mi_value *bodies, const char *key)
{
    for (size_t i = 0; i < bodies->as.array.n; i++) {
        const struct mi_value *v = mi_get(&bodies->as.array.item[i], key);

        if (v && v->kind != MI_NIL)
            return false;
    }
    return true;
}

/* Figures and the keys of their intervals. */
static const struct interval {
    const char *key, *lo, *hi;
} intervals[] = {{"value", "lo", "hi"},
                 {"effect", "lo", "hi"},
                 {"difference", "difference_lo", "difference_hi"}};

static bool is_end(const char *key)
{
    static const char *const ends[] = {"lo", "hi", "difference_lo", "difference_hi", NULL};

    return is_listed(ends, key);
}

/* "0.81 [0.77, 0.86]". */
static void add_figure(struct mi_table *t, const struct mi_value *body, const char *key)
{
    const struct mi_value *v = mi_get(body, key);
    char text[120];

    for (size_t i = 0; i < sizeof intervals / sizeof *intervals; i++) {
        double lo = mi_get_real(body, intervals[i].lo, (double)NAN);
        double hi = mi_get_real(body, intervals[i].hi, (double)NAN);

        if (strcmp(key, intervals[i].key) != 0 || isnan(lo) || isnan(hi) ||
            isnan(mi_get_real(body, key, (double)NAN)))
            continue;
        snprintf(text, sizeof text, "%.4g [%.3g, %.3g]", mi_get_real(body, key, 0), lo, hi);
        mi_table_str(t, text);
        return;
    }
    mi_table_value(t, v, false);
}

void mi_table_of_records(struct mi_table *t, const struct mi_value *bodies, const char *const *skip,
                         bool is_exact)
{
    size_t n = bodies->as.array.n;
    struct mi_intern seen = {0};

    for (size_t i = 0; i < n; i++) {
        const struct mi_value *body = &bodies->as.array.item[i];

        for (size_t k = 0; k < body->as.map.n; k++) {
            const char *key = body->as.map.member[k].key;
            int64_t n_seen = seen.n;

            if (mi_intern_add(&seen, key, strlen(key)) < n_seen || is_listed(skip, key))
                continue;
            if (is_exact || (!is_end(key) && !is_nil_everywhere(bodies, key)))
                mi_table_column(t, key, is_number(bodies, key));
        }
    }
    mi_intern_free(&seen);
    for (size_t i = 0; i < n; i++)
        for (int c = 0; c < t->n_columns; c++)
            if (is_exact)
                mi_table_value(t, mi_get(&bodies->as.array.item[i], t->column[c].title), true);
            else
                add_figure(t, &bodies->as.array.item[i], t->column[c].title);
}
