#include "job/capture.h"

#include "base/escape.h"
#include "base/mem.h"
#include "base/progress.h"
#include "job/capture_size.h"
#include "stream/record.h"

#include <math.h>
#include <string.h>

/* An item's k-th position. */
struct use {
    int32_t item, k;
};

struct capture {
    struct mi_session *session;
    struct mi_editor *edits;
    const struct mi_capture_options *o;
    struct mi_writer *out;
    struct mi_reducer reducer;
    int step;       /* sequences a part: 2 with twins, the part's own behind its twin */
    int n_layers;   /* blocks to run; 0: all, and what follows them */
    bool has_after; /* a place behind the blocks is wanted: norm or logits */
    int64_t limit;  /* bytes of working memory */

    struct mi_batch batch;
    struct mi_batch_limits limits;
    struct mi_trie trie;          /* of the batch: one sequence a part */
    struct mi_trie_text *text;    /* [batch.n] */
    struct mi_sequence *sequence; /* [trie.n_parts] */
    const struct mi_item **item;  /* [trie.n_parts] */
    size_t cap_sequence, cap_item;
    int64_t **position;   /* [batch.n] of each item, ascending */
    size_t *cap_position; /* [batch.n] */
    int64_t *n_position;  /* [batch.n] */
    int n_slots;          /* room in the three arrays above */
    int32_t *first_use;   /* [trie.n_rows + 1] where those of a row begin */
    struct use *use;      /* who wants a row's values; rows in order */
    size_t cap_text, cap_first, cap_use, cap_logit;
    int *logit_row; /* indices whose logits are wanted, all sequences */
    float *value;   /* [place][item] rows of values */
    size_t cap_value;
    int64_t *offset; /* [batch.n, n_places] into value */
    size_t cap_offset;
    void *narrow; /* a record's values as f16 or bf16 */
    size_t cap_narrow;
    const float **x; /* [n_places] of one item */
    struct mi_arena arena;
};

void mi_capture_header(const struct mi_capture_options *o, struct mi_arena *a,
                       struct mi_value *header)
{
    struct mi_value sites = mi_array();
    char text[48];

    for (size_t i = 0; i < o->places.n; i++)
        mi_push(a, &sites, mi_str_dup(a, mi_place_text(&o->places.item[i], text)));
    mi_set(a, header, "sites", sites);
    mi_set(a, header, "dtype", mi_str(mi_dtype_name(o->reduce ? MI_F64 : o->dtype)));
}

/* ---- preparing a pass ------------------------------------------------------------ */

static void reserve(struct capture *c)
{
    size_t n = (size_t)c->batch.n, places = c->o->places.n;

    if (c->batch.n > c->n_slots) {
        c->position = mi_realloc_n(c->position, n, sizeof *c->position);
        c->cap_position = mi_realloc_n(c->cap_position, n, sizeof *c->cap_position);
        c->n_position = mi_realloc_n(c->n_position, n, sizeof *c->n_position);
        for (size_t i = (size_t)c->n_slots; i < n; i++) {
            c->position[i] = NULL;
            c->cap_position[i] = 0;
        }
        c->n_slots = c->batch.n;
    }
    c->text = mi_grow(c->text, &c->cap_text, n, sizeof *c->text);
    c->sequence = mi_grow(c->sequence, &c->cap_sequence, n * (size_t)c->step, sizeof *c->sequence);
    c->item = mi_grow(c->item, &c->cap_item, n * (size_t)c->step, sizeof *c->item);
    c->offset = mi_grow(c->offset, &c->cap_offset, n * places, sizeof *c->offset);
}

/* Positions of item i, and where their values will go. */
static int prepare_item(struct capture *c, int i, int64_t *n_uses, int64_t *n_values,
                        struct mi_error *err)
{
    const struct mi_item *item = &c->batch.item[i];
    struct mi_pos_tokens t = mi_item_tokens(item);
    int64_t n = mi_pos_resolve(c->o->pos, &t, &c->position[i], &c->cap_position[i], err);

    if (n < 0)
        return mi_fail_in(err, "prompt '%s'", mi_quote(item->prompt.id));
    c->n_position[i] = n;
    c->text[i] = (struct mi_trie_text){item->prompt.tokens, t.n_tokens};
    *n_uses += n;
    for (size_t p = 0; p < c->o->places.n; p++) {
        c->offset[(size_t)i * c->o->places.n + p] = *n_values;
        *n_values += n * mi_capture_place_size(c->session, c->o, p, t.n_tokens);
    }
    return 0;
}

