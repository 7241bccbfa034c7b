/* Spread, correlation and means by group: closed forms, and numbers of NumPy and SciPy. */
#include "../tap.h"

#include "stats/correlate.h"
#include "stats/group_mean.h"
#include "stats/moments.h"
#include "stats/spread.h"

#include <string.h>

/* numpy.corrcoef of the columns below with the side; of column 0 with rows repeated */
#define CORR_0 0.8467378855869864
#define CORR_2 0.18367958959266123
#define CORR_W 0.8647889466100896

static void test_spread(void)
{
    double one[] = {0, -3, 0}, even[] = {1, -1, 1, -1}, none[] = {0, 0};
    double e[] = {0.5, -2.0, 0.25, 1.0, 0.0, -0.125};

    near(mi_participation_ratio(one, 3), 1, 1e-15, "one part carries all");
    near(mi_participation_ratio(even, 4), 4, 1e-15, "four share it");
    ok(isnan(mi_participation_ratio(none, 2)), "nothing to share");
    near(mi_participation_ratio(e, 6), 2.8181818181818183, 1e-15, "as NumPy has it");
    mi_spread_sort(e, 6);
    ok(e[0] == 2 && e[1] == 1 && e[4] == 0.125 && e[5] == 0, "sorted by size");
    ok(mi_parts_to_reach(e, 6, 0.5) == 1 && mi_parts_to_reach(e, 6, 0.8) == 3 &&
           mi_parts_to_reach(e, 6, 0.9) == 3 && mi_parts_to_reach(e, 6, 1) == 5,
       "parts to reach 50, 80, 90, 100 %%");
    mi_spread_sort(even, 4);
    ok(mi_parts_to_reach(even, 4, 0.5) == 2 && mi_parts_to_reach(even, 4, 0.51) == 3, "even parts");
    ok(isnan(mi_parts_to_reach(none, 2, 0.5)), "nothing to reach");
}

static void test_correlation(void)
{
    static const float x[] = {1.5F, 2, -1, 0.25F, 2, 3,  -1,   2, 0.5F,
                              2,    2, 2,  0.5F,  2, -4, 3.5F, 2, 1};
    static const int8_t side[] = {1, -1, -1, 1, -1, 1};
    static const int32_t count[] = {2, 0, 1};
    double mean[3], sd[3], r[3], column[6];
    struct mi_cases s;

    mi_cases_init(&s, 6);
    s.n_groups = 3;
    for (int i = 0; i < 6; i++) {
        s.row[i] = i;
        s.side[i] = side[i];
        s.group[i] = i % 3;
        s.unit[i] = s.key[i] = (uint64_t)i;
        column[i] = (double)x[3 * i];
    }
    mi_column_scale(mean, sd, &s, x, 3);
    mi_correlate(r, &s, x, 3, mean, sd);
    near(r[0], CORR_0, 1e-14, "of a matrix, as numpy.corrcoef");
    near(r[2], CORR_2, 1e-14, "and of another column");
    near(mi_correlation(&s, column, NULL), CORR_0, 1e-14, "of one column");
    near(mi_correlation(&s, column, count), CORR_W, 1e-14, "weighted, as of repeated rows");
    for (int i = 0; i < 6; i++)
        column[i] = 7;
    ok(isnan(mi_correlation(&s, column, NULL)), "a constant has none");
    for (int i = 0; i < 6; i++)
        column[i] = s.side[i] = 1;
    ok(isnan(mi_correlation(&s, column, NULL)), "one side has none");
    mi_cases_free(&s);
}

static void test_group_mean(void)
{
    struct mi_group_mean m;
    struct mi_resamples boot;
    struct mi_interval i;
    int32_t count[] = {0, 2, 1};

    mi_group_mean_init(&m, 3);
    ok(isnan(mi_group_mean(&m, NULL)), "no cases, no mean");
    mi_group_mean_add(&m, 0, 10);
    mi_group_mean_add(&m, 1, 1);
    mi_group_mean_add(&m, 1, 2);
    mi_group_mean_add(&m, 2, 5);
    near(mi_group_mean(&m, NULL), 4.5, 0, "over cases");
    near(mi_group_mean(&m, count), 11.0 / 5, 1e-15, "groups weighted");
    ok(mi_group_mean_cases(&m) == 4, "four cases");
    i = mi_group_mean_interval(&m, NULL, 0.95);
    ok(isnan(i.lo) && isnan(i.hi), "no replicates, no interval");
    mi_resamples_init(&boot, 3, 500, 1);
    i = mi_group_mean_interval(&m, &boot, 0.95);
    ok(i.lo >= 1.5 && i.lo < 4.5 && i.hi <= 10 && i.hi > 4.5, "[%g, %g]", i.lo, i.hi);
    mi_resamples_free(&boot);
    mi_group_mean_free(&m);
    near(mi_unseen_share(8, 0.95), 0.3694166475528192, 1e-12, "8 groups that agree, as SciPy");
    near(mi_unseen_share(20, 0.95), 0.1684334709830853, 1e-12, "20 groups");
    near(mi_unseen_share(100, 0.95), 0.03621669264517641, 1e-12, "100 groups");
}

int main(void)
{
    test_spread();
    test_correlation();
    test_group_mean();
    return done();
}
