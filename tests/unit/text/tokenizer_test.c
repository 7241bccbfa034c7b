/* Ids against the tokenizers package; special tokens; refusals; hostile text. */
#include "text/tokenizer.h"

#include "../tap.h"
#include "base/mem.h"
#include "golden.h"
#include "hostile.h"

static struct {
    struct mi_token *at;
    size_t n, cap;
} got;

static int run(const struct mi_tokenizer *t, const char *s, size_t len, bool special,
               struct mi_error *err)
{
    got.n = 0;
    return mi_tokenizer_encode(t, s, len, special, &got.at, &got.n, &got.cap, err);
}

static bool equals(const struct mi_value *ids)
{
    if (ids->as.array.n != got.n)
        return false;
    for (size_t i = 0; i < got.n; i++)
        if (item(ids, i)->as.integer != got.at[i].id)
            return false;
    return true;
}

/* Tokens stand in order and, where every byte has a token, cover the text with their pieces.
 * Tokens of a stretch that the normal form changed share its place. */
static bool covers(const struct mi_tokenizer *t, const char *s, size_t len, bool is_complete)
{
    size_t begin = 0, at = 0;

    for (size_t i = 0; i < got.n; i++) {
        struct mi_bytes p = mi_tokenizer_piece(t, got.at[i].id);
        struct mi_token k = got.at[i];

        if (k.begin < begin || k.end < at || k.end <= k.begin || k.end > len)
            return false;
        if (is_complete &&
            (k.begin != at || k.end != at + p.len || memcmp(p.at, s + at, p.len) != 0))
            return false;
        begin = k.begin;
        at = k.end;
    }
    return !is_complete || at == len;
}

static void test_family(struct mi_arena *a, const struct mi_value *strings,
                        const struct mi_value *family)
{
    const struct mi_value *plain = mi_get(family, "plain"), *special = mi_get(family, "special");
    const char *pre = mi_get_str(family, "pre", "?");
    struct mi_vocab_source v = vocab_of(a, family);
    struct mi_tokenizer t;
    struct mi_error err = {0};
    int wrong = 0, uncovered = 0, done_ = 0;

    if (!ok(mi_tokenizer_init(&t, &v, &err) == 0, "%s: opens: %s", pre, err.text))
        return;
    for (size_t i = 0; i < strings->as.array.n; i++) {
        const char *s = item(strings, i)->as.bytes.at;
        size_t len = item(strings, i)->as.bytes.len;
        const struct mi_value *want = item(plain, i), *seen;
        char number[24];
        /* the normal form moves bytes; a vocabulary may lack some */
        bool is_complete = strcmp(pre, "qwen2") != 0 && strcmp(pre, "smollm") != 0;

        if (mi_is(want, MI_NIL))
            continue;
        if (run(&t, s, len, false, &err) < 0 || !equals(want))
            wrong++;
        uncovered += !covers(&t, s, len, is_complete);
        snprintf(number, sizeof number, "%zu", i);
        seen = mi_get(special, number);
        if (run(&t, s, len, true, &err) < 0 || !equals(seen ? seen : want))
            wrong++;
        uncovered += !covers(&t, s, len, is_complete);
        done_++;
    }
    ok(wrong == 0, "%s: ids of %d strings, plain and with control tokens (%d differ)", pre, done_,
       wrong);
    ok(uncovered == 0, "%s: tokens cover their text (%d do not)", pre, uncovered);
    mi_tokenizer_free(&t);
}

static int32_t only_id(const struct mi_tokenizer *t, const char *s, bool special)
{
    struct mi_error err = {0};

    return run(t, s, strlen(s), special, &err) == 0 && got.n == 1 ? got.at[0].id : -1;
}

