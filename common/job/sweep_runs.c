/* job/sweep_runs.c: the changed runs of one pair; see sweep.h. */
#include "base/escape.h"
#include "base/mem.h"
#include "job/sweep_state.h"

#include <string.h>

/* ---- running --------------------------------------------------------------------- */

static void count_run(struct mi_sweep_state *w, const struct mi_track *t)
{
    w->totals->n_runs++;
    w->totals->n_rows += t->subject->n - t->start;
    for (int i = 0; t->reading && i < t->subject->n_logit_rows; i++)
        w->totals->n_logits += t->subject->logit_row[i] >= t->start;
}

static int run_chunk(struct mi_sweep_state *w, struct mi_track *track,
                     const struct mi_effect_subject *subject, int n, struct mi_error *err)
{
    struct mi_reading reading[MI_SWEEP_CHUNK];
    double *value = mi_alloc_n((size_t)w->measures->n, sizeof *value);
    int r;

    for (int i = 0; i < n; i++) {
        mi_reading_init(&reading[i], w->measures, &w->base.subject, &w->base.reading,
                        w->dims->d_vocab);
        mi_reading_begin(&reading[i], track[i].start);
        track[i].reading = &reading[i];
    }
    r = mi_tracks_run(&w->tracks, track, n, err);
    for (int i = 0; i < n; i++) {
        if (r == 0)
            r = mi_reading_values(&reading[i], value, err);
        if (r == 0)
            r = mi_effects_add(&w->effects, &subject[i], value, err);
        mi_reading_free(&reading[i]);
    }
    mi_free(value);
    return r;
}

int mi_sweep_run(struct mi_sweep_state *w, struct mi_track *track,
                 const struct mi_effect_subject *subject, int n, struct mi_error *err)
{
    int r = 0;

    for (int i = 0; i < n; i++) {
        struct mi_track *t = &track[i];

        t->subject = &w->base.subject;
        if (t->n_writes)
            t->start = t->write[0].position[0];
        for (int k = 1; k < t->n_writes; k++)
            if (t->write[k].position[0] < t->start)
                t->start = t->write[k].position[0];
        t->past = t->start > 0 ? &w->cache : NULL;
        t->reading = &w->base.reading; /* for the count; replaced before the run */
        count_run(w, t);
    }
    for (int from = 0; !w->is_plan && from < n && r == 0; from += w->chunk)
        r = run_chunk(w, track + from, subject + from, n - from < w->chunk ? n - from : w->chunk,
                      err);
    return r;
}

/* ---- what is written -------------------------------------------------------------- */

static bool has_keys(const struct mi_place *p)
{
    return mi_site_info(p->site)->shape == MI_SHAPE_KEYS;
}

/* The source's mean over its positions, one row. */
static const float *mean_row(struct mi_sweep_state *w, const struct mi_place *place)
{
    const struct mi_alignment *a = &w->align;
    int64_t n, ld;
    const float *x = mi_trace_at(&w->source.trace, place, w->dims, 0, &n, &ld);
    float *y = mi_arena_alloc(&w->arena, (size_t)n * sizeof *y);

    for (int64_t i = 0; i < n; i++) {
        double sum = 0;

        for (int64_t k = 0; k < a->n_mean; k++)
            sum += (double)x[a->mean[k] * ld + i];
        y[i] = (float)(sum / (double)a->n_mean);
    }
    return y;
}

/* The rows of the source that match the base's positions [n] from k0 on. */
static int matching_rows(struct mi_sweep_state *w, const struct mi_place *place, int64_t k0,
                         int64_t n, struct mi_write *out, struct mi_error *err)
{
    const int64_t *from = w->align.source + k0;
    int64_t size, ld;
    float *y = NULL;

    out->n_keys = w->source.trace.n_keys;
    for (int64_t k = 0; k < n; k++) {
        const float *x = mi_trace_at(&w->source.trace, place, w->dims, from[k], &size, &ld);

        if (has_keys(place) && from[k] != out->position[k])
            return mi_fail(err, MI_EXIT_DATA,
                           "prompt '%s': attention can be patched between equal positions only "
                           "(token %lld of the source, %lld of the base)",
                           mi_quote(w->pair.base.prompt.id), (long long)from[k],
                           (long long)out->position[k]);
        if (!y)
            y = mi_arena_alloc(&w->arena, (size_t)(n * size) * sizeof *y);
        memcpy(y + k * size, x, (size_t)size * sizeof *y);
        out->ld = size;
    }
    out->x = y;
    return 0;
}

