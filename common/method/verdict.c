#include "method/verdict.h"

#include "base/escape.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

const char *mi_verdict_name(enum mi_verdict v)
{
    return v == MI_SUPPORTED ? "supported" : v == MI_REFUTED ? "refuted" : "undetermined";
}

const char *mi_rule_name(enum mi_rule_kind k)
{
    return k == MI_RULE_ABOVE ? "above" : k == MI_RULE_BELOW ? "below" : "between";
}

int mi_rule_between(struct mi_rule *rule, const char *text, struct mi_error *err)
{
    char *end = NULL;
    double lo = strtod(text, &end),
           hi = end > text && *end == ',' ? strtod(end + 1, &end) : (double)NAN;

    if (*end || !isfinite(lo) || !isfinite(hi) || !(lo < hi))
        return mi_fail(err, MI_EXIT_USAGE, "'%s' is no LO,HI", mi_quote(text));
    *rule = (struct mi_rule){MI_RULE_BETWEEN, lo, hi};
    return 0;
}

enum mi_verdict mi_verdict(const struct mi_rule *rule, double lo, double hi)
{
    bool is_above = lo > rule->hi, is_below = hi < rule->lo;

    if (isnan(lo) || isnan(hi))
        return MI_UNDETERMINED;
    switch (rule->kind) {
    case MI_RULE_ABOVE: return is_above ? MI_SUPPORTED : is_below ? MI_REFUTED : MI_UNDETERMINED;
    case MI_RULE_BELOW: return is_below ? MI_SUPPORTED : is_above ? MI_REFUTED : MI_UNDETERMINED;
    case MI_RULE_BETWEEN:
        if (lo > rule->lo && hi < rule->hi)
            return MI_SUPPORTED;
        return is_above || is_below ? MI_REFUTED : MI_UNDETERMINED;
    }
    return MI_UNDETERMINED;
}
