/* The kinds of vocabularies in GGUF files that are no byte-level ones, on vocabularies small
 * enough to be worked out by hand. */
#include "text/tokenizer.h"

#include "../tap.h"
#include "base/escape.h"
#include "base/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define S "\xe2\x96\x81" /* ▁ */

enum { MAX_TOKENS = 300 };

/* A vocabulary that is being put together. */
static struct {
    struct mi_bytes token[MAX_TOKENS];
    int32_t type[MAX_TOKENS];
    float score[MAX_TOKENS];
    char byte[256][8];
    struct mi_vocab_source v;
} made;

static int32_t put(const char *text, int type, double score)
{
    size_t k = made.v.n_tokens++;

    made.token[k] = (struct mi_bytes){text, strlen(text)};
    made.type[k] = type;
    made.score[k] = (float)score;
    return (int32_t)k;
}

static void start(const char *model)
{
    made.v = (struct mi_vocab_source){.model = model,
                                      .tokens = made.token,
                                      .types = made.type,
                                      .scores = made.score,
                                      .bos = -1,
                                      .eos = -1,
                                      .eot = -1,
                                      .unk = 0};
}

static void put_bytes(void)
{
    for (unsigned b = 0; b < 256; b++) {
        snprintf(made.byte[b], sizeof made.byte[b], "<0x%02X>", b);
        put(made.byte[b], MI_TOKEN_BYTE, 0);
    }
}

static struct mi_tokenizer ready(void)
{
    struct mi_tokenizer t = {0};
    struct mi_error err = {0};

    if (mi_tokenizer_init(&t, &made.v, &err) < 0) {
        printf("Bail out! %s\n", err.text);
        exit(1);
    }
    return t;
}

/* The pieces of s with their ids' texts, "|" between them, and what they decode to. */
static void pieces_are(const struct mi_tokenizer *t, const char *s, bool special, const char *want,
                       const char *text)
{
    struct mi_token *token = NULL;
    size_t n = 0, cap = 0;
    struct mi_error err = {0};
    struct mi_buf b = {0}, back = {0};
    int r = mi_tokenizer_encode(t, s, strlen(s), special, &token, &n, &cap, &err);

    for (size_t i = 0; i < n && r == 0; i++) {
        mi_buf_add_text(&b, i ? "|" : "");
        mi_buf_add(&b, made.token[token[i].id].at, made.token[token[i].id].len);
    }
    for (size_t i = 0; i < n && r == 0; i++) {
        struct mi_bytes p = mi_tokenizer_piece(t, token[i].id);

        mi_buf_add(&back, p.at, p.len);
    }
    ok(r == 0 && strcmp(mi_buf_text(&b), want) == 0, "'%s' is '%s' (%s)", mi_quote(s),
       mi_quote(want), mi_quote(mi_buf_text(&b)));
    ok(strcmp(mi_buf_text(&back), text) == 0, "and reads '%s' (%s)", mi_quote(text),
       mi_quote(mi_buf_text(&back)));
    mi_buf_free(&b);
    mi_buf_free(&back);
    mi_free(token);
}

static void test_scores(void)
{
    struct mi_tokenizer t;
    struct mi_buf b = {0};
    int32_t ids[2];

    start("llama");
    put("<unk>", MI_TOKEN_UNKNOWN, 0);
    made.v.bos = put("<s>", MI_TOKEN_CONTROL, 0);
    made.v.eos = put("</s>", MI_TOKEN_USER, 0);
    put_bytes();
    put(S, MI_TOKEN_NORMAL, -5);
    put("a", MI_TOKEN_NORMAL, -6);
    put("b", MI_TOKEN_NORMAL, -7);
    put("ab", MI_TOKEN_NORMAL, -1);
    put(S "a", MI_TOKEN_NORMAL, -2);
    ids[0] = put(S "ab", MI_TOKEN_NORMAL, -3);
    put("aa", MI_TOKEN_NORMAL, -4);
    put("\n", MI_TOKEN_NORMAL, -8);
    made.v.add_bos = true;
    t = ready();
    pieces_are(&t, "ab", false, S "ab", " ab");
    pieces_are(&t, "aab", false, S "a|ab", " aab");
    pieces_are(&t, "aaa", false, S "a|aa", " aaa");
    pieces_are(&t, "baaab", false, S "|b|aa|ab", " baaab");
    pieces_are(&t, "", false, "", "");
    pieces_are(&t, "\xc3\xa9", false, S "|<0xC3>|<0xA9>", " \xc3\xa9");
    pieces_are(&t, "ab\n ab", false, S "ab|\n|" S "ab", " ab\n ab");
    pieces_are(&t, "<s>ab", true, "<s>|" S "ab", "<s> ab");
    pieces_are(&t, "</s>", true, "</s>", "</s>");
    ok(mi_tokenizer_is_special(&t, made.v.eos) && mi_tokenizer_is_end(&t, made.v.eos) &&
           mi_tokenizer_adds_bos(&t),
       "what ends a text is a control token, whatever the file says");
    ids[1] = ids[0];
    mi_tokenizer_decode(&t, ids, 2, &b);
    ok(strcmp(mi_buf_text(&b), "ab ab") == 0, "a text begins without the space: %s",
       mi_buf_text(&b));
    mi_buf_free(&b);
    mi_tokenizer_free(&t);
    made.v.no_space_prefix = true;
    t = ready();
    pieces_are(&t, "ab ab", false, "ab|" S "ab", "ab ab");
    mi_tokenizer_free(&t);
    made.v.strips_right = true;
    made.type[made.v.eos] = MI_TOKEN_CONTROL;
    t = ready();
    pieces_are(&t, "</s> \n ab<s> ab", true, "</s>|ab|<s>|" S "ab", "</s>ab<s> ab");
    mi_tokenizer_free(&t);
}

