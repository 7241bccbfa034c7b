/* model/config_rotary.c: which layers rotate, and by which angles; see config.h. */
#include "model/config_keys.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    enum mi_scaling_kind kind;
} scaling[] = {
    {"", MI_SCALING_LINEAR},         {"none", MI_SCALING_LINEAR}, {"linear", MI_SCALING_LINEAR},
    {"dynamic", MI_SCALING_DYNAMIC}, {"yarn", MI_SCALING_YARN},   {"longrope", MI_SCALING_LONGROPE},
    {"llama3", MI_SCALING_LLAMA3},
};

static int read_kind(struct mi_reading *r, struct mi_rotary *rot)
{
    const char *name;
    int rc = mi_reading_text(r, "rope.scaling.type", &name);

    if (rc < 0)
        return rc;
    /* files of Phi 3 do not name the rule: their tensors do */
    if (!*name && mi_store_tensor(r->s, "rope_factors_long.weight"))
        name = "longrope";
    for (size_t i = 0; i < sizeof(scaling) / sizeof(scaling[0]); i++)
        if (strcmp(name, scaling[i].name) == 0) {
            rot->kind = scaling[i].kind;
            if (strcmp(name, "none") == 0)
                rot->factor = 1;
            return 0;
        }
    return mi_fail(r->err, MI_EXIT_DATA,
                   "key '%s' is '%.80s': only none, linear, dynamic, yarn, longrope and llama3 are "
                   "supported",
                   mi_reading_key(r, "rope.scaling.type"), name);
}

/* Numbers of one kind of scaling only. */
static int read_details(struct mi_reading *r, struct mi_rotary *rot, int n_ctx)
{
    float magnitude = 0, multiplier = 0;
    bool is_cut = true;
    int rc = mi_reading_size(r, "rope.scaling.original_context_length", n_ctx, 1, 1 << 27,
                             &rot->n_original);

    if (rc == 0)
        rc = mi_reading_measure(r, "rope.scaling.attn_factor", 0, &magnitude);
    if (rc == 0 && rot->kind == MI_SCALING_YARN)
        rc = mi_reading_measure(r, "rope.scaling.yarn_attn_factor", (double)magnitude, &magnitude);
    if (rc == 0)
        rc = mi_reading_positive(r, "rope.scaling.yarn_beta_fast", 32, &rot->beta_fast);
    if (rc == 0)
        rc = mi_reading_positive(r, "rope.scaling.yarn_beta_slow", 1, &rot->beta_slow);
    if (rc == 0)
        rc = mi_reading_flag(r, "rope.scaling.yarn_truncate",
                             !(r->a->traits & MI_TRAIT_SMOOTH_YARN), &is_cut);
    rot->is_smooth = !is_cut;
    if (rc == 0)
        rc = mi_reading_measure(r, "rope.scaling.yarn_log_multiplier", 0, &multiplier);
    if (rc == 0 && rot->kind == MI_SCALING_LLAMA3)
        rc = mi_reading_positive(r, "rope.scaling.low_freq_factor", 0, &rot->low);
    if (rc == 0 && rot->kind == MI_SCALING_LLAMA3)
        rc = mi_reading_positive(r, "rope.scaling.high_freq_factor", 0, &rot->high);
    if (rc == 0 && rot->kind == MI_SCALING_LLAMA3 && rot->high <= rot->low)
        rc = mi_fail(r->err, MI_EXIT_DATA, "the factors of high and low frequencies are %g and %g",
                     rot->high, rot->low);
    rot->magnitude = (double)magnitude;
    if (rc == 0 && rot->kind == MI_SCALING_YARN && multiplier > 0)
        rc = mi_fail(r->err, MI_EXIT_DATA, "key '%s' is not supported",
                     mi_reading_key(r, "rope.scaling.yarn_log_multiplier"));
    return rc;
}

static int read_angles(struct mi_reading *r, struct mi_config *c)
{
    struct mi_rotary *rot = &c->rotary[0];
    double base;
    int d_head = c->dims.d_head;
    int rc = mi_reading_size(r, "rope.dimension_count", d_head, 2, d_head, &rot->n_rot);

    rot->factor = 1;
    if (rc == 0)
        rc = mi_reading_positive(r, "rope.freq_base", 10000, &rot->base);
    if (rc == 0) /* the older name first; the newer one wins */
        rc = mi_reading_positive(r, "rope.scale_linear", 1, &rot->factor);
    if (rc == 0)
        rc = mi_reading_positive(r, "rope.scaling.factor", rot->factor, &rot->factor);
    if (rc == 0)
        rc = read_kind(r, rot);
    if (rc == 0)
        rc = read_details(r, rot, c->dims.n_ctx);
    if (rc < 0)
        return rc;
    if (rot->n_rot % 2 != 0 || (c->is_permuted && rot->n_rot != d_head))
        return mi_fail(r->err, MI_EXIT_DATA,
                       "key '%s' is %d where heads have %d coordinates: not supported",
                       mi_reading_key(r, "rope.dimension_count"), rot->n_rot, d_head);
    c->rotary[1] = (struct mi_rotary){.n_rot = rot->n_rot, .factor = 1};
    base = r->a->local_base > 0 ? r->a->local_base : rot->base;
    return mi_reading_positive(r, "rope.freq_base_swa", base, &c->rotary[1].base);
}

/* Which layers rotate, and by which of the two. */
static void choose_layers(struct mi_reading *r, struct mi_config *c)
{
    bool rotates[MI_MAX_LAYERS];
    bool has_list = mi_reading_flags(r, "attention.rope_pattern", c->dims.n_layers, rotates);
    bool has_window = false;

    for (int i = 0; i < c->dims.n_layers; i++)
        has_window = has_window || c->layer[i].is_local;
    for (int i = 0; i < c->dims.n_layers; i++) {
        struct mi_layer_config *l = &c->layer[i];
        int period = r->a->unrotated_period;
        bool is_on = has_list ? rotates[i] : period == 0 || (i + 1) % period != 0;

        if (!has_list && (r->a->traits & MI_TRAIT_LOCAL_ROTARY) && has_window)
            is_on = l->is_local;
        l->rotary = !is_on ? -1 : (r->a->traits & MI_TRAIT_TWO_ROTARIES) && l->is_local ? 1 : 0;
    }
}

int mi_config_read_rotary(struct mi_reading *r, struct mi_config *c)
{
    int rc = 0;

    if (c->position != MI_POSITION_ROTARY) {
        for (int i = 0; i < c->dims.n_layers; i++)
            c->layer[i].rotary = -1;
        return 0;
    }
    rc = read_angles(r, c);
    choose_layers(r, c);
    if (rc == 0 && c->rotary[0].kind == MI_SCALING_LONGROPE &&
        c->rotary[0].n_original < c->dims.n_ctx)
        c->dims.n_ctx = c->rotary[0].n_original; /* until mi_model_set_context says more */
    return rc;
}
