/* Directions and their figures against NumPy, SciPy and scikit-learn on the same rows, in a
 * tall shape (more rows than columns) and a wide one. */
#include "../../golden/method.h"
#include "../tap.h"
#include "base/rng.h"
#include "method/probe.h"

#include <stdlib.h>
#include <string.h>

struct golden {
    const char *name;
    int64_t n, D; /* pairs, width */
    const float *x;
    const double *mean_diff, *pca_diff, *pca_diff_share, *pca_uncentred, *pca_uncentred_share;
    const double *pca_center, *mass_mean, *logistic;
    double logistic_threshold, logistic_loss, scale, threshold, accuracy, auroc, pair_accuracy;
};

#define GOLDEN(p)                                                                              \
    {                                                                                          \
#p, p##_n, p##_D, p##_x, p##_mean_diff, p##_pca_diff, p##_pca_diff_share,              \
            p##_pca_uncentred, p##_pca_uncentred_share, p##_pca_center, p##_mass_mean,         \
            p##_logistic, p##_logistic_threshold, p##_logistic_loss, p##_scale, p##_threshold, \
            p##_accuracy, p##_auroc, p##_pair_accuracy                                         \
    }

static const struct golden goldens[2] = {GOLDEN(tall), GOLDEN(wide)};

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
        c.unit[i] = c.key[i] = (uint64_t)(i / 2);
    }
    return c;
}

static const struct mi_direction_options options = {
    .seed = 7, .place = "resid_post:3", .l2 = 0.02, .rtol = 1e-6};

static double cosine(const float *v, const double *w, int64_t D)
{
    double vw = 0, vv = 0, ww = 0;

    for (int64_t k = 0; k < D; k++) {
        vw += (double)v[k] * w[k];
        vv += (double)v[k] * (double)v[k];
        ww += w[k] * w[k];
    }
    return vw / sqrt(vv * ww);
}

static struct mi_direction fit(const struct golden *g, enum mi_method m, const double *expected)
{
    struct mi_cases c = make_cases(g->n, true);
    struct mi_direction d;
    struct mi_error err = {0};
    int r = mi_direction_fit(&d, m, &c, g->x, g->D, &options, &err);

    ok(r == 0, "%s: %s can be fitted %s", g->name, mi_method_info(m)->id, err.text);
    if (expected)
        ok(cosine(d.v, expected, g->D) > 1 - 1e-10, "%s: %s is the expected vector (1 - cos %.1e)",
           g->name, mi_method_info(m)->id, 1 - cosine(d.v, expected, g->D));
    mi_cases_free(&c);
    return d;
}

static void test_signs(void)
{
    bool good = true;

    for (uint64_t i = 0; i < 40; i++) {
        struct mi_rng r = mi_rng_make_n(7, "pca-diff", i);

        good = good && (mi_rng_next(&r) >> 63 ? -1 : 1) == pca_signs[i];
    }
    ok(good, "the signs are those that the expected values were made with");
}

static void test_mean_diff(const struct golden *g)
{
    struct mi_direction d = fit(g, MI_METHOD_MEAN_DIFF, g->mean_diff);
    struct mi_cases c = make_cases(g->n, true);
    double *p = malloc((size_t)c.n * sizeof *p);
    struct mi_figure f[MI_PROBE_FIGURES];

    near(d.scale, g->scale, 1e-7, "%s: scale", g->name);
    near(d.threshold, g->threshold, 1e-6, "%s: threshold", g->name);
    near(d.cos_mean_diff, 1, 1e-7, "%s: cosine with itself", g->name);
    mi_direction_project(p, &c, g->x, g->D, d.v);
    mi_probe_figures(f, &c, p, d.threshold, NULL, 0.95);
    near(f[MI_PROBE_ACCURACY].value, g->accuracy, 1e-12, "%s: accuracy", g->name);
    near(f[MI_PROBE_AUROC].value, g->auroc, 1e-12, "%s: AUROC", g->name);
    near(f[MI_PROBE_PAIR_ACCURACY].value, g->pair_accuracy, 1e-12, "%s: pair accuracy", g->name);
    ok(f[MI_PROBE_PAIR_ACCURACY].n == g->n && f[MI_PROBE_AUROC].n == 2 * g->n, "%s: counts",
       g->name);
    near(d.sign_share, g->pair_accuracy, 1e-12, "%s: share behind the sign", g->name);
    free(p);
    mi_cases_free(&c);
    mi_direction_free(&d);
}

