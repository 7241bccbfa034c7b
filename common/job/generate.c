#include "job/generate.h"

#include "base/escape.h"
#include "base/mem.h"
#include "base/par.h"
#include "base/progress.h"
#include "job/batch.h"
#include "job/flight.h"
#include "job/prefix.h"
#include "job/score.h"
#include "math/rows.h"

#include <math.h>
#include <string.h>

enum {
    LEAST_ROWS = 16,
    WINDOW = 4, /* flights that wait for an earlier one: at most this many times max_items */
};

struct run {
    struct mi_session *session;
    struct mi_source *source;
    struct mi_editor *edits; /* NULL: none */
    const struct mi_run_options *o;
    struct mi_writer *out; /* NULL: text only */
    struct mi_run_totals *totals;
    struct mi_flight **flight; /* [n] in the order of the input; done ones wait for the first */
    size_t n, cap;
    struct mi_flight *waiting; /* read, but did not fit yet */
    bool is_ended;             /* of the source */
    int n_live, max_items, max_rows, n_top;
    int64_t limit, cache_bytes, longest; /* memory allowed; of the live caches; tokens of one */
    bool keeps_scores;                   /* an edit needs attention scores or patterns in memory */
    struct mi_draw_room room[MI_PAR_MAX];
    /* the pass in hand */
    struct mi_sequence *sequence; /* [n_sequences] */
    struct mi_strand **strand;
    struct mi_flight **owner;
    const struct mi_item **item;
    size_t sequence_cap, strand_cap, owner_cap, item_cap;
    int n_sequences, n_rows, n_made_rows;
    int *logit_row; /* [max_rows], shared out among the sequences */
    int n_logit_rows;
    bool *is_bad;          /* [max_rows] of a block of logits */
    struct mi_arena arena; /* of the records in hand */
};

/* ---- looking at logits ------------------------------------------------------ */

struct look {
    struct run *run;
    const struct mi_view *view;
};

/* Scores of token t of the main strand, which is known or was just chosen. */
static bool score_main(struct mi_flight *f, const float *logits, int64_t v, double normalizer,
                       int64_t t)
{
    struct mi_token_score score = mi_score_token(logits, v, normalizer, f->main.tokens[t]);

    f->main.logp[t] = score.logp;
    f->main.entropy[t] = score.entropy;
    f->main.rank[t] = score.rank;
    if (f->n_top > 0)
        mi_score_top(logits, v, normalizer, f->n_top, f->main.top_token + t * f->n_top,
                     f->main.top_logp + t * f->n_top);
    return isfinite(score.logp) && isfinite(score.entropy);
}

/* Token t of a continuation; of the first one the row is the prompt's last. */
static bool score_continuation(struct mi_strand *s, const float *logits, double normalizer,
                               int64_t t)
{
    if (s->n == 0)
        return true;
    s->logp[t] = (double)logits[s->tokens[t]] - normalizer;
    return isfinite(s->logp[t]);
}

static bool is_generating(const struct mi_flight *f)
{
    return f->n_new > 0 && !f->stop;
}

/* The row of token t - 1 says what t is. */
static bool look_at_main(struct look *l, struct mi_flight *f, const float *logits, int64_t v,
                         double normalizer, int64_t t, int thread)
{
    struct run *run = l->run;
    bool is_good = true;

    if (t == f->item.prompt.n_prompt)
        is_good = score_continuation(&f->target, logits, normalizer, t) &&
                  score_continuation(&f->foil, logits, normalizer, t);
    if (t == f->main.n && is_generating(f)) {
        int64_t step = t - f->item.prompt.n_prompt;

        f->main.tokens[t] = mi_draw_token(&run->o->sampling, logits, v, f->main.tokens, t,
                                          f->item.prompt.id, step, &run->room[thread]);
        f->has_chosen = true;
    } else if (t == f->main.n) {
        if (f->n_top > 0)
            mi_score_top(logits, v, normalizer, f->n_top, f->next_token, f->next_logp);
        f->has_next = f->n_top > 0;
        return is_good;
    }
    return (run->out ? score_main(f, logits, v, normalizer, t) : true) && is_good;
}

static void look_at_row(void *ctx, int64_t i, int thread)
{
    struct look *l = ctx;
    const struct mi_row *row = &l->view->row[i];
    const float *logits = l->view->x + i * l->view->ld;
    struct mi_strand *s = l->run->strand[row->sequence];
    struct mi_flight *f = l->run->owner[row->sequence];
    double normalizer = mi_log_normalizer(logits, l->view->width);
    int64_t t = row->position + 1;

    if (!isfinite(normalizer))
        l->run->is_bad[i] = true;
    else if (s == &f->main)
        l->run->is_bad[i] = !look_at_main(l, f, logits, l->view->width, normalizer, t, thread);
    else
        l->run->is_bad[i] = !score_continuation(s, logits, normalizer, t);
}

