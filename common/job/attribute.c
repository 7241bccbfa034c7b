#include "job/attribute.h"

#include "base/mem.h"
#include "base/par.h"
#include "math/vec.h"
#include "stats/bootstrap.h"
#include "stats/spread.h"
#include "stats/tally.h"
#include "stream/record.h"

#include <math.h>
#include <string.h>

/* ---- what is summed --------------------------------------------------------------- */

/* A place of the stream as a source of parts: one part, or one a head. */
struct source {
    bool is_ready;
    int n_parts;    /* 0: nothing here is a part */
    bool is_target; /* a residual stream that directions may point at */
    struct mi_place place;
    int64_t width;         /* of one part */
    double **read;         /* [n_dirs] NULL or [n_parts, width]: what a row is read with */
    struct mi_tally *sums; /* [n_dirs, n_parts] */
};

struct attribute {
    struct mi_acts *acts;
    const struct mi_dirs *dirs;
    const struct mi_session *session;
    const struct mi_attribute_options *o;
    struct source *source; /* [cap] by the stream's place */
    size_t cap;
    struct mi_resamples boot;
    int64_t *n_rows; /* [n_groups, 2] of each group and side, the same at every place */
    struct mi_tally_rows tally_rows;
    /* of the batch of rows in hand */
    const struct mi_acts_rows *rows;
};

/* Does the stream at `to` hold what is written at `from`? In the order of a pass. */
static bool is_upstream(const struct mi_place *from, const struct mi_place *to)
{
    if (from->site == MI_SITE_EMBED)
        return true;
    if (from->layer != to->layer)
        return from->layer < to->layer;
    if (to->site == MI_SITE_RESID_PRE)
        return false;
    return to->site == MI_SITE_RESID_POST || from->site != MI_SITE_MLP_OUT;
}

static bool is_stream_site(enum mi_site s)
{
    return s == MI_SITE_RESID_PRE || s == MI_SITE_RESID_MID || s == MI_SITE_RESID_POST;
}

/* ---- preparing a place -------------------------------------------------------------- */

/* u [H * K] = W_O^T v. */
static void read_through_output(double *u, const struct mi_matrix *o, const float *v)
{
    float *row = mi_alloc_n((size_t)o->k, sizeof *row);

    memset(u, 0, (size_t)o->k * sizeof *u);
    for (int i = 0; i < o->n; i++) {
        mi_matrix_row(row, o, i);
        mi_vec_axpy_row(u, (double)v[i], row, o->k);
    }
    mi_free(row);
}

static double *read_vector(const struct attribute *a, const struct source *s, const float *v)
{
    double *u = mi_alloc_n((size_t)s->n_parts * (size_t)s->width, sizeof *u);
    int64_t D = s->width;

    if (s->place.site == MI_SITE_Z) {
        read_through_output(u, &a->session->model.block[s->place.layer].o, v);
        for (int64_t k = 0; k < s->n_parts * D; k++)
            u[k] *= (double)a->session->model.config.residual_scale;
        return u;
    }
    for (int p = 0; p < s->n_parts; p++)
        for (int64_t k = 0; k < D; k++)
            u[p * D + k] = (double)v[k];
    return u;
}

static int part_count(const struct attribute *a, const struct mi_acts_place *at)
{
    switch (at->place.site) {
    case MI_SITE_EMBED:
    case MI_SITE_ATTN_OUT:
    case MI_SITE_MLP_OUT: return 1;
    case MI_SITE_RESULT: return at->place.head < 0 ? a->acts->dims.n_heads : 1;
    case MI_SITE_Z: /* not where a norm stands between z and the stream */
        return a->session && !a->session->model.config.has_post_norm && at->place.head < 0
                   ? a->acts->dims.n_heads
                   : 0;
    default: return 0;
    }
}

