#include "job/project.h"

#include "base/escape.h"
#include "job/scores.h"
#include "math/vec.h"
#include "stream/record.h"

#include <math.h>
#include <string.h>

/* The mean of one prompt over the places of one family that have come so far. */
struct pending {
    int64_t prompt;
    int family;
    int n; /* places */
    int64_t T;
    int64_t *positions; /* [T] */
    double *sum;        /* [T] */
};

/* Directions of one method and draw at the places of the mean. */
struct family {
    const struct mi_dir *first;
    size_t *dir; /* [n] into dirs->item, by place as they came */
    int n;
    size_t cap;
};

struct project {
    struct mi_acts *acts;
    const struct mi_dirs *dirs;
    const struct mi_project_options *o;
    struct mi_writer *out;
    struct mi_places mean;
    struct family *family; /* [n_families] */
    int n_families;
    int *family_of; /* [dirs->n] -1: not in the mean */
    struct pending *pending;
    size_t n_pending, cap_pending, cap_families;
    double *v, *values; /* scratch */
    size_t cap_v, cap_values;
    int64_t n_scores;
    struct mi_arena arena; /* of the record in hand */
};

static int put_prompt(void *out, const struct mi_value *body, struct mi_error *err)
{
    return mi_writer_put(out, "prompt", body, err);
}

void mi_project_acts(struct mi_acts_options *o, struct mi_writer *out)
{
    o->any_side = true;
    o->take_prompt = put_prompt;
    o->prompt_ctx = out;
}

static bool is_wanted(const struct project *p, const struct mi_dir *d)
{
    return p->o->with_controls || !d->control;
}

/* ---- what the figure is ---------------------------------------------------------- */

static bool has_threshold(const struct project *p, const struct mi_dir *d)
{
    return p->o->kind != MI_PROJECTION_RAW && !isnan(d->threshold);
}

static const char *metric_of(const struct project *p, const struct mi_dir *d)
{
    if (!has_threshold(p, d))
        return "projection";
    return p->o->kind == MI_PROJECTION_SCALED ? "projection_scaled" : "projection_signed";
}

static int check_dir(const struct project *p, const struct mi_dir *d, struct mi_error *err)
{
    char text[48];

    mi_place_text(&d->rec.place, text);
    if (p->o->kind == MI_PROJECTION_SCALED && (isnan(d->threshold) || !(d->rec.scale > 0)))
        return mi_fail(err, MI_EXIT_DATA,
                       "the direction '%s' at %s has no %s to count in (--scaled)",
                       mi_quote(d->rec.method), text, isnan(d->threshold) ? "threshold" : "scale");
    return 0;
}

/* ---- families -------------------------------------------------------------------- */

