/* A page as one HTML file that asks no network for anything.
 *
 * Two scripts stand in it, plotly.js and page.js; the policy in the head allows them by
 * their digests and nothing else. Data stands in blocks that no browser runs. */
#include "base/sha256.h"
#include "figure/html.h"
#include "figure/page.h"

#include <math.h>
#include <string.h>

static const char style_sheet[] = {
#include "figure/page.css.inc"
};
static const char own_script[] = {
#include "figure/page.js.inc"
};

enum { SHADES = 8, WIDE = 48, MOST_TOKENS = 20000 }; /* columns of text that may wrap */

/* What the parts before this one make it need. */
struct place {
    int n_sections, n_charts;
    bool is_open; /* a section */
    bool has_key; /* of the colours, in this section */
};

/* ---- tables -------------------------------------------------------------------------- */

static bool is_verdict(const struct mi_table_cell *cell)
{
    return strcmp(cell->text, "supported") == 0 || strcmp(cell->text, "refuted") == 0 ||
           strcmp(cell->text, "undetermined") == 0;
}

static void add_cell(struct mi_buf *b, const struct mi_table *t, size_t i)
{
    const struct mi_table_cell *cell = &t->cell[i];
    bool is_right = t->column[i % (size_t)t->n_columns].is_right;

    mi_buf_addf(b, "<td class=\"%s\">", is_right ? "r" : cell->len > WIDE ? "w" : "s");
    if (is_verdict(cell))
        mi_buf_addf(b, "<span class=\"badge %s\">%s</span>", cell->text, cell->text);
    else
        mi_html_text(b, cell->text, cell->len);
    mi_buf_add_text(b, "</td>");
}

static void add_table(struct mi_buf *b, const struct mi_table *t)
{
    size_t columns = (size_t)t->n_columns;

    /* what is to be read whole stands there whole */
    mi_buf_addf(b, "<div class=\"scroll%s\" tabindex=\"0\"><table><thead><tr>",
                t->is_wrapped ? " whole" : "");
    for (size_t c = 0; c < columns; c++) {
        mi_buf_addf(b, "<th scope=\"col\"%s><button type=\"button\">",
                    t->column[c].is_right ? " class=\"r\"" : "");
        mi_html_str(b, t->column[c].title);
        mi_buf_add_text(b, "</button></th>");
    }
    mi_buf_add_text(b, "</tr></thead><tbody>\n");
    for (size_t i = 0; i < t->n_cells; i++) {
        mi_buf_add_text(b, i % columns == 0 ? "<tr>" : "");
        add_cell(b, t, i);
        mi_buf_add_text(b, i % columns == columns - 1 ? "</tr>\n" : "");
    }
    mi_buf_add_text(b, "</tbody></table></div>\n");
}

/* ---- charts --------------------------------------------------------------------------- */

static void add_chart(struct mi_buf *b, const struct mi_chart *c, int number)
{
    struct mi_arena arena = {0};
    struct mi_value figure = mi_chart_plotly(&arena, c);

    mi_buf_add_text(b, "<figure>");
    if (c->title) {
        mi_buf_add_text(b, "<figcaption>");
        mi_html_str(b, c->title);
        mi_buf_add_text(b, "</figcaption>");
    }
    mi_buf_addf(b, "<div class=\"plot\" id=\"chart-%d\" role=\"img\" aria-label=\"", number);
    mi_html_str(b, c->title ? c->title : "chart");
    mi_buf_addf(b, "\"></div></figure>\n<script type=\"application/json\" id=\"chart-%d-data\">",
                number);
    mi_html_json(b, &figure);
    mi_buf_add_text(b, "</script>\n");
    mi_arena_free(&arena);
}

/* ---- transcripts ------------------------------------------------------------------------ */

