/* Every step that is written out against its own regular expression; known cuts. */
#include "text/pretokenizer.h"

#include "../tap.h"
#include "base/escape.h"
#include "base/mem.h"
#include "base/rng.h"
#include "text/bpe.h"

#include <string.h>

/* Old enough to have the same class in every PCRE2. */
static const uint32_t pool[] = {
    'a',     'b',     's',    'S',      't',    'l',    'L',    'r',   'e',   'v',
    'm',     'd',     ' ',    ' ',      ' ',    '\n',   '\r',   '\t',  0xb,   0x85,
    0xa0,    0x2003,  0x3000, 0x180e,   '\'',   '\'',   '1',    '2',   '3',   0x664,
    0xbd,    0x2167,  '.',    '!',      '-',    '/',    '<',    '$',   '|',   '`',
    0x17f,   0xe9,    0x3b1,  0x416,    0x4e2d, 0x3042, 0xac00, 0x301, 0x300, 0x200d,
    0x1f600, 0x20ac,  0x2026, 0x2018,   0x5d0,  0x645,  0x915,  0x93f, 0,     0x7f,
    0x1d518, 0x20000, 0xe000, 0x10ffff, 'A',    'Z',    '9',    '0',
};

static size_t random_text(struct mi_rng *r, char *s)
{
    size_t n = 0;

    for (uint64_t k = mi_rng_below(r, 40); k > 0; k--)
        n += (size_t)mi_utf8_encode(pool[mi_rng_below(r, sizeof pool / sizeof pool[0])], s + n);
    return n;
}

static bool same_cuts(const struct mi_cuts *a, const struct mi_cuts *b)
{
    return a->n == b->n && (a->n == 0 || memcmp(a->piece, b->piece, a->n * sizeof *a->piece) == 0);
}

static int cut(struct mi_pretokenizer *p, const char *s, size_t len, struct mi_cuts *cuts,
               struct mi_error *err)
{
    struct mi_traced in = {s, len, NULL, 0}, out;

    return mi_pretokenizer_run(p, in, MI_START_FIRST, &out, cuts, err);
}

static void test_kind(const char *name)
{
    struct mi_pretokenizer hand, regex;
    struct mi_cuts a = {0}, b = {0};
    struct mi_error err = {0};
    struct mi_rng r = mi_rng_make(1, "cut", name);
    char s[256];
    int differ = 0, odd = 0;

    if (!ok(mi_pretokenizer_open(&hand, name, false, &err) == 0 &&
                mi_pretokenizer_open(&regex, name, true, &err) == 0,
            "%s opens %s", name, err.text))
        return;
    for (int k = 0; k < 5000; k++) {
        size_t len = random_text(&r, s);
        int status = cut(&hand, s, len, &a, &err) | cut(&regex, s, len, &b, &err);

        differ += status < 0 || !same_cuts(&a, &b);
        odd += len > 0 && (a.n == 0 || a.piece[a.n - 1].end != len);
        for (size_t i = 0; i < a.n; i++)
            odd += a.piece[i].begin != (i ? a.piece[i - 1].end : 0) ||
                   a.piece[i].end <= a.piece[i].begin;
    }
    ok(differ == 0 && odd == 0, "%s: 5,000 texts are cut as by its expressions (%d are not)", name,
       differ);
    mi_cuts_free(&a);
    mi_cuts_free(&b);
    mi_pretokenizer_close(&hand);
    mi_pretokenizer_close(&regex);
}

/* The pieces of s, with "|" between them, are `want`. */
static void cuts_are(const char *name, const char *s, const char *want)
{
    struct mi_pretokenizer p;
    struct mi_cuts c = {0};
    struct mi_buf b = {0};
    struct mi_error err = {0};

    if (mi_pretokenizer_open(&p, name, false, &err) == 0 && cut(&p, s, strlen(s), &c, &err) == 0) {
        for (size_t i = 0; i < c.n; i++) {
            mi_buf_add_text(&b, i ? "|" : "");
            mi_buf_add(&b, s + c.piece[i].begin, c.piece[i].end - c.piece[i].begin);
        }
    }
    ok(strcmp(mi_buf_text(&b), want) == 0, "%s: '%s' is '%s'", name, mi_quote(s),
       mi_quote(mi_buf_text(&b)));
    mi_buf_free(&b);
    mi_cuts_free(&c);
    mi_pretokenizer_close(&p);
}

