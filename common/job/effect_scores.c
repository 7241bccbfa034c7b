#include "job/effect_scores.h"

#include "base/escape.h"
#include "base/mem.h"
#include "method/direction.h"
#include "stream/effect_record.h"

#include <fnmatch.h>
#include <math.h>
#include <string.h>

/* What becomes one score of each figure: an aggregate, or all draws of a control. */
struct line {
    struct mi_value of;  /* map */
    const char *metric;  /* that was swept */
    const char *control; /* NULL: none */
    const char *refused; /* the first reason */
    bool has_source;
    struct mi_figure effect, difference; /* of an aggregate */
    double *effects, *differences;       /* [n] of a control's draws */
    size_t n, cap_effects, cap_differences;
};

struct lines {
    const struct mi_effect_scores_options *o;
    struct line *item; /* [n] in the order in which they came */
    size_t n, cap;
    bool *is_used; /* [n_controls] */
    struct mi_arena arena;
};

int mi_effect_control_parse(struct mi_effect_control *c, const char *text, struct mi_arena *a,
                            struct mi_error *err)
{
    const char *eq = strchr(text, '=');

    if (!eq || eq == text || !eq[1])
        return mi_fail(err, MI_EXIT_USAGE, "'%s' is no NAME=PATTERN", mi_quote(text));
    *c = (struct mi_effect_control){mi_arena_dup(a, text, (size_t)(eq - text)), eq + 1};
    return 0;
}

/* ---- reading ---------------------------------------------------------------------- */

/* Which control an effect is of, NULL for none; *pattern as the user wrote it, or NULL. A part of
 * a control ("random.null", of mi-direction split) is one of its own. */
static const char *control_of(struct lines *l, const struct mi_effect_record *e,
                              const char **pattern)
{
    char *base = e->subspace ? mi_strndup(e->subspace, strcspn(e->subspace, ".")) : NULL;
    int m = base ? mi_method_find(base, NULL) : -1;

    mi_free(base);
    *pattern = NULL;
    if (m >= 0 && mi_method_info((enum mi_method)m)->is_control)
        return mi_arena_dup(&l->arena, e->subspace, strlen(e->subspace));
    for (int i = 0; e->variant && i < l->o->n_controls; i++)
        if (fnmatch(l->o->control[i].pattern, e->variant, 0) == 0) {
            l->is_used[i] = true;
            *pattern = l->o->control[i].pattern;
            return l->o->control[i].name;
        }
    return NULL;
}

/* What was changed and measured: the record's own keys; a control has a pattern for its labels and
 * no draw. */
static struct mi_value describe(struct mi_arena *a, const struct mi_value *body,
                                const char *control, const char *pattern)
{
    static const char *const keys[] = {"site",   "layer",   "head",      "position", "offset",
                                       "to",     "variant", "method",    "subspace", "draw",
                                       "metric", "at",      "direction", "groups"};
    struct mi_value of = mi_map();

    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const struct mi_value *v = mi_get(body, keys[i]);
        bool is_label = strcmp(keys[i], "variant") == 0, is_draw = strcmp(keys[i], "draw") == 0;

        mi_set(a, &of, strcmp(keys[i], "metric") == 0 ? "subject" : keys[i],
               is_label && pattern  ? mi_str(pattern)
               : is_draw && control ? mi_nil()
               : v                  ? mi_value_copy(a, v)
                                    : mi_nil());
    }
    return of;
}

/* The line of a control's draw: that of the draws before it, or a new one. Draws of one subject
 * follow each other, so it is looked for from the end. */
static struct line *line_of(struct lines *l, const struct mi_value *of, const char *control)
{
    for (size_t i = l->n; control && i-- > 0;)
        if (l->item[i].control && strcmp(l->item[i].control, control) == 0 &&
            mi_value_equal(&l->item[i].of, of))
            return &l->item[i];
    l->item = mi_grow(l->item, &l->cap, l->n + 1, sizeof *l->item);
    l->item[l->n] = (struct line){.of = *of, .control = control};
    return &l->item[l->n++];
}

