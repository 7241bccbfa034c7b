#include "figure/card.h"

#include "figure/views.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const struct condition {
    const char *id, *name, *asks;
} conditions[] = {
    {"E1", "correlation", "does the projection tell the sides apart on held-out groups?"},
    {"E2", "manipulation", "does adding the direction bring the behaviour about?"},
    {"E3", "termination", "does taking it out end the behaviour?"},
    {"E4", "recovery", "does putting back its part of a run that shows it restore it?"},
    {"E5", "completeness", "does the rest of the state without it leave no effect?"},
    {"E6", "specificity", "do directions of equal length do less, and other things stay?"},
    {"E7", "generalisation", "does it hold on other wordings, topics and lengths?"},
    {"E8", "locality in time", "at which positions is it enough?"},
    {"E9", "no illusion", "is its part outside what the site reads from without effect?"},
};
enum { N_CONDITIONS = sizeof conditions / sizeof *conditions };

bool mi_is_card(const struct mi_value *body)
{
    return mi_get_str(body, "card", NULL) != NULL;
}

static void add_interval(struct mi_table *t, const struct mi_value *body)
{
    double value = mi_get_real(body, "value", (double)NAN);
    double lo = mi_get_real(body, "lo", (double)NAN), hi = mi_get_real(body, "hi", (double)NAN);
    char text[120] = "";

    if (!isnan(value) && (isnan(lo) || isnan(hi)))
        snprintf(text, sizeof text, "%.4g", value);
    else if (!isnan(value))
        snprintf(text, sizeof text, "%.4g [%.4g, %.4g]", value, lo, hi);
    mi_table_str(t, text);
}

/* ---- verdicts ---------------------------------------------------------------------- */

/* "above 0.2", "between -0.1 and 0.1". */
static void add_rule(struct mi_table *t, const struct mi_value *v)
{
    const struct mi_value *margin = mi_get(v, "margin");
    const char *rule = mi_get_str(v, "rule", "");
    struct mi_buf b = {0};

    mi_buf_add_text(&b, rule);
    if (mi_is(margin, MI_ARRAY) && margin->as.array.n == 2) {
        struct mi_value both = mi_map();
        struct mi_arena a = {0};

        mi_set(&a, &both, "lo", margin->as.array.item[0]);
        mi_set(&a, &both, "hi", margin->as.array.item[1]);
        mi_buf_addf(&b, " %.4g and %.4g", mi_get_real(&both, "lo", (double)NAN),
                    mi_get_real(&both, "hi", (double)NAN));
        mi_arena_free(&a);
    } else if (mi_is(margin, MI_REAL) || mi_is(margin, MI_INT)) {
        mi_buf_addf(&b, " %.4g", mi_get_real(v, "margin", 0));
    }
    mi_table_text(t, b.data ? b.data : "", b.len);
    mi_buf_free(&b);
}

/* "the behaviour is shown: supported". */
static void add_gate(struct mi_table *t, const struct mi_value *gate)
{
    struct mi_buf b = {0};

    if (mi_is(gate, MI_MAP))
        mi_buf_addf(&b, "%s: %s", mi_get_str(gate, "claim", ""), mi_get_str(gate, "verdict", ""));
    else if (mi_is(gate, MI_STR))
        mi_buf_add(&b, gate->as.bytes.at, gate->as.bytes.len);
    mi_table_text(t, b.data ? b.data : "", b.len);
    mi_buf_free(&b);
}

