#include "job/measure.h"

#include "base/commas.h"
#include "base/escape.h"
#include "base/mem.h"
#include "job/material.h"
#include "stream/header.h"

#include <math.h>
#include <string.h>

/* ---- names ---------------------------------------------------------------------- */

static const struct {
    const char *id;
    enum mi_measure_kind kind;
} kinds[] = {
    {"logit_diff", MI_MEASURE_LOGIT_DIFF},
    {"prob_diff", MI_MEASURE_PROB_DIFF},
    {"logp", MI_MEASURE_LOGP},
    {"kl", MI_MEASURE_KL},
};

enum { N_KINDS = sizeof kinds / sizeof *kinds };

static int find_kind(const char *id, struct mi_measure *out, struct mi_error *err)
{
    int r = mi_metric_need(id, &out->metric, err);

    if (r < 0)
        return r;
    for (int i = 0; i < N_KINDS; i++)
        if (strcmp(id, kinds[i].id) == 0) {
            out->kind = kinds[i].kind;
            return 0;
        }
    return mi_fail(err, MI_EXIT_USAGE,
                   "metric '%s' is no figure of one run; those are logit_diff, prob_diff, logp, kl "
                   "and proj:FILE@SITE",
                   mi_quote(id));
}

/* "proj:FILE@SITE" into its parts, in the arena. */
static int split_projection(struct mi_arena *a, const char *text, char **file, char **sites,
                            struct mi_error *err)
{
    const char *at = strrchr(text, '@');

    if (!at || at == text + 5 || !at[1])
        return mi_fail(err, MI_EXIT_USAGE, "'%s': a projection is written proj:FILE@SITE",
                       mi_quote(text));
    *file = mi_arena_dup(a, text + 5, (size_t)(at - text - 5));
    *sites = mi_arena_dup(a, at + 1, strlen(at + 1));
    return 0;
}

static struct mi_measure *add(struct mi_measures *m)
{
    m->item = mi_grow(m->item, &m->cap, (size_t)m->n + 1, sizeof *m->item);
    m->item[m->n] = (struct mi_measure){0};
    return &m->item[m->n++];
}

/* ---- directions ------------------------------------------------------------------ */

static int take_vector(struct mi_measure *q, const struct mi_material *file,
                       const struct mi_dims *dims, struct mi_error *err)
{
    const struct mi_dir_record *dir = mi_material_dir(file, &q->at, err);
    int64_t rows, width;
    double sum = 0;

    if (!dir)
        return -err->code;
    mi_place_shape(&q->at, dims, 0, &rows, &width);
    q->width = rows * width;
    if (q->width == 0 || q->at.site == MI_SITE_LOGITS)
        return mi_fail(err, MI_EXIT_USAGE, "%s: directions do not apply there", q->at_text);
    if (dir->v.rank == 2 && dir->v.shape[0] != 1)
        return mi_fail(err, MI_EXIT_DATA, "'%s' has a subspace at %s; one direction is needed",
                       mi_quote(file->name), q->at_text);
    if (mi_tensor_count(&dir->v) != q->width)
        return mi_fail(err, MI_EXIT_DATA, "'%s' has a direction %lld wide, %s is %lld wide",
                       mi_quote(file->name), (long long)mi_tensor_count(&dir->v), q->at_text,
                       (long long)q->width);
    q->v = mi_alloc_n((size_t)q->width, sizeof *q->v);
    mi_tensor_to_f32(q->v, &dir->v);
    for (int64_t i = 0; i < q->width; i++)
        sum += (double)q->v[i] * (double)q->v[i];
    if (!(fabs(sum - 1) < 2e-3))
        return mi_fail(err, MI_EXIT_DATA, "'%s': its direction has length %g, not 1",
                       mi_quote(file->name), sqrt(sum));
    return 0;
}

static void add_input(struct mi_measures *m, const struct mi_material *file)
{
    struct mi_value one = mi_map();

    for (size_t i = 0; i < file->inputs.as.array.n; i++)
        mi_push(&m->arena, &m->inputs, mi_value_copy(&m->arena, &file->inputs.as.array.item[i]));
    mi_set(&m->arena, &one, "name", mi_str("dir"));
    mi_set(&m->arena, &one, "digest", mi_str_dup(&m->arena, file->digest));
    mi_push(&m->arena, &m->inputs, one);
}

