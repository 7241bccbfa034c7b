#include "job/evaluate.h"

#include "base/commas.h"
#include "base/escape.h"
#include "base/par.h"
#include "data/metric.h"
#include "job/scores.h"
#include "math/vec.h"
#include "stream/record.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MAX_LEAKS_NAMED = 5 };

int mi_evaluate_metrics(bool wants[MI_PROBE_FIGURES], const char *text, struct mi_error *err)
{
    const char *part;
    size_t len;

    memset(wants, 0, MI_PROBE_FIGURES * sizeof *wants);
    while (mi_commas_next(&text, &part, &len)) {
        const struct mi_metric *m;
        char word[64];
        int f = 0, r;

        snprintf(word, sizeof word, "%.*s", (int)(len < 63 ? len : 63), part);
        if ((r = mi_metric_need(word, &m, err)) < 0)
            return r;
        while (f < MI_PROBE_FIGURES && strcmp(mi_probe_figure_id((enum mi_probe_figure)f), word))
            f++;
        if (f == MI_PROBE_FIGURES)
            return mi_fail(err, MI_EXIT_USAGE,
                           "metric '%s' is not of probes: accuracy, pair_accuracy, auroc are",
                           word);
        wants[f] = true;
    }
    return 0;
}

/* ---- what is kept --------------------------------------------------------------- */

/* The directions at one place of the stream, and their scores of its rows. */
struct place {
    size_t *dir;            /* [n_dirs] into dirs->item */
    int n_dirs, n_own;      /* n_own: the random ones of ours, after them */
    double *v;              /* [n_dirs + n_own, D] */
    double *score;          /* [rows, n_dirs + n_own] */
    size_t cap;             /* of score, in numbers */
    struct mi_value scores; /* out: array of bodies */
    struct mi_arena arena;
    struct mi_error err;
    int status;
    bool is_ready;
};

struct evaluate {
    struct mi_acts *acts;
    const struct mi_dirs *dirs;
    const struct mi_evaluate_options *o;
    struct place *place; /* [cap] by the stream's place */
    size_t cap;
    struct mi_resamples boot;
    int64_t n_leaks; /* groups that some direction was fitted on */
};

/* The first rows of a place: which directions are here, in double. */
static int prepare(struct evaluate *e, struct place *p, const struct mi_acts_place *at,
                   struct mi_error *err)
{
    int64_t D = at->width;
    bool has_random = false;
    char text[48];
    float *v;

    p->is_ready = true;
    p->dir = mi_alloc_n(e->dirs->n, sizeof *p->dir);
    for (size_t i = 0; i < e->dirs->n; i++) {
        const struct mi_dir *d = &e->dirs->item[i];
        int r;

        if (!mi_dir_is_at(d, &at->place))
            continue;
        if ((r = mi_dir_check_width(d, D, err)) < 0)
            return r;
        has_random = has_random || (d->control && strcmp(d->control, "random") == 0);
        p->dir[p->n_dirs++] = i;
    }
    if (p->n_dirs == 0)
        return 0;
    p->n_own = has_random ? 0 : e->o->n_random;
    p->v = mi_alloc_n((size_t)(p->n_dirs + p->n_own) * (size_t)D, sizeof *p->v);
    v = mi_alloc_n((size_t)D, sizeof *v);
    for (int i = 0; i < p->n_dirs + p->n_own; i++) {
        if (i < p->n_dirs)
            memcpy(v, e->dirs->item[p->dir[i]].v, (size_t)D * sizeof *v);
        else
            mi_direction_random(v, D, e->o->seed, mi_place_text(&at->place, text), i - p->n_dirs);
        for (int64_t k = 0; k < D; k++)
            p->v[i * D + k] = (double)v[k];
    }
    mi_free(v);
    return 0;
}

struct scoring {
    struct place *p;
    const struct mi_acts_rows *rows;
};

static void score_row(void *ctx, int64_t i, int thread)
{
    const struct scoring *s = ctx;
    int n = s->p->n_dirs + s->p->n_own;
    double *out = s->p->score + (s->rows->first + i) * n;

    (void)thread;
    for (int k = 0; k < n; k++)
        out[k] = mi_vec_dot_row(s->rows->x + i * s->rows->width, s->p->v + k * s->rows->width,
                                s->rows->width);
}

