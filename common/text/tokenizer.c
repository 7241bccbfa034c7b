#include "text/tokenizer.h"

#include "base/escape.h"
#include "text/tokenizer_state.h"

#include <string.h>

/* ---- start and end -------------------------------------------------------------- */

void mi_tokenizer_hash(struct mi_hash *h, const void *bytes, size_t n)
{
    uint64_t len = n;
    unsigned char head[8];

    for (int i = 0; i < 8; i++)
        head[i] = (unsigned char)(len >> 8 * i);
    mi_hash_add(h, head, sizeof head);
    if (n)
        mi_hash_add(h, bytes, n);
}

void mi_tokenizer_hash_int(struct mi_hash *h, int32_t x)
{
    unsigned char b[4];

    for (int i = 0; i < 4; i++)
        b[i] = (unsigned char)((uint32_t)x >> 8 * i);
    mi_hash_add(h, b, sizeof b);
}

struct mi_added_token *mi_tokenizer_add(struct mi_tokenizer_state *st, size_t *cap, int32_t id,
                                        struct mi_bytes text)
{
    struct mi_added *a = &st->added;

    a->token = mi_grow(a->token, cap, a->n + 1, sizeof *a->token);
    a->token[a->n] = (struct mi_added_token){.text = {text.at, text.len, 0}, .id = id};
    return &a->token[a->n++];
}

/* The text of an added token as normalised text has it, in the arena. */
static int normalise_added(struct mi_tokenizer_state *st, struct mi_added_token *k,
                           struct mi_error *err)
{
    struct mi_traced in = {k->text.at, k->text.len, NULL, 0}, out;
    int r = mi_normaliser_run(&st->normaliser, in, false, &out, err);

    if (r < 0)
        return r;
    k->text.at = mi_arena_dup(&st->arena, out.at, out.len);
    k->text.len = out.len;
    return 0;
}

int mi_tokenizer_settle(struct mi_tokenizer_state *st, struct mi_error *err)
{
    struct mi_added *a = &st->added;
    struct mi_word_tree_entry *e = mi_alloc_n(a->n + 1, sizeof *e);
    int r = 0;

    for (int normal = 0; normal < 2 && r == 0; normal++) {
        size_t n = 0, bytes = 0;

        for (size_t i = 0; i < a->n && r == 0; i++) {
            struct mi_added_token *k = &a->token[i];

            if (k->is_normal != (normal == 1))
                continue;
            if (normal)
                r = normalise_added(st, k, err);
            bytes += k->text.len;
            if (r == 0 && (k->text.len > MI_ADDED_LONGEST || bytes >= INT32_MAX))
                r = mi_fail(err, MI_EXIT_DATA,
                            "vocabulary: special token %d has %zu bytes; the limit is %d",
                            (int)k->id, k->text.len, (int)MI_ADDED_LONGEST);
            if (k->text.len > 0)
                e[n++] = (struct mi_word_tree_entry){k->text.at, k->text.len, (int32_t)i};
        }
        if (r == 0)
            mi_word_tree_init(normal ? &a->normal : &a->raw, e, n);
    }
    mi_free(e);
    return r;
}

void mi_tokenizer_free(struct mi_tokenizer *t)
{
    struct mi_tokenizer_state *s = t->state;

    if (!s)
        return;
    mi_vocab_free(&s->vocab);
    mi_bpe_free(&s->bpe);
    mi_word_tree_free(&s->trie);
    mi_free(s->rank);
    mi_free(s->score);
    mi_normaliser_free(&s->normaliser);
    mi_pretokenizer_close(&s->pre);
    mi_added_free(&s->added);
    mi_free(s->before);
    mi_free(s->end);
    mi_cuts_free(&s->cuts);
    mi_bpe_work_free(&s->work);
    mi_free(s->symbol);
    mi_free(s->way);
    mi_buf_free(&s->word);
    mi_arena_free(&s->arena);
    mi_free(s);
    t->state = NULL;
}

/* ---- encoding ------------------------------------------------------------------- */

struct sink {
    struct mi_token **out;
    size_t *n, *cap;
};

static void emit(const struct sink *sink, int32_t id, struct mi_origin from)
{
    *sink->out = mi_grow(*sink->out, sink->cap, *sink->n + 1, sizeof **sink->out);
    (*sink->out)[(*sink->n)++] = (struct mi_token){id, from.from, from.to};
}

/* Where control tokens are seen; the one that was looked at last comes first. */
struct marks {
    const struct mi_text_range *at;
    size_t n, k;
    bool is_continued;
};

