#include "job/flight.h"

#include "base/mem.h"
#include "job/variant.h"
#include "stream/record.h"

#include <math.h>
#include <string.h>

/* Generations may end long before their limit: caches begin with this much room for them. */
enum { CACHE_AHEAD = 64 };

/* ---- strands ---------------------------------------------------------------- */

/* The editor's view follows the arrays, which may have moved. */
static void show_tokens(struct mi_strand *s)
{
    s->view.prompt.tokens = s->tokens;
    s->view.prompt.n_tokens = s->n;
    s->view.prompt.piece = s->piece;
    s->view.prompt.piece_len = s->piece_len;
    s->view.prompt.offset = s->offset;
}

void mi_strand_reserve(struct mi_strand *s, int64_t more, int n_top)
{
    int64_t need = s->n + more, cap = 2 * s->cap > need ? 2 * s->cap : need + 16;
    size_t n = (size_t)cap, width = (size_t)(n_top > 0 ? n_top : 1);

    if (need <= s->cap)
        return;
    s->tokens = mi_realloc_n(s->tokens, n, sizeof *s->tokens);
    s->piece = mi_realloc_n(s->piece, n, sizeof *s->piece);
    s->piece_len = mi_realloc_n(s->piece_len, n, sizeof *s->piece_len);
    s->offset = mi_realloc_n(s->offset, n, sizeof *s->offset);
    s->logp = mi_realloc_n(s->logp, n, sizeof *s->logp);
    s->entropy = mi_realloc_n(s->entropy, n, sizeof *s->entropy);
    s->rank = mi_realloc_n(s->rank, n, sizeof *s->rank);
    s->top_token = mi_realloc_n(s->top_token, n * width, sizeof *s->top_token);
    s->top_logp = mi_realloc_n(s->top_logp, n * width, sizeof *s->top_logp);
    for (int64_t t = s->cap; t < cap; t++) {
        s->logp[t] = s->entropy[t] = (double)NAN;
        s->rank[t] = -1;
        for (int i = 0; i < n_top; i++)
            s->top_token[t * n_top + i] = -1;
    }
    s->cap = cap;
    show_tokens(s);
}

/* Byte of the rendered text behind token t - 1, where token t begins. */
static int64_t follow_offset(const struct mi_strand *s, int64_t t)
{
    if (t == 0)
        return 0;
    return s->offset[t - 1] < 0 ? 0 : s->offset[t - 1] + (int64_t)s->piece_len[t - 1];
}

/* Token at [n] becomes one of the known. */
static void append_token(struct mi_strand *s, const struct mi_session *session, int32_t token)
{
    struct mi_bytes piece = mi_tokenizer_piece(&session->tokenizer, token);

    s->tokens[s->n] = token;
    s->piece[s->n] = piece.at ? piece.at : "";
    s->piece_len[s->n] = piece.len;
    s->offset[s->n] = follow_offset(s, s->n);
    s->n++;
    show_tokens(s);
}

/* Begins as the first n tokens of the item. */
static void start_strand(struct mi_strand *s, const struct mi_item *item, int64_t n, int64_t more,
                         int n_top)
{
    s->view = *item;
    mi_strand_reserve(s, n + more, n_top);
    for (int64_t t = 0; t < n; t++) {
        s->tokens[t] = item->prompt.tokens[t];
        s->piece[t] = item->prompt.piece[t];
        s->piece_len[t] = item->prompt.piece_len[t];
        s->offset[t] = item->prompt.offset ? item->prompt.offset[t] : follow_offset(s, t);
    }
    s->n = n;
    show_tokens(s);
}

static void close_cache(struct mi_strand *s)
{
    if (s->is_open)
        mi_cache_free(&s->cache);
    mi_cache_free(&s->twin);
    s->is_open = false;
}

static void free_strand(struct mi_strand *s)
{
    close_cache(s);
    mi_free(s->tokens);
    mi_free(s->piece);
    mi_free(s->piece_len);
    mi_free(s->offset);
    mi_free(s->logp);
    mi_free(s->entropy);
    mi_free(s->rank);
    mi_free(s->top_token);
    mi_free(s->top_logp);
    *s = (struct mi_strand){0};
}

/* ---- flights ---------------------------------------------------------------- */

