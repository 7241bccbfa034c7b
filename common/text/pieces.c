/* A pre-token to tokens, by each of the algorithms. */
#include "base/escape.h"
#include "text/tokenizer_state.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct mi_bpe_symbol symbol(int32_t id, size_t begin, size_t end)
{
    return (struct mi_bpe_symbol){id, (uint32_t)begin, (uint32_t)end};
}

static size_t next_char(const char *s, size_t i, size_t to)
{
    uint32_t cp;
    int used = mi_utf8_decode(s + i, to - i, &cp);

    return i + (used > 0 ? (size_t)used : 1);
}

static bool has_bytes(const struct mi_tokenizer_state *st, const char *s, size_t begin, size_t end)
{
    for (size_t i = begin; i < end; i++)
        if (st->vocab.byte_id[(unsigned char)s[i]] < 0)
            return false;
    return true;
}

/* ---- byte pair encoding ------------------------------------------------------------ */

static size_t start_bytes(struct mi_tokenizer_state *st, const char *s, size_t from, size_t to)
{
    size_t n = 0;

    for (size_t i = from; i < to; i++) {
        int32_t id = st->vocab.byte_id[(unsigned char)s[i]];

        if (id < 0)
            id = st->made_unk;
        if (id >= 0)
            st->symbol[n++] = symbol(id, i, i + 1);
    }
    return n;
}

/* The token of the character s [i, end), with what a word's parts are marked with. */
static int32_t find_char(struct mi_tokenizer_state *st, const char *s, size_t i, size_t end,
                         bool is_first, bool is_last)
{
    const struct mi_vocab *v = &st->vocab;
    size_t prefix = is_first ? 0 : st->prefix_len, suffix = is_last ? st->suffix_len : 0;

    if (prefix + suffix == 0)
        return mi_vocab_find(v, &v->normal, s + i, end - i);
    mi_buf_clear(&st->word);
    mi_buf_add(&st->word, st->prefix, prefix);
    mi_buf_add(&st->word, s + i, end - i);
    mi_buf_add(&st->word, st->suffix, suffix);
    return mi_vocab_find(v, &v->normal, st->word.data, st->word.len);
}

static size_t start_chars(struct mi_tokenizer_state *st, const char *s, size_t from, size_t to)
{
    size_t n = 0, unk = SIZE_MAX; /* the unknown token that may grow */

    for (size_t i = from, end; i < to; i = end) {
        int32_t id;

        end = next_char(s, i, to);
        id = find_char(st, s, i, end, i == from, end == to);
        if (id >= 0) {
            st->symbol[n++] = symbol(id, i, end);
            unk = SIZE_MAX;
        } else if (st->falls_back && has_bytes(st, s, i, end)) {
            for (size_t k = i; k < end; k++)
                st->symbol[n++] = symbol(st->vocab.byte_id[(unsigned char)s[k]], k, k + 1);
            unk = SIZE_MAX;
        } else if (st->made_unk >= 0 && st->fuses_unk && unk != SIZE_MAX) {
            st->symbol[unk].end = (uint32_t)end;
        } else if (st->made_unk >= 0) {
            unk = n;
            st->symbol[n++] = symbol(st->made_unk, i, end);
        }
    }
    return n;
}

/* The pair whose text is the token of the highest score. */
static bool find_scored(const void *data, const struct mi_bpe_symbol *left,
                        const struct mi_bpe_symbol *right, uint32_t *rank, int32_t *result)
{
    const struct mi_tokenizer_state *st = data;
    size_t len = right->end - left->begin;

    if (left->id == -1 || right->id == -1 || len > st->vocab.longest)
        return false;
    *result = mi_vocab_find(&st->vocab, &st->vocab.normal, st->text + left->begin, len);
    if (*result < 0)
        return false;
    *rank = st->rank[*result];
    return true;
}

/* What has no token becomes its bytes, or the unknown token: behind the others, then moved. */
static size_t fall_back(struct mi_tokenizer_state *st, const char *s, size_t n, size_t len)
{
    size_t to = len;

    for (size_t k = n; k-- > 0;) {
        struct mi_bpe_symbol x = st->symbol[k];

        if (x.id != MI_BPE_NO_TOKEN) {
            st->symbol[--to] = x;
        } else if (st->falls_back && has_bytes(st, s, x.begin, x.end)) {
            for (size_t i = x.end; i-- > x.begin;)
                st->symbol[--to] = symbol(st->vocab.byte_id[(unsigned char)s[i]], i, i + 1);
        } else if (st->made_unk >= 0) {
            st->symbol[--to] = symbol(st->made_unk, x.begin, x.end);
        }
    }
    memmove(st->symbol, st->symbol + to, (len - to) * sizeof *st->symbol);
    return len - to;
}