int mi_sweep_write(struct mi_sweep_state *w, const struct mi_place *place, size_t place_index,
                   int64_t k, struct mi_write *out, struct mi_error *err)
{
    int64_t k0 = k < 0 ? 0 : k, n = k < 0 ? w->align.n : 1;

    *out = (struct mi_write){.at = *place, .position = w->align.base + k0, .n = n};
    if (w->is_plan || w->o->kind == MI_SWEEP_ZERO)
        return 0;
    if (w->o->kind == MI_SWEEP_MEAN) {
        out->x = w->mean[place_index];
        return 0;
    }
    if (w->align.mean) {
        out->x = mean_row(w, place);
        return 0;
    }
    return matching_rows(w, place, k0, n, out, err);
}

/* ---- places by positions ----------------------------------------------------------- */

/* Changes that wait for a pass to share. */
struct queue {
    struct mi_write write[MI_SWEEP_CHUNK];
    struct mi_track track[MI_SWEEP_CHUNK];
    struct mi_effect_subject subject[MI_SWEEP_CHUNK];
    int n;
};

static int flush(struct mi_sweep_state *w, struct queue *q, struct mi_error *err)
{
    int r = mi_sweep_run(w, q->track, q->subject, q->n, err);

    mi_arena_reset(&w->arena);
    q->n = 0;
    return r;
}

/* basis NULL: the whole place. */
static int add(struct mi_sweep_state *w, struct queue *q, size_t place, int64_t k,
               const struct mi_sweep_basis *basis, struct mi_error *err)
{
    const struct mi_place *at = &w->o->places.item[place];
    int i = q->n++, r;

    q->subject[i] = (struct mi_effect_subject){
        .place = at,
        .position = k < 0 ? -1 : w->align.base[k],
        .offset = k < 0 ? 0 : k - w->align.n,
        .subspace = basis ? basis->method : NULL,
        .draw = basis ? basis->draw : -1,
    };
    q->track[i] = (struct mi_track){.write = &q->write[i], .n_writes = 1};
    r = mi_sweep_write(w, at, place, k, &q->write[i], err);
    q->write[i].subspace = basis ? &basis->space : NULL;
    q->write[i].is_across = w->o->is_across;
    if (r == 0 && q->n == w->chunk)
        r = flush(w, q, err);
    return r;
}

/* All changes at one place and position. */
static int add_all(struct mi_sweep_state *w, struct queue *q, size_t place, int64_t k,
                   struct mi_error *err)
{
    const struct mi_sweep_bases *b = w->bases ? &w->bases[place] : NULL;
    int r = 0;

    for (int i = 0; i < (b ? b->n : 1) && r == 0; i++)
        r = add(w, q, place, k, b ? &b->item[i] : NULL, err);
    return r;
}

int mi_sweep_places(struct mi_sweep_state *w, struct mi_error *err)
{
    struct queue *q = mi_alloc_zero(1, sizeof *q);
    bool all = w->o->is_together;
    int r = 0;

    for (size_t p = 0; p < w->o->places.n && r == 0; p++)
        for (int64_t k = all ? -1 : 0; k < (all ? 0 : w->align.n) && r == 0; k++)
            r = add_all(w, q, p, k, err);
    if (r == 0)
        r = flush(w, q, err);
    mi_free(q);
    return r;
}

/* ---- edits ------------------------------------------------------------------------ */

int mi_sweep_variants(struct mi_sweep_state *w, struct mi_error *err)
{
    size_t n = (size_t)w->o->n_variants;
    struct mi_track *track = mi_alloc_zero(n, sizeof *track);
    struct mi_effect_subject *subject = mi_alloc_zero(n, sizeof *subject);
    int r;

    for (size_t i = 0; i < n; i++) {
        track[i].edits = &w->o->variant[i].edits;
        subject[i] = (struct mi_effect_subject){.position = -1, .variant = w->o->variant[i].label};
    }
    r = mi_sweep_run(w, track, subject, (int)n, err);
    mi_free(track);
    mi_free(subject);
    return r;
}