static void add_token(struct mi_buf *b, const struct mi_token *t, double scale)
{
    double share = isnan(t->value) || !(scale > 0) ? 0 : t->value / scale;
    int shade = (int)floor(fabs(share > 1 ? 1 : share < -1 ? -1 : share) * SHADES + 0.5);

    mi_buf_add_text(b, "<span class=\"t");
    if (shade)
        mi_buf_addf(b, " %c%d", share > 0 ? 'h' : 'c', shade);
    mi_buf_add_char(b, '"');
    if (t->tip) {
        mi_buf_add_text(b, " title=\"");
        mi_html_str(b, t->tip);
        mi_buf_add_char(b, '"');
    }
    mi_buf_add_char(b, '>');
    mi_html_words(b, t->text.at, t->text.len);
    mi_buf_add_text(b, "</span>");
}

static void add_texts(struct mi_buf *b, const struct mi_transcript *t)
{
    mi_buf_add_text(b, "<div class=\"texts\"><h4>");
    mi_html_str(b, t->id);
    mi_buf_add_text(b, "</h4>");
    if (t->prompt.len) {
        mi_buf_add_text(b, "<details><summary>prompt</summary><div class=\"words\">");
        mi_html_words(b, t->prompt.at, t->prompt.len);
        mi_buf_add_text(b, "</div></details>");
    }
    mi_buf_add_text(b, "<div class=\"columns\">");
    for (int i = 0; i < t->n; i++) {
        const struct mi_words *w = &t->column[i];

        mi_buf_add_text(b, "<div>");
        if (w->label) {
            mi_buf_add_text(b, "<b>");
            mi_html_str(b, w->label);
            mi_buf_add_text(b, "</b>");
        }
        mi_buf_add_text(b, "<div class=\"words\">");
        for (int64_t k = 0; k < w->n_tokens && k < MOST_TOKENS; k++)
            add_token(b, &w->token[k], w->scale);
        if (w->n_tokens == 0)
            mi_html_words(b, w->text.at, w->text.len);
        mi_buf_add_text(b, "</div></div>");
    }
    mi_buf_add_text(b, "</div></div>\n");
}

/* What the colours of a transcript mean. */
static void add_key(struct mi_buf *b, const struct mi_transcript *t)
{
    const struct mi_words *last = &t->column[t->n - 1];

    if (t->n == 0 || t->column[0].n_tokens == 0)
        return;
    mi_buf_addf(b,
                "<p class=\"aside\">Colour: how little the model expected a token, from none to "
                "<span class=\"t h8\">%.0f nats</span>",
                t->column[0].scale);
    if (last->is_difference)
        mi_buf_addf(b,
                    "; of %s beside the same text under %s, whether it holds the token "
                    "<span class=\"t h8\">more</span> or <span class=\"t c8\">less</span> "
                    "probable, up to %.0f nats",
                    t->n > 2 ? "the others" : last->label, t->column[0].label, last->scale);
    mi_buf_add_text(b, ". Point at a token for its figures.</p>\n");
}

/* ---- the whole ---------------------------------------------------------------------------- */

static void add_words(struct mi_buf *b, const struct mi_part *part, const char *open,
                      const char *close)
{
    mi_buf_add_text(b, open);
    mi_html_text(b, part->text.at, part->text.len);
    mi_buf_add_text(b, close);
}

static void add_section(struct mi_buf *b, const struct mi_part *part, struct place *at)
{
    mi_buf_add_text(b, at->is_open ? "</section>\n" : "");
    mi_buf_addf(b, "<section id=\"s%d\">\n", ++at->n_sections);
    add_words(b, part, "<h2>", "</h2>\n");
    at->is_open = true;
    at->has_key = false;
}

static void add_part(struct mi_buf *b, const struct mi_part *part, struct place *at)
{
    switch (part->kind) {
    case MI_PART_SECTION: add_section(b, part, at); break;
    case MI_PART_TITLE: add_words(b, part, "<h3>", "</h3>\n"); break;
    case MI_PART_ASIDE: add_words(b, part, "<p class=\"aside\">", "</p>\n"); break;
    case MI_PART_NOTE: add_words(b, part, "<p>", "</p>\n"); break;
    case MI_PART_TABLE: add_table(b, &part->table); break;
    case MI_PART_CHART: add_chart(b, part->chart, ++at->n_charts); break;
    case MI_PART_TEXTS:
        if (!at->has_key && !part->texts->is_scan) {
            add_key(b, part->texts);
            at->has_key = true;
        }
        add_texts(b, part->texts);
        break;
    case MI_PART_GRAPH:
        mi_buf_add_text(b, "<div class=\"graph-box\">");
        mi_graph_svg(b, part->graph);
        mi_buf_add_text(b, "</div>\n");
        break;
    }
}

