#include "job/transfer.h"

#include "base/escape.h"
#include "base/par.h"
#include "job/scores.h"
#include "stream/record.h"

#include <math.h>
#include <stdio.h>

struct transfer {
    struct mi_acts *acts;
    const struct mi_transfer_options *o;
    struct mi_held held;
    int32_t n_domains;       /* at least 1 */
    unsigned char *in_train; /* [n_groups] */
    struct cell *cell;       /* [n_places] */
};

/* What one place gives. */
struct cell {
    struct mi_value scores, probes; /* arrays of bodies */
    struct mi_direction *d;         /* [n_domains]: the probes borrow from them */
    struct mi_arena arena;
    struct mi_error err;
    int status;
};

/* The work at one place. */
struct work {
    const struct transfer *t;
    int64_t place;
    struct cell *cell;
    const float *x;
    int64_t D;
    struct mi_cases all;
    int32_t *domain_of_row; /* [n_rows] */
};

static int32_t *list_domains(const struct mi_acts *a, int64_t place)
{
    const struct mi_acts_place *p = &a->place[place];
    int32_t *domain = mi_alloc_zero((size_t)p->n_rows, sizeof *domain);

    for (size_t i = 0; i < a->n_prompts && i < p->cap; i++)
        for (int64_t k = 0; k < p->range[i].n; k++)
            domain[p->range[i].first + k] = a->prompt[i].domain;
    return domain;
}

/* The cases of one domain in one part. Of pairs the domain is the first member's. The groups
 * are numbered anew, so that the bootstrap draws those that are there. */
static void take_part(struct mi_cases *to, const struct work *w, int32_t domain, bool is_train)
{
    const struct mi_cases *s = &w->all;
    int64_t n = 0, step = s->is_paired ? 2 : 1;
    int32_t *number = mi_alloc_n((size_t)s->n_groups, sizeof *number);

    for (int32_t g = 0; g < s->n_groups; g++)
        number[g] = -1;
    mi_cases_init(to, s->n);
    to->is_paired = s->is_paired;
    for (int64_t i = 0; i < s->n; i += step) {
        if (w->domain_of_row[s->row[i]] != domain || w->t->in_train[s->group[i]] != is_train)
            continue;
        if (number[s->group[i]] < 0)
            number[s->group[i]] = to->n_groups++;
        for (int64_t k = i; k < i + step; k++, n++) {
            to->row[n] = s->row[k];
            to->side[n] = s->side[k];
            to->group[n] = number[s->group[k]];
            to->unit[n] = s->unit[k];
            to->key[n] = s->key[k];
        }
    }
    to->n = n;
    mi_free(number);
}

static const char *domain_name(const struct transfer *t, int32_t domain)
{
    return t->acts->domains.n ? t->acts->domains.name[domain] : NULL;
}

/* ---- one cell ------------------------------------------------------------------- */

static void put_scores(struct work *w, const char *method, const struct mi_figure *f,
                       const char *control, int32_t n_groups, int32_t from, int32_t on)
{
    const struct transfer *t = w->t;
    struct mi_arena *a = &w->cell->arena;
    const char *position = mi_acts_position(t->acts);

    for (int i = 0; i < MI_PROBE_FIGURES; i++) {
        struct mi_score_record rec = {.of = mi_map(),
                                      .metric = mi_probe_figure_id((enum mi_probe_figure)i),
                                      .value = f[i].value,
                                      .lo = f[i].lo,
                                      .hi = f[i].hi,
                                      .n = f[i].n,
                                      .control = control,
                                      .seed = (int64_t)t->o->seed};

        if (!t->o->wants[i] || isnan(f[i].value))
            continue;
        mi_place_set(a, &rec.of, &t->acts->place[w->place].place);
        mi_set(a, &rec.of, "position", position ? mi_str_dup(a, position) : mi_nil());
        mi_set(a, &rec.of, "method", mi_str(method));
        mi_set(a, &rec.of, "groups", mi_int(n_groups));
        if (domain_name(t, from)) {
            mi_set(a, &rec.of, "from", mi_str_dup(a, domain_name(t, from)));
            mi_set(a, &rec.of, "on", mi_str_dup(a, domain_name(t, on)));
        }
        mi_scores_add_keys(a, &rec.of, &t->o->of);
        mi_push(a, &w->cell->scores, mi_score_body(a, &rec));
    }
}

static void evaluate(struct mi_figure *f, const struct work *w, const struct mi_direction *d,
                     const struct mi_cases *test, const struct mi_resamples *boot)
{
    double *score = mi_alloc_n((size_t)test->n, sizeof *score);

    mi_direction_project(score, test, w->x, w->D, d->v);
    mi_probe_figures(f, test, score, d->threshold, boot, w->t->o->level);
    mi_free(score);
}

static struct mi_direction_options fit_options(const struct work *w, char text[48])
{
    const struct mi_transfer_options *o = w->t->o;