static int check_width(const struct attribute *a, const struct source *s, int64_t width,
                       struct mi_error *err)
{
    int64_t D = a->acts->dims.d_model;
    int64_t part = s->place.site == MI_SITE_Z ? a->acts->dims.d_head : D;
    char text[48];

    if (width == part * (s->n_parts ? s->n_parts : 1))
        return 0;
    return mi_fail(err, MI_EXIT_DATA, "rows of %lld numbers at %s do not fit the model",
                   (long long)width, mi_place_text(&s->place, text));
}

static int prepare(struct attribute *a, struct source *s, const struct mi_acts_place *at,
                   struct mi_error *err)
{
    int r;

    s->is_ready = true;
    s->place = at->place;
    s->n_parts = part_count(a, at);
    s->is_target = is_stream_site(at->place.site);
    if (s->is_target && s->n_parts == 0)
        s->n_parts = 1;
    if (s->n_parts == 0)
        return 0;
    if ((r = check_width(a, s, at->width, err)) < 0)
        return r;
    s->width = at->width / s->n_parts;
    s->read = mi_alloc_zero(a->dirs->n, sizeof *s->read);
    s->sums = mi_alloc_zero(a->dirs->n * (size_t)s->n_parts, sizeof *s->sums);
    for (size_t i = 0; i < a->dirs->n; i++) {
        const struct mi_dir *d = &a->dirs->item[i];

        if (s->is_target ? mi_dir_is_at(d, &s->place) ||
                               (s->place.site == MI_SITE_RESID_PRE && s->place.layer == 0)
                         : is_upstream(&s->place, &d->rec.place))
            s->read[i] = read_vector(a, s, d->v);
    }
    return 0;
}

/* ---- summing ------------------------------------------------------------------------ */

/* One direction over the rows in hand; directions are parallel, rows in order. */
static void sum_direction(void *ctx, int64_t i, int thread)
{
    struct attribute *a = ctx;
    const struct mi_acts_rows *rows = a->rows;
    struct source *s = &a->source[rows->place];
    const struct mi_acts_prompt *p = &a->acts->prompt[rows->prompt];

    (void)thread;
    if (!s->read[i])
        return;
    for (int part = 0; part < s->n_parts; part++)
        for (int64_t k = 0; k < rows->n; k++)
            mi_tally_add(&s->sums[i * s->n_parts + part], p->group, p->side,
                         mi_vec_dot_row(rows->x + k * rows->width + part * s->width,
                                        s->read[i] + part * s->width, s->width));
}

static int take_rows(struct attribute *a, const struct mi_acts_rows *rows, struct mi_error *err)
{
    size_t old = a->cap;
    struct source *s;
    int r;

    a->source = mi_grow(a->source, &a->cap, a->acts->n_places, sizeof *a->source);
    memset(a->source + old, 0, (a->cap - old) * sizeof *a->source);
    s = &a->source[rows->place];
    if (!s->is_ready && (r = prepare(a, s, &a->acts->place[rows->place], err)) < 0)
        return r;
    if (s->n_parts == 0)
        return 0;
    a->rows = rows;
    mi_par_for((int64_t)a->dirs->n, sum_direction, a);
    return 0;
}

/* Rows of each group and side. Every place has the same ones: that is checked. */
static int count_rows(struct attribute *a, struct mi_error *err)
{
    a->n_rows = mi_alloc_zero(2 * (size_t)a->acts->groups.n, sizeof *a->n_rows);
    for (size_t i = 0; i < a->acts->n_prompts; i++) {
        const struct mi_acts_prompt *p = &a->acts->prompt[i];
        int64_t n = -1;

        for (size_t k = 0; k < a->acts->n_places && p->group >= 0; k++) {
            const struct mi_acts_place *at = &a->acts->place[k];
            int64_t here = i < at->cap ? at->range[i].n : 0;

            if (n >= 0 && here != n)
                return mi_fail(err, MI_EXIT_DATA,
                               "prompt '%.40s' has %lld rows at one place and "
                               "%lld at another",
                               p->id, (long long)n, (long long)here);
            n = here;
        }
        if (p->group >= 0)
            a->n_rows[2 * p->group + (p->side < 0)] += n;
    }
    a->tally_rows = (struct mi_tally_rows){a->n_rows, a->acts->groups.n};
    return 0;
}