/* ---- merging, against the plain rule --------------------------------------------- */

/* Rank of (l, r) in a small alphabet: result l * 31 + r + 40, for some pairs only. */
static void fill(struct mi_bpe *b, struct mi_bpe_merge *list, int n, struct mi_rng *r)
{
    mi_bpe_init(b, (size_t)n);
    for (int i = 0; i < n; i++) {
        int32_t most = 4 + i;

        list[i] = (struct mi_bpe_merge){(int32_t)mi_rng_below(r, (uint64_t)most),
                                        (int32_t)mi_rng_below(r, (uint64_t)most), i, 4 + i};
        mi_bpe_add(b, list[i]);
    }
}

static int rank_of(const struct mi_bpe_merge *list, int n, int32_t left, int32_t right)
{
    for (int i = 0; i < n; i++)
        if (list[i].left == left && list[i].right == right)
            return i;
    return -1;
}

static size_t merge_plainly(const struct mi_bpe_merge *list, int n_merges, int32_t *ids, size_t n)
{
    for (;;) {
        int best = -1;
        size_t at = 0;

        for (size_t i = 0; i + 1 < n; i++) {
            int rank = rank_of(list, n_merges, ids[i], ids[i + 1]);

            if (rank >= 0 && (best < 0 || rank < best)) {
                best = rank;
                at = i;
            }
        }
        if (best < 0)
            return n;
        ids[at] = list[best].result;
        memmove(ids + at + 1, ids + at + 2, (n - at - 2) * sizeof *ids);
        n--;
    }
}

static void test_merging(void)
{
    struct mi_rng r = mi_rng_make(1, "merge", "");
    struct mi_bpe_work w = {0};
    int differ = 0;

    for (int k = 0; k < 3000; k++) {
        struct mi_bpe_merge list[24];
        struct mi_bpe_symbol s[40];
        int32_t ids[40];
        struct mi_bpe b;
        size_t n = mi_rng_below(&r, 40), left, plain;

        fill(&b, list, 24, &r);
        for (size_t i = 0; i < n; i++) {
            ids[i] = (int32_t)mi_rng_below(&r, 4);
            s[i] = (struct mi_bpe_symbol){ids[i], (uint32_t)i, (uint32_t)i + 1};
        }
        left = mi_bpe_run(&b, s, n, &w);
        plain = merge_plainly(list, 24, ids, n);
        differ += left != plain;
        for (size_t i = 0; i < left && left == plain; i++)
            differ += s[i].id != ids[i] || (i > 0 && s[i].begin != s[i - 1].end);
        mi_bpe_free(&b);
    }
    mi_bpe_work_free(&w);
    ok(differ == 0, "3,000 words merge as by the plain rule (%d do not)", differ);
}

int main(void)
{
    struct mi_pretokenizer p;
    struct mi_error err = {0};
    char name[64];

    for (size_t i = 0; mi_pretokenizer_names(i); i++) {
        const char *names = mi_pretokenizer_names(i);

        snprintf(name, sizeof name, "%.*s", (int)strcspn(names, " "), names);
        test_kind(name);
    }
    cuts_are("gpt-2", "Hello, y'all!  It's 42.", "Hello|,| y|'|all|!| | It|'s| 42|.");
    cuts_are("smollm", "x 123\n\ny", "x| |1|2|3|\n|\n|y");
    cuts_are("llama-bpe", "x 12345\n\n  y'LL", "x| |123|45|\n\n| | y|'LL");
    cuts_are("qwen2", " 12 (a)\r\n", " |1|2| (|a|)\r\n");
    cuts_are("tekken", "iPhoneXY ab", "i|Phone|XY| ab");
    ok(mi_pretokenizer_open(&p, "refact", false, &err) == 0, "other names open");
    mi_pretokenizer_close(&p);
    ok(mi_pretokenizer_open(&p, "gpt", false, &err) == -MI_EXIT_DATA, "half a name does not");
    ok(mi_pretokenizer_open(&p, "gpt-2 phi-2", false, &err) == -MI_EXIT_DATA, "nor do two");
    ok(mi_pretokenizer_open(&p, "", false, &err) == -MI_EXIT_DATA, "nor none");
    test_merging();
    return done();
}
