/* Effect records there and back; what is refused. */
#include "stream/effect_record.h"

#include "../tap.h"

#include <string.h>

static const struct mi_effect_record full = {
    .id = "a",
    .n = 1,
    .has_place = true,
    .place = {MI_SITE_Z, 3, 2},
    .position = 4,
    .offset = -2,
    .to = "k:5.1",
    .method = "path",
    .metric = "projection",
    .at = "resid_post:7",
    .direction = "00",
    .base = 1,
    .source = 2,
    .patched = 1.5,
    .effect = 0.5,
    .lo = 0.25,
    .hi = 0.75,
    .difference = 0.5,
    .difference_lo = 0.125,
    .difference_hi = 1,
};

static void test_round_trip(void)
{
    struct mi_arena a = {0};
    struct mi_error err = {0};
    struct mi_effect_record r;
    struct mi_value body = mi_effect_body(&a, &full);

    ok(mi_effect_read(&body, &r, &err) == 0, "read: %s", err.text);
    ok(strcmp(r.id, "a") == 0 && r.n == 1 && r.has_place && r.place.site == MI_SITE_Z &&
           r.place.layer == 3 && r.place.head == 2,
       "id and place");
    ok(r.position == 4 && r.offset == -2 && strcmp(r.to, "k:5.1") == 0 && !r.variant, "where");
    ok(strcmp(r.metric, "projection") == 0 && strcmp(r.at, "resid_post:7") == 0 &&
           strcmp(r.direction, "00") == 0 && strcmp(r.method, "path") == 0,
       "what");
    ok(r.base == 1 && r.source == 2 && r.patched == 1.5 && r.effect == 0.5 && r.lo == 0.25 &&
           r.hi == 0.75 && r.difference == 0.5 && r.difference_lo == 0.125 &&
           r.difference_hi == 1 && !r.refused && !r.subspace && r.draw < 0 && r.groups == 0,
       "figures");
    mi_arena_free(&a);
}

static void test_nil(void)
{
    struct mi_arena a = {0};
    struct mi_error err = {0};
    struct mi_effect_record r = {.n = 9,
                                 .position = -1,
                                 .variant = "2",
                                 .groups = 8,
                                 .method = "across",
                                 .subspace = "random",
                                 .draw = 3,
                                 .metric = "kl",
                                 .source = (double)NAN,
                                 .effect = (double)NAN,
                                 .refused = "because"};
    struct mi_value body = mi_effect_body(&a, &r);

    ok(mi_get(&body, "id")->kind == MI_NIL && mi_get(&body, "site")->kind == MI_NIL &&
           mi_get(&body, "position")->kind == MI_NIL && mi_get(&body, "offset")->kind == MI_NIL &&
           mi_get(&body, "source")->kind == MI_NIL && mi_get(&body, "to")->kind == MI_NIL,
       "what there is not is nil");
    ok(mi_effect_read(&body, &r, &err) == 0 && !r.id && !r.has_place && r.position == -1 &&
           r.groups == 8 && strcmp(r.subspace, "random") == 0 && r.draw == 3 && r.offset == 0 &&
           isnan(r.source) && strcmp(r.refused, "because") == 0,
       "and comes back");
    mi_arena_free(&a);
}

static void test_refused(void)
{
    static const char *const keys[] = {"n", "method", "metric", "position", "offset", "site"};
    const struct mi_value bad[] = {mi_int(0),  mi_nil(),  mi_int(3),
                                   mi_int(-5), mi_int(1), mi_str("nowhere")};

    for (int i = 0; i < 6; i++) {
        struct mi_arena a = {0};
        struct mi_error err = {0};
        struct mi_effect_record r;
        struct mi_value body = mi_effect_body(&a, &full);

        mi_set(&a, &body, keys[i], bad[i]);
        ok(mi_effect_read(&body, &r, &err) == -MI_EXIT_DATA, "bad %s: %s", keys[i], err.text);
        mi_arena_free(&a);
    }
}

int main(void)
{
    test_round_trip();
    test_nil();
    test_refused();
    return done();
}
