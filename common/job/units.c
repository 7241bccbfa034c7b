#include "job/units.h"

#include "base/mem.h"
#include "base/par.h"
#include "job/fit.h"
#include "stats/correlate.h"
#include "stats/moments.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct place {
    const struct mi_acts_place *at;
    const float *x; /* [rows, width] */
    struct mi_cases cases;
    double *mean, *sd, *r; /* [width] */
};

struct units {
    struct mi_acts *acts;
    const struct mi_units_options *o;
    uint64_t seed;
    struct mi_held held;
    struct place *place;    /* [acts->n_places] */
    double *most;           /* [n_permuted] largest |r| of a draw */
    struct mi_error *error; /* [n_places] */
};

/* One of the best. */
struct unit {
    double r;
    int64_t place, k;
};

/* ---- correlations --------------------------------------------------------------- */

/* A column that does not vary comes out of mi_column_scale with sd 1: its r is 0, not one. */
static void mark_constant(struct place *p)
{
    int64_t D = p->at->width;

    for (int64_t k = 0; k < D; k++) {
        float first = p->x[p->cases.row[0] * D + k];
        bool varies = false;

        for (int64_t i = 1; i < p->cases.n && !varies; i++)
            varies = p->x[p->cases.row[i] * D + k] != first;
        if (!varies)
            p->sd[k] = (double)NAN;
    }
}

static void correlate_place(void *ctx, int64_t i, int thread)
{
    struct units *u = ctx;
    struct place *p = &u->place[i];
    size_t n = (size_t)u->acts->place[i].width;
    int64_t n_pos;

    (void)thread;
    p->at = &u->acts->place[i];
    p->x = u->held.x[i];
    if (mi_acts_cases(u->acts, i, &p->cases, NULL, &u->error[i]) < 0)
        return;
    n_pos = mi_cases_count(&p->cases, 1);
    if (n_pos == 0 || n_pos == p->cases.n) {
        mi_fail(&u->error[i], MI_EXIT_DATA,
                "%s: all %lld rows are on one side: there is nothing to compare",
                mi_reader_name(&u->acts->reader), (long long)p->cases.n);
        return;
    }
    p->mean = mi_alloc_n(n, sizeof *p->mean);
    p->sd = mi_alloc_n(n, sizeof *p->sd);
    p->r = mi_alloc_n(n, sizeof *p->r);
    mi_column_scale(p->mean, p->sd, &p->cases, p->x, p->at->width);
    mark_constant(p);
    mi_correlate(p->r, &p->cases, p->x, p->at->width, p->mean, p->sd);
}

static double largest(const double *r, int64_t n, double most)
{
    for (int64_t k = 0; k < n; k++)
        if (fabs(r[k]) > most) /* never of NAN */
            most = fabs(r[k]);
    return most;
}

static void permute(void *ctx, int64_t draw, int thread)
{
    struct units *u = ctx;

    (void)thread;
    u->most[draw] = 0;
    for (size_t i = 0; i < u->acts->n_places; i++) {
        const struct place *p = &u->place[i];
        double *r = mi_alloc_n((size_t)p->at->width, sizeof *r);
        struct mi_cases shuffled;

        mi_cases_shuffle(&shuffled, &p->cases, u->seed, (int)draw, false);
        mi_correlate(r, &shuffled, p->x, p->at->width, p->mean, p->sd);
        u->most[draw] = largest(r, p->at->width, u->most[draw]);
        mi_cases_free(&shuffled);
        mi_free(r);
    }
}

/* ---- the best ------------------------------------------------------------------- */

static int compare_units(const void *a, const void *b)
{
    const struct unit *x = a, *y = b;

    if (fabs(x->r) != fabs(y->r))
        return fabs(x->r) < fabs(y->r) ? 1 : -1;
    if (x->place != y->place)
        return x->place < y->place ? -1 : 1;
    return (x->k > y->k) - (x->k < y->k);
}

/* All units that have a figure, the largest first; their number. */
static int64_t sort_units(const struct units *u, struct unit **out)
{
    struct unit *list = NULL;
    size_t cap = 0, n = 0;

    for (size_t i = 0; i < u->acts->n_places; i++)
        for (int64_t k = 0; k < u->place[i].at->width; k++)
            if (!isnan(u->place[i].r[k])) {
                list = mi_grow(list, &cap, n + 1, sizeof *list);
                list[n++] = (struct unit){u->place[i].r[k], (int64_t)i, k};
            }
    if (n)
        qsort(list, n, sizeof *list, compare_units);
    *out = list;
    return (int64_t)n;
}

struct column {
    const struct mi_cases *cases;
    double *value;
};

