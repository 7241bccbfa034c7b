/* stream/verdict_record.h: what the data say about a claim.
 *
 * verdict = {claim, verdict, value, lo, hi, margin, rule, gate, metric, of, n, why, refuted_by}
 *
 *     claim       its name
 *     verdict     supported, refuted or undetermined
 *     value, lo, hi   the figure and its interval
 *     margin      the number of the rule; of `between` a pair
 *     rule        above, below or between
 *     gate        nil, or {claim, verdict}: what had to be supported first; of several the
 *                 first that was not
 *     metric, of, n   the figure's id, what of, from how many
 *     why         of an undetermined one the reason, else nil
 *     refuted_by  what would refute the claim, in words */
#ifndef MI_STREAM_VERDICT_RECORD_H
#define MI_STREAM_VERDICT_RECORD_H

#include "base/error.h"
#include "data/value.h"

#include <stdint.h>

struct mi_verdict_record {
    const char *claim, *verdict;
    double value, lo, hi;        /* NAN: nil */
    double margin_lo, margin_hi; /* equal, but of `between` */
    const char *rule;
    const char *gate_claim, *gate_verdict; /* NULL: no gate */
    const char *metric;
    struct mi_value of; /* map */
    int64_t n;
    const char *why, *refuted_by; /* may be NULL */
};

/* Strings are borrowed. */
struct mi_value mi_verdict_body(struct mi_arena *a, const struct mi_verdict_record *r);
int mi_verdict_read(const struct mi_value *body, struct mi_verdict_record *r,
                    struct mi_error *err) MI_MUST_USE;

#endif
