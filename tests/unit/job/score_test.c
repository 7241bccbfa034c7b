/* Row figures against plain long double arithmetic. */
#include "../tap.h"

#include "base/rng.h"
#include "job/score.h"
#include "math/rows.h"

#include <stdint.h>

enum { V = 4099 };

static float logits[V];

static void fill(int round)
{
    struct mi_rng rng = mi_rng_make_n(7, "logits", (uint64_t)round);

    for (int i = 0; i < V; i++)
        logits[i] = (float)(20 * mi_rng_uniform(&rng) * mi_rng_uniform(&rng) - 8);
    if (round == 2)
        for (int i = 0; i < V; i += 3)
            logits[i] = -INFINITY;
}

static int count_before(int32_t token)
{
    int n = 0;

    for (int i = 0; i < V; i++)
        n += logits[i] > logits[token] || (logits[i] == logits[token] && i < token);
    return n;
}

static void check_row(int round)
{
    long double sum = 0, entropy = 0;
    double normalizer;
    struct mi_token_score s;

    fill(round);
    normalizer = mi_log_normalizer(logits, V);
    for (int i = 0; i < V; i++)
        sum += expl((long double)logits[i]);
    for (int i = 0; i < V; i++)
        if (isfinite(logits[i])) {
            long double logp = (long double)logits[i] - logl(sum);

            entropy -= expl(logp) * logp;
        }
    s = mi_score_token(logits, V, normalizer, 1001);
    near(s.logp, (double)((long double)logits[1001] - logl(sum)), 1e-6, "row %d: logp", round);
    near(s.entropy, (double)entropy, 1e-6, "row %d: entropy", round);
    ok(s.rank == count_before(1001), "row %d: rank %lld", round, (long long)s.rank);
}

static void check_top(int k)
{
    int32_t token[64];
    double logp[64], normalizer = mi_log_normalizer(logits, V);
    int n_wrong = 0;

    mi_score_top(logits, V, normalizer, k, token, logp);
    for (int i = 0; i < k; i++)
        n_wrong += count_before(token[i]) != i || logp[i] != (double)logits[token[i]] - normalizer;
    ok(n_wrong == 0, "the %d most probable tokens are those, in order", k);
}

int main(void)
{
    static const float tie[] = {2, 5, 5, 5, 1};
    int32_t token[4];
    double logp[4];

    plan(9 + 4 + 3);
    for (int round = 0; round < 3; round++)
        check_row(round);
    check_top(1);
    check_top(2);
    check_top(7);
    check_top(64);
    mi_score_top(tie, 5, 0, 4, token, logp);
    ok(token[0] == 1 && token[1] == 2 && token[2] == 3 && token[3] == 0, "equal ones by lower id");
    ok(mi_score_best(tie, 5) == 1, "the best of equal ones is the lowest");
    ok(mi_score_token(tie, 5, 0, 3).rank == 2, "the rank of the third of equal ones is 2");
    return done();
}
