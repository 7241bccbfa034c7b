/* What a hook writes is what the rest of the pass is computed from. */
#include "../tap.h"
#include "fixture.h"

enum { T = 21, MAX_WIDTH = 128, LAYER = 1 };

static struct mi_model m;
static struct mi_forward f;
static int32_t tokens[T];
static int all_rows[T];

/* One site's values as packed [T, heads, width], for a layer. */
struct shot {
    enum mi_site site;
    int n_heads;
    int64_t width;
    float x[T * 8 * MAX_WIDTH];
};

/* An edit at one site of one layer, and shots of others after it. */
struct scene {
    struct watcher w;
    enum mi_site site;
    int layer;
    void (*change)(struct mi_view *v);
    struct shot *shot; /* [n_shots] */
    int n_shots;
    int fails;
};

static int act(struct watcher *w, struct mi_view *v, struct mi_error *err)
{
    struct scene *s = w->edit_self;

    if (v->site == s->site && v->layer == s->layer) {
        if (s->fails)
            return mi_fail(err, MI_EXIT_NO, "enough");
        if (s->change) {
            s->change(v);
            v->is_written = true;
        }
    }
    for (int i = 0; i < s->n_shots; i++) {
        struct shot *to = &s->shot[i];

        if (to->site != v->site || (v->layer != LAYER && v->layer >= 0))
            continue;
        to->n_heads = v->n_heads;
        to->width = v->width;
        for (int r = 0; r < v->n_rows; r++)
            for (int h = 0; h < v->n_heads; h++)
                memcpy(to->x + (v->row[r].position * v->n_heads + h) * v->width,
                       v->x + r * v->ld + h * v->ld_head, (size_t)v->width * sizeof(float));
    }
    return 0;
}

static int play_from(struct scene *s, struct mi_cache *cache, int from, int to)
{
    struct mi_hooks hooks = hooks_of(&s->w);
    struct mi_error err = {0};
    struct mi_sequence q = {.tokens = tokens + from,
                            .n = to - from,
                            .cache = cache,
                            .logit_rows = all_rows,
                            .n_logit_rows = to - from};

    s->w.edit = act;
    s->w.edit_self = s;
    memset(s->w.wants, 0, sizeof(s->w.wants));
    s->w.wants[s->site] = true;
    for (int i = 0; i < s->n_shots; i++)
        s->w.wants[s->shot[i].site] = true;
    return mi_forward(&f, &m, &q, 1, 0, &hooks, &err);
}

static void play(struct scene *s)
{
    if (play_from(s, NULL, 0, T) < 0)
        ok(false, "the pass fails");
}

static const float *at(const struct shot *s, int t, int head)
{
    return s->x + (t * s->n_heads + head) * s->width;
}

static bool is_equal(const struct shot *a, const struct shot *b, int from, int to)
{
    for (int i = from * a->n_heads * (int)a->width; i < to * b->n_heads * (int)b->width; i++)
        if (!(a->x[i] == b->x[i]))
            return false;
    return true;
}

static void each(struct mi_view *v, float (*fn)(float))
{
    for (int r = 0; r < v->n_rows; r++)
        for (int h = 0; h < v->n_heads; h++)
            for (int64_t i = 0; i < v->width; i++) {
                float *x = v->x + r * v->ld + h * v->ld_head + i;

                *x = fn(*x);
            }
}

static float zero(float x)
{
    (void)x;
    return 0;
}

static float twice(float x)
{
    return 2 * x;
}

static void zero_all(struct mi_view *v)
{
    each(v, zero);
}

static void double_all(struct mi_view *v)
{
    each(v, twice);
}

/* All attention goes to key 2 (of the first two rows: to themselves). */
static void look_at_two(struct mi_view *v)
{
    zero_all(v);
    for (int r = 0; r < v->n_rows; r++)
        for (int h = 0; h < v->n_heads; h++)
            v->x[r * v->ld + h * v->ld_head + (v->row[r].position < 2 ? v->row[r].position : 2)] =
                1;
}