/* Who wants which row: counted, then put in their places. */
static void find_uses(struct capture *c, int64_t n_uses)
{
    int64_t n = c->trie.n_rows;
    int32_t *first;

    c->use = mi_grow(c->use, &c->cap_use, (size_t)n_uses + 1, sizeof *c->use);
    c->first_use = mi_grow(c->first_use, &c->cap_first, (size_t)n + 2, sizeof *c->first_use);
    memset(c->first_use, 0, ((size_t)n + 2) * sizeof *c->first_use);
    first = c->first_use + 1; /* one ahead while they are put */
    for (int i = 0; i < c->batch.n; i++)
        for (int64_t k = 0; k < c->n_position[i]; k++)
            first[mi_trie_row(&c->trie, i, c->position[i][k]) + 1]++;
    for (int64_t row = 0; row < n; row++)
        first[row + 1] += first[row];
    for (int i = 0; i < c->batch.n; i++)
        for (int64_t k = 0; k < c->n_position[i]; k++)
            c->use[first[mi_trie_row(&c->trie, i, c->position[i][k])]++] =
                (struct use){i, (int32_t)k};
}

/* The sequence of part i; its logit rows go to `logit`. Returns how many. */
static int lay_out(struct capture *c, int i, int *logit)
{
    const struct mi_trie_part *part = &c->trie.part[i];
    const struct mi_item *item = &c->batch.item[part->item];
    int n_logits = 0, at = c->step * i + c->step - 1;

    for (int64_t t = 0; t < part->n && c->has_after; t++)
        if (c->first_use[part->row + t] < c->first_use[part->row + t + 1])
            logit[n_logits++] = (int)t;
    c->item[at] = item;
    c->sequence[at] = (struct mi_sequence){
        .tokens = item->prompt.tokens + part->n_past,
        .n = (int)part->n,
        .logit_rows = logit,
        .n_logit_rows = n_logits,
        .before = part->before >= 0 ? &c->sequence[part->before] : NULL,
        .n_past = part->n_past,
    };
    if (c->step == 2) { /* nothing is shared: each part is a whole item */
        c->item[at - 1] = NULL;
        c->sequence[at - 1] =
            (struct mi_sequence){.tokens = item->prompt.tokens, .n = (int)part->n};
    }
    return n_logits;
}

static int prepare(struct capture *c, struct mi_error *err)
{
    int64_t n_uses = 0, n_values = 0, need;
    int n_logits = 0;

    reserve(c);
    for (int i = 0; i < c->batch.n; i++) {
        int r = prepare_item(c, i, &n_uses, &n_values, err);

        if (r < 0)
            return r;
    }
    mi_trie_build(&c->trie, c->text, c->batch.n, c->limits.is_shared);
    need = (int64_t)c->session->model.n_bytes +
           (int64_t)mi_forward_bytes(&c->session->model, c->step * (int)c->trie.n_rows,
                                     mi_batch_longest(&c->batch)) +
           n_values * (int64_t)sizeof(float);
    if (need > c->limit)
        return mi_fail(err, MI_EXIT_SYS,
                       "prompt '%s': a pass of %lld tokens needs %lld MiB, the limit is %lld MiB "
                       "(--max-memory)",
                       mi_quote(c->batch.item[0].prompt.id), (long long)c->trie.n_rows,
                       (long long)(need >> 20), (long long)(c->limit >> 20));
    find_uses(c, n_uses);
    c->logit_row =
        mi_grow(c->logit_row, &c->cap_logit, (size_t)c->trie.n_rows + 1, sizeof *c->logit_row);
    for (int i = 0; i < c->trie.n_parts; i++)
        n_logits += lay_out(c, i, c->logit_row + n_logits);
    c->value = mi_grow(c->value, &c->cap_value, (size_t)n_values + 1, sizeof *c->value);
    return 0;
}

/* ---- during a pass --------------------------------------------------------------- */

static bool wants(void *self, enum mi_site site, int layer)
{
    const struct capture *c = self;

    for (size_t p = 0; p < c->o->places.n; p++)
        if (c->o->places.item[p].site == site && c->o->places.item[p].layer == layer)
            return true;
    return mi_editor_wants(c->edits, site, layer);
}

/* Keys that a row does not see: as many as the prompt has tokens, whoever computed the row. */
static void put_row(float *y, const float *x, int64_t width, int64_t n_keys, enum mi_site site)
{
    int64_t n = n_keys < width ? n_keys : width;
    float unseen = site == MI_SITE_ATTN_SCORES ? -INFINITY : 0.0f;

    memcpy(y, x, (size_t)n * sizeof *y);
    for (int64_t k = n; k < n_keys; k++)
        y[k] = unseen;
}

