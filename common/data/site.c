#include "data/site.h"

#include "base/commas.h"
#include "base/near.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct mi_site_info sites[MI_SITES] = {
    [MI_SITE_EMBED] = {"embed", "hook_embed", MI_SHAPE_MODEL, true},
    [MI_SITE_RESID_PRE] = {"resid_pre", "hook_resid_pre", MI_SHAPE_MODEL, false},
    [MI_SITE_LN1_SCALE] = {"ln1_scale", "ln1.hook_scale", MI_SHAPE_ONE, false},
    [MI_SITE_LN1_NORMALIZED] = {"ln1_normalized", "ln1.hook_normalized", MI_SHAPE_MODEL, false},
    [MI_SITE_Q] = {"q", "attn.hook_q", MI_SHAPE_HEADS, false},
    [MI_SITE_K] = {"k", "attn.hook_k", MI_SHAPE_KV, false},
    [MI_SITE_V] = {"v", "attn.hook_v", MI_SHAPE_KV, false},
    [MI_SITE_ROT_Q] = {"rot_q", "attn.hook_rot_q", MI_SHAPE_HEADS, false},
    [MI_SITE_ROT_K] = {"rot_k", "attn.hook_rot_k", MI_SHAPE_KV, false},
    [MI_SITE_ATTN_SCORES] = {"attn_scores", "attn.hook_attn_scores", MI_SHAPE_KEYS, false},
    [MI_SITE_PATTERN] = {"pattern", "attn.hook_pattern", MI_SHAPE_KEYS, false},
    [MI_SITE_Z] = {"z", "attn.hook_z", MI_SHAPE_HEADS, false},
    [MI_SITE_RESULT] = {"result", "attn.hook_result", MI_SHAPE_RESULT, false},
    [MI_SITE_ATTN_OUT] = {"attn_out", "hook_attn_out", MI_SHAPE_MODEL, false},
    [MI_SITE_RESID_MID] = {"resid_mid", "hook_resid_mid", MI_SHAPE_MODEL, false},
    [MI_SITE_LN2_SCALE] = {"ln2_scale", "ln2.hook_scale", MI_SHAPE_ONE, false},
    [MI_SITE_LN2_NORMALIZED] = {"ln2_normalized", "ln2.hook_normalized", MI_SHAPE_MODEL, false},
    [MI_SITE_MLP_PRE] = {"mlp_pre", "mlp.hook_pre", MI_SHAPE_MLP, false},
    [MI_SITE_MLP_PRE_LINEAR] = {"mlp_pre_linear", "mlp.hook_pre_linear", MI_SHAPE_MLP, false},
    [MI_SITE_MLP_POST] = {"mlp_post", "mlp.hook_post", MI_SHAPE_MLP, false},
    [MI_SITE_MLP_OUT] = {"mlp_out", "hook_mlp_out", MI_SHAPE_MODEL, false},
    [MI_SITE_RESID_POST] = {"resid_post", "hook_resid_post", MI_SHAPE_MODEL, false},
    [MI_SITE_LN_FINAL_SCALE] = {"ln_final_scale", "ln_final.hook_scale", MI_SHAPE_ONE, true},
    [MI_SITE_LN_FINAL_NORMALIZED] = {"ln_final_normalized", "ln_final.hook_normalized",
                                     MI_SHAPE_MODEL, true},
    [MI_SITE_LOGITS] = {"logits", "unembed.hook_out", MI_SHAPE_VOCAB, true},
};

const struct mi_site_info *mi_site_info(enum mi_site s)
{
    return &sites[s];
}

bool mi_site_exists(enum mi_site s, const struct mi_dims *dims)
{
    return !(dims->no_sites >> s & 1);
}

int mi_site_find(const char *name)
{
    for (int i = 0; i < MI_SITES; i++)
        if (strcmp(sites[i].name, name) == 0)
            return i;
    return -1;
}

/* How many heads the site has rows for; 0 when it has no heads. */
static int head_count(enum mi_site s, const struct mi_dims *dims)
{
    switch (sites[s].shape) {
    case MI_SHAPE_HEADS:
    case MI_SHAPE_KEYS:
    case MI_SHAPE_RESULT: return dims->n_heads;
    case MI_SHAPE_KV: return dims->n_kv_heads;
    default: return 0;
    }
}

