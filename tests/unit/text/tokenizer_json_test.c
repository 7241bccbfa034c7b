/* Tokenizers of fixtures/tokenizers against the tokenizers package; refusals; hostile text. */
#include "text/tokenizer_json.h"

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

static struct mi_tokenizer open_file(const char *name)
{
    struct mi_tokenizer t = {0};
    struct mi_buf json = {0};
    struct mi_error err = {0};
    char path[128];

    snprintf(path, sizeof path, "fixtures/tokenizers/%s.json", name);
    if (mi_file_read(path, 1 << 20, &json, &err) < 0 ||
        mi_tokenizer_open_json(&t, json.data, json.len, NULL, 0, &err) < 0) {
        printf("Bail out! %s: %s\n", path, err.text);
        exit(1);
    }
    mi_buf_free(&json);
    return t;
}

/* ---- against the package ------------------------------------------------------------- */

static bool equals(const struct mi_value *ids)
{
    if (ids->as.array.n != got.n)
        return false;
    for (size_t i = 0; i < got.n; i++)
        if (item(ids, i)->as.integer != got.at[i].id)
            return false;
    return true;
}

static bool is_in_order(size_t len)
{
    size_t begin = 0, end = 0;

    for (size_t i = 0; i < got.n; i++) {
        struct mi_token k = got.at[i];

        if (k.begin < begin || k.end < end || k.end < k.begin || k.end > len)
            return false;
        begin = k.begin;
        end = k.end;
    }
    return true;
}

/* The text of the tokens is what the package says: the string itself where it says nothing. */
static bool reads_back(const struct mi_tokenizer *t, const struct mi_value *want, const char *s,
                       size_t len)
{
    int32_t *ids = mi_alloc_n(got.n + 1, sizeof *ids);
    struct mi_buf text = {0};
    bool same;

    for (size_t i = 0; i < got.n; i++)
        ids[i] = got.at[i].id;
    mi_tokenizer_decode(t, ids, got.n, &text);
    if (want) {
        s = want->as.bytes.at;
        len = want->as.bytes.len;
    }
    same = mi_is(want, MI_NIL) || (text.len == len && (len == 0 || !memcmp(text.data, s, len)));
    mi_buf_free(&text);
    mi_free(ids);
    return same;
}

static void test_file(const struct mi_value *strings, const struct mi_value *answers)
{
    const char *name = mi_get_str(answers, "name", "?");
    const struct mi_value *plain = mi_get(answers, "plain"), *special = mi_get(answers, "special");
    const struct mi_value *text = mi_get(answers, "text"), *first = mi_get(answers, "first");
    /* how words are joined is the package's choice */
    bool is_text = strncmp(name, "word", 4) != 0 && strncmp(name, "bpe-", 4) != 0;
    struct mi_tokenizer t = open_file(name);
    struct mi_error err = {0};
    int wrong = 0, astray = 0, unread = 0;
    const int32_t *before;
    size_t n_before;

    for (size_t i = 0; i < strings->as.array.n; i++) {
        const char *s = item(strings, i)->as.bytes.at;
        size_t len = item(strings, i)->as.bytes.len;
        const struct mi_value *want = item(plain, i), *seen;
        char number[24];

        snprintf(number, sizeof number, "%zu", i);
        if (!mi_is(want, MI_NIL)) {
            wrong += run(&t, s, len, false, &err) < 0 || !equals(want);
            astray += !is_in_order(len);
            unread += is_text && !reads_back(&t, mi_get(text, number), s, len);
        }
        seen = mi_get(special, number);
        wrong += run(&t, s, len, true, &err) < 0 || !equals(seen ? seen : want);
        astray += !is_in_order(len);
    }
    before = mi_tokenizer_prefix(&t, &n_before);
    ok(wrong == 0, "%s: ids of %zu strings, plain and with control tokens (%d differ)", name,
       strings->as.array.n, wrong);
    ok(astray == 0 && unread == 0, "%s: places in order, text as before (%d, %d are not)", name,
       astray, unread);
    ok(n_before == first->as.array.n &&
           (n_before == 0 || before[0] == item(first, 0)->as.integer) &&
           mi_tokenizer_adds_bos(&t) == (n_before > 0),
       "%s: %zu tokens before a text", name, n_before);
    mi_tokenizer_free(&t);
}

/* ---- places --------------------------------------------------------------------------- */

