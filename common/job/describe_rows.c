/* job/describe_rows.c: the table of architectures as text; see describe.h. */
#include "job/describe.h"
#include "model/architecture.h"

static const char *const position_names[] = {
    [MI_POSITION_ROTARY] = "rotary",
    [MI_POSITION_LEARNED] = "learned positions",
    [MI_POSITION_ALIBI] = "ALiBi",
    [MI_POSITION_NONE] = "no positions",
};

static const char *const activation_names[MI_ACTIVATIONS] = {
    [MI_ACTIVATION_SILU] = "SiLU",           [MI_ACTIVATION_GELU] = "GELU",
    [MI_ACTIVATION_GELU_TANH] = "GELU-tanh", [MI_ACTIVATION_RELU] = "ReLU",
    [MI_ACTIVATION_RELU2] = "ReLU squared",
};

/* What is said of a trait, in the order of a pass. */
static const struct {
    unsigned trait;
    const char *text;
} said[] = {
    {MI_TRAIT_EMBED_NORM, "normed embedding"},
    {MI_TRAIT_EMBED_ROOT, "scaled embedding"},
    {MI_TRAIT_NO_PRE_NORM, "no norms before"},
    {MI_TRAIT_POST_NORM, "norms after"},
    {MI_TRAIT_BARE_NORM, "norms without weights"},
    {MI_TRAIT_QK_NORM, "normed queries and keys"},
    {MI_TRAIT_LOCAL_ROTARY, "local layers rotate alone"},
    {MI_TRAIT_TWO_ROTARIES, "local layers rotate otherwise"},
    {MI_TRAIT_NORM_ROTATED, "normed behind the rotation"},
    {MI_TRAIT_NO_SCALE, "unscaled scores"},
    {MI_TRAIT_SINKS, "attention sinks"},
    {MI_TRAIT_PARALLEL | MI_TRAIT_PARALLEL_BARE, "parallel"},
    {MI_TRAIT_EXPERTS, "experts"},
    {MI_TRAIT_SHARED_EXPERT, "shared expert"},
    {MI_TRAIT_CLAMPED_GLU, "clamped gates"},
};

static void add_block(struct mi_buf *b, const struct mi_architecture *a)
{
    mi_buf_addf(b, "%s, %s, %s %s", a->norm == MI_NORM_RMS ? "RMSNorm" : "LayerNorm",
                position_names[a->position], a->traits & MI_TRAIT_PLAIN_MLP ? "plain" : "gated",
                activation_names[a->activation]);
    for (size_t i = 0; i < sizeof said / sizeof *said; i++)
        if (a->traits & said[i].trait)
            mi_buf_addf(b, ", %s", said[i].text);
    if (a->window_period)
        mi_buf_addf(b, ", 1 layer of %d global", a->window_period);
    if (a->unrotated_period)
        mi_buf_addf(b, ", 1 layer of %d not rotated", a->unrotated_period);
    if (a->score_cap > 0)
        mi_buf_addf(b, ", soft-caps");
}

void mi_describe_architectures(struct mi_buf *b)
{
    int n;
    const struct mi_architecture *row = mi_architectures(&n);

    mi_buf_addf(b, "architecture\tmodel_type\tblock\tmodels\n");
    for (int i = 0; i < n; i++) {
        mi_buf_addf(b, "%s\t%s\t", row[i].name, *row[i].model_types ? row[i].model_types : "-");
        add_block(b, &row[i]);
        mi_buf_addf(b, "\t%s\n", row[i].families);
    }
}