static int look_at_logits(struct run *run, const struct mi_view *view, struct mi_error *err)
{
    struct look l = {run, view};

    memset(run->is_bad, 0, (size_t)view->n_rows * sizeof *run->is_bad);
    mi_par_for(view->n_rows, look_at_row, &l);
    for (int i = 0; i < view->n_rows; i++)
        if (run->is_bad[i])
            return mi_fail(err, MI_EXIT_DATA,
                           "prompt '%s': what follows token %d has no finite log-probability",
                           mi_quote(run->owner[view->row[i].sequence]->item.prompt.id),
                           (int)view->row[i].position);
    return 0;
}

static bool wants_site(void *self, enum mi_site site, int layer)
{
    const struct run *run = self;

    return site == MI_SITE_LOGITS || (run->edits && mi_editor_wants(run->edits, site, layer));
}

static int visit_site(void *self, struct mi_view *view, struct mi_error *err)
{
    struct run *run = self;
    int r = 0;

    if (run->edits && mi_editor_wants(run->edits, view->site, view->layer))
        r = mi_editor_apply(run->edits, view, run->item, err);
    if (r == 0 && view->site == MI_SITE_LOGITS)
        r = look_at_logits(run, view, err);
    return r;
}

/* ---- one pass --------------------------------------------------------------- */

/* Does anybody want to know what follows token t of the main strand? */
static bool wants_logits(const struct run *run, const struct mi_flight *f, int64_t t)
{
    if (t + 1 == f->main.n && is_generating(f))
        return true;
    if (!run->out)
        return false;
    return t + 1 < f->main.n || f->n_top > 0 ||
           (t + 1 == f->item.prompt.n_prompt && (f->target.n > 0 || f->foil.n > 0));
}

/* Up to n tokens of the strand join the pass. */
static void add_strand(struct run *run, struct mi_flight *f, struct mi_strand *s, int64_t n)
{
    size_t at = (size_t)run->n_sequences;
    struct mi_sequence *q;

    if (n > run->max_rows - run->n_rows)
        n = run->max_rows - run->n_rows;
    if (n <= 0)
        return;
    run->sequence = mi_grow(run->sequence, &run->sequence_cap, at + 1, sizeof *run->sequence);
    run->strand = mi_grow(run->strand, &run->strand_cap, at + 1, sizeof *run->strand);
    run->owner = mi_grow(run->owner, &run->owner_cap, at + 1, sizeof *run->owner);
    run->item = mi_grow(run->item, &run->item_cap, at + 1, sizeof *run->item);
    run->strand[at] = s;
    run->owner[at] = f;
    run->item[at] = &s->view;
    q = &run->sequence[at];
    *q = (struct mi_sequence){.tokens = s->tokens + s->n_fed,
                              .n = (int)n,
                              .cache = &s->cache,
                              .logit_rows = run->logit_row + run->n_logit_rows};
    for (int i = 0; i < q->n; i++)
        if (s != &f->main || wants_logits(run, f, s->n_fed + i))
            run->logit_row[run->n_logit_rows + q->n_logit_rows++] = i;
    run->n_logit_rows += q->n_logit_rows;
    run->n_rows += q->n;
    run->n_made_rows += s == &f->main && s->n_fed >= f->n_given ? q->n : 0;
    run->n_sequences++;
}

static void plan_pass(struct run *run)
{
    const struct mi_model *m = &run->session->model;

    run->n_sequences = run->n_rows = run->n_made_rows = run->n_logit_rows = 0;
    for (size_t i = 0; i < run->n; i++) {
        struct mi_flight *f = run->flight[i];

        if (f->is_done)
            continue;
        if (!f->main.is_open && !run->edits && !mi_prefix_take(run->flight, i, m))
            continue;
        mi_flight_open(f, m);
        mi_strand_reserve(&f->main, 1, f->n_top);
        add_strand(run, f, &f->main, mi_flight_pending(f));
        if (!run->out)
            continue;
        mi_flight_branch(f, m);
        if (f->target.is_open)
            add_strand(run, f, &f->target, f->target.n - 1 - f->target.n_fed);
        if (f->foil.is_open)
            add_strand(run, f, &f->foil, f->foil.n - 1 - f->foil.n_fed);
    }
}

static void settle_pass(struct run *run, double seconds)
{
    double share = run->n_rows ? (double)run->n_made_rows / run->n_rows : 0;

    run->totals->made_s += seconds * share;
    run->totals->given_s += seconds * (1 - share);
    for (int i = 0; i < run->n_sequences; i++)
        run->strand[i]->n_fed += run->sequence[i].n;
    for (size_t i = 0; i < run->n; i++) {
        struct mi_flight *f = run->flight[i];

        if (f->is_done)
            continue;
        mi_flight_settle(f, run->session, &run->o->stops);
        if (f->is_done) {
            run->n_live--;
            run->cache_bytes -= (int64_t)f->bytes;
        }
    }
}