static void test_golden(const struct golden *g)
{
    struct mi_direction d;

    test_mean_diff(g);
    d = fit(g, MI_METHOD_PCA_DIFF, g->pca_diff);
    near(d.variance[0], g->pca_diff_share[0], 1e-10, "%s: share of the variance", g->name);
    mi_direction_free(&d);
    d = fit(g, MI_METHOD_PCA_DIFF_UNCENTRED, g->pca_uncentred);
    near(d.variance[0], g->pca_uncentred_share[0], 1e-10, "%s: share, uncentred", g->name);
    mi_direction_free(&d);
    d = fit(g, MI_METHOD_PCA_CENTER, g->pca_center);
    mi_direction_free(&d);
    d = fit(g, MI_METHOD_MASS_MEAN, g->mass_mean);
    mi_direction_free(&d);
    d = fit(g, MI_METHOD_LOGISTIC, g->logistic);
    near(d.threshold, g->logistic_threshold, 1e-6, "%s: boundary of the regression", g->name);
    near(d.loss, g->logistic_loss, 1e-9, "%s: minimum of the regression", g->name);
    diag("%s: %d iterations", g->name, d.iterations);
    mi_direction_free(&d);
}

static void test_sign_rule(void)
{
    const struct golden *g = &goldens[0];
    struct mi_cases c = make_cases(g->n, true);
    struct mi_direction a, b;

    if (mi_direction_fit(&a, MI_METHOD_PCA_CENTER, &c, g->x, g->D, &options, NULL) < 0)
        return;
    for (int64_t i = 0; i < c.n; i += 2) { /* the sides the other way round */
        int64_t row = c.row[i];

        c.row[i] = c.row[i + 1];
        c.row[i + 1] = row;
    }
    if (mi_direction_fit(&b, MI_METHOD_PCA_CENTER, &c, g->x, g->D, &options, NULL) < 0)
        return;
    near(mi_cosine(a.v, b.v, g->D), -1, 1e-9, "turning the sides round turns the vector round");
    near(a.sign_share, b.sign_share, 1e-12, "with the same confidence");
    ok(a.sign == -b.sign, "and the sign says so");
    near(a.scale, b.scale, 1e-6, "the scale stays positive");
    mi_direction_free(&a);
    mi_direction_free(&b);
    mi_cases_free(&c);
}

static void test_components(void)
{
    const struct golden *g = &goldens[0];
    struct mi_cases c = make_cases(g->n, true);
    struct mi_direction_options o = options;
    struct mi_direction d;
    int r;

    o.n_components = 3;
    r = mi_direction_fit(&d, MI_METHOD_PCA_DIFF_UNCENTRED, &c, g->x, g->D, &o, NULL);
    ok(r == 0 && d.n_vectors == 3, "three components");
    near(mi_cosine(d.v, d.v + g->D, g->D), 0, 1e-6, "are orthogonal");
    near(d.variance[1], g->pca_uncentred_share[1], 1e-10, "share of the second");
    mi_direction_free(&d);
    mi_cases_free(&c);
}

static void test_controls(void)
{
    const struct golden *g = &goldens[1];
    struct mi_direction_options o = options;
    struct mi_cases c = make_cases(g->n, true);
    struct mi_direction a, b;
    double norm = 0;

    if (mi_direction_fit(&a, MI_METHOD_RANDOM, &c, g->x, g->D, &o, NULL) < 0)
        return;
    for (int64_t k = 0; k < g->D; k++)
        norm += (double)a.v[k] * (double)a.v[k];
    near(norm, 1, 1e-6, "a random direction has unit norm");
    o.draw = 1;
    if (mi_direction_fit(&b, MI_METHOD_RANDOM, &c, g->x, g->D, &o, NULL) < 0)
        return;
    ok(fabs(mi_cosine(a.v, b.v, g->D)) < 0.9, "another draw is another direction");
    mi_direction_free(&b);
    ok(mi_direction_fit(&b, MI_METHOD_SHUFFLED, &c, g->x, g->D, &o, NULL) == 0, "shuffled sides");
    ok(b.cos_mean_diff < 0.999, "give another direction than the sides");
    mi_direction_free(&a);
    mi_direction_free(&b);
    mi_cases_free(&c);
}

/* Members of a pair differ along column 0 alone, by 1 to 3; the pairs differ in all columns.
 * Sides swapped within pairs would leave column 0 and nothing else. */
static void test_shuffled_pairs(void)
{
    enum { N = 64, D = 16 };
    static float x[2 * N * D];
    struct mi_cases c = make_cases(N, true);
    struct mi_direction_options o = options;
    struct mi_rng rng = mi_rng_make(1, "pairs", "");
    double worst = 0;

    for (int i = 0; i < N; i++)
        for (int k = 0; k < D; k++) {
            float content = (float)(mi_rng_uniform(&rng) - 0.5);

            x[2 * i * D + k] = content + (k == 0 ? 1 + 2 * (float)mi_rng_uniform(&rng) : 0);
            x[(2 * i + 1) * D + k] = content;
        }
    for (o.draw = 0; o.draw < 20; o.draw++) {
        struct mi_direction d;

        if (mi_direction_fit(&d, MI_METHOD_SHUFFLED, &c, x, D, &o, NULL) < 0)
            break;
        worst = fmax(worst, fabs((double)d.v[0]));
        mi_direction_free(&d);
    }
    ok(o.draw == 20 && worst < 0.8, "shuffled sides do not find what all pairs differ in: %g",
       worst);
    mi_cases_free(&c);
}