static void places_are(const char *name, const char *s, const char *want)
{
    struct mi_tokenizer t = open_file(name);
    struct mi_error err = {0};
    struct mi_buf b = {0};

    run(&t, s, strlen(s), true, &err);
    for (size_t i = 0; i < got.n; i++)
        mi_buf_addf(&b, "%s%u-%u", i ? " " : "", (unsigned)got.at[i].begin,
                    (unsigned)got.at[i].end);
    ok(strcmp(mi_buf_text(&b), want) == 0, "%s: '%s' is from %s (%s)", name, s, want,
       mi_buf_text(&b));
    mi_buf_free(&b);
    mi_tokenizer_free(&t);
}

static void test_places(void)
{
    struct mi_tokenizer t = open_file("unigram-t5");
    struct mi_error err = {0};
    int32_t first, more;

    places_are("spm-llama2", "the <left> the", "0-0 0-3 3-10 10-11 11-14");
    places_are("spm-llama2", "the<right>  the", "0-0 0-3 3-12 12-12 12-15");
    places_are("spm-llama2", "\xe4\xb8\x80", "0-0 0-1 1-2 2-3"); /* bytes of one character */
    places_are("bytes-qwen2", "e\xcc\x81", "0-3");
    places_are("unigram-t5", "the   the", "0-3 3-9");
    run(&t, "the", 3, false, &err);
    first = got.at[0].id;
    got.n = 0;
    ok(mi_tokenizer_encode_more(&t, "the", 3, NULL, 0, &got.at, &got.n, &got.cap, &err) == 0 &&
           got.at[0].id != first,
       "what goes on behind a text has no space before it");
    more = got.at[0].id;
    ok(mi_tokenizer_piece(&t, first).len == 4 && mi_tokenizer_piece(&t, first).at[0] == ' ' &&
           mi_tokenizer_piece(&t, more).at[0] == 't',
       "pieces are what stands in the text");
    mi_tokenizer_add_end(&t, first);
    mi_tokenizer_add_end(&t, 1 << 30);
    mi_tokenizer_add_end(&t, -1);
    ok(mi_tokenizer_is_end(&t, first) && !mi_tokenizer_is_end(&t, more), "ends that are added");
    mi_tokenizer_free(&t);
}

/* ---- tokenizer_config.json -------------------------------------------------------------- */

static void test_config(void)
{
    static const char json[] =
        "{\"added_tokens\":[{\"id\":2,\"content\":\"<s>\",\"special\":true}],"
        "\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":1},\"merges\":[]}}";
    static const char config[] = "{\"bos_token\":{\"content\":\"<s>\",\"lstrip\":false},"
                                 "\"eos_token\":\"a\",\"unk_token\":null,\"add_bos_token\":true}";
    struct mi_tokenizer t, u;
    struct mi_error err = {0};
    struct mi_digest a, b;

    ok(mi_tokenizer_open_json(&t, json, strlen(json), config, strlen(config), &err) == 0 &&
           mi_tokenizer_bos(&t) == 2 && mi_tokenizer_eos(&t) == 0 && mi_tokenizer_adds_bos(&t),
       "a configuration names BOS and EOS %s", err.text);
    ok(mi_tokenizer_open_json(&u, json, strlen(json), NULL, 0, &err) == 0 &&
           mi_tokenizer_bos(&u) == -1 && !mi_tokenizer_adds_bos(&u),
       "without one there are none");
    a = mi_tokenizer_digest(&t);
    b = mi_tokenizer_digest(&u);
    ok(memcmp(&a, &b, sizeof a) != 0, "the digest knows");
    mi_tokenizer_free(&t);
    mi_tokenizer_free(&u);
    ok(mi_tokenizer_open_json(&t, json, strlen(json), "[]", 2, &err) == -MI_EXIT_DATA && !t.state,
       "a configuration that is none: %s", err.text);
}

/* ---- refusals --------------------------------------------------------------------------- */

static void refuse(const char *json, const char *word, const char *what)
{
    struct mi_tokenizer t;
    struct mi_error err = {0};
    int r = mi_tokenizer_open_json(&t, json, strlen(json), NULL, 0, &err);

    ok(r == -MI_EXIT_DATA && strstr(err.text, word) && !t.state, "%s: %s", what, err.text);
    if (r == 0)
        mi_tokenizer_free(&t);
}

#define MODEL(rest) "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":1,\"ab\":2}" rest "}"
#define WITH(part)                                                                                 \
    "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":1,\"ab\":2},\"merges\":[[\"a\",\"b\"]]" \
    "}," part

