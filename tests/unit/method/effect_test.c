/* Effects of patches, against figures worked out by hand; what is refused. */
#include "../tap.h"
#include "method/effect.h"

#include <stdlib.h>

static void test_one(void)
{
    near(mi_effect_one(1, 3, 2), 0.5, 0, "half way");
    near(mi_effect_one(3, 1, 4), -0.5, 0, "away from the source");
    ok(isnan(mi_effect_one(1, 1, 2)), "no gap, no effect");
    ok(isnan(mi_effect_one(1, (double)NAN, 2)), "no source, no effect");
    ok(!signbit(mi_effect_one(3, 1, 3)), "nothing changed is 0, not -0");
}

enum { N = 20 };

static void test_ratio(void)
{
    double base[N], source[N], patched[N];
    int32_t group[N];
    struct mi_resamples r = {0}, none = {.n_groups = N};
    struct mi_effect_cases c = {N, base, patched, source, group};
    struct mi_effect_figures f, g;
    double up = 0, down = 0;

    for (int i = 0; i < N; i++) {
        base[i] = 0.1 * i;
        source[i] = base[i] + 1 + (i % 3);
        patched[i] = base[i] + 0.25 * (1 + (i % 3)) + 0.02 * (i % 5 - 2);
        group[i] = i / 2;
        up += patched[i] - base[i];
        down += source[i] - base[i];
    }
    mi_resamples_init(&r, N / 2, 500, 7);
    mi_effect_figures(&f, &c, &r, 0.95);
    near(f.effect, up / down, 1e-14, "ratio of the means");
    near(f.difference, up / N, 1e-14, "mean difference");
    near(f.gap, down / N, 1e-14, "mean gap");
    ok(!f.is_refused && f.effect_interval.lo < 0.25 && f.effect_interval.hi > 0.25 - 1e-9,
       "the interval %g to %g holds the effect", f.effect_interval.lo, f.effect_interval.hi);
    ok(f.effect_interval.lo <= f.effect && f.effect <= f.effect_interval.hi, "and the estimate");
    mi_effect_figures(&g, &c, &none, 0.95);
    ok(g.effect == f.effect && isnan(g.effect_interval.lo), "without replicates no interval");
    c.source = NULL;
    mi_effect_figures(&g, &c, &r, 0.95);
    ok(isnan(g.effect) && isnan(g.source) && !g.is_refused, "without source no effect");
    near(g.difference_interval.lo, f.difference_interval.lo, 0, "but its difference");
    mi_resamples_free(&r);
}

/* Half of the pairs differ one way, half the other. */
static void test_refused(void)
{
    double base[N] = {0}, source[N], patched[N];
    int32_t group[N];
    struct mi_resamples r = {0};
    struct mi_effect_cases c = {N, base, patched, source, group};
    struct mi_effect_figures f;

    for (int i = 0; i < N; i++) {
        source[i] = i % 2 ? 1 : -1.01;
        patched[i] = 1;
        group[i] = i;
    }
    mi_resamples_init(&r, N, 500, 7);
    mi_effect_figures(&f, &c, &r, 0.95);
    ok(f.is_refused && isnan(f.effect) && isnan(f.effect_interval.lo), "an open gap is refused");
    near(f.difference, 1, 0, "its difference stands");
    for (int i = 0; i < N; i++)
        source[i] = 0;
    mi_effect_figures(&f, &c, &r, 0.95);
    ok(f.is_refused, "no gap at all is refused");
    mi_resamples_free(&r);
}

/* Under a true effect of one half the interval holds it about as often as it says. */
static void test_coverage(void)
{
    double base[40], source[40], patched[40];
    int32_t group[40];
    struct mi_effect_cases c = {40, base, patched, source, group};
    int held = 0, n = 300;
    unsigned long long state = 1;

    for (int t = 0; t < n; t++) {
        struct mi_resamples r = {0};
        struct mi_effect_figures f;

        for (int i = 0; i < 40; i++) {
            double u[2];

            for (int k = 0; k < 2; k++) {
                state = state * 6364136223846793005ULL + 1442695040888963407ULL;
                u[k] = (double)(state >> 40) / 16777216.0 - 0.5;
            }
            base[i] = 0;
            source[i] = 2 + u[0];
            patched[i] = 1 + u[1];
            group[i] = i;
        }
        mi_resamples_init(&r, 40, 200, (uint64_t)t);
        mi_effect_figures(&f, &c, &r, 0.9);
        held += f.effect_interval.lo <= 0.5 && 0.5 <= f.effect_interval.hi;
        mi_resamples_free(&r);
    }
    ok(held > n * 84 / 100 && held < n * 95 / 100, "90 %% intervals held the truth %d times of %d",
       held, n);
}

int main(void)
{
    test_one();
    test_ratio();
    test_refused();
    test_coverage();
    return done();
}
