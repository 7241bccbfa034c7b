#include "text/tokenizer_json.h"

#include "base/escape.h"
#include "text/json_reader.h"

#include <math.h>
#include <string.h>

static int run_part(struct mi_json_reader *r, struct mi_json_slice slice, const char *where,
                    int (*run)(struct mi_json_reader *r, const struct mi_value *v))
{
    struct mi_value v;
    int rc = mi_json_tree(r, slice, where, &v);

    return rc < 0 ? rc : run(r, &v);
}

/* ---- model --------------------------------------------------------------------------- */

enum {
    M_TYPE,
    M_VOCAB,
    M_MERGES,
    M_UNK_TOKEN,
    M_UNK_ID,
    M_FUSE_UNK,
    M_BYTE_FALLBACK,
    M_IGNORE_MERGES,
    M_PREFIX,
    M_SUFFIX,
    M_MAX_CHARS,
    M_DROPOUT,
    M_N
};

static const char *const model_keys[] = {
    "type",
    "vocab",
    "merges",
    "unk_token",
    "unk_id",
    "fuse_unk",
    "byte_fallback",
    "ignore_merges",
    "continuing_subword_prefix",
    "end_of_word_suffix",
    "max_input_chars_per_word",
    "dropout",
    NULL,
};

/* A value of the model: a string (NULL where it is none), in the state's arena. */
static int take_text(struct mi_json_reader *r, struct mi_json_slice s, const char **out,
                     size_t *len)
{
    struct mi_pull_string text;
    struct mi_pull p;
    int rc;

    *out = NULL;
    *len = 0;
    if (!s.at)
        return 0;
    mi_pull_init(&p, s.at, s.len, r->err);
    rc = mi_pull_take_string(&p, &text);
    if (rc == 0) {
        *out = mi_arena_dup(&r->st->arena, text.at, text.len);
        *len = text.len;
    }
    mi_pull_free(&p);
    return rc;
}

static bool is_true(struct mi_json_slice s)
{
    return s.at && s.at[0] == 't';
}

static int take_number(struct mi_json_reader *r, struct mi_json_slice s, double otherwise,
                       double *out)
{
    struct mi_pull p;
    int rc;

    *out = otherwise;
    if (!s.at)
        return 0;
    mi_pull_init(&p, s.at, s.len, r->err);
    rc = mi_pull_take_real(&p, out);
    mi_pull_free(&p);
    return rc;
}

/* Old files do not name it. */
static const char *kind_of(const struct mi_json_slice *m, const char *type)
{
    if (type)
        return type;
    if (m[M_MERGES].at)
        return "BPE";
    if (m[M_VOCAB].at && m[M_VOCAB].at[0] == '[')
        return "Unigram";
    return m[M_MAX_CHARS].at ? "WordPiece" : "WordLevel";
}

static int find_algorithm(struct mi_json_reader *r, const char *kind)
{
    struct mi_tokenizer_state *st = r->st;

    if (strcmp(kind, "BPE") == 0)
        st->algorithm = r->is_bytes ? MI_BPE_BYTES : MI_BPE_TEXT;
    else if (strcmp(kind, "Unigram") == 0)
        st->algorithm = MI_UNIGRAM;
    else if (strcmp(kind, "WordPiece") == 0)
        st->algorithm = MI_WORDPIECE;
    else if (strcmp(kind, "WordLevel") == 0)
        st->algorithm = MI_WORDLEVEL;
    else
        return mi_fail(r->err, MI_EXIT_DATA, "tokenizer.json: model '%s' is not supported",
                       mi_quote(kind));
    if (r->is_bytes && st->algorithm != MI_BPE_BYTES)
        return mi_fail(r->err, MI_EXIT_DATA, "tokenizer.json: model '%s' behind ByteLevel",
                       mi_quote(kind));
    return 0;
}

