#include "job/editor_state.h"

#include "base/escape.h"
#include "base/mem.h"
#include "job/item.h"
#include "math/linear.h"
#include "math/vmath.h"

#include <math.h>
#include <string.h>

/* ---- what is known of a sequence's item ----------------------------------------- */

/* The prompt part alone: what is generated later must not move positions. */
static struct mi_pos_tokens prompt_tokens(const struct mi_item *item)
{
    struct mi_pos_tokens t = mi_item_tokens(item);

    t.n_tokens = t.n_prompt;
    return t;
}

/* Which row of the source goes to which of the n positions. */
static int align_rows(const struct mi_ready *ready, struct mi_edit_slot *slot, const int64_t *pos,
                      int64_t n, struct mi_error *err)
{
    const char *name = mi_quote(ready->source->name);

    if (ready->edit->align == MI_ALIGN_MEAN) {
        for (int64_t i = 0; i < n; i++)
            slot->from[pos[i]] = 0;
        return 0;
    }
    if (n > slot->n_source || (ready->edit->align == MI_ALIGN_SPAN && n != slot->n_source))
        return mi_fail(err, MI_EXIT_DATA, "%lld positions to patch, '%s' has %lld", (long long)n,
                       name, (long long)slot->n_source);
    for (int64_t i = 0; i < n; i++)
        slot->from[pos[i]] = (int32_t)(slot->n_source - n + i);
    return 0;
}

static int find_source(const struct mi_ready *ready, struct mi_edit_slot *slot,
                       const struct mi_item *item, const int64_t *pos, int64_t n,
                       struct mi_error *err)
{
    const struct mi_value *fields = &item->prompt.fields;
    struct mi_arena a = {0};
    const struct mi_act_record *act;

    slot->source = mi_material_prompt(ready->source, item->prompt.id,
                                      mi_scalar_text(&a, mi_get(fields, "pair")),
                                      mi_scalar_text(&a, mi_get(fields, "side")), err);
    mi_arena_free(&a);
    if (slot->source < 0)
        return -err->code;
    act = mi_material_act(ready->source, slot->source, &ready->at[0].place, err);
    if (!act)
        return -err->code;
    slot->n_source = act->n_positions;
    return align_rows(ready, slot, pos, n, err);
}

/* Does it take values of another pass? */
static bool joins(const struct mi_edit *e)
{
    return e->op == MI_EDIT_PATCH || e->op == MI_EDIT_SWAP;
}

static int fill_slot(struct mi_ready *ready, struct mi_edit_slot *slot, const struct mi_item *item,
                     struct mi_error *err)
{
    struct mi_pos_tokens t = prompt_tokens(item);
    int64_t *pos = NULL, n;
    size_t cap = 0, had = slot->cap;
    int r = 0;

    slot->number = 0;
    n = mi_pos_resolve(&ready->edit->pos, &t, &pos, &cap, err);
    if (n >= 0) {
        slot->is_in = mi_grow(slot->is_in, &slot->cap, (size_t)t.n_prompt, sizeof *slot->is_in);
        memset(slot->is_in, 0, (size_t)t.n_prompt);
        for (int64_t i = 0; i < n; i++)
            slot->is_in[pos[i]] = 1;
        if (joins(ready->edit)) {
            if (slot->cap != had || !slot->from)
                slot->from = mi_realloc_n(slot->from, slot->cap, sizeof *slot->from);
            r = n ? find_source(ready, slot, item, pos, n, err) : 0;
        }
    }
    mi_free(pos);
    if (n < 0 || r < 0)
        return mi_fail_in(err, "prompt '%s': edit %d", mi_quote(item->prompt.id),
                          ready->ordinal + 1);
    slot->n_prompt = t.n_prompt;
    slot->number = item->number + 1;
    return 0;
}