static int open_projection(struct mi_measures *m, const char *text, const struct mi_session *s,
                           const struct mi_value *header, bool other_model, struct mi_error *err)
{
    const struct mi_dims *dims = &s->model.config.dims;
    struct mi_places places = {0}, none = {0};
    struct mi_material file = {0};
    char *path, *sites;
    int r = split_projection(&m->arena, text, &path, &sites, err);

    if (r == 0)
        r = mi_places_parse(&places, sites, dims, err);
    if (r == 0)
        r = mi_material_read(&file, path, &none, err);
    if (r == 0 && mi_header_same_model(&file.header, header, other_model, err) < 0)
        r = mi_fail_in(err, "'%s'", mi_quote(path));
    for (size_t i = 0; r == 0 && i < places.n; i++) {
        struct mi_measure *q = add(m);

        q->kind = MI_MEASURE_PROJECTION;
        q->metric = mi_metric_find("projection");
        q->at = places.item[i];
        mi_place_text(&q->at, q->at_text);
        memcpy(q->digest, file.digest, sizeof q->digest);
        r = take_vector(q, &file, dims, err);
    }
    if (r == 0)
        add_input(m, &file);
    mi_material_free(&file);
    mi_places_free(&places);
    return r;
}

/* ---- the list -------------------------------------------------------------------- */

/* Calls `each` for every name of the lists. */
static int walk(const char *const *lists, int n,
                int (*each)(void *ctx, const char *name, struct mi_error *err), void *ctx,
                struct mi_error *err)
{
    const char *part;
    size_t len;
    int r = 0;

    for (int i = 0; i < n && r == 0; i++) {
        for (const char *at = lists[i]; r == 0 && mi_commas_next(&at, &part, &len);) {
            char *name = mi_strndup(part, len);

            r = len ? each(ctx, name, err)
                    : mi_fail(err, MI_EXIT_USAGE, "an empty name in '%s'", mi_quote(lists[i]));
            mi_free(name);
        }
    }
    return r;
}

static bool is_projection(const char *name)
{
    return strncmp(name, "proj:", 5) == 0;
}

static int check_name(void *ctx, const char *name, struct mi_error *err)
{
    struct mi_arena *a = ctx;
    struct mi_measure q;
    char *file, *sites;

    return is_projection(name) ? split_projection(a, name, &file, &sites, err)
                               : find_kind(name, &q, err);
}

int mi_measures_check(const char *const *lists, int n, struct mi_error *err)
{
    struct mi_arena a = {0};
    int r = n > 0 ? walk(lists, n, check_name, &a, err)
                  : mi_fail(err, MI_EXIT_USAGE, "no metric is named");

    mi_arena_free(&a);
    return r;
}

struct opening {
    struct mi_measures *m;
    const struct mi_session *s;
    const struct mi_value *header;
    bool other_model;
};

static int open_name(void *ctx, const char *name, struct mi_error *err)
{
    const struct opening *o = ctx;
    struct mi_measures *m = o->m;
    struct mi_measure q = {0};
    int r;

    if (is_projection(name))
        return open_projection(m, name, o->s, o->header, o->other_model, err);
    r = find_kind(name, &q, err);
    if (r < 0)
        return r;
    for (int i = 0; i < m->n; i++)
        if (m->item[i].kind == q.kind)
            return mi_fail(err, MI_EXIT_USAGE, "metric '%s' is named twice", name);
    *add(m) = q;
    m->needs_diff |= q.kind == MI_MEASURE_LOGIT_DIFF || q.kind == MI_MEASURE_PROB_DIFF;
    m->needs_logp |= q.kind == MI_MEASURE_LOGP;
    m->needs_kl |= q.kind == MI_MEASURE_KL;
    return 0;
}

int mi_measures_open(struct mi_measures *m, const char *const *lists, int n,
                     const struct mi_pos *pos, const struct mi_session *s,
                     const struct mi_value *header, bool other_model, struct mi_error *err)
{
    struct opening o = {m, s, header, other_model};

    *m = (struct mi_measures){.pos = pos, .inputs = mi_array()};
    return walk(lists, n, open_name, &o, err);
}

bool mi_measures_want(const struct mi_measures *m, enum mi_site site, int layer)
{
    if (site == MI_SITE_LOGITS && (m->needs_diff || m->needs_logp || m->needs_kl))
        return true;
    for (int i = 0; i < m->n; i++)
        if (m->item[i].kind == MI_MEASURE_PROJECTION && m->item[i].at.site == site &&
            m->item[i].at.layer == layer)
            return true;
    return false;
}

bool mi_measures_need_two_logits(const struct mi_measures *m)
{
    for (int i = 0; i < m->n; i++)
        if (m->item[i].kind == MI_MEASURE_PROB_DIFF)
            return false;
    return m->needs_diff && !m->needs_logp && !m->needs_kl;
}

void mi_measures_free(struct mi_measures *m)
{
    for (int i = 0; i < m->n; i++)
        mi_free(m->item[i].v);
    mi_free(m->item);
    mi_arena_free(&m->arena);
    *m = (struct mi_measures){0};
}
