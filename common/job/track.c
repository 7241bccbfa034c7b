#include "job/track.h"

#include "base/mem.h"
#include "base/par.h"

#include <stdlib.h>
#include <string.h>

/* ---- traces ---------------------------------------------------------------------- */

static int64_t size_at(const struct mi_place *p, const struct mi_dims *dims, int64_t n_keys)
{
    int64_t rows, width;

    mi_place_shape(p, dims, n_keys, &rows, &width);
    return rows * (width ? width : n_keys);
}

void mi_trace_init(struct mi_trace *t, const struct mi_places *places, const struct mi_dims *dims,
                   const struct mi_subject *s)
{
    *t = (struct mi_trace){.places = places, .n = s->n, .n_keys = s->n};
    t->x = mi_alloc_zero(places->n + 1, sizeof *t->x);
    t->size = mi_alloc_zero(places->n + 1, sizeof *t->size);
    for (size_t i = 0; i < places->n; i++) {
        t->size[i] = size_at(&places->item[i], dims, s->n);
        t->x[i] = mi_alloc_n((size_t)(t->n * t->size[i]), sizeof *t->x[i]);
    }
}

size_t mi_trace_bytes(const struct mi_places *places, const struct mi_dims *dims, int64_t n,
                      int64_t n_keys)
{
    size_t bytes = 0;

    for (size_t i = 0; i < places->n; i++)
        bytes += (size_t)(n * size_at(&places->item[i], dims, n_keys)) * sizeof(float);
    return bytes;
}

const float *mi_trace_at(const struct mi_trace *t, const struct mi_place *p,
                         const struct mi_dims *dims, int64_t position, int64_t *n, int64_t *ld)
{
    size_t i = 0;

    while (t->places->item[i].site != p->site || t->places->item[i].layer != p->layer)
        i++;
    *n = size_at(p, dims, t->n_keys);
    *ld = t->size[i];
    return t->x[i] + position * t->size[i] + (p->head > 0 ? p->head * *n : 0);
}

void mi_trace_free(struct mi_trace *t)
{
    for (size_t i = 0; t->x && i < t->places->n; i++)
        mi_free(t->x[i]);
    mi_free(t->x);
    mi_free(t->size);
    *t = (struct mi_trace){0};
}

/* Rows first .. first + n - 1 of the view belong to the trace's run. */
static void keep_rows(struct mi_trace *t, const struct mi_view *view, int first, int n)
{
    for (size_t i = 0; i < t->places->n; i++) {
        if (t->places->item[i].site != view->site || t->places->item[i].layer != view->layer)
            continue;
        for (int r = first; r < first + n; r++) {
            float *y = t->x[i] + view->row[r].position * t->size[i];

            if (view->row[r].position >= t->n)
                continue;
            for (int h = 0; h < view->n_heads; h++)
                memcpy(y + h * view->width, view->x + r * view->ld + h * view->ld_head,
                       (size_t)view->width * sizeof *y);
        }
    }
}

/* ---- writes ---------------------------------------------------------------------- */

static bool copy_values(float *x, const float *y, int64_t n)
{
    bool is_changed = false;

    for (int64_t i = 0; i < n; i++) {
        float value = y ? y[i] : 0.0f;

        is_changed |= x[i] != value;
        x[i] = x[i] != value ? value : x[i];
    }
    return is_changed;
}

static int64_t find_position(const struct mi_write *w, int64_t position)
{
    for (int64_t i = 0; i < w->n; i++)
        if (w->position[i] == position)
            return i;
    return -1;
}

/* The part in the subspace, of every head by itself or of all as one. */
static bool swap_row(struct mi_tracks *p, const struct mi_write *w, const struct mi_view *view,
                     float *x, const float *y, int n_heads)
{
    const struct mi_subspace *s = w->subspace;
    int64_t n = view->width;
    bool is_changed = false;
    float *all;

    p->tmp = mi_grow(p->tmp, &p->cap_tmp, 2 * (size_t)s->width, sizeof *p->tmp);
    all = p->tmp + s->width;
    for (int h = 0; s->width == n && h < n_heads; h++)
        is_changed |= mi_subspace_swap(s, w->is_across, x + h * view->ld_head, y + h * n, p->tmp);
    if (s->width == n)
        return is_changed;
    for (int h = 0; h < n_heads; h++)
        memcpy(all + h * n, x + h * view->ld_head, (size_t)n * sizeof *x);
    if (!mi_subspace_swap(s, w->is_across, all, y, p->tmp))
        return false;
    for (int h = 0; h < n_heads; h++)
        memcpy(x + h * view->ld_head, all + h * n, (size_t)n * sizeof *x);
    return true;
}

