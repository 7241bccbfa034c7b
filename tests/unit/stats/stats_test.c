/* Area under the curve, quantiles, bootstrap and relabelling against NumPy and scikit-learn,
 * and against what must hold of any implementation. */
#include "../../golden/stats.h"
#include "../tap.h"
#include "base/rng.h"
#include "stats/auc.h"
#include "stats/bootstrap.h"
#include "stats/cases.h"
#include "stats/moments.h"
#include "stats/quantile.h"
#include "stats/student.h"

#include <stdlib.h>
#include <string.h>

enum { N = 60, G = 9, R = 40 };

static int64_t order[N];

static double golden_auc(void *ctx, const int32_t *count)
{
    (void)ctx;
    return mi_auc(auc_score, auc_side, order, N, auc_group, count);
}

static double golden_accuracy(void *ctx, const int32_t *count)
{
    double hits = 0, n = 0;

    (void)ctx;
    for (int i = 0; i < N; i++) {
        hits += count[auc_group[i]] * ((auc_score[i] > 0.1) == (auc_side[i] > 0));
        n += count[auc_group[i]];
    }
    return hits / n;
}

static void test_auc(void)
{
    static const double equal[4] = {2, 2, 2, 2};
    static const int8_t mixed[4] = {1, -1, 1, -1}, one[4] = {1, 1, 1, 1};
    int64_t four[4];

    mi_auc_order(order, auc_score, N);
    near(mi_auc(auc_score, auc_side, order, N, NULL, NULL), auc_plain, 1e-15, "AUROC with ties");
    near(mi_auc(auc_score, auc_side, order, N, auc_group, auc_count), auc_weighted, 1e-15,
         "AUROC with weights");
    mi_auc_order(four, equal, 4);
    ok(four[0] == 0 && four[3] == 3, "equal scores keep their order");
    near(mi_auc(equal, mixed, four, 4, NULL, NULL), 0.5, 0, "equal scores give one half");
    ok(isnan(mi_auc(equal, one, four, 4, NULL, NULL)), "one side alone has no AUROC");
}

static void test_quantile(void)
{
    double x[11];

    memcpy(x, quantile_x, sizeof x);
    near(mi_mean(x, 11), mean_x, 1e-14, "mean");
    near(mi_sd(x, 11), sd_x, 1e-14, "standard deviation");
    mi_sort(x, 11);
    for (int i = 0; i < 6; i++)
        near(mi_quantile_sorted(x, 11, quantile_p[i]), quantile_q[i], 1e-14, "quantile %g",
             quantile_p[i]);
    near(mi_quantile_sorted(x, 1, 0.7), x[0], 0, "quantile of one number");
}

static void test_student(void)
{
    for (size_t i = 0; i < sizeof student_t / sizeof *student_t; i++) {
        near(mi_student_quantile((int64_t)student_df[i], student_level[i]), student_t[i], 1e-8,
             "t of %g degrees of freedom, %g", student_df[i], student_level[i]);
        near(mi_bootstrap_tail((int32_t)student_df[i] + 1, student_level[i]), student_tail[i],
             1e-10, "tail of %g groups", student_df[i] + 1);
    }
    near(mi_bootstrap_tail(1, 0.9), 0.05, 1e-15, "one group");
}

static double first_is_missing(void *ctx, const int32_t *count)
{
    (void)ctx;
    return count[0] == 0 ? (double)NAN : 1;
}

static void test_bootstrap(void)
{
    struct mi_resamples r = {.n_groups = G, .n = R}, s = {0}, t = {0};
    struct mi_interval i;
    bool whole = true;

    r.count = malloc(sizeof auc_count);
    memcpy(r.count, auc_count, sizeof auc_count);
    i = mi_bootstrap(&r, 0.95, golden_accuracy, NULL);
    near(i.lo, accuracy_interval[0], 1e-12, "lower end of the accuracy's interval");
    near(i.hi, accuracy_interval[1], 1e-12, "upper end");
    i = mi_bootstrap(&r, 0.9, golden_auc, NULL);
    near(i.lo, auc_interval[0], 1e-12, "lower end of the AUROC's interval");
    near(i.hi, auc_interval[1], 1e-12, "upper end");
    i = mi_bootstrap(&r, 0.9, first_is_missing, NULL);
    ok(isnan(i.lo) && isnan(i.hi), "too many replicates without a value give no interval");
    free(r.count);
    mi_resamples_init(&s, 30, 50, 3);
    mi_resamples_init(&t, 30, 20, 3);
    for (int k = 0; k < 50; k++) {
        int32_t sum = 0;

        for (int g = 0; g < 30; g++)
            sum += s.count[k * 30 + g];
        whole = whole && sum == 30;
    }
    ok(whole, "every replicate draws as many groups as there are");
    ok(memcmp(s.count, t.count, 20 * 30 * sizeof *s.count) == 0,
       "a replicate does not depend on how many there are");
    mi_resamples_free(&s);
    mi_resamples_free(&t);
}

/* Groups of 1 to 4 rows with a common shift: the share of 95 % intervals that cover the true
 * mean 0 in 400 repetitions with 60 groups. */
struct grouped {
    double sum[60];
    int32_t n[60];
};

static double grouped_mean(void *ctx, const int32_t *count)
{
    const struct grouped *d = ctx;
    double sum = 0, n = 0;

    for (int g = 0; g < 60; g++) {
        sum += count[g] * d->sum[g];
        n += (double)count[g] * d->n[g];
    }
    return sum / n;
}