/* unk_token by its text, unk_id by its number. */
static int find_unknown(struct mi_json_reader *r, const struct mi_json_slice *m)
{
    const char *text;
    size_t len;
    double id;
    int rc = take_text(r, m[M_UNK_TOKEN], &text, &len);

    r->st->made_unk = -1;
    if (rc == 0 && text && len > 0) {
        r->st->made_unk = mi_json_find(r, text, len);
        /* an unused name is often left in files of byte-level vocabularies */
        if (r->st->made_unk < 0 && !r->is_bytes)
            rc = mi_fail(r->err, MI_EXIT_DATA, "unk_token '%s' is not in the vocabulary",
                         mi_quote(text));
    }
    if (rc == 0)
        rc = take_number(r, m[M_UNK_ID], -1, &id);
    if (rc < 0 || id < 0)
        return rc;
    if (id >= (double)r->n || id != floor(id))
        return mi_fail(r->err, MI_EXIT_DATA, "unk_id %g is not in the vocabulary", id);
    r->st->made_unk = (int32_t)id;
    return 0;
}

static int read_affixes(struct mi_json_reader *r, const struct mi_json_slice *m)
{
    struct mi_tokenizer_state *st = r->st;
    double most;
    int rc = take_text(r, m[M_PREFIX], &st->prefix, &st->prefix_len);

    if (rc == 0 && st->algorithm == MI_WORDPIECE && !st->prefix) {
        st->prefix = "##";
        st->prefix_len = 2;
    }
    if (rc == 0)
        rc = take_text(r, m[M_SUFFIX], &st->suffix, &st->suffix_len);
    if (rc == 0)
        rc = take_number(r, m[M_MAX_CHARS], 100, &most);
    if (rc < 0)
        return rc;
    if (st->algorithm == MI_WORDPIECE && !(most >= 1 && most < 1e9))
        return mi_fail(r->err, MI_EXIT_DATA, "max_input_chars_per_word is out of range");
    st->most_chars = st->algorithm == MI_WORDPIECE ? (size_t)most : 0;
    if (st->algorithm == MI_BPE_BYTES && st->prefix_len + st->suffix_len > 0)
        return mi_fail(r->err, MI_EXIT_DATA, "marks of words are not supported with ByteLevel");
    return 0;
}

/* What must be known before the vocabulary is built. */
static int read_model(struct mi_json_reader *r, struct mi_json_slice *m)
{
    const char *type;
    size_t len;
    double dropout;
    int rc = take_text(r, m[M_TYPE], &type, &len);

    type = kind_of(m, type);
    if (rc == 0 && !m[M_VOCAB].at)
        rc = mi_fail(r->err, MI_EXIT_DATA, "there is no vocab");
    if (rc == 0)
        rc = strcmp(type, "Unigram") == 0 ? mi_json_scored(r, m[M_VOCAB])
                                          : mi_json_vocab(r, m[M_VOCAB]);
    if (rc == 0)
        rc = take_number(r, m[M_DROPOUT], 0, &dropout);
    if (rc == 0 && dropout != 0)
        rc = mi_fail(r->err, MI_EXIT_DATA, "dropout %g: tokens would be random", dropout);
    if (rc == 0)
        rc = find_algorithm(r, type);
    return rc < 0 ? mi_fail_in(r->err, "model") : 0;
}

/* Scores of Unigram: a character without a token costs ten more than the worst token. */
static int take_scores(struct mi_json_reader *r)
{
    struct mi_tokenizer_state *st = r->st;
    double worst = 0;
    bool has_some = false;

    st->score = mi_alloc_n(r->n, sizeof *st->score);
    for (size_t i = 0; i < r->n; i++) {
        st->score[i] = r->score[i];
        if (i < r->n_entries && (!has_some || r->score[i] < worst)) {
            worst = r->score[i];
            has_some = true;
        }
    }
    st->worst = worst - 10;
    return mi_pieces_by_score(st, r->err);
}

static void free_tokens(struct mi_json_reader *r)
{
    mi_free(r->token);
    mi_free(r->type);
    mi_free(r->is_made);
    r->token = NULL;
    r->type = NULL;
    r->is_made = NULL;
}

static int add_merges(struct mi_json_reader *r, struct mi_json_slice merges)
{
    struct mi_tokenizer_state *st = r->st;
    struct mi_vocab_merger m = {
        .vocab = &st->vocab, .bpe = &st->bpe, .prefix = st->prefix_len, .is_bytes = r->is_bytes};
    int rc;

    mi_bpe_init(&st->bpe, 0);
    if (!merges.at)
        return 0;
    rc = mi_json_merges(r, merges, &m);
    mi_buf_free(&m.text);
    return rc;
}

