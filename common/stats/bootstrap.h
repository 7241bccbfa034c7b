/* stats/bootstrap.h: percentile intervals by resampling groups.
 *
 * What belongs together (a statement and its cuts, a topic) is drawn together: the cluster
 * bootstrap (Efron and Tibshirani 1993, chapter 8; Davison and Hinkley 1997, section 3.8).
 * Replicate r draws n_groups groups with replacement from the generator keyed by (seed,
 * "bootstrap", r); the same replicates serve all figures of one set of groups, so that
 * differences between figures have intervals too. The interval is the percentile one,
 * quantiles (1 - level) / 2 and (1 + level) / 2 of the replicates (type 7). */
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

struct mi_interval {
    double lo, hi;
};

/* `figure(ctx, count)` computes the figure with groups weighted by count [n_groups]; NAN
 * where it is not defined. Replicates without a value are left out; when more than one in
 * twenty has none the interval is NAN. */
struct mi_interval mi_bootstrap(const struct mi_resamples *r, double level,
                                double (*figure)(void *ctx, const int32_t *count), void *ctx);

#endif
