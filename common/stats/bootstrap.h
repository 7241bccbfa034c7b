/* stats/bootstrap.h: percentile intervals by resampling groups.
 *
 * What belongs together (a statement and its cuts, a topic) is drawn together: the cluster
 * bootstrap (Efron and Tibshirani 1993, chapter 8; Davison and Hinkley 1997, section 3.8).
 * Replicate r draws n_groups groups with replacement from the generator keyed by (seed,
 * "bootstrap", r); the same replicates serve all figures of one set of groups, so that
 * differences between figures have intervals too.
 *
 * The interval is the expanded percentile one (Hesterberg 2015, "What teachers should know about
 * the bootstrap", The American Statistician 69): quantiles p and 1 - p of the replicates (type 7),
 *
 *     p = P(Z > t sqrt(G / (G - 1))),  t with P(|T| <= t) = level of G - 1 degrees of freedom,
 *
 * for G groups. With p = (1 - level) / 2 intervals are too short where groups are few: replicates
 * vary by a factor sqrt((G - 1) / G) too little, and the spread of the groups is itself only
 * estimated. Of a mean, 95 % intervals would cover 88 % with 8 groups. */
#ifndef MI_STATS_BOOTSTRAP_H
#define MI_STATS_BOOTSTRAP_H

#include <stdint.h>

/* Fewer groups than this give no interval worth its name: callers refuse. */
enum { MI_BOOTSTRAP_MIN_GROUPS = 8 };

struct mi_resamples {
    int32_t n_groups;
    int32_t n;      /* replicates */
    int32_t *count; /* [n, n_groups] how often each group was drawn */
};

void mi_resamples_init(struct mi_resamples *r, int32_t n_groups, int32_t n, uint64_t seed);
void mi_resamples_free(struct mi_resamples *r);

/* The p of the above, to twelve digits; (1 - level) / 2 of a single group. */
double mi_bootstrap_tail(int32_t n_groups, double level);

struct mi_interval {
    double lo, hi;
};

/* `figure(ctx, count)` computes the figure with groups weighted by count [n_groups]; NAN
 * where it is not defined. Replicates without a value are left out; when more than one in
 * twenty has none the interval is NAN. */
struct mi_interval mi_bootstrap(const struct mi_resamples *r, double level,
                                double (*figure)(void *ctx, const int32_t *count), void *ctx);

#endif