/* The list of tokens is large: it goes before the merges come. */
static int build_model(struct mi_json_reader *r, const struct mi_json_slice *m)
{
    struct mi_tokenizer_state *st = r->st;
    struct mi_vocab_tokens tokens = {r->token, r->type, r->is_made, r->n, r->is_bytes};
    int rc = mi_vocab_init(&st->vocab, &tokens, r->err);

    free_tokens(r);
    if (rc < 0)
        return mi_fail_in(r->err, "model");
    st->pre.ignore_merges = st->algorithm <= MI_BPE_TEXT && is_true(m[M_IGNORE_MERGES]);
    /* Unigram joins unknown characters unless told not to, BPE when told to */
    st->fuses_unk = st->algorithm == MI_UNIGRAM ? !m[M_FUSE_UNK].at || is_true(m[M_FUSE_UNK])
                                                : is_true(m[M_FUSE_UNK]);
    if (is_true(m[M_BYTE_FALLBACK]) && !r->is_bytes) {
        st->falls_back = true;
        (void)mi_vocab_fall_back(&st->vocab);
    }
    if (st->algorithm <= MI_BPE_TEXT)
        rc = add_merges(r, m[M_MERGES]);
    else if (st->algorithm == MI_UNIGRAM)
        rc = take_scores(r);
    return rc < 0 ? mi_fail_in(r->err, "model") : 0;
}

/* ---- tokenizer_config.json ------------------------------------------------------------- */

enum { C_BOS, C_EOS, C_UNK, C_ADD_BOS, C_CLASS, C_N };

static const char *const config_keys[] = {"bos_token",     "eos_token",       "unk_token",
                                          "add_bos_token", "tokenizer_class", NULL};

/* A token's text, or an object with it as "content". */
static int find_token(struct mi_json_reader *r, struct mi_json_slice s, int32_t *id)
{
    static const char *const names[] = {"content", NULL};
    struct mi_json_slice content = s;
    const char *text;
    size_t len;
    int rc = 0;

    *id = -1;
    if (s.at && s.at[0] == '{') {
        content = (struct mi_json_slice){0};
        rc = mi_json_keys(r, s, &(struct mi_json_wanted){"token", names, &content, NULL});
    }
    if (rc == 0)
        rc = take_text(r, content, &text, &len);
    if (rc == 0 && text)
        *id = mi_json_find(r, text, len);
    return rc;
}