static struct mi_edit_slot *slot_of(struct mi_ready *ready, int sequence,
                                    const struct mi_item *item, struct mi_error *err)
{
    struct mi_edit_slot *slot;
    size_t had = ready->cap_slots;

    if ((size_t)sequence >= had) {
        ready->slot =
            mi_grow(ready->slot, &ready->cap_slots, (size_t)sequence + 1, sizeof *ready->slot);
        memset(ready->slot + had, 0, (ready->cap_slots - had) * sizeof *ready->slot);
    }
    slot = &ready->slot[sequence];
    if (slot->number == item->number + 1 && slot->n_prompt == item->prompt.n_prompt)
        return slot;
    return fill_slot(ready, slot, item, err) < 0 ? NULL : slot;
}

static bool is_meant(const struct mi_ready *ready, const struct mi_edit_slot *slot,
                     const struct mi_item *item, int64_t position)
{
    struct mi_pos_tokens t;

    if (position < slot->n_prompt)
        return slot->is_in[position];
    t = prompt_tokens(item);
    return mi_pos_covers(&ready->edit->pos, &t, position);
}

/* ---- conditions ------------------------------------------------------------------ */

static unsigned char *flag_of(struct mi_ready *ready, const struct mi_row *row)
{
    struct mi_edit_flags *f;
    size_t had = ready->cap_flags;

    if ((size_t)row->sequence >= had) {
        ready->flags = mi_grow(ready->flags, &ready->cap_flags, (size_t)row->sequence + 1,
                               sizeof *ready->flags);
        memset(ready->flags + had, 0, (ready->cap_flags - had) * sizeof *ready->flags);
    }
    f = &ready->flags[row->sequence];
    if ((size_t)row->index >= f->cap) {
        had = f->cap;
        f->at = mi_grow(f->at, &f->cap, (size_t)row->index + 1, 1);
        memset(f->at + had, 0, f->cap - had);
    }
    return &f->at[row->index];
}

static float *scratch(struct mi_editor_state *st, int64_t n)
{
    st->tmp = mi_grow(st->tmp, &st->cap_tmp, (size_t)n, sizeof *st->tmp);
    return st->tmp;
}

/* All heads of a row as one array: in place where they lie so, else a copy. */
static float *joined(struct mi_editor_state *st, const struct mi_view *view, float *x)
{
    float *y;

    if (view->n_heads == 1 || view->ld_head == view->width)
        return x;
    y = scratch(st, view->n_heads * view->width);
    for (int h = 0; h < view->n_heads; h++)
        memcpy(y + h * view->width, x + h * view->ld_head, (size_t)view->width * sizeof *y);
    return y;
}

static void set_flags(struct mi_editor_state *st, struct mi_ready *ready,
                      const struct mi_view *view)
{
    const struct mi_edit_when *w = &ready->edit->when;

    for (int r = 0; r < view->n_rows; r++) {
        float *x = view->x + r * view->ld;
        double p;

        x = w->at.head >= 0 ? x + w->at.head * view->ld_head : joined(st, view, x);
        p = (double)mi_dot(x, ready->when_space.v, ready->when_space.width);
        *flag_of(ready, &view->row[r]) = w->is_less ? p < w->threshold : p > w->threshold;
    }
}

/* ---- operations on a piece of a row ---------------------------------------------- */

static bool set_to(float *x, float value)
{
    if (*x == value)
        return false;
    *x = value;
    return true;
}

/* x := fma(c, v, x) */
static bool add_along(float *x, float c, const float *v, int64_t n)
{
    if (c == 0.0f)
        return false;
    for (int64_t i = 0; i < n; i++)
        x[i] = fmaf(c, v[i], x[i]);
    return true;
}

static bool apply_direction(const struct mi_ready *ready, const struct mi_ready_place *at, float *x)
{
    bool is_changed = false;
    const float *v = at->space.v;
    int64_t n = at->space.width;

    switch (ready->edit->op) {
    case MI_EDIT_ADD: return add_along(x, at->c, v, n);
    case MI_EDIT_SET: return add_along(x, at->c - mi_dot(x, v, n), v, n);
    default:
        for (int k = 0; k < at->space.n; k++, v += n)
            is_changed |= add_along(x, -mi_dot(x, v, n), v, n);
        return is_changed;
    }
}

