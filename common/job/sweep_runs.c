/* job/sweep_runs.c: the changed runs of one pair; see sweep.h. */
#include "base/escape.h"
#include "base/mem.h"
#include "job/sweep_state.h"

#include <string.h>

/* ---- running --------------------------------------------------------------------- */

static void count_change(struct mi_sweep_state *w, const struct mi_sweep_change *c)
{
    const struct mi_subject *s = &c->of->base.subject;
    struct mi_sweep_totals *t = w->totals;
    int64_t n = s->n - c->start;

    if (c->is_same) {
        t->n_same++;
        return;
    }
    t->n_runs++;
    t->n_rows += n;
    t->n_blocks += (double)n * (w->dims->n_layers - c->first_layer);
    for (int i = 0; i < s->n_logit_rows; i++)
        t->n_logits += s->logit_row[i] >= c->start;
}

static struct mi_track track_of(const struct mi_sweep_state *w, const struct mi_sweep_change *c)
{
    const struct mi_sweep_case *of = c->of;
    const struct mi_place stream = {MI_SITE_RESID_PRE, c->first_layer, -1};
    struct mi_track t = {
        .subject = &of->base.subject,
        .start = c->start,
        .past = c->start > 0 ? &of->cache : NULL,
        .first_layer = c->first_layer,
        .write = &c->write,
        .n_writes = c->edits ? 0 : 1,
        .edits = c->edits,
    };
    int64_t n, ld;

    if (t.first_layer > 0)
        t.resid = mi_trace_at(&of->base.trace, &stream, w->dims, t.start, &n, &ld);
    return t;
}

/* The prompts of the cases up to this one stand before its effects. */
static int begin_cases(struct mi_sweep_state *w, const struct mi_sweep_case *last,
                       struct mi_error *err)
{
    int r = 0;

    for (; r == 0 && !w->is_plan && w->n_begun <= last - w->cases; w->n_begun++) {
        struct mi_sweep_case *c = &w->cases[w->n_begun];

        r = mi_effects_begin(&w->effects, &c->pair, c->base.value,
                             c->pair.has_source ? c->source.value : NULL, err);
    }
    return r;
}

/* Hands on the figures in the order of the changes; reading: of those that were run. */
static int tell_effects(struct mi_sweep_state *w, const struct mi_sweep_change *change, size_t n,
                        const struct mi_reading *reading, struct mi_error *err)
{
    double *value = mi_alloc_n((size_t)w->measures->n, sizeof *value);
    int r = 0;

    for (size_t i = 0; i < n && r == 0; i++) {
        const struct mi_sweep_change *c = &change[i];

        r = begin_cases(w, c->of, err);
        if (r == 0 && !c->is_same)
            r = mi_reading_values(reading++, value, err);
        if (r == 0)
            r = mi_effects_add(&w->effects, &c->subject, c->is_same ? c->of->base.value : value,
                               err);
    }
    mi_free(value);
    return r;
}

int mi_sweep_run(struct mi_sweep_state *w, struct mi_sweep_change *change, size_t n,
                 struct mi_error *err)
{
    struct mi_track *track = mi_alloc_n(n + 1, sizeof *track);
    struct mi_reading *reading = mi_alloc_n(n + 1, sizeof *reading);
    int n_tracks = 0, r = 0;

    for (size_t i = 0; i < n; i++) {
        const struct mi_sweep_case *of = change[i].of;

        count_change(w, &change[i]);
        if (change[i].is_same || w->is_plan)
            continue;
        track[n_tracks] = track_of(w, &change[i]);
        mi_reading_init(&reading[n_tracks], w->measures, &of->base.subject, &of->base.reading,
                        w->dims->d_vocab);
        mi_reading_begin(&reading[n_tracks], change[i].start);
        track[n_tracks].reading = &reading[n_tracks];
        n_tracks++;
    }
    if (!w->is_plan)
        r = mi_tracks_run(&w->tracks, track, n_tracks, err);
    if (r == 0 && !w->is_plan)
        r = tell_effects(w, change, n, reading, err);
    for (int i = 0; i < n_tracks; i++)
        mi_reading_free(&reading[i]);
    mi_free(track);
    mi_free(reading);
    return r;
}

/* ---- what is written -------------------------------------------------------------- */

static bool has_keys(const struct mi_place *p)
{
    return mi_site_info(p->site)->shape == MI_SHAPE_KEYS;
}

