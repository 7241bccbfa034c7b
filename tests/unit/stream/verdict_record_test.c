/* Verdict records: there and back, and what is refused. */
#include "../tap.h"

#include "stream/verdict_record.h"

#include <string.h>

static void test_round_trip(const char *rule, double lo, double hi, const char *gate)
{
    struct mi_arena a = {0};
    struct mi_error err = {0};
    struct mi_verdict_record r = {.claim = "lies",
                                  .verdict = "supported",
                                  .value = 0.75,
                                  .lo = 0.5,
                                  .hi = (double)NAN,
                                  .margin_lo = lo,
                                  .margin_hi = hi,
                                  .rule = rule,
                                  .gate_claim = gate,
                                  .gate_verdict = gate ? "refuted" : NULL,
                                  .metric = "rate_foil",
                                  .of = mi_map(),
                                  .n = 7,
                                  .refuted_by = "none"},
                             back;
    struct mi_value body;

    mi_set(&a, &r.of, "side", mi_str("honest"));
    body = mi_verdict_body(&a, &r);
    ok(mi_verdict_read(&body, &back, &err) == 0, "%s read back %s", rule, err.text);
    ok(!strcmp(back.claim, "lies") && !strcmp(back.verdict, "supported") && back.value == 0.75 &&
           back.lo == 0.5 && isnan(back.hi) && back.margin_lo == lo && back.margin_hi == hi &&
           !strcmp(back.rule, rule) && !strcmp(back.metric, "rate_foil") && back.n == 7 &&
           !back.why && !strcmp(back.refuted_by, "none") &&
           !strcmp(mi_get_str(&back.of, "side", ""), "honest"),
       "with all its keys");
    ok(gate ? !strcmp(back.gate_claim, gate) && !strcmp(back.gate_verdict, "refuted")
            : !back.gate_claim,
       "and its gate");
    mi_arena_free(&a);
}

/* The same record with one key changed. */
static void test_wrong(const char *key, struct mi_value v)
{
    struct mi_arena a = {0};
    struct mi_error err = {0};
    struct mi_verdict_record r = {
        .claim = "c", .verdict = "refuted", .rule = "above", .metric = "m", .of = mi_map()};
    struct mi_value body = mi_verdict_body(&a, &r);

    mi_set(&a, &body, key, v);
    ok(mi_verdict_read(&body, &r, &err) == -MI_EXIT_DATA && strstr(err.text, key), "%s", err.text);
    mi_arena_free(&a);
}

int main(void)
{
    test_round_trip("above", 0.5, 0.5, NULL);
    test_round_trip("between", -1, 2, "behaviour");
    test_wrong("claim", mi_nil());
    test_wrong("verdict", mi_str("maybe"));
    test_wrong("rule", mi_int(3));
    test_wrong("metric", mi_nil());
    test_wrong("margin", mi_str("0.5"));
    test_wrong("margin", mi_array());
    test_wrong("gate", mi_map());
    return done();
}
