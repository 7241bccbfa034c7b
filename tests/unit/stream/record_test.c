/* Kinds of record: built, read again, and refused when a key is missing or wrong. */
#include "craft.h"

#include "stream/record.h"

#include "../tap.h"

static void test_prompt(struct mi_arena *a)
{
    static const int32_t tokens[] = {1, 2, 3};
    static const char *const piece[] = {"a", "\xc3", "\xa9 b"};
    static const size_t len[] = {1, 1, 3};
    static const int64_t offset[] = {0, 1, 2};
    static const struct mi_span spans[] = {{"s", 1, 3}}, roles[] = {{"user", 0, 1}, {"user", 2, 3}};
    struct mi_prompt_record p = {.id = "p1",
                                 .tokens = tokens,
                                 .n_tokens = 3,
                                 .n_prompt = 2,
                                 .piece = piece,
                                 .piece_len = len,
                                 .offset = offset,
                                 .spans = spans,
                                 .n_spans = 1,
                                 .roles = roles,
                                 .n_roles = 2};
    struct mi_prompt_record q = {0};
    struct mi_error err = {0};
    struct mi_value body, bad;

    p.fields = mi_map();
    mi_set(a, &p.fields, "label", mi_int(1));
    body = mi_prompt_body(a, &p);
    ok(mi_codec_check(&body, &err) == 0 && mi_prompt_read(a, &body, &q, &err) == 0 &&
           strcmp(q.id, "p1") == 0 && q.n_tokens == 3 && q.n_prompt == 2 && q.tokens[2] == 3 &&
           q.piece_len[1] == 1 && memcmp(q.piece[2], "\xa9 b", 3) == 0 && q.offset[2] == 2 &&
           q.n_spans == 1 && q.n_roles == 2 && q.roles[1].begin == 2 &&
           mi_get_int(&q.fields, "label", 0) == 1,
       "a prompt comes back, with pieces that are no UTF-8 %s", err.text);
    p.offset = NULL;
    p.piece = NULL;
    body = mi_prompt_body(a, &p);
    ok(mi_prompt_read(a, &body, &q, &err) == 0 && !q.offset && !q.piece,
       "without the optional ones");
    static const char *const keys[] = {"id",    "tokens", "pieces", "n_prompt",
                                       "spans", "roles",  "fields"};

    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        bad = mi_value_copy(a, &body);
        mi_set(a, &bad, keys[i], mi_real(0.5));
        ok(mi_prompt_read(a, &bad, &q, &err) == -MI_EXIT_DATA && strstr(err.text, keys[i]), "%s",
           err.text);
    }
    bad = mi_value_copy(a, &body);
    mi_set(a, &bad, "n_prompt", mi_int(4));
    ok(mi_prompt_read(a, &bad, &q, &err) < 0, "more prompt than tokens: %s", err.text);
    bad = mi_value_copy(a, &body);
    mi_set(a, &bad, "tokens", mi_reals(a, (double[]){1}, 1));
    ok(mi_prompt_read(a, &bad, &q, &err) < 0, "tokens are integers: %s", err.text);
    p.spans = (struct mi_span[]){{"s", 1, 4}};
    bad = mi_prompt_body(a, &p);
    ok(mi_prompt_read(a, &bad, &q, &err) < 0, "a span outside: %s", err.text);
}