static void take_row(struct capture *c, size_t p, const struct mi_view *view, int r,
                     const struct use *u)
{
    const struct mi_place *place = &c->o->places.item[p];
    bool has_keys = mi_site_info(view->site)->shape == MI_SHAPE_KEYS;
    int64_t width = has_keys ? c->batch.item[u->item].prompt.n_tokens : view->width;
    int from = place->head >= 0 ? place->head : 0;
    int to = place->head >= 0 ? from + 1 : view->n_heads;
    float *y =
        c->value + c->offset[(size_t)u->item * c->o->places.n + p] + u->k * (to - from) * width;

    for (int h = from; h < to; h++, y += width)
        put_row(y, view->x + r * view->ld + h * view->ld_head, view->width, width, view->site);
}

static void take_rows(struct capture *c, size_t p, const struct mi_view *view)
{
    for (int r = 0; r < view->n_rows; r++) {
        const struct mi_row *row = &view->row[r];
        const int32_t *first =
            &c->first_use[c->trie.part[row->sequence / c->step].row + row->index];

        if (!c->item[row->sequence]) /* a twin */
            continue;
        for (int32_t i = first[0]; i < first[1]; i++)
            take_row(c, p, view, r, &c->use[i]);
    }
}

static int at(void *self, struct mi_view *view, struct mi_error *err)
{
    struct capture *c = self;
    int r = mi_editor_apply(c->edits, view, c->item, err);

    for (size_t p = 0; r == 0 && p < c->o->places.n; p++)
        if (c->o->places.item[p].site == view->site && c->o->places.item[p].layer == view->layer)
            take_rows(c, p, view);
    return r;
}

/* ---- records --------------------------------------------------------------------- */

/* Masked scores are -infinity by definition; nothing else may be. */
static int check_values(const struct capture *c, int i, size_t p, const float *x, int64_t size,
                        struct mi_error *err)
{
    const struct mi_place *place = &c->o->places.item[p];
    bool may_mask = place->site == MI_SITE_ATTN_SCORES;
    char text[48];

    for (int64_t k = 0; k < c->n_position[i] * size; k++)
        if (!isfinite(x[k]) && !(may_mask && isinf(x[k]) && x[k] < 0))
            return mi_fail(err, MI_EXIT_DATA, "prompt '%s': %s: position %lld: element %lld is %s",
                           mi_quote(c->batch.item[i].prompt.id), mi_place_text(place, text),
                           (long long)c->position[i][k / size], (long long)(k % size),
                           isnan(x[k]) ? "NaN" : "infinite");
    return 0;
}

/* [P, width], or [P, heads, width] of a site with heads and no head chosen. */
static struct mi_tensor shape_of(const struct capture *c, int i, size_t p)
{
    const struct mi_place *place = &c->o->places.item[p];
    enum mi_site_shape shape = mi_site_info(place->site)->shape;
    int64_t rows, width, n_keys = c->batch.item[i].prompt.n_tokens;
    bool has_heads = shape == MI_SHAPE_HEADS || shape == MI_SHAPE_KV || shape == MI_SHAPE_KEYS ||
                     shape == MI_SHAPE_RESULT;
    struct mi_tensor t = {.dtype = c->o->dtype};

    mi_place_shape(place, &c->session->model.config.dims, n_keys, &rows, &width);
    t.shape[t.rank++] = c->n_position[i];
    if (has_heads && place->head < 0)
        t.shape[t.rank++] = rows;
    t.shape[t.rank++] = width;
    return t;
}

static int put_act(struct capture *c, int i, size_t p, struct mi_error *err)
{
    int64_t size = mi_capture_place_size(c->session, c->o, p, c->batch.item[i].prompt.n_tokens);
    int64_t n = c->n_position[i] * size;
    const float *x = c->x[p];
    struct mi_act_record act = {
        .id = c->batch.item[i].prompt.id,
        .place = c->o->places.item[p],
        .positions = c->position[i],
        .n_positions = c->n_position[i],
        .x = shape_of(c, i, p),
    };
    struct mi_value body;
    char text[48];

    act.x.data = x;
    if (c->o->dtype != MI_F32) {
        c->narrow = mi_grow(c->narrow, &c->cap_narrow, (size_t)n + 1, sizeof(uint16_t));
        if (mi_narrow(c->narrow, c->o->dtype, x, n, err) < 0)
            return mi_fail_in(err, "prompt '%s': %s", mi_quote(act.id),
                              mi_place_text(&act.place, text));
        act.x.data = c->narrow;
    }
    body = mi_act_body(&c->arena, &act);
    return mi_writer_put(c->out, "act", &body, err);
}

