#include "data/pos.h"

#include "base/mem.h"

#include "../tap.h"

#include <string.h>

/* Eight prompt tokens and three generated; the piece of token 3 ends inside a character. */
static const char *const piece[] = {"<s>", "The", " sky", " \xc3", "\xa9", " is",
                                    " is", "?",   " Yes", ",",     " it"};
static size_t piece_len[11];
static const struct mi_span spans[] = {
    {"subject", 1, 3}, {"statement", 1, 7}, {"empty", 2, 2}, {"subject", 6, 7}};
static const struct mi_span roles[] = {
    {"user", 0, 2}, {"tool:x", 2, 3}, {"user", 3, 5}, {"assistant", 5, 8}};

static struct mi_pos_tokens tokens(int64_t n_tokens)
{
    for (int i = 0; i < 11; i++)
        piece_len[i] = strlen(piece[i]);
    return (struct mi_pos_tokens){.n_tokens = n_tokens,
                                  .n_prompt = 8,
                                  .spans = spans,
                                  .n_spans = 4,
                                  .roles = roles,
                                  .n_roles = 4,
                                  .piece = piece,
                                  .piece_len = piece_len};
}

static const char *resolve(const char *text, int64_t n_tokens)
{
    static char out[512];
    struct mi_pos_tokens t = tokens(n_tokens);
    struct mi_pos p;
    struct mi_error err = {0};
    int64_t *at = NULL, n;
    size_t cap = 0;

    out[0] = '\0';
    if (mi_pos_parse(&p, text, &err) < 0) {
        snprintf(out, sizeof out, "usage: %.400s", err.text);
        return out;
    }
    n = mi_pos_resolve(&p, &t, &at, &cap, &err);
    if (n < 0)
        snprintf(out, sizeof out, "data: %.400s", err.text);
    for (int64_t i = 0; i < n; i++)
        snprintf(out + strlen(out), sizeof out - strlen(out), "%s%lld", i ? " " : "",
                 (long long)at[i]);
    mi_free(at);
    mi_pos_free(&p);
    return out;
}

static void test_good(void)
{
    static const char *const cases[][2] = {
        {"last", "7"},
        {"-1", "7"},
        {"-8", "0"},
        {"3", "3"},
        {"2:5", "2 3 4"},
        {"-3:", "5 6 7"},
        {":2", "0 1"},
        {"-3:-1", "5 6"},
        {"prompt", "0 1 2 3 4 5 6 7"},
        {"all", "0 1 2 3 4 5 6 7 8 9 10"},
        {"gen", "8 9 10"},
        {"gen:0:2", "8 9"},
        {"gen:-1", "10"},
        {"gen:-2", "9"},
        {"gen:1", "9"},
        {"gen:1:", "9 10"},
        {"gen:-2:", "9 10"},
        {"gen:0:40", "8 9 10"},
        {"gen:7", ""},
        {"last,0,last", "0 7"},
        {"span:subject", "1 2 6"},
        {"role:assistant", "5 6 7"},
        {"role:user", "0 1 3 4"},
        {"role:user:0", "0 1"},
        {"role:user:-1", "3 4"},
        {"role:tool:x", "2"},
        {"role:tool:x:0", "2"},
        {"turn:0", "0 1"},
        {"turn:-1", "5 6 7"},
        {"turn:2,turn:1", "2 3 4"},
        {"last,span:subject,gen:-1", "1 2 6 7 10"},
        {"/sky/", "2"},
        {"/y.*i/", "2 3 4 5 6 7 8 9 10"},
        {"/ is/", "5 6"},
        {"/[,?]/,0", "0 7 9"},
        {"/e s/", "1 2"},
        {"/x*sky|q{0}/", "2"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        ok(strcmp(resolve(cases[i][0], 11), cases[i][1]) == 0, "%s: %s", cases[i][0],
           resolve(cases[i][0], 11));
    ok(strcmp(resolve("all", 8), "0 1 2 3 4 5 6 7") == 0, "all of a prompt without generation");
    ok(strcmp(resolve("gen", 8), "") == 0 && strcmp(resolve("gen:-1", 8), "") == 0,
       "gen of a prompt is nothing, and no error");
}

static void test_bad(void)
{
    static const char *const cases[][2] = {
        {"8", "data: position 8 is outside the prompt of 8 tokens"},
        {"-9", "data: position -9"},
        {"2:9", "data: position 9"},
        {"5:5", "data: an empty range"},
        {"span:object", "data: no span 'object' with tokens in this prompt; it has 'subject', "
                        "'statement', 'empty'"},
        {"span:empty", "data: no span 'empty' with tokens"},
        {"role:system", "data: no role 'system'"},
        {"role:user:2", "data: no turn 2 of role user with tokens in this prompt; it has 4, of "
                        "'user', 'tool:x', 'assistant'"},
        {"role:system:0", "data: no turn 0 of role system"},
        {"turn:4", "data: no turn 4 with tokens"},
        {"turn:-5", "data: no turn -5 with tokens"},
        {"turn:", "usage:"},
        {"turn:user", "usage:"},
        {"turn:1:2", "usage:"},
        {"role::0", "usage:"},
        {"/zebra/", "data: '/zebra/' matches nothing"},
        {"", "usage:"},
        {"lst", "usage:"},
        {"1:2:3", "usage:"},
        {"1,,2", "usage:"},
        {"gen:", "usage:"},
        {"gen:x", "usage:"},
        {"span:", "usage:"},
        {"/(/", "usage:"},
        {"//", "usage:"},
        {"/a", "usage:"},
        {"+3", "usage:"},
        {"3-5", "usage:"},
        {"99999999999", "usage:"},
        {"/a/b", "usage:"},
        {"last,", "usage:"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *said = resolve(cases[i][0], 11);
        bool usual = strcmp(cases[i][0], "gen:") == 0; /* "gen:" is a range without ends */

        ok(usual || strncmp(said, cases[i][1], strlen(cases[i][1])) == 0, "'%s': %s", cases[i][0],
           said);
    }
}

/* While a run grows, what is covered must be what the finished run resolves to. */
static void test_covers(void)
{
    static const char *const texts[] = {"last",
                                        "all",
                                        "gen",
                                        "gen:1:",
                                        "gen:0:2",
                                        "span:subject",
                                        "role:user,gen:2",
                                        "role:user:-1",
                                        "turn:-1,turn:0",
                                        "2:5",
                                        "/sky/",
                                        "prompt"};
    struct mi_pos p;

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct mi_pos_tokens t = tokens(11);
        int64_t *at = NULL, n;
        size_t cap = 0;
        bool good = mi_pos_parse(&p, texts[i], NULL) == 0 && !mi_pos_needs_end(&p);

        n = mi_pos_resolve(&p, &t, &at, &cap, NULL);
        for (int64_t k = 0, j = 0; k < 11; k++) {
            bool is_in = j < n && at[j] == k;

            j += is_in;
            good = good && mi_pos_covers(&p, &t, k) == is_in;
        }
        ok(good, "%s covers what it resolves to", texts[i]);
        mi_free(at);
        mi_pos_free(&p);
    }
    ok(mi_pos_parse(&p, "last,gen:-1", NULL) == 0 && mi_pos_needs_end(&p), "gen:-1 needs the end");
    mi_pos_free(&p);
}

int main(void)
{
    plan(37 + 2 + 31 + 12 + 1);
    test_good();
    test_bad();
    test_covers();
    return done();
}
