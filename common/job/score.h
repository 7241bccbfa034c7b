/* job/score.h: figures of one row of logits: how likely, which place, how sure, what else.
 *
 * All depend on the row alone, in one order of operations, so they have the same bits for
 * any batch, thread count and instruction set. Natural logarithms; sums in double. */
#ifndef MI_JOB_SCORE_H
#define MI_JOB_SCORE_H

#include <stdint.h>

/* Of one token under the distribution of its row. */
struct mi_token_score {
    double logp;
    double entropy; /* -sum p log p of the whole row, nats */
    int64_t rank;   /* tokens with a greater logit, and equal ones with a lower id; 0: the first */
};

/* log p[token] = logits[token] - normalizer, where normalizer is mi_log_normalizer(logits, v)
 * of math/rows.h: not finite when a logit is NaN or +infinity. logits [v], 0 <= token < v. */
struct mi_token_score mi_score_token(const float *logits, int64_t v, double normalizer,
                                     int32_t token);

/* The k most probable tokens, best first, equal ones by lower id, with their log-probs:
 * token, logp [k]; k <= v. O(v log k). */
void mi_score_top(const float *logits, int64_t v, double normalizer, int k, int32_t *token,
                  double *logp);
/* The most probable token; of equal ones the lowest id. */
int32_t mi_score_best(const float *logits, int64_t v);

#endif