    return (struct mi_direction_options){
        .seed = o->seed,
        .place = mi_place_text(&w->t->acts->place[w->place].place, text),
        .l2 = o->l2,
        .rtol = o->rtol};
}

/* The directions of a control, fitted on a domain's training rows: random ones, or the method
 * itself on shuffled sides. [n_draws] */
static int fit_control(struct mi_direction *d, struct work *w, const struct mi_cases *train,
                       struct mi_logistic_scale *scale, bool is_random)
{
    const struct mi_transfer_options *o = w->t->o;
    char text[48];
    struct mi_direction_options options = fit_options(w, text);
    int r = 0;

    options.scale = scale;
    for (options.draw = 0; options.draw < o->n_draws && r == 0; options.draw++) {
        struct mi_cases null = {0};

        if (is_random) {
            r = mi_direction_fit(&d[options.draw], MI_METHOD_RANDOM, train, w->x, w->D, &options,
                                 &w->cell->err);
            continue;
        }
        mi_cases_shuffle(&null, train, o->seed, options.draw, true);
        r = mi_direction_fit(&d[options.draw], o->method, &null, w->x, w->D, &options,
                             &w->cell->err);
        mi_cases_free(&null);
    }
    return r;
}

static void put_control(struct work *w, const struct mi_direction *d, const struct mi_cases *test,
                        bool is_random, int32_t from, int32_t on)
{
    static const char *const names[] = {"shuffled", "random"};
    int n = w->t->o->n_draws;
    double *value = mi_alloc_n(MI_PROBE_FIGURES * (size_t)n, sizeof *value);
    struct mi_figure f[MI_PROBE_FIGURES];

    for (int draw = 0; draw < n; draw++) {
        evaluate(f, w, &d[draw], test, NULL);
        for (int i = 0; i < MI_PROBE_FIGURES; i++)
            value[i * n + draw] = f[i].value;
    }
    for (int i = 0; i < MI_PROBE_FIGURES; i++)
        f[i] = mi_control_figure(value + i * n, n);
    put_scores(w, names[is_random], f, names[is_random], test->n_groups, from, on);
    mi_free(value);
}

static int check_test(struct work *w, const struct mi_cases *test, int32_t on)
{
    const char *domain = domain_name(w->t, on);
    int64_t n_pos = mi_cases_count(test, 1);
    char where[80] = "";

    if (domain)
        snprintf(where, sizeof where, "%s '%.40s': ", w->t->acts->options.domain_by,
                 mi_quote(domain));
    if (n_pos == 0 || n_pos == test->n)
        return mi_fail(&w->cell->err, MI_EXIT_DATA, "%sthe test part has %s", where,
                       test->n ? "one side only" : "no rows");
    if (w->t->o->n_bootstrap && test->n_groups < MI_BOOTSTRAP_MIN_GROUPS)
        return mi_fail(&w->cell->err, MI_EXIT_DATA,
                       "%s%d test groups: an interval needs at least %d (--bootstrap 0 goes "
                       "without)",
                       where, test->n_groups, MI_BOOTSTRAP_MIN_GROUPS);
    return 0;
}

/* ---- one place ------------------------------------------------------------------ */

/* A fit with its controls, evaluated on every domain. */
struct fitted {
    struct mi_direction *probe;
    struct mi_direction *random, *shuffled; /* [n_draws] */
};

static int evaluate_on(struct work *w, const struct fitted *f, int32_t from, int32_t on)
{
    const struct mi_transfer_options *o = w->t->o;
    struct mi_figure figures[MI_PROBE_FIGURES];
    struct mi_resamples boot = {0};
    struct mi_cases test = {0};
    int r;

    take_part(&test, w, on, false);
    r = check_test(w, &test, on);
    if (r == 0) {
        if (o->n_bootstrap)
            mi_resamples_init(&boot, test.n_groups, o->n_bootstrap, o->seed);
        evaluate(figures, w, f->probe, &test, o->n_bootstrap ? &boot : NULL);
        put_scores(w, mi_method_info(o->method)->id, figures, NULL, test.n_groups, from, on);
        if (o->n_draws) {
            put_control(w, f->random, &test, true, from, on);
            put_control(w, f->shuffled, &test, false, from, on);
        }
        mi_resamples_free(&boot);
    }
    mi_cases_free(&test);
    return r;
}

static int fit_domain(struct work *w, struct fitted *f, int32_t from)
{
    const struct mi_transfer_options *o = w->t->o;
    struct mi_cases train = {0};
    struct mi_logistic_scale scale = {0};
    char text[48];
    struct mi_direction_options options = fit_options(w, text);
    int r;

    options.scale = &scale;
    take_part(&train, w, from, true);
    r = mi_direction_fit(f->probe, o->method, &train, w->x, w->D, &options, &w->cell->err);
    if (r == 0 && o->n_draws)
        r = fit_control(f->random, w, &train, NULL, true);
    if (r == 0 && o->n_draws)
        r = fit_control(f->shuffled, w, &train, &scale, false);
    if (r < 0 && domain_name(w->t, from))
        mi_fail_in(&w->cell->err, "%s '%.40s'", w->t->acts->options.domain_by,
                   mi_quote(domain_name(w->t, from)));
    mi_logistic_scale_free(&scale);
    mi_cases_free(&train);
    return r;
}

