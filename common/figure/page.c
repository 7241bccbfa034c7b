#include "figure/page.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static struct mi_part *add_part(struct mi_page *p, enum mi_part_kind kind)
{
    p->part = mi_grow(p->part, &p->cap, p->n + 1, sizeof *p->part);
    p->part[p->n] = (struct mi_part){.kind = kind};
    return &p->part[p->n++];
}

void mi_page_say(struct mi_page *p, enum mi_part_kind kind, const char *text, size_t len)
{
    struct mi_part *part = add_part(p, kind);

    part->text = (struct mi_text){mi_arena_dup(&p->arena, text, len), len};
}

void mi_page_sayf(struct mi_page *p, enum mi_part_kind kind, const char *fmt, ...)
{
    va_list ap, again;
    int n;
    char *text;

    va_start(ap, fmt);
    va_copy(again, ap);
    n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    text = mi_alloc((size_t)(n > 0 ? n : 0) + 1);
    vsnprintf(text, (size_t)(n > 0 ? n : 0) + 1, fmt, again);
    va_end(again);
    mi_page_say(p, kind, text, strlen(text));
    mi_free(text);
}

void mi_page_table(struct mi_page *p, struct mi_table *t)
{
    add_part(p, MI_PART_TABLE)->table = *t;
    *t = (struct mi_table){0};
}

void mi_page_chart(struct mi_page *p, struct mi_chart *c)
{
    add_part(p, MI_PART_CHART)->chart = c;
}

void mi_page_texts(struct mi_page *p, const struct mi_transcript *t)
{
    add_part(p, MI_PART_TEXTS)->texts = t;
}

void mi_page_graph(struct mi_page *p, const struct mi_graph *g)
{
    add_part(p, MI_PART_GRAPH)->graph = g;
}

bool mi_page_has_charts(const struct mi_page *p)
{
    for (size_t i = 0; i < p->n; i++)
        if (p->part[i].kind == MI_PART_CHART)
            return true;
    return false;
}

void mi_page_free(struct mi_page *p)
{
    for (size_t i = 0; i < p->n; i++)
        mi_table_free(&p->part[i].table);
    mi_free(p->part);
    mi_arena_free(&p->arena);
    *p = (struct mi_page){0};
}
