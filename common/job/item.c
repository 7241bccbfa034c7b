#include "job/item.h"

#include "base/escape.h"
#include "base/mem.h"
#include "data/json.h"
#include "stream/run_record.h"

#include <string.h>

const char *mi_scalar_text(struct mi_arena *a, const struct mi_value *v)
{
    struct mi_buf b = {0};
    const char *text;

    if (mi_is(v, MI_STR))
        return mi_arena_dup(a, v->as.bytes.at, v->as.bytes.len);
    if (!mi_is(v, MI_INT) && !mi_is(v, MI_REAL) && !mi_is(v, MI_BOOL))
        return NULL;
    mi_json_print(&b, v, (struct mi_json_style){0});
    text = mi_arena_dup(a, b.data, b.len);
    mi_buf_free(&b);
    return text;
}

static void *copy(struct mi_arena *a, const void *from, int64_t n, size_t size)
{
    void *to = mi_arena_alloc(a, (size_t)n * size);

    if (n)
        memcpy(to, from, (size_t)n * size);
    return to;
}

static const struct mi_span *copy_spans(struct mi_arena *a, const struct mi_span *from, size_t n)
{
    struct mi_span *to = copy(a, from, (int64_t)n, sizeof *to);

    for (size_t i = 0; i < n; i++)
        to[i].name = mi_arena_dup(a, from[i].name, strlen(from[i].name));
    return to;
}

/* What every item needs, wherever it came from. */
static int check_item(const struct mi_item *item, const struct mi_session *s, struct mi_error *err)
{
    const struct mi_prompt_record *p = &item->prompt;
    const struct mi_dims *d = &s->model.config.dims;

    if (p->n_tokens == 0 || p->n_prompt == 0)
        return mi_fail(err, MI_EXIT_DATA, "prompt '%s' has no tokens", mi_quote(p->id));
    if (p->n_tokens > d->n_ctx)
        return mi_fail(err, MI_EXIT_DATA, "%lld tokens, the context is %d%s",
                       (long long)p->n_tokens, d->n_ctx,
                       mi_model_may_grow(&s->model) ? " (--context takes more)" : "");
    for (int64_t i = 0; i < p->n_tokens; i++)
        if (p->tokens[i] < 0 || p->tokens[i] >= d->d_vocab)
            return mi_fail(err, MI_EXIT_DATA, "token %lld is %ld; the vocabulary has %d",
                           (long long)i, (long)p->tokens[i], d->d_vocab);
    return 0;
}

int mi_item_of_prompt(struct mi_item *out, struct mi_session *s, const struct mi_prompt *p,
                      struct mi_encoded *e, struct mi_error *err)
{
    struct mi_arena *a = &out->arena;
    struct mi_prompt_record *to = &out->prompt;
    int r;

    if (p->messages && !s->has_chat) {
        *err = s->why_no_chat;
        return -MI_EXIT_DATA;
    }
    r = mi_encode(&s->tokenizer, &s->encode, p, e, err);
    if (r < 0)
        return r;
    to->id = mi_arena_dup(a, p->id, strlen(p->id));
    to->tokens = copy(a, e->tokens, e->n_tokens, sizeof *e->tokens);
    to->n_tokens = to->n_prompt = e->n_tokens;
    to->piece = copy(a, e->piece, e->n_tokens, sizeof *e->piece);
    to->piece_len = copy(a, e->piece_len, e->n_tokens, sizeof *e->piece_len);
    to->offset = copy(a, e->offset, e->n_tokens, sizeof *e->offset);
    to->spans = copy_spans(a, e->spans, e->n_spans);
    to->n_spans = e->n_spans;
    to->roles = copy_spans(a, e->roles, e->n_roles);
    to->n_roles = e->n_roles;
    to->fields = mi_value_copy(a, &p->fields);
    if (e->target) {
        out->target = copy(a, e->target, e->n_target, sizeof *e->target);
        out->n_target = e->n_target;
    }
    if (e->foil) {
        out->foil = copy(a, e->foil, e->n_foil, sizeof *e->foil);
        out->n_foil = e->n_foil;
    }
    return check_item(out, s, err);
}