static void zero_scores(struct mi_view *v)
{
    for (int r = 0; r < v->n_rows; r++)
        for (int h = 0; h < v->n_heads; h++)
            for (int64_t i = 0; i < v->width; i++)
                if (v->x[r * v->ld + h * v->ld_head + i] > -INFINITY)
                    v->x[r * v->ld + h * v->ld_head + i] = 0;
}

static void zero_head_one(struct mi_view *v)
{
    for (int r = 0; r < v->n_rows; r++)
        memset(v->x + r * v->ld + v->ld_head, 0, (size_t)v->width * sizeof(float));
}

static void change_row_nine(struct mi_view *v)
{
    for (int r = 0; r < v->n_rows; r++)
        for (int64_t i = 0; i < v->width && v->row[r].position == 9; i++)
            v->x[r * v->ld + i] += 1;
}

static struct shot a, b, shots[4];

/* Runs with an edit at `site` of `layer` and takes shots of up to three sites. */
static void stage(enum mi_site site, int layer, void (*change)(struct mi_view *), int n,
                  const enum mi_site *sites)
{
    struct scene s = {.site = site, .layer = layer, .change = change, .shot = shots, .n_shots = n};

    for (int i = 0; i < n; i++)
        shots[i].site = sites[i];
    play(&s);
}

static void test_residual(void)
{
    stage(MI_SITE_ATTN_OUT, LAYER, zero_all, 2,
          (enum mi_site[]){MI_SITE_RESID_PRE, MI_SITE_RESID_MID});
    ok(is_equal(&shots[0], &shots[1], 0, T), "attn_out = 0: resid_mid is resid_pre");
    stage(MI_SITE_MLP_OUT, LAYER, zero_all, 2,
          (enum mi_site[]){MI_SITE_RESID_MID, MI_SITE_RESID_POST});
    ok(is_equal(&shots[0], &shots[1], 0, T), "mlp_out = 0: resid_post is resid_mid");
    stage(MI_SITE_MLP_POST, LAYER, zero_all, 2,
          (enum mi_site[]){MI_SITE_RESID_MID, MI_SITE_RESID_POST});
    ok(is_equal(&shots[0], &shots[1], 0, T), "mlp_post = 0: the MLP adds nothing");
    stage(MI_SITE_MLP_PRE_LINEAR, LAYER, zero_all, 2,
          (enum mi_site[]){MI_SITE_RESID_MID, MI_SITE_RESID_POST});
    ok(is_equal(&shots[0], &shots[1], 0, T), "mlp_pre_linear = 0: the MLP adds nothing");
    stage(MI_SITE_MLP_PRE, LAYER, zero_all, 2,
          (enum mi_site[]){MI_SITE_RESID_MID, MI_SITE_RESID_POST});
    ok(is_equal(&shots[0], &shots[1], 0, T), "mlp_pre = 0: the MLP adds nothing");
    stage(MI_SITE_RESID_POST, LAYER, zero_all, 1, (enum mi_site[]){MI_SITE_LN_FINAL_SCALE});
    near((double)shots[0].x[T - 1], sqrt((double)m.config.norm_eps), 1e-9,
         "resid_post = 0 of the last layer: the final scale is sqrt(eps)");
    stage(MI_SITE_LN_FINAL_NORMALIZED, -1, zero_all, 1, (enum mi_site[]){MI_SITE_LOGITS});
    memset(&a, 0, sizeof(a));
    a.n_heads = 1;
    a.width = shots[0].width;
    ok(a.width == m.config.dims.d_vocab && is_equal(&shots[0], &a, 0, T),
       "ln_final_normalized = 0: so are the logits");
}

static void test_norms(void)
{
    static const enum mi_site scale[] = {MI_SITE_LN1_SCALE, MI_SITE_LN2_SCALE,
                                         MI_SITE_LN_FINAL_SCALE};

    for (int i = 0; i < 3; i++) {
        enum mi_site normalized = scale[i] + 1;
        int layer = i < 2 ? LAYER : -1;
        bool is_half = true;

        stage(scale[i], layer, NULL, 1, &normalized);
        a = shots[0];
        stage(scale[i], layer, double_all, 1, &normalized);
        for (int j = 0; j < T * (int)a.width; j++)
            is_half = is_half && shots[0].x[j] == a.x[j] / 2;
        ok(is_half, "%s doubled halves what is normalised", mi_site_info(scale[i])->name);
    }
}