static int put_item(struct capture *c, int i, struct mi_error *err)
{
    size_t n_places = c->o->places.n;
    struct mi_item *item = &c->batch.item[i];
    struct mi_value body;
    int r = 0;

    for (size_t p = 0; r == 0 && p < n_places; p++) {
        c->x[p] = c->value + c->offset[(size_t)i * n_places + p];
        r = check_values(c, i, p, c->x[p],
                         mi_capture_place_size(c->session, c->o, p, item->prompt.n_tokens), err);
    }
    if (r < 0)
        return r;
    if (c->o->reduce)
        return mi_reducer_add(&c->reducer, item, c->x, c->n_position[i], err);
    mi_arena_reset(&c->arena);
    body = mi_prompt_body(&c->arena, &item->prompt);
    r = mi_writer_put(c->out, "prompt", &body, err);
    for (size_t p = 0; r == 0 && p < n_places; p++)
        r = put_act(c, i, p, err);
    return r;
}

/* ---- the loop -------------------------------------------------------------------- */

static int run_batch(struct capture *c, struct mi_capture_totals *totals, struct mi_error *err)
{
    struct mi_hooks hooks = {.self = c, .wants = wants, .at = at};
    int r = prepare(c, err);

    if (r == 0)
        r = mi_forward(&c->session->forward, &c->session->model, c->sequence,
                       c->step * c->trie.n_parts, c->n_layers, &hooks, err);
    for (int i = 0; r == 0 && i < c->batch.n; i++) {
        r = put_item(c, i, err);
        totals->n_positions += c->n_position[i];
    }
    totals->n_prompts += c->batch.n;
    totals->n_tokens += c->batch.n_tokens;
    totals->n_shared += c->batch.n_tokens - c->trie.n_rows;
    mi_progress_add(c->batch.n_tokens);
    return r;
}

static void start(struct capture *c, struct mi_session *s, const struct mi_capture_options *o)
{
    c->session = s;
    c->o = o;
    c->step = mi_editor_has_twins(c->edits) ? 2 : 1;
    c->n_layers = mi_capture_layers(&o->places, &c->has_after);
    c->limit = mi_memory_limit(o->max_memory);
    c->x = mi_alloc_n(o->places.n, sizeof *c->x);
}

static void finish(struct capture *c)
{
    for (int i = 0; i < c->n_slots; i++)
        mi_free(c->position[i]);
    mi_free(c->position);
    mi_free(c->cap_position);
    mi_free(c->n_position);
    mi_free(c->sequence);
    mi_free(c->item);
    mi_free(c->text);
    mi_free(c->use);
    mi_free(c->first_use);
    mi_trie_free(&c->trie);
    mi_free(c->logit_row);
    mi_free(c->value);
    mi_free(c->offset);
    mi_free(c->narrow);
    mi_free(c->x);
    mi_arena_free(&c->arena);
    mi_batch_free(&c->batch);
    mi_reducer_close(&c->reducer);
}

int mi_capture(struct mi_session *s, struct mi_source *src, struct mi_editor *edits,
               const struct mi_capture_options *o, struct mi_writer *out,
               struct mi_capture_totals *totals, struct mi_error *err)
{
    struct capture c = {.edits = edits, .out = out};
    int64_t units, first, last;
    int r;

    *totals = (struct mi_capture_totals){0};
    start(&c, s, o);
    mi_source_units(src, &units, &first, &last);
    if (o->reduce)
        mi_reducer_open(&c.reducer, &o->places, &s->model.config.dims, o->reduce, o->by,
                        o->pos->text, first);
    r = mi_capture_sizes(s, o, c.limit, &c.limits, err);
    c.limits.is_shared = mi_editor_is_empty(edits);
    while (r == 0) {
        r = mi_batch_next(&c.batch, src, s, &c.limits, err);
        if (r <= 0)
            break;
        r = run_batch(&c, totals, err);
    }
    mi_source_units(src, &units, &first, &last);
    if (r == 0 && totals->n_positions == 0 && !mi_source_is_sharded(src))
        r = mi_fail(err, MI_EXIT_NO, "no prompt has a token at '%s'", o->pos->text);
    if (r == 0 && o->reduce)
        r = mi_reducer_write(&c.reducer, last, mi_source_is_sharded(src), out, err);
    finish(&c);
    return r;
}
