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

    if (!isnan(value) && (isnan(lo) || isnan(hi) || lo == hi))
        snprintf(text, sizeof text, "%.3g", value);
    else if (!isnan(value))
        snprintf(text, sizeof text, "%.3g [%.3g, %.3g]", value, lo, hi);
    mi_table_str(t, text);
}

/* ---- verdicts ---------------------------------------------------------------------- */

/* "auroc above 0.2", "kl between -0.1 and 0.1". */
static void add_rule(struct mi_table *t, const struct mi_value *v)
{
    const struct mi_value *margin = mi_get(v, "margin");
    struct mi_buf b = {0};

    mi_buf_addf(&b, "%s %s", mi_get_str(v, "metric", ""), mi_get_str(v, "rule", ""));
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

/* Why nothing is said, what gate was not passed, and what its author says would refute the
 * claim. What the rule itself says is not said again. */
static void add_note(struct mi_table *t, const struct mi_value *v)
{
    const char *why = mi_get_str(v, "why", NULL), *refuted_by = mi_get_str(v, "refuted_by", NULL);
    const struct mi_value *gate = mi_get(v, "gate");
    const char *passed = mi_is(gate, MI_MAP) ? mi_get_str(gate, "verdict", "") : "supported";
    struct mi_buf b = {0};

    if (strcmp(passed, "supported") != 0)
        mi_buf_addf(&b, "%s: %s", mi_get_str(gate, "claim", ""), passed);
    else if (why)
        mi_buf_add_text(&b, why);
    else if (refuted_by && strncmp(refuted_by, "an interval of ", 15) != 0)
        mi_buf_addf(&b, "refuted by: %s", refuted_by);
    mi_table_text(t, b.data ? b.data : "", b.len);
    mi_buf_free(&b);
}

void mi_figure_verdicts(struct mi_page *p, const struct mi_value *verdicts)
{
    static const char *const titles[] = {"claim", "verdict", "value", "supported when", "note"};
    struct mi_table t = {.is_wrapped = true};

    for (int i = 0; i < 5; i++)
        mi_table_column(&t, titles[i], i == 2);
    for (size_t i = 0; i < verdicts->as.array.n; i++) {
        const struct mi_value *v = &verdicts->as.array.item[i];

        mi_table_value(&t, mi_get(v, "claim"), false);
        mi_table_value(&t, mi_get(v, "verdict"), false);
        add_interval(&t, v);
        add_rule(&t, v);
        add_note(&t, v);
    }
    mi_page_sayf(p, MI_PART_ASIDE,
                 "supported: the interval lies wholly beyond the margin; refuted: wholly short "
                 "of it; else undetermined, as is every claim whose gate is not supported");
    mi_page_table(p, &t);
}

/* ---- the card ------------------------------------------------------------------------ */

/* Keys that the table says elsewhere, or that tell nobody anything here. */
static bool is_told(const char *key)
{
    static const char *const told[] = {"card",   "metric", "value",    "lo",     "hi",
                                       "n",      "seed",   "reason",   "groups", "control",
                                       "method", "draw",   "position", "of",     "subspace"};

    for (size_t k = 0; k < sizeof told / sizeof *told; k++)
        if (strcmp(key, told[k]) == 0)
            return true;
    return false;
}

static bool is_scalar(const struct mi_value *v)
{
    return v->kind == MI_STR || v->kind == MI_INT || v->kind == MI_REAL;
}

/* "auroc: resid_post, layer 5". */
static void add_subject(struct mi_table *t, const struct mi_value *body)
{
    struct mi_buf b = {0};
    bool is_first = true;

    mi_buf_add_text(&b, mi_get_str(body, "metric", ""));
    for (size_t i = 0; i < body->as.map.n; i++) {
        const struct mi_member *m = &body->as.map.member[i];

        if (is_told(m->key) || !is_scalar(&m->value))
            continue;
        mi_buf_add_text(&b, is_first ? ": " : ", ");
        is_first = false;
        if (m->value.kind == MI_STR)
            mi_buf_add(&b, m->value.as.bytes.at, m->value.as.bytes.len);
        else
            mi_buf_addf(&b, "%s %.6g", m->key, mi_get_real(body, m->key, 0));
    }
    mi_table_text(t, b.data, b.len);
    mi_buf_free(&b);
}

/* Is this the control of the figure: a control, and alike in all that was scored but the edit? */
static bool is_control_of(const struct mi_value *control, const struct mi_value *body)
{
    if (!mi_get_str(control, "control", NULL) ||
        strcmp(mi_get_str(control, "metric", ""), mi_get_str(body, "metric", "")) != 0)
        return false;
    for (size_t i = 0; i < body->as.map.n; i++) {
        const struct mi_member *m = &body->as.map.member[i];
        const struct mi_value *other = mi_get(control, m->key);

        if (is_told(m->key) ? strcmp(m->key, "card") != 0 : strcmp(m->key, "variant") == 0)
            continue;
        if (is_scalar(&m->value) && (!other || !mi_value_equal(&m->value, other)))
            return false;
    }
    return true;
}

/* The controls of a figure beside it, or why there is no figure. */
static void add_controls(struct mi_table *t, const struct mi_value *scores,
                         const struct mi_value *body)
{
    struct mi_buf b = {0};
    const char *reason = mi_get_str(body, "reason", NULL);

    for (size_t i = 0; !reason && i < scores->as.array.n; i++) {
        const struct mi_value *c = &scores->as.array.item[i];

        if (is_control_of(c, body))
            mi_buf_addf(&b, "%s%s %.3g [%.3g, %.3g]", b.len ? "; " : "",
                        mi_get_str(c, "control", ""), mi_get_real(c, "value", (double)NAN),
                        mi_get_real(c, "lo", (double)NAN), mi_get_real(c, "hi", (double)NAN));
    }
    mi_table_str(t, reason ? reason : b.data ? mi_buf_text(&b) : "");
    mi_buf_free(&b);
}

static void add_condition(struct mi_table *t, const struct condition *c, bool is_first)
{
    struct mi_buf b = {0};

    if (is_first)
        mi_buf_addf(&b, "%s %s: %s", c->id, c->name, c->asks);
    mi_table_text(t, b.data ? b.data : "", b.len);
    mi_buf_free(&b);
}

/* Figures of a condition, each with its interval and its controls (mean and range of their
 * draws) beside it. */
void mi_figure_card(struct mi_page *p, const struct mi_value *scores)
{
    static const char *const titles[] = {"condition", "figure", "value", "controls, or why not"};
    struct mi_table t = {.is_wrapped = true};

    for (int i = 0; i < 4; i++)
        mi_table_column(&t, titles[i], i == 2);
    for (int c = 0; c < N_CONDITIONS; c++) {
        bool is_first = true;

        for (size_t i = 0; i < scores->as.array.n; i++) {
            const struct mi_value *body = &scores->as.array.item[i];

            if (strcmp(mi_get_str(body, "card", ""), conditions[c].id) != 0 ||
                mi_get_str(body, "control", NULL) || mi_get_str(body, "run", NULL))
                continue; /* a run is one side of a difference, which stands there itself */
            add_condition(&t, &conditions[c], is_first);
            add_subject(&t, body);
            add_interval(&t, body);
            add_controls(&t, scores, body);
            is_first = false;
        }
        if (is_first) {
            add_condition(&t, &conditions[c], true);
            mi_table_str(&t, "");
            mi_table_str(&t, "");
            mi_table_str(&t, "not offered: no stream of this report holds it");
        }
    }
    mi_page_sayf(p, MI_PART_ASIDE,
                 "the nine conditions of a direction that represents a behaviour; values with "
                 "their intervals, of controls the mean and the range of their draws");
    mi_page_table(p, &t);
}
