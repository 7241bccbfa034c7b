#include "job/fit_stat.h"

#include "base/escape.h"
#include "job/label.h"
#include "math/linalg.h"
#include "math/vec.h"
#include "stream/record.h"

#include <math.h>
#include <string.h>

/* What one class left at a place. */
struct moments {
    int64_t n;
    double *mean;   /* [D]; NULL: not seen */
    double *second; /* [D, D], or NULL */
};

struct place {
    struct mi_place place;
    const char *position;
    int64_t D;
    struct moments side[2]; /* positive, negative */
};

struct fit {
    struct mi_reader *in;
    const struct mi_fit_options *o;
    const char *sides;
    char *name[2];
    struct mi_places at;
    bool has_at;
    struct place *place; /* [n] */
    size_t n, cap;
    struct mi_arena arena;
    char first_class[64]; /* for the message when nothing fits */
};

/* ---- reading ---------------------------------------------------------------------- */

/* 0: positive, 1: negative, -1: another class. */
static int side_of(const struct fit *f, const char *class)
{
    static const char *const yes[] = {"1", "1.0", "true"}, *const no[] = {"0", "0.0", "false"};

    if (f->name[0])
        return strcmp(class, f->name[0]) == 0 ? 0 : strcmp(class, f->name[1]) == 0 ? 1 : -1;
    for (int i = 0; i < 3; i++) {
        if (strcmp(class, yes[i]) == 0)
            return 0;
        if (strcmp(class, no[i]) == 0)
            return 1;
    }
    return -1;
}

static bool is_wanted(const struct fit *f, const struct mi_place *p)
{
    for (size_t i = 0; i < f->at.n; i++)
        if (f->at.item[i].site == p->site && f->at.item[i].layer == p->layer &&
            f->at.item[i].head == p->head)
            return true;
    return !f->has_at;
}

static struct place *find_place(struct fit *f, const struct mi_place *p)
{
    for (size_t i = 0; i < f->n; i++)
        if (f->place[i].place.site == p->site && f->place[i].place.layer == p->layer &&
            f->place[i].place.head == p->head)
            return &f->place[i];
    f->place = mi_grow(f->place, &f->cap, f->n + 1, sizeof *f->place);
    f->place[f->n] = (struct place){.place = *p};
    return &f->place[f->n++];
}

static double *read_tensor(struct mi_arena *a, const struct mi_value *v, int64_t n)
{
    double *x;

    if (!mi_is(v, MI_TENSOR) || mi_tensor_count(&v->as.tensor) != n ||
        mi_tensor_nonfinite(&v->as.tensor) >= 0)
        return NULL;
    x = mi_arena_alloc(a, (size_t)n * sizeof *x);
    mi_tensor_to_f64(x, &v->as.tensor);
    return x;
}

static int take_stat(struct fit *f, const struct mi_value *body, struct mi_error *err)
{
    const char *class = mi_get_str(body, "class", ""),
               *position = mi_get_str(body, "position", NULL);
    const struct mi_value *mean = mi_get(body, "mean"), *second = mi_get(body, "second");
    int side = side_of(f, class), r;
    struct mi_place at;
    struct place *p;
    struct moments *m;

    if ((r = mi_place_get(body, &at, err)) < 0)
        return r;
    if (!*f->first_class)
        mi_escape(f->first_class, sizeof f->first_class, class, strlen(class));
    if (side < 0 || !is_wanted(f, &at))
        return 0;
    p = find_place(f, &at);
    m = &p->side[side];
    if (!mi_is(mean, MI_TENSOR) || mean->as.tensor.rank != 1 || m->mean)
        return mi_fail(err, MI_EXIT_DATA,
                       m->mean ? "class '%s' stands there twice" : "class '%s' has no mean",
                       mi_quote(class));
    m->n = mi_get_int(body, "n", 0);
    p->D = mean->as.tensor.shape[0];
    m->mean = read_tensor(&f->arena, mean, p->D);
    if (second && second->kind != MI_NIL)
        m->second = read_tensor(&f->arena, second, p->D * p->D);
    if (!m->mean || m->n <= 0 || (second && second->kind != MI_NIL && !m->second))
        return mi_fail(err, MI_EXIT_DATA, "the moments of class '%s' are empty or not finite",
                       mi_quote(class));
    p->position = position ? mi_arena_dup(&f->arena, position, strlen(position)) : NULL;
    return 0;
}

