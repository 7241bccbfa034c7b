#include "stream/verdict_record.h"

#include <math.h>
#include <string.h>

static struct mi_value real_or_nil(double r)
{
    return isfinite(r) ? mi_real(r) : mi_nil();
}

static struct mi_value str_or_nil(const char *s)
{
    return s ? mi_str(s) : mi_nil();
}

struct mi_value mi_verdict_body(struct mi_arena *a, const struct mi_verdict_record *r)
{
    struct mi_value body = mi_map(), margin = mi_real(r->margin_lo), gate = mi_nil();

    if (strcmp(r->rule, "between") == 0) {
        margin = mi_array();
        mi_push(a, &margin, mi_real(r->margin_lo));
        mi_push(a, &margin, mi_real(r->margin_hi));
    }
    if (r->gate_claim) {
        gate = mi_map();
        mi_set(a, &gate, "claim", mi_str(r->gate_claim));
        mi_set(a, &gate, "verdict", mi_str(r->gate_verdict));
    }
    mi_set(a, &body, "claim", mi_str(r->claim));
    mi_set(a, &body, "verdict", mi_str(r->verdict));
    mi_set(a, &body, "value", real_or_nil(r->value));
    mi_set(a, &body, "lo", real_or_nil(r->lo));
    mi_set(a, &body, "hi", real_or_nil(r->hi));
    mi_set(a, &body, "margin", margin);
    mi_set(a, &body, "rule", mi_str(r->rule));
    mi_set(a, &body, "gate", gate);
    mi_set(a, &body, "metric", mi_str(r->metric));
    mi_set(a, &body, "of", mi_is(&r->of, MI_MAP) ? r->of : mi_map());
    mi_set(a, &body, "n", mi_int(r->n));
    mi_set(a, &body, "why", str_or_nil(r->why));
    mi_set(a, &body, "refuted_by", str_or_nil(r->refuted_by));
    return body;
}

static int missing(struct mi_error *err, const char *key)
{
    return mi_fail(err, MI_EXIT_DATA, "verdict: '%s' is missing or of a wrong type", key);
}

static double number(const struct mi_value *v)
{
    return v->kind == MI_REAL  ? v->as.real
           : v->kind == MI_INT ? (double)v->as.integer
                               : (double)NAN;
}

static bool is_one_of(const char *s, const char *a, const char *b, const char *c)
{
    return s && (strcmp(s, a) == 0 || strcmp(s, b) == 0 || strcmp(s, c) == 0);
}

int mi_verdict_read(const struct mi_value *body, struct mi_verdict_record *r, struct mi_error *err)
{
    const struct mi_value *margin = mi_get(body, "margin"), *gate = mi_get(body, "gate");
    const struct mi_value *of = mi_get(body, "of");
    const double none = (double)NAN;

    *r = (struct mi_verdict_record){
        .claim = mi_get_str(body, "claim", NULL),
        .verdict = mi_get_str(body, "verdict", NULL),
        .value = mi_get_real(body, "value", none),
        .lo = mi_get_real(body, "lo", none),
        .hi = mi_get_real(body, "hi", none),
        .rule = mi_get_str(body, "rule", NULL),
        .gate_claim = mi_get_str(gate, "claim", NULL),
        .gate_verdict = mi_get_str(gate, "verdict", NULL),
        .metric = mi_get_str(body, "metric", NULL),
        .of = mi_is(of, MI_MAP) ? *of : mi_map(),
        .n = mi_get_int(body, "n", 0),
        .why = mi_get_str(body, "why", NULL),
        .refuted_by = mi_get_str(body, "refuted_by", NULL),
    };
    if (!r->claim)
        return missing(err, "claim");
    if (!is_one_of(r->verdict, "supported", "refuted", "undetermined"))
        return missing(err, "verdict");
    if (!is_one_of(r->rule, "above", "below", "between"))
        return missing(err, "rule");
    if (!r->metric)
        return missing(err, "metric");
    if (mi_is(gate, MI_MAP) && (!r->gate_claim || !r->gate_verdict))
        return missing(err, "gate");
    r->margin_lo = r->margin_hi = mi_get_real(body, "margin", none);
    if (mi_is(margin, MI_ARRAY) && margin->as.array.n == 2) {
        r->margin_lo = number(&margin->as.array.item[0]);
        r->margin_hi = number(&margin->as.array.item[1]);
    }
    return isnan(r->margin_lo) || isnan(r->margin_hi) ? missing(err, "margin") : 0;
}
