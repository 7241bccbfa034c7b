/* job/verdict.h: a claim, a figure among scores, a verdict. */
#ifndef MI_JOB_VERDICT_H
#define MI_JOB_VERDICT_H

#include "job/origin.h"
#include "method/verdict.h"
#include "stream/writer.h"

struct mi_claim {
    const char *name, *metric;
    const char *const *of; /* [n_of] "key=value": what the score's keys must be */
    int n_of;
    struct mi_rule rule;
    /* Not NULL: a figure must also be beyond what this control reached at most (at least, of
     * `below`): the margin moves to the control's hi (lo) where that is further. The control is
     * looked for by the same keys but method, run, subspace, variant and draw. Not with
     * `between`. */
    const char *control;
    bool is_exact;           /* a figure without sampling error: its value is its interval */
    const char *const *gate; /* [n_gate] verdict streams: all must be supported */
    int n_gate;
    const char *refuted_by; /* NULL: said from the rule */
};

/* For before anything is opened: the metric is known, conditions are "key=value", the control
 * goes with the rule. MI_EXIT_USAGE. */
int mi_claim_check(const struct mi_claim *c, struct mi_error *err) MI_MUST_USE;
/* Reads the scores to their end and the gates, and puts one verdict record. A text value of
 * `of` equals a key when it is its text, a number's as JSON prints it, or "null" for nil or absent.
 * MI_EXIT_DATA: no score fits, or several do; the score has no interval; an empty gate. */
int mi_verdict_judge(struct mi_reader *scores, const struct mi_claim *c, struct mi_origin *origin,
                     struct mi_writer *out, struct mi_error *err) MI_MUST_USE;

#endif
