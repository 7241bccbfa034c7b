/* Which parts a report has, and in which order. */
#include "base/mem.h"
#include "figure/card.h"
#include "figure/directions.h"
#include "figure/scores.h"
#include "figure/source.h"
#include "figure/views.h"

#include <string.h>

static bool is_content(const struct mi_source *s, const char *content)
{
    return strcmp(s->content, content) == 0;
}

static void add_plain(struct mi_page *p, const struct mi_source *s)
{
    struct mi_table t = {0};

    mi_table_of_records(&t, &s->bodies, NULL, false);
    mi_page_table(p, &t);
}

/* Scores without a view of their own, which streams of one section show together. */
static bool is_shared(const struct mi_value *body)
{
    return !mi_is_scan(body) && !mi_is_own(body) && !mi_is_card(body);
}

static void add_scores(struct mi_page *p, const struct mi_source *s,
                       const struct mi_report_options *opt)
{
    struct mi_value own = mi_array();

    mi_figure_scan(p, s, opt->n_texts);
    for (size_t i = 0; i < s->bodies.as.array.n; i++)
        if (!mi_is_scan(&s->bodies.as.array.item[i]) && !is_shared(&s->bodies.as.array.item[i]))
            mi_push(&p->arena, &own, s->bodies.as.array.item[i]);
    mi_figure_scores(p, &own, opt->metric);
}

static void add_shared(struct mi_page *p, const struct mi_source *s, int n,
                       const struct mi_report_options *opt)
{
    struct mi_value shared = mi_array();

    for (int i = 0; i < n; i++)
        for (size_t k = 0; is_content(&s[i], "score") && k < s[i].bodies.as.array.n; k++)
            if (is_shared(&s[i].bodies.as.array.item[k]))
                mi_push(&p->arena, &shared, s[i].bodies.as.array.item[k]);
    mi_figure_scores(p, &shared, opt->metric);
}

static void add_body(struct mi_page *p, const struct mi_source *s,
                     const struct mi_report_options *opt)
{
    if (is_content(s, "score"))
        add_scores(p, s, opt);
    else if (is_content(s, "dir"))
        mi_figure_directions(p, &s->bodies);
    else if (is_content(s, "effect"))
        mi_figure_effects(p, s);
    else if (!is_content(s, "verdict"))
        add_plain(p, s);
}

/* Do the streams go into one section: the same title, or runs that follow each other? */
static bool is_together(const struct mi_source *a, const struct mi_source *b)
{
    if (a->title && b->title)
        return strcmp(a->title, b->title) == 0;
    return !a->title && !b->title && is_content(a, "run") && is_content(b, "run");
}

/* A section of streams [n]: its runs side by side, then the others one after the other. */
static void add_section(struct mi_page *p, const struct mi_source *s, int n,
                        const struct mi_report_options *opt)
{
    const struct mi_source **run = mi_alloc_n((size_t)n, sizeof *run);
    const char *title = s->title;
    int n_runs = 0;

    for (int i = 0; i < n; i++)
        if (is_content(&s[i], "run") && s[i].bodies.as.array.n)
            run[n_runs++] = &s[i];
    if (!title)
        title = n > 1 ? "Texts" : s->name;
    mi_page_say(p, MI_PART_SECTION, title, strlen(title));
    if (n_runs)
        mi_figure_runs(p, run, n_runs, opt->n_texts);
    for (int i = 0; i < n; i++)
        if (!is_content(&s[i], "run"))
            add_body(p, &s[i], opt);
    add_shared(p, s, n, opt);
    mi_free(run);
}

/* Does a stream hold nothing but what stands in the first sections? */
static bool is_said(const struct mi_source *s)
{
    if (is_content(s, "verdict"))
        return true;
    for (size_t i = 0; i < s->bodies.as.array.n; i++)
        if (!is_content(s, "score") || !mi_is_card(&s->bodies.as.array.item[i]))
            return false;
    return s->others.as.array.n > 0 || s->bodies.as.array.n > 0;
}

static bool are_said(const struct mi_source *s, int n)
{
    int i = 0;

    while (i < n && is_said(&s[i]))
        i++;
    return i == n;
}

static void add_findings(struct mi_page *p, const struct mi_source *s, int n)
{
    struct mi_value verdicts = mi_array(), card = mi_array();

    for (int i = 0; i < n; i++) {
        for (size_t k = 0; k < s[i].others.as.array.n; k++)
            mi_push(&p->arena, &verdicts, s[i].others.as.array.item[k]);
        for (size_t k = 0; is_content(&s[i], "score") && k < s[i].bodies.as.array.n; k++)
            if (mi_is_card(&s[i].bodies.as.array.item[k]))
                mi_push(&p->arena, &card, s[i].bodies.as.array.item[k]);
    }
    if (verdicts.as.array.n) {
        mi_page_sayf(p, MI_PART_SECTION, "Verdicts");
        mi_figure_verdicts(p, &verdicts);
    }
    if (card.as.array.n) {
        mi_page_sayf(p, MI_PART_SECTION, "Evaluation card");
        mi_figure_card(p, &card);
    }
}

void mi_report_page(struct mi_page *p, const struct mi_source *s, int n,
                    const struct mi_report_options *opt)
{
    add_findings(p, s, n);
    for (int i = 0; i < n;) {
        int k = i + 1;

        while (k < n && is_together(&s[i], &s[k]))
            k++;
        if (!are_said(&s[i], k - i))
            add_section(p, &s[i], k - i, opt);
        i = k;
    }
    if (opt->has_provenance) {
        mi_page_sayf(p, MI_PART_SECTION, "What was made from what");
        mi_figure_provenance(p, s, n);
    }
}