/* Asked in ascending order: k only grows. */
static bool is_marked(void *data, struct mi_origin where)
{
    struct marks *m = data;

    while (m->k < m->n && m->at[m->k].end <= where.from)
        m->k++;
    return m->k < m->n && m->at[m->k].begin <= where.from && where.to <= m->at[m->k].end;
}

/* Text in which no token stands that is looked for first. */
static int encode_plain(struct mi_tokenizer_state *st, struct mi_traced text, enum mi_start start,
                        const struct sink *sink, struct mi_error *err)
{
    struct mi_traced cut;
    int r;

    if (text.len == 0)
        return 0;
    r = mi_pretokenizer_run(&st->pre, text, start, &cut, &st->cuts, err);
    for (size_t i = 0; i < st->cuts.n && r == 0; i++) {
        size_t n = 0;

        r = mi_pieces_run(st, cut.at, st->cuts.piece[i].begin, st->cuts.piece[i].end, &n, err);
        for (size_t j = 0; j < n && r == 0; j++)
            emit(sink, st->symbol[j].id,
                 mi_traced_range(&cut, st->symbol[j].begin, st->symbol[j].end));
    }
    return r;
}

/* A stretch of the original: normalised, and the tokens of normalised text in it found. */
static int encode_stretch(struct mi_tokenizer_state *st, struct mi_traced text, struct marks *marks,
                          const struct sink *sink, struct mi_error *err)
{
    enum mi_start start = text.base > 0         ? MI_START_INSIDE
                          : marks->is_continued ? MI_START_CONTINUED
                                                : MI_START_FIRST;
    struct mi_added_search s = {0};
    struct marks own = *marks;
    size_t from = 0, begin = 0, end = 0;
    int32_t id;
    int r = mi_normaliser_run(&st->normaliser, text, start == MI_START_CONTINUED, &text, err);

    while (r == 0 && (id = mi_added_next(&st->added, &st->added.normal, &text, &s, is_marked, &own,
                                         &begin, &end)) >= 0) {
        if (begin > from)
            r = encode_plain(st, mi_traced_slice(&text, from, begin),
                             from > 0 ? MI_START_INSIDE : start, sink, err);
        emit(sink, id, mi_traced_range(&text, begin, end));
        from = end;
    }
    return r < 0 ? r
                 : encode_plain(st, mi_traced_slice(&text, from, text.len),
                                from > 0 ? MI_START_INSIDE : start, sink, err);
}

static int encode(struct mi_tokenizer_state *st, const char *s, size_t len, struct marks marks,
                  const struct sink *sink, struct mi_error *err)
{
    struct mi_traced text = {s, len, NULL, 0};
    struct mi_added_search search = {0};
    struct marks own = marks;
    size_t valid = mi_utf8_valid(s, len), from = 0, begin = 0, end = 0;
    int32_t id;
    int r = 0;

    if (valid < len)
        return mi_fail(err, MI_EXIT_DATA, "byte %zu is not UTF-8", valid);
    if (len >= INT32_MAX)
        return mi_fail(err, MI_EXIT_DATA, "text of %zu bytes; the limit is %d", len, INT32_MAX - 1);
    while (r == 0 && (id = mi_added_next(&st->added, &st->added.raw, &text, &search, is_marked,
                                         &own, &begin, &end)) >= 0) {
        if (begin > from)
            r = encode_stretch(st, mi_traced_slice(&text, from, begin), &marks, sink, err);
        emit(sink, id, (struct mi_origin){(uint32_t)begin, (uint32_t)end});
        from = end;
    }
    if (r == 0 && from < len)
        r = encode_stretch(st, mi_traced_slice(&text, from, len), &marks, sink, err);
    return r;
}

int mi_tokenizer_encode_marked(const struct mi_tokenizer *t, const char *text, size_t len,
                               const struct mi_text_range *marked, size_t n_marked,
                               struct mi_token **out, size_t *n, size_t *cap, struct mi_error *err)
{
    struct sink sink = {out, n, cap};

    return encode(t->state, text, len, (struct marks){marked, n_marked, 0, false}, &sink, err);
}

int mi_tokenizer_encode_more(const struct mi_tokenizer *t, const char *text, size_t len,
                             const struct mi_text_range *marked, size_t n_marked,
                             struct mi_token **out, size_t *n, size_t *cap, struct mi_error *err)
{
    struct sink sink = {out, n, cap};

    return encode(t->state, text, len, (struct marks){marked, n_marked, 0, true}, &sink, err);
}

int mi_tokenizer_encode(const struct mi_tokenizer *t, const char *text, size_t len, bool special,
                        struct mi_token **out, size_t *n, size_t *cap, struct mi_error *err)
{
    struct mi_text_range all = {0, len};

