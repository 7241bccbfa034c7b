/* model/hub_rotary.c: rotation and windows of config.json as canonical keys; see hub.h.
 *
 * Rotation has two spellings: rope_theta with rope_scaling, and rope_parameters that holds both
 * (for some types by kind of layer). */
#include "model/hub.h"

#include "base/escape.h"

#include <math.h>
#include <string.h>

/* ---- windows ---------------------------------------------------------------------- */

/* Does layer i have the window, by rules that older files leave unsaid? */
static bool is_local(const struct mi_hub *h, int64_t i, int64_t period, int64_t first)
{
    if (period > 0)
        return (i + 1) % period != 0;
    return strncmp(h->type, "qwen", 4) == 0 ? i >= first : true;
}

/* [["global", "local"], 6] ...: kinds of layers, repeated; or attention_layers, one a layer. */
static int add_neo_layers(struct mi_hub *h, struct mi_value *list)
{
    const struct mi_value *types = mi_hub_field(h, "attention_types");

    if (!mi_is(types, MI_ARRAY))
        return mi_fail(h->err, MI_EXIT_DATA, "'attention_types' is not a list");
    for (size_t i = 0; i < types->as.array.n; i++) {
        const struct mi_value *pair = &types->as.array.item[i], *names;
        int64_t times;

        if (!mi_is(pair, MI_ARRAY) || pair->as.array.n != 2 ||
            !mi_is(&pair->as.array.item[0], MI_ARRAY) || !mi_is(&pair->as.array.item[1], MI_INT))
            return mi_fail(h->err, MI_EXIT_DATA, "'attention_types' is no list of [kinds, times]");
        names = &pair->as.array.item[0];
        times = pair->as.array.item[1].as.integer;
        for (int64_t t = 0; t < times && (int64_t)list->as.array.n < h->n_layers; t++)
            for (size_t k = 0; k < names->as.array.n; k++) {
                const struct mi_value *name = &names->as.array.item[k];
                bool local = mi_is(name, MI_STR) && strcmp(name->as.bytes.at, "local") == 0;

                mi_push(&h->store->arena, list, mi_int(local));
            }
    }
    return 0;
}

/* layer_types: one name a layer. */
static int add_named_layers(struct mi_hub *h, const struct mi_value *types, struct mi_value *list)
{
    for (size_t i = 0; i < types->as.array.n; i++) {
        const struct mi_value *t = &types->as.array.item[i];
        const char *name = mi_is(t, MI_STR) ? t->as.bytes.at : "";

        if (strcmp(name, "sliding_attention") != 0 && strcmp(name, "full_attention") != 0)
            return mi_fail(h->err, MI_EXIT_DATA, "'layer_types': '%s' is not supported",
                           mi_quote(name));
        mi_push(&h->store->arena, list, mi_int(strcmp(name, "sliding_attention") == 0));
    }
    return 0;
}

static int64_t default_period(const struct mi_hub *h)
{
    return strcmp(h->type, "gemma2") == 0                                          ? 2
           : strcmp(h->type, "gemma3_text") == 0 || strcmp(h->type, "gemma3") == 0 ? 6
                                                                                   : 0;
}

static int list_layers(struct mi_hub *h, struct mi_value *list)
{
    const struct mi_value *types = mi_hub_field(h, "layer_types");
    int64_t period = default_period(h), first = 0;
    int rc;

    if (strcmp(h->type, "gpt_neo") == 0)
        return add_neo_layers(h, list);
    if (mi_is(types, MI_ARRAY))
        return add_named_layers(h, types, list);
    rc = mi_hub_int(h, "sliding_window_pattern _sliding_window_pattern", period, 0, &period);
    if (rc == 0)
        rc = mi_hub_int(h, "max_window_layers", 0, 0, &first);
    for (int64_t i = 0; i < h->n_layers && rc == 0; i++)
        mi_push(&h->store->arena, list, mi_int(is_local(h, i, period, first)));
    return rc;
}

