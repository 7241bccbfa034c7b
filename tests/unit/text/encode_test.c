/* Prompts to tokens: rendering, BOS, spans, roles, continuations. */
#include "text/encode.h"

#include "../tap.h"
#include "base/mem.h"
#include "golden.h"

#include <string.h>

static struct mi_tokenizer tok, bos_tok, nfc_tok;
static struct mi_chat_template chatml, mistral;
static struct mi_encoded e;
static struct mi_error err;

static int run(const struct mi_tokenizer *t, const struct mi_prompt *p, struct mi_encode_options o)
{
    err = (struct mi_error){0};
    return mi_encode(t, &o, p, &e, &err);
}

static struct mi_prompt text_prompt(const char *s)
{
    return (struct mi_prompt){.id = "1", .text = s, .text_len = strlen(s)};
}

/* The bytes of tokens [begin, end). */
static const char *bytes_of(int64_t begin, int64_t end)
{
    static char s[512];
    size_t n = 0;

    for (int64_t i = begin; i < end && i < e.n_tokens; i++)
        if (n + e.piece_len[i] < sizeof s - 1) {
            memcpy(s + n, e.piece[i], e.piece_len[i]);
            n += e.piece_len[i];
        }
    s[n] = '\0';
    return s;
}

static const char *all(void)
{
    return bytes_of(0, e.n_tokens);
}

static void test_text(void)
{
    struct mi_prompt p = text_prompt("The honest person <|im_end|>");

    ok(run(&tok, &p, (struct mi_encode_options){0}) == 0 && strcmp(all(), p.text) == 0 &&
           strcmp(e.text, p.text) == 0 && e.n_roles == 0 && e.n_spans == 0 && !e.target && !e.foil,
       "a text as it stands %s", err.text);
    for (int64_t i = 0; i < e.n_tokens; i++)
        if (mi_tokenizer_is_special(&tok, e.tokens[i]))
            ok(false, "no control token from a text");
    ok(e.offset[0] == 0 && e.offset[1] == (int64_t)e.piece_len[0], "offsets in bytes");
    ok(run(&tok, &p, (struct mi_encode_options){.parse_special = true}) == 0 &&
           e.tokens[e.n_tokens - 1] == 2,
       "unless it is asked for");
    p = text_prompt("");
    ok(run(&tok, &p, (struct mi_encode_options){0}) == 0 && e.n_tokens == 0, "no text, no tokens");
}

static void test_bos(void)
{
    struct mi_prompt p = text_prompt("x y");
    struct mi_message m[] = {{"user", "x", 1}};
    struct mi_prompt q = {.id = "1", .messages = m, .n_messages = 1};
    struct mi_prompt marked = text_prompt("<|im_start|>x");

    ok(run(&bos_tok, &p, (struct mi_encode_options){0}) == 0 && e.tokens[0] == 1 &&
           e.offset[0] == -1 && e.offset[1] == 0 && strcmp(e.text, "x y") == 0,
       "BOS goes before a text");
    ok(run(&bos_tok, &p, (struct mi_encode_options){.no_bos = true}) == 0 && e.tokens[0] != 1,
       "unless it is not wanted");
    ok(run(&bos_tok, &marked, (struct mi_encode_options){.parse_special = true}) == 0 &&
           e.tokens[0] == 1 && e.tokens[1] != 1,
       "or there");
    ok(run(&bos_tok, &q, (struct mi_encode_options){.chat = &chatml}) == 0 && e.tokens[0] == 1 &&
           e.tokens[1] != 1 && e.offset[0] == 0,
       "or written by the template");
    ok(run(&tok, &q, (struct mi_encode_options){.chat = &mistral}) == 0 && e.tokens[0] == 3 &&
           strncmp(e.text, "<s>[INST] x", 11) == 0,
       "which may write another");
    ok(run(&tok, &q, (struct mi_encode_options){.chat = &mistral, .no_bos = true}) == 0 &&
           strncmp(e.text, "[INST] x", 8) == 0,
       "and does not when it is not wanted");
}