    return mi_tokenizer_encode_marked(t, text, len, &all, special, out, n, cap, err);
}

/* ---- questions ------------------------------------------------------------------ */

struct mi_bytes mi_tokenizer_piece(const struct mi_tokenizer *t, int32_t id)
{
    return mi_vocab_piece(&t->state->vocab, id);
}

static int type_of(const struct mi_tokenizer *t, int32_t id)
{
    const struct mi_vocab *v = &t->state->vocab;

    return id < 0 || (size_t)id >= v->n ? 0 : v->type[id];
}

bool mi_tokenizer_is_special(const struct mi_tokenizer *t, int32_t id)
{
    int type = type_of(t, id);

    return type == MI_TOKEN_CONTROL || type == MI_TOKEN_UNKNOWN;
}

bool mi_tokenizer_ends_text(const char *s, size_t len)
{
    static const char *const ends[] = {
        "<|im_end|>",
        "<|eot_id|>",
        "<|eom_id|>",
        "<|end_of_text|>",
        "<|endoftext|>",
        "<|end|>",
        "<|end_of_turn|>",
        "<end_of_turn>",
        "</s>",
        "<eos>",
        "<EOT>",
        "_<EOT>",
        "[EOT]",
        "[EOS]",
        "<|eot|>",
        "<|return|>",
        "<end_of_utterance>",
        "<|END_OF_TURN_TOKEN|>",
        "<\xef\xbd\x9c"
        "end\xe2\x96\x81of\xe2\x96\x81sentence\xef\xbd\x9c>",
    };

    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
        if (strlen(ends[i]) == len && memcmp(ends[i], s, len) == 0)
            return true;
    return false;
}

bool mi_tokenizer_is_end(const struct mi_tokenizer *t, int32_t id)
{
    struct mi_bytes p = mi_vocab_text(&t->state->vocab, id);

    if (id < 0)
        return false;
    if (id == t->state->eos || id == t->state->eot)
        return true;
    for (size_t i = 0; i < t->state->n_ends; i++)
        if (t->state->end[i] == id)
            return true;
    if (!mi_tokenizer_is_special(t, id) && type_of(t, id) != MI_TOKEN_USER)
        return false;
    return mi_tokenizer_ends_text(p.at, p.len);
}

int32_t mi_tokenizer_find(const struct mi_tokenizer *t, const char *piece, size_t len)
{
    const struct mi_vocab *v = &t->state->vocab;
    int32_t id = mi_vocab_find(v, &v->special, piece, len);

    return id >= 0 ? id : mi_vocab_find(v, &v->normal, piece, len);
}

int32_t mi_tokenizer_bos(const struct mi_tokenizer *t)
{
    return t->state->bos;
}

int32_t mi_tokenizer_eos(const struct mi_tokenizer *t)
{
    return t->state->eos;
}

bool mi_tokenizer_adds_bos(const struct mi_tokenizer *t)
{
    return t->state->n_before > 0;
}

const int32_t *mi_tokenizer_prefix(const struct mi_tokenizer *t, size_t *n)
{
    *n = t->state->n_before;
    return t->state->before;
}

void mi_tokenizer_add_end(struct mi_tokenizer *t, int32_t id)
{
    struct mi_tokenizer_state *s = t->state;

    if (id < 0 || (size_t)id >= s->vocab.n || mi_tokenizer_is_end(t, id))
        return;
    s->end = mi_grow(s->end, &s->end_cap, s->n_ends + 1, sizeof *s->end);
    s->end[s->n_ends++] = id;
}

void mi_tokenizer_decode(const struct mi_tokenizer *t, const int32_t *ids, size_t n,
                         struct mi_buf *out)
{
    const struct mi_decoder *d = &t->state->decoder;
    size_t before = out->len, skip = 0;

    for (size_t i = 0; i < n; i++) {
        struct mi_bytes p = mi_tokenizer_piece(t, ids[i]);

        mi_buf_add(out, p.at, p.len);
    }
    while (skip < d->strip_start && before + skip < out->len &&
           out->data[before + skip] == d->strip)
        skip++;
    if (skip > 0) {
        memmove(out->data + before, out->data + before + skip, out->len - before - skip);
        out->len -= skip;
    }
    for (size_t k = 0; k < d->strip_stop && out->len > before; k++) {
        if (out->data[out->len - 1] != d->strip)
            break;
        out->len--;
    }
}

size_t mi_tokenizer_size(const struct mi_tokenizer *t)
{
    return t->state->vocab.n;
}

struct mi_digest mi_tokenizer_digest(const struct mi_tokenizer *t)
{
    return t->state->digest;
}
