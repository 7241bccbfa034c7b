#include "job/generate.h"

#include "base/escape.h"
#include "base/mem.h"
#include "base/progress.h"
#include "job/batch.h"
#include "job/run_state.h"

#include <string.h>

enum {
    LEAST_ROWS = 16,
    WINDOW = 4, /* flights that wait for an earlier one: at most this many times max_items */
};

/* ---- items in --------------------------------------------------------------- */

static int64_t pass_bytes(const struct mi_run_state *run, int64_t longest)
{
    const struct mi_model *m = &run->session->model;
    int64_t bytes = (int64_t)m->n_bytes + (int64_t)mi_forward_bytes(m, run->max_rows, longest);

    if (run->keeps_scores)
        bytes += 4 * (int64_t)m->config.dims.n_heads * run->max_rows * longest;
    return bytes;
}

/* Does the waiting flight fit beside the live ones? Alone it may shrink the passes. */
static int make_room(struct mi_run_state *run, struct mi_error *err)
{
    const struct mi_flight *f = run->waiting;
    int64_t longest = f->n_given + f->n_new > run->longest ? f->n_given + f->n_new : run->longest;
    int64_t need = run->cache_bytes + (int64_t)f->bytes;

    while (run->n_live == 0 && run->max_rows > LEAST_ROWS &&
           pass_bytes(run, longest) + need > run->limit)
        run->max_rows /= 2;
    if (pass_bytes(run, longest) + need > run->limit)
        return run->n_live > 0
                   ? 0
                   : mi_fail(err, MI_EXIT_SYS,
                             "prompt '%s': %lld tokens need %lld MiB, the limit is %lld MiB "
                             "(--max-memory)",
                             mi_quote(f->item.prompt.id), (long long)(f->n_given + f->n_new),
                             (long long)((pass_bytes(run, longest) + need) >> 20),
                             (long long)(run->limit >> 20));
    run->longest = longest;
    return 1;
}

/* Ids come from files too: each must have a row of logits. */
static int check_tokens(const struct mi_run_state *run, const struct mi_item *item,
                        const int32_t *tokens, int64_t n, struct mi_error *err)
{
    int v = run->session->model.config.dims.d_vocab;

    for (int64_t t = 0; t < n; t++)
        if (tokens[t] < 0 || tokens[t] >= v)
            return mi_fail(err, MI_EXIT_DATA,
                           "prompt '%s': token id %d is not in the vocabulary "
                           "of %d",
                           mi_quote(item->prompt.id), (int)tokens[t], v);
    return 0;
}

/* What is said of a prompt's variants must be theirs alone. */
static int check_field(const struct mi_run_state *run, const struct mi_item *item,
                       struct mi_error *err)
{
    if (!run->o->variants || !mi_get(&item->prompt.fields, MI_VARIANT_FIELD))
        return 0;
    return mi_fail(err, MI_EXIT_DATA, "prompt '%s' has a field '%s' already (--variant)",
                   mi_quote(item->prompt.id), MI_VARIANT_FIELD);
}

/* The item, or the next variant of it, becomes the flight that waits. Its memory goes to the last
 * variant, which leaves last. */
static void begin_flight(struct mi_run_state *run, struct mi_item *item)
{
    const struct mi_variants *v = run->o->variants;
    struct mi_variant *variant = v ? &v->item[run->n_begun++] : NULL;
    struct mi_item own = *item;

    if (variant && run->n_begun < v->n)
        own.arena = (struct mi_arena){0};
    else
        run->n_begun = 0;
    run->waiting = mi_alloc(sizeof *run->waiting);
    mi_flight_start(run->waiting, &own, run->session, run->o->n_new, run->n_top);
    if (variant)
        mi_flight_edit(run->waiting, &variant->edits, variant->label);
    else if (run->edits)
        mi_flight_edit(run->waiting, run->edits, NULL);
    run->waiting->bytes = mi_flight_bytes(run->waiting, &run->session->model);
    if (!run->n_begun)
        *item = (struct mi_item){0};
}

