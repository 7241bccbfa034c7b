/* figure/table.h: a table of text: aligned for people, tab-separated for programs. */
#ifndef MI_FIGURE_TABLE_H
#define MI_FIGURE_TABLE_H

#include "data/value.h"
#include "figure/width.h"

/* Columns first, then cells from left to right, row by row. `{0}` is empty. */
struct mi_table {
    struct mi_table_column {
        char *title;
        bool is_right; /* numbers stand on the right */
    } * column;
    int n_columns;
    struct mi_table_cell {
        char *text;
        size_t len;
    } * cell; /* [n_cells] */
    size_t n_cells;
    size_t cap_columns, cap_cells; /* private */
    bool is_wrapped;               /* text that is too wide goes on in the next line */
};

void mi_table_column(struct mi_table *t, const char *title, bool is_right);
void mi_table_text(struct mi_table *t, const char *text, size_t len);
void mi_table_str(struct mi_table *t, const char *text); /* NUL-ended; NULL: empty */
/* A number with this many decimals; NAN: empty. */
void mi_table_number(struct mi_table *t, double x, int decimals);
void mi_table_int(struct mi_table *t, int64_t x);
/* Any scalar; a number with at most 4 significant digits, or (is_exact) so that it reads back.
 * Nil is empty; a tensor is its type and shape; a list or map its JSON. */
void mi_table_value(struct mi_table *t, const struct mi_value *v, bool is_exact);

/* Title line, a rule, rows. When it is wider than the page, the widest columns of text are cut,
 * or wrapped; numbers never are. */
void mi_table_print(struct mi_buf *b, const struct mi_table *t, const struct mi_style *style);
/* A line of titles, then a line a row; tabs, line ends and backslashes in cells as \t, \n, \\,
 * other control characters as \xNN. for_spreadsheet: text (no number) that a spreadsheet
 * would take for a formula gets a quote before it, so it does not read back. */
void mi_table_print_tsv(struct mi_buf *b, const struct mi_table *t, bool for_spreadsheet);
void mi_table_free(struct mi_table *t);

/* The table of records that have one kind: a column a key, in order of first appearance, in
 * `bodies` (an array of maps); unless is_exact the interval of a figure stands in its column. Keys
 * named in skip (NULL-ended, may be NULL) are left out, and unless is_exact those that are nil
 * everywhere. */
void mi_table_of_records(struct mi_table *t, const struct mi_value *bodies, const char *const *skip,
                         bool is_exact);

#endif