static void test_special(const struct mi_tokenizer *t)
{
    const char *s = "<|im_start|>x<|im_end|>";
    struct mi_text_range second = {13, 23}, cut = {0, 11};
    struct mi_error err = {0};

    ok(only_id(t, "<|im_end|>", true) == 2, "a control token is seen when asked for");
    ok(only_id(t, "<|im_end|>", false) == -1, "and is text otherwise");
    ok(only_id(t, "<tool>", false) == 6, "a user-defined token is always seen");
    got.n = 0;
    ok(mi_tokenizer_encode_marked(t, s, 23, &second, 1, &got.at, &got.n, &got.cap, &err) == 0 &&
           got.n > 3 && got.at[got.n - 1].id == 2 && got.at[0].id != 1,
       "control tokens are seen in the marked range only");
    got.n = 0;
    ok(mi_tokenizer_encode_marked(t, s, 23, &cut, 1, &got.at, &got.n, &got.cap, &err) == 0 &&
           got.at[0].id != 1,
       "and not when they reach beyond it");
    ok(mi_tokenizer_is_special(t, 2) && !mi_tokenizer_is_special(t, 6) &&
           !mi_tokenizer_is_special(t, 20) && !mi_tokenizer_is_special(t, -1) &&
           !mi_tokenizer_is_special(t, 1 << 30),
       "which tokens are special");
    ok(mi_tokenizer_is_end(t, 2) && mi_tokenizer_is_end(t, 0) && mi_tokenizer_is_end(t, 4) &&
           !mi_tokenizer_is_end(t, 1) && !mi_tokenizer_is_end(t, 20) && !mi_tokenizer_is_end(t, -1),
       "which tokens end a text");
    ok(mi_tokenizer_find(t, "<|im_start|>", 12) == 1 && mi_tokenizer_find(t, "no such", 7) == -1 &&
           mi_tokenizer_find(t, "", 0) == -1,
       "tokens are found by their text");
    ok(mi_tokenizer_piece(t, -1).len == 0 && mi_tokenizer_piece(t, 99999).len == 0,
       "ids outside the vocabulary have no bytes");
    ok(run(t, "ab\xff", 3, false, &err) == -MI_EXIT_DATA && strstr(err.text, "byte 2"),
       "invalid UTF-8 is refused: %s", err.text);
    ok(run(t, "\xed\xa0\x80", 3, false, &err) < 0 && run(t, "\xc0\x80", 2, false, &err) < 0,
       "surrogates and overlong forms too");
    ok(run(t, NULL, 0, true, &err) == 0 && got.n == 0, "no text, no tokens");
}

static void refuse(struct mi_vocab_source v, const char *word, const char *what)
{
    struct mi_tokenizer t;
    struct mi_error err = {0};
    int r = mi_tokenizer_init(&t, &v, &err);

    ok(r == -MI_EXIT_DATA && strstr(err.text, word) && !t.state, "%s: %s", what, err.text);
    if (r == 0)
        mi_tokenizer_free(&t);
}

static void test_refusals(struct mi_arena *a, const struct mi_value *family)
{
    struct mi_vocab_source v = vocab_of(a, family), w = v;
    struct mi_bytes *tokens = mi_arena_alloc(a, v.n_tokens * sizeof *tokens);
    struct mi_bytes bad_merge = {"zq xj", 5}, no_merge = {"abc", 3};
    int32_t types[8] = {1, 1, 1, 9, 1, 1, 1, 1};

    w.model = "rwkv";
    refuse(w, "'rwkv'", "another kind of tokenizer");
    w = v;
    w.pre = "nonsense";
    refuse(w, "smollm", "an unknown pre-tokenizer, with the known ones");
    w.pre = NULL;
    refuse(w, "pre-tokenizer", "no pre-tokenizer");
    w = v;
    w.n_tokens = 0;
    refuse(w, "0 tokens", "an empty vocabulary");
    w = v;
    w.bos = (int32_t)v.n_tokens;
    refuse(w, "BOS", "a BOS outside the vocabulary");
    w = v;
    w.eot = -2;
    refuse(w, "EOT", "an id below -1");
    w = v;
    w.bos = -1;
    w.add_bos = true;
    refuse(w, "BOS", "a BOS to add that is not there");
    w = v;
    w.merges = &bad_merge;
    w.n_merges = 1;
    refuse(w, "merge 0", "a merge of unknown pieces");
    w.merges = &no_merge;
    refuse(w, "merge 0", "a merge that is no pair");
    w = v;
    memcpy(tokens, v.tokens, v.n_tokens * sizeof *tokens);
    tokens[30] = tokens[20];
    w.tokens = tokens;
    refuse(w, "20 and 30", "two equal tokens");
    w = v;
    w.n_tokens = 8;
    w.n_merges = 0;
    w.types = types;
    refuse(w, "token 3", "an unknown type of token");
}

