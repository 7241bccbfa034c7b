/* What chance gives, over 500 repetitions each: no estimator finds in noise what is not there, its
 * controls stand at chance, intervals cover as often as they say, and the largest of many
 * correlations is as rare as its permutations say. With a difference planted, all of it turns. */
#include "../tap.h"
#include "base/rng.h"
#include "method/probe.h"
#include "method/verdict.h"
#include "stats/correlate.h"
#include "stats/group_mean.h"
#include "stats/moments.h"

#include <stdlib.h>

enum { RUNS = 500, PAIRS = 60, ROWS = 2 * PAIRS, WIDTH = 6 };

static double normal(struct mi_rng *r)
{
    return sqrt(-2 * log(1 - mi_rng_uniform(r))) * cos(6.283185307179586 * mi_rng_uniform(r));
}

/* Rows 2 i and 2 i + 1 are mates of group i. */
static struct mi_cases make_cases(int64_t n_pairs, bool is_paired)
{
    struct mi_cases c = {0};

    mi_cases_init(&c, 2 * n_pairs);
    c.n_groups = (int32_t)n_pairs;
    c.is_paired = is_paired;
    for (int64_t i = 0; i < c.n; i++) {
        c.row[i] = i;
        c.side[i] = i % 2 ? -1 : 1;
        c.group[i] = (int32_t)(i / 2);
        c.unit[i] = c.key[i] = (uint64_t)(is_paired ? i / 2 : i);
    }
    return c;
}

/* Mates share half of their noise, where there are pairs; the positive side is moved by `lift`
 * along column 0. */
static void draw_rows(float *x, uint64_t key, bool is_paired, double lift)
{
    struct mi_rng rng = mi_rng_make_n(31, "nulls", key);

    for (int i = 0; i < PAIRS; i++)
        for (int k = 0; k < WIDTH; k++) {
            double shared = is_paired ? normal(&rng) : 0;

            for (int m = 0; m < 2; m++)
                x[(2 * i + m) * WIDTH + k] =
                    (float)(shared + normal(&rng) + (k == 0 && m == 0 ? lift : 0));
        }
}

/* ---- estimators -------------------------------------------------------------------- */

/* Of one estimator over all repetitions. */
struct tally {
    double accuracy, auroc;    /* means */
    int supported, refuted, n; /* verdicts on "AUROC above one half" */
};

struct halves {
    struct mi_cases fit, test;
};

static struct halves split(const struct mi_cases *c)
{
    struct halves h = {{0}, {0}};
    unsigned char keep[PAIRS];

    for (int k = 0; k < 2; k++) {
        for (int g = 0; g < PAIRS; g++)
            keep[g] = g % 2 == k;
        mi_cases_part(k ? &h.test : &h.fit, c, keep);
    }
    h.test.n_groups = PAIRS / 2; /* those that are there, as a part of a stream numbers them */
    for (int64_t i = 0; i < h.test.n; i++)
        h.test.group[i] /= 2;
    return h;
}

static void repeat(struct tally *t, enum mi_method m, const struct halves *h, double lift)
{
    const struct mi_rule above_half = {MI_RULE_ABOVE, 0.5, 0.5};
    struct mi_direction_options o = {.seed = 7, .place = "p", .l2 = 0.1, .rtol = 1e-6};
    static float x[ROWS * WIDTH];
    static double score[ROWS];
    struct mi_resamples boot;

    mi_resamples_init(&boot, PAIRS / 2, 200, 3);
    for (o.draw = 0; o.draw < RUNS; o.draw++) {
        struct mi_figure f[MI_PROBE_FIGURES];
        struct mi_direction d;
        enum mi_verdict v;

        draw_rows(x, (uint64_t)o.draw, h->fit.is_paired, lift);
        if (mi_direction_fit(&d, m, &h->fit, x, WIDTH, &o, NULL) < 0)
            continue;
        mi_direction_project(score, &h->test, x, WIDTH, d.v);
        mi_probe_figures(f, &h->test, score, d.threshold, &boot, 0.95);
        v = mi_verdict(&above_half, f[MI_PROBE_AUROC].lo, f[MI_PROBE_AUROC].hi);
        t->accuracy += f[MI_PROBE_ACCURACY].value / RUNS;
        t->auroc += f[MI_PROBE_AUROC].value / RUNS;
        t->supported += v == MI_SUPPORTED;
        t->refuted += v == MI_REFUTED;
        t->n++;
        mi_direction_free(&d);
    }
    mi_resamples_free(&boot);
}

/* 2.5 % at each end are 12.5 of 500, with a standard deviation of 3.5: 24 are three of them
     * more. */
static void test_null(enum mi_method m, const struct halves *h, const char *how)
{
    const char *id = mi_method_info(m)->id;
    struct tally t = {0};

    repeat(&t, m, h, 0);
    diag("%s, %s: accuracy %.4f, AUROC %.4f, supported %d, refuted %d of %d", id, how, t.accuracy,
         t.auroc, t.supported, t.refuted, t.n);
    ok(t.n == RUNS && fabs(t.accuracy - 0.5) < 0.01 && fabs(t.auroc - 0.5) < 0.01,
       "%s, %s: noise is told apart by chance", id, how);
    ok(t.supported <= 24 && t.refuted <= 24, "%s, %s: and seldom called more or less", id, how);
}