static bool has_heads(enum mi_site s)
{
    enum mi_site_shape shape = sites[s].shape;

    return shape == MI_SHAPE_HEADS || shape == MI_SHAPE_KEYS || shape == MI_SHAPE_RESULT ||
           shape == MI_SHAPE_KV;
}

void mi_place_shape(const struct mi_place *p, const struct mi_dims *dims, int64_t n_keys,
                    int64_t *rows, int64_t *width)
{
    int heads = head_count(p->site, dims);

    *rows = heads == 0 || p->head >= 0 ? 1 : heads;
    switch (sites[p->site].shape) {
    case MI_SHAPE_ONE: *width = 1; break;
    case MI_SHAPE_MODEL:
    case MI_SHAPE_RESULT: *width = dims->d_model; break;
    case MI_SHAPE_HEADS:
    case MI_SHAPE_KV: *width = dims->d_head; break;
    case MI_SHAPE_KEYS: *width = n_keys; break;
    case MI_SHAPE_MLP: *width = dims->d_mlp; break;
    case MI_SHAPE_VOCAB: *width = dims->d_vocab; break;
    }
}

int mi_places_check(const char *text, struct mi_error *err)
{
    struct mi_places places = {0};
    char *names = mi_strdup(text);
    int r;

    for (char *c = names; (c = strchr(c, '*'));)
        *c = '0';
    r = mi_places_parse(&places, names, NULL, err);
    mi_free(names);
    mi_places_free(&places);
    return r;
}

void mi_places_add(struct mi_places *list, struct mi_place p)
{
    for (size_t i = 0; i < list->n; i++)
        if (list->item[i].site == p.site && list->item[i].layer == p.layer &&
            list->item[i].head == p.head)
            return;
    list->item = mi_grow(list->item, &list->cap, list->n + 1, sizeof p);
    list->item[list->n++] = p;
}

void mi_places_free(struct mi_places *list)
{
    mi_free(list->item);
    *list = (struct mi_places){0};
}

/* ---- parsing ------------------------------------------------------------------ */

enum { ITEM_MAX = 128, NUMBER_MAX = 9999, PLACES_MAX = 16384 };

/* A range of layers or heads, ends included. */
struct range {
    int from, to;
    bool is_all;
};

/* "*", "7" or "4-12". Returns what follows, or NULL. */
static const char *scan_range(const char *s, struct range *r)
{
    char *end;
    long from, to;

    *r = (struct range){0};
    if (*s == '*') {
        r->is_all = true;
        return s + 1;
    }
    if (*s < '0' || *s > '9')
        return NULL;
    from = to = strtol(s, &end, 10);
    if (*end == '-' && end[1] >= '0' && end[1] <= '9')
        to = strtol(end + 1, &end, 10);
    if (from > NUMBER_MAX || to > NUMBER_MAX || to < from)
        return NULL;
    r->from = (int)from;
    r->to = (int)to;
    return end;
}

/* Fits a range to `count`, the number of layers or heads (-1: not known). */
static int fit_range(struct range *r, int count, const char *what, const char *item,
                     struct mi_error *err)
{
    if (count < 0 && r->is_all)
        return mi_fail(err, MI_EXIT_USAGE, "'%s': '*' needs a model", item);
    if (count >= 0 && r->is_all)
        *r = (struct range){0, count - 1, true};
    if (count >= 0 && r->to >= count)
        return mi_fail(err, MI_EXIT_USAGE, "'%s': %s %d of a model that has %ss 0 to %d", item,
                       what, r->to, what, count - 1);
    return 0;
}

static int fail_name(const char *item, const char *name, struct mi_error *err)
{
    const char *names[MI_SITES];
    bool is_hook = strstr(name, "hook") != NULL;
    char near[128];

    for (int i = 0; i < MI_SITES; i++)
        names[i] = is_hook ? sites[i].hook : sites[i].name;
    mi_near_names(name, names, MI_SITES, near, sizeof near);
    if (!*near)
        return mi_fail(err, MI_EXIT_USAGE, "'%s': no site '%s' (as resid_post, z, mlp_out)", item,
                       name);
    return mi_fail(err, MI_EXIT_USAGE, "'%s': no site '%s'; did you mean %s?", item, name, near);
}

