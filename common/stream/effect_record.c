#include "stream/effect_record.h"

#include <math.h>

static struct mi_value real_or_nil(double r)
{
    return isfinite(r) ? mi_real(r) : mi_nil();
}

static struct mi_value str_or_nil(const char *s)
{
    return s ? mi_str(s) : mi_nil();
}

static void set_place(struct mi_arena *a, struct mi_value *body, const struct mi_effect_record *r)
{
    if (r->has_place) {
        mi_place_set(a, body, &r->place);
        return;
    }
    mi_set(a, body, "site", mi_nil());
    mi_set(a, body, "layer", mi_nil());
    mi_set(a, body, "head", mi_nil());
}

struct mi_value mi_effect_body(struct mi_arena *a, const struct mi_effect_record *r)
{
    struct mi_value body = mi_map();

    mi_set(a, &body, "id", str_or_nil(r->id));
    mi_set(a, &body, "n", mi_int(r->n));
    mi_set(a, &body, "groups", r->groups > 0 ? mi_int(r->groups) : mi_nil());
    set_place(a, &body, r);
    mi_set(a, &body, "position", r->position >= 0 ? mi_int(r->position) : mi_nil());
    mi_set(a, &body, "offset", r->offset < 0 ? mi_int(r->offset) : mi_nil());
    mi_set(a, &body, "to", str_or_nil(r->to));
    mi_set(a, &body, "variant", str_or_nil(r->variant));
    mi_set(a, &body, "method", mi_str(r->method));
    mi_set(a, &body, "subspace", str_or_nil(r->subspace));
    mi_set(a, &body, "draw", r->subspace && r->draw >= 0 ? mi_int(r->draw) : mi_nil());
    mi_set(a, &body, "metric", mi_str(r->metric));
    mi_set(a, &body, "at", str_or_nil(r->at));
    mi_set(a, &body, "direction", str_or_nil(r->direction));
    mi_set(a, &body, "base", real_or_nil(r->base));
    mi_set(a, &body, "source", real_or_nil(r->source));
    mi_set(a, &body, "patched", real_or_nil(r->patched));
    mi_set(a, &body, "effect", real_or_nil(r->effect));
    mi_set(a, &body, "lo", real_or_nil(r->lo));
    mi_set(a, &body, "hi", real_or_nil(r->hi));
    mi_set(a, &body, "difference", real_or_nil(r->difference));
    mi_set(a, &body, "difference_lo", real_or_nil(r->difference_lo));
    mi_set(a, &body, "difference_hi", real_or_nil(r->difference_hi));
    mi_set(a, &body, "refused", str_or_nil(r->refused));
    return body;
}

static int missing(struct mi_error *err, const char *key)
{
    return mi_fail(err, MI_EXIT_DATA, "'%s' is missing or of a wrong type", key);
}

int mi_effect_read(const struct mi_value *body, struct mi_effect_record *r, struct mi_error *err)
{
    const double none = (double)NAN;

    *r = (struct mi_effect_record){
        .id = mi_get_str(body, "id", NULL),
        .n = mi_get_int(body, "n", -1),
        .groups = mi_get_int(body, "groups", 0),
        .position = mi_get_int(body, "position", -1),
        .offset = mi_get_int(body, "offset", 0),
        .to = mi_get_str(body, "to", NULL),
        .variant = mi_get_str(body, "variant", NULL),
        .method = mi_get_str(body, "method", NULL),
        .metric = mi_get_str(body, "metric", NULL),
        .subspace = mi_get_str(body, "subspace", NULL),
        .draw = mi_get_int(body, "draw", -1),
        .at = mi_get_str(body, "at", NULL),
        .direction = mi_get_str(body, "direction", NULL),
        .base = mi_get_real(body, "base", none),
        .source = mi_get_real(body, "source", none),
        .patched = mi_get_real(body, "patched", none),
        .effect = mi_get_real(body, "effect", none),
        .lo = mi_get_real(body, "lo", none),
        .hi = mi_get_real(body, "hi", none),
        .difference = mi_get_real(body, "difference", none),
        .difference_lo = mi_get_real(body, "difference_lo", none),
        .difference_hi = mi_get_real(body, "difference_hi", none),
        .refused = mi_get_str(body, "refused", NULL),
    };
    r->has_place = mi_is(mi_get(body, "site"), MI_STR);
    if (r->has_place && mi_place_get(body, &r->place, err) < 0)
        return -MI_EXIT_DATA;
    if (r->n <= 0)
        return missing(err, "n");
    if (!r->method)
        return missing(err, "method");
    if (!r->metric)
        return missing(err, "metric");
    if (r->position < -1 || r->offset > 0)
        return missing(err, r->offset > 0 ? "offset" : "position");
    return 0;
}
