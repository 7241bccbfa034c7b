#include "text/tokenizer.h"

#include "base/escape.h"
#include "base/mem.h"
#include "text/pretokenizer.h"
#include "text/unicode.h"
#include "text/vocab.h"

#include <string.h>

/* A stretch of text that normalising changed; between two of them only the place moves. */
struct change {
    size_t begin, end; /* in the normalised text */
    size_t from, to;   /* in the original */
};

struct mi_tokenizer_state {
    struct mi_vocab vocab;
    struct mi_bpe bpe;
    struct mi_pretokenizer pre;
    int32_t bos, eos, eot, unk;
    bool add_bos;
    struct mi_digest digest;
    /* scratch */
    struct mi_cuts cuts;
    struct mi_bpe_work work;
    struct mi_bpe_symbol *symbol;
    size_t symbol_cap;
    struct mi_buf normal;
    struct change *change;
    size_t n_changes, change_cap;
};

/* ---- start and end -------------------------------------------------------------- */

static void hash_bytes(struct mi_hash *h, const void *bytes, size_t n)
{
    uint64_t len = n;
    unsigned char head[8];

    for (int i = 0; i < 8; i++)
        head[i] = (unsigned char)(len >> 8 * i);
    mi_hash_add(h, head, sizeof head);
    if (n)
        mi_hash_add(h, bytes, n);
}

static void hash_int(struct mi_hash *h, int32_t x)
{
    unsigned char b[4];

    for (int i = 0; i < 4; i++)
        b[i] = (unsigned char)((uint32_t)x >> 8 * i);
    mi_hash_add(h, b, sizeof b);
}

static struct mi_digest digest_of(const struct mi_vocab_source *v)
{
    struct mi_hash h = {0};
    struct mi_digest d;

    mi_hash_init(&h);
    hash_bytes(&h, v->model, strlen(v->model));
    hash_bytes(&h, v->pre, strlen(v->pre));
    hash_int(&h, (int32_t)v->n_tokens);
    for (size_t i = 0; i < v->n_tokens; i++) {
        hash_bytes(&h, v->tokens[i].at, v->tokens[i].len);
        hash_int(&h, v->types ? v->types[i] : MI_TOKEN_NORMAL);
    }
    hash_int(&h, (int32_t)v->n_merges);
    for (size_t i = 0; i < v->n_merges; i++)
        hash_bytes(&h, v->merges[i].at, v->merges[i].len);
    hash_int(&h, v->bos);
    hash_int(&h, v->eos);
    hash_int(&h, v->eot);
    hash_int(&h, v->unk);
    hash_int(&h, v->add_bos);
    hash_int(&h, v->add_eos);
    d = mi_hash_value(&h);
    mi_hash_free(&h);
    return d;
}

static int check_id(int32_t id, const char *name, const struct mi_vocab_source *v,
                    struct mi_error *err)
{
    if (id >= -1 && (id < 0 || (size_t)id < v->n_tokens))
        return 0;
    return mi_fail(err, MI_EXIT_DATA, "vocabulary: %s token %d, but there are %zu tokens", name,
                   (int)id, v->n_tokens);
}

static int check_source(const struct mi_vocab_source *v, struct mi_error *err)
{
    int r;

    if (!v->model)
        return mi_fail(err, MI_EXIT_DATA, "vocabulary: no kind of tokenizer is named");
    if (strcmp(v->model, "gpt2") != 0)
        return mi_fail(err, MI_EXIT_DATA,
                       "tokenizer '%s' is not supported; supported is 'gpt2' (byte-level BPE)",
                       mi_quote(v->model));
    if (!v->pre)
        return mi_fail(err, MI_EXIT_DATA, "vocabulary: no pre-tokenizer is named");
    r = check_id(v->bos, "BOS", v, err);
    if (r == 0)
        r = check_id(v->eos, "EOS", v, err);
    if (r == 0)
        r = check_id(v->eot, "EOT", v, err);
    if (r == 0)
        r = check_id(v->unk, "unknown", v, err);
    if (r == 0 && v->add_bos && v->bos < 0)
        r = mi_fail(err, MI_EXIT_DATA, "vocabulary: BOS is to be added, but there is none");
    return r;
}