/* Parts from i on; returns the next. Charts go before the table that they draw: on a page
 * they are what is looked at first. */
static size_t add_parts(struct mi_buf *b, const struct mi_page *p, size_t i, struct place *at)
{
    size_t end = i + 1;

    while (p->part[i].kind == MI_PART_TABLE && end < p->n && p->part[end].kind == MI_PART_CHART)
        add_part(b, &p->part[end++], at);
    add_part(b, &p->part[i], at);
    return end;
}

static void add_contents(struct mi_buf *b, const struct mi_page *p)
{
    int n = 0;

    mi_buf_add_text(b, "<nav aria-label=\"Sections\"><ul>");
    for (size_t i = 0; i < p->n; i++)
        if (p->part[i].kind == MI_PART_SECTION) {
            mi_buf_addf(b, "<li><a href=\"#s%d\">", ++n);
            mi_html_text(b, p->part[i].text.at, p->part[i].text.len);
            mi_buf_add_text(b, "</a></li>");
        }
    mi_buf_add_text(b, "</ul></nav>\n");
}

static void add_head(struct mi_buf *b, const char *title, const struct mi_buf *plotly)
{
    char own[64], theirs[64] = "";

    mi_sha256_source(own_script, sizeof own_script, own);
    if (plotly)
        mi_sha256_source(plotly->data, plotly->len, theirs);
    mi_buf_add_text(b, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    mi_buf_addf(b,
                "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
                "style-src 'unsafe-inline'; img-src data: blob:; base-uri 'none'; "
                "form-action 'none'; script-src '%s'%s%s%s\">\n",
                own, plotly ? " '" : "", theirs, plotly ? "'" : "");
    mi_buf_add_text(b, "<meta name=\"viewport\" content=\"width=device-width, "
                       "initial-scale=1\">\n<meta name=\"referrer\" content=\"no-referrer\">\n"
                       "<link rel=\"icon\" href=\"data:,\">\n<title>");
    mi_html_str(b, title);
    mi_buf_add_text(b, "</title>\n<style>\n");
    mi_buf_add(b, style_sheet, sizeof style_sheet);
    mi_buf_add_text(b, "</style>\n</head>\n<body>\n");
}

void mi_page_html(struct mi_buf *b, const struct mi_page *p, const char *title,
                  const struct mi_buf *plotly)
{
    struct place at = {0};

    if (!mi_page_has_charts(p))
        plotly = NULL;
    add_head(b, title, plotly);
    mi_buf_add_text(b, "<header><h1>");
    mi_html_str(b, title);
    mi_buf_add_text(b, "</h1>\n");
    add_contents(b, p);
    mi_buf_add_text(b, "</header>\n<main>\n");
    if (plotly)
        mi_buf_add_text(b, "<noscript><p>The charts need scripts; the tables hold the same "
                           "figures.</p></noscript>\n");
    for (size_t i = 0; i < p->n;)
        i = add_parts(b, p, i, &at);
    mi_buf_add_text(b, at.is_open ? "</section>\n" : "");
    mi_buf_add_text(b, "</main>\n<footer>Made by mi-report " MI_VERSION ".</footer>\n");
    if (plotly) {
        mi_buf_add_text(b, "<script>");
        mi_buf_add(b, plotly->data, plotly->len);
        mi_buf_add_text(b, "</script>\n");
    }
    mi_buf_add_text(b, "<script>");
    mi_buf_add(b, own_script, sizeof own_script);
    mi_buf_add_text(b, "</script>\n</body>\n</html>\n");
}