/* ---- figures ------------------------------------------------------------------------ */

/* One part of one direction, ready for the bootstrap. */
struct part {
    struct mi_place place;
    const struct mi_tally *sums;
};

struct figure {
    const struct attribute *a;
    const struct part *part; /* [n] */
    int n;
};

static double difference(void *ctx, const int32_t *count)
{
    const struct figure *f = ctx;
    double mean[2];

    mi_tally_means(mean, f->part->sums, &f->a->tally_rows, count);
    return mean[0] - mean[1];
}

static double average(void *ctx, const int32_t *count)
{
    const struct figure *f = ctx;

    return mi_tally_mean(f->part->sums, &f->a->tally_rows, count);
}

static double participation(void *ctx, const int32_t *count)
{
    const struct figure *f = ctx;
    double *e = mi_alloc_n((size_t)f->n, sizeof *e), ratio;

    for (int i = 0; i < f->n; i++) {
        double mean[2];

        mi_tally_means(mean, f->part[i].sums, &f->a->tally_rows, count);
        e[i] = mean[0] - mean[1];
    }
    ratio = mi_participation_ratio(e, f->n);
    mi_free(e);
    return ratio;
}

/* ---- the parts of a direction --------------------------------------------------------- */

static bool has_site(const struct attribute *a, enum mi_site site, int layer)
{
    for (size_t i = 0; i < a->acts->n_places; i++)
        if (a->source[i].n_parts && a->source[i].place.site == site &&
            a->source[i].place.layer == layer)
            return true;
    return false;
}

/* Of attention one account counts: heads by result, else by z, else the whole. */
static enum mi_site attention_site(const struct attribute *a, int layer)
{
    return has_site(a, MI_SITE_RESULT, layer) ? MI_SITE_RESULT
           : has_site(a, MI_SITE_Z, layer)    ? MI_SITE_Z
                                              : MI_SITE_ATTN_OUT;
}

static bool counts(const struct attribute *a, const struct source *s, const struct mi_place *to)
{
    bool has_embed = has_site(a, MI_SITE_EMBED, -1);

    if (s->n_parts == 0)
        return false;
    if (s->place.site == MI_SITE_RESID_PRE && s->place.layer == 0)
        return !has_embed && !(to->site == MI_SITE_RESID_PRE && to->layer == 0);
    if (s->is_target || !is_upstream(&s->place, to))
        return false;
    return s->place.site == MI_SITE_EMBED || s->place.site == MI_SITE_MLP_OUT ||
           s->place.site == attention_site(a, s->place.layer);
}

static int list_parts(struct part **out, const struct attribute *a, size_t dir)
{
    const struct mi_place *to = &a->dirs->item[dir].rec.place;
    size_t cap = 0;
    int n = 0;

    *out = NULL;
    for (size_t i = 0; i < a->acts->n_places; i++) {
        const struct source *s = &a->source[i];

        for (int p = 0; counts(a, s, to) && p < s->n_parts; p++) {
            struct part part = {s->place, &s->sums[dir * (size_t)s->n_parts + (size_t)p]};

            if (s->n_parts > 1)
                part.place.head = p;
            *out = mi_grow(*out, &cap, (size_t)n + 1, sizeof **out);
            (*out)[n++] = part;
        }
    }
    return n;
}