static int take_rows(struct evaluate *e, const struct mi_acts_rows *rows, struct mi_error *err)
{
    size_t old = e->cap;
    struct place *p;
    int r, n;

    e->place = mi_grow(e->place, &e->cap, e->acts->n_places, sizeof *e->place);
    memset(e->place + old, 0, (e->cap - old) * sizeof *e->place);
    p = &e->place[rows->place];
    if (!p->is_ready && (r = prepare(e, p, &e->acts->place[rows->place], err)) < 0)
        return r;
    n = p->n_dirs + p->n_own;
    if (p->n_dirs == 0)
        return 0;
    p->score = mi_grow(p->score, &p->cap, (size_t)((rows->first + rows->n) * n), sizeof *p->score);
    mi_par_for(rows->n, score_row, &(struct scoring){p, rows});
    return 0;
}

/* ---- refusing ------------------------------------------------------------------- */

/* A group that a direction was fitted on tells nothing about unseen ones. */
static int check_leaks(struct evaluate *e, struct mi_error *err)
{
    const struct mi_intern *groups = &e->acts->groups;
    struct mi_buf b = {0};

    for (int64_t g = 0; g < groups->n; g++) {
        int64_t digest = mi_group_digest(groups->name[g], groups->len[g]);
        bool leaks = false;

        for (size_t i = 0; i < e->dirs->n && !leaks; i++)
            leaks = mi_dir_has_group(&e->dirs->item[i], digest);
        if (leaks && e->n_leaks++ < MAX_LEAKS_NAMED)
            mi_buf_addf(&b, "%s'%.30s'", b.len ? ", " : "", mi_quote(groups->name[g]));
    }
    if (e->n_leaks && !e->o->allow_leak)
        mi_fail(err, MI_EXIT_DATA,
                "%s: %lld of %lld groups were fitted on (%s%s): evaluate others (--part train and "
                "--part test), or say --allow-leak",
                mi_reader_name(&e->acts->reader), (long long)e->n_leaks, (long long)groups->n,
                mi_buf_text(&b), e->n_leaks > MAX_LEAKS_NAMED ? ", ..." : "");
    mi_buf_free(&b);
    return e->n_leaks && !e->o->allow_leak ? -MI_EXIT_DATA : 0;
}

static int check_group_count(const struct evaluate *e, struct mi_error *err)
{
    int64_t n = e->acts->groups.n;

    if (e->o->n_bootstrap > 0 && n < MI_BOOTSTRAP_MIN_GROUPS)
        return mi_fail(
            err, MI_EXIT_DATA,
            "%s: %lld group%s: an interval needs at least %d (--bootstrap 0 goes without)",
            mi_reader_name(&e->acts->reader), (long long)n, n == 1 ? "" : "s",
            MI_BOOTSTRAP_MIN_GROUPS);
    return 0;
}

/* ---- records -------------------------------------------------------------------- */

/* What is common to the records of one place. */
struct report {
    struct evaluate *e;
    struct place *p;
    const struct mi_acts_place *at;
    struct mi_cases cases;
    double *score; /* [cases.n] scratch, in the order of the cases */
};

static void put_scores(struct report *r, const struct mi_dir *d, const char *method,
                       const struct mi_figure f[MI_PROBE_FIGURES], const char *control)
{
    struct mi_arena *a = &r->p->arena;
    const char *position = d && d->rec.position ? d->rec.position : mi_acts_position(r->e->acts);
    int64_t n_leaks = 0;

    for (int64_t g = 0; d && r->e->n_leaks && g < r->e->acts->groups.n; g++)
        n_leaks += mi_dir_has_group(
            d, mi_group_digest(r->e->acts->groups.name[g], r->e->acts->groups.len[g]));
    for (int i = 0; i < MI_PROBE_FIGURES; i++) {
        struct mi_score_record rec = {.of = mi_map(),
                                      .metric = mi_probe_figure_id((enum mi_probe_figure)i),
                                      .value = f[i].value,
                                      .lo = f[i].lo,
                                      .hi = f[i].hi,
                                      .n = f[i].n,
                                      .control = control,
                                      .seed = (int64_t)r->e->o->seed};

        if (!r->e->o->wants[i] || isnan(f[i].value))
            continue;
        mi_place_set(a, &rec.of, &r->at->place);
        mi_set(a, &rec.of, "position", position ? mi_str_dup(a, position) : mi_nil());
        mi_set(a, &rec.of, "method", mi_str(method));
        mi_set(a, &rec.of, "groups", mi_int(r->e->acts->groups.n));
        if (n_leaks)
            mi_set(a, &rec.of, "leak", mi_int(n_leaks));
        mi_scores_add_keys(a, &rec.of, &r->e->o->of);
        mi_push(a, &r->p->scores, mi_score_body(a, &rec));
    }
}

