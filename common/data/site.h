/* data/site.h: names of places in a transformer, and lists of them.
 *
 * The names are TransformerLens' hook names ("blocks.9.attn.hook_z") with short forms
 * ("z:9", "z:9.6" for layer.head). One parser for all tools. */
#ifndef MI_DATA_SITE_H
#define MI_DATA_SITE_H

#include "base/buf.h"
#include "base/error.h"
#include "data/dims.h"
#include "data/value.h"

#include <stdbool.h>

/* In the order in which a forward pass reaches them inside a block. */
enum mi_site {
    MI_SITE_EMBED,          /* hook_embed [D] */
    MI_SITE_RESID_PRE,      /* blocks.L.hook_resid_pre [D] */
    MI_SITE_LN1_SCALE,      /* blocks.L.ln1.hook_scale [1] */
    MI_SITE_LN1_NORMALIZED, /* blocks.L.ln1.hook_normalized [D], before the weight */
    MI_SITE_Q,              /* blocks.L.attn.hook_q [H, K], before rotation */
    MI_SITE_K,              /* blocks.L.attn.hook_k [KV, K], before rotation */
    MI_SITE_V,              /* blocks.L.attn.hook_v [KV, K] */
    MI_SITE_ROT_Q,          /* blocks.L.attn.hook_rot_q [H, K] */
    MI_SITE_ROT_K,          /* blocks.L.attn.hook_rot_k [KV, K] */
    MI_SITE_ATTN_SCORES,    /* blocks.L.attn.hook_attn_scores [H, T keys], -inf where masked */
    MI_SITE_PATTERN,        /* blocks.L.attn.hook_pattern [H, T keys] */
    MI_SITE_Z,              /* blocks.L.attn.hook_z [H, K] */
    MI_SITE_RESULT,         /* blocks.L.attn.hook_result [H, D] */
    MI_SITE_ATTN_OUT,       /* blocks.L.hook_attn_out [D] */
    MI_SITE_RESID_MID,      /* blocks.L.hook_resid_mid [D] */
    MI_SITE_LN2_SCALE,      /* blocks.L.ln2.hook_scale [1] */
    MI_SITE_LN2_NORMALIZED, /* blocks.L.ln2.hook_normalized [D] */
    MI_SITE_MLP_PRE,        /* blocks.L.mlp.hook_pre [M]: of a gated MLP the gate */
    MI_SITE_MLP_PRE_LINEAR, /* blocks.L.mlp.hook_pre_linear [M]: of a gated MLP the up projection */
    MI_SITE_MLP_POST,       /* blocks.L.mlp.hook_post [M] */
    MI_SITE_MLP_OUT,        /* blocks.L.hook_mlp_out [D] */
    MI_SITE_RESID_POST,     /* blocks.L.hook_resid_post [D] */
    MI_SITE_LN_FINAL_SCALE, /* ln_final.hook_scale [1] */
    MI_SITE_LN_FINAL_NORMALIZED, /* ln_final.hook_normalized [D] */
    MI_SITE_LOGITS,              /* unembed.hook_out [V]; short name "logits" */
    MI_SITES
};

enum mi_site_shape {
    MI_SHAPE_ONE,    /* [1] */
    MI_SHAPE_MODEL,  /* [D] */
    MI_SHAPE_HEADS,  /* [H, K] */
    MI_SHAPE_KV,     /* [KV, K] */
    MI_SHAPE_KEYS,   /* [H, T]: a row a head over the keys of the sequence */
    MI_SHAPE_RESULT, /* [H, D] */
    MI_SHAPE_MLP,    /* [M] */
    MI_SHAPE_VOCAB,  /* [V] */
};

struct mi_site_info {
    const char *name; /* short: "resid_post" */
    const char *hook; /* TransformerLens: "hook_resid_post", "attn.hook_z" */
    enum mi_site_shape shape;
    bool is_global; /* one a model, not one a layer */
};
const struct mi_site_info *mi_site_info(enum mi_site s);
bool mi_site_exists(enum mi_site s, const struct mi_dims *dims); /* in a model of this kind */
int mi_site_find(const char *name); /* short name -> enum mi_site, or -1 */

/* One place. */
struct mi_place {
    enum mi_site site;
    int layer; /* -1 for global sites */
    int head;  /* -1: all heads, or the site has none */
};

/* Numbers of one position at the place: rows x width, e.g. heads x K; a single head has
 * one row. `n_keys` counts for MI_SHAPE_KEYS only. */
void mi_place_shape(const struct mi_place *p, const struct mi_dims *dims, int64_t n_keys,
                    int64_t *rows, int64_t *width);

/* An ordered list without doubles. `{0}` is empty. */
struct mi_places {
    struct mi_place *item; /* [n] */
    size_t n, cap;
};
/* Parses e.g. "resid_post:*", "z:9.6,z:10.*", "blocks.9.attn.hook_z", "resid_post:4-12,20",
 * "logits" and adds to the list, in the order written (ranges ascending). A head wildcard
 * or list ("z:9.*") gives one place a head; none ("z:9") gives all heads as one. Fails with
 * MI_EXIT_USAGE, naming near names, or the range that the model has, or that it has no such site
 * (no resid_mid where attention and MLP run side by side). dims NULL: layers and
 * heads are not checked and wildcards are refused. */
int mi_places_parse(struct mi_places *list, const char *text, const struct mi_dims *dims,
                    struct mi_error *err) MI_MUST_USE;
/* The names and the form alone, as no model is open: a wildcard may stand anywhere. */
int mi_places_check(const char *text, struct mi_error *err) MI_MUST_USE;
void mi_places_add(struct mi_places *list, struct mi_place p);
void mi_places_free(struct mi_places *list);

/* "resid_post:9", "z:9.6", "embed"; into text [48]; returns text. */
char *mi_place_text(const struct mi_place *p, char *text);
/* "blocks.9.hook_resid_post"; into text [64]. */
char *mi_place_hook(const struct mi_place *p, char *text);

/* Keys site, layer and head (nil where there is none) of a record, in this order. */
void mi_place_set(struct mi_arena *a, struct mi_value *map, const struct mi_place *p);
int mi_place_get(const struct mi_value *map, struct mi_place *p, struct mi_error *err) MI_MUST_USE;

#endif
