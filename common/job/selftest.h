/* job/selftest.h: does this model, on this machine, keep the promises that results rest on?
 *
 * Every check runs the model on drawn tokens and compares what must be equal. No other
 * implementation is needed, so it serves for any model file; what others compute is compared
 * by tests/parity.
 *
 *     tokens         texts come back from their tokens
 *     sites          every place is visited once, and holds finite numbers
 *     cache          the same bits in one pass and in several over a cache
 *     batch          the same bits alone and among other sequences
 *     threads        the same bits with one thread and with three
 *     lens           the logits are a function of the last residual stream: its values, put
 *                    into a run on other tokens, give the same bits
 *     decomposition  the stream after the last block is what entered the first plus what every
 *                    attention and every MLP wrote, within the rounding of those additions
 *     patch          writing every value of every site onto itself changes no bit
 *     memory         the peak of this process is what was foretold */
#ifndef MI_JOB_SELFTEST_H
#define MI_JOB_SELFTEST_H

#include "job/session.h"

enum { MI_SELFTEST_CHECKS = 9 };

struct mi_selftest_check {
    const char *name;
    bool is_passed;
    double measured, allowed; /* passed: measured <= allowed; what they count, text says */
    char text[200];           /* "0 of 1179648 logits differ, 24 tokens in passes of 1, 7, 16" */
};

/* What the checks call. Tests put a broken part in the place of each: a zero value is the
 * real one. */
struct mi_selftest_parts {
    int (*forward)(struct mi_forward *f, const struct mi_model *m, const struct mi_sequence *batch,
                   int n_sequences, int n_layers, const struct mi_hooks *hooks,
                   struct mi_error *err);
    void (*decode)(const struct mi_tokenizer *t, const int32_t *ids, size_t n, struct mi_buf *out);
    int64_t (*peak)(void);
};

/* All checks, in the order above, each handed to `put` when it is done. Returns the number of
 * checks that failed; < 0: the model could not be run. */
int mi_selftest(struct mi_session *s, const struct mi_selftest_parts *parts,
                void (*put)(void *self, const struct mi_selftest_check *check), void *self,
                struct mi_error *err) MI_MUST_USE;

#endif