static int read_all(struct fit *f, struct mi_error *err)
{
    struct mi_record rec;
    int r;

    while ((r = mi_reader_next(f->in, &rec, err)) > 0)
        if (strcmp(rec.kind, "stat") == 0 && (r = take_stat(f, rec.body, err)) < 0)
            return mi_reader_blame(f->in, err);
    if (r == 0 && f->n == 0 && !f->name[0])
        return mi_fail(err, MI_EXIT_USAGE,
                       "which class is positive? Give --sides "
                       "POSITIVE,NEGATIVE (there is a class '%s')",
                       f->first_class);
    if (r == 0 && f->n == 0)
        return mi_fail(err, MI_EXIT_DATA, "%s: no statistics of '%s' or '%s'",
                       mi_reader_name(f->in), mi_quote(f->name[0]), mi_quote(f->name[1]));
    return r;
}

/* ---- fitting ---------------------------------------------------------------------- */

/* v [D] = W^+ diff. */
static int whiten(double *v, const struct place *p, const double *diff, double rtol,
                  struct mi_error *err)
{
    int64_t D = p->D, n = p->side[0].n + p->side[1].n;
    double *W;
    int r;

    if (!p->side[0].second || !p->side[1].second)
        return mi_fail(err, MI_EXIT_DATA,
                       "mass-mean needs second moments (mi-capture --reduce "
                       "second)");
    W = mi_alloc_zero((size_t)D * (size_t)D, sizeof *W);
    for (int s = 0; s < 2; s++) {
        const struct moments *m = &p->side[s];
        double w = (double)m->n / (double)n;

        for (int64_t i = 0; i < D; i++)
            for (int64_t k = 0; k < D; k++)
                W[i * D + k] += w * (m->second[i * D + k] - m->mean[i] * m->mean[k]);
    }
    r = mi_solve_pinv(v, W, diff, D, rtol);
    mi_free(W);
    return r == MI_LINALG_OK
               ? 0
               : mi_fail(err, MI_EXIT_DATA, "the rows do not vary within the two classes");
}

/* Sign, scale and threshold from the means. */
static void describe(struct mi_direction *d, const struct place *p, const double *diff)
{
    double *v = mi_alloc_n((size_t)p->D, sizeof *v), up, down, length;

    for (int64_t k = 0; k < p->D; k++)
        v[k] = (double)d->v[k];
    up = mi_vec_dot(v, p->side[0].mean, p->D);
    down = mi_vec_dot(v, p->side[1].mean, p->D);
    d->sign = up < down ? -1 : 1;
    for (int64_t k = 0; k < p->D; k++)
        d->v[k] *= (float)d->sign;
    d->scale = d->sign * (up - down);
    d->threshold = d->sign * (up + down) / 2;
    length = mi_vec_norm(diff, p->D) * mi_vec_norm(v, p->D);
    d->cos_mean_diff = length > 0 ? d->sign * mi_vec_dot(v, diff, p->D) / length : 0;
    d->n = p->side[0].n + p->side[1].n;
    mi_free(v);
}

static int fit_method(struct mi_direction *d, const struct place *p, const struct fit *f,
                      enum mi_method m, int draw, struct mi_error *err)
{
    double *diff = mi_alloc_n(2 * (size_t)p->D, sizeof *diff), *v = diff + p->D;
    char text[48];
    int r = 0;

    for (int64_t k = 0; k < p->D; k++)
        v[k] = diff[k] = p->side[0].mean[k] - p->side[1].mean[k];
    d->v = mi_alloc_n((size_t)p->D, sizeof *d->v);
    d->n_vectors = 1;
    d->width = p->D;
    if (m == MI_METHOD_RANDOM)
        mi_direction_random(d->v, p->D, f->o->seed, mi_place_text(&p->place, text), draw);
    else if (m == MI_METHOD_MASS_MEAN)
        r = whiten(v, p, diff, f->o->rtol, err);
    if (r == 0 && m != MI_METHOD_RANDOM && !(mi_vec_normalize(v, p->D) > 0))
        r = mi_fail(err, MI_EXIT_DATA, "the means of the two sides are equal");
    for (int64_t k = 0; k < p->D && m != MI_METHOD_RANDOM; k++)
        d->v[k] = (float)v[k];
    if (r == 0)
        describe(d, p, diff);
    mi_free(diff);
    return r;
}