/* 1: an item was read, and waits; 0: there is none. */
static int read_item(struct mi_run_state *run, struct mi_error *err)
{
    int n_ctx = run->session->model.config.dims.n_ctx;
    struct mi_item item = {0};
    int r;

    if (run->n_begun) {
        begin_flight(run, &run->item_left);
        return 1;
    }
    r = mi_source_next(run->source, run->session, &item, err);
    if (r <= 0) {
        run->is_ended = r == 0;
        return r;
    }
    if (item.prompt.n_prompt <= 0)
        r = mi_fail(err, MI_EXIT_DATA, "prompt '%s' has no tokens", mi_quote(item.prompt.id));
    else if (item.prompt.n_tokens > n_ctx || item.prompt.n_prompt + item.n_target > n_ctx ||
             item.prompt.n_prompt + item.n_foil > n_ctx)
        r = mi_fail(err, MI_EXIT_DATA, "prompt '%s' with its continuation passes the context of %d",
                    mi_quote(item.prompt.id), n_ctx);
    else if ((r = check_tokens(run, &item, item.prompt.tokens, item.prompt.n_tokens, err)) == 0 &&
             (r = check_tokens(run, &item, item.target, item.n_target, err)) == 0 &&
             (r = check_tokens(run, &item, item.foil, item.n_foil, err)) == 0)
        r = check_field(run, &item, err);
    if (r < 0) {
        mi_item_free(&item);
        return r;
    }
    if (!run->out) /* nobody would see their scores */
        item.target = item.foil = NULL;
    run->item_left = item;
    begin_flight(run, &run->item_left);
    return 1;
}

static int take_items(struct mi_run_state *run, struct mi_error *err)
{
    while (run->n_live < run->max_items && run->n < (size_t)run->max_items * WINDOW) {
        int r = run->waiting ? 1 : run->is_ended ? 0 : read_item(run, err);

        if (r > 0)
            r = make_room(run, err);
        if (r <= 0)
            return r;
        run->flight = mi_grow(run->flight, &run->cap, run->n + 1, sizeof *run->flight);
        run->flight[run->n++] = run->waiting;
        run->cache_bytes += (int64_t)run->waiting->bytes;
        run->n_live++;
        run->waiting = NULL;
    }
    return 0;
}

/* ---- records out ------------------------------------------------------------ */

static int tell_text(struct mi_run_state *run, struct mi_flight *f, struct mi_error *err)
{
    const char *at;
    size_t n;

    if (!run->o->text)
        return 0;
    n = mi_answer_take(&f->answer, &run->o->stops, f->is_done, &at);
    return n > 0 || f->is_done ? run->o->text(run->o->self, f->id, at, n, f->is_done, err) : 0;
}

static int write_records(struct mi_run_state *run, const struct mi_flight *f, struct mi_error *err)
{
    struct mi_value body;
    int r;

    if (!run->out)
        return 0;
    mi_arena_reset(&run->arena);
    body = mi_flight_prompt_body(f, &run->arena);
    if ((r = mi_writer_put(run->out, "prompt", &body, err)) < 0)
        return r;
    if ((r = mi_flight_run_body(f, run->o->judge, &run->arena, &body, err)) < 0 ||
        (r = mi_writer_put(run->out, "run", &body, err)) < 0)
        return r;
    return run->o->is_flushed ? mi_writer_flush(run->out, err) : 0;
}

static void free_flight(struct mi_flight *f)
{
    if (f)
        mi_flight_free(f);
    mi_free(f);
}