static int run_pass(struct run *run, struct mi_error *err)
{
    struct mi_hooks hooks = {.self = run, .wants = wants_site, .at = visit_site};
    double start = mi_seconds();
    int r;

    plan_pass(run);
    r = mi_forward(&run->session->forward, &run->session->model, run->sequence, run->n_sequences, 0,
                   &hooks, err);
    if (r == 0)
        settle_pass(run, mi_seconds() - start);
    return r;
}

/* ---- items in --------------------------------------------------------------- */

static int64_t pass_bytes(const struct run *run, int64_t longest)
{
    const struct mi_model *m = &run->session->model;
    int64_t bytes =
        (int64_t)m->file.map.size + (int64_t)mi_forward_bytes(m, run->max_rows, longest);

    if (run->keeps_scores)
        bytes += 4 * (int64_t)m->config.dims.n_heads * run->max_rows * longest;
    return bytes;
}

/* Does the waiting flight fit beside the live ones? Alone it may shrink the passes. */
static int make_room(struct run *run, struct mi_error *err)
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
static int check_tokens(const struct run *run, const struct mi_item *item, const int32_t *tokens,
                        int64_t n, struct mi_error *err)
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

/* 1: an item was read, and waits; 0: there is none. */
static int read_item(struct run *run, struct mi_error *err)
{
    int n_ctx = run->session->model.config.dims.n_ctx;
    struct mi_item item = {0};
    int r = mi_source_next(run->source, run->session, &item, err);

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
             (r = check_tokens(run, &item, item.target, item.n_target, err)) == 0)
        r = check_tokens(run, &item, item.foil, item.n_foil, err);
    if (r < 0) {
        mi_item_free(&item);
        return r;
    }
    if (!run->out) /* nobody would see their scores */
        item.target = item.foil = NULL;
    run->waiting = mi_alloc(sizeof *run->waiting);
    mi_flight_start(run->waiting, &item, run->session, run->o->n_new, run->n_top);
    run->waiting->bytes = mi_flight_bytes(run->waiting, &run->session->model);
    return 1;
}

static int take_items(struct run *run, struct mi_error *err)
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

static int tell_text(struct run *run, struct mi_flight *f, struct mi_error *err)
{
    const char *at;
    size_t n;

    if (!run->o->text)
        return 0;
    n = mi_answer_take(&f->answer, &run->o->stops, f->is_done, &at);
    return n > 0 || f->is_done ? run->o->text(run->o->self, &f->item, at, n, f->is_done, err) : 0;
}

static int write_records(struct run *run, const struct mi_flight *f, struct mi_error *err)
{
    struct mi_value body;
    int r;

    if (!run->out)
        return 0;
    mi_arena_reset(&run->arena);
    body = mi_flight_prompt_body(f, &run->arena);
    if ((r = mi_writer_put(run->out, "prompt", &body, err)) < 0)
        return r;
    body = mi_flight_run_body(f, &run->arena);
    if ((r = mi_writer_put(run->out, "run", &body, err)) < 0)
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
static int give_items(struct run *run, struct mi_error *err)
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

static void free_run(struct run *run)
{
    for (size_t i = 0; i < run->n; i++)
        free_flight(run->flight[i]);
    free_flight(run->waiting);
    for (int i = 0; i < MI_PAR_MAX; i++)
        mi_draw_room_free(&run->room[i]);
    mi_free(run->flight);
    mi_free(run->sequence);
    mi_free(run->strand);
    mi_free(run->owner);
    mi_free(run->item);
    mi_free(run->logit_row);
    mi_free(run->is_bad);
    mi_arena_free(&run->arena);
    mi_free(run);
}

int mi_run(struct mi_session *s, struct mi_source *src, struct mi_editor *edits,
           const struct mi_run_options *o, struct mi_writer *out, struct mi_run_totals *totals,
           struct mi_error *err)
{
    struct run *run = mi_alloc_zero(1, sizeof *run);
    int r = 0;

    *totals = (struct mi_run_totals){0};
    run->session = s;
    run->source = src;
    run->edits = edits && !mi_editor_is_empty(edits) ? edits : NULL;
    run->o = o;
    run->out = out;
    run->totals = totals;
    run->max_items = o->max_items > 0 ? o->max_items : MI_RUN_ITEMS;
    run->max_rows = o->max_rows > 0 ? o->max_rows : MI_BATCH_ROWS;
    run->n_top = o->n_top < s->model.config.dims.d_vocab ? o->n_top : s->model.config.dims.d_vocab;
    run->limit = mi_memory_limit(o->max_memory);
    run->keeps_scores = keeps_scores(run->edits, s->model.config.dims.n_layers);
    run->logit_row = mi_alloc_n((size_t)run->max_rows, sizeof *run->logit_row);
    run->is_bad = mi_alloc_n((size_t)run->max_rows, sizeof *run->is_bad);
    while (r == 0) {
        r = take_items(run, err);
        if (r < 0 || run->n == 0)
            break;
        r = run_pass(run, err);
        if (r == 0)
            r = give_items(run, err);
    }
    free_run(run);
    return r;
}