static size_t run_scored(struct mi_tokenizer_state *st, const char *s, size_t from, size_t to)
{
    size_t n = 0;

    for (size_t i = from, end; i < to; i = end) {
        int32_t id;

        end = next_char(s, i, to);
        id = mi_vocab_find(&st->vocab, &st->vocab.normal, s + i, end - i);
        st->symbol[n++] = symbol(id >= 0 ? id : MI_BPE_NO_TOKEN, i, end);
    }
    st->text = s;
    st->bpe.find = find_scored;
    st->bpe.data = st;
    n = mi_bpe_run(&st->bpe, st->symbol, n, &st->work);
    return fall_back(st, s, n, to - from);
}

/* ---- Unigram ----------------------------------------------------------------------- */

static void offer(struct mi_way *to, double score, size_t from, int32_t id)
{
    if (to->from == UINT32_MAX || score > to->score)
        *to = (struct mi_way){score, (uint32_t)from, id};
}

/* The best way to each place of s [len] (Viterbi). */
static void find_ways(struct mi_tokenizer_state *st, const char *s, size_t len)
{
    struct mi_way *way = st->way;

    for (size_t i = 0; i <= len; i++)
        way[i] = (struct mi_way){0, UINT32_MAX, -1};
    for (size_t i = 0, end; i < len; i = end) {
        double here = way[i].score;
        uint32_t node = 0;
        bool has_single = false;

        end = next_char(s, i, len);
        for (size_t k = i; k < len; k++) {
            int32_t id;

            node = mi_word_tree_step(&st->trie, node, (unsigned char)s[k]);
            if (!node)
                break;
            id = st->trie.node[node].value;
            if (id < 0)
                continue;
            offer(&way[k + 1], here + st->score[id], i, id);
            has_single = has_single || k + 1 == end;
        }
        if (!has_single)
            offer(&way[end], here + st->worst, i, -1);
    }
}

static int run_unigram(struct mi_tokenizer_state *st, const char *s, size_t from, size_t to,
                       size_t *n, struct mi_error *err)
{
    size_t len = to - from, k = len, last = SIZE_MAX; /* the unknown one that may grow */

    st->way = mi_grow(st->way, &st->way_cap, len + 1, sizeof *st->way);
    find_ways(st, s + from, len);
    for (size_t end = len; end > 0; end = st->way[end].from) {
        const struct mi_way *w = &st->way[end];

        if (w->id >= 0) {
            st->symbol[--k] = symbol(w->id, from + w->from, from + end);
            last = SIZE_MAX;
        } else if (last != SIZE_MAX && st->fuses_unk) {
            st->symbol[last].begin = (uint32_t)(from + w->from);
        } else {
            last = --k;
            st->symbol[k] = symbol(MI_BPE_NO_TOKEN, from + w->from, from + end);
            if (st->made_unk < 0 && !st->falls_back)
                return mi_fail(err, MI_EXIT_DATA,
                               "the vocabulary has no token for some of the text, nor an unknown "
                               "one");
        }
    }
    memmove(st->symbol, st->symbol + k, (len - k) * sizeof *st->symbol);
    *n = fall_back(st, s, len - k, len);
    return 0;
}

/* ---- words --------------------------------------------------------------------------- */

static size_t count_chars(const char *s, size_t from, size_t to)
{
    size_t n = 0;

    for (size_t i = from; i < to; i++)
        n += ((unsigned char)s[i] & 0xc0) != 0x80;
    return n;
}

/* The longest token that s [i, to) starts with, as the first part of a word or as another. */
static int32_t longest_part(struct mi_tokenizer_state *st, const char *s, size_t i, size_t to,
                            bool is_first, size_t *end)
{
    const struct mi_vocab *v = &st->vocab;
    size_t head = is_first ? st->head_len : st->prefix_len;

    mi_buf_clear(&st->word);
    mi_buf_add(&st->word, is_first ? st->head : st->prefix, head);
    if (v->longest < head)
        return -1;
    *end = to - i > v->longest - head ? i + v->longest - head : to;
    mi_buf_add(&st->word, s + i, *end - i);
    for (; *end > i; (*end)--) {
        int32_t id;

        if (*end < to && ((unsigned char)s[*end] & 0xc0) == 0x80)
            continue;
        id = mi_vocab_find(v, &v->normal, st->word.data, head + (*end - i));
        if (id >= 0)
            return id;
    }
    return -1;
}

