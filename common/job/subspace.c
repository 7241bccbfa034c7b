#include "job/subspace.h"

#include "base/mem.h"
#include "math/linear.h"

#include <math.h>
#include <string.h>

enum { MOST_VECTORS = 4096 };

int mi_subspace_take(struct mi_subspace *s, const struct mi_dir_record *dir,
                     const struct mi_place *at, const struct mi_dims *dims, struct mi_error *err)
{
    const struct mi_tensor *t = &dir->v;
    int64_t count = mi_tensor_count(t), rows, width;
    char text[48];

    mi_place_shape(at, dims, 0, &rows, &width);
    if (!width)
        return mi_fail(err, MI_EXIT_USAGE, "%s has no fixed width: directions do not apply",
                       mi_place_text(at, text));
    if (t->rank < 1 || t->rank > 2 || count <= 0 || (t->rank == 2 && t->shape[0] > MOST_VECTORS))
        return mi_fail(err, MI_EXIT_DATA, "its direction is no vector");
    *s = (struct mi_subspace){.n = t->rank == 2 ? (int)t->shape[0] : 1,
                              .width = t->shape[t->rank - 1]};
    s->v = mi_alloc_n((size_t)count, sizeof *s->v);
    mi_tensor_to_f32(s->v, t);
    for (int i = 0; i < s->n; i++) {
        const float *v = s->v + i * s->width;
        double sum = 0;

        for (int64_t k = 0; k < s->width; k++)
            sum += (double)v[k] * (double)v[k];
        if (!(fabs(sum - 1) < 1e-3))
            return mi_fail(err, MI_EXIT_DATA, "its direction has length %g, not 1", sqrt(sum));
    }
    if (s->width != width && s->width != rows * width)
        return mi_fail(err, MI_EXIT_DATA, "it has directions %lld wide, %s is %lld wide",
                       (long long)s->width, mi_place_text(at, text), (long long)width);
    return 0;
}

int mi_subspace_orthonormalize(struct mi_subspace *s, struct mi_error *err)
{
    int64_t width = s->width;
    double *x = mi_alloc_n((size_t)s->n * (size_t)width, sizeof *x);
    int r = 0;

    for (int64_t i = 0; i < s->n * width; i++)
        x[i] = (double)s->v[i];
    for (int i = 0; i < s->n && r == 0; i++) {
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
            s->v[i * width + k] = (float)xi[k];
        }
    }
    mi_free(x);
    return r;
}

bool mi_subspace_swap(const struct mi_subspace *s, bool is_across, float *x, const float *y,
                      float *tmp)
{
    bool is_changed = false;

    for (int64_t i = 0; i < s->width; i++) {
        tmp[i] = is_across ? x[i] - y[i] : y[i] - x[i];
        is_changed = is_changed || x[i] != y[i];
    }
    if (!is_changed)
        return false;
    if (is_across)
        memcpy(x, y, (size_t)s->width * sizeof *x);
    for (int k = 0; k < s->n; k++) {
        const float *v = s->v + k * s->width;
        float c = mi_dot(tmp, v, s->width);

        for (int64_t i = 0; c != 0.0f && i < s->width; i++)
            x[i] = fmaf(c, v[i], x[i]);
    }
    return true;
}

void mi_subspace_free(struct mi_subspace *s)
{
    mi_free(s->v);
    *s = (struct mi_subspace){0};
}