static void test_act(struct mi_arena *a)
{
    static const float x[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
    static const int64_t positions[] = {3, 5, 9}, doubled[] = {3, 3, 9};
    struct mi_act_record r = {.id = "p",
                              .place = {MI_SITE_Z, 2, 1},
                              .positions = positions,
                              .n_positions = 3,
                              .x = mi_tensor_2(MI_F32, 3, 4, x)};
    struct mi_act_record q = {0};
    struct mi_error err = {0};
    struct mi_value body = mi_act_body(a, &r);

    ok(mi_act_read(a, &body, &q, &err) == 0 && q.place.site == MI_SITE_Z && q.place.layer == 2 &&
           q.place.head == 1 && q.n_positions == 3 && q.positions[2] == 9 && q.x.shape[1] == 4 &&
           q.x.data == x,
       "activations come back, borrowed %s", err.text);
    r.positions = doubled;
    body = mi_act_body(a, &r);
    ok(mi_act_read(a, &body, &q, &err) < 0, "positions ascend: %s", err.text);
    r.positions = positions;
    r.n_positions = 2;
    body = mi_act_body(a, &r);
    ok(mi_act_read(a, &body, &q, &err) < 0, "%s", err.text);
    r.n_positions = 3;
    r.x = mi_tensor_1(MI_F32, 3, x);
    body = mi_act_body(a, &r);
    ok(mi_act_read(a, &body, &q, &err) < 0, "rank 1: %s", err.text);
    r.x = mi_tensor_2(MI_I32, 3, 4, x);
    body = mi_act_body(a, &r);
    ok(mi_act_read(a, &body, &q, &err) < 0, "integers: %s", err.text);
}

static void test_dir_and_score(struct mi_arena *a)
{
    static const double v[2] = {0.6, 0.8};
    struct mi_dir_record d = {.place = {MI_SITE_RESID_POST, 4, -1},
                              .method = "mean-diff",
                              .v = mi_tensor_1(MI_F64, 2, v),
                              .sign = -1,
                              .scale = 2.5,
                              .n = 7};
    struct mi_dir_record e = {0};
    struct mi_score_record s = {.metric = "auroc",
                                .value = 0.75,
                                .lo = (double)NAN,
                                .hi = (double)NAN,
                                .n = 9,
                                .control = "random",
                                .seed = 3};
    struct mi_score_record t = {0};
    struct mi_error err = {0};
    struct mi_value body;

    d.extra = mi_map();
    mi_set(a, &d.extra, "auroc", mi_real(0.5));
    body = mi_dir_body(a, &d);
    ok(mi_dir_read(&body, &e, &err) == 0 && e.place.layer == 4 && e.sign == -1 && e.scale == 2.5 &&
           e.n == 7 && !e.position && e.extra.as.map.n == 1 &&
           mi_get_real(&e.extra, "auroc", 0) == 0.5 && e.v.data == v,
       "a direction comes back with its own figures %s", err.text);
    mi_set(a, &body, "sign", mi_real(0.5));
    ok(mi_dir_read(&body, &e, &err) < 0, "%s", err.text);
    s.of = mi_map();
    mi_set(a, &s.of, "site", mi_str("resid_post"));
    mi_set(a, &s.of, "method", mi_str("mean-diff"));
    body = mi_score_body(a, &s);
    ok(mi_codec_check(&body, &err) == 0 && mi_get(&body, "lo")->kind == MI_NIL &&
           mi_score_read(&body, &t, &err) == 0 && t.value == 0.75 && isnan(t.lo) &&
           strcmp(t.control, "random") == 0 && t.of.as.map.n == 2 &&
           strcmp(body.as.map.member[0].key, "site") == 0,
       "a score comes back, its subject first, no interval as nil %s", err.text);
    mi_set(a, &body, "metric", mi_nil());
    ok(mi_score_read(&body, &t, &err) < 0, "%s", err.text);
}

static void test_headers(struct mi_arena *a)
{
    struct mi_value h = mi_header_new(a, "act"), model = mi_map(), other, next, shard = mi_map();
    struct mi_error err = {0};
    char one[33], two[33];

    ok(mi_header_check(&h, &err) == 0, "a new header is right %s", err.text);
    ok(mi_header_same_model(&h, &h, 0, &err) < 0, "%s", err.text);
    mi_set(a, &model, "digest", mi_str("aa"));
    mi_set(a, &model, "d_model", mi_int(64));
    mi_set(a, &h, "model", mi_value_copy(a, &model));
    other = mi_value_copy(a, &h);
    ok(mi_header_same_model(&h, &other, 0, &err) == 0, "the same model");
    mi_set(a, &model, "digest", mi_str("bb"));
    mi_set(a, &other, "model", mi_value_copy(a, &model));
    ok(mi_header_same_model(&h, &other, 0, &err) < 0 && strstr(err.text, "digest"), "%s", err.text);
    ok(mi_header_same_model(&h, &other, 1, &err) == 0, "another one of the same width on request");
    mi_set(a, &model, "d_model", mi_int(65));
    mi_set(a, &other, "model", mi_value_copy(a, &model));
    ok(mi_header_same_model(&h, &other, 1, &err) < 0 && strstr(err.text, "64, 65"), "%s", err.text);

    mi_header_step(a, &h, "mi-capture", NULL, mi_map(), 5);
    next = mi_header_from(a, &h, "dir");
    ok(mi_get(&next, "provenance")->as.array.n == 1 &&
           strcmp(mi_get_str(&next, "content", ""), "dir") == 0 &&
           mi_header_check(&next, NULL) == 0,
       "a header goes on from another");
    mi_header_step(a, &next, "mi-direction", "fit", mi_map(), 0);
    ok(mi_get(&next, "provenance")->as.array.n == 2 && mi_get(&h, "provenance")->as.array.n == 1,
       "with one more step, its own");

    mi_header_identity(&h, one);
    mi_set(a, &shard, "index", mi_int(0));
    mi_set(a, &shard, "of", mi_int(2));
    mi_set(a, &shard, "units", mi_int(5));
    mi_set(a, &shard, "first", mi_int(0));
    mi_set(a, &shard, "last", mi_int(2));
    mi_set(a, &h, "shard", shard);
    ok(mi_header_check(&h, &err) == 0 && strcmp(mi_header_identity(&h, two), one) == 0,
       "a shard has the identity of the whole %s", err.text);
    mi_set(a, &shard, "last", mi_int(6));
    mi_set(a, &h, "shard", shard);
    ok(mi_header_check(&h, &err) < 0, "%s", err.text);
}

int main(void)
{
    struct mi_arena a = {0};

    plan(12 + 5 + 4 + 10);
    test_prompt(&a);
    test_act(&a);
    test_dir_and_score(&a);
    test_headers(&a);
    mi_arena_free(&a);
    return done();
}
