/* A page in a terminal. */
#include "base/escape.h"
#include "base/mem.h"
#include "figure/page.h"

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
        case MI_PART_TEXTS: print_texts(b, part->texts, style); break;
        case MI_PART_GRAPH: mi_graph_print(b, part->graph); break;
        }
    }
}