static bool write_row(struct mi_tracks *p, const struct mi_write *w, const struct mi_view *view,
                      int r)
{
    int64_t position = view->row[r].position, i = find_position(w, position);
    int from = w->at.head >= 0 ? w->at.head : 0;
    int to = w->at.head >= 0 ? from + 1 : view->n_heads;
    bool has_keys = mi_site_info(view->site)->shape == MI_SHAPE_KEYS, is_changed = false;
    int64_t stride = has_keys ? w->n_keys : view->width;
    int64_t n = has_keys ? position + 1 : view->width;

    if (i < 0)
        return false;
    if (w->subspace)
        return swap_row(p, w, view, view->x + r * view->ld + from * view->ld_head, w->x + i * w->ld,
                        to - from);
    for (int h = from; h < to; h++) {
        const float *y = w->x ? w->x + i * w->ld + (h - from) * stride : NULL;

        is_changed |= copy_values(view->x + r * view->ld + h * view->ld_head, y, n);
    }
    return is_changed;
}

static void write_rows(struct mi_tracks *p, const struct mi_track *t, struct mi_view *view,
                       int first, int n)
{
    for (int i = 0; i < t->n_writes; i++) {
        const struct mi_write *w = &t->write[i];

        if (w->at.site != view->site || w->at.layer != view->layer)
            continue;
        for (int r = first; r < first + n; r++)
            if (write_row(p, w, view, r))
                view->is_written = true;
    }
}

/* ---- during a pass --------------------------------------------------------------- */

static bool wants_site(void *self, enum mi_site site, int layer)
{
    const struct mi_tracks *p = self;

    return p->wants[(layer + 1) * MI_SITES + (int)site];
}

struct look {
    const struct mi_tracks *p;
    const struct mi_view *view;
};

static void look_at_row(void *ctx, int64_t i, int thread)
{
    const struct look *l = ctx;
    const struct mi_row *row = &l->view->row[i];
    struct mi_reading *reading = l->p->track[row->sequence]->reading;

    (void)thread;
    if (reading)
        mi_reading_logits(reading, row->position, l->view->x + i * l->view->ld,
                          l->p->n_logit_ids ? l->p->logit_ids : NULL, l->view->width);
}

/* The rows of one track at a site. */
static int visit_track(struct mi_tracks *p, const struct mi_track *t, struct mi_view *view,
                       int first, int n, struct mi_error *err)
{
    if (t->edits && mi_editor_wants(t->edits, view->site, view->layer)) {
        struct mi_view part = *view;
        int r;

        part.row += first;
        part.x += first * view->ld;
        part.n_rows = n;
        part.is_written = false;
        r = mi_editor_apply(t->edits, &part, p->item, err);
        if (r < 0)
            return r;
        view->is_written |= part.is_written;
    }
    write_rows(p, t, view, first, n);
    if (t->trace)
        keep_rows(t->trace, view, first, n);
    if (t->reading && view->site != MI_SITE_LOGITS)
        mi_reading_site(t->reading, view, first, n);
    return 0;
}

static int visit_site(void *self, struct mi_view *view, struct mi_error *err)
{
    struct mi_tracks *p = self;
    int r = 0;

    for (int first = 0, n; first < view->n_rows && r == 0; first += n) {
        int sequence = view->row[first].sequence;

        for (n = 1; first + n < view->n_rows && view->row[first + n].sequence == sequence;)
            n++;
        r = visit_track(p, p->track[sequence], view, first, n, err);
    }
    if (r == 0 && view->site == MI_SITE_LOGITS)
        mi_par_for(view->n_rows, look_at_row, &(struct look){p, view});
    return r;
}

/* ---- passes ---------------------------------------------------------------------- */

/* Does what the track shows depend on the site? */
static bool track_reads(const struct mi_track *t, enum mi_site site, int layer)
{
    if (t->reading && mi_measures_want(t->reading->measures, site, layer))
        return true;
    if (t->edits && mi_editor_wants(t->edits, site, layer))
        return true;
    for (size_t i = 0; t->trace && i < t->trace->places->n; i++)
        if (t->trace->places->item[i].site == site && t->trace->places->item[i].layer == layer)
            return true;
    return false;
}

static bool track_writes(const struct mi_track *t, enum mi_site site, int layer)
{
    for (int i = 0; i < t->n_writes; i++)
        if (t->write[i].at.site == site && t->write[i].at.layer == layer)
            return true;
    return false;
}

/* What is wanted where, and how many blocks that needs: what is written behind the last one
 * that is read changes nothing. */
static void gather_wants(struct mi_tracks *p)
{
    int n_layers = p->session->model.config.dims.n_layers;

    p->n_layers = 1;
    if (!p->wants)
        p->wants = mi_alloc_n((size_t)(n_layers + 1) * MI_SITES, sizeof *p->wants);
    for (int l = -1; l < n_layers; l++)
        for (int site = 0; site < MI_SITES; site++) {
            bool reads = false, writes = false;

            for (int i = 0; i < p->n_track && !reads; i++) {
                reads = track_reads(p->track[i], (enum mi_site)site, l);
                writes |= track_writes(p->track[i], (enum mi_site)site, l);
            }
            p->wants[(l + 1) * MI_SITES + site] = reads || writes;
            if (reads && l >= p->n_layers)
                p->n_layers = l + 1;
            if (reads && site > MI_SITE_RESID_POST)
                p->n_layers = n_layers;
        }
}