/* Elements that no query may see stay as they are. */
static bool apply_elements(const struct mi_edit *e, float *x, int64_t n)
{
    float c = (float)e->factor, lo = (float)e->lo, hi = (float)e->hi;
    bool is_changed = false;

    for (int64_t i = 0; i < n; i++) {
        float y = x[i];

        if (e->op == MI_EDIT_ZERO)
            y = 0.0f;
        else if (e->op == MI_EDIT_SCALE)
            y = c * x[i];
        else
            y = x[i] < lo ? lo : x[i] > hi ? hi : x[i];
        is_changed |= set_to(&x[i], y);
    }
    return is_changed;
}

static bool write_values(float *x, const float *y, int64_t n)
{
    bool is_changed = false;

    for (int64_t i = 0; i < n; i++)
        is_changed |= set_to(&x[i], y[i]);
    return is_changed;
}

static bool add_noise(struct mi_editor_state *st, const struct mi_ready *ready,
                      const struct mi_ready_place *at, const struct mi_item *item, int64_t position,
                      int64_t offset, float *x, int64_t n)
{
    float *g = scratch(st, offset + n);
    struct mi_buf key = {0};
    char place[48];

    mi_buf_addf(&key, "%s %lld %d ", mi_place_text(&at->place, place), (long long)position,
                ready->ordinal);
    mi_buf_add_text(&key, item->prompt.id);
    mi_normal_fill(g, offset + n, ready->seed, "noise", mi_buf_text(&key));
    mi_buf_free(&key);
    return add_along(x, at->c, g + offset, n);
}

/* ---- patches --------------------------------------------------------------------- */

/* Values y [n] of piece `part` (of `parts`) of the source for a position. */
static int patch_values(const struct mi_ready *ready, const struct mi_edit_slot *slot,
                        const struct mi_ready_place *at, int64_t position, int part, int parts,
                        int64_t n, float *y, struct mi_error *err)
{
    const struct mi_act_record *act = mi_material_act(ready->source, slot->source, &at->place, err);
    int64_t row_size, first;

    if (!act)
        return -err->code;
    row_size = act->n_positions ? mi_tensor_count(&act->x) / act->n_positions : 0;
    if (at->place.head >= 0 && act->place.head < 0 && act->x.rank == 3) {
        parts = (int)act->x.shape[1];
        part = at->place.head;
    }
    if (act->n_positions != slot->n_source || part >= parts || row_size % parts != 0 ||
        row_size / parts != n)
        return mi_fail(err, MI_EXIT_DATA, "'%s': activations of prompt '%s' have another shape",
                       mi_quote(ready->source->name), mi_quote(act->id));
    first = part * (row_size / parts);
    for (int64_t i = 0; i < n; i++) {
        double sum = 0;

        if (ready->edit->align != MI_ALIGN_MEAN) {
            y[i] = (float)mi_tensor_at(&act->x, slot->from[position] * row_size + first + i);
            continue;
        }
        for (int64_t r = 0; r < act->n_positions; r++)
            sum += mi_tensor_at(&act->x, r * row_size + first + i);
        y[i] = (float)(sum / (double)act->n_positions);
    }
    return 0;
}

/* A piece [n] of a row. Scratch: 0 to n is left to `joined`, then the values, then the swap's. */
static int swap_part(struct mi_editor_state *st, const struct mi_ready *ready,
                     const struct mi_edit_slot *slot, const struct mi_ready_place *at,
                     int64_t position, int part, int parts, float *x, int64_t n,
                     struct mi_error *err)
{
    float *y = scratch(st, 3 * n) + n;
    int r = patch_values(ready, slot, at, position, part, parts, n, y, err);

