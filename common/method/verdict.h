/* method/verdict.h: what an interval says about a claim that was made before it was known.
 *
 * A claim names a figure and a margin. The interval wholly beyond the margin supports it, wholly
 * short of it refutes it, and otherwise the data leave it open: the three-way reading of
 * intervals beside a margin that equivalence and non-inferiority trials use (Piaggio et al. 2012,
 * JAMA 308, figure 1). With intervals of level 1 - a, a figure that lies exactly at the margin is
 * called supported, or refuted, with probability a / 2 each. */
#ifndef MI_METHOD_VERDICT_H
#define MI_METHOD_VERDICT_H

#include "base/error.h"

enum mi_verdict { MI_UNDETERMINED, MI_SUPPORTED, MI_REFUTED };
const char *mi_verdict_name(enum mi_verdict v); /* "supported" ... */

enum mi_rule_kind { MI_RULE_ABOVE, MI_RULE_BELOW, MI_RULE_BETWEEN };
const char *mi_rule_name(enum mi_rule_kind k); /* "above", "below", "between" */

struct mi_rule {
    enum mi_rule_kind kind;
    double lo, hi; /* the margin; lo = hi except of MI_RULE_BETWEEN */
};

/* "LO,HI", two finite numbers, the lower one first. MI_EXIT_USAGE. */
int mi_rule_between(struct mi_rule *rule, const char *text, struct mi_error *err) MI_MUST_USE;

/* The interval is [lo, hi]; NAN, one of them or both, leaves the claim open. */
enum mi_verdict mi_verdict(const struct mi_rule *rule, double lo, double hi);

#endif