int mi_tokenizer_init(struct mi_tokenizer *t, const struct mi_vocab_source *v, struct mi_error *err)
{
    struct mi_tokenizer_state *s;
    int r = check_source(v, err);

    t->state = NULL;
    if (r < 0)
        return r;
    s = mi_alloc_zero(1, sizeof *s);
    t->state = s;
    s->bos = v->bos;
    s->eos = v->eos;
    s->eot = v->eot;
    s->unk = v->unk;
    s->add_bos = v->add_bos;
    r = mi_pretokenizer_open(&s->pre, v->pre, false, err);
    if (r == 0)
        r = mi_vocab_init(&s->vocab, v, err);
    if (r == 0)
        r = mi_vocab_merges(&s->vocab, v, &s->bpe, err);
    if (r < 0) {
        mi_tokenizer_free(t);
        return r;
    }
    s->digest = digest_of(v);
    return 0;
}

void mi_tokenizer_free(struct mi_tokenizer *t)
{
    struct mi_tokenizer_state *s = t->state;

    if (!s)
        return;
    mi_vocab_free(&s->vocab);
    mi_bpe_free(&s->bpe);
    mi_pretokenizer_close(&s->pre);
    mi_cuts_free(&s->cuts);
    mi_bpe_work_free(&s->work);
    mi_free(s->symbol);
    mi_buf_free(&s->normal);
    mi_free(s->change);
    mi_free(s);
    t->state = NULL;
}

/* ---- normal form ------------------------------------------------------------------ */

/* NFC of text [len] into s->normal, piece by piece, so that places can be traced back. */
static void normalise(struct mi_tokenizer_state *s, const char *text, size_t len)
{
    mi_buf_clear(&s->normal);
    s->n_changes = 0;
    for (size_t i = 0; i < len;) {
        size_t end = i, before = s->normal.len;
        uint32_t cp = 0;

        do {
            int used = mi_utf8_decode(text + end, len - end, &cp);

            end += used > 0 ? (size_t)used : 1;
            if (end < len)
                (void)mi_utf8_decode(text + end, len - end, &cp);
        } while (end < len && !mi_nfc_starts(cp));
        mi_nfc(&s->normal, text + i, end - i);
        if (s->normal.len - before != end - i ||
            memcmp(s->normal.data + before, text + i, end - i) != 0) {
            s->change = mi_grow(s->change, &s->change_cap, s->n_changes + 1, sizeof *s->change);
            s->change[s->n_changes++] = (struct change){before, s->normal.len, i, end};
        }
        i = end;
    }
}

/* Where byte `at` of the normalised text was: for the first byte of a token or the one behind
 * its last. A token that touches a change covers all of it. *k moves on with `at`. */
static size_t origin(const struct mi_tokenizer_state *s, size_t at, bool is_end, size_t *k)
{
    const struct change *c = s->change;

    while (*k < s->n_changes && (is_end ? c[*k].end < at : c[*k].end <= at))
        (*k)++;
    if (*k < s->n_changes && (is_end ? c[*k].begin < at : c[*k].begin <= at))
        return is_end ? c[*k].to : c[*k].from;
    return *k > 0 ? at - c[*k - 1].end + c[*k - 1].to : at;
}

/* ---- encoding ------------------------------------------------------------------- */

struct sink {
    struct mi_token **out;
    size_t *n, *cap;
};

static void emit(const struct sink *sink, int32_t id, size_t begin, size_t end)
{
    *sink->out = mi_grow(*sink->out, sink->cap, *sink->n + 1, sizeof **sink->out);
    (*sink->out)[(*sink->n)++] = (struct mi_token){id, (uint32_t)begin, (uint32_t)end};
}

/* The pre-token s [from, to) as merged symbols in st->symbol; returns how many. */
static size_t merge_piece(struct mi_tokenizer_state *st, const char *s, size_t from, size_t to)
{
    size_t n = 0;

    st->symbol = mi_grow(st->symbol, &st->symbol_cap, to - from, sizeof *st->symbol);
    if (st->pre.ignore_merges) {
        int32_t id = mi_vocab_find(&st->vocab, &st->vocab.normal, s + from, to - from);

        if (id >= 0) {
            st->symbol[0] = (struct mi_bpe_symbol){id, (uint32_t)from, (uint32_t)to};
            return 1;
        }
    }
    for (size_t i = from; i < to; i++) {
        int32_t id = st->vocab.byte_id[(unsigned char)s[i]];

        if (id >= 0)
            st->symbol[n++] = (struct mi_bpe_symbol){id, (uint32_t)i, (uint32_t)i + 1};
    }
    return mi_bpe_run(&st->bpe, st->symbol, n, &st->work);
}