static void test_control_merge(void)
{
    /* A merge that spells a control token must not make one. */
    struct mi_bytes tokens[] = {{"<a>", 3}, {"<", 1}, {"a", 1}, {">", 1}, {"<a", 2}};
    struct mi_bytes merges[] = {{"< a", 3}, {"<a >", 4}};
    int32_t types[] = {3, 1, 1, 1, 1};
    struct mi_vocab_source v = {.model = "gpt2",
                                .pre = "gpt-2",
                                .tokens = tokens,
                                .n_tokens = 5,
                                .types = types,
                                .merges = merges,
                                .n_merges = 2,
                                .bos = -1,
                                .eos = -1,
                                .eot = -1,
                                .unk = -1};
    struct mi_tokenizer t;
    struct mi_error err = {0};
    struct mi_digest a, b;

    ok(mi_tokenizer_init(&t, &v, &err) == 0, "a merge to a control token is left out %s", err.text);
    a = mi_tokenizer_digest(&t);
    run(&t, "<a>", 3, false, &err);
    ok(got.n > 1 && got.at[0].id != 0, "text does not merge to a control token");
    run(&t, "<a>", 3, true, &err);
    ok(got.n == 1 && got.at[0].id == 0, "which is there all the same");
    mi_tokenizer_free(&t);
    types[4] = 4;
    ok(mi_tokenizer_init(&t, &v, &err) == 0, "a user-defined token may be a merge's too");
    b = mi_tokenizer_digest(&t);
    ok(memcmp(&a, &b, sizeof a) != 0, "the digest knows the types");
    mi_tokenizer_free(&t);
}

int main(void)
{
    struct rlimit small = {SMALL_STACK, SMALL_STACK};
    struct mi_arena a = {0};
    struct mi_value all = read_golden(&a, "tests/golden/text/tokenizers.json");
    const struct mi_value *families = mi_get(&all, "families");
    struct mi_tokenizer t;

    setrlimit(RLIMIT_STACK, &small);
    for (size_t i = 0; i < families->as.array.n; i++)
        test_family(&a, mi_get(&all, "strings"), item(families, i));
    t = open_golden(&a, &all, "gpt-2");
    test_special(&t);
    test_hostile(&t, "gpt-2");
    mi_tokenizer_free(&t);
    t = open_golden(&a, &all, "qwen2");
    test_hostile(&t, "qwen2");
    mi_tokenizer_free(&t);
    t = open_golden(&a, &all, "tekken");
    test_hostile(&t, "tekken");
    mi_tokenizer_free(&t);
    test_refusals(&a, item(families, 0));
    test_control_merge();
    ok(mi_tokenizer_default_bos("gpt2", "llama-bpe") &&
           !mi_tokenizer_default_bos("gpt2", "gpt-2") && !mi_tokenizer_default_bos(NULL, NULL) &&
           !mi_tokenizer_default_bos("?", "?") && mi_tokenizer_default_bos("llama", NULL),
       "which pre-tokenizers mean that BOS is added");
    mi_free(got.at);
    mi_arena_free(&a);
    return done();
}