/* Scores of column k of the place's table, in the order of the cases. */
static void pick_scores(struct report *r, int k)
{
    int n = r->p->n_dirs + r->p->n_own;

    for (int64_t i = 0; i < r->cases.n; i++)
        r->score[i] = r->p->score[r->cases.row[i] * n + k];
}

static void report_direction(struct report *r, int k)
{
    const struct mi_dir *d = &r->e->dirs->item[r->p->dir[k]];
    struct mi_figure f[MI_PROBE_FIGURES];

    pick_scores(r, k);
    mi_probe_figures(f, &r->cases, r->score, d->threshold,
                     r->e->o->n_bootstrap ? &r->e->boot : NULL, r->e->o->level);
    if (isnan(d->threshold))
        f[MI_PROBE_ACCURACY].value = (double)NAN;
    put_scores(r, d, d->rec.method, f, NULL);
}

/* Draws of a control, metric by metric. */
struct draws {
    double *value[MI_PROBE_FIGURES]; /* each [cap] */
    int n;
};

static void add_draw(struct draws *d, const struct mi_figure f[MI_PROBE_FIGURES])
{
    for (int i = 0; i < MI_PROBE_FIGURES; i++)
        d->value[i][d->n] = f[i].value;
    d->n++;
}

static void report_draws(struct report *r, const struct mi_dir *of, const char *method,
                         const char *control, struct draws *d)
{
    struct mi_figure f[MI_PROBE_FIGURES];

    if (d->n > 0) {
        for (int i = 0; i < MI_PROBE_FIGURES; i++)
            f[i] = mi_control_figure(d->value[i], d->n);
        put_scores(r, of, method, f, control);
    }
    d->n = 0;
}

/* The directions of one control that came with the stream, fitted like the others. */
static void report_fitted_control(struct report *r, const char *control, struct draws *d)
{
    for (int k = 0; k < r->p->n_dirs; k++) {
        const struct mi_dir *dir = &r->e->dirs->item[r->p->dir[k]];
        struct mi_figure f[MI_PROBE_FIGURES];

        if (!dir->control || strcmp(dir->control, control) != 0)
            continue;
        pick_scores(r, k);
        mi_probe_figures(f, &r->cases, r->score, dir->threshold, NULL, 0);
        add_draw(d, f);
    }
    report_draws(r, NULL, control, control, d);
}

static void report_own_random(struct report *r, struct draws *d)
{
    for (int k = r->p->n_dirs; k < r->p->n_dirs + r->p->n_own; k++) {
        struct mi_figure f[MI_PROBE_FIGURES];
        double threshold;

        pick_scores(r, k);
        mi_probe_orient(r->score, &r->cases, &threshold);
        mi_probe_figures(f, &r->cases, r->score, threshold, NULL, 0);
        add_draw(d, f);
    }
    report_draws(r, NULL, "random", "random", d);
}

/* The scores are those of the direction; the sides are not. A shuffle swaps the rows of
 * mates, so the scores are read again for each draw. */
static void report_permuted(struct report *r, int k, struct draws *d)
{
    const struct mi_dir *dir = &r->e->dirs->item[r->p->dir[k]];
    struct mi_cases real = r->cases;

    for (int draw = 0; draw < r->e->o->n_permuted; draw++) {
        struct mi_figure f[MI_PROBE_FIGURES];

        mi_cases_shuffle(&r->cases, &real, r->e->o->seed, draw, false);
        pick_scores(r, k);
        mi_probe_figures(f, &r->cases, r->score, dir->threshold, NULL, 0);
        if (isnan(dir->threshold))
            f[MI_PROBE_ACCURACY].value = (double)NAN;
        add_draw(d, f);
        mi_cases_free(&r->cases);
    }
    r->cases = real;
    report_draws(r, dir, dir->rec.method, "permuted", d);
}

