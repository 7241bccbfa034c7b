/* The trie against its definition: every token of every text has one row, which it shares with
 * exactly those texts that agree up to it. */
#include "../tap.h"
#include "job/trie.h"

#include <string.h>

enum { MOST = 64, LONGEST = 12 };

static uint32_t state = 1;

static uint32_t draw(uint32_t n)
{
    state = state * 1664525u + 1013904223u;
    return (state >> 8) % n;
}

static bool agree(const struct mi_trie_text *a, const struct mi_trie_text *b, int64_t position)
{
    return mi_trie_common(a, b) > position;
}

/* Rows are shared by those that agree, and by nobody else; as few as possible. */
static bool check_rows(const struct mi_trie *t, const struct mi_trie_text *text, int n)
{
    int64_t n_least = 0;

    for (int i = 0; i < n; i++)
        for (int64_t p = 0; p < text[i].n; p++) {
            int64_t row = mi_trie_row(t, i, p);
            bool is_first = true;

            if (row < 0 || row >= t->n_rows)
                return false;
            for (int j = 0; j < i; j++)
                for (int64_t q = 0; q < text[j].n; q++) {
                    bool is_one = q == p && agree(&text[i], &text[j], p);

                    if ((mi_trie_row(t, j, q) == row) != is_one)
                        return false;
                    is_first = is_first && !is_one;
                }
            n_least += is_first;
        }
    return n_least == t->n_rows;
}

static bool check_parts(const struct mi_trie *t, const struct mi_trie_text *text)
{
    int64_t row = 0;

    for (int i = 0; i < t->n_parts; i++) {
        const struct mi_trie_part *p = &t->part[i];

        if (p->row != row || p->n < 1 || p->n_past + p->n > text[p->item].n || p->before >= i)
            return false;
        if ((p->before < 0) != (p->n_past == 0))
            return false;
        if (p->before >= 0 && (t->part[p->before].n_past >= p->n_past ||
                               t->part[p->before].n_past + t->part[p->before].n < p->n_past))
            return false;
        row += p->n;
    }
    return row == t->n_rows;
}

int main(void)
{
    static int32_t tokens[MOST][LONGEST];
    struct mi_trie_text text[MOST];
    struct mi_trie t = {0};
    int n_good = 0, n_apart = 0;
    int64_t n_all = 0;

    plan(3);
    for (int round = 0; round < 300; round++) {
        int n = (int)draw(round < 100 ? 6 : MOST - 1) + 1;

        for (int i = 0; i < n; i++) {
            text[i] = (struct mi_trie_text){tokens[i], draw(LONGEST + 1)};
            for (int k = 0; k < LONGEST; k++)
                tokens[i][k] = (int32_t)draw(2);
            if (i && draw(3) == 0)
                memcpy(tokens[i], tokens[i - 1], sizeof tokens[i]);
        }
        mi_trie_build(&t, text, n, true);
        n_good += check_parts(&t, text) && check_rows(&t, text, n);
        mi_trie_build(&t, text, n, false);
        n_all = 0;
        for (int i = 0; i < n; i++)
            n_all += text[i].n;
        n_apart += t.n_rows == n_all && check_parts(&t, text);
    }
    ok(n_good == 300, "300 sets of texts, each row shared by those that agree");
    ok(n_apart == 300, "each by itself");
    text[0].n = 0;
    mi_trie_build(&t, text, 1, true);
    ok(t.n_rows == 0 && t.n_parts == 0, "nothing");
    mi_trie_free(&t);
    return done();
}