static int compare_ids(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;

    return (x > y) - (x < y);
}

/* The tokens whose logits are read, where two a track are enough; else none: all are needed. */
static void gather_ids(struct mi_tracks *p)
{
    size_t n = 0;

    p->n_logit_ids = 0;
    p->logit_ids =
        mi_grow(p->logit_ids, &p->cap_ids, 2 * (size_t)p->n_track + 1, sizeof *p->logit_ids);
    for (int i = 0; i < p->n_track; i++) {
        const struct mi_track *t = p->track[i];

        if (!t->reading)
            continue;
        if (!mi_measures_need_two_logits(t->reading->measures))
            return;
        p->logit_ids[n++] = t->subject->diff_target;
        p->logit_ids[n++] = t->subject->diff_foil;
    }
    qsort(p->logit_ids, n, sizeof *p->logit_ids, compare_ids);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || p->logit_ids[i] != p->logit_ids[i - 1])
            p->logit_ids[p->n_logit_ids++] = p->logit_ids[i];
}

/* Sequence i of the pass; its logit rows go to `logit`. Returns how many. */
static int lay_out(struct mi_tracks *p, int i, int *logit)
{
    const struct mi_track *t = p->track[i];
    const struct mi_subject *s = t->subject;
    int n_logits = 0;

    for (int k = 0; t->reading && k < s->n_logit_rows; k++)
        if (s->logit_row[k] >= t->start)
            logit[n_logits++] = s->logit_row[k] - (int)t->start;
    p->item[i] = s->item;
    p->sequence[i] = (struct mi_sequence){
        .tokens = s->tokens + t->start,
        .n = (int)(s->n - t->start),
        .cache = t->cache,
        .logit_rows = logit,
        .n_logit_rows = n_logits,
        .past = t->start > 0 ? t->past : NULL,
        .n_past = t->start,
        .first_layer = t->first_layer,
        .resid = t->resid,
        .logit_ids = p->n_logit_ids ? p->logit_ids : NULL,
        .n_logit_ids = p->n_logit_ids,
    };
    return n_logits;
}

static int run_pass(struct mi_tracks *p, const struct mi_track *const *track, int n, int64_t n_rows,
                    struct mi_error *err)
{
    struct mi_hooks hooks = {.self = p, .wants = wants_site, .at = visit_site};
    int n_logits = 0;

    p->track = track;
    p->n_track = n;
    p->sequence = mi_grow(p->sequence, &p->cap_sequence, (size_t)n, sizeof *p->sequence);
    p->item = mi_grow(p->item, &p->cap_item, (size_t)n, sizeof *p->item);
    p->logit_row = mi_grow(p->logit_row, &p->cap_logit, (size_t)n_rows, sizeof *p->logit_row);
    gather_ids(p);
    gather_wants(p);
    for (int i = 0; i < n; i++) {
        n_logits += lay_out(p, i, p->logit_row + n_logits);
        p->n_blocks += (double)p->sequence[i].n * (p->n_layers - track[i]->first_layer);
    }
    p->n_rows += n_rows;
    p->n_logits += n_logits;
    return mi_forward(&p->session->forward, &p->session->model, p->sequence, n, p->n_layers, &hooks,
                      err);
}

/* By first block; equals in the order that they came in. */
static int compare_tracks(const void *a, const void *b)
{
    const struct mi_track *x = *(const struct mi_track *const *)a;
    const struct mi_track *y = *(const struct mi_track *const *)b;

    if (x->first_layer != y->first_layer)
        return x->first_layer < y->first_layer ? -1 : 1;
    return (x > y) - (x < y);
}

int mi_tracks_run(struct mi_tracks *p, const struct mi_track *track, int n, struct mi_error *err)
{
    int r = 0;

    p->order = mi_grow(p->order, &p->cap_order, (size_t)n + 1, sizeof *p->order);
    for (int i = 0; i < n; i++)
        p->order[i] = &track[i];
    qsort(p->order, (size_t)n, sizeof *p->order, compare_tracks);
    for (int from = 0, to; from < n && r == 0; from = to) {
        int64_t n_rows = p->order[from]->subject->n - p->order[from]->start;

        for (to = from + 1; to < n; to++) {
            int64_t more = p->order[to]->subject->n - p->order[to]->start;

            if (n_rows + more > p->max_rows)
                break;
            n_rows += more;
        }
        r = run_pass(p, p->order + from, to - from, n_rows, err);
    }
    return r;
}

void mi_tracks_free(struct mi_tracks *p)
{
    mi_free(p->sequence);
    mi_free(p->item);
    mi_free(p->logit_row);
    mi_free(p->tmp);
    mi_free(p->order);
    mi_free(p->logit_ids);
    mi_free(p->wants);
    *p = (struct mi_tracks){0};
}