static void test_refusals(void)
{
    refuse("", "JSON", "nothing");
    refuse("[]", "object", "no object");
    refuse("{}", "no model", "no model");
    refuse(WITH("\"model\":null}"), "twice", "two models");
    refuse("{\"model\":{\"type\":\"BPE\"}}", "no vocab", "no vocabulary");
    refuse("{\"model\":{\"type\":\"BPE\",\"vocab\":{}}}", "0 tokens", "an empty vocabulary");
    refuse("{\"model\":{\"type\":\"Magic\",\"vocab\":{}}}", "Magic", "an unknown model");
    refuse("{\"model\":{\"vocab\":{\"a\":0,\"b\":0},\"merges\":[]}}", "id 0", "an id twice");
    refuse("{\"model\":{\"vocab\":{\"a\":0,\"a\":1},\"merges\":[]}}", "same", "a token twice");
    refuse("{\"model\":{\"vocab\":{\"a\":4000000},\"merges\":[]}}", "4000000", "a far id");
    refuse("{\"model\":{\"vocab\":{\"a\":-1},\"merges\":[]}}", "whole number", "a negative id");
    refuse("{\"model\":{\"vocab\":{\"a\":1.5},\"merges\":[]}}", "whole number", "half an id");
    refuse(MODEL(",\"merges\":[\"ab\"]}"), "no pair", "half a merge");
    refuse(MODEL(",\"merges\":[[\"a\"]]}"), "no pair", "half a merge in a list");
    refuse(MODEL(",\"merges\":[[\"a\",\"b\",\"c\"]]}"), "no pair", "more than a merge");
    refuse(MODEL(",\"merges\":[\"b a\"]}"), "merge 0", "a merge to no token");
    refuse(MODEL(",\"merges\":[],\"dropout\":0.1}"), "dropout", "random tokens");
    refuse(MODEL(",\"merges\":[],\"unk_token\":\"?\"}"), "unk_token", "an unknown unknown");
    refuse("{\"model\":{\"type\":\"Unigram\",\"vocab\":[[\"a\",0]],\"unk_id\":7}}", "unk_id",
           "an unk_id that is none");
    refuse("{\"model\":{\"type\":\"Unigram\",\"vocab\":[[\"a\",1e999]]}}", "JSON",
           "a score that is no number");
    refuse("{\"model\":{\"type\":\"Unigram\",\"vocab\":[[\"a\"]]}}", "no pair", "half a score");
    refuse(WITH("\"normalizer\":{\"type\":\"Magic\"}}"), "Magic", "an unknown normalizer");
    refuse(WITH("\"pre_tokenizer\":{\"type\":\"UnicodeScripts\"}}"), "UnicodeScripts",
           "an unknown pre_tokenizer");
    refuse(WITH("\"decoder\":{\"type\":\"CTC\"}}"), "CTC", "an unknown decoder");
    refuse(WITH("\"post_processor\":{\"type\":\"Magic\"}}"), "Magic", "an unknown post_processor");
    refuse(WITH("\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"Regex\":\"(\"},"
                "\"behavior\":\"Isolated\"}}"),
           "regular expression", "a broken expression");
    refuse(WITH("\"normalizer\":{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"////\"}}"),
           "map of characters", "a broken map of characters");
    refuse(WITH("\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":"
                "{\"id\":\"<s>\"}}],\"special_tokens\":{\"<s>\":{\"ids\":[9]}}}}"),
           "9", "a template with an id that is not there");
    refuse(WITH("\"added_tokens\":[{\"id\":1,\"content\":\"c\"}]}"), "id 1", "an id of another");
    refuse(WITH("\"added_tokens\":[{\"id\":5,\"content\":\"a\"}]}"), "same", "a token of two ids");
    refuse(WITH("\"added_tokens\":[{\"content\":\"c\"}]}"), "id or content", "no id");
    refuse("{\"model\":{\"vocab\":{\"a\":0}", "due", "a text that is cut");
}

int main(void)
{
    static const char *const slow[] = {"spm-llama2", "spm-metaspace", "unigram-bytes",
                                       "unigram-t5", "bytes-falcon",  "bytes-odd",
                                       "wordpiece",  "bpe-suffix",    "bytes-kimi"};
    struct rlimit small = {SMALL_STACK, SMALL_STACK};
    struct mi_arena a = {0};
    struct mi_value all = read_golden(&a, "tests/golden/text/tokenizer_json.json");
    const struct mi_value *files = mi_get(&all, "tokenizers");

    setrlimit(RLIMIT_STACK, &small);
    for (size_t i = 0; i < files->as.array.n; i++)
        test_file(mi_get(&all, "strings"), item(files, i));
    test_places();
    test_config();
    test_refusals();
    for (size_t i = 0; i < sizeof slow / sizeof slow[0]; i++) {
        struct mi_tokenizer t = open_file(slow[i]);

        test_hostile(&t, slow[i]);
        mi_tokenizer_free(&t);
    }
    mi_free(got.at);
    mi_arena_free(&a);
    return done();
}
