/* A page in a terminal. */
#include "base/escape.h"
#include "base/mem.h"
#include "figure/page.h"

#include <math.h>
#include <string.h>

enum { PROMPT_SHOWN = 240 };

static void print_words(struct mi_buf *b, const struct mi_part *part, const struct mi_style *style)
{
    struct mi_buf text = {0};
    bool is_aside = part->kind == MI_PART_ASIDE;

    mi_buf_add_text(&text, is_aside ? "[" : "");
    mi_buf_add(&text, part->text.at, part->text.len);
    mi_buf_add_text(&text, is_aside ? "]" : "");
    mi_texts_print(b, &(struct mi_text){mi_buf_text(&text), text.len}, 1, style);
    mi_buf_free(&text);
}

/* The end of a long prompt: what the model was about to answer. */
static void print_prompt(struct mi_buf *b, struct mi_text text, const struct mi_style *style)
{
    if (!style->is_full && text.len > PROMPT_SHOWN) {
        text.at += text.len - PROMPT_SHOWN;
        text.len = PROMPT_SHOWN;
        while (text.len && (*text.at & 0xc0) == 0x80) { /* not in the middle of a character */
            text.at++;
            text.len--;
        }
        mi_buf_add_text(b, "... ");
    }
    mi_texts_print(b, &text, 1, style);
}

static void print_texts(struct mi_buf *b, const struct mi_transcript *t,
                        const struct mi_style *style)
{
    struct mi_text *text = mi_alloc_zero((size_t)t->n, sizeof *text);
    struct mi_buf *own = mi_alloc_zero((size_t)t->n, sizeof *own);

    mi_buf_addf(b, "[%s]\n", mi_quote(t->id));
    if (t->prompt.len)
        print_prompt(b, t->prompt, style);
    for (int i = 0; i < t->n; i++) {
        if (t->column[i].label)
            mi_buf_addf(&own[i], "%s: ", t->column[i].label);
        mi_buf_add(&own[i], t->column[i].text.at, t->column[i].text.len);
        text[i] = (struct mi_text){mi_buf_text(&own[i]), own[i].len};
    }
    mi_texts_print(b, text, t->n, style);
    for (int i = 0; i < t->n; i++)
        mi_buf_free(&own[i]);
    mi_free(own);
    mi_free(text);
}

/* ---- scans --------------------------------------------------------------------------- */

/* A line of tokens as it fills, and what goes below it. */
struct scan_line {
    struct mi_buf *out;
    const struct mi_style *style;
    struct mi_buf text, marks;
    int columns;
};

static void end_line(struct scan_line *l)
{
    if (l->columns == 0)
        return;
    while (l->marks.len && l->marks.data[l->marks.len - 1] == ' ')
        l->marks.len--;
    mi_buf_add(l->out, l->text.data, l->text.len);
    mi_buf_add_char(l->out, '\n');
    if (!l->style->has_colour) {
        mi_buf_add(l->out, l->marks.data, l->marks.len);
        mi_buf_add_char(l->out, '\n');
    }
    mi_buf_clear(&l->text);
    mi_buf_clear(&l->marks);
    l->columns = 0;
}

/* A piece of safe text that goes on one line, its shade -4 to 4. */
static void add_shaded(struct scan_line *l, const char *s, size_t len, int shade)
{
    static const char marks[] = "=--   ++#";
    static const int colour[] = {69, 75, 111, 153, 0, 223, 216, 209, 202};
    int columns = mi_text_width(s, len);

    if (l->style->has_colour && shade)
        mi_buf_addf(&l->text, "\033[30;48;5;%dm", colour[shade + 4]);
    mi_buf_add(&l->text, s, len);
    if (l->style->has_colour && shade)
        mi_buf_add_text(&l->text, "\033[0m");
    for (int i = 0; i < columns; i++)
        mi_buf_add_char(&l->marks, marks[shade + 4]);
    l->columns += columns;
}

static void add_scanned(struct scan_line *l, const struct mi_token *t, double scale)
{
    double share = isnan(t->value) ? 0 : t->value / scale;
    int shade = (int)(share < -1 ? -4 : share > 1 ? 4 : floor(fabs(share) * 4 + 0.5));
    struct mi_buf safe = {0};
    size_t at = 0;

    shade = share < 0 && shade > 0 ? -shade : shade;
    mi_add_safe(&safe, t->text.at, t->text.len);
    if (l->columns && l->columns + mi_text_width(safe.data, safe.len) > l->style->width)
        end_line(l);
    while (at < safe.len) { /* of a token wider than the page */
        size_t n = mi_text_cut(safe.data + at, safe.len - at, l->style->width);

        n = n ? n : 1;
        if (at)
            end_line(l);
        add_shaded(l, safe.data + at, n, shade);
        at += n;
    }
    mi_buf_free(&safe);
}

static void print_scan(struct mi_buf *b, const struct mi_transcript *t,
                       const struct mi_style *style)
{
    struct scan_line line = {.out = b, .style = style};

    mi_buf_addf(b, "[%s]\n", mi_quote(t->id));
    for (int i = 0; i < t->n; i++) {
        if (t->column[i].label) {
            mi_add_safe(b, t->column[i].label, strlen(t->column[i].label));
            mi_buf_add_text(b, ":\n");
        }
        for (int64_t k = 0; k < t->column[i].n_tokens; k++)
            add_scanned(&line, &t->column[i].token[k], t->column[i].scale);
        end_line(&line);
    }
    mi_buf_free(&line.text);
    mi_buf_free(&line.marks);
}

/* Does a blank line go before this part? */
static bool is_apart(const struct mi_page *p, size_t i)
{
    enum mi_part_kind kind = p->part[i].kind, before;

    if (i == 0)
        return false;
    before = p->part[i - 1].kind;
    if (kind == MI_PART_CHART || kind == MI_PART_GRAPH)
        return before >= MI_PART_TABLE;
    return kind == MI_PART_SECTION || kind == MI_PART_TEXTS ||
           (kind == MI_PART_TITLE && before != MI_PART_SECTION);
}

void mi_page_print(struct mi_buf *b, const struct mi_page *p, const struct mi_style *style)
{
    size_t n_sections = 0;

    for (size_t i = 0; i < p->n; i++)
        n_sections += p->part[i].kind == MI_PART_SECTION;
    for (size_t i = 0; i < p->n; i++) {
        const struct mi_part *part = &p->part[i];

        if (part->kind == MI_PART_SECTION && n_sections < 2)
            continue;
        if (b->len && is_apart(p, i))
            mi_buf_add_char(b, '\n');
        switch (part->kind) {
        case MI_PART_SECTION:
        case MI_PART_TITLE:
            mi_add_safe(b, part->text.at, part->text.len);
            mi_buf_add_char(b, '\n');
            break;
        case MI_PART_ASIDE:
        case MI_PART_NOTE: print_words(b, part, style); break;
        case MI_PART_TABLE: mi_table_print(b, &part->table, style); break;
        case MI_PART_CHART: mi_chart_print(b, part->chart, style); break;
        case MI_PART_TEXTS:
            (part->texts->is_scan ? print_scan : print_texts)(b, part->texts, style);
            break;
        case MI_PART_GRAPH: mi_graph_print(b, part->graph); break;
        }
    }
}
