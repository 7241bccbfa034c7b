#include "job/dirs.h"

#include "base/escape.h"
#include "method/direction.h"
#include "stream/header.h"

#include <math.h>
#include <string.h>

static struct mi_dims dims_of(const struct mi_value *header)
{
    const struct mi_value *m = mi_get(header, "model");

    return (struct mi_dims){.n_layers = (int)mi_get_int(m, "n_layers", 0),
                            .n_heads = (int)mi_get_int(m, "n_heads", 0),
                            .n_kv_heads = (int)mi_get_int(m, "n_kv_heads", 0)};
}

static bool holds(const struct mi_places *list, const struct mi_place *p)
{
    for (size_t i = 0; i < list->n; i++)
        if (list->item[i].site == p->site && list->item[i].layer == p->layer &&
            list->item[i].head == p->head)
            return true;
    return false;
}

/* Which control the method is, or NULL. Methods of other programs are none. */
static const char *control_of(const char *method)
{
    int m = mi_method_find(method, NULL);

    return m >= 0 && mi_method_info((enum mi_method)m)->is_control
               ? mi_method_info((enum mi_method)m)->id
               : NULL;
}

static int check_vector(const struct mi_dir *d, struct mi_error *err)
{
    char text[48];

    for (int64_t i = 0; i < d->n_vectors; i++) {
        double norm = 0;

        for (int64_t k = 0; k < d->width; k++)
            norm += (double)d->v[i * d->width + k] * (double)d->v[i * d->width + k];
        if (!(fabs(norm - 1) < 1e-3))
            return mi_fail(err, MI_EXIT_DATA, "the direction at %s has length %g, not 1",
                           mi_place_text(&d->rec.place, text), sqrt(norm));
    }
    return 0;
}

static int read_groups(struct mi_dir *d, struct mi_arena *a, struct mi_error *err)
{
    const struct mi_value *g = mi_get(&d->rec.extra, "groups");
    const struct mi_tensor *t;
    int64_t *digest;

    if (!mi_is(g, MI_TENSOR))
        return 0;
    t = &g->as.tensor;
    if (t->dtype != MI_I64 || t->rank != 1)
        return mi_fail(err, MI_EXIT_DATA, "'groups' is no list of 64-bit numbers");
    d->n_groups = t->shape[0];
    digest = mi_arena_alloc(a, (size_t)d->n_groups * sizeof *digest);
    if (d->n_groups)
        memcpy(digest, t->data, (size_t)d->n_groups * sizeof *digest);
    for (int64_t i = 1; i < d->n_groups; i++)
        if (digest[i] < digest[i - 1])
            return mi_fail(err, MI_EXIT_DATA, "'groups' is not in ascending order");
    d->groups = digest;
    return 0;
}

static int add_dir(struct mi_dirs *list, const struct mi_value *body, struct mi_error *err)
{
    struct mi_value copy = mi_value_copy(&list->arena, body);
    struct mi_value *kept = mi_arena_alloc(&list->arena, sizeof *kept);
    struct mi_dir d = {.body = kept, .source = list->n_sources};
    const struct mi_tensor *t = &d.rec.v;
    int r;

    *kept = copy;
    if ((r = mi_dir_read(kept, &d.rec, err)) < 0)
        return r;
    d.n_vectors = t->rank == 2 ? t->shape[0] : 1;
    d.width = t->shape[t->rank - 1];
    d.v = mi_arena_alloc(&list->arena, (size_t)(d.n_vectors * d.width) * sizeof *d.v);
    mi_tensor_to_f32(d.v, t);
    d.threshold = mi_get_real(&d.rec.extra, "threshold", (double)NAN);
    d.sides = mi_get_str(&d.rec.extra, "sides", NULL);
    d.control = control_of(d.rec.method);
    if ((r = check_vector(&d, err)) < 0 || (r = read_groups(&d, &list->arena, err)) < 0)
        return r;
    list->item = mi_grow(list->item, &list->cap, list->n + 1, sizeof *list->item);
    list->item[list->n++] = d;
    return 0;
}

static int check_header(struct mi_dirs *d, const struct mi_reader *in, bool other_model,
                        struct mi_error *err)
{
    const struct mi_value *header = mi_reader_header(in);

