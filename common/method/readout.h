/* method/readout.h: a distribution over tokens, as a few numbers. */
#ifndef MI_METHOD_READOUT_H
#define MI_METHOD_READOUT_H

#include <stdint.h>

/* Entropy in nats of softmax(logits [n]), n > 0: log Z - sum_i p_i (logit_i - max), in
 * double, in the order of the tokens. */
double mi_softmax_entropy(const float *logits, int64_t n);

/* The k largest of x [n] (k <= n), best first, equal ones by index, into top [k]. */
void mi_largest(int32_t *top, const float *x, int64_t n, int k);

#endif