static void test_attention(void)
{
    const struct mi_dims *d = &m.config.dims;
    int group = d->n_heads / d->n_kv_heads, n_good = 0;

    stage(MI_SITE_PATTERN, LAYER, look_at_two, 2, (enum mi_site[]){MI_SITE_V, MI_SITE_Z});
    for (int t = 0; t < T; t++)
        for (int h = 0; h < d->n_heads; h++)
            for (int i = 0; i < d->d_head; i++)
                n_good += at(&shots[1], t, h)[i] == at(&shots[0], t < 2 ? t : 2, h / group)[i];
    ok(n_good == T * d->n_heads * d->d_head, "a pattern on one key gives its value as z");
    stage(MI_SITE_ATTN_SCORES, LAYER, zero_scores, 1, (enum mi_site[]){MI_SITE_PATTERN});
    n_good = 0;
    for (int t = 0; t < T; t++)
        for (int h = 0; h < d->n_heads; h++)
            for (int i = 0; i < T; i++)
                n_good +=
                    fabs((double)at(&shots[0], t, h)[i] - (i <= t ? 1.0 / (t + 1) : 0)) < 1e-7;
    ok(n_good == T * T * d->n_heads, "equal scores give an even pattern");
    stage(MI_SITE_ROT_Q, LAYER, zero_all, 1, (enum mi_site[]){MI_SITE_PATTERN});
    near((double)at(&shots[0], T - 1, 0)[0], 1.0 / T, 1e-7, "rot_q = 0 gives an even pattern");
    stage(MI_SITE_Q, LAYER, zero_all, 1, (enum mi_site[]){MI_SITE_PATTERN});
    near((double)at(&shots[0], T - 1, 0)[0], 1.0 / T, 1e-7, "q = 0 gives an even pattern");
    stage(MI_SITE_K, LAYER, zero_all, 1, (enum mi_site[]){MI_SITE_PATTERN});
    near((double)at(&shots[0], T - 1, 0)[0], 1.0 / T, 1e-7, "k = 0 gives an even pattern");
    stage(MI_SITE_V, LAYER, zero_all, 1, (enum mi_site[]){MI_SITE_Z});
    near((double)shots[0].x[T], 0, 0, "v = 0 gives z = 0");
}

/* result: sums to attn_out; an edit of one head moves attn_out by just that. */
static void test_result(void)
{
    static const enum mi_site sites[] = {MI_SITE_RESULT, MI_SITE_ATTN_OUT};
    const struct mi_dims *d = &m.config.dims;
    double worst = 0, worst_sum = 0;

    stage(MI_SITE_RESULT, LAYER, NULL, 2, sites);
    a = shots[0];
    b = shots[1];
    stage(MI_SITE_RESULT, LAYER, zero_head_one, 2, sites);
    for (int t = 0; t < T; t++)
        for (int i = 0; i < d->d_model; i++) {
            double due = (double)at(&b, t, 0)[i] - (double)at(&a, t, 1)[i], sum = 0;

            for (int h = 0; h < d->n_heads; h++)
                sum += (double)at(&a, t, h)[i];
            worst = fmax(worst, fabs((double)at(&shots[1], t, 0)[i] - due));
            worst_sum = fmax(worst_sum, fabs((double)at(&b, t, 0)[i] - sum));
        }
    ok(worst_sum < 1e-5, "heads' results sum to attn_out (within %.1g)", worst_sum);
    ok(worst < 1e-6, "without head 1's result attn_out is less by it (within %.1g)", worst);
    stage(MI_SITE_Z, LAYER, zero_head_one, 2, sites);
    worst = 0;
    for (int t = 0; t < T; t++)
        for (int i = 0; i < d->d_model; i++)
            worst = fmax(worst, fabs((double)at(&shots[1], t, 0)[i] -
                                     ((double)at(&b, t, 0)[i] - (double)at(&a, t, 1)[i])));
    ok(worst < 1e-5, "z of head 1 = 0 does the same (within %.1g)", worst);
}