static size_t run_wordpiece(struct mi_tokenizer_state *st, const char *s, size_t from, size_t to)
{
    bool is_bad = st->most_chars > 0 && count_chars(s, from, to) > st->most_chars;
    size_t n = 0;

    for (size_t i = from, end = 0; i < to && !is_bad; i = end) {
        int32_t id = longest_part(st, s, i, to, i == from, &end);

        is_bad = id < 0;
        if (!is_bad)
            st->symbol[n++] = symbol(id, i, end);
    }
    if (!is_bad)
        return n;
    st->symbol[0] = symbol(st->made_unk, from, to);
    return st->made_unk >= 0;
}

static size_t run_level(struct mi_tokenizer_state *st, const char *s, size_t from, size_t to)
{
    int32_t id = mi_vocab_find(&st->vocab, &st->vocab.normal, s + from, to - from);

    st->symbol[0] = symbol(id >= 0 ? id : st->made_unk, from, to);
    return st->symbol[0].id >= 0;
}

/* ---- all ------------------------------------------------------------------------------- */

static bool is_newlines(const char *s, size_t from, size_t to)
{
    while (from < to && s[from] == '\n')
        from++;
    return from == to;
}

int mi_pieces_run(struct mi_tokenizer_state *st, const char *s, size_t from, size_t to, size_t *n,
                  struct mi_error *err)
{
    st->symbol = mi_grow(st->symbol, &st->symbol_cap, to - from, sizeof *st->symbol);
    if (st->pre.ignore_merges || (st->whole_newlines && is_newlines(s, from, to))) {
        int32_t id = mi_vocab_find(&st->vocab, &st->vocab.normal, s + from, to - from);

        if (id >= 0) {
            st->symbol[0] = symbol(id, from, to);
            *n = 1;
            return 0;
        }
    }
    switch (st->algorithm) {
    case MI_BPE_BYTES:
        *n = mi_bpe_run(&st->bpe, st->symbol, start_bytes(st, s, from, to), &st->work);
        return 0;
    case MI_BPE_TEXT:
        *n = mi_bpe_run(&st->bpe, st->symbol, start_chars(st, s, from, to), &st->work);
        return 0;
    case MI_BPE_SCORES: *n = run_scored(st, s, from, to); return 0;
    case MI_UNIGRAM: return run_unigram(st, s, from, to, n, err);
    case MI_WORDPIECE: *n = run_wordpiece(st, s, from, to); return 0;
    case MI_WORDLEVEL: *n = run_level(st, s, from, to); return 0;
    }
    return 0;
}

/* ---- scores ------------------------------------------------------------------------------ */

struct scored {
    double score;
    int32_t id;
};

static int by_score(const void *a, const void *b)
{
    const struct scored *x = a, *y = b;

    return (x->score < y->score) - (x->score > y->score);
}

static void rank_scores(struct mi_tokenizer_state *st)
{
    size_t n = st->vocab.n;
    struct scored *s = mi_alloc_n(n, sizeof *s);
    uint32_t rank = 0;

    for (size_t i = 0; i < n; i++)
        s[i] = (struct scored){st->score[i], (int32_t)i};
    qsort(s, n, sizeof *s, by_score);
    st->rank = mi_alloc_n(n, sizeof *st->rank);
    for (size_t i = 0; i < n; i++) {
        rank += i > 0 && s[i].score < s[i - 1].score;
        st->rank[s[i].id] = rank;
    }
    mi_free(s);
}

enum { LONGEST_PIECE = 1024 }; /* bounds the search at one place */

int mi_pieces_by_score(struct mi_tokenizer_state *st, struct mi_error *err)
{
    size_t n = 0, bytes = 0;
    struct mi_word_tree_entry *e;

    for (size_t i = 0; i < st->vocab.n; i++)
        if (!isfinite(st->score[i]))
            return mi_fail(err, MI_EXIT_DATA, "vocabulary: the score of token %zu is no number", i);
    if (st->algorithm == MI_BPE_SCORES) {
        rank_scores(st);
        return 0;
    }
    if (st->vocab.longest > LONGEST_PIECE)
        return mi_fail(err, MI_EXIT_DATA, "vocabulary: a piece of %zu bytes; the limit is %d",
                       st->vocab.longest, (int)LONGEST_PIECE);
    e = mi_alloc_n(st->vocab.normal.mask + 1, sizeof *e);
    for (size_t i = 0; i <= st->vocab.normal.mask; i++) {
        int32_t id = st->vocab.normal.slot[i];
        struct mi_bytes p = mi_vocab_text(&st->vocab, id);

        if (id < 0)
            continue;
        e[n++] = (struct mi_word_tree_entry){p.at, p.len, id};
        bytes += p.len;
    }
    if (bytes >= INT32_MAX) {
        mi_free(e);
        return mi_fail(err, MI_EXIT_DATA, "vocabulary: too many bytes");
    }
    mi_word_tree_init(&st->trie, e, n);
    mi_free(e);
    return 0;
}