/* The source's mean over its positions, one row. */
static const float *mean_row(struct mi_sweep_state *w, const struct mi_sweep_case *c,
                             const struct mi_place *place)
{
    const struct mi_alignment *a = &c->align;
    int64_t n, ld;
    const float *x = mi_trace_at(&c->from->trace, place, w->dims, 0, &n, &ld);
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
static int matching_rows(struct mi_sweep_state *w, const struct mi_sweep_case *c,
                         const struct mi_place *place, int64_t k0, int64_t n, struct mi_write *out,
                         struct mi_error *err)
{
    const int64_t *from = c->align.source + k0;
    const float *x = NULL;
    int64_t size, ld;
    float *y = NULL;

    out->n_keys = c->from->trace.n_keys;
    for (int64_t k = 0; k < n; k++) {
        x = mi_trace_at(&c->from->trace, place, w->dims, from[k], &size, &ld);
        if (has_keys(place) && from[k] != out->position[k])
            return mi_fail(err, MI_EXIT_DATA,
                           "prompt '%s': attention can be patched between equal positions only "
                           "(token %lld of the source, %lld of the base)",
                           mi_quote(c->pair.base.prompt.id), (long long)from[k],
                           (long long)out->position[k]);
        if (n == 1)
            break; /* one row is read where it is */
        if (!y)
            y = mi_arena_alloc(&w->arena, (size_t)(n * size) * sizeof *y);
        memcpy(y + k * size, x, (size_t)size * sizeof *y);
        out->ld = size;
    }
    out->x = n == 1 ? x : y;
    return 0;
}

int mi_sweep_write(struct mi_sweep_state *w, struct mi_sweep_case *c, const struct mi_place *place,
                   size_t place_index, int64_t k, struct mi_write *out, struct mi_error *err)
{
    int64_t k0 = k < 0 ? 0 : k, n = k < 0 ? c->align.n : 1;

    *out = (struct mi_write){.at = *place, .position = c->align.base + k0, .n = n};
    if (w->is_plan || w->o->kind == MI_SWEEP_ZERO)
        return 0;
    if (w->o->kind == MI_SWEEP_MEAN) {
        out->x = w->mean[place_index];
        return 0;
    }
    if (c->align.mean) {
        out->x = mean_row(w, c, place);
        return 0;
    }
    return matching_rows(w, c, place, k0, n, out, err);
}

/* ---- the changes of the cases ------------------------------------------------------- */

static int flush(struct mi_sweep_state *w, struct mi_error *err)
{
    int r = mi_sweep_run(w, w->change, w->n_changes, err);

    mi_arena_reset(&w->arena);
    w->n_changes = 0;
    w->n_waiting = 0;
    return r;
}

/* Changes wait until there are enough for full passes: many that begin at the same block. */
static int make_room(struct mi_sweep_state *w, struct mi_error *err)
{
    bool is_full = w->n_changes >= MI_SWEEP_CHANGES ||
                   w->n_waiting >= (int64_t)MI_SWEEP_WAITING * w->tracks.max_rows;

    return is_full ? flush(w, err) : 0;
}

static void add(struct mi_sweep_state *w, struct mi_sweep_change change)
{
    mi_sweep_place(w, &change);
    w->change = mi_grow(w->change, &w->cap_changes, w->n_changes + 1, sizeof *w->change);
    w->change[w->n_changes++] = change;
    if (!change.is_same)
        w->n_waiting += change.of->base.subject.n - change.start;
}

/* All changes at one place and position: one, or one a subspace. */
static int add_at(struct mi_sweep_state *w, struct mi_sweep_case *c, size_t place, int64_t k,
                  struct mi_error *err)
{
    const struct mi_sweep_bases *b = w->bases ? &w->bases[place] : NULL;
    const struct mi_place *at = &w->o->places.item[place];
    struct mi_write write = {0};
    int r = make_room(w, err);

    if (r == 0)
        r = mi_sweep_write(w, c, at, place, k, &write, err);
    for (int i = 0; i < (b ? b->n : 1) && r == 0; i++) {
        const struct mi_sweep_basis *basis = b ? &b->item[i] : NULL;
        struct mi_sweep_change change = {
            .of = c,
            .write = write,
            .subject = {.place = at,
                        .position = k < 0 ? -1 : c->align.base[k],
                        .offset = k < 0 ? 0 : k - c->align.n,
                        .subspace = basis ? basis->method : NULL,
                        .draw = basis ? basis->draw : -1},
        };

        change.write.subspace = basis ? &basis->space : NULL;
        change.write.is_across = w->o->is_across;
        add(w, change);
    }
    return r;
}

static int add_places(struct mi_sweep_state *w, struct mi_sweep_case *c, struct mi_error *err)
{
    int64_t k0 = w->o->is_together ? -1 : 0, n = w->o->is_together ? 0 : c->align.n;
    int r = 0;

    for (size_t p = 0; p < w->o->places.n && r == 0; p++)
        for (int64_t k = k0; k < n && r == 0; k++)
            r = add_at(w, c, p, k, err);
    return r;
}

static int add_variants(struct mi_sweep_state *w, struct mi_sweep_case *c, struct mi_error *err)
{
    int r = 0;

    for (int i = 0; i < w->o->n_variants && r == 0; i++) {
        r = make_room(w, err);
        if (r == 0)
            add(w, (struct mi_sweep_change){
                       .of = c,
                       .edits = &w->o->variant[i].edits,
                       .subject = {.position = -1, .variant = w->o->variant[i].label},
                   });
    }
    return r;
}

int mi_sweep_cases(struct mi_sweep_state *w, struct mi_error *err)
{
    int r = 0;

    for (int i = 0; i < w->n_cases && r == 0; i++) {
        struct mi_sweep_case *c = &w->cases[i];

        switch (w->o->kind) {
        case MI_SWEEP_EDIT: r = add_variants(w, c, err); break;
        case MI_SWEEP_PATH:
            r = begin_cases(w, c, err);
            if (r == 0)
                r = mi_sweep_paths(w, c, err);
            break;
        default: r = add_places(w, c, err);
        }
    }
    if (r == 0)
        r = flush(w, err);
    return r < 0 ? r : begin_cases(w, &w->cases[w->n_cases - 1], err);
}
