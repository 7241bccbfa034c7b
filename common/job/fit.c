#include "job/fit.h"

#include "base/commas.h"
#include "base/escape.h"
#include "base/par.h"
#include "job/batch.h"
#include "stream/record.h"

#include <stdio.h>
#include <string.h>

int mi_methods_parse(enum mi_method *methods, const char *text, struct mi_error *err)
{
    const char *part;
    size_t len;
    int n = 0;

    while (mi_commas_next(&text, &part, &len)) {
        char word[64];
        int m;

        snprintf(word, sizeof word, "%.*s", (int)(len < 63 ? len : 63), part);
        m = mi_method_find(mi_quote(word), err);
        if (m < 0)
            return m;
        for (int i = 0; i < n; i++)
            if (methods[i] == (enum mi_method)m)
                return mi_fail(err, MI_EXIT_USAGE, "method '%s' stands there twice", word);
        methods[n++] = (enum mi_method)m;
    }
    return n;
}

/* ---- holding the rows ---------------------------------------------------------- */

/* The rows so far, the matrices beside them, against the limit. */
static int check_memory(int64_t rows, int64_t matrices, int64_t limit, const struct mi_acts *a,
                        struct mi_error *err)
{
    if (rows + matrices <= limit)
        return 0;
    return mi_fail(err, MI_EXIT_SYS,
                   "'%s': the rows of %zu prompts at %zu places (%lld MiB), %lld MiB beside them: "
                   "the limit is %lld MiB (--max-memory); --at takes fewer places",
                   mi_quote(mi_reader_name(&a->reader)), a->n_prompts, a->n_places,
                   (long long)(rows >> 20), (long long)(matrices >> 20), (long long)(limit >> 20));
}

int mi_held_read(struct mi_held *h, struct mi_acts *a, int64_t max_memory, int n_matrices,
                 struct mi_error *err)
{
    const int64_t limit = mi_memory_limit(max_memory);
    struct mi_acts_rows rows = {0};
    int64_t held = 0, widest = 0;
    int r;

    while ((r = mi_acts_next(a, &rows, err)) > 0) {
        size_t old = h->cap_places, p = (size_t)rows.place;

        if (a->n_places > old) {
            size_t cap = old;

            h->x = mi_grow(h->x, &cap, a->n_places, sizeof *h->x);
            h->cap = mi_realloc_n(h->cap, cap, sizeof *h->cap);
            memset(h->x + old, 0, (cap - old) * sizeof *h->x);
            memset(h->cap + old, 0, (cap - old) * sizeof *h->cap);
            h->cap_places = cap;
        }
        h->n_places = a->n_places;
        h->x[p] = mi_grow(h->x[p], &h->cap[p], (size_t)((rows.first + rows.n) * rows.width),
                          sizeof **h->x);
        held += rows.n * rows.width * (int64_t)sizeof **h->x;
        widest = rows.width > widest ? rows.width : widest;
        r = check_memory(held, 8 * widest * widest * n_matrices * mi_par_threads(), limit, a, err);
        if (r < 0)
            return r;
        memcpy(h->x[p] + rows.first * rows.width, rows.x,
               (size_t)(rows.n * rows.width) * sizeof *rows.x);
    }
    return r;
}

void mi_held_free(struct mi_held *h)
{
    for (size_t i = 0; i < h->n_places; i++)
        mi_free(h->x[i]);
    mi_free(h->x);
    mi_free(h->cap);
    *h = (struct mi_held){0};
}

/* ---- records -------------------------------------------------------------------- */

static void set_figures(struct mi_arena *a, struct mi_value *extra, enum mi_method m, int draw,
                        const struct mi_direction *d)
{
    mi_set(a, extra, "threshold", mi_real(d->threshold));
    mi_set(a, extra, "sign_share", mi_real(d->sign_share));
    mi_set(a, extra, "sign_n", mi_int(d->n_sign));
    mi_set(a, extra, "cos_mean_diff", mi_real(d->cos_mean_diff));
    if (d->variance)
        mi_set(a, extra, "variance", mi_reals(a, d->variance, (size_t)d->n_vectors));
    if (m == MI_METHOD_LOGISTIC) {
        mi_set(a, extra, "loss", mi_real(d->loss));
        mi_set(a, extra, "iterations", mi_int(d->iterations));
    }
    if (mi_method_info(m)->is_control)
        mi_set(a, extra, "draw", mi_int(draw));
}