static void start_continuation(struct mi_strand *s, const struct mi_flight *f,
                               const struct mi_session *session, const int32_t *tokens, int64_t n)
{
    start_strand(s, &f->item, f->item.prompt.n_prompt, n, 0);
    for (int64_t i = 0; i < n; i++)
        append_token(s, session, tokens[i]);
    s->n_fed = f->item.prompt.n_prompt; /* by the copy of the cache */
}

void mi_flight_start(struct mi_flight *f, struct mi_item *item, const struct mi_session *s,
                     int64_t n_new, int n_top)
{
    int64_t room = s->model.config.dims.n_ctx - item->prompt.n_tokens;

    *f = (struct mi_flight){.item = *item, .n_given = item->prompt.n_tokens, .n_top = n_top};
    *item = (struct mi_item){0};
    f->id = f->item.prompt.id;
    f->n_untouched = f->item.prompt.n_prompt;
    f->n_new = n_new < room ? n_new : room;
    start_strand(&f->main, &f->item, f->n_given, n_new > 0, n_top);
    if (f->item.target)
        start_continuation(&f->target, f, s, f->item.target, f->item.n_target);
    if (f->item.foil)
        start_continuation(&f->foil, f, s, f->item.foil, f->item.n_foil);
    for (int64_t t = f->item.prompt.n_prompt; t < f->n_given; t++)
        if (!mi_tokenizer_is_special(&s->tokenizer, f->main.tokens[t]))
            mi_buf_add(&f->answer.bytes, f->main.piece[t], f->main.piece_len[t]);
    f->next_token = mi_alloc_n((size_t)n_top + 1, sizeof *f->next_token);
    f->next_logp = mi_alloc_n((size_t)n_top + 1, sizeof *f->next_logp);
    if (n_new > 0 && f->n_new <= 0)
        f->stop = "context";
}

void mi_flight_edit(struct mi_flight *f, struct mi_editor *edits, const char *variant)
{
    struct mi_buf b = {0};

    if (!mi_editor_is_empty(edits)) {
        f->edits = edits;
        f->is_twinned = mi_editor_has_twins(edits);
        f->n_untouched = mi_editor_untouched(edits, &f->item);
    }
    f->variant = variant;
    if (!variant)
        return;
    mi_buf_addf(&b, "%s/%s", f->item.prompt.id, variant);
    f->id = mi_arena_dup(&f->item.arena, b.data, b.len);
    mi_buf_free(&b);
}

/* A continuation's last token predicts nothing that is asked for. */
static bool is_fed(const struct mi_strand *s)
{
    return s->n == 0 || s->n_fed >= s->n - 1;
}

static size_t continuation_bytes(const struct mi_strand *s, const struct mi_model *m)
{
    return is_fed(s) ? 0 : mi_cache_bytes(m, s->n - 1);
}

size_t mi_flight_bytes(const struct mi_flight *f, const struct mi_model *m)
{
    size_t bytes = mi_cache_bytes(m, f->n_given + f->n_new) + continuation_bytes(&f->target, m) +
                   continuation_bytes(&f->foil, m);

    return f->is_twinned ? 2 * bytes : bytes;
}

int64_t mi_flight_pending(const struct mi_flight *f)
{
    return f->is_done || (f->stop && f->main.n_fed >= f->n_given) ? 0 : f->main.n - f->main.n_fed;
}

void mi_flight_open(struct mi_flight *f, const struct mi_model *m)
{
    int64_t ahead = f->n_new < CACHE_AHEAD ? f->n_new : CACHE_AHEAD;

    if (!f->main.is_open)
        mi_cache_init(&f->main.cache, m, f->n_given + ahead);
    if (!f->main.is_open && f->is_twinned)
        mi_cache_init(&f->main.twin, m, f->n_given + ahead);
    f->main.is_open = true;
}

static void branch(struct mi_strand *s, const struct mi_flight *f, const struct mi_model *m)
{
    if (s->is_open || is_fed(s) || f->main.n_fed < f->item.prompt.n_prompt)
        return;
    mi_cache_init(&s->cache, m, s->n - 1);
    mi_cache_copy(&s->cache, &f->main.cache, f->item.prompt.n_prompt);
    if (f->is_twinned) {
        mi_cache_init(&s->twin, m, s->n - 1);
        mi_cache_copy(&s->twin, &f->main.twin, f->item.prompt.n_prompt);
    }
    s->is_open = true;
}

