#include "job/capture_size.h"

#include "base/escape.h"
#include "base/mem.h"

enum {
    KEYS_GUESS = 256,
    MOST_ITEMS = 4096, /* of a pass */
    MOST_SHARED = 16,  /* tokens that one computed row may stand for, on average */
};

static bool is_after(enum mi_site s)
{
    return mi_site_info(s)->is_global && s != MI_SITE_EMBED;
}

int64_t mi_capture_place_size(const struct mi_session *s, const struct mi_capture_options *o,
                              size_t p, int64_t n_keys)
{
    int64_t rows, width;

    mi_place_shape(&o->places.item[p], &s->model.config.dims, n_keys, &rows, &width);
    return rows * width;
}

static int64_t position_size(const struct mi_session *s, const struct mi_capture_options *o,
                             int64_t n_keys)
{
    int64_t n = 0;

    for (size_t p = 0; p < o->places.n; p++)
        n += mi_capture_place_size(s, o, p, n_keys);
    return n;
}

int mi_capture_layers(const struct mi_places *places, bool *has_after)
{
    int last = 0;

    *has_after = false;
    for (size_t i = 0; i < places->n; i++) {
        if (is_after(places->item[i].site))
            *has_after = true;
        else if (places->item[i].layer > last)
            last = places->item[i].layer;
    }
    return *has_after ? 0 : last + 1;
}

/* How many positions a prompt can have at most; 0: as many as it has tokens. */
static int64_t positions_at_most(const struct mi_pos *pos)
{
    for (size_t i = 0; i < pos->n; i++)
        if (pos->item[i].kind != MI_POS_INDEX)
            return 0;
    return (int64_t)pos->n;
}

int mi_capture_sizes(const struct mi_session *s, const struct mi_capture_options *o, int64_t limit,
                     struct mi_batch_limits *out, struct mi_error *err)
{
    int64_t bytes = position_size(s, o, KEYS_GUESS) * (int64_t)sizeof(float);
    int64_t most = MI_CAPTURE_HELD / (bytes > 0 ? bytes : 1), per_item = positions_at_most(o->pos);

    *out = (struct mi_batch_limits){.rows = o->max_rows, .items = MOST_ITEMS};
    if (out->rows == 0) {
        int64_t fixed = MI_CAPTURE_HELD + (int64_t)s->model.n_bytes;
        int r = mi_batch_rows(s, limit, 1, 0, fixed, &out->rows, err);

        if (r < 0)
            return r;
    }
    most = most > 1 ? most : 1;
    out->tokens = (int64_t)MOST_SHARED * out->rows;
    if (per_item && most / per_item < out->items)
        out->items = most / per_item > 1 ? (int)(most / per_item) : 1;
    else if (!per_item && most < out->tokens)
        out->tokens = most;
    if (!per_item && o->max_rows == 0 && most < out->rows)
        out->rows = (int)most;
    if (out->tokens < out->rows)
        out->tokens = out->rows;
    return 0;
}

int mi_capture_check(const struct mi_session *s, const struct mi_capture_options *o,
                     struct mi_error *err)
{
    int64_t sums;
    char text[48];

    if (!o->reduce)
        return 0;
    for (size_t i = 0; i < o->places.n; i++)
        if (mi_site_info(o->places.item[i].site)->shape == MI_SHAPE_KEYS)
            return mi_fail(err, MI_EXIT_USAGE,
                           "--reduce: %s is as wide as its prompt is long; it has no mean",
                           mi_place_text(&o->places.item[i], text));
    sums = mi_reduce_bytes(&o->places, &s->model.config.dims, o->reduce, 1);
    if (sums > mi_memory_limit(o->max_memory))
        return mi_fail(err, MI_EXIT_SYS, "the statistics of these sites need %lld MiB",
                       (long long)(sums >> 20));
    return 0;
}

/* ---- without running --------------------------------------------------------------- */

/* Attention's share: a dot and a mix of d_head numbers for each query, head and key. */
static double attention_flops(const struct mi_dims *d, int n_layers, double n)
{
    return 4.0 * n_layers * d->n_heads * d->d_head * n * (n + 1) / 2;
}

/* What one item adds, whose first n_shared tokens are there already. */
static int plan_item(const struct mi_session *s, const struct mi_capture_options *o,
                     const struct mi_item *item, int64_t n_shared, struct mi_capture_totals *t,
                     struct mi_error *err)
{
    const struct mi_model *m = &s->model;
    struct mi_pos_tokens tokens = mi_item_tokens(item);
    int64_t *position = NULL, n;
    size_t cap = 0;
    bool has_after;
    int layers = mi_capture_layers(&o->places, &has_after);

    n = mi_pos_resolve(o->pos, &tokens, &position, &cap, err);
    mi_free(position);
    if (n < 0)
        return mi_fail_in(err, "prompt '%s'", mi_quote(item->prompt.id));
    if (layers == 0)
        layers = m->config.dims.n_layers;
    t->n_prompts++;
    t->n_tokens += tokens.n_tokens;
    t->n_positions += n;
    t->n_shared += n_shared;
    t->flops += (double)(tokens.n_tokens - n_shared) * mi_model_flops_per_token(m, 0, layers) +
                attention_flops(&m->config.dims, layers, (double)tokens.n_tokens) -
                attention_flops(&m->config.dims, layers, (double)n_shared);
    if (has_after)
        t->flops += (double)n * mi_model_flops_per_logits(m);
    if (!o->reduce)
        t->bytes += (double)n * (double)position_size(s, o, tokens.n_tokens) *
                    (double)mi_dtype_size(o->dtype);
    return 0;
}

int mi_capture_plan(struct mi_session *s, struct mi_source *src, const struct mi_capture_options *o,
                    bool is_edited, struct mi_capture_totals *totals, struct mi_error *err)
{
    const struct mi_dims *d = &s->model.config.dims;
    int64_t longest = 1, held, units, first, last, rows = 0;
    struct mi_batch_limits limits;
    struct mi_batch b = {0};
    int r;

    *totals = (struct mi_capture_totals){0};
    r = mi_capture_sizes(s, o, mi_memory_limit(o->max_memory), &limits, err);
    limits.is_shared = !is_edited;
    while (r == 0) {
        r = mi_batch_next(&b, src, s, &limits, err);
        if (r <= 0)
            break;
        r = 0;
        for (int i = 0; i < b.n && r == 0; i++)
            r = plan_item(s, o, &b.item[i], b.n_shared[i], totals, err);
        longest = mi_batch_longest(&b) > longest ? mi_batch_longest(&b) : longest;
        rows = b.n_rows > rows ? b.n_rows : rows;
    }
    mi_batch_free(&b);
    held = longest * position_size(s, o, longest) * (int64_t)sizeof(float);
    totals->peak = (double)s->model.n_bytes +
                   (double)mi_forward_bytes(&s->model, (int)rows, longest) +
                   (double)(held > MI_CAPTURE_HELD ? held : MI_CAPTURE_HELD);
    if (o->reduce) {
        mi_source_units(src, &units, &first, &last);
        totals->peak += (double)mi_reduce_bytes(&o->places, d, o->reduce, last - first);
        totals->bytes = (double)mi_reduce_bytes(&o->places, d, o->reduce, 1) / 2;
    }
    return r;
}