int mi_item_of_record(struct mi_item *out, const struct mi_session *s, const struct mi_value *body,
                      struct mi_error *err)
{
    struct mi_value own = mi_value_copy(&out->arena, body);
    int r = mi_prompt_read(&out->arena, &own, &out->prompt, err);

    return r < 0 ? r : check_item(out, s, err);
}

/* The tokens beyond the prompt's n get pieces and go on from its offsets. */
static void extend(struct mi_item *item, const struct mi_session *s, const int32_t *tokens,
                   int64_t n_tokens)
{
    struct mi_prompt_record *p = &item->prompt;
    struct mi_arena *a = &item->arena;
    const char **piece = mi_arena_alloc(a, (size_t)n_tokens * sizeof *piece);
    size_t *len = mi_arena_alloc(a, (size_t)n_tokens * sizeof *len);
    int64_t *offset = mi_arena_alloc(a, (size_t)n_tokens * sizeof *offset);
    int64_t n = p->n_tokens;

    memcpy(piece, p->piece, (size_t)n * sizeof *piece);
    memcpy(len, p->piece_len, (size_t)n * sizeof *len);
    if (p->offset)
        memcpy(offset, p->offset, (size_t)n * sizeof *offset);
    for (int64_t i = n; i < n_tokens; i++) {
        struct mi_bytes b = mi_tokenizer_piece(&s->tokenizer, tokens[i]);

        piece[i] = b.at;
        len[i] = b.len;
        if (p->offset)
            offset[i] = (offset[i - 1] < 0 ? 0 : offset[i - 1] + (int64_t)len[i - 1]);
    }
    p->tokens = copy(a, tokens, n_tokens, sizeof *tokens);
    p->piece = piece;
    p->piece_len = len;
    p->offset = p->offset ? offset : NULL;
    p->n_tokens = n_tokens;
}

int mi_item_join_run(struct mi_item *item, const struct mi_session *s, const struct mi_value *body,
                     struct mi_error *err)
{
    struct mi_prompt_record *p = &item->prompt;
    struct mi_arena scratch = {0};
    struct mi_run_record run;
    int r = mi_run_read(&scratch, body, &run, err);

    if (r == 0 && strcmp(run.id, p->id) != 0)
        r = mi_fail(err, MI_EXIT_DATA, "a run record of '%s', but the next prompt is '%s'",
                    mi_quote(run.id), mi_quote(p->id));
    if (r == 0 && (run.n_tokens < p->n_tokens ||
                   memcmp(run.tokens, p->tokens, (size_t)p->n_tokens * sizeof *p->tokens) != 0))
        r = mi_fail(err, MI_EXIT_DATA, "the run of '%s' does not begin with its prompt's tokens",
                    mi_quote(p->id));
    if (r == 0 && run.n_tokens > p->n_tokens)
        extend(item, s, run.tokens, run.n_tokens);
    mi_arena_free(&scratch);
    return r < 0 ? r : check_item(item, s, err);
}

void mi_item_free(struct mi_item *item)
{
    mi_arena_free(&item->arena);
    *item = (struct mi_item){0};
}

const char *mi_item_field(struct mi_item *item, const char *key)
{
    return mi_scalar_text(&item->arena, mi_get(&item->prompt.fields, key));
}

struct mi_pos_tokens mi_item_tokens(const struct mi_item *item)
{
    const struct mi_prompt_record *p = &item->prompt;

    return (struct mi_pos_tokens){
        .n_tokens = p->n_tokens,
        .n_prompt = p->n_prompt,
        .spans = p->spans,
        .n_spans = p->n_spans,
        .roles = p->roles,
        .n_roles = p->n_roles,
        .piece = p->piece,
        .piece_len = p->piece_len,
    };
}
