/* stats/group_mean.h: the mean of one number a case, with an interval over groups.
 *
 * Sums are kept by group, so that a bootstrap replicate costs one pass over the groups. With
 * groups of unequal size the mean is that over cases, not over groups: a ratio estimator. */
#ifndef MI_STATS_GROUP_MEAN_H
#define MI_STATS_GROUP_MEAN_H

#include "stats/bootstrap.h"

#include <stdint.h>

struct mi_group_mean {
    double *sum; /* [n_groups] */
    int64_t *n;  /* [n_groups] cases */
    int32_t n_groups;
};

void mi_group_mean_init(struct mi_group_mean *m, int32_t n_groups);
void mi_group_mean_add(struct mi_group_mean *m, int32_t group, double x);
/* Each group counted count[group] times (NULL: once); NAN without cases. */
double mi_group_mean(const struct mi_group_mean *m, const int32_t *count);
/* NAN, NAN when r is NULL, has no replicates, or there are no cases. */
struct mi_interval mi_group_mean_interval(struct mi_group_mean *m, const struct mi_resamples *r,
                                          double level);
/* Where all groups agree no replicate differs, and the interval has no width. That is no
 * certainty: with n groups that agree, a share of others of up to this is still possible at the
 * level (Clopper and Pearson 1934, no failures in n trials): 1 - ((1 - level) / 2)^(1 / n). */
double mi_unseen_share(int32_t n_groups, double level);
int64_t mi_group_mean_cases(const struct mi_group_mean *m);
void mi_group_mean_free(struct mi_group_mean *m);

#endif
