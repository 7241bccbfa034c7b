/* The canonical tree: whatever the cut and the order of merging, the same bits. */
#include "stats/tree.h"

#include "../tap.h"
#include "base/rng.h"

#include <string.h>

enum { WIDTH = 5, MOST = 40 };

static double leaf[MOST][WIDTH]; /* numbers of very different size: any other order shows */
static int64_t count[MOST];

static void fill(struct mi_rng *r)
{
    for (int u = 0; u < MOST; u++) {
        count[u] = (int64_t)mi_rng_below(r, 4);
        for (int i = 0; i < WIDTH; i++)
            leaf[u][i] = (mi_rng_uniform(r) - 0.5) * pow(10, (double)mi_rng_below(r, 12));
    }
}

static void add_range(struct mi_tree *t, int64_t first, int64_t last)
{
    mi_tree_init(t, WIDTH);
    for (int64_t u = first; u < last; u++)
        mi_tree_add(t, u, count[u], count[u] ? leaf[u] : NULL);
}

/* Written from the definition: node (level, index), by recursion. False: nothing in it. */
static bool node_sum(int level, int64_t index, double *out)
{
    double right[WIDTH];
    bool has_left, has_right;

    if (level == 0) {
        memcpy(out, leaf[index], sizeof right);
        return count[index] > 0;
    }
    has_left = node_sum(level - 1, 2 * index, out);
    has_right = node_sum(level - 1, 2 * index + 1, right);
    for (int i = 0; i < WIDTH && has_right; i++)
        out[i] = has_left ? out[i] + right[i] : right[i];
    return has_left || has_right;
}

/* The maximal nodes of [0, n) are those of the binary digits of n, largest first. */
static int64_t expected(int64_t n, double *sum)
{
    int64_t at = 0, total = 0;
    bool has = false;

    memset(sum, 0, WIDTH * sizeof *sum);
    for (int level = 6; level >= 0; level--) {
        double x[WIDTH];

        if (!(n >> level & 1))
            continue;
        if (node_sum(level, at >> level, x)) {
            for (int i = 0; i < WIDTH; i++)
                sum[i] = has ? sum[i] + x[i] : x[i];
            has = true;
        }
        at += (int64_t)1 << level;
    }
    for (int64_t u = 0; u < n; u++)
        total += count[u];
    return total;
}

/* Units [0, n) cut into parts at random, merged in a random order. */
static bool merged_is_same(struct mi_rng *r, int64_t n, const double *want, int64_t want_n)
{
    struct mi_tree part[MOST], all;
    int64_t order[MOST], at = 0, got;
    int parts = 0;
    double sum[WIDTH];
    bool same = true;

    while (at < n) {
        int64_t end = at + 1 + (int64_t)mi_rng_below(r, 9);

        add_range(&part[parts++], at, end < n ? end : n);
        at = end;
    }
    for (int i = 0; i < parts; i++)
        order[i] = i;
    mi_rng_shuffle(r, parts, order);
    mi_tree_init(&all, WIDTH);
    for (int i = 0; i < parts; i++)
        for (int k = 0; k < part[order[i]].n_nodes; k++)
            same &= mi_tree_join(&all, &part[order[i]].node[k]);
    got = mi_tree_total(&all, sum);
    same &= got == want_n && memcmp(sum, want, sizeof sum) == 0;
    same &= parts == 0 || !mi_tree_join(&all, &part[0].node[0]);
    for (int i = 0; i < parts; i++)
        mi_tree_free(&part[i]);
    mi_tree_free(&all);
    return same;
}

static void test_merging(void)
{
    struct mi_rng r = mi_rng_make(1, "tree", "test");
    bool same = true, merges = true, few = true;

    for (int64_t n = 0; n <= MOST; n++) {
        double want[WIDTH], got[WIDTH];
        int64_t want_n, got_n;
        struct mi_tree t;

        fill(&r);
        want_n = expected(n, want);
        add_range(&t, 0, n);
        got_n = mi_tree_total(&t, got);
        same &= got_n == want_n && memcmp(got, want, sizeof got) == 0;
        few &= t.n_nodes == __builtin_popcountll((unsigned long long)n);
        mi_tree_free(&t);
        for (int i = 0; i < 20; i++)
            merges &= merged_is_same(&r, n, want, want_n);
    }
    ok(same, "one run is the tree of the definition");
    ok(few, "a run of n units has a node for each binary digit of n");
    ok(merges, "parts merged in any order have the same bits; doubled ones are refused");
}

static void test_gaps(void)
{
    struct mi_rng r = mi_rng_make(2, "tree", "gaps");
    bool same = true;

    for (int i = 0; i < 200; i++) {
        int64_t n = 1 + (int64_t)mi_rng_below(&r, MOST);
        double a[WIDTH], b[WIDTH];
        struct mi_tree with, without;

        fill(&r);
        add_range(&with, 0, n);
        mi_tree_init(&without, WIDTH);
        for (int64_t u = 0; u < n; u++)
            if (count[u])
                mi_tree_add(&without, u, count[u], leaf[u]);
        mi_tree_fill(&without, 0, n);
        mi_tree_total(&with, a);
        mi_tree_total(&without, b);
        same &= memcmp(a, b, sizeof a) == 0 && with.n_nodes == without.n_nodes;
        mi_tree_free(&with);
        mi_tree_free(&without);
    }
    ok(same, "units that were never named are filled in as empty");
}

static void test_zero(void)
{
    struct mi_tree t;
    double minus = -0.0, sum = 1;

    mi_tree_init(&t, 1);
    mi_tree_add(&t, 0, 0, NULL);
    mi_tree_add(&t, 1, 1, &minus);
    mi_tree_add(&t, 2, 0, NULL);
    ok(mi_tree_total(&t, &sum) == 1 && sum == 0 && signbit(sum), "an empty unit adds no zero");
    mi_tree_free(&t);
}

int main(void)
{
    plan(5);
    test_merging();
    test_gaps();
    test_zero();
    return done();
}