/* TransformerLens 3 calls the borders of a component hook_in and hook_out. */
static int find_hook(const char *hook, size_t n, bool is_global)
{
    static const struct {
        const char *hook;
        enum mi_site site;
    } bridge[] = {{"hook_in", MI_SITE_RESID_PRE},
                  {"hook_out", MI_SITE_RESID_POST},
                  {"attn.hook_out", MI_SITE_ATTN_OUT},
                  {"mlp.hook_out", MI_SITE_MLP_OUT}};

    for (int i = 0; i < MI_SITES; i++)
        if (sites[i].is_global == is_global && strlen(sites[i].hook) == n &&
            memcmp(sites[i].hook, hook, n) == 0)
            return i;
    for (size_t i = 0; !is_global && i < sizeof bridge / sizeof *bridge; i++)
        if (strlen(bridge[i].hook) == n && memcmp(bridge[i].hook, hook, n) == 0)
            return (int)bridge[i].site;
    return -1;
}

/* One item, taken apart. */
struct item {
    const char *text;
    int site;
    struct range layers, heads;
    bool has_heads;
};

/* "4-12" or "9.6" after a colon. */
static int scan_layers(struct item *it, const char *s, struct mi_error *err)
{
    const char *rest = scan_range(s, &it->layers);

    it->has_heads = false;
    if (rest && *rest == '.') {
        it->has_heads = true;
        rest = scan_range(rest + 1, &it->heads);
    }
    if (!rest || *rest)
        return mi_fail(err, MI_EXIT_USAGE,
                       "'%s': '%s' is no layer: write 9, 4-12, * or layer.head, as 9.6", it->text,
                       s);
    return 0;
}

/* "blocks.9.attn.hook_z", a head may follow as ".6". */
static int scan_hook(struct item *it, struct mi_error *err)
{
    const char *rest = scan_range(it->text + strlen("blocks."), &it->layers), *dot;
    size_t n;

    if (!rest || *rest != '.')
        return mi_fail(err, MI_EXIT_USAGE, "'%s': no layer after 'blocks.'", it->text);
    rest++;
    n = strlen(rest);
    it->site = find_hook(rest, n, false);
    dot = strrchr(rest, '.');
    if (it->site < 0 && dot) {
        const char *end = scan_range(dot + 1, &it->heads);

        if (end && !*end) {
            it->has_heads = true;
            n = (size_t)(dot - rest);
            it->site = find_hook(rest, n, false);
        }
    }
    return it->site < 0 ? fail_name(it->text, rest, err) : 0;
}

/* Takes an item apart; one that begins with a digit or '*' continues the site before. */
static int scan_item(struct item *it, int site_before, struct mi_error *err)
{
    const char *colon = strchr(it->text, ':');
    char name[ITEM_MAX];
    size_t n = colon ? (size_t)(colon - it->text) : strlen(it->text);

    if (!colon && strchr("0123456789*", *it->text) && site_before >= 0) {
        it->site = site_before;
        return scan_layers(it, it->text, err);
    }
    if (strncmp(it->text, "blocks.", 7) == 0)
        return scan_hook(it, err);
    memcpy(name, it->text, n);
    name[n] = '\0';
    it->site = mi_site_find(name);
    if (it->site < 0)
        it->site = find_hook(name, n, true);
    if (it->site < 0)
        return fail_name(it->text, name, err);
    if (sites[it->site].is_global && colon)
        return mi_fail(err, MI_EXIT_USAGE, "'%s': '%s' is one place of the model: no layer",
                       it->text, name);
    if (sites[it->site].is_global)
        return 0;
    if (!colon)
        return mi_fail(err, MI_EXIT_USAGE, "'%s': which layers? as %s:9, %s:4-12 or %s:*", it->text,
                       name, name, name);
    return scan_layers(it, colon + 1, err);
}

static int expand_item(struct mi_places *list, struct item *it, const struct mi_dims *dims,
                       struct mi_error *err)
{
    enum mi_site site = (enum mi_site)it->site;
    int status;