void mi_figure_verdicts(struct mi_page *p, const struct mi_value *verdicts)
{
    static const char *const titles[] = {
        "claim", "verdict", "metric", "value", "rule", "gate", "why, or what would refute it"};
    struct mi_table t = {0};

    for (int i = 0; i < 7; i++)
        mi_table_column(&t, titles[i], i == 3);
    for (size_t i = 0; i < verdicts->as.array.n; i++) {
        const struct mi_value *v = &verdicts->as.array.item[i];
        const char *why = mi_get_str(v, "why", NULL);

        mi_table_value(&t, mi_get(v, "claim"), false);
        mi_table_value(&t, mi_get(v, "verdict"), false);
        mi_table_value(&t, mi_get(v, "metric"), false);
        add_interval(&t, v);
        add_rule(&t, v);
        add_gate(&t, mi_get(v, "gate"));
        mi_table_str(&t, why ? why : mi_get_str(v, "refuted_by", ""));
    }
    mi_page_sayf(p, MI_PART_ASIDE,
                 "supported: the interval lies wholly beyond the margin; refuted: wholly short "
                 "of it; else undetermined, as is every claim whose gate is not supported");
    mi_page_table(p, &t);
}

/* ---- the card ------------------------------------------------------------------------ */

/* What was scored, from the keys that are not said elsewhere. */
static void add_subject(struct mi_table *t, const struct mi_value *body)
{
    static const char *const known[] = {"card", "metric", "value",  "lo",      "hi",
                                        "n",    "seed",   "reason", "control", "groups"};
    struct mi_buf b = {0};
    char text[64];

    for (size_t i = 0; i < body->as.map.n; i++) {
        const struct mi_member *m = &body->as.map.member[i];
        bool is_known = false;

        for (size_t k = 0; k < sizeof known / sizeof *known; k++)
            is_known = is_known || strcmp(m->key, known[k]) == 0;
        if (is_known ||
            (m->value.kind != MI_STR && m->value.kind != MI_INT && m->value.kind != MI_REAL))
            continue;
        mi_buf_add_text(&b, b.len ? ", " : "");
        if (m->value.kind == MI_STR)
            mi_buf_add(&b, m->value.as.bytes.at, m->value.as.bytes.len);
        else {
            snprintf(text, sizeof text, "%.6g", mi_get_real(body, m->key, 0));
            mi_buf_addf(&b, "%s %s", m->key, text);
        }
    }
    mi_table_text(t, b.data ? b.data : "", b.len);
    mi_buf_free(&b);
}

static void add_row(struct mi_table *t, const struct condition *c, const struct mi_value *body,
                    bool is_first)
{
    mi_table_str(t, is_first ? c->id : "");
    mi_table_str(t, is_first ? c->name : "");
    mi_table_value(t, mi_get(body, "metric"), false);
    if (body)
        add_subject(t, body);
    else
        mi_table_str(t, "");
    mi_table_value(t, mi_get(body, "control"), false);
    if (body)
        add_interval(t, body);
    else
        mi_table_str(t, "");
    if (!body)
        mi_table_str(t, "not offered: no stream of this report holds it");
    else
        mi_table_str(t, mi_get_str(body, "reason", is_first ? c->asks : ""));
}

/* Values and intervals of one metric of the card, where it has several. */
void mi_figure_card(struct mi_page *p, const struct mi_value *scores)
{
    static const char *const titles[] = {"",        "condition", "metric",          "of",
                                         "control", "value",     "asks, or why not"};
    struct mi_table t = {0};

    for (int i = 0; i < 7; i++)
        mi_table_column(&t, titles[i], i == 5);
    for (int c = 0; c < N_CONDITIONS; c++) {
        bool is_first = true;

        for (size_t i = 0; i < scores->as.array.n; i++) {
            const struct mi_value *body = &scores->as.array.item[i];

            if (strcmp(mi_get_str(body, "card", ""), conditions[c].id) != 0)
                continue;
            add_row(&t, &conditions[c], body, is_first);
            is_first = false;
        }
        if (is_first)
            add_row(&t, &conditions[c], NULL, true);
    }
    mi_page_sayf(p, MI_PART_ASIDE,
                 "the nine conditions of a direction that represents a behaviour; values with "
                 "their intervals, controls beside them");
    mi_page_table(p, &t);
}
