#include "job/effects.h"

#include "base/mem.h"
#include "method/effect.h"

#include <math.h>
#include <string.h>

/* What all pairs gave for one subject. */
struct mi_effect_cell {
    struct mi_effect_subject subject; /* its strings and place are copies */
    struct mi_place place;
    int64_t *pair; /* [n] */
    double *value; /* [n, metrics] */
    size_t n, cap_pair, cap_value;
};

void mi_effects_init(struct mi_effects *e, const struct mi_effects_options *o,
                     const struct mi_measures *m, struct mi_writer *out)
{
    *e = (struct mi_effects){.o = o, .measures = m, .out = out};
}

/* ---- one pair -------------------------------------------------------------------- */

static int put_prompt(struct mi_effects *e, const struct mi_item *item, struct mi_error *err)
{
    struct mi_prompt_record p = item->prompt;
    struct mi_value body;

    mi_arena_reset(&e->arena);
    body = mi_prompt_body(&e->arena, &p);
    return mi_writer_put(e->out, "prompt", &body, err);
}

int mi_effects_begin(struct mi_effects *e, const struct mi_pair *p, const double *base,
                     const double *source, struct mi_error *err)
{
    size_t at = (size_t)e->n_pairs * (size_t)e->measures->n, n = at + (size_t)e->measures->n;
    int r;

    e->base = mi_grow(e->base, &e->cap_base, n, sizeof *e->base);
    e->source = mi_grow(e->source, &e->cap_source, n, sizeof *e->source);
    e->group = mi_grow(e->group, &e->cap_group, (size_t)e->n_pairs + 1, sizeof *e->group);
    for (int i = 0; i < e->measures->n; i++) {
        e->base[at + (size_t)i] = base[i];
        e->source[at + (size_t)i] = source ? source[i] : (double)NAN;
    }
    e->group[e->n_pairs] = (int32_t)mi_intern_add(&e->groups, p->group, strlen(p->group));
    e->n_pairs++;
    e->id = p->base.prompt.id;
    r = put_prompt(e, &p->base, err);
    return r < 0 || !p->has_source ? r : put_prompt(e, &p->source, err);
}

static struct mi_effect_record describe(const struct mi_effects *e,
                                        const struct mi_effect_subject *s, int metric)
{
    const struct mi_measure *q = &e->measures->item[metric];
    bool is_projection = q->kind == MI_MEASURE_PROJECTION;
    const double none = (double)NAN;
    struct mi_effect_record rec = {
        .position = s->position,
        .offset = s->offset,
        .to = s->to,
        .variant = s->variant,
        .subspace = s->subspace,
        .draw = s->draw,
        .method = e->o->method,
        .metric = q->metric->id,
        .at = is_projection ? q->at_text : NULL,
        .direction = is_projection ? q->digest : NULL,
        .lo = none,
        .hi = none,
        .difference_lo = none,
        .difference_hi = none,
    };

    rec.has_place = s->place != NULL;
    if (s->place)
        rec.place = *s->place;
    return rec;
}

static int put_effect(struct mi_effects *e, const struct mi_effect_record *rec,
                      struct mi_error *err)
{
    struct mi_value body;

    mi_arena_reset(&e->arena);
    body = mi_effect_body(&e->arena, rec);
    e->n_effects++;
    return mi_writer_put(e->out, "effect", &body, err);
}

static const char *keep_text(struct mi_effects *e, const char *s)
{
    return s ? mi_arena_dup(&e->names, s, strlen(s)) : NULL;
}

/* The cell of the subject in any pair: positions count from the end. */
static struct mi_effect_cell *cell_of(struct mi_effects *e, const struct mi_effect_subject *s)
{
    struct mi_buf key = {0};
    char text[48] = "";
    int64_t i, had = e->keys.n;
    struct mi_effect_cell *c;

    mi_buf_addf(&key, "%s %lld %s ", s->place ? mi_place_text(s->place, text) : "",
                (long long)s->offset, s->to ? s->to : "");
    if (s->subspace)
        mi_buf_addf(&key, "%lld %s", (long long)s->draw, s->subspace);
    mi_buf_add_text(&key, s->variant ? s->variant : "");
    i = mi_intern_add(&e->keys, mi_buf_text(&key), key.len);
    mi_buf_free(&key);
    e->cell = mi_grow(e->cell, &e->cap_cells, (size_t)i + 1, sizeof *e->cell);
    c = &e->cell[i];
    if (i < had)
        return c;
    *c = (struct mi_effect_cell){.subject = *s};
    c->subject.position = -1;
    c->subject.to = keep_text(e, s->to);
    c->subject.variant = keep_text(e, s->variant);
    c->subject.subspace = keep_text(e, s->subspace);
    if (s->place)
        c->place = *s->place;
    return c;
}

static void keep_values(struct mi_effects *e, const struct mi_effect_subject *s,
                        const double *patched)
{
    struct mi_effect_cell *c = cell_of(e, s);
    size_t m = (size_t)e->measures->n;

    c->pair = mi_grow(c->pair, &c->cap_pair, c->n + 1, sizeof *c->pair);
    c->value = mi_grow(c->value, &c->cap_value, (c->n + 1) * m, sizeof *c->value);
    c->pair[c->n] = e->n_pairs - 1;
    memcpy(c->value + c->n * m, patched, m * sizeof *patched);
    c->n++;
}

int mi_effects_add(struct mi_effects *e, const struct mi_effect_subject *s, const double *patched,
                   struct mi_error *err)
{
    int64_t at = (e->n_pairs - 1) * e->measures->n;
    int r = 0;

