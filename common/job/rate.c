#include "job/rate.h"

#include "base/escape.h"
#include "base/mem.h"
#include "data/metric.h"
#include "stats/group_mean.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- one cell ------------------------------------------------------------------- */

/* The cases of a cell, their groups numbered from 0, and its replicates. */
struct cell {
    const struct mi_value *fields; /* NULL: everything */
    size_t *item;                  /* [n] into the runs */
    int32_t *group;                /* [n] */
    size_t n;
    struct mi_intern groups;
    struct mi_resamples boot;
};

static int open_cell(struct cell *c, const struct mi_runs *runs, int64_t number, int n_cells,
                     const struct mi_scores *s, struct mi_error *err)
{
    char where[64] = "the runs";

    *c = (struct cell){.fields = runs->cells.n > number ? &runs->cell[number] : NULL};
    c->item = mi_alloc_n(runs->n, sizeof *c->item);
    c->group = mi_alloc_n(runs->n, sizeof *c->group);
    for (size_t i = 0; i < runs->n; i++) {
        const char *group = runs->item[i].group;

        if (runs->item[i].cell != number)
            continue;
        c->item[c->n] = i;
        c->group[c->n++] = (int32_t)mi_intern_add(&c->groups, group, strlen(group));
    }
    if (n_cells > 1)
        snprintf(where, sizeof where, "cell %d of %d", (int)number + 1, n_cells);
    return mi_scores_resample(s, &c->boot, c->groups.n, where, err);
}

static void close_cell(struct cell *c)
{
    mi_free(c->item);
    mi_free(c->group);
    mi_intern_free(&c->groups);
    mi_resamples_free(&c->boot);
}

/* What a record is of: the cell's fields, then the positions of a figure that has them. */
static struct mi_value describe(struct mi_arena *a, const struct cell *c, enum mi_run_figure f,
                                const char *positions)
{
    struct mi_value of = mi_map();

    for (size_t i = 0; c->fields && i < c->fields->as.map.n; i++)
        mi_set(a, &of, c->fields->as.map.member[i].key, c->fields->as.map.member[i].value);
    if (positions && mi_run_figure_has_positions(f))
        mi_set(a, &of, "position", mi_str(positions));
    return of;
}

/* All groups agree: no certainty all the same. */
static void widen(struct mi_figure *f, const struct cell *c, const struct mi_metric *m,
                  double level)
{
    double more = mi_unseen_share((int32_t)c->groups.n, level) * (m->highest - m->lowest);

    if (isinf(more))
        return;
    f->lo = fmax(f->lo - more, m->lowest);
    f->hi = fmin(f->hi + more, m->highest);
}

/* value [c->n], in the order of the cell. */
static int put_mean(struct mi_scores *s, const struct cell *c, const double *value,
                    const struct mi_value *of, const char *metric, struct mi_error *err)
{
    struct mi_figure f = {.n = (int64_t)c->n};
    struct mi_interval interval;
    struct mi_group_mean m;

    mi_group_mean_init(&m, (int32_t)c->groups.n);
    for (size_t i = 0; i < c->n; i++)
        mi_group_mean_add(&m, c->group[i], value[i]);
    interval = mi_group_mean_interval(&m, &c->boot, s->level);
    f.value = mi_group_mean(&m, NULL);
    f.lo = interval.lo;
    f.hi = interval.hi;
    mi_group_mean_free(&m);
    if (f.lo == f.hi)
        widen(&f, c, mi_metric_find(metric), s->level);
    return mi_scores_put(s, of, metric, &f, NULL, err);
}

/* ---- rates ---------------------------------------------------------------------- */

static int rate_cell(const struct mi_runs *runs, const struct cell *c, enum mi_run_figure f,
                     const char *positions, struct mi_scores *s, struct mi_error *err)
{
    double *value = mi_alloc_n(c->n, sizeof *value);
    struct mi_arena a = {0};
    struct mi_value of = describe(&a, c, f, positions);
    int r;

    mi_set(&a, &of, "groups", mi_int(c->groups.n));
    for (size_t i = 0; i < c->n; i++)
        value[i] = runs->item[c->item[i]].value[f];
    r = put_mean(s, c, value, &of, mi_run_figure_mean(f), err);
    mi_arena_free(&a);
    mi_free(value);
    return r;
}

