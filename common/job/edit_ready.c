#include "job/editor_state.h"

#include "base/escape.h"
#include "base/mem.h"

#include <math.h>

/* Rows of v made orthonormal in their order (modified Gram-Schmidt, in double): what is taken
 * out along one then stays out. A row that the others span is MI_EXIT_DATA. */
static int orthonormalize(float *v, int n, int64_t width, struct mi_error *err)
{
    double *x = mi_alloc_n((size_t)n * (size_t)width, sizeof *x);
    int r = 0;

    for (int64_t i = 0; i < n * width; i++)
        x[i] = (double)v[i];
    for (int i = 0; i < n && r == 0; i++) {
        double *xi = x + i * width, norm = 0;

        for (int j = 0; j < i; j++) {
            const double *xj = x + j * width;
            double p = 0;

            for (int64_t k = 0; k < width; k++)
                p += xi[k] * xj[k];
            for (int64_t k = 0; k < width; k++)
                xi[k] -= p * xj[k];
        }
        for (int64_t k = 0; k < width; k++)
            norm += xi[k] * xi[k];
        norm = sqrt(norm);
        if (norm < 1e-6)
            r = mi_fail(err, MI_EXIT_DATA, "its vectors are linearly dependent");
        for (int64_t k = 0; k < width && r == 0; k++) {
            xi[k] /= norm;
            v[i * width + k] = (float)xi[k];
        }
    }
    mi_free(x);
    return r;
}

/* Vectors of a direction record as floats; checked to be finite and of unit norm. */
static int take_vectors(const struct mi_dir_record *dir, float **v, int *n, int64_t *width,
                        struct mi_error *err)
{
    const struct mi_tensor *t = &dir->v;
    int64_t count = mi_tensor_count(t);

    if (t->rank < 1 || t->rank > 2 || count <= 0 || (t->rank == 2 && t->shape[0] > 4096))
        return mi_fail(err, MI_EXIT_DATA, "its direction is no vector");
    *n = t->rank == 2 ? (int)t->shape[0] : 1;
    *width = t->shape[t->rank - 1];
    *v = mi_alloc_n((size_t)count, sizeof **v);
    mi_tensor_to_f32(*v, t);
    for (int i = 0; i < *n; i++) {
        double sum = 0;

        for (int64_t k = 0; k < *width; k++)
            sum += (double)(*v)[i * *width + k] * (double)(*v)[i * *width + k];
        if (!(fabs(sum - 1) < 1e-3))
            return mi_fail(err, MI_EXIT_DATA, "its direction has length %g, not 1", sqrt(sum));
    }
    return 0;
}

static bool needs_direction(const struct mi_edit *e)
{
    return e->op == MI_EDIT_ADD || e->op == MI_EDIT_PROJECT_OUT || e->op == MI_EDIT_SET;
}

static int ready_direction(const struct mi_ready *ready, struct mi_ready_place *at,
                           struct mi_error *err)
{
    const struct mi_edit *e = ready->edit;
    const struct mi_dir_record *dir;
    const char *name = mi_quote(ready->source->name);
    char text[48];
    double c = e->factor;
    int r;

    mi_place_text(&at->place, text);
    if (!at->width)
        return mi_fail(err, MI_EXIT_USAGE, "%s has no fixed width: directions do not apply", text);
    dir = mi_material_dir(ready->source, &at->place, err);
    if (!dir)
        return -err->code;
    r = take_vectors(dir, &at->v, &at->n_v, &at->v_width, err);
    if (r < 0)
        return mi_fail_in(err, "'%s'", name);
    if (at->v_width != at->width && at->v_width != at->rows * at->width)
        return mi_fail(err, MI_EXIT_DATA, "'%s' has directions %lld wide, %s is %lld wide", name,
                       (long long)at->v_width, text, (long long)at->width);
    if (e->op == MI_EDIT_PROJECT_OUT)
        return at->n_v == 1 || orthonormalize(at->v, at->n_v, at->v_width, err) == 0
                   ? 0
                   : mi_fail_in(err, "'%s'", name);
    if (at->n_v > 1)
        return mi_fail(err, MI_EXIT_DATA, "'%s' has a subspace of %d vectors at %s; one is needed",
                       name, at->n_v, text);
    if (e->in_scale && !(dir->scale > 0))
        return mi_fail(err, MI_EXIT_DATA, "'%s' does not say the scale of its direction", name);
    if (e->in_scale)
        c *= dir->scale;
    at->c = (float)c;
    return isfinite(at->c) ? 0 : mi_fail(err, MI_EXIT_USAGE, "%g is too large", c);
}

int mi_ready_place(const struct mi_ready *ready, struct mi_ready_place *at,
                   const struct mi_dims *dims, struct mi_error *err)
{
    const struct mi_edit *e = ready->edit;
    int64_t n;
    char text[48];

    mi_place_shape(&at->place, dims, 0, &at->rows, &at->width);
    n = at->rows * at->width;
    at->c = (float)e->factor;
    if (needs_direction(e))
        return ready_direction(ready, at, err);
    if (e->op != MI_EDIT_MEAN_ABLATE)
        return 0;
    if (!at->width)
        return mi_fail(err, MI_EXIT_USAGE, "%s has no fixed width: it has no mean",
                       mi_place_text(&at->place, text));
    at->mean = mi_alloc_n((size_t)n, sizeof *at->mean);
    return mi_material_mean(ready->source, &at->place, n, at->mean, err);
}

int mi_ready_condition(struct mi_ready *ready, const struct mi_dims *dims, struct mi_error *err)
{
    const struct mi_edit *e = ready->edit;
    const struct mi_place *at = &e->when.at;
    const struct mi_dir_record *dir = mi_material_dir(ready->when_source, at, err);
    int64_t rows, width, order = mi_place_order(at->site, at->layer);
    char text[48];
    int n = 0, r;

    if (!dir)
        return -err->code;
    r = take_vectors(dir, &ready->when_v, &n, &ready->when_width, err);
    if (r < 0)
        return mi_fail_in(err, "'%s'", mi_quote(ready->when_source->name));
    mi_place_shape(at, dims, 0, &rows, &width);
    if (n != 1 || width == 0 || ready->when_width != rows * width)
        return mi_fail(err, MI_EXIT_DATA, "when: '%s' has no single direction %lld wide for %s",
                       mi_quote(ready->when_source->name), (long long)(rows * width),
                       mi_place_text(at, text));
    for (size_t i = 0; i < e->places.n; i++) {
        const struct mi_place *p = &e->places.item[i];
        int64_t own = mi_place_order(p->site, p->layer);

        if (own < order)
            return mi_fail(err, MI_EXIT_USAGE, "when: %s comes after the edited site",
                           mi_place_text(at, text));
        if (own == order)
            ready->when_inside = true;
    }
    return 0;
}