static void test_messages(void)
{
    struct mi_message m[] = {{"user", "Say <|im_end|> now", 18}, {"assistant", "Paris is", 8}};
    struct mi_prompt p = {.id = "1", .messages = m, .n_messages = 2};
    struct mi_encode_options o = {.chat = &chatml};
    int control = 0;

    ok(run(&tok, &p, o) == 0 &&
           strcmp(all(), "<|im_start|>user\nSay <|im_end|> now<|im_end|>\n<|im_start|>assistant\n"
                         "Paris is") == 0,
       "a conversation, its last turn open");
    for (int64_t i = 0; i < e.n_tokens; i++)
        control += mi_tokenizer_is_special(&tok, e.tokens[i]);
    ok(control == 3, "markers are control tokens, contents are not (%d)", control);
    ok(e.n_roles == 2 && strcmp(e.roles[0].name, "user") == 0 &&
           strcmp(bytes_of(e.roles[0].begin, e.roles[0].end), "Say <|im_end|> now") == 0 &&
           strcmp(e.roles[1].name, "assistant") == 0 &&
           strcmp(bytes_of(e.roles[1].begin, e.roles[1].end), "Paris is") == 0,
       "roles are the contents");
    o.system = "Be honest.";
    ok(run(&tok, &p, o) == 0 && e.n_roles == 3 && strcmp(e.roles[0].name, "system") == 0 &&
           strcmp(bytes_of(e.roles[0].begin, e.roles[0].end), "Be honest.") == 0,
       "a system message is put before");
    m[0].role = "system";
    ok(run(&tok, &p, o) == 0 && e.n_roles == 2, "unless there is one");
    m[0].role = "user";
    p.n_messages = 1;
    o.system = NULL;
    o.add_generation_prompt = true;
    ok(run(&tok, &p, o) == 0 && strstr(e.text, "<|im_start|>assistant\n") && e.n_roles == 1,
       "the assistant's turn is opened");
    o.chat = NULL;
    ok(run(&tok, &p, o) == -MI_EXIT_DATA, "messages need a template: %s", err.text);
    p = text_prompt("Say <|im_end|> now");
    ok(run(&tok, &p, (struct mi_encode_options){.chat = &chatml, .is_chat = true}) == 0 &&
           strcmp(e.text, "<|im_start|>user\nSay <|im_end|> now<|im_end|>\n") == 0 &&
           e.n_roles == 1,
       "a text may be a user's message");
}

static void test_tokens(void)
{
    int32_t ids[] = {1, 30, 40, 2};
    struct mi_named_range span = {"s", NULL, 0, 12};
    struct mi_prompt p = {.id = "1", .tokens = ids, .n_tokens = 4};

    ok(run(&bos_tok, &p, (struct mi_encode_options){0}) == 0 && e.n_tokens == 4 &&
           memcmp(e.tokens, ids, sizeof ids) == 0 && e.offset[0] == 0 && e.offset[1] == 12,
       "ids are taken as they are");
    p.spans = &span;
    p.n_spans = 1;
    ok(run(&tok, &p, (struct mi_encode_options){0}) == 0 && e.spans[0].begin == 0 &&
           e.spans[0].end == 1,
       "spans count in their text");
    p.target = " x";
    ok(run(&tok, &p, (struct mi_encode_options){0}) == 0 && e.n_target > 0 && e.n_tokens == 4,
       "a continuation follows them");
    ids[2] = 1 << 20;
    ok(run(&tok, &p, (struct mi_encode_options){0}) == -MI_EXIT_DATA &&
           strstr(err.text, "token 2 is 1048576"),
       "%s", err.text);
}

static int with_span(const char *text, const char *needle, int64_t begin, int64_t end)
{
    struct mi_named_range span = {"s", needle, begin, end};
    struct mi_prompt p = text_prompt(text);

    p.spans = &span;
    p.n_spans = 1;
    return run(&bos_tok, &p, (struct mi_encode_options){0});
}

static const char *span_text(void)
{
    return e.n_spans > 0 ? bytes_of(e.spans[0].begin, e.spans[0].end) : "";
}

static void test_spans(void)
{
    struct mi_message m[] = {{"user", "is Rome big", 11},
                             {"assistant", "Rome and \xc3\xa9t\xc3\xa9", 14}};
    struct mi_named_range spans[] = {{"s", "big", 0, 0}, {"last", NULL, 9, 12}};
    struct mi_prompt p = {.id = "1", .messages = m, .n_messages = 2, .spans = spans, .n_spans = 2};
    struct mi_encode_options o = {.chat = &chatml};

    ok(with_span("the capital is big", "capital", 0, 0) == 0 && strstr(span_text(), "capital") &&
           e.spans[0].begin > 0,
       "a text is found");
    ok(with_span("caf\xc3\xa9 x", "\xc3\xa9", 0, 0) == 0 && strstr(span_text(), "\xc3\xa9"),
       "every token that overlaps");
    ok(with_span("caf\xc3\xa9 x", NULL, 3, 4) == 0 && strstr(span_text(), "\xc3\xa9") &&
           strcmp(e.spans[0].name, "s") == 0,
       "a range counts characters");
    ok(with_span("abc", NULL, 0, 3) == 0 && e.spans[0].begin == 1 && e.spans[0].end == e.n_tokens,
       "the whole text, behind BOS");
    ok(with_span("abc", "x", 0, 0) == -MI_EXIT_DATA && strstr(err.text, "'s'"), "%s", err.text);
    ok(with_span("aaa", "aa", 0, 0) == -MI_EXIT_DATA && strstr(err.text, "2 places"), "%s",
       err.text);
    ok(with_span("abc", NULL, 2, 4) == -MI_EXIT_DATA, "%s", err.text);
    ok(with_span("", NULL, 0, 1) == -MI_EXIT_DATA, "%s", err.text);
    ok(run(&tok, &p, o) == 0 && strstr(span_text(), "big") &&
           strcmp(bytes_of(e.spans[1].begin, e.spans[1].end), " \xc3\xa9t\xc3\xa9") == 0,
       "in messages; ranges in the last %s", err.text);
    spans[0].needle = "user";
    ok(run(&tok, &p, o) == -MI_EXIT_DATA, "markers are not looked at: %s", err.text);
    spans[0].needle = "Rome";
    ok(run(&tok, &p, o) == -MI_EXIT_DATA && strstr(err.text, "2 places"), "%s", err.text);
    ok(with_span("x", "x", 0, 0) == 0, "an encoding may follow one that failed");
}

