/* A tokenizer from the vocabulary of a GGUF file. */
#include "base/escape.h"
#include "text/tokenizer_state.h"

#include <string.h>

#define SPACE "\xe2\x96\x81" /* ▁ */

/* ---- kinds ------------------------------------------------------------------------ */

static int open_bytes(struct mi_tokenizer_state *s, const struct mi_vocab_source *v,
                      struct mi_error *err);
static int open_scores(struct mi_tokenizer_state *s, const struct mi_vocab_source *v,
                       struct mi_error *err);
static int open_unigram(struct mi_tokenizer_state *s, const struct mi_vocab_source *v,
                        struct mi_error *err);
static int open_words(struct mi_tokenizer_state *s, const struct mi_vocab_source *v,
                      struct mi_error *err);

/* By tokenizer.ggml.model. */
static const struct kind {
    const char *name, *what;
    bool is_bytes, adds_bos;
    int (*open)(struct mi_tokenizer_state *s, const struct mi_vocab_source *v,
                struct mi_error *err);
} kinds[] = {
    {"gpt2", "byte-level BPE", true, false, open_bytes},
    {"llama", "SentencePiece BPE", false, true, open_scores},
    {"gemma4", "BPE over characters", false, false, open_bytes},
    {"t5", "Unigram", false, false, open_unigram},
    {"bert", "WordPiece", false, true, open_words},
};

enum { N_KINDS = sizeof kinds / sizeof kinds[0] };

static const struct kind *find_kind(const char *model)
{
    for (size_t i = 0; i < N_KINDS; i++)
        if (strcmp(kinds[i].name, model) == 0)
            return &kinds[i];
    return NULL;
}

static int fail_kind(const char *model, struct mi_error *err)
{
    struct mi_buf b = {0};
    int r;

    for (size_t i = 0; i < N_KINDS; i++)
        mi_buf_addf(&b, "%s'%s' (%s)", i ? ", " : "", kinds[i].name, kinds[i].what);
    r = mi_fail(err, MI_EXIT_DATA, "tokenizer '%s' is not supported; supported are %s",
                mi_quote(model), mi_buf_text(&b));
    mi_buf_free(&b);
    return r;
}

bool mi_tokenizer_default_bos(const char *model, const char *pre)
{
    const struct kind *kind = model ? find_kind(model) : NULL;
    struct mi_pretokenizer p;
    bool adds;

    if (kind && kind->adds_bos)
        return true;
    if (!pre || mi_pretokenizer_open(&p, pre, false, NULL) < 0)
        return false;
    adds = p.adds_bos;
    mi_pretokenizer_close(&p);
    return adds;
}

/* ---- the digest ------------------------------------------------------------------- */

static struct mi_digest digest_of(const struct mi_vocab_source *v)
{
    struct mi_hash h = {0};
    struct mi_digest d;

    mi_hash_init(&h);
    mi_tokenizer_hash(&h, v->model, strlen(v->model));
    mi_tokenizer_hash(&h, v->pre, v->pre ? strlen(v->pre) : 0);
    mi_tokenizer_hash_int(&h, (int32_t)v->n_tokens);
    for (size_t i = 0; i < v->n_tokens; i++) {
        mi_tokenizer_hash(&h, v->tokens[i].at, v->tokens[i].len);
        mi_tokenizer_hash_int(&h, v->types ? v->types[i] : MI_TOKEN_NORMAL);
    }
    mi_tokenizer_hash_int(&h, (int32_t)v->n_merges);
    for (size_t i = 0; i < v->n_merges; i++)
        mi_tokenizer_hash(&h, v->merges[i].at, v->merges[i].len);
    mi_tokenizer_hash_int(&h, v->bos);
    mi_tokenizer_hash_int(&h, v->eos);
    mi_tokenizer_hash_int(&h, v->eot);
    mi_tokenizer_hash_int(&h, v->unk);
    mi_tokenizer_hash_int(&h, v->add_bos);
    mi_tokenizer_hash_int(&h, v->add_eos);
    if (strcmp(v->model, "gpt2") != 0) {
        for (size_t i = 0; i < v->n_tokens && v->scores; i++) {
            int32_t bits;

            memcpy(&bits, &v->scores[i], sizeof bits);
            mi_tokenizer_hash_int(&h, bits);
        }
        mi_tokenizer_hash_int(&h, v->no_space_prefix);
        mi_tokenizer_hash_int(&h, v->keep_spaces);
        mi_tokenizer_hash(&h, v->charmap.at, v->charmap.len);
    }
    if (v->strips_right)
        mi_tokenizer_hash_int(&h, 1);
    d = mi_hash_value(&h);
    mi_hash_free(&h);
    return d;
}

/* ---- checks ------------------------------------------------------------------------ */

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
    if (!find_kind(v->model))
        return fail_kind(v->model, err);
    if (strcmp(v->model, "gpt2") == 0 && !v->pre)
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

/* ---- parts -------------------------------------------------------------------------- */