/* Classes whose add_bos_token overrides what tokenizer.json says. */
static bool overrides(const char *name)
{
    static const char *const names[] = {
        "LlamaTokenizer",     "LlamaTokenizerFast",     "GemmaTokenizer",  "GemmaTokenizerFast",
        "CodeLlamaTokenizer", "CodeLlamaTokenizerFast", "CohereTokenizer", "CohereTokenizerFast"};

    for (size_t i = 0; name && i < sizeof names / sizeof names[0]; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

static int read_config(struct mi_json_reader *r, const char *text, size_t len)
{
    struct mi_json_slice c[C_N] = {0};
    const struct mi_json_wanted wanted = {"tokenizer_config.json", config_keys, c, NULL};
    struct mi_tokenizer_state *st = r->st;
    const char *class_name;
    size_t class_len;
    int rc;

    if (!text)
        return 0;
    rc = mi_json_keys(r, (struct mi_json_slice){text, len, 0}, &wanted);
    if (rc == 0)
        rc = find_token(r, c[C_BOS], &st->bos);
    if (rc == 0)
        rc = find_token(r, c[C_EOS], &st->eos);
    if (rc == 0)
        rc = find_token(r, c[C_UNK], &st->unk);
    if (rc == 0)
        rc = take_text(r, c[C_CLASS], &class_name, &class_len);
    if (rc < 0)
        return mi_fail_in(r->err, "tokenizer_config.json");
    if (c[C_ADD_BOS].at && (!r->has_template || overrides(class_name))) {
        bool wants = is_true(c[C_ADD_BOS]) && st->bos >= 0;

        if (!wants || st->n_before == 0) {
            st->n_before = 0;
            if (wants) {
                mi_free(st->before);
                st->before = mi_alloc_n(1, sizeof *st->before);
                st->before[st->n_before++] = st->bos;
            }
        }
    }
    return 0;
}

/* ---- the whole --------------------------------------------------------------------------- */

enum { T_ADDED, T_NORMALIZER, T_PRE, T_POST, T_DECODER, T_MODEL, T_N };

static const char *const top_keys[] = {
    "added_tokens", "normalizer", "pre_tokenizer", "post_processor", "decoder", "model", NULL};

static void add_tokens(struct mi_json_reader *r)
{
    size_t cap = 0;

    for (size_t i = 0; i < r->n_added; i++) {
        const struct mi_json_added *a = &r->added[i];
        struct mi_added_token *k;

        if (a->text.len == 0)
            continue;
        k = mi_tokenizer_add(r->st, &cap, a->id, a->text);
        k->is_special = a->is_special;
        k->is_word = a->is_word;
        k->takes_left = a->takes_left;
        k->takes_right = a->takes_right;
        k->is_normal = a->is_normal;
    }
}

static int read_all(struct mi_json_reader *r, const char *config, size_t config_len)
{
    struct mi_json_slice t[T_N] = {0}, m[M_N] = {0};
    const struct mi_json_wanted in_model = {"model", model_keys, m, NULL};
    const struct mi_json_wanted wanted = {"tokenizer.json", top_keys, t, &in_model};
    struct mi_tokenizer_state *st = r->st;
    int rc = mi_json_keys(r, r->all, &wanted);

    if (rc == 0 && (!t[T_MODEL].at || t[T_MODEL].at[0] != '{'))
        rc = mi_fail(r->err, MI_EXIT_DATA, "tokenizer.json: there is no model");
    if (rc == 0)
        rc = run_part(r, t[T_NORMALIZER], "normalizer", mi_json_normaliser);
    if (rc == 0)
        rc = run_part(r, t[T_PRE], "pre_tokenizer", mi_json_pretokenizer);
    if (rc == 0)
        rc = read_model(r, m);
    if (rc == 0)
        rc = mi_json_added_tokens(r, t[T_ADDED]);
    if (rc == 0 && (rc = find_unknown(r, m)) == 0)
        rc = read_affixes(r, m);
    if (rc == 0)
        rc = run_part(r, t[T_DECODER], "decoder", mi_json_decoder);
    if (rc == 0)
        rc = run_part(r, t[T_POST], "post_processor", mi_json_post);
    if (rc == 0)
        rc = read_config(r, config, config_len);
    if (rc == 0)
        rc = build_model(r, m);
    if (rc < 0)
        return rc;
    if (st->bos < 0 && st->n_before > 0)
        st->bos = st->before[0];
    if (st->decoder.n > 0)
        mi_vocab_show(&st->vocab, &st->decoder, false);
    add_tokens(r);
    return mi_tokenizer_settle(st, r->err);
}

static struct mi_digest digest_of(const struct mi_tokenizer_state *st, const char *json, size_t len)
{
    struct mi_hash h = {0};
    struct mi_digest d;

    mi_hash_init(&h);
    mi_tokenizer_hash(&h, json, len);
    mi_tokenizer_hash_int(&h, st->bos);
    mi_tokenizer_hash_int(&h, st->eos);
    for (size_t i = 0; i < st->n_before; i++)
        mi_tokenizer_hash_int(&h, st->before[i]);
    d = mi_hash_value(&h);
    mi_hash_free(&h);
    return d;
}

int mi_tokenizer_open_json(struct mi_tokenizer *t, const char *json, size_t len, const char *config,
                           size_t config_len, struct mi_error *err)
{
    struct mi_error own = {0};
    struct mi_json_reader r = {.err = err ? err : &own, .all = {json, len, 0}};
    int rc;

    t->state = r.st = mi_alloc_zero(1, sizeof *r.st);
    r.st->bos = r.st->eos = r.st->eot = r.st->unk = r.st->made_unk = -1;
    rc = read_all(&r, config, config_len);
    free_tokens(&r);
    mi_free(r.score);
    mi_free(r.added);
    mi_arena_free(&r.arena);
    if (rc < 0) {
        mi_tokenizer_free(t);
        return rc;
    }
    r.st->digest = digest_of(r.st, json, len);
    return 0;
}
