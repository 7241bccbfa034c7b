#include "job/unembed.h"

#include "base/mem.h"
#include "base/par.h"
#include "math/linear.h"
#include "method/direction.h"
#include "method/probe.h"
#include "method/readout.h"
#include "stats/moments.h"
#include "stream/record.h"

#include <math.h>
#include <string.h>

enum { BATCH = 32, MAX_TOP = 1000 };

/* Vectors on their way to logits. */
struct unembed {
    struct mi_session *s;
    const struct mi_unembed_options *o;
    int64_t D, V;
    float *x;        /* [BATCH, D] */
    float *logits;   /* [BATCH, V] */
    double *entropy; /* [BATCH] */
    double *random;  /* [n_random] entropies */
    double mean, sd; /* of them */
};

/* x = sign * v * sqrt(D) * g: what the final norm makes of the direction alone (its epsilon is
 * nothing beside a mean square of 1). */
static void put_vector(struct unembed *u, int i, const float *v, float sign)
{
    const float *g = u->o->is_folded ? u->s->model.norm_final.weight : NULL;
    double length = sqrt((double)u->D), mean = 0;

    if (u->s->model.config.row->norm == MI_NORM_LAYER)
        for (int64_t k = 0; k < u->D; k++)
            mean += (double)v[k] / (double)u->D;
    for (int64_t k = 0; k < u->D; k++)
        u->x[i * u->D + k] =
            (float)((double)sign * ((double)v[k] - mean) * length * (g ? (double)g[k] : 1.0));
}

static void measure_row(void *ctx, int64_t i, int thread)
{
    struct unembed *u = ctx;

    (void)thread;
    u->entropy[i] = mi_softmax_entropy(u->logits + i * u->V, u->V);
}

static void measure(struct unembed *u, int n)
{
    mi_linear(u->logits, u->V, u->x, u->D, n, &u->s->model.unembedding, NULL);
    mi_par_for(n, measure_row, u);
}

static void measure_random(struct unembed *u)
{
    float *v = mi_alloc_n((size_t)u->D, sizeof *v);

    for (int from = 0; from < u->o->n_random; from += BATCH) {
        int n = u->o->n_random - from < BATCH ? u->o->n_random - from : BATCH;

        for (int i = 0; i < n; i++) {
            mi_direction_random(v, u->D, u->o->seed, "unembed", from + i);
            put_vector(u, i, v, 1);
        }
        measure(u, n);
        memcpy(u->random + from, u->entropy, (size_t)n * sizeof *u->entropy);
    }
    u->mean = mi_mean(u->random, u->o->n_random);
    u->sd = mi_sd(u->random, u->o->n_random);
    mi_free(v);
}

/* ---- records -------------------------------------------------------------------- */

static struct mi_value list_tokens(const struct unembed *u, struct mi_arena *a, const float *logits)
{
    int32_t top[MAX_TOP];
    int k = u->o->n_top < u->V ? u->o->n_top : (int)u->V;
    struct mi_value list = mi_array();

    mi_largest(top, logits, u->V, k);
    for (int i = 0; i < k; i++) {
        struct mi_bytes piece = mi_tokenizer_piece(&u->s->tokenizer, top[i]);
        struct mi_value one = mi_array();

        mi_push(a, &one, mi_int(top[i]));
        mi_push(a, &one, mi_text_dup(a, piece.at ? piece.at : "", piece.len));
        mi_push(a, &one, mi_real((double)logits[top[i]]));
        mi_push(a, &list, one);
    }
    return list;
}

static int put(struct mi_writer *out, struct mi_arena *a, struct mi_score_record *rec,
               const char *metric, double value, struct mi_error *err)
{
    struct mi_value body;

    rec->metric = metric;
    rec->value = value;
    body = mi_score_body(a, rec);
    return mi_writer_put(out, "score", &body, err);
}

/* The two ends of vector k of a direction stand in rows 0 and 1. */
static int put_ends(const struct unembed *u, const struct mi_dir *d, int64_t k,
                    struct mi_writer *out, struct mi_error *err)
{
    struct mi_arena a = {0};
    int r = 0;