static void add_replace(struct mi_tokenizer_state *s, const char *what, const char *to)
{
    s->normaliser.step[s->normaliser.n++] = (struct mi_normal_step){.kind = MI_NORMAL_REPLACE,
                                                                    .what = what,
                                                                    .what_len = strlen(what),
                                                                    .to = to,
                                                                    .to_len = strlen(to)};
}

/* "▁" stands for a space; <0x0A> for a byte, where there are such tokens. */
static void show_spaces(struct mi_tokenizer_state *s, bool has_prefix)
{
    s->decoder.step[0] = (struct mi_decode_step){
        .kind = MI_DECODE_REPLACE, .text = SPACE, .text_len = 3, .to = " ", .to_len = 1};
    s->decoder.step[1] = (struct mi_decode_step){.kind = MI_DECODE_BYTES};
    s->decoder.n = 1 + s->falls_back;
    s->decoder.strip = ' ';
    s->decoder.strip_start = has_prefix;
    mi_vocab_show(&s->vocab, &s->decoder, true);
}

static int add_merges(struct mi_tokenizer_state *s, const struct mi_vocab_source *v, bool is_bytes,
                      struct mi_error *err)
{
    struct mi_vocab_merger m = {.vocab = &s->vocab, .bpe = &s->bpe, .is_bytes = is_bytes};
    int r = 0;

    mi_bpe_init(&s->bpe, v->n_merges);
    for (size_t k = 0; k < v->n_merges && r == 0; k++)
        r = mi_vocab_merge(&m, v->merges[k], err);
    mi_buf_free(&m.text);
    return r;
}

static int open_bytes(struct mi_tokenizer_state *s, const struct mi_vocab_source *v,
                      struct mi_error *err)
{
    bool is_gemma = strcmp(v->model, "gemma4") == 0;
    int r = mi_pretokenizer_open(&s->pre, is_gemma ? "gemma4" : v->pre, false, err);

    if (r < 0)
        return r;
    s->algorithm = s->pre.is_text ? MI_BPE_TEXT : MI_BPE_BYTES;
    if (s->pre.nfc)
        s->normaliser.step[s->normaliser.n++] =
            (struct mi_normal_step){.kind = MI_NORMAL_FORM, .form = MI_NFC};
    if (s->pre.is_text) {
        s->falls_back = mi_vocab_fall_back(&s->vocab);
        s->made_unk = v->unk;
        s->whole_newlines = is_gemma;
        add_replace(s, " ", SPACE);
        show_spaces(s, false);
    }
    return add_merges(s, v, !s->pre.is_text, err);
}

static void take_scores(struct mi_tokenizer_state *s, const struct mi_vocab_source *v)
{
    s->score = mi_alloc_zero(v->n_tokens, sizeof *s->score);
    for (size_t i = 0; i < v->n_tokens && v->scores; i++)
        s->score[i] = (double)v->scores[i];
}

static int open_scores(struct mi_tokenizer_state *s, const struct mi_vocab_source *v,
                       struct mi_error *err)
{
    static const char space[] = " ";

    s->algorithm = MI_BPE_SCORES;
    s->made_unk = v->unk;
    s->falls_back = mi_vocab_fall_back(&s->vocab);
    take_scores(s, v);
    if (!v->no_space_prefix)
        s->normaliser.step[s->normaliser.n++] =
            (struct mi_normal_step){.kind = MI_NORMAL_PREPEND, .to = space, .to_len = 1};
    add_replace(s, " ", SPACE);
    show_spaces(s, !v->no_space_prefix);
    return mi_pieces_by_score(s, err);
}

/* Scores count for normal tokens; a user-defined one costs nothing. */
static int open_unigram(struct mi_tokenizer_state *s, const struct mi_vocab_source *v,
                        struct mi_error *err)
{
    struct mi_normal_step *step = &s->normaliser.step[s->normaliser.n++];
    double worst = 0;
    bool has_some = false;

    *step = (struct mi_normal_step){
        .kind = MI_NORMAL_PIECE, .left = !v->no_space_prefix, .right = v->keep_spaces};
    if (v->charmap.len > 0 &&
        mi_charmap_init(&step->charmap, v->charmap.at, v->charmap.len, err) < 0)
        return -MI_EXIT_DATA;
    s->algorithm = MI_UNIGRAM;
    s->made_unk = v->unk;
    s->fuses_unk = true;
    take_scores(s, v);
    for (size_t i = 0; i < v->n_tokens; i++) {
        if (s->vocab.type[i] == MI_TOKEN_NORMAL && (!has_some || s->score[i] < worst)) {
            worst = s->score[i];
            has_some = true;
        }
        if (s->vocab.type[i] == MI_TOKEN_USER)
            s->score[i] = 0;
    }
    s->worst = worst - 10;
    s->falls_back = mi_vocab_fall_back(&s->vocab);
    show_spaces(s, !v->no_space_prefix);
    return mi_pieces_by_score(s, err);
}

