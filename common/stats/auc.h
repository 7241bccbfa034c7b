/* stats/auc.h: area under the ROC curve, exact, with ties, plain and weighted.
 *
 *     AUROC = P(score+ > score-) + P(score+ = score-) / 2
 *
 * over all pairs of a positive and a negative sample: the Mann-Whitney statistic (Mann and
 * Whitney 1947; Hanley and McNeil 1982). Weights are counts, so that a bootstrap replicate
 * costs one pass over the samples and no sorting; all sums are whole numbers (exact up to
 * 2^53 pairs). */
#ifndef MI_STATS_AUC_H
#define MI_STATS_AUC_H

#include <stdint.h>

/* order [n]: the indices of score [n], ascending by score, equal scores by index. */
void mi_auc_order(int64_t *order, const double *score, int64_t n);

/* score [n]; side [n]: > 0 is positive; order [n] from mi_auc_order. Sample i counts
 * weight[group[i]] times, or once when weight is NULL. NAN when a side has no weight. */
double mi_auc(const double *score, const int8_t *side, const int64_t *order, int64_t n,
              const int32_t *group, const int32_t *weight);

#endif