static void report_place(struct report *r)
{
    size_t room = (size_t)(r->p->n_dirs + r->p->n_own + r->e->o->n_permuted);
    struct draws d = {0};

    for (int i = 0; i < MI_PROBE_FIGURES; i++)
        d.value[i] = mi_alloc_n(room, sizeof *d.value[i]);
    for (int k = 0; k < r->p->n_dirs; k++)
        if (!r->e->dirs->item[r->p->dir[k]].control)
            report_direction(r, k);
    if (r->p->n_own)
        report_own_random(r, &d);
    else
        report_fitted_control(r, "random", &d);
    report_fitted_control(r, "shuffled", &d);
    for (int k = 0; k < r->p->n_dirs; k++)
        if (!r->e->dirs->item[r->p->dir[k]].control)
            report_permuted(r, k, &d);
    for (int i = 0; i < MI_PROBE_FIGURES; i++)
        mi_free(d.value[i]);
}

static void evaluate_place(void *ctx, int64_t i, int thread)
{
    struct evaluate *e = ctx;
    struct report r = {.e = e, .p = &e->place[i], .at = &e->acts->place[i]};
    int64_t n_pos;

    (void)thread;
    if (r.p->n_dirs == 0)
        return;
    r.p->scores = mi_array();
    r.p->status = mi_acts_cases(e->acts, i, &r.cases, NULL, &r.p->err);
    if (r.p->status < 0)
        return;
    n_pos = mi_cases_count(&r.cases, 1);
    if (n_pos == 0 || n_pos == r.cases.n) {
        r.p->status = mi_fail(&r.p->err, MI_EXIT_DATA,
                              "%s: all %lld rows are on the %s side: there is nothing to compare",
                              mi_reader_name(&e->acts->reader), (long long)r.cases.n,
                              n_pos ? "positive" : "negative");
    } else {
        r.score = mi_alloc_n((size_t)r.cases.n, sizeof *r.score);
        report_place(&r);
        mi_free(r.score);
    }
    mi_cases_free(&r.cases);
}

/* ---- the whole ------------------------------------------------------------------ */

static int write_scores(struct evaluate *e, struct mi_writer *out, int64_t *n_scores,
                        struct mi_error *err)
{
    for (size_t i = 0; i < e->acts->n_places; i++) {
        const struct place *p = &e->place[i];

        if (p->status < 0) {
            *err = p->err;
            return p->status;
        }
        for (size_t k = 0; p->n_dirs && k < p->scores.as.array.n; k++, (*n_scores)++) {
            int r = mi_writer_put(out, "score", &p->scores.as.array.item[k], err);

            if (r < 0)
                return r;
        }
    }
    return 0;
}

static void free_places(struct evaluate *e)
{
    for (size_t i = 0; i < e->cap; i++) {
        mi_free(e->place[i].dir);
        mi_free(e->place[i].v);
        mi_free(e->place[i].score);
        mi_arena_free(&e->place[i].arena);
    }
    mi_free(e->place);
    mi_resamples_free(&e->boot);
}

int mi_evaluate(struct mi_acts *acts, const struct mi_dirs *dirs,
                const struct mi_evaluate_options *o, struct mi_writer *out, int64_t *n_scores,
                struct mi_error *err)
{
    struct evaluate e = {.acts = acts, .dirs = dirs, .o = o};
    struct mi_acts_rows rows = {0};
    int r;

    *n_scores = 0;
    while ((r = mi_acts_next(acts, &rows, err)) > 0)
        if ((r = take_rows(&e, &rows, err)) < 0)
            break;
    if (r == 0)
        r = mi_acts_check_dirs(acts, dirs, err);
    if (r == 0)
        r = check_leaks(&e, err);
    if (r == 0)
        r = check_group_count(&e, err);
    if (r == 0) {
        if (o->n_bootstrap > 0)
            mi_resamples_init(&e.boot, (int32_t)acts->groups.n, o->n_bootstrap, o->seed);
        mi_par_for((int64_t)acts->n_places, evaluate_place, &e);
        r = write_scores(&e, out, n_scores, err);
    }
    free_places(&e);
    return r;
}