static int write_dir(const struct fit *f, const struct place *p, enum mi_method m, int draw,
                     const struct mi_direction *d, struct mi_writer *out, struct mi_error *err)
{
    struct mi_arena a = {0};
    struct mi_dir_record rec = {.place = p->place,
                                .position = p->position,
                                .method = mi_method_info(m)->id,
                                .v = mi_tensor_1(MI_F32, d->width, d->v),
                                .sign = d->sign,
                                .scale = d->scale,
                                .n = d->n,
                                .extra = mi_map()};
    struct mi_value body;
    int r;

    mi_set(&a, &rec.extra, "threshold", mi_real(d->threshold));
    mi_set(&a, &rec.extra, "cos_mean_diff", mi_real(d->cos_mean_diff));
    if (mi_method_info(m)->is_control)
        mi_set(&a, &rec.extra, "draw", mi_int(draw));
    if (f->sides)
        mi_set(&a, &rec.extra, "sides", mi_str(f->sides));
    body = mi_dir_body(&a, &rec);
    r = mi_writer_put(out, "dir", &body, err);
    mi_arena_free(&a);
    return r;
}

static int fit_place(const struct fit *f, const struct place *p, struct mi_writer *out,
                     int64_t *n_dirs, struct mi_error *err)
{
    char text[48];
    int r = 0;

    mi_place_text(&p->place, text);
    if (!p->side[0].mean || !p->side[1].mean)
        return mi_fail(err, MI_EXIT_DATA, "%s: %s: there is no %s class", mi_reader_name(f->in),
                       text, p->side[0].mean ? "negative" : "positive");
    for (int i = 0; i < f->o->n_methods && r == 0; i++) {
        enum mi_method m = f->o->methods[i];
        int n = mi_method_info(m)->is_control ? f->o->draws : 1;

        for (int draw = 0; draw < n && r == 0; draw++, ++*n_dirs) {
            struct mi_direction d = {0};

            r = fit_method(&d, p, f, m, draw, err);
            if (r < 0)
                mi_fail_in(err, "%s: %s", mi_reader_name(f->in), text);
            else
                r = write_dir(f, p, m, draw, &d, out, err);
            mi_direction_free(&d);
        }
    }
    return r;
}

static int check_methods(const struct mi_fit_options *o, struct mi_error *err)
{
    for (int i = 0; i < o->n_methods; i++)
        if (o->methods[i] != MI_METHOD_MEAN_DIFF && o->methods[i] != MI_METHOD_MASS_MEAN &&
            o->methods[i] != MI_METHOD_RANDOM)
            return mi_fail(err, MI_EXIT_DATA,
                           "method '%s' needs activations, not statistics: "
                           "mean-diff, mass-mean and random do with those",
                           mi_method_info(o->methods[i])->id);
    return 0;
}

int mi_fit_stat(struct mi_reader *in, const char *sides, const char *at,
                const struct mi_fit_options *o, struct mi_writer *out, int64_t *n_dirs,
                struct mi_error *err)
{
    const struct mi_value *model = mi_get(mi_reader_header(in), "model");
    struct mi_dims dims = {.n_layers = (int)mi_get_int(model, "n_layers", 0),
                           .n_heads = (int)mi_get_int(model, "n_heads", 0),
                           .n_kv_heads = (int)mi_get_int(model, "n_kv_heads", 0)};
    struct fit f = {.in = in, .o = o, .sides = sides, .has_at = at != NULL};
    int r = check_methods(o, err);

    *n_dirs = 0;
    if (r == 0 && sides)
        r = mi_sides_parse(f.name, sides, err);
    if (r == 0 && at)
        r = mi_places_parse(&f.at, at, dims.n_layers ? &dims : NULL, err);
    if (r == 0)
        r = read_all(&f, err);
    for (size_t i = 0; i < f.n && r == 0; i++)
        r = fit_place(&f, &f.place[i], out, n_dirs, err);
    mi_free(f.name[0]);
    mi_free(f.name[1]);
    mi_free(f.place);
    mi_places_free(&f.at);
    mi_arena_free(&f.arena);
    return r;
}