static double normal(struct mi_rng *r)
{
    double s = 0;

    for (int i = 0; i < 12; i++) /* close enough to a normal draw for a rate of coverage */
        s += mi_rng_uniform(r);
    return s - 6;
}

static void test_coverage(void)
{
    int covered = 0, n_runs = 400;
    struct mi_resamples r = {0};

    mi_resamples_init(&r, 60, 400, 11);
    for (int k = 0; k < n_runs; k++) {
        struct mi_rng rng = mi_rng_make_n(5, "coverage", (uint64_t)k);
        struct grouped d = {0};
        struct mi_interval i;

        for (int g = 0; g < 60; g++) {
            double shift = normal(&rng);

            d.n[g] = 1 + (int32_t)mi_rng_below(&rng, 4);
            for (int j = 0; j < d.n[g]; j++)
                d.sum[g] += shift + normal(&rng);
        }
        i = mi_bootstrap(&r, 0.95, grouped_mean, &d);
        covered += i.lo <= 0 && 0 <= i.hi;
    }
    diag("95 %% intervals covered the mean in %d of %d repetitions", covered, n_runs);
    ok(covered >= 362 && covered <= 394, "the coverage is near the nominal one"); /* 0.905, 0.985 */
    mi_resamples_free(&r);
}

static void fill_cases(struct mi_cases *c, int64_t n, bool is_paired)
{
    mi_cases_init(c, n);
    c->n_groups = (int32_t)(n / 2);
    c->is_paired = is_paired;
    for (int64_t i = 0; i < n; i++) {
        c->row[i] = i;
        c->side[i] = i % 2 ? -1 : 1;
        c->group[i] = (int32_t)(i / 2);
        c->unit[i] = 1000 + (uint64_t)(is_paired ? i / 4 : i / 2 * 2 + i % 2); /* 2 pairs a unit */
        c->key[i] = (uint64_t)i;
    }
}

static void test_shuffle(void)
{
    struct mi_cases c = {0}, s = {0}, back = {0};
    int64_t swapped = 0, n_pos;
    bool alike = true, same_sides = true;

    fill_cases(&c, 400, true);
    mi_cases_shuffle(&s, &c, 7, 0, false);
    for (int64_t i = 0; i < c.n; i += 4) {
        swapped += s.row[i] != c.row[i];
        alike = alike && (s.row[i] != c.row[i]) == (s.row[i + 2] != c.row[i + 2]);
        same_sides = same_sides && s.side[i] == 1 && s.side[i + 1] == -1;
    }
    ok(alike, "the pairs of one unit are swapped together");
    ok(same_sides, "positive rows still stand before negative ones");
    ok(swapped > 30 && swapped < 70, "about half of the units are swapped (%d of 100)",
       (int)swapped);
    mi_cases_shuffle(&back, &c, 7, 1, false);
    ok(memcmp(back.row, s.row, 400 * sizeof *s.row) != 0, "another draw is another shuffle");
    mi_cases_free(&back);
    mi_cases_shuffle(&back, &c, 7, 0, true);
    swapped = 0;
    for (int64_t i = 0; i < c.n; i += 4)
        swapped += back.row[i] != c.row[i];
    ok(swapped == 50, "a balanced shuffle swaps half of the units");
    mi_cases_free(&back);
    mi_cases_free(&s);
    mi_cases_free(&c);
    fill_cases(&c, 400, false);
    mi_cases_shuffle(&s, &c, 7, 0, true);
    swapped = 0;
    for (int64_t i = 0; i < c.n; i++)
        swapped += s.side[i] != c.side[i] && c.side[i] > 0;
    ok(swapped == 100 && mi_cases_count(&s, 1) == 200,
       "without pairs half of each side changes over");
    mi_cases_free(&s);
    mi_cases_shuffle(&s, &c, 7, 0, false);
    n_pos = mi_cases_count(&s, 1);
    ok(n_pos == 200, "without pairs the number of positives stays");
    ok(memcmp(s.side, c.side, 400) != 0, "and the sides are permuted");
    for (int64_t i = 0; i < 200; i++) { /* the same cases backwards */
        uint64_t u = c.unit[i];

        c.unit[i] = c.unit[399 - i];
        c.unit[399 - i] = u;
        c.side[i] = -c.side[i];
        c.side[399 - i] = -c.side[399 - i];
    }
    mi_cases_shuffle(&back, &c, 7, 0, false);
    alike = true;
    for (int64_t i = 0; i < 400; i++)
        alike = alike && back.side[i] == s.side[399 - i];
    ok(alike, "the order of the units does not matter");
    mi_cases_free(&back);
    mi_cases_free(&s);
    mi_cases_free(&c);
}

static void test_split(void)
{
    int n = 0;
    char name[24];

    for (int i = 0; i < 2000; i++) {
        snprintf(name, sizeof name, "group %d", i);
        n += mi_in_train(1, name, 0.7);
    }
    ok(n > 1330 && n < 1470, "the share of the training part is as asked (%d of 2000)", n);
    ok(mi_in_train(1, "a", 1) && !mi_in_train(1, "a", 0), "all and nothing");
}

int main(void)
{
    test_auc();
    test_quantile();
    test_student();
    test_bootstrap();
    test_coverage();
    test_shuffle();
    test_split();
    return done();
}