void mi_flight_branch(struct mi_flight *f, const struct mi_model *m)
{
    branch(&f->target, f, m);
    branch(&f->foil, f, m);
}

static void accept_token(struct mi_flight *f, const struct mi_session *s,
                         const struct mi_stops *stops)
{
    int32_t token = f->main.tokens[f->main.n];
    bool is_stopped = false;

    append_token(&f->main, s, token);
    if (mi_tokenizer_is_end(&s->tokenizer, token)) {
        f->stop = "end";
        return;
    }
    if (!mi_tokenizer_is_special(&s->tokenizer, token))
        is_stopped = mi_answer_add(&f->answer, f->main.piece[f->main.n - 1],
                                   f->main.piece_len[f->main.n - 1], stops);
    if (is_stopped)
        f->stop = "string";
    else if (f->main.n >= f->n_given + f->n_new)
        f->stop = f->main.n >= s->model.config.dims.n_ctx ? "context" : "length";
}

void mi_flight_settle(struct mi_flight *f, const struct mi_session *s, const struct mi_stops *stops)
{
    bool is_score = f->n_new <= 0 && !f->stop;

    if (f->has_chosen && !f->stop)
        accept_token(f, s, stops);
    f->has_chosen = false;
    if (is_fed(&f->target))
        close_cache(&f->target);
    if (is_fed(&f->foil))
        close_cache(&f->foil);
    if ((is_score || f->stop) && f->main.n_fed >= f->n_given && is_fed(&f->target) &&
        is_fed(&f->foil)) {
        f->is_done = true;
        close_cache(&f->main);
    }
}

/* ---- records ---------------------------------------------------------------- */

struct mi_value mi_flight_prompt_body(const struct mi_flight *f, struct mi_arena *a)
{
    struct mi_prompt_record p = f->item.prompt;

    p.id = f->id;
    if (f->variant) {
        p.fields = mi_value_copy(a, &p.fields);
        mi_set(a, &p.fields, MI_VARIANT_FIELD, mi_str(f->variant));
    }
    p.tokens = f->main.tokens;
    p.n_tokens = f->main.n;
    p.piece = f->main.piece;
    p.piece_len = f->main.piece_len;
    p.offset = f->item.prompt.offset ? f->main.offset : NULL;
    return mi_prompt_body(a, &p);
}

static double sum_logp(const struct mi_strand *s, int64_t from)
{
    double sum = 0;

    if (s->n == 0)
        return (double)NAN;
    for (int64_t t = from; t < s->n; t++)
        sum += s->logp[t];
    return sum;
}

int mi_flight_run_body(const struct mi_flight *f, struct mi_judge *judge, struct mi_arena *a,
                       struct mi_value *body, struct mi_error *err)
{
    struct mi_buf text = {0};
    struct mi_run_record rec = {
        .id = f->id,
        .tokens = f->main.tokens,
        .n_tokens = f->main.n,
        .logp = f->main.logp,
        .rank = f->main.rank,
        .entropy = f->main.entropy,
        .n_top = f->n_top,
        .top_token = f->main.top_token,
        .top_logp = f->main.top_logp,
        .target_logp = sum_logp(&f->target, f->item.prompt.n_prompt),
        .foil_logp = sum_logp(&f->foil, f->item.prompt.n_prompt),
        .stop = f->stop,
        .next_token = f->has_next ? f->next_token : NULL,
        .next_logp = f->next_logp,
    };
    int r = 0;

    mi_answer_text(&f->answer, &text);
    rec.text = mi_arena_dup(a, mi_buf_text(&text), text.len);
    rec.text_len = text.len;
    mi_buf_free(&text);
    if (judge)
        r = mi_judge_text(judge, &rec.judged, f->item.prompt.id, &f->item.prompt.fields, rec.text,
                          rec.text_len, err);
    if (r == 0)
        *body = mi_run_body(a, &rec);
    return r;
}

void mi_flight_free(struct mi_flight *f)
{
    free_strand(&f->main);
    free_strand(&f->target);
    free_strand(&f->foil);
    mi_answer_free(&f->answer);
    mi_free(f->next_token);
    mi_free(f->next_logp);
    mi_item_free(&f->item);
    *f = (struct mi_flight){0};
}