static int take(struct lines *l, const struct mi_value *body, struct mi_error *err)
{
    struct mi_effect_record e;
    const char *control, *pattern;
    struct mi_value of;
    struct line *x;
    int r = mi_effect_read(body, &e, err);

    if (r < 0 || e.id)
        return r;
    control = control_of(l, &e, &pattern);
    of = describe(&l->arena, body, control, pattern);
    x = line_of(l, &of, control);
    x->metric = mi_get_str(&of, "subject", NULL);
    x->has_source = !isnan(e.source);
    if (e.refused && !x->refused)
        x->refused = mi_arena_dup(&l->arena, e.refused, strlen(e.refused));
    x->effect = (struct mi_figure){e.effect, e.lo, e.hi, e.n};
    x->difference = (struct mi_figure){e.difference, e.difference_lo, e.difference_hi, e.n};
    x->effects = mi_grow(x->effects, &x->cap_effects, x->n + 1, sizeof *x->effects);
    x->differences = mi_grow(x->differences, &x->cap_differences, x->n + 1, sizeof *x->differences);
    x->effects[x->n] = e.effect;
    x->differences[x->n++] = e.difference;
    return 0;
}

/* ---- writing ---------------------------------------------------------------------- */

static const char *difference_id(const char *metric)
{
    static const char *const ids[][2] = {{"logit_diff", "logit_diff_diff"},
                                         {"prob_diff", "prob_diff_diff"},
                                         {"logp", "target_logp_diff"},
                                         {"kl", "kl_diff"},
                                         {"projection", "projection_diff"}};

    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
        if (strcmp(ids[i][0], metric) == 0)
            return ids[i][1];
    return NULL;
}

static int put_line(struct lines *l, struct mi_scores *s, struct line *x, struct mi_error *err)
{
    const double none = (double)NAN;
    const char *id = difference_id(x->metric);
    struct mi_figure f = x->effect;
    struct mi_value of = x->of;
    int r;

    if (!id)
        return mi_fail(err, MI_EXIT_DATA, "effects on an unknown metric '%s'", mi_quote(x->metric));
    if (x->control) {
        x->difference = mi_control_figure(x->differences, (int)x->n);
        f = mi_control_figure(x->effects, (int)x->n);
    }
    r = mi_scores_put(s, &x->of, id, &x->difference, x->control, err);
    if (r < 0 || !x->has_source)
        return r;
    if (l->o->is_complement)
        f = (struct mi_figure){1 - f.value, 1 - f.hi, 1 - f.lo, f.n};
    if (x->refused || isnan(f.value)) {
        f = (struct mi_figure){none, none, none, f.n};
        mi_set(&l->arena, &of, "reason",
               mi_str(x->refused ? x->refused : "source and base do not differ"));
    }
    return mi_scores_put(s, &of, l->o->is_complement ? "completeness" : "effect", &f, x->control,
                         err);
}

static int check(const struct lines *l, const struct mi_reader *in, struct mi_error *err)
{
    if (l->n == 0)
        return mi_fail(err, MI_EXIT_DATA, "%s: no effects over all pairs (mi-patch --aggregate)",
                       mi_reader_name(in));
    for (int i = 0; i < l->o->n_controls; i++)
        if (!l->is_used[i])
            return mi_fail(err, MI_EXIT_DATA, "%s: no variant is called '%s'", mi_reader_name(in),
                           mi_quote(l->o->control[i].pattern));
    return 0;
}

int mi_effect_scores(struct mi_reader *in, const struct mi_effect_scores_options *o,
                     struct mi_scores *s, struct mi_error *err)
{
    struct lines l = {.o = o, .is_used = mi_alloc_zero((size_t)o->n_controls + 1, sizeof(bool))};
    struct mi_record rec;
    int r = 0;

    while (r == 0 && (r = mi_reader_next(in, &rec, err)) > 0)
        r = strcmp(rec.kind, "effect") == 0 && take(&l, rec.body, err) < 0
                ? mi_reader_blame(in, err)
                : 0;
    if (r == 0)
        r = check(&l, in, err);
    for (size_t i = 0; i < l.n && r == 0; i++)
        r = put_line(&l, s, &l.item[i], err);
    for (size_t i = 0; i < l.n; i++) {
        mi_free(l.item[i].effects);
        mi_free(l.item[i].differences);
    }
    mi_free(l.item);
    mi_free(l.is_used);
    mi_arena_free(&l.arena);
    return r;
}
