#include "data/site.h"

#include "../tap.h"

#include <string.h>

static const struct mi_dims dims = {.n_layers = 12,
                                    .n_heads = 8,
                                    .n_kv_heads = 2,
                                    .d_model = 64,
                                    .d_head = 8,
                                    .d_mlp = 160,
                                    .d_vocab = 1000,
                                    .n_ctx = 128};

/* The places as text, joined by blanks; the message when it is refused. */
static const char *expand(const char *text, const struct mi_dims *d)
{
    static char out[4096];
    struct mi_places list = {0};
    struct mi_error err = {0};
    char one[48];

    out[0] = '\0';
    if (mi_places_parse(&list, text, d, &err) < 0) {
        snprintf(out, sizeof out, "!%s", err.text);
        return out;
    }
    for (size_t i = 0; i < list.n && strlen(out) < 4000; i++) {
        strcat(out, i ? " " : "");
        strcat(out, mi_place_text(&list.item[i], one));
    }
    mi_places_free(&list);
    return out;
}

static void test_missing(void)
{
    struct mi_dims parallel = dims;

    parallel.no_sites = UINT64_C(1) << MI_SITE_RESID_MID;
    ok(strstr(expand("resid_mid:*", &parallel), "this model has no site 'resid_mid'") != NULL &&
           strcmp(expand("resid_post:3", &parallel), "resid_post:3") == 0,
       "a site that the model has not is refused");
}

static void test_good(void)
{
    static const char *const cases[][2] = {
        {"resid_post:9", "resid_post:9"},
        {"resid_post:4-6,9", "resid_post:4 resid_post:5 resid_post:6 resid_post:9"},
        {"resid_post:9,4", "resid_post:9 resid_post:4"},
        {"resid_post:3,resid_post:3,3-3", "resid_post:3"},
        {"z:9.6", "z:9.6"},
        {"z:9.6,z:10.*", "z:9.6 z:10.0 z:10.1 z:10.2 z:10.3 z:10.4 z:10.5 z:10.6 z:10.7"},
        {"z:9", "z:9"},
        {"z:8-9.1-2", "z:8.1 z:8.2 z:9.1 z:9.2"},
        {"k:0.*", "k:0.0 k:0.1"},
        {"logits", "logits"},
        {"embed,logits,ln_final_scale", "embed logits ln_final_scale"},
        {"blocks.9.attn.hook_z", "z:9"},
        {"blocks.9.attn.hook_z.6", "z:9.6"},
        {"blocks.1-2.hook_resid_post", "resid_post:1 resid_post:2"},
        {"blocks.3.hook_out,blocks.3.mlp.hook_out", "resid_post:3 mlp_out:3"},
        {"hook_embed,unembed.hook_out", "embed logits"},
        {"mlp_pre_linear:11", "mlp_pre_linear:11"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        ok(strcmp(expand(cases[i][0], &dims), cases[i][1]) == 0, "%s: %s", cases[i][0],
           expand(cases[i][0], &dims));
}

static void test_bad(void)
{
    static const char *const cases[][2] = {
        {"resid_pst:9", "did you mean 'resid_post'"},
        {"blocks.9.attn.hook_y", "attn.hook_"},
        {"resid_post:12", "layers 0 to 11"},
        {"resid_post:4-99", "layers 0 to 11"},
        {"z:3.8", "heads 0 to 7"},
        {"k:3.2", "heads 0 to 1"},
        {"resid_post:3.1", "has no heads"},
        {"resid_post", "which layers?"},
        {"logits:3", "no layer"},
        {"", "empty item"},
        {"z:1,,z:2", "empty item"},
        {"z:1,", "empty item"},
        {"resid_post:9-4", "no layer"},
        {"resid_post:-1", "no layer"},
        {"resid_post:99999999999999999999", "no layer"},
        {"blocks.x.hook_z", "no layer after"},
        {"9", "no site '9'"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *said = expand(cases[i][0], &dims);

        ok(said[0] == '!' && strstr(said, cases[i][1]), "'%s': %s", cases[i][0], said);
    }
    ok(expand("resid_post:*", NULL)[0] == '!', "a wildcard needs a model");
    ok(strcmp(expand("resid_post:40,z:3.7", NULL), "resid_post:40 z:3.7") == 0,
       "numbers do not: %s", expand("resid_post:40,z:3.7", NULL));
    ok(expand("resid_post:0-9999,z:0-9999.0-9", NULL)[0] == '!', "a list has its limit");
}

static void test_keeps_list(void)
{
    struct mi_places list = {0};

    ok(mi_places_parse(&list, "z:1", &dims, NULL) == 0 &&
           mi_places_parse(&list, "z:2,z:99", &dims, NULL) < 0 && list.n == 1,
       "a list that fails adds nothing");
    mi_places_free(&list);
}

static void test_shapes(void)
{
    static const struct {
        struct mi_place p;
        int64_t rows, width;
    } cases[] = {{{MI_SITE_RESID_POST, 3, -1}, 1, 64},
                 {{MI_SITE_Z, 3, -1}, 8, 8},
                 {{MI_SITE_Z, 3, 5}, 1, 8},
                 {{MI_SITE_K, 3, -1}, 2, 8},
                 {{MI_SITE_PATTERN, 3, -1}, 8, 17},
                 {{MI_SITE_RESULT, 3, -1}, 8, 64},
                 {{MI_SITE_LN1_SCALE, 3, -1}, 1, 1},
                 {{MI_SITE_MLP_POST, 3, -1}, 1, 160},
                 {{MI_SITE_LOGITS, -1, -1}, 1, 1000}};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t rows, width;

        mi_place_shape(&cases[i].p, &dims, 17, &rows, &width);
        ok(rows == cases[i].rows && width == cases[i].width, "%s: %lld x %lld",
           mi_site_info(cases[i].p.site)->name, (long long)rows, (long long)width);
    }
}

/* All names: found again, distinct, and the same through a record. */
static void test_names(void)
{
    struct mi_arena a = {0};
    struct mi_error err = {0};
    struct mi_value map;
    char text[64];

    for (int s = 0; s < MI_SITES; s++) {
        struct mi_place p = {(enum mi_site)s, mi_site_info((enum mi_site)s)->is_global ? -1 : 7,
                             -1};
        struct mi_place back = {0};

        map = mi_map();
        mi_place_set(&a, &map, &p);
        ok(mi_site_find(mi_site_info((enum mi_site)s)->name) == s &&
               mi_place_get(&map, &back, &err) == 0 && back.site == p.site &&
               back.layer == p.layer && back.head == -1 &&
               strcmp(expand(mi_place_hook(&p, text), &dims), mi_place_text(&p, (char[48]){0})) ==
                   0,
           "%s and %s", mi_site_info((enum mi_site)s)->name, text);
    }
    map = mi_map();
    mi_set(&a, &map, "site", mi_str("resid_post"));
    ok(mi_place_get(&map, &(struct mi_place){0}, &err) == -MI_EXIT_DATA, "no layer: %s", err.text);
    mi_set(&a, &map, "layer", mi_int(3));
    mi_set(&a, &map, "head", mi_int(3));
    ok(mi_place_get(&map, &(struct mi_place){0}, &err) == -MI_EXIT_DATA, "no heads: %s", err.text);
    mi_arena_free(&a);
}

int main(void)
{
    plan(17 + 20 + 1 + 1 + 9 + MI_SITES + 2);
    test_good();
    test_missing();
    test_bad();
    test_keeps_list();
    test_shapes();
    test_names();
    return done();
}