static double weigh(void *ctx, const int32_t *count)
{
    const struct column *c = ctx;

    return mi_correlation(c->cases, c->value, count);
}

static void set_common(const struct units *u, struct mi_arena *a, struct mi_value *of)
{
    const char *position = mi_acts_position(u->acts);

    mi_set(a, of, "position", position ? mi_str_dup(a, position) : mi_nil());
    mi_set(a, of, "groups", mi_int(u->acts->groups.n));
}

static int put_unit(const struct units *u, const struct unit *unit, int64_t rank,
                    const struct mi_resamples *boot, struct mi_scores *s, struct mi_error *err)
{
    const struct place *p = &u->place[unit->place];
    struct column c = {&p->cases, mi_alloc_n((size_t)p->cases.n, sizeof *c.value)};
    struct mi_figure f = {unit->r, (double)NAN, (double)NAN, p->cases.n};
    struct mi_arena a = {0};
    struct mi_value of = mi_map();
    int r;

    for (int64_t i = 0; i < p->cases.n; i++)
        c.value[i] = (double)p->x[p->cases.row[i] * p->at->width + unit->k];
    if (boot->n) {
        struct mi_interval i = mi_bootstrap(boot, s->level, weigh, &c);

        f.lo = i.lo;
        f.hi = i.hi;
    }
    mi_place_set(&a, &of, &p->at->place);
    mi_set(&a, &of, "unit", mi_int(unit->k));
    mi_set(&a, &of, "rank", mi_int(rank));
    set_common(u, &a, &of);
    r = mi_scores_put(s, &of, "correlation", &f, NULL, err);
    mi_arena_free(&a);
    mi_free(c.value);
    return r;
}

static int put_largest(const struct units *u, double most, int64_t n, struct mi_scores *s,
                       struct mi_error *err)
{
    struct mi_figure f = {most, (double)NAN, (double)NAN, n};
    struct mi_arena a = {0};
    struct mi_value of = mi_map();
    int r;

    mi_set(&a, &of, "units", mi_int(n));
    set_common(u, &a, &of);
    r = mi_scores_put(s, &of, "correlation_max", &f, NULL, err);
    if (r == 0 && u->o->n_permuted) {
        f = mi_control_figure(u->most, u->o->n_permuted);
        r = mi_scores_put(s, &of, "correlation_max", &f, "permuted", err);
    }
    mi_arena_free(&a);
    return r;
}

static int report(struct units *u, struct mi_scores *s, struct mi_error *err)
{
    struct mi_resamples boot = {0};
    struct unit *list;
    int64_t n = sort_units(u, &list);
    int r =
        n > 0
            ? mi_scores_resample(s, &boot, u->acts->groups.n, mi_reader_name(&u->acts->reader), err)
            : mi_fail(err, MI_EXIT_DATA, "%s: no unit varies", mi_reader_name(&u->acts->reader));

    if (r == 0)
        mi_par_for(u->o->n_permuted, permute, u);
    for (int64_t i = 0; i < n && i < u->o->n_top && r == 0; i++)
        r = put_unit(u, &list[i], i + 1, &boot, s, err);
    if (r == 0)
        r = put_largest(u, fabs(list[0].r), n, s, err);
    mi_resamples_free(&boot);
    mi_free(list);
    return r;
}

/* ---- the whole ------------------------------------------------------------------ */

static void free_units(struct units *u)
{
    for (size_t i = 0; u->place && i < u->acts->n_places; i++) {
        mi_cases_free(&u->place[i].cases);
        mi_free(u->place[i].mean);
        mi_free(u->place[i].sd);
        mi_free(u->place[i].r);
    }
    mi_free(u->place);
    mi_free(u->most);
    mi_free(u->error);
    mi_held_free(&u->held);
}

int mi_units(struct mi_acts *acts, const struct mi_units_options *o, struct mi_scores *s,
             struct mi_error *err)
{
    struct units u = {.acts = acts, .o = o, .seed = s->seed};
    int r = mi_held_read(&u.held, acts, o->max_memory, 0, err);

    if (r == 0) {
        u.place = mi_alloc_zero(acts->n_places, sizeof *u.place);
        u.error = mi_alloc_zero(acts->n_places, sizeof *u.error);
        u.most = mi_alloc_n((size_t)o->n_permuted + 1, sizeof *u.most);
        mi_par_for((int64_t)acts->n_places, correlate_place, &u);
        for (size_t i = 0; i < acts->n_places && r == 0; i++)
            if (u.error[i].code) {
                *err = u.error[i];
                r = -err->code;
            }
    }
    if (r == 0)
        r = report(&u, s, err);
    free_units(&u);
    return r;
}