static bool is_same(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool is_of_family(const struct mi_dir *a, const struct mi_dir *b)
{
    return a->source == b->source && is_same(a->rec.method, b->rec.method) &&
           is_same(a->rec.position, b->rec.position) &&
           mi_get_int(&a->rec.extra, "draw", -1) == mi_get_int(&b->rec.extra, "draw", -1) &&
           is_same(mi_get_str(&a->rec.extra, "domain", NULL),
                   mi_get_str(&b->rec.extra, "domain", NULL));
}

static bool is_in_mean(const struct project *p, const struct mi_dir *d)
{
    for (size_t i = 0; i < p->mean.n; i++)
        if (mi_dir_is_at(d, &p->mean.item[i]))
            return true;
    return false;
}

static int add_to_family(struct project *p, size_t i, struct mi_error *err)
{
    const struct mi_dir *d = &p->dirs->item[i];
    struct family *f;
    char text[48];
    int k = 0;

    while (k < p->n_families && !is_of_family(p->family[k].first, d))
        k++;
    if (k == p->n_families) {
        p->family = mi_grow(p->family, &p->cap_families, (size_t)k + 1, sizeof *p->family);
        p->family[p->n_families++] = (struct family){.first = d};
    }
    f = &p->family[k];
    for (int m = 0; m < f->n; m++)
        if (mi_dir_is_at(&p->dirs->item[f->dir[m]], &d->rec.place))
            return mi_fail(err, MI_EXIT_DATA, "two directions '%s' at %s: --mean needs one a place",
                           mi_quote(d->rec.method), mi_place_text(&d->rec.place, text));
    if (d->rec.place.site != f->first->rec.place.site)
        return mi_fail(err, MI_EXIT_DATA, "--mean is over layers of one site, not of '%s' and '%s'",
                       mi_site_info(f->first->rec.place.site)->name,
                       mi_site_info(d->rec.place.site)->name);
    if (strcmp(metric_of(p, d), metric_of(p, f->first)) != 0)
        return mi_fail(err, MI_EXIT_DATA,
                       "'%s': some directions have a threshold, others have none: --raw averages "
                       "what all have",
                       mi_quote(d->rec.method));
    f->dir = mi_grow(f->dir, &f->cap, (size_t)f->n + 1, sizeof *f->dir);
    f->dir[f->n++] = i;
    p->family_of[i] = k;
    return 0;
}

static int prepare(struct project *p, struct mi_error *err)
{
    const struct mi_dims *dims = p->acts->dims.n_layers ? &p->acts->dims : NULL;
    size_t n_wanted = 0;
    int r = p->o->mean ? mi_places_parse(&p->mean, p->o->mean, dims, err) : 0;

    p->family_of = mi_alloc_n(p->dirs->n, sizeof *p->family_of);
    for (size_t i = 0; i < p->dirs->n && r == 0; i++) {
        const struct mi_dir *d = &p->dirs->item[i];

        p->family_of[i] = -1;
        if (!is_wanted(p, d))
            continue;
        n_wanted++;
        r = check_dir(p, d, err);
        if (r == 0 && is_in_mean(p, d))
            r = add_to_family(p, i, err);
    }
    if (r == 0 && n_wanted == 0)
        r = mi_fail(err, MI_EXIT_DATA, "all directions are controls (--controls takes them)");
    if (r == 0 && p->o->mean && p->n_families == 0)
        r = mi_fail(err, MI_EXIT_DATA, "no direction at the places of --mean '%s'",
                    mi_quote(p->o->mean));
    return r;
}

/* ---- records --------------------------------------------------------------------- */

static struct mi_value list_positions(struct mi_arena *a, const int64_t *x, int64_t n)
{
    struct mi_value list = mi_array();

    for (int64_t i = 0; i < n; i++)
        mi_push(a, &list, mi_int(x[i]));
    return list;
}

/* What the direction is: method, draw, sides. */
static void set_direction(struct mi_arena *a, struct mi_value *of, const struct mi_dir *d)
{
    const char *domain = mi_get_str(&d->rec.extra, "domain", NULL);

    mi_set(a, of, "method", mi_str(d->rec.method));
    if (d->control)
        mi_set(a, of, "draw", mi_int(mi_get_int(&d->rec.extra, "draw", 0)));
    if (domain)
        mi_set(a, of, "domain", mi_str(domain));
    if (d->sides)
        mi_set(a, of, "sides", mi_str(d->sides));
}

static int put_values(struct project *p, struct mi_value *of, const struct mi_dir *d,
                      const int64_t *positions, const double *x, int64_t n, struct mi_error *err)
{
    struct mi_arena *a = &p->arena;
    struct mi_score_record rec = {.metric = metric_of(p, d),
                                  .lo = (double)NAN,
                                  .hi = (double)NAN,
                                  .n = n,
                                  .control = d->control,
                                  .seed = (int64_t)p->o->seed};
    struct mi_value body;

    for (int64_t t = 0; t < n; t++)
        rec.value += x[t];
    rec.value /= (double)n;
    mi_set(a, of, "positions", list_positions(a, positions, n));
    mi_set(a, of, "values", mi_reals(a, x, (size_t)n));
    mi_scores_add_keys(a, of, &p->o->of);
    rec.of = *of;
    body = mi_score_body(a, &rec);
    p->n_scores++;
    return mi_writer_put(p->out, "score", &body, err);
}

static struct mi_value begin_record(struct project *p, int64_t prompt, const struct mi_place *place)
{
    const char *position = mi_acts_position(p->acts);
    struct mi_value of = mi_map();

    mi_arena_reset(&p->arena);
    mi_set(&p->arena, &of, "id", mi_str(p->acts->prompt[prompt].id));
    mi_place_set(&p->arena, &of, place);
    mi_set(&p->arena, &of, "position", position ? mi_str_dup(&p->arena, position) : mi_nil());
    return of;
}

/* ---- means ----------------------------------------------------------------------- */

static struct pending *find_pending(struct project *p, const struct mi_acts_rows *rows, int family)
{
    struct pending *q;
    size_t n = (size_t)rows->n;

    for (size_t i = p->n_pending; i-- > 0;)
        if (p->pending[i].prompt == rows->prompt && p->pending[i].family == family)
            return &p->pending[i];
    p->pending = mi_grow(p->pending, &p->cap_pending, p->n_pending + 1, sizeof *p->pending);
    q = &p->pending[p->n_pending++];
    *q = (struct pending){.prompt = rows->prompt, .family = family, .T = rows->n};
    q->positions = mi_alloc_n(n, sizeof *q->positions);
    memcpy(q->positions, rows->positions, n * sizeof *q->positions);
    q->sum = mi_alloc_zero(n, sizeof *q->sum);
    return q;
}

static void drop_pending(struct project *p, struct pending *q)
{
    mi_free(q->positions);
    mi_free(q->sum);
    *q = p->pending[--p->n_pending];
}

/* The layers of a family, ascending. */
static struct mi_value list_layers(struct project *p, const struct family *f)
{
    struct mi_value list;
    int64_t *layer = mi_alloc_n((size_t)f->n, sizeof *layer);

    for (int i = 0; i < f->n; i++) {
        int64_t l = p->dirs->item[f->dir[i]].rec.place.layer;
        int k = i;

        for (; k > 0 && layer[k - 1] > l; k--)
            layer[k] = layer[k - 1];
        layer[k] = l;
    }
    list = list_positions(&p->arena, layer, f->n);
    mi_free(layer);
    return list;
}

static int put_mean(struct project *p, struct pending *q, struct mi_error *err)
{
    const struct family *f = &p->family[q->family];
    struct mi_place place = {f->first->rec.place.site, -1, -1};
    struct mi_value of = begin_record(p, q->prompt, &place);
    int r;

    mi_set(&p->arena, &of, "layers", list_layers(p, f));
    set_direction(&p->arena, &of, f->first);
    for (int64_t t = 0; t < q->T; t++)
        q->sum[t] /= f->n;
    r = put_values(p, &of, f->first, q->positions, q->sum, q->T, err);
    drop_pending(p, q);
    return r;
}

static int add_to_mean(struct project *p, const struct mi_acts_rows *rows, int family,
                       struct mi_error *err)
{
    struct pending *q = find_pending(p, rows, family);

    if (q->T != rows->n ||
        memcmp(q->positions, rows->positions, (size_t)q->T * sizeof *q->positions) != 0)
        return mi_fail(err, MI_EXIT_DATA,
                       "prompt '%s' has activations at other positions in other layers: they have "
                       "no mean",
                       mi_quote(p->acts->prompt[rows->prompt].id));
    for (int64_t t = 0; t < q->T; t++)
        q->sum[t] += p->values[t];
    q->n++;
    return q->n == p->family[family].n ? put_mean(p, q, err) : 0;
}

static int check_means(const struct project *p, struct mi_error *err)
{
    const struct pending *q = p->pending;

    if (p->n_pending == 0)
        return 0;
    return mi_fail(err, MI_EXIT_DATA,
                   "%s: prompt '%s' has activations at %d of the %d places of --mean",
                   mi_reader_name(&p->acts->reader), mi_quote(p->acts->prompt[q->prompt].id), q->n,
                   p->family[q->family].n);
}

/* ---- one record of activations ----------------------------------------------------- */

static void project_rows(struct project *p, const struct mi_acts_rows *rows, const struct mi_dir *d)
{
    double b = has_threshold(p, d) ? d->threshold : 0;
    double scale = p->o->kind == MI_PROJECTION_SCALED ? d->rec.scale : 1;

    p->v = mi_grow(p->v, &p->cap_v, (size_t)d->width, sizeof *p->v);
    p->values = mi_grow(p->values, &p->cap_values, (size_t)rows->n, sizeof *p->values);
    for (int64_t k = 0; k < d->width; k++)
        p->v[k] = (double)d->v[k];
    for (int64_t t = 0; t < rows->n; t++)
        p->values[t] = (mi_vec_dot_row(rows->x + t * d->width, p->v, d->width) - b) / scale;
}

static int take_rows(struct project *p, const struct mi_acts_rows *rows, struct mi_error *err)
{
    const struct mi_place *place = &p->acts->place[rows->place].place;
    int r = 0;

    for (size_t i = 0; i < p->dirs->n && r == 0; i++) {
        const struct mi_dir *d = &p->dirs->item[i];
        struct mi_value of;

        if (!is_wanted(p, d) || !mi_dir_is_at(d, place))
            continue;
        if ((r = mi_dir_check_width(d, rows->width, err)) < 0)
            return r;
        project_rows(p, rows, d);
        of = begin_record(p, rows->prompt, place);
        set_direction(&p->arena, &of, d);
        r = put_values(p, &of, d, rows->positions, p->values, rows->n, err);
        if (r == 0 && p->family_of[i] >= 0)
            r = add_to_mean(p, rows, p->family_of[i], err);
    }
    return r;
}

static void free_project(struct project *p)
{
    while (p->n_pending)
        drop_pending(p, &p->pending[p->n_pending - 1]);
    for (int i = 0; i < p->n_families; i++)
        mi_free(p->family[i].dir);
    mi_free(p->family);
    mi_free(p->family_of);
    mi_free(p->pending);
    mi_free(p->v);
    mi_free(p->values);
    mi_places_free(&p->mean);
    mi_arena_free(&p->arena);
}

int mi_project(struct mi_acts *acts, const struct mi_dirs *dirs, const struct mi_project_options *o,
               struct mi_writer *out, int64_t *n_scores, struct mi_error *err)
{
    struct project p = {.acts = acts, .dirs = dirs, .o = o, .out = out};
    struct mi_acts_rows rows = {0};
    int r = prepare(&p, err);

    if (r == 0)
        while ((r = mi_acts_next(acts, &rows, err)) > 0)
            if ((r = take_rows(&p, &rows, err)) < 0)
                break;
    if (r == 0)
        r = mi_acts_check_dirs(acts, dirs, err);
    if (r == 0)
        r = check_means(&p, err);
    *n_scores = p.n_scores;
    free_project(&p);
    return r;
}