    return r < 0 ? r : mi_subspace_swap(&at->space, false, x, y, y + n);
}

/* ---- rows ------------------------------------------------------------------------ */

/* One piece [n] of a row: a head, or all there is. Returns 1 when a bit changed. */
static int edit_part(struct mi_editor_state *st, const struct mi_ready *ready,
                     const struct mi_edit_slot *slot, const struct mi_ready_place *at,
                     const struct mi_item *item, int64_t position, int part, int parts, float *x,
                     int64_t n, struct mi_error *err)
{
    float *y;
    int r;

    if (joins(ready->edit) && position >= slot->n_prompt)
        return 0; /* the source has the prompt's positions only */
    switch (ready->edit->op) {
    case MI_EDIT_ADD:
    case MI_EDIT_PROJECT_OUT:
    case MI_EDIT_SET: return apply_direction(ready, at, x);
    case MI_EDIT_MEAN_ABLATE: return write_values(x, at->mean + part * n, n);
    case MI_EDIT_NOISE: return add_noise(st, ready, at, item, position, part * n, x, n);
    case MI_EDIT_PATCH:
        y = scratch(st, n);
        r = patch_values(ready, slot, at, position, part, parts, n, y, err);
        return r < 0 ? r : write_values(x, y, n);
    case MI_EDIT_SWAP: return swap_part(st, ready, slot, at, position, part, parts, x, n, err);
    default: return apply_elements(ready->edit, x, n);
    }
}

/* Keys that the query at this position may see: [*first, *first + *n). */
static void visible_keys(const struct mi_editor_state *st, const struct mi_view *view,
                         int64_t position, int64_t *first, int64_t *n)
{
    int window = st->layers[view->layer].window;

    *first = window && position - window + 1 > 0 ? position - window + 1 : 0;
    *n = (position + 1 < view->width ? position + 1 : view->width) - *first;
}

/* ---- twins ------------------------------------------------------------------------ */

/* Sites with keys come one sequence at a time: the twin's are kept for the sequence behind it. */
static void keep_twin(struct mi_editor_state *st, const struct mi_view *view)
{
    int64_t n = view->width, row = view->n_heads * n;

    st->kept = mi_grow(st->kept, &st->cap_kept, (size_t)(view->n_rows * row), sizeof *st->kept);
    for (int r = 0; r < view->n_rows; r++)
        for (int h = 0; h < view->n_heads; h++)
            memcpy(st->kept + r * row + h * n, view->x + r * view->ld + h * view->ld_head,
                   (size_t)n * sizeof *st->kept);
}

/* Row r as it is in the twin, head h at + h * *ld_head. Elsewhere the twin's rows stand before the
 * sequence's own in the view. */
static const float *twin_row(const struct mi_editor_state *st, const struct mi_view *view, int r,
                             int64_t *ld_head)
{
    int first = r - view->row[r].index;

    if (mi_site_info(view->site)->shape == MI_SHAPE_KEYS) {
        *ld_head = view->width;
        return st->kept + r * view->n_heads * view->width;
    }
    *ld_head = view->ld_head;
    return view->x + (r - view->row[first - 1].index - 1) * view->ld;
}

static int freeze_row(const struct mi_editor_state *st, const struct mi_ready_place *at,
                      const struct mi_view *view, int r)
{
    int from = at->place.head >= 0 ? at->place.head : 0;
    int to = at->place.head >= 0 ? from + 1 : view->n_heads;
    int64_t ld_head;
    const float *y = twin_row(st, view, r, &ld_head);
    float *x = view->x + r * view->ld;
    int changed = 0;

    for (int h = from; h < to; h++)
        changed |= write_values(x + h * view->ld_head, y + h * ld_head, view->width);
    return changed;
}

