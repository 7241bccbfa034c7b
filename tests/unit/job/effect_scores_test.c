/* Effects as scores: what is planted in a stream is what the scores say. */
#include "job/effect_scores.h"

#include "../tap.h"
#include "stream/effect_record.h"
#include "stream/header.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[] = "/tmp/mi-effects-XXXXXX";
static char sweep[64], scores[64];

static void must(int r, const struct mi_error *err)
{
    if (r < 0) {
        diag("%s", err->text);
        exit(2);
    }
}

/* An aggregate at resid_post:1; difference is ten times the effect. */
static struct mi_effect_record aggregate(const char *subspace, int64_t draw, const char *variant,
                                         double effect)
{
    return (struct mi_effect_record){.n = 12,
                                     .groups = 9,
                                     .has_place = !variant,
                                     .place = {MI_SITE_RESID_POST, 1, -1},
                                     .position = -1,
                                     .variant = variant,
                                     .method = variant ? "edit" : "along",
                                     .subspace = subspace,
                                     .draw = draw,
                                     .metric = "kl",
                                     .source = variant ? (double)NAN : 10,
                                     .patched = 10 * effect,
                                     .effect = variant ? (double)NAN : effect,
                                     .lo = effect - 0.25,
                                     .hi = effect + 0.5,
                                     .difference = 10 * effect,
                                     .difference_lo = 10 * effect - 1,
                                     .difference_hi = 10 * effect + 2};
}

static void write_sweep(const struct mi_effect_record *e, int n)
{
    struct mi_writer out = {0};
    struct mi_arena a = {0};
    struct mi_error err = {0};
    struct mi_value header = mi_header_new(&a, "effect");

    must(mi_writer_open(&out, sweep, &err), &err);
    must(mi_writer_header(&out, &header, &err), &err);
    for (int i = 0; i < n; i++) {
        struct mi_value body = mi_effect_body(&a, &e[i]);

        must(mi_writer_put(&out, "effect", &body, &err), &err);
    }
    must(mi_writer_end(&out, NULL, &err), &err);
    mi_writer_close(&out);
    mi_arena_free(&a);
}

static int convert(const struct mi_effect_scores_options *o, struct mi_error *err)
{
    struct mi_reader in = {0};
    struct mi_writer out = {0};
    struct mi_scores s = {.out = &out};
    struct mi_arena a = {0};
    struct mi_value header = mi_header_new(&a, "score");
    int r;

    must(mi_reader_open(&in, sweep, err), err);
    must(mi_writer_open(&out, scores, err), err);
    must(mi_writer_header(&out, &header, err), err);
    r = mi_effect_scores(&in, o, &s, err);
    if (r == 0)
        must(mi_writer_end(&out, NULL, err), err);
    mi_writer_close(&out);
    mi_reader_close(&in);
    mi_scores_free(&s);
    mi_arena_free(&a);
    return r;
}

/* The scores of a metric in order, as "value lo hi n control;". */
static void list(const char *metric, char *text, size_t size)
{
    struct mi_reader in = {0};
    struct mi_record rec;
    struct mi_error err = {0};
    int r;

    text[0] = '\0';
    must(mi_reader_open(&in, scores, &err), &err);
    while ((r = mi_reader_next(&in, &rec, &err)) > 0) {
        struct mi_score_record s;

        if (strcmp(rec.kind, "score") != 0)
            continue;
        must(mi_score_read(rec.body, &s, &err), &err);
        if (strcmp(s.metric, metric) == 0)
            snprintf(text + strlen(text), size - strlen(text), "%g %g %g %lld %s;", s.value, s.lo,
                     s.hi, (long long)s.n, s.control ? s.control : "-");
    }
    must(r, &err);
    mi_reader_close(&in);
}

