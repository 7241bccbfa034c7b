/* model/config_keys.c: see config_keys.h. */
#include "model/config_keys.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const char *mi_reading_key(struct mi_reading *r, const char *suffix)
{
    snprintf(r->key, sizeof(r->key), "%s.%s", r->a->name, suffix);
    return r->key;
}

const struct mi_value *mi_reading_find(const struct mi_reading *r, const char *suffix)
{
    const struct mi_value *v = mi_get(&r->s->keys, suffix);

    if (!mi_is(v, MI_ARRAY) || v->as.array.n == 0 ||
        (r->n_layers && v->as.array.n != (size_t)r->n_layers))
        return v;
    for (size_t i = 1; i < v->as.array.n; i++)
        if (!mi_value_equal(&v->as.array.item[i], &v->as.array.item[0]))
            return v;
    return &v->as.array.item[0];
}

static bool is_number(const struct mi_value *v)
{
    return mi_is(v, MI_INT) || mi_is(v, MI_REAL);
}

static double number(const struct mi_value *v)
{
    return v->kind == MI_INT ? (double)v->as.integer : v->as.real;
}

int mi_reading_size(struct mi_reading *r, const char *suffix, int otherwise, int least, int most,
                    int *out)
{
    const char *key = mi_reading_key(r, suffix);
    const struct mi_value *v = mi_reading_find(r, suffix);
    int64_t i;

    if (!v) {
        *out = otherwise;
        return otherwise >= 0 ? 0 : mi_fail(r->err, MI_EXIT_DATA, "key '%s' is missing", key);
    }
    if (v->kind != MI_INT)
        return mi_fail(r->err, MI_EXIT_DATA,
                       "key '%s' is not one whole number for all layers: not supported", key);
    i = v->as.integer;
    if (i < least || i > most)
        return mi_fail(r->err, MI_EXIT_DATA, "key '%s' is %lld: not in %d to %d", key, (long long)i,
                       least, most);
    *out = (int)i;
    return 0;
}

int mi_reading_positive(struct mi_reading *r, const char *suffix, double otherwise, double *out)
{
    const char *key = mi_reading_key(r, suffix);
    const struct mi_value *v = mi_reading_find(r, suffix);

    *out = otherwise;
    if (!v)
        return otherwise > 0 ? 0 : mi_fail(r->err, MI_EXIT_DATA, "key '%s' is missing", key);
    *out = is_number(v) ? number(v) : (double)NAN;
    if (!isfinite(*out) || *out <= 0)
        return mi_fail(r->err, MI_EXIT_DATA, "key '%s' is not a number above 0", key);
    return 0;
}

int mi_reading_measure(struct mi_reading *r, const char *suffix, double otherwise, float *out)
{
    const struct mi_value *v = mi_reading_find(r, suffix);
    double x = v && is_number(v) ? number(v) : v ? (double)NAN : otherwise;

    if (!(x >= 0 && x < 1e30))
        return mi_fail(r->err, MI_EXIT_DATA, "key '%s' is not a number from 0 on",
                       mi_reading_key(r, suffix));
    *out = (float)x;
    return 0;
}

int mi_reading_flag(struct mi_reading *r, const char *suffix, bool otherwise, bool *out)
{
    const struct mi_value *v = mi_reading_find(r, suffix);

    *out = otherwise;
    if (v && v->kind != MI_BOOL && v->kind != MI_INT)
        return mi_fail(r->err, MI_EXIT_DATA, "key '%s' is neither true nor false",
                       mi_reading_key(r, suffix));
    if (v)
        *out = v->kind == MI_BOOL ? v->as.flag : v->as.integer != 0;
    return 0;
}

int mi_reading_text(struct mi_reading *r, const char *suffix, const char **out)
{
    const struct mi_value *v = mi_reading_find(r, suffix);

    *out = "";
    if (v && v->kind != MI_STR)
        return mi_fail(r->err, MI_EXIT_DATA, "key '%s' is not a string", mi_reading_key(r, suffix));
    if (v)
        *out = v->as.bytes.at;
    return 0;
}

bool mi_reading_flags(struct mi_reading *r, const char *suffix, int n, bool *out)
{
    const struct mi_value *v = mi_get(&r->s->keys, suffix);

    if (!mi_is(v, MI_ARRAY) || v->as.array.n != (size_t)n)
        return false;
    for (int i = 0; i < n; i++) {
        const struct mi_value *x = &v->as.array.item[i];

        out[i] = x->kind == MI_BOOL ? x->as.flag : is_number(x) && number(x) != 0;
    }
    return true;
}

/* Keys that change the computation in ways that the common block has not, with the value at
 * which they change nothing. A key that is absent is neutral. */
static const struct {
    const char *suffix;
    double neutral;
} unsupported[] = {
    {"nextn_predict_layers", 0},        {"router_logit_softcapping", 0},
    {"expert_group_count", 1},          {"expert_group_used_count", 1},
    {"interleave_moe_layer_step", 1},   {"attention.causal", 1},
    {"attention.key_length_mla", 0},    {"attention.q_lora_rank", 0},
    {"attention.kv_lora_rank", 0},      {"attention.shared_kv_layers", 0},
    {"attention.temperature_scale", 0}, {"attention.temperature_length", 0},
    {"attention.output_scale", 1},      {"attention.value_scale", 1},
    {"activation_sparsity_scale", 0},   {"swiglu_clamp_exp", 0},
    {"swiglu_clamp_shexp", 0},
};

int mi_reading_refuse(struct mi_reading *r)
{
    for (size_t i = 0; i < sizeof(unsupported) / sizeof(unsupported[0]); i++) {
        const struct mi_value *v = mi_reading_find(r, unsupported[i].suffix);
        double x = (double)NAN;

        if (!v)
            continue;
        if (v->kind == MI_BOOL)
            x = v->as.flag ? 1 : 0;
        else if (is_number(v))
            x = number(v);
        if (!(x == unsupported[i].neutral))
            return mi_fail(r->err, MI_EXIT_DATA,
                           "key '%s' asks for a computation that is not supported",
                           mi_reading_key(r, unsupported[i].suffix));
    }
    return 0;
}