    if (dims && !mi_site_exists(site, dims))
        return mi_fail(err, MI_EXIT_USAGE, "'%s': this model has no site '%s'", it->text,
                       sites[site].name);
    if (sites[site].is_global) {
        mi_places_add(list, (struct mi_place){site, -1, -1});
        return 0;
    }
    status = fit_range(&it->layers, dims ? dims->n_layers : -1, "layer", it->text, err);
    if (status < 0)
        return status;
    if (it->has_heads && !has_heads(site))
        return mi_fail(err, MI_EXIT_USAGE, "'%s': '%s' has no heads", it->text, sites[site].name);
    if (it->has_heads) {
        status = fit_range(&it->heads, dims ? head_count(site, dims) : -1, "head", it->text, err);
        if (status < 0)
            return status;
    } else {
        it->heads = (struct range){-1, -1, false};
    }
    if ((int64_t)(it->layers.to - it->layers.from + 1) * (it->heads.to - it->heads.from + 1) >
        PLACES_MAX - (int64_t)list->n)
        return mi_fail(err, MI_EXIT_USAGE, "'%s': more than %d places", it->text, PLACES_MAX);
    for (int l = it->layers.from; l <= it->layers.to; l++)
        for (int h = it->heads.from; h <= it->heads.to; h++)
            mi_places_add(list, (struct mi_place){site, l, h});
    return 0;
}

int mi_places_parse(struct mi_places *list, const char *text, const struct mi_dims *dims,
                    struct mi_error *err)
{
    size_t n_before = list->n, n;
    int site = -1, status = 0;
    const char *s;

    for (const char *at = text; mi_commas_next(&at, &s, &n);) {
        char copy[ITEM_MAX];
        struct item it = {.text = copy, .site = -1};

        if (n == 0 || n >= sizeof copy) {
            status = mi_fail(err, MI_EXIT_USAGE, "'%.100s': %s in a list of sites", text,
                             n ? "a name too long" : "an empty item");
            break;
        }
        memcpy(copy, s, n);
        copy[n] = '\0';
        status = scan_item(&it, site, err);
        if (status >= 0)
            status = expand_item(list, &it, dims, err);
        if (status < 0)
            break;
        site = sites[it.site].is_global ? -1 : it.site;
    }
    if (status >= 0)
        return 0;
    list->n = n_before;
    if (n_before == 0)
        mi_places_free(list); /* a caller that gives up has nothing to free */
    return status;
}

/* ---- text and records --------------------------------------------------------- */

char *mi_place_text(const struct mi_place *p, char *text)
{
    const char *name = sites[p->site].name;

    if (p->layer < 0)
        snprintf(text, 48, "%s", name);
    else if (p->head < 0)
        snprintf(text, 48, "%s:%d", name, p->layer);
    else
        snprintf(text, 48, "%s:%d.%d", name, p->layer, p->head);
    return text;
}

char *mi_place_hook(const struct mi_place *p, char *text)
{
    const char *hook = sites[p->site].hook;

    if (p->layer < 0)
        snprintf(text, 64, "%s", hook);
    else
        snprintf(text, 64, "blocks.%d.%s", p->layer, hook);
    return text;
}

void mi_place_set(struct mi_arena *a, struct mi_value *map, const struct mi_place *p)
{
    mi_set(a, map, "site", mi_str(sites[p->site].name));
    mi_set(a, map, "layer", p->layer < 0 ? mi_nil() : mi_int(p->layer));
    mi_set(a, map, "head", p->head < 0 ? mi_nil() : mi_int(p->head));
}

/* nil or a small count; -1 for nil, -2 when it is neither. */
static int get_index(const struct mi_value *map, const char *key)
{
    const struct mi_value *v = mi_get(map, key);

    if (!v || v->kind == MI_NIL)
        return -1;
    return v->kind == MI_INT && v->as.integer >= 0 && v->as.integer <= NUMBER_MAX
               ? (int)v->as.integer
               : -2;
}

int mi_place_get(const struct mi_value *map, struct mi_place *p, struct mi_error *err)
{
    const char *name = mi_get_str(map, "site", NULL);
    int site = name ? mi_site_find(name) : -1;
    int layer = get_index(map, "layer"), head = get_index(map, "head");

    if (!name)
        return mi_fail(err, MI_EXIT_DATA, "'site' is missing");
    if (site < 0)
        return mi_fail(err, MI_EXIT_DATA, "no site '%.60s'", name);
    if (layer == -2 || (layer < 0) != sites[site].is_global)
        return mi_fail(err, MI_EXIT_DATA, "'layer' does not fit site '%s'", name);
    if (head == -2 || (head >= 0 && !has_heads((enum mi_site)site)))
        return mi_fail(err, MI_EXIT_DATA, "'head' does not fit site '%s'", name);
    *p = (struct mi_place){(enum mi_site)site, layer, head};
    return 0;
}