static void expect_error(const char *what, const char *text, enum mi_method m,
                         const struct mi_cases *c, const float *x, int64_t D)
{
    struct mi_error err = {0};
    struct mi_direction d;
    int r = mi_direction_fit(&d, m, c, x, D, &options, &err);

    ok(r == -MI_EXIT_DATA && strstr(err.text, text), "%s: %s", what, err.text);
    mi_direction_free(&d);
}

static void test_refusals(void)
{
    const struct golden *g = &goldens[0];
    struct mi_cases c = make_cases(g->n, true), part = {0};
    struct mi_error err = {0};
    float *zero = calloc((size_t)(2 * g->n * g->D), sizeof *zero);
    unsigned char keep[40] = {0};

    c.is_paired = false;
    expect_error("no pairs", "needs pairs", MI_METHOD_PCA_DIFF, &c, g->x, g->D);
    c.is_paired = true;
    expect_error("all rows alike", "are equal", MI_METHOD_MEAN_DIFF, &c, zero, g->D);
    expect_error("all differences zero", "components", MI_METHOD_PCA_DIFF, &c, zero, g->D);
    mi_cases_part(&part, &c, keep);
    expect_error("no rows", "no rows", MI_METHOD_MEAN_DIFF, &part, g->x, g->D);
    for (int64_t i = 0; i < c.n; i++)
        c.side[i] = 1;
    expect_error("one side", "positive side", MI_METHOD_LOGISTIC, &c, g->x, g->D);
    ok(mi_method_find("mean_diff", &err) == -MI_EXIT_USAGE && strstr(err.text, "'mean-diff'"),
       "a misspelt method names the near one: %s", err.text);
    ok(mi_method_find("lda", &err) == MI_METHOD_MASS_MEAN, "lda is mass-mean");
    mi_cases_free(&part);
    mi_cases_free(&c);
    free(zero);
}

static void test_angles(void)
{
    double c[2];

    ok(mi_principal_cosines(c, space_a, 3, space_b, 2, 20) == 0, "principal angles");
    near(c[0], space_cosines[0], 1e-6, "first principal cosine");
    near(c[1], space_cosines[1], 1e-6, "second principal cosine");
}

/* Noise without any difference of the sides: a direction fitted on half of the groups scores
 * the others by chance, and the 95 % interval of the AUROC holds 1/2 about as often as it
 * says. */
static void test_null(void)
{
    enum { RUNS = 500, PAIRS = 80, WIDTH = 10 };
    struct mi_cases c = make_cases(PAIRS, true), half[2] = {{0}};
    float *x = malloc(2 * PAIRS * WIDTH * sizeof *x);
    unsigned char keep[PAIRS];
    double score[2 * PAIRS], mean = 0;
    int covered = 0;
    struct mi_resamples boot = {0};

    mi_resamples_init(&boot, PAIRS, 200, 3);
    for (int k = 0; k < 2; k++) {
        for (int g = 0; g < PAIRS; g++)
            keep[g] = g % 2 == k;
        mi_cases_part(&half[k], &c, keep);
    }
    for (int k = 0; k < RUNS; k++) {
        struct mi_rng rng = mi_rng_make_n(9, "null", (uint64_t)k);
        struct mi_figure f[MI_PROBE_FIGURES];
        struct mi_direction d;

        for (int i = 0; i < 2 * PAIRS * WIDTH; i++)
            x[i] = (float)(mi_rng_uniform(&rng) + mi_rng_uniform(&rng) - 1);
        if (mi_direction_fit(&d, MI_METHOD_MEAN_DIFF, &half[0], x, WIDTH, &options, NULL) < 0)
            return;
        mi_direction_project(score, &half[1], x, WIDTH, d.v);
        mi_probe_figures(f, &half[1], score, d.threshold, &boot, 0.95);
        covered += f[MI_PROBE_AUROC].lo <= 0.5 && f[MI_PROBE_AUROC].hi >= 0.5;
        mean += f[MI_PROBE_AUROC].value / RUNS;
        mi_direction_free(&d);
    }
    diag("held-out AUROC on noise: mean %.4f, interval holds 1/2 in %d of %d", mean, covered, RUNS);
    near(mean, 0.5, 0.01, "held-out AUROC on noise is one half");
    ok(covered >= 455 && covered <= 490, "and its interval holds that at the nominal rate");
    mi_resamples_free(&boot);
    mi_cases_free(&half[0]);
    mi_cases_free(&half[1]);
    mi_cases_free(&c);
    free(x);
}

int main(void)
{
    test_signs();
    test_golden(&goldens[0]);
    test_golden(&goldens[1]);
    test_sign_rule();
    test_components();
    test_controls();
    test_shuffled_pairs();
    test_refusals();
    test_angles();
    test_null();
    return done();
}