int mi_rate(const struct mi_runs *runs, const enum mi_run_figure *figure, int n_figures,
            const char *positions, struct mi_scores *s, struct mi_error *err)
{
    int64_t n = runs->cells.n;
    int r = 0;

    for (int64_t k = 0; k < n && r == 0; k++) {
        struct cell c;

        r = open_cell(&c, runs, k, (int)n, s, err);
        for (int i = 0; i < n_figures && r == 0; i++)
            r = rate_cell(runs, &c, figure[i], positions, s, err);
        close_cell(&c);
    }
    return r;
}

/* ---- differences ---------------------------------------------------------------- */

/* match [a->n]: the case of b with the same id. */
static int match_ids(size_t *match, const struct mi_runs *a, const struct mi_runs *b,
                     enum mi_run_figure f, struct mi_error *err)
{
    for (size_t i = 0; i < a->n; i++) {
        int64_t k = mi_intern_find(&b->ids, a->item[i].id, strlen(a->item[i].id));

        if (k < 0)
            return mi_fail(err, MI_EXIT_DATA, "prompt '%s' is in the first run only",
                           mi_quote(a->item[i].id));
        match[i] = (size_t)k;
        if (f == MI_RUN_LOGP && a->item[i].tokens != b->item[k].tokens)
            return mi_fail(err, MI_EXIT_DATA,
                           "prompt '%s': the runs have different tokens at the positions, so their "
                           "log-probabilities do not compare (score one text under both: mi-run "
                           "--score)",
                           mi_quote(a->item[i].id));
    }
    for (size_t i = 0; a->n < b->n && i < b->n; i++)
        if (mi_intern_find(&a->ids, b->item[i].id, strlen(b->item[i].id)) < 0)
            return mi_fail(err, MI_EXIT_DATA, "prompt '%s' is in the second run only",
                           mi_quote(b->item[i].id));
    return 0;
}

static int diff_cell(const struct mi_runs *const runs[2], const size_t *match, const struct cell *c,
                     enum mi_run_figure f, const char *positions, struct mi_scores *s,
                     struct mi_error *err)
{
    static const char *const name[] = {NULL, "a", "b"};
    double *value = mi_alloc_n(3 * c->n, sizeof *value);
    int r = 0;

    for (size_t i = 0; i < c->n; i++) {
        value[c->n + i] = runs[0]->item[c->item[i]].value[f];
        value[2 * c->n + i] = runs[1]->item[match[c->item[i]]].value[f];
        value[i] = value[c->n + i] - value[2 * c->n + i];
    }
    for (size_t k = 0; k < 3 && r == 0; k++) {
        struct mi_arena a = {0};
        struct mi_value of = describe(&a, c, f, positions);

        mi_set(&a, &of, "run", name[k] ? mi_str(name[k]) : mi_nil());
        mi_set(&a, &of, "groups", mi_int(c->groups.n));
        r = put_mean(s, c, value + k * c->n, &of, k ? mi_run_figure_mean(f) : mi_run_figure_diff(f),
                     err);
        mi_arena_free(&a);
    }
    mi_free(value);
    return r;
}

int mi_diff(const struct mi_runs *a, const struct mi_runs *b, enum mi_run_figure f,
            const char *positions, struct mi_scores *s, struct mi_error *err)
{
    const struct mi_runs *const runs[2] = {a, b};
    size_t *match = mi_alloc_n(a->n, sizeof *match);
    int64_t n = a->cells.n;
    int r = match_ids(match, a, b, f, err);

    for (int64_t k = 0; k < n && r == 0; k++) {
        struct cell c;

        r = open_cell(&c, a, k, (int)n, s, err);
        if (r == 0)
            r = diff_cell(runs, match, &c, f, positions, s, err);
        close_cell(&c);
    }
    mi_free(match);
    return r;
}