int mi_hub_windows(struct mi_hub *h)
{
    const struct mi_value *use = mi_hub_field(h, "use_sliding_window");
    bool is_optional = strncmp(h->type, "qwen", 4) == 0 || strcmp(h->type, "smollm3") == 0;
    struct mi_value list = mi_array();
    int64_t window = 0;
    int rc;

    rc = mi_hub_int(h, strcmp(h->type, "gpt_neo") == 0 ? "window_size" : "sliding_window", 0, 0,
                    &window);
    if (is_optional && !(mi_is(use, MI_BOOL) && use->as.flag))
        window = 0;
    mi_hub_put_int(h, "attention.sliding_window", window);
    if (rc < 0 || window == 0)
        return rc;
    rc = list_layers(h, &list);
    if (rc == 0 && (int64_t)list.as.array.n < h->n_layers)
        rc = mi_fail(h->err, MI_EXIT_DATA, "kinds of %zu layers are given, of %lld",
                     list.as.array.n, (long long)h->n_layers);
    mi_set(&h->store->arena, &h->store->keys, "attention.sliding_window_pattern", list);
    return rc;
}

/* ---- rotation ----------------------------------------------------------------------- */

/* The object that speaks of all layers, or of those without a window. */
static const struct mi_value *find_parameters(const struct mi_hub *h)
{
    const struct mi_value *p = mi_hub_field(h, "rope_parameters");
    const struct mi_value *full = mi_get(p, "full_attention");

    return mi_is(full, MI_MAP) ? full : mi_is(p, MI_MAP) ? p : NULL;
}

/* A finite number above 0 of an object: 1, or 0 where it is absent or null. */
static int find_positive(struct mi_hub *h, const struct mi_value *map, const char *name, double *x)
{
    const struct mi_value *v = mi_get(map, name);

    if (!v || v->kind == MI_NIL)
        return 0;
    *x = v->kind == MI_INT ? (double)v->as.integer : v->kind == MI_REAL ? v->as.real : 0;
    return *x > 0 && isfinite(*x)
               ? 1
               : mi_fail(h->err, MI_EXIT_DATA, "rotation: '%s' is not a number above 0", name);
}

/* Copies a number under a canonical key when it is there. */
static int pass_on(struct mi_hub *h, const struct mi_value *map, const char *name, const char *key)
{
    double x = 0;
    int rc = find_positive(h, map, name, &x);

    if (rc > 0 && strstr(key, "length"))
        mi_hub_put_int(h, key, (int64_t)fmin(x, INT32_MAX));
    else if (rc > 0)
        mi_hub_put_real(h, key, x);
    return rc < 0 ? rc : 0;
}

static const struct {
    const char *name, *key;
} details[] = {
    {"factor", "rope.scaling.factor"},
    {"original_max_position_embeddings", "rope.scaling.original_context_length"},
    {"low_freq_factor", "rope.scaling.low_freq_factor"},
    {"high_freq_factor", "rope.scaling.high_freq_factor"},
    {"beta_fast", "rope.scaling.yarn_beta_fast"},
    {"beta_slow", "rope.scaling.yarn_beta_slow"},
    {"attention_factor", "rope.scaling.attn_factor"},
};

