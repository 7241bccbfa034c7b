/* Verdicts: every border, planted effects of both signs, and the error rates of null claims. */
#include "../tap.h"

#include "base/rng.h"
#include "method/verdict.h"
#include "stats/group_mean.h"

#include <string.h>

enum { REPETITIONS = 500, GROUPS = 40, CASES = 3, REPLICATES = 400 };

static void test_rule(enum mi_rule_kind kind, double from, double to, double lo, double hi,
                      enum mi_verdict want)
{
    struct mi_rule rule = {kind, from, to};
    enum mi_verdict v = mi_verdict(&rule, lo, hi);

    ok(v == want, "[%g, %g] %s %g, %g: %s", lo, hi, mi_rule_name(kind), from, to,
       mi_verdict_name(v));
}

static void test_rules(void)
{
    test_rule(MI_RULE_ABOVE, 0.5, 0.5, 0.51, 0.9, MI_SUPPORTED);
    test_rule(MI_RULE_ABOVE, 0.5, 0.5, 0.1, 0.49, MI_REFUTED);
    test_rule(MI_RULE_ABOVE, 0.5, 0.5, 0.4, 0.6, MI_UNDETERMINED);
    test_rule(MI_RULE_ABOVE, 0.5, 0.5, 0.5, 0.6, MI_UNDETERMINED);
    test_rule(MI_RULE_ABOVE, 0.5, 0.5, 0.4, 0.5, MI_UNDETERMINED);
    test_rule(MI_RULE_BELOW, 0.1, 0.1, 0, 0.09, MI_SUPPORTED);
    test_rule(MI_RULE_BELOW, 0.1, 0.1, 0.11, 0.2, MI_REFUTED);
    test_rule(MI_RULE_BELOW, 0.1, 0.1, 0, 0.1, MI_UNDETERMINED);
    test_rule(MI_RULE_BETWEEN, -1, 1, -0.9, 0.9, MI_SUPPORTED);
    test_rule(MI_RULE_BETWEEN, -1, 1, 1.1, 2, MI_REFUTED);
    test_rule(MI_RULE_BETWEEN, -1, 1, -3, -1.1, MI_REFUTED);
    test_rule(MI_RULE_BETWEEN, -1, 1, 0, 1.5, MI_UNDETERMINED);
    test_rule(MI_RULE_BETWEEN, -1, 1, -2, 2, MI_UNDETERMINED);
    test_rule(MI_RULE_ABOVE, 0, 0, (double)NAN, 1, MI_UNDETERMINED);
    test_rule(MI_RULE_BELOW, 0, 0, -1, (double)NAN, MI_UNDETERMINED);
}

static void test_between(void)
{
    static const char *const wrong[] = {"", "1", "1,", ",1", "2,1", "1,1", "a,b", "1,2,3", "1,inf"};
    struct mi_error err = {0};
    struct mi_rule r;
    int n = 0;

    ok(mi_rule_between(&r, "-0.5,1e-1", &err) == 0 && r.lo == -0.5 && r.hi == 0.1, "a pair");
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        n += mi_rule_between(&r, wrong[i], &err) == -MI_EXIT_USAGE;
    ok(n == sizeof wrong / sizeof *wrong, "%d wrong pairs are refused", n);
}

/* Of a normal figure with groups that differ: the mean's interval over groups. */
static double normal(struct mi_rng *r)
{
    return sqrt(-2 * log(1 - mi_rng_uniform(r))) * cos(6.283185307179586 * mi_rng_uniform(r));
}

static struct mi_interval draw_interval(int repetition, double mean)
{
    struct mi_rng rng = mi_rng_make_n(11, "verdict test", (uint64_t)repetition);
    struct mi_group_mean m;
    struct mi_resamples boot;
    struct mi_interval i;

    mi_group_mean_init(&m, GROUPS);
    for (int g = 0; g < GROUPS; g++) {
        double of_group = normal(&rng);

        for (int k = 0; k < CASES; k++)
            mi_group_mean_add(&m, g, mean + of_group + 0.5 * normal(&rng));
    }
    mi_resamples_init(&boot, GROUPS, REPLICATES, (uint64_t)repetition);
    i = mi_group_mean_interval(&m, &boot, 0.95);
    mi_resamples_free(&boot);
    mi_group_mean_free(&m);
    return i;
}

/* How often each verdict falls on a figure whose true mean is this. */
static void count_verdicts(double mean, const struct mi_rule *rule, int n[3])
{
    memset(n, 0, 3 * sizeof *n);
    for (int r = 0; r < REPETITIONS; r++) {
        struct mi_interval i = draw_interval(r, mean);

        n[mi_verdict(rule, i.lo, i.hi)]++;
    }
}

static void test_rates(void)
{
    const struct mi_rule above = {MI_RULE_ABOVE, 0.5, 0.5}, below = {MI_RULE_BELOW, 0.5, 0.5};
    int n[3];

    /* A mean at the margin: 2.5 % each way; percentile intervals of 40 groups are a little
     * short, so up to 4 % and three standard errors of 500 draws. */
    count_verdicts(0.5, &above, n);
    diag("at the margin: %d supported, %d refuted of %d", n[MI_SUPPORTED], n[MI_REFUTED],
         REPETITIONS);
    ok(n[MI_SUPPORTED] >= 2 && n[MI_SUPPORTED] <= 33, "a null is rarely supported");
    ok(n[MI_REFUTED] >= 2 && n[MI_REFUTED] <= 33, "a null is rarely refuted");
    count_verdicts(0.5, &below, n);
    ok(n[MI_SUPPORTED] <= 33 && n[MI_REFUTED] <= 33, "below: %d and %d", n[MI_SUPPORTED],
       n[MI_REFUTED]);
    count_verdicts(1.5, &above, n);
    ok(n[MI_SUPPORTED] == REPETITIONS, "a large effect is supported: %d", n[MI_SUPPORTED]);
    count_verdicts(-0.5, &above, n);
    ok(n[MI_REFUTED] == REPETITIONS, "its opposite is refuted: %d", n[MI_REFUTED]);
    count_verdicts(0.75, &above, n);
    ok(n[MI_UNDETERMINED] > 100 && n[MI_SUPPORTED] > 100 && n[MI_REFUTED] == 0,
       "a small effect: %d supported, %d left open", n[MI_SUPPORTED], n[MI_UNDETERMINED]);
}

int main(void)
{
    test_rules();
    test_between();
    test_rates();
    return done();
}