static int open_words(struct mi_tokenizer_state *s, const struct mi_vocab_source *v,
                      struct mi_error *err)
{
    static const struct mi_normal_step steps[] = {
        {.kind = MI_NORMAL_CLEAN},
        {.kind = MI_NORMAL_CHINESE},
        {.kind = MI_NORMAL_FORM, .form = MI_NFD},
        {.kind = MI_NORMAL_ACCENTS, .is_nonspacing = true},
        {.kind = MI_NORMAL_LOWER},
    };
    struct mi_pre_step *p;

    (void)err;
    s->algorithm = MI_WORDPIECE;
    s->made_unk = v->unk;
    s->head = SPACE;
    s->head_len = 3;
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
        s->normaliser.step[s->normaliser.n++] = steps[i];
    p = mi_pretokenizer_add(&s->pre, MI_PRE_CLASS);
    p->is_match = mi_is_space;
    p->behaviour = MI_PRE_REMOVED;
    p = mi_pretokenizer_add(&s->pre, MI_PRE_CLASS);
    p->is_match = mi_is_punctuation;
    show_spaces(s, true);
    return 0;
}

/* ---- the whole ------------------------------------------------------------------------ */

/* Control tokens that leave the white space behind them alone where the others do not. */
static bool keeps_right(struct mi_bytes s)
{
    static const char *const names[] = {"<unk>", "<s>", "<|endoftext|>"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (s.len == strlen(names[i]) && memcmp(s.at, names[i], s.len) == 0)
            return true;
    return false;
}

/* A token of type "byte" says which: two hexadecimal digits, and no sign before them. */
static int check_byte(const struct mi_vocab_source *v, size_t k, struct mi_error *err)
{
    static const char digits[] = "0123456789abcdefABCDEF";
    struct mi_bytes t = v->tokens[k];

    if (t.len == 6 && memcmp(t.at, "<0x", 3) == 0 && t.at[5] == '>' &&
        memchr(digits, t.at[3], sizeof digits - 1) && memchr(digits, t.at[4], sizeof digits - 1))
        return 0;
    return mi_fail(err, MI_EXIT_DATA, "vocabulary: token %zu is a byte, but is not spelt as <0x0A>",
                   k);
}

static int add_tokens(struct mi_tokenizer_state *s, const struct mi_vocab_source *v, bool is_bytes,
                      struct mi_error *err)
{
    unsigned char *types = mi_alloc_n(v->n_tokens ? v->n_tokens : 1, 1);
    struct mi_vocab_tokens tokens = {v->tokens, types, NULL, v->n_tokens, is_bytes};
    size_t cap = 0;
    int r;

    for (size_t i = 0; i < v->n_tokens; i++) {
        int32_t type = v->types ? v->types[i] : MI_TOKEN_NORMAL;

        types[i] = (unsigned char)(type < 0 || type > 255 ? 255 : type);
        /* what ends a text is no user's to write, though some files say so */
        if (type == MI_TOKEN_USER && mi_tokenizer_ends_text(v->tokens[i].at, v->tokens[i].len))
            types[i] = MI_TOKEN_CONTROL;
    }
    r = mi_vocab_init(&s->vocab, &tokens, err);
    mi_free(types);
    for (size_t i = 0; i < v->n_tokens && r == 0; i++) {
        int type = s->vocab.type[i];
        struct mi_bytes text = mi_vocab_text(&s->vocab, (int32_t)i);
        struct mi_added_token *a;

        if (type == MI_TOKEN_BYTE && !is_bytes)
            r = check_byte(v, i, err);

        if (type != MI_TOKEN_CONTROL && type != MI_TOKEN_USER && type != MI_TOKEN_UNKNOWN)
            continue;
        if (text.len == 0)
            continue;
        a = mi_tokenizer_add(s, &cap, (int32_t)i, text);
        a->is_special = type != MI_TOKEN_USER;
        a->takes_right = a->is_special && v->strips_right && !keeps_right(text);
    }
    return r;
}

int mi_tokenizer_init(struct mi_tokenizer *t, const struct mi_vocab_source *v, struct mi_error *err)
{
    struct mi_tokenizer_state *s;
    const struct kind *kind;
    int r = check_source(v, err);
    bool is_bytes;

    t->state = NULL;
    if (r < 0)
        return r;
    kind = find_kind(v->model);
    t->state = s = mi_alloc_zero(1, sizeof *s);
    s->bos = v->bos;
    s->eos = v->eos;
    s->eot = v->eot;
    s->unk = v->unk;
    s->made_unk = -1;
    if (v->add_bos) {
        s->before = mi_alloc_n(1, sizeof *s->before);
        s->before[s->n_before++] = v->bos;
    }
    is_bytes = kind->is_bytes && !mi_pretokenizer_is_text(v->pre);
    r = add_tokens(s, v, is_bytes, err);
    if (r == 0)
        r = kind->open(s, v, err);
    if (r == 0)
        r = mi_tokenizer_settle(s, err);
    if (r < 0) {
        mi_tokenizer_free(t);
        return r;
    }
    s->digest = digest_of(v);
    return 0;
}