    if (strcmp(mi_get_str(header, "content", ""), "dir") != 0)
        return mi_fail(err, MI_EXIT_DATA, "holds '%s' records, not directions",
                       mi_quote(mi_get_str(header, "content", "")));
    if (d->header.kind == MI_NIL) {
        d->header = mi_value_copy(&d->arena, header);
        return 0;
    }
    return mi_header_same_model(&d->header, header, other_model, err);
}

int mi_dirs_read(struct mi_dirs *d, const char *path, const char *at, bool other_model,
                 struct mi_origin *origin, struct mi_error *err)
{
    struct mi_reader in = {0};
    struct mi_record rec;
    struct mi_places places = {0};
    struct mi_dims dims;
    int r = mi_reader_open(&in, path, err);

    if (r < 0)
        return r;
    dims = dims_of(mi_reader_header(&in));
    if ((r = check_header(d, &in, other_model, err)) < 0)
        mi_reader_blame(&in, err);
    if (r == 0 && at)
        r = mi_places_parse(&places, at, dims.n_layers ? &dims : NULL, err);
    while (r == 0 && (r = mi_reader_next(&in, &rec, err)) > 0) {
        struct mi_place p;

        r = 0;
        if (strcmp(rec.kind, "dir") != 0)
            continue;
        if (at && mi_place_get(rec.body, &p, NULL) == 0 && !holds(&places, &p))
            continue;
        if ((r = add_dir(d, rec.body, err)) < 0)
            mi_reader_blame(&in, err);
    }
    if (r == 0)
        mi_origin_input(origin, &in);
    d->n_sources++;
    mi_places_free(&places);
    mi_reader_close(&in);
    return r;
}

int mi_dirs_read_all(struct mi_dirs *d, const char *const *paths, int n, const char *at,
                     bool other_model, struct mi_origin *origin, struct mi_error *err)
{
    int r = 0;

    for (int i = 0; i < n && r == 0; i++)
        r = mi_dirs_read(d, paths[i], at, other_model, origin, err);
    if (r == 0 && d->n == 0)
        r = mi_fail(err, MI_EXIT_DATA, "'%s': no directions%s%s", mi_quote(paths[0]),
                    at ? " at " : "", at ? mi_quote(at) : "");
    return r;
}

int mi_dirs_sides(const struct mi_dirs *d, const char *given, const char **sides,
                  struct mi_error *err)
{
    *sides = given;
    for (size_t i = 0; i < d->n; i++) {
        const char *own = d->item[i].sides;

        if (!own)
            continue;
        if (*sides && strcmp(own, *sides) != 0)
            return mi_fail(err, MI_EXIT_DATA,
                           "a direction was fitted with the sides '%s', not '%s'", mi_quote(own),
                           mi_quote(*sides));
        *sides = own;
    }
    return 0;
}

bool mi_dir_is_at(const struct mi_dir *d, const struct mi_place *p)
{
    return d->rec.place.site == p->site && d->rec.place.layer == p->layer &&
           d->rec.place.head == p->head;
}

bool mi_dir_has_group(const struct mi_dir *d, int64_t digest)
{
    int64_t lo = 0, hi = d->n_groups;

    while (lo < hi) {
        int64_t mid = lo + (hi - lo) / 2;

        if (d->groups[mid] < digest)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < d->n_groups && d->groups[lo] == digest;
}

int mi_dir_check_width(const struct mi_dir *d, int64_t width, struct mi_error *err)
{
    char text[48];

    if (d->width == width)
        return 0;
    return mi_fail(err, MI_EXIT_DATA,
                   "the direction at %s has %lld numbers, the activations there have %lld",
                   mi_place_text(&d->rec.place, text), (long long)d->width, (long long)width);
}

int mi_acts_check_dirs(const struct mi_acts *acts, const struct mi_dirs *d, struct mi_error *err)
{
    char text[48], first[48];

    for (size_t i = 0; i < d->n; i++) {
        bool found = false;

        for (size_t k = 0; k < acts->n_places && !found; k++)
            found = mi_dir_is_at(&d->item[i], &acts->place[k].place);
        if (!found)
            return mi_fail(err, MI_EXIT_DATA,
                           "%s: no activations at %s, where a direction is (there are some at %s); "
                           "--at chooses places",
                           mi_reader_name(&acts->reader),
                           mi_place_text(&d->item[i].rec.place, text),
                           mi_place_text(&acts->place[0].place, first));
    }
    return 0;
}

void mi_dirs_free(struct mi_dirs *d)
{
    mi_free(d->item);
    mi_arena_free(&d->arena);
    *d = (struct mi_dirs){0};
}