/* Everything that writes before the direction's place must be there. */
static int check_parts(const struct attribute *a, const struct mi_dir *d, struct mi_error *err)
{
    const struct mi_place *to = &d->rec.place;
    char text[48];

    mi_place_text(to, text);
    if (!is_stream_site(to->site) || d->width != a->acts->dims.d_model)
        return mi_fail(err, MI_EXIT_DATA, "a direction at %s is not in the residual stream", text);
    if (!has_site(a, to->site, to->layer))
        return mi_fail(err, MI_EXIT_DATA, "no activations at %s, where a direction is", text);
    if (!has_site(a, MI_SITE_EMBED, -1) && !has_site(a, MI_SITE_RESID_PRE, 0))
        return mi_fail(err, MI_EXIT_DATA, "no activations at embed, which is a part of %s", text);
    for (int l = 0; l <= to->layer; l++) {
        struct mi_place attn = {MI_SITE_ATTN_OUT, l, -1}, mlp = {MI_SITE_MLP_OUT, l, -1};

        if (is_upstream(&attn, to) && !has_site(a, attention_site(a, l), l))
            return mi_fail(err, MI_EXIT_DATA,
                           "no activations at attn_out:%d, result:%d or (with "
                           "-m) z:%d, which are parts of %s",
                           l, l, l, text);
        if (is_upstream(&mlp, to) && !has_site(a, MI_SITE_MLP_OUT, l))
            return mi_fail(err, MI_EXIT_DATA, "no activations at mlp_out:%d, which is a part of %s",
                           l, text);
    }
    return 0;
}

/* ---- records ---------------------------------------------------------------------------- */

static int put(const struct attribute *a, const struct mi_dir *d, const struct mi_place *part,
               const char *metric, double (*figure)(void *, const int32_t *), struct figure *f,
               int64_t n, struct mi_writer *out, struct mi_error *err)
{
    struct mi_score_record rec = {.of = mi_map(),
                                  .metric = metric,
                                  .n = n,
                                  .control = d->control,
                                  .seed = (int64_t)a->o->seed,
                                  .value = figure(f, NULL)};
    struct mi_interval i = {(double)NAN, (double)NAN};
    struct mi_arena arena = {0};
    struct mi_value body;
    int r;

    if (a->o->n_bootstrap)
        i = mi_bootstrap(&a->boot, a->o->level, figure, f);
    rec.lo = i.lo;
    rec.hi = i.hi;
    mi_place_set(&arena, &rec.of, part);
    mi_set(&arena, &rec.of, "position", d->rec.position ? mi_str(d->rec.position) : mi_nil());
    mi_set(&arena, &rec.of, "method", mi_str(d->rec.method));
    mi_set(&arena, &rec.of, "to_site", mi_str(mi_site_info(d->rec.place.site)->name));
    mi_set(&arena, &rec.of, "to_layer", mi_int(d->rec.place.layer));
    body = mi_score_body(&arena, &rec);
    r = mi_writer_put(out, "score", &body, err);
    mi_arena_free(&arena);
    return r;
}

/* The larger relative distance of the two sides' sums from the stream itself. */
static double sum_error(const struct attribute *a, size_t dir, const struct part *part, int n)
{
    const struct mi_place *to = &a->dirs->item[dir].rec.place;
    double worst = 0;

    for (int side = 0; side < 2; side++) {
        double sum = 0, whole[2] = {0}, mean[2];

        for (int i = 0; i < n; i++) {
            mi_tally_means(mean, part[i].sums, &a->tally_rows, NULL);
            sum += mean[side];
        }
        for (size_t i = 0; i < a->acts->n_places; i++)
            if (a->source[i].is_target && a->source[i].place.site == to->site &&
                a->source[i].place.layer == to->layer)
                mi_tally_means(whole, &a->source[i].sums[dir], &a->tally_rows, NULL);
        worst = fmax(worst, fabs(whole[side] - sum) / fabs(whole[side]));
    }
    return worst;
}

static int put_sum_error(const struct attribute *a, const struct mi_dir *d, double error, int n,
                         struct mi_writer *out, struct mi_error *err)
{
    struct mi_score_record rec = {.of = mi_map(),
                                  .metric = "sum_error",
                                  .n = n,
                                  .control = d->control,
                                  .seed = (int64_t)a->o->seed};
    struct mi_arena arena = {0};
    struct mi_value body;
    int r;