/* What is finished leaves, in order. The first that is not shows its text so far. */
static int give_items(struct mi_run_state *run, struct mi_error *err)
{
    size_t n = 0;
    int r = 0;

    while (n < run->n && r == 0) {
        struct mi_flight *f = run->flight[n];

        r = tell_text(run, f, err);
        if (r < 0 || !f->is_done)
            break;
        r = write_records(run, f, err);
        run->totals->n_prompts++;
        run->totals->n_given += f->n_given;
        run->totals->n_shared += f->n_shared;
        run->totals->n_made += f->main.n - f->n_given;
        mi_progress_add(1);
        free_flight(f);
        n++;
    }
    run->n -= n;
    memmove(run->flight, run->flight + n, run->n * sizeof *run->flight);
    return r;
}

/* ---- the run ---------------------------------------------------------------- */

static bool keeps_scores(const struct mi_editor *edits, int n_layers)
{
    bool is_kept = false;

    for (int l = 0; edits && l < n_layers; l++)
        is_kept = is_kept || mi_editor_wants(edits, MI_SITE_ATTN_SCORES, l) ||
                  mi_editor_wants(edits, MI_SITE_PATTERN, l);
    return is_kept;
}

static void free_run(struct mi_run_state *run)
{
    for (size_t i = 0; i < run->n; i++)
        free_flight(run->flight[i]);
    free_flight(run->waiting);
    mi_item_free(&run->item_left);
    for (int i = 0; i < MI_PAR_MAX; i++)
        mi_draw_room_free(&run->room[i]);
    mi_free(run->flight);
    mi_free(run->sequence);
    mi_free(run->strand);
    mi_free(run->owner);
    mi_free(run->item);
    mi_free(run->edits_of);
    mi_free(run->now);
    mi_free(run->logit_row);
    mi_free(run->is_bad);
    mi_arena_free(&run->arena);
    mi_free(run);
}

/* What the edits, all there may be in a pass, need of it. */
static void prepare_for(struct mi_run_state *run, const struct mi_editor *edits)
{
    if (edits && mi_editor_has_twins(edits) && run->max_rows < 2)
        run->max_rows = 2;
    if (keeps_scores(edits, run->session->model.config.dims.n_layers))
        run->keeps_scores = true;
}

int mi_run(struct mi_session *s, struct mi_source *src, struct mi_editor *edits,
           const struct mi_run_options *o, struct mi_writer *out, struct mi_run_totals *totals,
           struct mi_error *err)
{
    struct mi_run_state *run = mi_alloc_zero(1, sizeof *run);
    int r = 0;

    *totals = (struct mi_run_totals){0};
    if (o->cache_from &&
        (mi_editor_has_twins(o->cache_from) || (edits && mi_editor_has_twins(edits))))
        r = mi_fail(err, MI_EXIT_USAGE,
                    "freeze does not go with the keys and values of another "
                    "run (--cache-from)");
    run->session = s;
    run->source = src;
    run->edits = edits && !mi_editor_is_empty(edits) ? edits : NULL;
    run->cache_edits = o->cache_from && !mi_editor_is_empty(o->cache_from) ? o->cache_from : NULL;
    run->o = o;
    run->out = out;
    run->totals = totals;
    run->max_items = o->max_items > 0 ? o->max_items : MI_RUN_ITEMS;
    run->max_rows = o->max_rows > 0 ? o->max_rows : MI_BATCH_ROWS;
    run->n_top = o->n_top < s->model.config.dims.d_vocab ? o->n_top : s->model.config.dims.d_vocab;
    run->limit = mi_memory_limit(o->max_memory);
    prepare_for(run, run->edits);
    prepare_for(run, run->cache_edits);
    for (int i = 0; o->variants && i < o->variants->n; i++)
        prepare_for(run, &o->variants->item[i].edits);
    run->logit_row = mi_alloc_n((size_t)run->max_rows, sizeof *run->logit_row);
    run->is_bad = mi_alloc_n((size_t)run->max_rows, sizeof *run->is_bad);
    while (r == 0) {
        r = take_items(run, err);
        if (r < 0 || run->n == 0)
            break;
        r = mi_run_pass(run, err);
        if (r == 0)
            r = give_items(run, err);
    }
    free_run(run);
    return r;
}
