#include "data/edit.h"

#include "../tap.h"

#include <string.h>

static const struct mi_dims dims = {.n_layers = 32,
                                    .n_heads = 8,
                                    .n_kv_heads = 8,
                                    .d_model = 64,
                                    .d_head = 8,
                                    .d_mlp = 160,
                                    .d_vocab = 1000,
                                    .n_ctx = 128};

/* Parsed and printed again. */
static const char *again(const char *line, const char *digest, const char *when)
{
    static char out[1024];
    struct mi_edits list = {0};
    struct mi_error err = {0};
    struct mi_buf b = {0};

    if (mi_edits_parse(&list, line, &dims, &err) < 0) {
        snprintf(out, sizeof out, "!%s", err.text);
    } else {
        mi_edit_print(&b, &list.item[0], digest, digest ? "src" : NULL, when);
        snprintf(out, sizeof out, "%s", mi_buf_text(&b));
    }
    mi_buf_free(&b);
    mi_edits_free(&list);
    return out;
}

static void test_canonical(void)
{
    static const char *const cases[][2] = {
        {"add  resid_post:15-27 honesty.mi * 2.0   @ all",
         "add resid_post:15-27 honesty.mi * 2.0 @ all"},
        {"add resid_post:10-20 honesty.mi", "add resid_post:10-20 honesty.mi * 1.0 @ all"},
        {"add resid_post:9 h.mi *2 scale @gen", "add resid_post:9 h.mi * 2.0 scale @ gen"},
        {"project-out resid_pre:* refusal.mi @ gen", "project-out resid_pre:* refusal.mi @ gen"},
        {"set resid_post:9 v.mi * -3.5e-1 @ last", "set resid_post:9 v.mi * -0.35 @ last"},
        {"zero mlp_out:4", "zero mlp_out:4 @ all"},
        {"scale z:9.6 * 0.5", "scale z:9.6 * 0.5 @ all"},
        {"clamp mlp_post:3 -1 1", "clamp mlp_post:3 -1.0 1.0 @ all"},
        {"mean-ablate z:9.6 @ last from stats.mi", "mean-ablate z:9.6 from stats.mi @ last"},
        {"noise embed * 0.1 @ span:subject", "noise embed * 0.1 @ span:subject"},
        {"patch resid_post:12 from run.mi @ span:subject align mean",
         "patch resid_post:12 from run.mi @ span:subject align mean"},
        {"patch resid_post:12 from source", "patch resid_post:12 from source @ all align end"},
        {"swap resid_post:12 d.mi from run.mi @ last",
         "swap resid_post:12 d.mi from run.mi @ last align end"},
        {"swap z:9.6 d.mi align span from run.mi", "swap z:9.6 d.mi from run.mi @ all align span"},
        {"freeze pattern:*", "freeze pattern:* @ all"},
        {"add resid_post:12 h.mi when proj(h.mi) > 0.5 at resid_post:12",
         "add resid_post:12 h.mi * 1.0 @ all when proj(h.mi) > 0.5 at resid_post:12"},
        {"zero z:1.2 @ /a b, c/,last when proj(a (1).mi) < -2 at resid_pre:3",
         "zero z:1.2 @ /a b, c/,last when proj(a (1).mi) < -2.0 at resid_pre:3"},
        {"add resid_post:1 \"my file \\\"x\\\".mi\"",
         "add resid_post:1 \"my file \\\"x\\\".mi\" * 1.0 @ all"},
        {"add resid_post:1 -", "add resid_post:1 - * 1.0 @ all"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ok(strcmp(again(cases[i][0], NULL, NULL), cases[i][1]) == 0, "%s: %s", cases[i][0],
           again(cases[i][0], NULL, NULL));
        ok(strcmp(again(cases[i][1], NULL, NULL), cases[i][1]) == 0, "canonical text is its own");
    }
    ok(strcmp(again("add resid_post:1 h.mi when proj(q.mi) > 1 at embed", "abc", "def"),
              "add resid_post:1 abc * 1.0 @ all when proj(def) > 1.0 at embed") == 0,
       "digests stand in for files");
    ok(strcmp(again("swap resid_post:1 h.mi from g.mi", "abc", NULL),
              "swap resid_post:1 abc from src @ all align end") == 0,
       "of both kinds");
}

static void test_refused(void)
{
    static const char *const cases[][2] = {
        {"", "no operation"},
        {"ad resid_post:1 h.mi", "did you mean 'add'"},
        {"add", "which sites"},
        {"add @ all", "which sites"},
        {"add resid_post:1", "a file is missing"},
        {"add resid_post:99 h.mi", "layers 0 to 31"},
        {"add resid_post:1 h.mi * x", "no number"},
        {"add resid_post:1 h.mi * nan", "no number"},
        {"add resid_post:1 h.mi * 1e999", "no number"},
        {"add resid_post:1 h.mi * 0x10", "no number"},
        {"add resid_post:1 h.mi *", "no number"},
        {"add resid_post:1 h.mi from g.mi", "takes no 'from'"},
        {"zero z:1 * 2", "takes no '* NUMBER'"},
        {"zero z:1 h.mi", "does not belong"},
        {"scale z:1", "needs '* NUMBER'"},
        {"scale z:1 * 2 scale", "does not belong"},
        {"noise embed * -1", "below 0"},
        {"clamp z:1 1", "no number"},
        {"clamp z:1 2 1", "above"},
        {"patch z:1", "needs 'from FILE'"},
        {"swap z:1 from a.mi", "a file is missing"},
        {"swap z:1 d.mi", "needs 'from FILE'"},
        {"swap z:1 d.mi * 2 from a.mi", "takes no '* NUMBER'"},
        {"patch z:1 d.mi from a.mi", "does not belong"},
        {"freeze z:1 from a.mi", "takes no 'from'"},
        {"patch z:1 from", "a file is missing"},
        {"patch z:1 from a.mi align left", "none of end"},
        {"add z:1 h.mi align end", "takes no 'align'"},
        {"zero z:1 @", "no position"},
        {"zero z:1 @ lst", "no position"},
        {"zero z:1 @ all @ last", "does not belong"},
        {"zero z:1 when", "a condition is"},
        {"zero z:1 when proj() > 1 at embed", "a condition is"},
        {"zero z:1 when proj(h.mi) = 1 at embed", "a condition is"},
        {"zero z:1 when proj(h.mi) > 1", "a condition is"},
        {"zero z:1 when proj(h.mi) > 1 at resid_post:1-2", "more than one place"},
        {"add z:1 \"h.mi", "not closed"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *said = again(cases[i][0], NULL, NULL);

        ok(said[0] == '!' && strstr(said, cases[i][1]), "'%s': %s", cases[i][0], said);
    }
}

static void test_plan(void)
{
    static const char plan_text[] =
        "# steer\n\nadd resid_post:1 h.mi * 2\r\n  zero mlp_out:4 @ last";
    struct mi_edits list = {0};
    struct mi_error err = {0};

    ok(mi_edits_parse_plan(&list, plan_text, strlen(plan_text), "p.plan", &dims, &err) == 0 &&
           list.n == 2 && list.item[0].factor == 2 && list.item[1].op == MI_EDIT_ZERO &&
           list.item[0].places.n == 1 && list.item[0].places.item[0].layer == 1,
       "a plan of two edits");
    ok(mi_edits_parse_plan(&list, "zero z:1\nzero z:99\n", 18, "p.plan", &dims, &err) ==
               -MI_EXIT_USAGE &&
           strstr(err.text, "'p.plan': line 2: "),
       "the line at fault: %s", err.text);
    ok(mi_edits_parse_plan(&list, "zero z:1\0\n", 10, "p.plan", &dims, &err) < 0 &&
           strstr(err.text, "NUL"),
       "a NUL: %s", err.text);
    mi_edits_free(&list);
}

int main(void)
{
    plan(38 + 2 + 37 + 3);
    test_canonical();
    test_refused();
    test_plan();
    return done();
}
