/* figure/page.h: what a report says, part after part, before it is drawn.
 *
 * One page is drawn as text (mi_page_print) or as one self-contained HTML file
 * (mi_page_html): the same parts in the same order. `{0}` is an empty page. All strings are
 * copied; any bytes may stand in them. */
#ifndef MI_FIGURE_PAGE_H
#define MI_FIGURE_PAGE_H

#include "base/error.h"
#include "figure/chart.h"
#include "figure/graph.h"
#include "figure/table.h"
#include "figure/texts.h"

#include <stdint.h>

/* A token and the figure that colours it. */
struct mi_token {
    struct mi_text text;
    double value;    /* NAN: no colour */
    const char *tip; /* what hovering says; NULL: nothing */
};

/* Texts of one prompt side by side. */
struct mi_transcript {
    const char *id;
    struct mi_text prompt;
    struct mi_words {
        const char *label; /* NULL: none */
        struct mi_text text;
        const struct mi_token *token; /* [n_tokens]; 0: the text without colours */
        int64_t n_tokens;
        bool is_difference; /* values compare with the first column */
        double scale;       /* the |value| of the strongest colour */
    } * column;
    int n;
    bool is_scan; /* tokens are shown in a terminal too; the page says how to read them */
};

enum mi_part_kind {
    MI_PART_SECTION,
    MI_PART_TITLE, /* of what follows, one line */
    MI_PART_ASIDE, /* how to read it */
    MI_PART_NOTE,
    MI_PART_TABLE,
    MI_PART_CHART,
    MI_PART_TEXTS,
    MI_PART_GRAPH,
};

struct mi_part {
    enum mi_part_kind kind;
    struct mi_text text;
    struct mi_table table;
    struct mi_chart *chart;
    const struct mi_transcript *texts;
    const struct mi_graph *graph;
};

struct mi_page {
    struct mi_arena arena;
    struct mi_part *part; /* [n] */
    size_t n;
    size_t cap; /* private */
};

/* SECTION, TITLE, ASIDE or NOTE. */
void mi_page_say(struct mi_page *p, enum mi_part_kind kind, const char *text, size_t len);
void mi_page_sayf(struct mi_page *p, enum mi_part_kind kind, const char *fmt, ...) MI_PRINTF(3, 4);
/* Takes the table over: it is {0} afterwards. */
void mi_page_table(struct mi_page *p, struct mi_table *t);
/* A chart, transcript or graph that lives in the page's arena. */
void mi_page_chart(struct mi_page *p, struct mi_chart *c);
void mi_page_texts(struct mi_page *p, const struct mi_transcript *t);
void mi_page_graph(struct mi_page *p, const struct mi_graph *g);
void mi_page_free(struct mi_page *p);

void mi_page_print(struct mi_buf *b, const struct mi_page *p, const struct mi_style *style);

/* plotly: the text of plotly.js, needed when mi_page_has_charts. No byte of the file depends
 * on anything but page, title and plotly. */
void mi_page_html(struct mi_buf *b, const struct mi_page *p, const char *title,
                  const struct mi_buf *plotly);
bool mi_page_has_charts(const struct mi_page *p);

#endif
