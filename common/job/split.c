#include "job/split.h"

#include "base/escape.h"
#include "base/mem.h"
#include "method/split.h"

#include <math.h>
#include <string.h>

#define LEAST_SHARE 1e-10

/* The read-out of the place in hand, as floats. */
struct readout {
    struct mi_place place;
    float *W; /* [D, width] */
    int64_t D, width;
    struct mi_readout_space space;
};

static void free_readout(struct readout *r)
{
    mi_readout_space_free(&r->space);
    mi_free(r->W);
    *r = (struct readout){0};
}

/* ---- weights ---------------------------------------------------------------------- */

static int refuse_place(const struct mi_place *p, struct mi_error *err)
{
    char text[48];

    mi_place_text(p, text);
    if (p->site == MI_SITE_EMBED || p->site == MI_SITE_RESID_PRE || p->site == MI_SITE_RESID_MID ||
        p->site == MI_SITE_RESID_POST || p->site == MI_SITE_ATTN_OUT || p->site == MI_SITE_MLP_OUT)
        return mi_fail(err, MI_EXIT_DATA,
                       "%s is in the residual stream, all of which is read on: no part of it is "
                       "without effect by its place; z and mlp_post have a read-out",
                       text);
    return mi_fail(err, MI_EXIT_DATA, "%s has no linear read-out; z and mlp_post have one", text);
}

/* Columns [from, from + width) of the matrix that reads the place. */
static const struct mi_matrix *find_matrix(const struct mi_model *m, const struct mi_place *p,
                                           int64_t *from, int64_t *width)
{
    const struct mi_dims *dims = &m->config.dims;

    *from = 0;
    if (p->layer < 0 || p->layer >= dims->n_layers)
        return NULL;
    if (p->site == MI_SITE_MLP_POST) {
        *width = dims->d_mlp;
        return &m->block[p->layer].down;
    }
    if (p->site != MI_SITE_Z || p->head >= dims->n_heads)
        return NULL;
    *width = p->head < 0 ? (int64_t)dims->n_heads * dims->d_head : dims->d_head;
    *from = p->head < 0 ? 0 : (int64_t)p->head * dims->d_head;
    return &m->block[p->layer].o;
}

static int open_readout(struct readout *r, const struct mi_model *m, const struct mi_place *p,
                        double rtol, struct mi_error *err)
{
    int64_t from, width;
    const struct mi_matrix *W = find_matrix(m, p, &from, &width);
    char text[48];
    float *row;

    if (!W || !W->data)
        return refuse_place(p, err);
    free_readout(r);
    *r = (struct readout){.place = *p, .D = W->n, .width = width};
    r->W = mi_alloc_n((size_t)(r->D * width), sizeof *r->W);
    row = mi_alloc_n((size_t)W->k, sizeof *row);
    for (int i = 0; i < W->n; i++) {
        mi_matrix_row(row, W, i);
        memcpy(r->W + i * width, row + from, (size_t)width * sizeof *row);
    }
    mi_free(row);
    if (mi_readout_space_init(&r->space, r->W, r->D, width, rtol) < 0)
        return mi_fail(err, MI_EXIT_DATA, "%s: its weights have no singular values",
                       mi_place_text(p, text));
    return 0;
}

/* ---- records ---------------------------------------------------------------------- */

static double square(const double *x, int64_t n)
{
    double sum = 0;

    for (int64_t i = 0; i < n; i++)
        sum += x[i] * x[i];
    return sum;
}

/* Writes one part, of a direction of the squared norm `whole`; 1, or 0 when it is nothing but
 * rounding. */
static int put_part(const struct readout *r, const struct mi_dir *d, const double *part,
                    double whole, const char *suffix, struct mi_writer *out, struct mi_error *err)
{
    static const char *const kept[] = {"draw", "sides", "groups"};
    float *v = mi_alloc_n((size_t)r->width, sizeof *v);
    struct mi_buf method = {0};
    struct mi_arena a = {0};
    struct mi_dir_record rec = d->rec;
    struct mi_value body;
    double norm = square(part, r->width);
    int status;

    for (int64_t i = 0; i < r->width; i++)
        v[i] = norm > 0 ? (float)(part[i] / sqrt(norm)) : 0.0f;
    mi_buf_addf(&method, "%s.%s", d->rec.method, suffix);
    rec.method = mi_buf_text(&method);
    rec.v = mi_tensor_1(MI_F32, r->width, v);
    rec.scale = d->rec.scale * sqrt(norm);
    rec.extra = mi_map();
    mi_set(&a, &rec.extra, "share", mi_real(norm / whole));
    mi_set(&a, &rec.extra, "rank", mi_int(r->space.rank));
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        if (mi_get(&d->rec.extra, kept[i]))
            mi_set(&a, &rec.extra, kept[i], *mi_get(&d->rec.extra, kept[i]));
    body = mi_dir_body(&a, &rec);
    status = norm < LEAST_SHARE * whole                  ? 0
             : mi_writer_put(out, "dir", &body, err) < 0 ? -err->code
                                                         : 1;
    mi_arena_free(&a);
    mi_buf_free(&method);
    mi_free(v);
    return status;
}

/* Both parts of a direction; *n_null counts those that are not read. */
static int split_one(const struct readout *r, const struct mi_dir *d, struct mi_writer *out,
                     int64_t *n, int64_t *n_null, struct mi_error *err)
{
    double *row = mi_alloc_n(2 * (size_t)r->width, sizeof *row), *null = row + r->width;
    double whole;
    int status;

    mi_split(&r->space, d->v, row, null);
    whole = square(row, r->width) + square(null, r->width);
    status = put_part(r, d, row, whole, "row", out, err);
    if (status >= 0) {
        *n += status;
        status = put_part(r, d, null, whole, "null", out, err);
    }
    if (status >= 0) {
        *n += status;
        *n_null += status;
    }
    mi_free(row);
    return status < 0 ? status : 0;
}

static bool is_same(const struct mi_place *a, const struct mi_place *b)
{
    return a->site == b->site && a->layer == b->layer && a->head == b->head;
}

int mi_split_directions(struct mi_session *s, const struct mi_dirs *dirs, double rtol,
                        struct mi_writer *out, int64_t *n, struct mi_error *err)
{
    struct readout r = {0};
    int64_t n_null = 0;
    char text[48];
    int status = 0;

    for (size_t i = 0; i < dirs->n && status == 0; i++) {
        const struct mi_dir *d = &dirs->item[i];
        const struct mi_place *p = &d->rec.place;

        if (!r.W || !is_same(&r.place, p))
            status = open_readout(&r, &s->model, p, rtol, err);
        if (status == 0 && d->n_vectors != 1)
            status = mi_fail(err, MI_EXIT_DATA, "%s: a subspace of %lld vectors is not split",
                             mi_place_text(p, text), (long long)d->n_vectors);
        if (status == 0 && d->width != r.width)
            status = mi_fail(err, MI_EXIT_DATA,
                             "the direction at %s has %lld numbers, its read-out "
                             "takes %lld",
                             mi_place_text(p, text), (long long)d->width, (long long)r.width);
        if (status == 0)
            status = split_one(&r, d, out, n, &n_null, err);
    }
    if (status == 0 && n_null == 0)
        status =
            mi_fail(err, MI_EXIT_NO,
                    "%s: the read-out has rank %lld of %lld: it reads all of every direction",
                    mi_place_text(&r.place, text), (long long)r.space.rank, (long long)r.width);
    free_readout(&r);
    return status;
}