    for (int end = 0; end < 2 && r == 0; end++) {
        struct mi_score_record rec = {.of = mi_map(), .n = u->V, .seed = (int64_t)u->o->seed};
        double h = u->entropy[end];

        rec.lo = rec.hi = (double)NAN;
        mi_place_set(&a, &rec.of, &d->rec.place);
        mi_set(&a, &rec.of, "position", d->rec.position ? mi_str(d->rec.position) : mi_nil());
        mi_set(&a, &rec.of, "method", mi_str(d->rec.method));
        mi_set(&a, &rec.of, "vector", mi_int(k));
        mi_set(&a, &rec.of, "side", mi_str(end ? "-" : "+"));
        mi_set(&a, &rec.of, "folded", mi_bool(u->o->is_folded));
        if (u->o->n_random > 1 && u->sd > 0)
            r = put(out, &a, &rec, "entropy_z", (h - u->mean) / u->sd, err);
        mi_set(&a, &rec.of, "top", list_tokens(u, &a, u->logits + end * u->V));
        if (r == 0)
            r = put(out, &a, &rec, "entropy", h, err);
    }
    mi_arena_free(&a);
    return r;
}

static int put_random(const struct unembed *u, struct mi_writer *out, struct mi_error *err)
{
    struct mi_figure f = mi_control_figure(u->random, u->o->n_random);
    struct mi_score_record rec = {.of = mi_map(),
                                  .lo = f.lo,
                                  .hi = f.hi,
                                  .n = f.n,
                                  .control = "random",
                                  .seed = (int64_t)u->o->seed};
    struct mi_arena a = {0};
    int r;

    mi_set(&a, &rec.of, "method", mi_str("random"));
    mi_set(&a, &rec.of, "folded", mi_bool(u->o->is_folded));
    r = put(out, &a, &rec, "entropy", f.value, err);
    mi_arena_free(&a);
    return r;
}

static int check_widths(const struct unembed *u, const struct mi_dirs *dirs, struct mi_error *err)
{
    char text[48];

    for (size_t i = 0; i < dirs->n; i++)
        if (dirs->item[i].width != u->D)
            return mi_fail(err, MI_EXIT_DATA,
                           "the direction at %s has %lld numbers, the residual stream %lld: it has "
                           "no unembedding",
                           mi_place_text(&dirs->item[i].rec.place, text),
                           (long long)dirs->item[i].width, (long long)u->D);
    return 0;
}

int mi_unembed(struct mi_session *s, const struct mi_dirs *dirs, const struct mi_unembed_options *o,
               struct mi_writer *out, struct mi_error *err)
{
    struct unembed u = {
        .s = s, .o = o, .D = s->model.config.dims.d_model, .V = s->model.config.dims.d_vocab};
    int r = check_widths(&u, dirs, err);

    if (r < 0)
        return r;
    u.x = mi_alloc_n(BATCH * (size_t)u.D, sizeof *u.x);
    u.logits = mi_alloc_n(BATCH * (size_t)u.V, sizeof *u.logits);
    u.entropy = mi_alloc_n(BATCH, sizeof *u.entropy);
    u.random = mi_alloc_n((size_t)o->n_random, sizeof *u.random);
    if (o->n_random)
        measure_random(&u);
    for (size_t i = 0; i < dirs->n && r == 0; i++) {
        const struct mi_dir *d = &dirs->item[i];

        for (int64_t k = 0; k < d->n_vectors && !d->control && r == 0; k++) {
            put_vector(&u, 0, d->v + k * u.D, 1);
            put_vector(&u, 1, d->v + k * u.D, -1);
            measure(&u, 2);
            r = put_ends(&u, d, k, out, err);
        }
    }
    if (r == 0 && o->n_random)
        r = put_random(&u, out, err);
    mi_free(u.random);
    mi_free(u.entropy);
    mi_free(u.logits);
    mi_free(u.x);
    return r;
}