/* Text without special tokens that stands at `base`. */
static int encode_plain(struct mi_tokenizer_state *st, const char *s, size_t len, size_t base,
                        const struct sink *sink, struct mi_error *err)
{
    size_t from = 0, k = 0;
    int r;

    if (len == 0)
        return 0;
    st->n_changes = 0;
    if (st->pre.nfc) {
        normalise(st, s, len);
        s = st->normal.data;
        len = st->normal.len;
    }
    r = mi_pretokenizer_cut(&st->pre, s, len, &st->cuts, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < st->cuts.n; i++) {
        size_t n = merge_piece(st, s, from, st->cuts.end[i]);

        for (size_t j = 0; j < n; j++) {
            const struct mi_bpe_symbol *y = &st->symbol[j];
            size_t begin = origin(st, y->begin, false, &k);

            emit(sink, y->id, base + begin, base + origin(st, y->end, true, &k));
        }
        from = st->cuts.end[i];
    }
    return 0;
}

int mi_tokenizer_encode_marked(const struct mi_tokenizer *t, const char *text, size_t len,
                               const struct mi_text_range *marked, size_t n_marked,
                               struct mi_token **out, size_t *n, size_t *cap, struct mi_error *err)
{
    struct mi_tokenizer_state *st = t->state;
    struct sink sink = {out, n, cap};
    size_t valid = mi_utf8_valid(text, len), from = 0, m = 0, i = 0;
    int r = 0;

    if (len == 0)
        return 0;
    if (valid < len)
        return mi_fail(err, MI_EXIT_DATA, "byte %zu is not UTF-8", valid);
    if (len >= INT32_MAX)
        return mi_fail(err, MI_EXIT_DATA, "text of %zu bytes; the limit is %d", len, INT32_MAX - 1);
    while (i < len && r == 0) {
        size_t control = 0, used = 0;
        int32_t id;

        while (m < n_marked && marked[m].end <= i)
            m++;
        if (m < n_marked && marked[m].begin <= i)
            control = marked[m].end - i;
        id = mi_vocab_special_at(&st->vocab, text + i, len - i, control, &used);
        if (id < 0) {
            i++;
            continue;
        }
        r = encode_plain(st, text + from, i - from, from, &sink, err);
        emit(&sink, id, i, i + used);
        from = i += used;
    }
    return r < 0 ? r : encode_plain(st, text + from, len - from, from, &sink, err);
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

bool mi_tokenizer_is_end(const struct mi_tokenizer *t, int32_t id)
{
    static const char *const ends[] = {
        "<|im_end|>",    "<|eot_id|>", "<|eom_id|>",      "<|end_of_text|>",
        "<|endoftext|>", "<|end|>",    "<|end_of_turn|>", "<end_of_turn>",
        "</s>",          "<eos>",      "<EOT>",           "_<EOT>",
        "<|eot|>",       "<|return|>",
    };
    struct mi_bytes p = mi_tokenizer_piece(t, id);

    if (id < 0)
        return false;
    if (id == t->state->eos || id == t->state->eot)
        return true;
    if (!mi_tokenizer_is_special(t, id) && type_of(t, id) != MI_TOKEN_USER)
        return false;
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        if (strlen(ends[i]) == p.len && memcmp(ends[i], p.at, p.len) == 0)
            return true;
    }
    return false;
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
    return t->state->add_bos;
}

size_t mi_tokenizer_size(const struct mi_tokenizer *t)
{
    return t->state->vocab.n;
}

struct mi_digest mi_tokenizer_digest(const struct mi_tokenizer *t)
{
    return t->state->digest;
}

bool mi_tokenizer_default_bos(const char *pre)
{
    struct mi_pretokenizer p;
    bool adds;

    if (!pre || mi_pretokenizer_open(&p, pre, false, NULL) < 0)
        return false;
    adds = p.adds_bos;
    mi_pretokenizer_close(&p);
    return adds;
}