static void test_draws(void)
{
    const struct mi_effect_record e[] = {
        aggregate("mean-diff", -1, NULL, 0.75), aggregate("random", 0, NULL, 0.5),
        aggregate("random", 1, NULL, -0.25), aggregate("shuffled", 0, NULL, 0.125),
        aggregate("random", 2, NULL, 0.5)};
    struct mi_effect_scores_options o = {0};
    struct mi_error err = {0};
    char text[256];

    write_sweep(e, 5);
    ok(convert(&o, &err) == 0, "converted: %s", err.text);
    list("effect", text, sizeof text);
    ok(strcmp(text, "0.75 0.5 1.25 12 -;0.25 -0.25 0.5 3 random;0.125 0.125 0.125 1 shuffled;") ==
           0,
       "effects: %s", text);
    list("kl_diff", text, sizeof text);
    ok(strcmp(text, "7.5 6.5 9.5 12 -;2.5 -2.5 5 3 random;1.25 1.25 1.25 1 shuffled;") == 0,
       "differences: %s", text);
    o.is_complement = true;
    ok(convert(&o, &err) == 0, "the complement: %s", err.text);
    list("completeness", text, sizeof text);
    ok(strncmp(text, "0.25 -0.25 0.5 12 -;0.75 0.5 1.25 3 random;", 42) == 0, "completeness: %s",
       text);
}

static void test_variants(void)
{
    const struct mi_effect_record e[] = {
        aggregate(NULL, -1, "3", 0.5), aggregate(NULL, -1, "r 0", 1), aggregate(NULL, -1, "r 1", 3),
        aggregate(NULL, -1, "other", 4)};
    struct mi_effect_control c[2];
    struct mi_effect_scores_options o = {.control = c, .n_controls = 1};
    struct mi_error err = {0};
    struct mi_arena a = {0};
    char text[256];

    write_sweep(e, 4);
    ok(mi_effect_control_parse(&c[0], "random=r *", &a, &err) == 0 &&
           strcmp(c[0].name, "random") == 0 && strcmp(c[0].pattern, "r *") == 0,
       "a control");
    ok(mi_effect_control_parse(&c[1], "=x", &a, &err) == -MI_EXIT_USAGE &&
           mi_effect_control_parse(&c[1], "x=", &a, &err) == -MI_EXIT_USAGE &&
           mi_effect_control_parse(&c[1], "x", &a, &err) == -MI_EXIT_USAGE,
       "that is none: %s", err.text);
    ok(convert(&o, &err) == 0, "converted: %s", err.text);
    list("kl_diff", text, sizeof text);
    ok(strcmp(text, "5 4 7 12 -;20 10 30 2 random;40 39 42 12 -;") == 0, "labels: %s", text);
    list("effect", text, sizeof text);
    ok(!*text, "without source there are no effects");
    c[1] = (struct mi_effect_control){"none", "zz*"};
    o.n_controls = 2;
    ok(convert(&o, &err) == -MI_EXIT_DATA, "a pattern of nothing: %s", err.text);
    mi_arena_free(&a);
}

static void test_refused(void)
{
    struct mi_effect_record e = aggregate("mean-diff", -1, NULL, 0.5);
    struct mi_effect_scores_options o = {0};
    struct mi_error err = {0};
    char text[256];

    e.effect = e.lo = e.hi = (double)NAN;
    e.refused = "because";
    write_sweep(&e, 1);
    ok(convert(&o, &err) == 0, "refused: %s", err.text);
    list("effect", text, sizeof text);
    ok(strcmp(text, "nan nan nan 12 -;") == 0, "no value: %s", text);
    e.id = "a";
    write_sweep(&e, 1);
    ok(convert(&o, &err) == -MI_EXIT_DATA, "effects of pairs alone: %s", err.text);
}

int main(void)
{
    if (!mkdtemp(folder))
        return 2;
    snprintf(sweep, sizeof sweep, "%s/e.mi", folder);
    snprintf(scores, sizeof scores, "%s/s.mi", folder);
    test_draws();
    test_variants();
    test_refused();
    unlink(sweep);
    unlink(scores);
    rmdir(folder);
    return done();
}
