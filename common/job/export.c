#include "job/export.h"

#include "model/control_vector.h"

#include <string.h>

static int check(const struct mi_dir *d, bool is_scaled, struct mi_error *err)
{
    char text[48];

    mi_place_text(&d->rec.place, text);
    if (d->rec.place.site != MI_SITE_RESID_POST)
        return mi_fail(err, MI_EXIT_DATA,
                       "a control vector holds directions at resid_post, not at "
                       "%s",
                       text);
    if (d->rec.place.layer == 0)
        return mi_fail(err, MI_EXIT_DATA,
                       "llama.cpp cannot steer after block 0: choose other "
                       "places with --at");
    if (d->n_vectors != 1)
        return mi_fail(err, MI_EXIT_DATA, "the %lld vectors at %s do not go into a control vector",
                       (long long)d->n_vectors, text);
    if (is_scaled && d->rec.scale == 0)
        return mi_fail(err, MI_EXIT_DATA, "the scale of the direction at %s is not known", text);
    return 0;
}

/* Inserts d into the list, which is in the order of the layers. */
static int insert(const struct mi_dir **list, int *n, const struct mi_dir *d, struct mi_error *err)
{
    int at = *n;

    while (at > 0 && list[at - 1]->rec.place.layer > d->rec.place.layer)
        at--;
    if (at > 0 && list[at - 1]->rec.place.layer == d->rec.place.layer)
        return mi_fail(err, MI_EXIT_DATA,
                       "two directions of layer %d ('%s' and '%s'): choose one "
                       "with mi-direction select",
                       d->rec.place.layer, list[at - 1]->rec.method, d->rec.method);
    if (*n && d->width != list[0]->width)
        return mi_fail(err, MI_EXIT_DATA, "directions of %lld and %lld numbers",
                       (long long)list[0]->width, (long long)d->width);
    memmove(list + at + 1, list + at, (size_t)(*n - at) * sizeof(struct mi_dir *));
    list[at] = d;
    ++*n;
    return 0;
}

static void encode(struct mi_buf *b, const struct mi_dirs *dirs, const struct mi_dir **list, int n,
                   double length, bool is_scaled)
{
    const struct mi_value *model = mi_get(&dirs->header, "model");
    struct mi_control_vector *v = mi_alloc_n((size_t)n, sizeof *v);
    struct mi_arena arena = {0};
    int64_t width = list[0]->width;

    for (int i = 0; i < n; i++) {
        double factor = length * (is_scaled ? list[i]->rec.scale : 1);
        float *x = mi_arena_alloc(&arena, (size_t)width * sizeof *x);
        char *hook = mi_arena_alloc(&arena, 64);

        for (int64_t k = 0; k < width; k++)
            x[k] = (float)((double)list[i]->v[k] * factor);
        v[i] = (struct mi_control_vector){list[i]->rec.place.layer, x,
                                          mi_place_hook(&list[i]->rec.place, hook)};
    }
    mi_control_vector_encode(b, v, n, width, mi_get_str(model, "architecture", ""),
                             (int)mi_get_int(model, "n_layers", 0));
    mi_arena_free(&arena);
    mi_free(v);
}

int mi_export_control_vector(struct mi_buf *b, const struct mi_dirs *dirs, double length,
                             bool is_scaled, struct mi_error *err)
{
    const struct mi_dir **list = mi_alloc_zero(dirs->n + 1, sizeof *list);
    int n = 0, r = 0;

    for (size_t i = 0; i < dirs->n && r == 0; i++) {
        r = check(&dirs->item[i], is_scaled, err);
        if (r == 0)
            r = insert(list, &n, &dirs->item[i], err);
    }
    if (r == 0)
        encode(b, dirs, list, n, length, is_scaled);
    mi_free(list);
    return r;
}