/* longrope: divisors of the angles, as the tensors that a GGUF file has. */
static int add_factors(struct mi_hub *h, const struct mi_value *scaling, const char *field,
                       const char *name, int64_t n_rot)
{
    const struct mi_value *list = mi_get(scaling, field);
    uint64_t ne[4] = {(uint64_t)(n_rot / 2), 1, 1, 1};
    float *x;

    if (!mi_is(list, MI_ARRAY) || (int64_t)list->as.array.n != n_rot / 2)
        return mi_fail(h->err, MI_EXIT_DATA, "'%s' is not a list of %lld numbers", field,
                       (long long)(n_rot / 2));
    x = mi_arena_alloc(&h->store->arena, list->as.array.n * sizeof(*x));
    for (size_t i = 0; i < list->as.array.n; i++) {
        const struct mi_value *v = &list->as.array.item[i];

        x[i] = v->kind == MI_INT    ? (float)v->as.integer
               : v->kind == MI_REAL ? (float)v->as.real
                                    : 0;
        if (!(x[i] > 0) || !isfinite(x[i]))
            return mi_fail(h->err, MI_EXIT_DATA, "'%s' holds a number that is not above 0", field);
    }
    mi_store_add(h->store, name, strlen(name), 0, ne, x);
    return 0;
}

static int read_longrope(struct mi_hub *h, const struct mi_value *scaling, int64_t n_rot)
{
    int64_t n_ctx = mi_get_int(&h->store->keys, "context_length", 0), original = 0;
    double factor, magnitude = 1;
    int rc = mi_hub_int(h, "original_max_position_embeddings", 0, 1, &original);

    if (rc == 0 && original == 0)
        original = mi_get_int(&h->store->keys, "rope.scaling.original_context_length", n_ctx);
    if (rc < 0)
        return rc;
    mi_hub_put_int(h, "rope.scaling.original_context_length", original);
    factor = (double)n_ctx / (double)original;
    if (factor > 1 && original > 1)
        magnitude = sqrt(1 + log(factor) / log((double)original));
    if (!mi_get(&h->store->keys, "rope.scaling.attn_factor"))
        mi_hub_put_real(h, "rope.scaling.attn_factor", magnitude);
    rc = add_factors(h, scaling, "short_factor", "rope_factors_short.weight", n_rot);
    if (rc == 0)
        rc = add_factors(h, scaling, "long_factor", "rope_factors_long.weight", n_rot);
    return rc;
}

static const char *kind_of(const struct mi_value *scaling)
{
    const char *kind = mi_get_str(scaling, "rope_type", mi_get_str(scaling, "type", "default"));

    return strcmp(kind, "su") == 0 ? "longrope" : kind;
}

/* What YaRN is given beside its factors changes the magnitude in ways of its own. */
static int check_yarn(struct mi_hub *h, const struct mi_value *scaling)
{
    const struct mi_value *cut = mi_get(scaling, "truncate");
    const struct mi_value *m = mi_get(scaling, "mscale");

    if (m && m->kind != MI_NIL)
        return mi_fail(h->err, MI_EXIT_DATA, "rotation: 'mscale' of YaRN is not supported");
    mi_set(&h->store->arena, &h->store->keys, "rope.scaling.yarn_truncate",
           mi_bool(!mi_is(cut, MI_BOOL) || cut->as.flag));
    return 0;
}

/* Hunyuan calls "dynamic" what is a larger base, whatever the context: alpha. */
static bool is_stretched(const struct mi_hub *h, const struct mi_value *scaling)
{
    const struct mi_value *alpha = mi_get(scaling, "alpha");

    return strcmp(h->row->name, "hunyuan-dense") == 0 && alpha && alpha->kind != MI_NIL &&
           strcmp(kind_of(scaling), "dynamic") == 0;
}

static int stretch_base(struct mi_hub *h, const struct mi_value *scaling, double *base)
{
    double alpha = 1, d = (double)h->d_head;
    int rc = 0;

    if (!mi_is(scaling, MI_MAP) || !is_stretched(h, scaling) || d < 4)
        return 0;
    rc = find_positive(h, scaling, "alpha", &alpha);
    *base *= pow(alpha, d / (d - 2));
    return rc < 0 ? rc : 0;
}