static void test_planted(enum mi_method m, const struct halves *h, const char *how)
{
    const char *id = mi_method_info(m)->id;
    bool is_control = mi_method_info(m)->is_control;
    struct tally t = {0};

    repeat(&t, m, h, 3);
    diag("%s, %s, planted: accuracy %.4f, AUROC %.4f, supported %d of %d", id, how, t.accuracy,
         t.auroc, t.supported, t.n);
    if (!is_control)
        ok(t.supported >= 490, "%s, %s: a planted difference is found", id, how);
    else
        ok(t.supported < 400, "%s, %s: a control does not find what is planted", id, how);
}

static void test_estimators(bool is_paired)
{
    struct mi_cases c = make_cases(PAIRS, is_paired);
    struct halves h = split(&c);
    const char *how = is_paired ? "pairs" : "no pairs";

    for (int m = 0; m < MI_METHODS; m++) {
        if (!is_paired && mi_method_info((enum mi_method)m)->needs_pairs)
            continue;
        test_null((enum mi_method)m, &h, how);
        test_planted((enum mi_method)m, &h, how);
    }
    mi_cases_free(&h.fit);
    mi_cases_free(&h.test);
    mi_cases_free(&c);
}

/* ---- intervals ---------------------------------------------------------------------- */

/* How many of RUNS intervals at 95 % cover the truth: means of groups of unequal size, normal or
 * of yes and no with this share. */
static int count_covered(int32_t n_groups, double share)
{
    struct mi_resamples boot;
    int covered = 0;

    mi_resamples_init(&boot, n_groups, 400, 11);
    for (int k = 0; k < RUNS; k++) {
        struct mi_rng rng = mi_rng_make_n(17, "coverage of nulls", (uint64_t)k);
        struct mi_group_mean mean;
        struct mi_interval i;

        mi_group_mean_init(&mean, n_groups);
        for (int32_t g = 0; g < n_groups; g++) {
            double of_group = normal(&rng);
            int n = 1 + (int)mi_rng_below(&rng, 4);

            for (int j = 0; j < n; j++)
                mi_group_mean_add(
                    &mean, g, share > 0 ? mi_rng_uniform(&rng) < share : of_group + normal(&rng));
        }
        i = mi_group_mean_interval(&mean, &boot, 0.95);
        covered += i.lo <= share && share <= i.hi;
        mi_group_mean_free(&mean);
    }
    mi_resamples_free(&boot);
    return covered;
}

static void test_coverage(void)
{
    static const struct {
        int32_t n_groups;
        double share;
    } rows[] = {{200, 0}, {100, 0.5}, {100, 0.9}, {40, 0}, {40, 0.3}, {16, 0}, {8, 0}};

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int n = count_covered(rows[i].n_groups, rows[i].share);

        ok(n >= 460 && n <= 490, /* 475, three standard deviations of 5 either way */
           "%d groups, %s %.1f: %.1f %% of the intervals cover it", (int)rows[i].n_groups,
           rows[i].share > 0 ? "a rate of" : "a mean of", rows[i].share, 100.0 * n / RUNS);
    }
}

/* ---- the largest of many ------------------------------------------------------------- */

static double largest(const struct mi_cases *c, const float *x, const double *mean,
                      const double *sd)
{
    double r[WIDTH], most = 0;

    mi_correlate(r, c, x, WIDTH, mean, sd);
    for (int k = 0; k < WIDTH; k++)
        most = fabs(r[k]) > most ? fabs(r[k]) : most;
    return most;
}

/* The largest |r| of noise is beyond all of 19 permutations once in 20 times. */
static int count_beyond(bool is_paired, double lift)
{
    enum { DRAWS = 19 };
    struct mi_cases c = make_cases(PAIRS, is_paired);
    static float x[ROWS * WIDTH];
    double mean[WIDTH], sd[WIDTH];
    int beyond = 0;

    for (int k = 0; k < RUNS; k++) {
        bool is_beyond = true;
        double found;

        draw_rows(x, 1000 + (uint64_t)k, is_paired, lift);
        mi_column_scale(mean, sd, &c, x, WIDTH);
        found = largest(&c, x, mean, sd);
        for (int draw = 0; draw < DRAWS && is_beyond; draw++) {
            struct mi_cases null = {0};

            mi_cases_shuffle(&null, &c, (uint64_t)k, draw, false);
            is_beyond = found > largest(&null, x, mean, sd);
            mi_cases_free(&null);
        }
        beyond += is_beyond;
    }
    mi_cases_free(&c);
    return beyond;
}

static void test_largest(void)
{
    for (int is_paired = 0; is_paired < 2; is_paired++) {
        int null = count_beyond(is_paired, 0), planted = count_beyond(is_paired, 1);

        diag("%s: largest |r| beyond 19 permutations in %d of %d, planted %d",
             is_paired ? "pairs" : "no pairs", null, RUNS, planted);
        ok(null >= 10 && null <= 40, "the largest correlation of noise is beyond chance by chance");
        ok(planted >= 475, "and beyond it where something is planted");
    }
}

int main(void)
{
    test_estimators(true);
    test_estimators(false);
    test_coverage();
    test_largest();
    return done();
}