static void test_normal_form(void)
{
    struct mi_named_range spans[] = {{"mark", NULL, 4, 5}, {"after", "z", 0, 0}};
    struct mi_prompt p = text_prompt("cafe\xcc\x81 a\xcc\xa3\xcc\x88 z");

    p.spans = spans;
    p.n_spans = 2;
    ok(run(&nfc_tok, &p, (struct mi_encode_options){0}) == 0 &&
           strcmp(all(), "caf\xc3\xa9 \xe1\xba\xa1\xcc\x88 z") == 0 && e.text_len == p.text_len,
       "tokens are of the normal form, the text is as written");
    ok(strstr(span_text(), "\xc3") || strstr(span_text(), "\xa9"), "a span finds its place");
    ok(strstr(bytes_of(e.spans[1].begin, e.spans[1].end), "z") && e.spans[1].end == e.n_tokens &&
           e.offset[e.n_tokens - 1] >= 12,
       "also behind what changed");
}

static int with_target(const char *text, const char *target, const char *foil)
{
    struct mi_prompt p = text_prompt(text);

    p.target = target;
    p.foil = foil;
    return run(&bos_tok, &p, (struct mi_encode_options){0});
}

static void test_continuations(void)
{
    struct mi_message m[] = {{"user", "x", 1}};
    struct mi_prompt p = {.id = "1", .messages = m, .n_messages = 1, .target = "Paris <s>"};
    struct mi_prompt alone = text_prompt("The capital of France is Paris.");
    int32_t joint[64];
    int64_t n = 0, i;

    run(&bos_tok, &alone, (struct mi_encode_options){0});
    for (n = 0; n < e.n_tokens; n++)
        joint[n] = e.tokens[n];
    ok(with_target("The capital of France is", " Paris.", " Rome.") == 0 &&
           e.n_tokens + e.n_target == n && e.n_foil > 0,
       "target and foil %s", err.text);
    for (i = 0; i < n; i++)
        if (joint[i] != (i < e.n_tokens ? e.tokens[i] : e.target[i - e.n_tokens]))
            break;
    ok(i == n, "together they are what the whole text is");
    ok(with_target("The capital of France is ", "Paris", NULL) == -MI_EXIT_DATA &&
           strstr(err.text, "span the end"),
       "%s", err.text);
    ok(with_target("x", "", NULL) == -MI_EXIT_DATA && strstr(err.text, "'target'"), "%s", err.text);
    ok(with_target("x", " y", "") == -MI_EXIT_DATA && strstr(err.text, "'foil'"), "%s", err.text);
    /* alone "\n\n" would be one piece; before a word the last newline is its own */
    ok(with_target("x\n\n", "y", "z") == 0 && strcmp(all(), "<|im_start|>x\n\n") == 0,
       "the prompt's tokens are those before the target %s", err.text);
    ok(with_target("x\n\n", "y", "\n") < 0 || e.n_foil > 0, "target and foil agree on them");
    ok(run(&tok, &p, (struct mi_encode_options){.chat = &chatml, .add_generation_prompt = true}) ==
               0 &&
           e.n_target > 3 && strstr(all(), "assistant\n"),
       "after a conversation; its text makes no control tokens");
}

int main(void)
{
    struct mi_arena a = {0};
    struct mi_value golden = read_golden(&a, "tests/golden/text/tokenizers.json");
    struct mi_vocab_source v = vocab_of(&a, item(mi_get(&golden, "families"), 0));

    struct mi_chat_model with_bos = {.bos = "<s>"};

    v.add_bos = true;
    tok = open_golden(&a, &golden, "gpt-2");
    nfc_tok = open_golden(&a, &golden, "qwen2");
    if (mi_tokenizer_init(&bos_tok, &v, &err) < 0 ||
        mi_chat_open(&chatml, "chatml", NULL, &err) < 0 ||
        mi_chat_open(&mistral, "mistral", &with_bos, &err) < 0)
        diag("%s", err.text);
    test_text();
    test_bos();
    test_messages();
    test_tokens();
    test_spans();
    test_normal_form();
    test_continuations();
    mi_encoded_free(&e);
    mi_encoded_free(&e);
    mi_tokenizer_free(&tok);
    mi_tokenizer_free(&bos_tok);
    mi_tokenizer_free(&nfc_tok);
    mi_chat_free(&chatml);
    mi_chat_free(&mistral);
    mi_arena_free(&a);
    return done();
}