/* Earlier rows do not see an edit; later ones do; a cache holds what was edited. */
static void test_causality(void)
{
    static const enum mi_site sites[] = {MI_SITE_EMBED, MI_SITE_RESID_PRE, MI_SITE_ROT_K,
                                         MI_SITE_V};
    static const enum mi_site seen = MI_SITE_RESID_POST;

    for (size_t i = 0; i < sizeof(sites) / sizeof(sites[0]); i++) {
        int layer = sites[i] == MI_SITE_EMBED ? -1 : 0;
        struct scene s = {.site = sites[i], .layer = layer, .shot = shots, .n_shots = 1};
        struct mi_cache cache;
        int rc;

        stage(sites[i], layer, NULL, 1, &seen);
        a = shots[0];
        stage(sites[i], layer, change_row_nine, 1, &seen);
        b = shots[0];
        ok(is_equal(&a, &b, 0, 9) && !is_equal(&a, &b, 10, T), "%s at token 9 moves what follows",
           mi_site_info(sites[i])->name);
        memset(&shots[0], 0, sizeof(shots[0]));
        shots[0].site = seen;
        s.change = change_row_nine;
        mi_cache_init(&cache, &m, T);
        rc = play_from(&s, &cache, 0, 13);
        s.change = NULL;
        if (rc == 0)
            rc = play_from(&s, &cache, 13, T);
        ok(rc == 0 && is_equal(&b, &shots[0], 0, T), "the cache holds the edit");
        mi_cache_free(&cache);
    }
}

static void test_refusals(void)
{
    struct scene s = {.site = MI_SITE_Z, .layer = 0, .fails = 1};
    struct mi_error err = {0};
    struct mi_cache cache;
    int32_t bad[] = {0, m.config.dims.d_vocab};
    struct mi_sequence q = {.tokens = bad, .n = 2};
    int rc;

    mi_cache_init(&cache, &m, 2);
    rc = play_from(&s, &cache, 0, 5);
    ok(rc == -MI_EXIT_NO && cache.n == 0, "a hook that fails stops the pass; the cache stays");
    rc = mi_forward(&f, &m, &q, 1, 0, NULL, &err);
    ok(rc == -MI_EXIT_DATA, "a token outside the vocabulary: %s", err.text);
    bad[1] = -1;
    rc = mi_forward(&f, &m, &q, 1, 0, NULL, &err);
    ok(rc == -MI_EXIT_DATA, "a token below 0: %s", err.text);
    q = (struct mi_sequence){.tokens = tokens, .n = 3, .cache = &cache};
    cache.n = m.config.dims.n_ctx - 2;
    cache.n_filled = m.config.dims.n_layers;
    rc = mi_forward(&f, &m, &q, 1, 0, NULL, &err);
    ok(rc == -MI_EXIT_DATA, "beyond the context: %s", err.text);
    cache.n = 0;
    rc = mi_forward(&f, &m, &q, 1, 1, NULL, &err);
    if (rc == 0)
        rc = mi_forward(&f, &m, &q, 1, 2, NULL, &err);
    ok(rc == -MI_EXIT_DATA && cache.n == 3, "more layers than the cache has: %s", err.text);
    q.logit_rows = (const int[]){3};
    q.n_logit_rows = 1;
    q.cache = NULL;
    rc = mi_forward(&f, &m, &q, 1, 0, NULL, &err);
    ok(rc == -MI_EXIT_DATA, "logits of no row: %s", err.text);
    ok(mi_forward(&f, &m, NULL, 0, 0, NULL, &err) == 0, "an empty batch");
    mi_cache_free(&cache);
}

int main(void)
{
    plan(2 * (7 + 3 + 6 + 3 + 8 + 7));
    for (int i = 0; i < T; i++)
        all_rows[i] = i;
    for (int i = 0; i < N_FIXTURES; i++) {
        if (i == 1 || i == 2) /* their blocks are the same code; llama-k has one layer */
            continue;
        open_fixture(&m, fixture_path[i]);
        diag("%s", fixture_path[i]);
        fill_tokens(tokens, T, m.config.dims.d_vocab, 11);
        test_residual();
        test_norms();
        test_attention();
        test_result();
        test_causality();
        test_refusals();
        mi_forward_free(&f);
        mi_model_close(&m);
    }
    return done();
}