static int read_scaling(struct mi_hub *h, const struct mi_value *scaling, int64_t n_rot)
{
    const char *kind = kind_of(scaling);
    int rc = 0;

    if (strcmp(kind, "default") == 0 || is_stretched(h, scaling))
        return 0;
    if (strcmp(kind, "yarn") == 0)
        rc = check_yarn(h, scaling);
    for (size_t i = 0; i < sizeof(details) / sizeof(details[0]) && rc == 0; i++)
        rc = pass_on(h, scaling, details[i].name, details[i].key);
    if (rc < 0)
        return rc;
    mi_hub_put_text(h, "rope.scaling.type", kind);
    if (strcmp(kind, "longrope") == 0)
        return read_longrope(h, scaling, n_rot);
    if (!mi_get(&h->store->keys, "rope.scaling.factor"))
        return mi_fail(h->err, MI_EXIT_DATA, "rotation of type '%s' without 'factor'",
                       mi_quote(kind));
    return 0;
}

/* Rotated coordinates: a share of the head, or (GPT-J) their number. */
static int read_width(struct mi_hub *h, const struct mi_value *parameters, int64_t *n_rot)
{
    double share = 1;
    int rc = mi_hub_real(h, "partial_rotary_factor rotary_pct rope_pct", 1, &share);

    if (rc == 0)
        rc = find_positive(h, parameters, "partial_rotary_factor", &share);
    if (rc < 0)
        return rc;
    if (!(share > 0) || share > 1)
        return mi_fail(h->err, MI_EXIT_DATA, "the rotated share of a head is %g", share);
    *n_rot = (int64_t)((double)h->d_head * share);
    rc = mi_hub_int(h, "rotary_dim", *n_rot, 1, n_rot);
    mi_hub_put_int(h, "rope.dimension_count", *n_rot);
    return rc;
}

/* Layers that do not rotate: listed, or every so many. */
static int read_unrotated(struct mi_hub *h)
{
    const struct mi_value *list = mi_hub_field(h, "no_rope_layers");
    struct mi_value copy = mi_array();
    int64_t period = 0;
    int rc = mi_hub_int(h, "no_rope_layer_interval", 0, 0, &period);

    if (rc < 0 || (!list && period == 0))
        return rc;
    if (list && (list->kind != MI_ARRAY || (int64_t)list->as.array.n != h->n_layers))
        return mi_fail(h->err, MI_EXIT_DATA, "'no_rope_layers' is not a list of %lld numbers",
                       (long long)h->n_layers);
    for (int64_t i = 0; i < h->n_layers; i++)
        mi_push(&h->store->arena, &copy,
                list ? list->as.array.item[i] : mi_int((i + 1) % period != 0));
    mi_set(&h->store->arena, &h->store->keys, "attention.rope_pattern", copy);
    return 0;
}

int mi_hub_rotary(struct mi_hub *h)
{
    const struct mi_value *p = find_parameters(h),
                          *scaling = p ? p : mi_hub_field(h, "rope_scaling");
    const struct mi_value *local = mi_get(mi_hub_field(h, "rope_parameters"), "sliding_attention");
    double base = 10000, local_base = 0;
    int64_t n_rot = 0;
    int rc;

    if (h->row->position != MI_POSITION_ROTARY)
        return 0;
    rc = mi_hub_real(h, "rope_theta rotary_emb_base", base, &base);
    if (rc == 0)
        rc = find_positive(h, p, "rope_theta", &base);
    if (rc >= 0)
        rc = mi_hub_real(h, "rope_local_base_freq", 0, &local_base);
    if (rc == 0)
        rc = find_positive(h, local, "rope_theta", &local_base);
    if (rc < 0)
        return rc;
    rc = stretch_base(h, scaling, &base);
    if (rc < 0)
        return rc;
    mi_hub_put_real(h, "rope.freq_base", base);
    if (local_base > 0)
        mi_hub_put_real(h, "rope.freq_base_swa", local_base);
    rc = read_width(h, p, &n_rot);
    if (rc == 0 && mi_is(scaling, MI_MAP))
        rc = read_scaling(h, scaling, n_rot);
    return rc < 0 ? rc : read_unrotated(h);
}