    rec.value = error;
    rec.lo = rec.hi = (double)NAN;
    mi_place_set(&arena, &rec.of, &d->rec.place);
    mi_set(&arena, &rec.of, "method", mi_str(d->rec.method));
    body = mi_score_body(&arena, &rec);
    r = mi_writer_put(out, "score", &body, err);
    mi_arena_free(&arena);
    return r;
}

static int report_direction(const struct attribute *a, size_t dir, struct mi_writer *out,
                            struct mi_error *err)
{
    const struct mi_dir *d = &a->dirs->item[dir];
    struct part *part;
    int n, r;
    int64_t n_rows = 0;
    double error;

    if ((r = check_parts(a, d, err)) < 0)
        return r;
    n = list_parts(&part, a, dir);
    for (int64_t g = 0; g < 2 * a->acts->groups.n; g++)
        n_rows += a->n_rows[g];
    for (int i = 0; i < n && r == 0; i++) {
        struct figure f = {a, &part[i], 1};

        r = put(a, d, &part[i].place, "contribution", average, &f, n_rows, out, err);
        if (r == 0)
            r = put(a, d, &part[i].place, "contribution_diff", difference, &f, n_rows, out, err);
    }
    if (r == 0)
        r = put(a, d, &d->rec.place, "participation_ratio", participation,
                &(struct figure){a, part, n}, n, out, err);
    error = sum_error(a, dir, part, n);
    if (r == 0 && error > a->o->most_error)
        r = mi_fail(err, MI_EXIT_DATA,
                    "the parts do not add up to the stream at %s %d (%.2g of it "
                    "is missing): biases, or activations of an edited run",
                    mi_site_info(d->rec.place.site)->name, d->rec.place.layer, error);
    if (r == 0)
        r = put_sum_error(a, d, error, n, out, err);
    mi_free(part);
    return r;
}

/* ---- the whole ---------------------------------------------------------------------------- */

static void free_sources(struct attribute *a)
{
    for (size_t i = 0; i < a->cap; i++) {
        struct source *s = &a->source[i];

        for (size_t k = 0; s->read && k < a->dirs->n; k++)
            mi_free(s->read[k]);
        for (size_t k = 0; s->sums && k < a->dirs->n * (size_t)s->n_parts; k++)
            mi_tally_free(&s->sums[k]);
        mi_free(s->read);
        mi_free(s->sums);
    }
    mi_free(a->source);
    mi_free(a->n_rows);
    mi_resamples_free(&a->boot);
}

int mi_attribute(struct mi_acts *acts, const struct mi_dirs *dirs, const struct mi_session *session,
                 const struct mi_attribute_options *o, struct mi_writer *out, struct mi_error *err)
{
    struct attribute a = {.acts = acts, .dirs = dirs, .session = session, .o = o};
    struct mi_acts_rows rows = {0};
    int r;

    while ((r = mi_acts_next(acts, &rows, err)) > 0)
        if ((r = take_rows(&a, &rows, err)) < 0)
            break;
    if (r == 0)
        r = count_rows(&a, err);
    if (r == 0 && o->n_bootstrap > 0 && acts->groups.n < MI_BOOTSTRAP_MIN_GROUPS)
        r = mi_fail(err, MI_EXIT_DATA,
                    "%lld groups: an interval needs at least %d (--bootstrap 0 goes without)",
                    (long long)acts->groups.n, MI_BOOTSTRAP_MIN_GROUPS);
    if (r == 0 && o->n_bootstrap > 0)
        mi_resamples_init(&a.boot, (int32_t)acts->groups.n, o->n_bootstrap, o->seed);
    for (size_t i = 0; i < dirs->n && r == 0; i++)
        r = report_direction(&a, i, out, err);
    free_sources(&a);
    return r;
}
