#include "job/compare.h"

#include "method/direction.h"
#include "stream/record.h"

#include <math.h>
#include <string.h>

static int put(struct mi_writer *out, struct mi_arena *a, const struct mi_dir *x,
               const struct mi_dir *y, const char *metric, double value, int64_t angle,
               struct mi_error *err)
{
    struct mi_score_record rec = {.of = mi_map(), .metric = metric, .value = value};
    struct mi_value body;

    mi_arena_reset(a);
    rec.lo = rec.hi = (double)NAN;
    rec.n = x->width;
    mi_place_set(a, &rec.of, &x->rec.place);
    mi_set(a, &rec.of, "method", mi_str(x->rec.method));
    mi_set(a, &rec.of, "source", mi_int(x->source));
    mi_set(a, &rec.of, "other_layer",
           y->rec.place.layer >= 0 ? mi_int(y->rec.place.layer) : mi_nil());
    mi_set(a, &rec.of, "other_method", mi_str(y->rec.method));
    mi_set(a, &rec.of, "other_source", mi_int(y->source));
    mi_set(a, &rec.of, "angle", angle >= 0 ? mi_int(angle) : mi_nil());
    body = mi_score_body(a, &rec);
    return mi_writer_put(out, "score", &body, err);
}

static int put_pair(struct mi_writer *out, struct mi_arena *a, const struct mi_dir *x,
                    const struct mi_dir *y, struct mi_error *err)
{
    int64_t m = x->n_vectors < y->n_vectors ? x->n_vectors : y->n_vectors;
    double *c;
    int r = 0;

    if (x->width != y->width) {
        char text[48];

        return mi_fail(err, MI_EXIT_DATA, "directions of %lld and %lld numbers at %s",
                       (long long)x->width, (long long)y->width,
                       mi_place_text(&x->rec.place, text));
    }
    if (x->n_vectors == 1 && y->n_vectors == 1)
        return put(out, a, x, y, "cosine", mi_cosine(x->v, y->v, x->width), -1, err);
    c = mi_alloc_n((size_t)m, sizeof *c);
    if (mi_principal_cosines(c, x->v, x->n_vectors, y->v, y->n_vectors, x->width) < 0)
        r = mi_fail(err, MI_EXIT_DATA, "the principal angles do not converge");
    for (int64_t i = 0; i < m && r == 0; i++)
        r = put(out, a, x, y, "principal_cosine", c[i], i, err);
    mi_free(c);
    return r;
}

static bool is_next_layer(const struct mi_dir *x, const struct mi_dir *y)
{
    return y->rec.place.site == x->rec.place.site && y->rec.place.head == x->rec.place.head &&
           y->rec.place.layer == x->rec.place.layer + 1 && x->rec.place.layer >= 0 &&
           y->source == x->source && strcmp(x->rec.method, y->rec.method) == 0 &&
           x->n_vectors == 1 && y->n_vectors == 1 && x->width == y->width;
}

int mi_compare(const struct mi_dirs *dirs, struct mi_writer *out, struct mi_error *err)
{
    struct mi_arena arena = {0};
    int r = 0;

    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < dirs->n && r == 0; i++)
            for (size_t j = 0; j < dirs->n && r == 0; j++) {
                const struct mi_dir *x = &dirs->item[i], *y = &dirs->item[j];

                if (x->control || y->control)
                    continue;
                if (pass == 0 && j > i && mi_dir_is_at(y, &x->rec.place))
                    r = put_pair(out, &arena, x, y, err);
                else if (pass == 1 && is_next_layer(x, y))
                    r = put_pair(out, &arena, x, y, err);
            }
    mi_arena_free(&arena);
    return r;
}
