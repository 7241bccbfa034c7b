/* job/unembed.h: which tokens a direction would speak for.
 *
 * A direction in the residual stream goes through the model's last step as if it were the whole
 * stream there: RMS norm, the norm's weight (is_folded), unembedding. The norm makes every
 * vector equally long, so the result does not depend on a choice of length:
 *
 *     logits = W_U (g * v sqrt(D))
 *
 * Golechha and Dao 2024 (2402.03855), table 1, look at the entropy and the top tokens of the
 * softmax; to call an entropy high it stands beside that of random directions. */
#ifndef MI_JOB_UNEMBED_H
#define MI_JOB_UNEMBED_H

#include "job/dirs.h"
#include "job/session.h"
#include "stream/writer.h"

struct mi_unembed_options {
    uint64_t seed;
    int n_random;   /* directions that the entropy is compared with */
    int n_top;      /* tokens at each end */
    bool is_folded; /* with the weight of the final norm */
};

/* For every direction (controls left out; of a subspace each vector) and each of its two ends
 * (side "+" and "-") a score record of metric `entropy`, and with two or more random
 * directions one of `entropy_z`; then one record of control "random": mean, smallest, largest.
 * of = {site, layer, head, position, method, vector, side, folded, top: [[token, piece, logit]
 * ...]}. MI_EXIT_DATA: a direction is not as wide as the residual stream. */
int mi_unembed(struct mi_session *s, const struct mi_dirs *dirs, const struct mi_unembed_options *o,
               struct mi_writer *out, struct mi_error *err) MI_MUST_USE;

#endif