    for (int i = 0; i < e->measures->n && r == 0; i++) {
        struct mi_effect_record rec = describe(e, s, i);

        rec.id = e->id;
        rec.n = 1;
        rec.base = e->base[at + i];
        rec.source = e->source[at + i];
        rec.patched = patched[i];
        rec.effect = mi_effect_one(rec.base, rec.source, rec.patched);
        rec.difference = rec.patched - rec.base;
        r = put_effect(e, &rec, err);
    }
    if (e->o->aggregate)
        keep_values(e, s, patched);
    return r;
}

/* ---- aggregates ------------------------------------------------------------------ */

/* Columns of one metric over a cell's pairs, and its groups numbered anew: of the pairs that
 * have the subject, in the order in which they came. */
struct column {
    double *base, *source, *patched;
    int32_t *group;
    int32_t n_groups;
};

static void fill_column(const struct mi_effects *e, const struct mi_effect_cell *c, int metric,
                        struct column *col, int32_t *renumber)
{
    int m = e->measures->n;

    for (int64_t g = 0; g < e->groups.n; g++)
        renumber[g] = -1;
    col->n_groups = 0;
    for (size_t i = 0; i < c->n; i++) {
        int64_t pair = c->pair[i];
        int32_t *g = &renumber[e->group[pair]];

        if (*g < 0)
            *g = col->n_groups++;
        col->group[i] = *g;
        col->base[i] = e->base[pair * m + metric];
        col->source[i] = e->source[pair * m + metric];
        col->patched[i] = c->value[(int64_t)i * m + metric];
    }
}

static bool has_sources(const double *source, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (isnan(source[i]))
            return false;
    return true;
}

static int put_aggregate(struct mi_effects *e, const struct mi_effect_cell *c, int metric,
                         const struct column *col, const struct mi_resamples *resamples,
                         struct mi_error *err)
{
    struct mi_effect_cases cases = {.n = (int64_t)c->n,
                                    .base = col->base,
                                    .patched = col->patched,
                                    .source = has_sources(col->source, c->n) ? col->source : NULL,
                                    .group = col->group};
    struct mi_effect_subject s = c->subject;
    struct mi_effect_figures f;
    struct mi_effect_record rec;

    if (s.place)
        s.place = &c->place;
    mi_effect_figures(&f, &cases, resamples, e->o->level);
    rec = describe(e, &s, metric);
    rec.n = cases.n;
    rec.groups = col->n_groups;
    rec.base = f.base;
    rec.source = f.source;
    rec.patched = f.patched;
    rec.effect = f.effect;
    rec.lo = f.effect_interval.lo;
    rec.hi = f.effect_interval.hi;
    rec.difference = f.difference;
    rec.difference_lo = f.difference_interval.lo;
    rec.difference_hi = f.difference_interval.hi;
    if (f.is_refused) {
        rec.refused = "the interval of source - base contains 0";
        e->n_refused++;
    }
    return put_effect(e, &rec, err);
}

static int put_cell(struct mi_effects *e, const struct mi_effect_cell *c, struct column *col,
                    int32_t *renumber, struct mi_resamples *resamples, struct mi_error *err)
{
    bool is_enough;
    int r = 0;

    for (int i = 0; i < e->measures->n && r == 0; i++) {
        fill_column(e, c, i, col, renumber);
        /* a position that few pairs have gets no interval, and so no effect */
        is_enough = e->o->n_bootstrap > 0 && col->n_groups >= MI_BOOTSTRAP_MIN_GROUPS;
        if (e->o->n_bootstrap > 0 && !is_enough)
            continue;
        if (resamples->n_groups != col->n_groups) {
            mi_resamples_free(resamples);
            mi_resamples_init(resamples, col->n_groups, e->o->n_bootstrap, e->o->seed);
        }
        r = put_aggregate(e, c, i, col, resamples, err);
    }
    return r;
}

int mi_effects_end(struct mi_effects *e, struct mi_error *err)
{
    size_t n = (size_t)e->n_pairs;
    struct mi_resamples resamples = {0};
    struct column col = {0};
    int32_t *renumber;
    int r = 0;

    if (!e->o->aggregate)
        return 0;
    if (e->o->n_bootstrap > 0 && e->groups.n < MI_BOOTSTRAP_MIN_GROUPS)
        return mi_fail(err, MI_EXIT_DATA,
                       "--aggregate: %lld groups are too few for an interval (%d are needed); "
                       "without --aggregate every pair has its own effects",
                       (long long)e->groups.n, MI_BOOTSTRAP_MIN_GROUPS);
    renumber = mi_alloc_n((size_t)e->groups.n, sizeof *renumber);
    col.base = mi_alloc_n(n, sizeof *col.base);
    col.source = mi_alloc_n(n, sizeof *col.source);
    col.patched = mi_alloc_n(n, sizeof *col.patched);
    col.group = mi_alloc_n(n, sizeof *col.group);
    for (int64_t i = 0; i < e->keys.n && r == 0; i++)
        r = put_cell(e, &e->cell[i], &col, renumber, &resamples, err);
    mi_resamples_free(&resamples);
    mi_free(col.base);
    mi_free(col.source);
    mi_free(col.patched);
    mi_free(col.group);
    mi_free(renumber);
    return r;
}

void mi_effects_free(struct mi_effects *e)
{
    for (int64_t i = 0; i < e->keys.n; i++) {
        mi_free(e->cell[i].pair);
        mi_free(e->cell[i].value);
    }
    mi_free(e->cell);
    mi_free(e->base);
    mi_free(e->source);
    mi_free(e->group);
    mi_intern_free(&e->groups);
    mi_intern_free(&e->keys);
    mi_arena_free(&e->arena);
    mi_arena_free(&e->names);
    *e = (struct mi_effects){0};
}