static int run_domain(struct work *w, int32_t from)
{
    int n = w->t->o->n_draws;
    struct fitted f = {.probe = &w->cell->d[from]};
    int r;

    f.random = mi_alloc_zero(2 * (size_t)n, sizeof *f.random);
    f.shuffled = f.random + n;
    r = fit_domain(w, &f, from);
    for (int32_t on = 0; on < w->t->n_domains && r == 0; on++)
        r = evaluate_on(w, &f, from, on);
    if (r == 0) {
        struct mi_value body = mi_fit_body(&w->cell->arena, w->t->acts, w->place, w->t->o->method,
                                           0, f.probe, w->t->in_train, 0);

        if (domain_name(w->t, from))
            mi_set(&w->cell->arena, &body, "domain",
                   mi_str_dup(&w->cell->arena, domain_name(w->t, from)));
        mi_push(&w->cell->arena, &w->cell->probes, body);
    }
    for (int i = 0; i < 2 * n; i++)
        mi_direction_free(&f.random[i]);
    mi_free(f.random);
    return r;
}

static void run_place(void *ctx, int64_t i, int thread)
{
    struct transfer *t = ctx;
    struct work w = {
        .t = t, .place = i, .cell = &t->cell[i], .x = t->held.x[i], .D = t->acts->place[i].width};

    (void)thread;
    w.cell->scores = w.cell->probes = mi_array();
    w.cell->d = mi_alloc_zero((size_t)t->n_domains, sizeof *w.cell->d);
    w.domain_of_row = list_domains(t->acts, i);
    w.cell->status = mi_acts_cases(t->acts, i, &w.all, NULL, &w.cell->err);
    for (int32_t from = 0; from < t->n_domains && w.cell->status == 0; from++)
        w.cell->status = run_domain(&w, from);
    if (w.cell->status < 0) {
        char text[48];

        mi_fail_in(&w.cell->err, "%s", mi_place_text(&t->acts->place[i].place, text));
    }
    mi_cases_free(&w.all);
    mi_free(w.domain_of_row);
}

/* ---- the whole ------------------------------------------------------------------ */

static int write_bodies(struct mi_writer *out, const char *kind, const struct mi_value *bodies,
                        int64_t *n, struct mi_error *err)
{
    for (size_t i = 0; i < bodies->as.array.n; i++) {
        int r = mi_writer_put(out, kind, &bodies->as.array.item[i], err);

        if (r < 0)
            return r;
        *n += 1;
    }
    return 0;
}

static void free_cells(struct transfer *t)
{
    for (size_t i = 0; t->cell && i < t->acts->n_places; i++) {
        for (int32_t k = 0; t->cell[i].d && k < t->n_domains; k++)
            mi_direction_free(&t->cell[i].d[k]);
        mi_free(t->cell[i].d);
        mi_arena_free(&t->cell[i].arena);
    }
    mi_free(t->cell);
    mi_free(t->in_train);
    mi_held_free(&t->held);
}

int mi_transfer(struct mi_acts *acts, const struct mi_transfer_options *o, struct mi_writer *out,
                struct mi_writer *probes, int64_t *n_scores, struct mi_error *err)
{
    struct transfer t = {.acts = acts, .o = o};
    int64_t n_probes = 0;
    int r = mi_held_read(&t.held, acts, o->max_memory, 3, err);

    *n_scores = 0;
    if (r == 0) {
        t.n_domains = acts->domains.n ? (int32_t)acts->domains.n : 1;
        t.in_train = mi_alloc_n((size_t)acts->groups.n, 1);
        for (int64_t g = 0; g < acts->groups.n; g++)
            t.in_train[g] = mi_in_train(o->seed, acts->groups.name[g], o->share);
        t.cell = mi_alloc_zero(acts->n_places, sizeof *t.cell);
        mi_par_for((int64_t)acts->n_places, run_place, &t);
    }
    for (size_t i = 0; r == 0 && i < acts->n_places; i++) {
        r = t.cell[i].status;
        if (r < 0) {
            *err = t.cell[i].err;
            mi_fail_in(err, "%s", mi_reader_name(&acts->reader));
            break;
        }
        r = write_bodies(out, "score", &t.cell[i].scores, n_scores, err);
        if (r == 0 && probes)
            r = write_bodies(probes, "dir", &t.cell[i].probes, &n_probes, err);
    }
    free_cells(&t);
    return r;
}