static void test_unigram(void)
{
    struct mi_tokenizer t;

    start("t5");
    made.v.unk = put("<unk>", MI_TOKEN_UNKNOWN, 0);
    put("</s>", MI_TOKEN_CONTROL, 0);
    put(S, MI_TOKEN_NORMAL, -2);
    put("a", MI_TOKEN_NORMAL, -2);
    put("b", MI_TOKEN_NORMAL, -2);
    put(S "a", MI_TOKEN_NORMAL, -3.5);
    put("ab", MI_TOKEN_NORMAL, -3);
    put("bab", MI_TOKEN_NORMAL, -9);
    put("<x>", MI_TOKEN_USER, 0);
    t = ready();
    pieces_are(&t, "ab", false, S "|ab", " ab");
    pieces_are(&t, "a  a", false, S "a|" S "a", " a a");
    pieces_are(&t, " bab ", false, S "|b|ab", " bab");
    pieces_are(&t, "aczb", false, S "a|<unk>|b", " a<unk>b");
    pieces_are(&t, "a<x>", false, S "a|<x>", " a<x>");
    pieces_are(&t, "  ", false, "", "");
    mi_tokenizer_free(&t);
    made.v.keep_spaces = true;
    t = ready();
    pieces_are(&t, "a  a", false, S "a|" S "|" S "a", " a  a");
    mi_tokenizer_free(&t);
}

static void test_words(void)
{
    struct mi_tokenizer t;

    start("bert");
    made.v.unk = put("[UNK]", MI_TOKEN_CONTROL, 0);
    made.v.bos = put("[CLS]", MI_TOKEN_CONTROL, 0);
    put(S "the", MI_TOKEN_NORMAL, 0);
    put(S "th", MI_TOKEN_NORMAL, 0);
    put("re", MI_TOKEN_NORMAL, 0);
    put("e", MI_TOKEN_NORMAL, 0);
    put(S ",", MI_TOKEN_NORMAL, 0);
    made.v.add_bos = true;
    t = ready();
    pieces_are(&t, "The there", false, S "the|" S "the|re", " the there");
    pieces_are(&t, "th\xc3\xa9,th\xc3\xa8re", false, S "the|" S ",|" S "the|re", " the , there");
    pieces_are(&t, "these the", false, "[UNK]|" S "the", "[UNK] the");
    mi_tokenizer_free(&t);
}

static void test_gemma(void)
{
    struct mi_bytes merges[] = {{S " a", 5}, {"a \n", 3}, {"\n \n", 3}};
    struct mi_tokenizer t;

    start("gemma4");
    put("<unk>", MI_TOKEN_UNKNOWN, 0);
    put_bytes();
    put(S, MI_TOKEN_NORMAL, 0);
    put("a", MI_TOKEN_NORMAL, 0);
    put("\n", MI_TOKEN_NORMAL, 0);
    put(S "a", MI_TOKEN_NORMAL, 0);
    put("a\n", MI_TOKEN_NORMAL, 0);
    put("\n\n", MI_TOKEN_NORMAL, 0);
    put("\n\n\n", MI_TOKEN_NORMAL, 0);
    made.v.merges = merges;
    made.v.n_merges = 3;
    t = ready();
    pieces_are(&t, "a a\na", false, "a|" S "a|\n|a", "a a\na");
    pieces_are(&t, "\n\n\n\n", false, "\n\n|\n\n", "\n\n\n\n");
    pieces_are(&t, "a\n\n\na", false, "a|\n\n\n|a", "a\n\n\na");
    pieces_are(&t, "\xe4\xb8\xad", false, "<0xE4>|<0xB8>|<0xAD>", "\xe4\xb8\xad");
    mi_tokenizer_free(&t);
}

static void refuse(const char *word, const char *what)
{
    struct mi_tokenizer t;
    struct mi_error err = {0};
    int r = mi_tokenizer_init(&t, &made.v, &err);

    ok(r == -MI_EXIT_DATA && strstr(err.text, word) && !t.state, "%s: %s", what, err.text);
    if (r == 0)
        mi_tokenizer_free(&t);
}

static void test_refusals(void)
{
    start("llama");
    put("<unk>", MI_TOKEN_UNKNOWN, 0);
    put("a", MI_TOKEN_NORMAL, (double)NAN);
    refuse("score", "a score that is no number");
    made.score[1] = 0;
    made.v.model = "t5";
    made.v.charmap = (struct mi_bytes){"\x10\0\0\0", 4};
    refuse("map of characters", "a map of characters that is cut");
    made.v.charmap = (struct mi_bytes){"\0\0\0\0\xff", 5};
    refuse("UTF-8", "one with a text that is none");
    made.v.model = "gemma4";
    made.v.charmap = (struct mi_bytes){0};
    made.v.merges = &(struct mi_bytes){"a z", 3};
    made.v.n_merges = 1;
    refuse("merge 0", "a merge of what is not there");
}

int main(void)
{
    test_scores();
    test_unigram();
    test_words();
    test_gemma();
    test_refusals();
    return done();
}