static int edit_row(struct mi_editor_state *st, const struct mi_ready *ready,
                    const struct mi_edit_slot *slot, const struct mi_ready_place *at,
                    const struct mi_view *view, int r, const struct mi_item *item,
                    struct mi_error *err)
{
    int64_t position = view->row[r].position, first = 0, n = view->width;
    int from = at->place.head >= 0 ? at->place.head : 0;
    int to = at->place.head >= 0 ? from + 1 : view->n_heads;
    float *x = view->x + r * view->ld;
    int changed = 0;

    if (ready->edit->op == MI_EDIT_FREEZE)
        return freeze_row(st, at, view, r);
    if (at->space.v && at->space.width != view->width) { /* one vector over all heads */
        float *y;

        scratch(st, 3 * at->space.width); /* as much as a swap takes: y must not move */
        y = joined(st, view, x);
        changed = edit_part(st, ready, slot, at, item, position, 0, 1, y, at->space.width, err);
        if (changed <= 0)
            return changed;
        for (int h = 0; y != x && h < view->n_heads; h++)
            memcpy(x + h * view->ld_head, y + h * n, (size_t)n * sizeof *x);
        return 1;
    }
    if (at->width == 0)
        visible_keys(st, view, position, &first, &n);
    if (ready->edit->op == MI_EDIT_PATCH && at->width == 0) {
        first = 0; /* whole rows: the source's masked keys are masked here */
        n = view->width;
    }
    for (int h = from; h < to; h++) {
        int c = edit_part(st, ready, slot, at, item, position, h - from, to - from,
                          x + h * view->ld_head + first, n, err);

        if (c < 0)
            return c;
        changed |= c;
    }
    return changed;
}

static int edit_view(struct mi_editor_state *st, struct mi_ready *ready,
                     const struct mi_ready_place *at, struct mi_view *view,
                     const struct mi_item *const *items, struct mi_error *err)
{
    for (int r = 0; r < view->n_rows; r++) {
        const struct mi_row *row = &view->row[r];
        const struct mi_item *item = items[row->sequence];
        const struct mi_edit_slot *slot;
        int changed;

        if (!item) /* a twin */
            continue;
        slot = slot_of(ready, row->sequence, item, err);
        if (!slot)
            return -err->code;
        if (!is_meant(ready, slot, item, row->position) ||
            (ready->edit->when.source && !*flag_of(ready, row)))
            continue;
        changed = edit_row(st, ready, slot, at, view, r, item, err);
        if (changed < 0)
            return mi_fail_in(err, "prompt '%s': edit %d", mi_quote(item->prompt.id),
                              ready->ordinal + 1);
        if (changed)
            view->is_written = true;
    }
    return 0;
}

static bool is_at(const struct mi_place *p, const struct mi_view *view)
{
    return p->site == view->site && p->layer == view->layer;
}

int mi_editor_apply(struct mi_editor *e, struct mi_view *view, const struct mi_item *const *items,
                    struct mi_error *err)
{
    struct mi_editor_state *st = e->state;

    if (mi_site_info(view->site)->shape == MI_SHAPE_KEYS && !items[view->row[0].sequence]) {
        keep_twin(st, view);
        return 0;
    }
    for (size_t i = 0; st && i < st->edits.n; i++) {
        struct mi_ready *ready = &st->ready[i];
        const struct mi_edit *edit = ready->edit;

        if (edit->when.source && ready->when_inside && is_at(&edit->when.at, view))
            set_flags(st, ready, view);
        for (size_t p = 0; p < edit->places.n; p++)
            if (is_at(&edit->places.item[p], view)) {
                int r = edit_view(st, ready, &ready->at[p], view, items, err);

                if (r < 0)
                    return r;
            }
    }
    for (size_t i = 0; st && i < st->edits.n; i++)
        if (st->ready[i].edit->when.source && !st->ready[i].when_inside &&
            is_at(&st->ready[i].edit->when.at, view))
            set_flags(st, &st->ready[i], view);
    return 0;
}