struct mi_value mi_fit_body(struct mi_arena *a, const struct mi_acts *acts, int64_t place,
                            enum mi_method m, int draw, const struct mi_direction *d,
                            const unsigned char *keep, int64_t left_out)
{
    int64_t *groups = mi_arena_alloc(a, (size_t)acts->groups.n * sizeof *groups), n_groups;
    struct mi_dir_record rec = {
        .place = acts->place[place].place,
        .position = mi_acts_position(acts),
        .method = mi_method_info(m)->id,
        .v = d->n_vectors == 1 ? mi_tensor_1(MI_F32, d->width, d->v)
                               : mi_tensor_2(MI_F32, d->n_vectors, d->width, d->v),
        .sign = d->sign,
        .scale = d->scale,
        .n = d->n,
        .extra = mi_map(),
    };

    set_figures(a, &rec.extra, m, draw, d);
    if (left_out)
        mi_set(a, &rec.extra, "left_out", mi_int(left_out));
    if (acts->options.sides)
        mi_set(a, &rec.extra, "sides", mi_str_dup(a, acts->options.sides));
    n_groups = mi_acts_group_digests(acts, keep, groups);
    mi_set(a, &rec.extra, "groups", mi_tensor_value(mi_tensor_1(MI_I64, n_groups, groups)));
    return mi_dir_body(a, &rec);
}

/* ---- fitting -------------------------------------------------------------------- */

struct place_fit {
    struct mi_direction *d; /* [n_per_place] */
    int64_t left_out;
    struct mi_error err;
    int status;
};

struct fit {
    const struct mi_acts *acts;
    const struct mi_held *held;
    const struct mi_fit_options *o;
    int n_per_place;
    struct place_fit *place; /* [n_places] */
};

static int draws_of(const struct mi_fit_options *o, int i)
{
    return mi_method_info(o->methods[i])->is_control ? o->draws : 1;
}

static int fit_methods(struct fit *f, int64_t i, const struct mi_cases *cases)
{
    struct place_fit *p = &f->place[i];
    const struct mi_acts_place *at = &f->acts->place[i];
    struct mi_direction_options o = {
        .seed = f->o->seed, .n_components = f->o->n_components, .l2 = f->o->l2, .rtol = f->o->rtol};
    struct mi_direction *d = p->d;
    char text[48];
    int r = 0;

    o.place = mi_place_text(&at->place, text);
    for (int m = 0; m < f->o->n_methods && r == 0; m++)
        for (o.draw = 0; o.draw < draws_of(f->o, m) && r == 0; o.draw++)
            r = mi_direction_fit(d++, f->o->methods[m], cases, f->held->x[i], at->width, &o,
                                 &p->err);
    if (r < 0)
        mi_fail_in(&p->err, "%s", text);
    return r;
}

static void fit_place(void *ctx, int64_t i, int thread)
{
    struct fit *f = ctx;
    struct place_fit *p = &f->place[i];
    struct mi_cases cases = {0};

    (void)thread;
    p->d = mi_alloc_zero((size_t)f->n_per_place, sizeof *p->d);
    p->status = mi_acts_cases(f->acts, i, &cases, &p->left_out, &p->err);
    if (p->status == 0)
        p->status = fit_methods(f, i, &cases);
    mi_cases_free(&cases);
}

static int write_place(const struct fit *f, int64_t i, struct mi_writer *out, struct mi_arena *a,
                       struct mi_error *err)
{
    const struct place_fit *p = &f->place[i];
    const struct mi_direction *d = p->d;

    for (int m = 0; m < f->o->n_methods; m++)
        for (int draw = 0; draw < draws_of(f->o, m); draw++, d++) {
            struct mi_value body;
            int r;

            mi_arena_reset(a);
            body = mi_fit_body(a, f->acts, i, f->o->methods[m], draw, d, NULL, p->left_out);
            if ((r = mi_writer_put(out, "dir", &body, err)) < 0)
                return r;
        }
    return 0;
}

/* Matrices [D, D] of a method, at most: a covariance, its factor, its vectors. */
static int count_matrices(const struct mi_fit_options *o)
{
    int n = 0;

    for (int i = 0; i < o->n_methods; i++)
        if (mi_method_info(o->methods[i])->has_components || o->methods[i] == MI_METHOD_MASS_MEAN ||
            o->methods[i] == MI_METHOD_LOGISTIC)
            n = 3;
    return n;
}

int mi_fit(struct mi_acts *acts, const struct mi_fit_options *o, struct mi_writer *out,
           int64_t *n_dirs, struct mi_error *err)
{
    struct mi_held held = {0};
    struct mi_arena arena = {0};
    struct fit f = {.acts = acts, .held = &held, .o = o};
    int r = mi_held_read(&held, acts, o->max_memory, count_matrices(o), err);

    *n_dirs = 0;
    if (r < 0)
        goto out;
    for (int m = 0; m < o->n_methods; m++)
        f.n_per_place += draws_of(o, m);
    f.place = mi_alloc_zero(acts->n_places, sizeof *f.place);
    mi_par_for((int64_t)acts->n_places, fit_place, &f);
    for (size_t i = 0; i < acts->n_places && r == 0; i++) {
        r = f.place[i].status;
        if (r < 0)
            *err = f.place[i].err;
        else
            r = write_place(&f, (int64_t)i, out, &arena, err);
        *n_dirs += f.n_per_place;
    }
    for (size_t i = 0; i < acts->n_places; i++) {
        for (int k = 0; k < f.n_per_place; k++)
            mi_direction_free(&f.place[i].d[k]);
        mi_free(f.place[i].d);
    }
    mi_free(f.place);
out:
    mi_held_free(&held);
    mi_arena_free(&arena);
    return r;
}
