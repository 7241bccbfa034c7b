/* Work that sequences share changes no bit: positions computed by another sequence of the
 * batch or kept in a cache that many read, a pass joined in the middle, logits of a few tokens. */
#include "../tap.h"
#include "base/cpu.h"
#include "fixture.h"

static struct mi_model m;
static struct mi_forward f;
/* The second agrees with the first up to 17, the third with the second up to 29. */
static int32_t tokens[MAX_SEQUENCES][MAX_TOKENS];
static const int length[MAX_SEQUENCES] = {37, 31, 40}, shared[MAX_SEQUENCES] = {0, 17, 29};
static struct memory reference, again;
static int all_rows[MAX_TOKENS];
static float *stream; /* [MAX_LAYERS, MAX_TOKENS, D] resid_pre of sequence 2 */
static float *row_logits;

static struct mi_sequence part(int i, int from)
{
    return (struct mi_sequence){.tokens = tokens[i] + from,
                                .n = length[i] - from,
                                .logit_rows = all_rows,
                                .n_logit_rows = length[i] - from};
}

static void run(const struct mi_sequence *batch, int n, struct watcher *w)
{
    struct mi_hooks hooks = hooks_of(w);
    struct mi_error err = {0};

    must(mi_forward(&f, &m, batch, n, 0, &hooks, &err), &err);
}

/* Is what was seen again (n_seen values at least) what was seen alone? */
static bool is_same(int n_least)
{
    const uint64_t *a = &again.seen[0][0][0][0], *r = &reference.seen[0][0][0][0];
    int n = 0;

    for (size_t i = 0; i < sizeof(again.seen) / sizeof(uint64_t); i++) {
        n += a[i] != 0;
        if (a[i] && a[i] != r[i])
            return false;
    }
    return n >= n_least;
}

static int keep_stream(struct watcher *w, struct mi_view *v, struct mi_error *err)
{
    (void)w;
    (void)err;
    if (v->site == MI_SITE_RESID_PRE)
        for (int r = 0; r < v->n_rows; r++)
            memcpy(stream + (v->layer * MAX_TOKENS + v->row[r].position) * v->width,
                   v->x + r * v->ld, (size_t)v->width * sizeof(float));
    return 0;
}

static struct watcher watch(bool all)
{
    struct watcher w = {.memory = &again, .name = {0, 1, 2}};

    memset(&again, 0, sizeof(again));
    w.wants[MI_SITE_LOGITS] = w.wants[MI_SITE_RESID_POST] = true;
    if (all)
        want_all(&w);
    return w;
}

static void run_alone(void)
{
    struct watcher w = watch(true);

    w.edit = keep_stream;
    for (int i = 0; i < MAX_SEQUENCES; i++) {
        struct mi_sequence q = part(i, 0);

        w.name[0] = i;
        run(&q, 1, &w);
    }
    reference = again;
}

static void test_before(bool all)
{
    for (int n_past = 5; n_past <= shared[2]; n_past += 12) {
        struct watcher w = watch(all);
        struct mi_sequence batch[] = {part(0, 0), part(1, shared[1]), part(2, n_past)};

        batch[1].before = &batch[0];
        batch[1].n_past = shared[1];
        batch[2].before = &batch[1];
        batch[2].n_past = n_past;
        run(batch, 3, &w);
        ok(is_same(100), "a chain of prefixes, the last %d long%s", n_past,
           all ? ", every site seen" : "");
    }
}

static void test_past(bool all)
{
    struct mi_cache cache;
    struct watcher w = watch(all);
    struct mi_sequence batch[3], first = part(2, 0);

    mi_cache_init(&cache, &m, 0);
    first.cache = &cache;
    run(&first, 1, &w);
    w = watch(all);
    for (int i = 0; i < 3; i++) {
        int n_past = i == 0 ? 39 : i == 1 ? 1 : 20;

        batch[i] = part(2, n_past);
        batch[i].past = &cache;
        batch[i].n_past = n_past;
        w.name[i] = 2;
    }
    run(batch, 3, &w);
    ok(is_same(30) && cache.n == length[2], "three over one cache%s", all ? ", every site" : "");
    mi_cache_free(&cache);
}

/* Late sequences read past positions of the whole run; theirs of blocks before are unknown. */
static void test_join(bool all)
{
    int last = m.config.dims.n_layers - 1, d = m.config.dims.d_model;
    struct mi_cache cache;
    struct watcher w = watch(all);
    struct mi_sequence batch[3], first = part(2, 0);

    mi_cache_init(&cache, &m, 0);
    first.cache = &cache;
    run(&first, 1, &w);
    w = watch(all);
    for (int i = 0; i < 3; i++) {
        int n_past = i == 0 ? 0 : i == 1 ? 38 : 12, layer = i == 0 ? 0 : last;

        batch[i] = part(2, n_past);
        batch[i].past = n_past ? &cache : NULL;
        batch[i].n_past = n_past;
        batch[i].first_layer = layer;
        batch[i].resid = layer ? stream + (layer * MAX_TOKENS + n_past) * d : NULL;
        w.name[i] = 2;
    }
    run(batch, 3, &w);
    ok(is_same(40), "joined in the middle%s", all ? ", every site" : "");
    w = watch(false);
    memset(&again, 0, sizeof(again));
    w.wants[MI_SITE_RESID_POST] = false;
    w.name[0] = 2;
    batch[1].n_logit_rows = 1;
    run(batch + 1, 1, &w);
    ok(is_same(1), "nobody from the beginning, one row of logits");
    mi_cache_free(&cache);
}

static int keep_logits(struct watcher *w, struct mi_view *v, struct mi_error *err)
{
    (void)w;
    (void)err;
    if (v->site == MI_SITE_LOGITS)
        memcpy(row_logits, v->x, (size_t)v->width * sizeof(float));
    return 0;
}

static void test_few_logits(void)
{
    static const int32_t ids[] = {5, 0, 7};
    struct watcher w = watch(false);
    struct mi_sequence q = part(0, 0);
    float all[3];
    int last = length[0] - 1;

    w.edit = keep_logits;
    q.logit_rows = &last;
    q.n_logit_rows = 1;
    run(&q, 1, &w);
    for (int i = 0; i < 3; i++)
        all[i] = row_logits[ids[i]];
    q.logit_ids = ids;
    q.n_logit_ids = 3;
    run(&q, 1, &w);
    ok(memcmp(all, row_logits, sizeof(all)) == 0, "logits of three tokens");
}

static void test_refused(void)
{
    struct mi_error err = {0};
    struct mi_sequence batch[] = {part(0, 0), part(1, 17)};

    batch[1].before = &batch[0];
    batch[1].n_past = length[0] + 1;
    ok(mi_forward(&f, &m, batch, 2, 0, NULL, &err) == -MI_EXIT_DATA, "a past that is not there");
    batch[1].before = NULL;
    batch[1].n_past = 0;
    batch[0].first_layer = 1;
    batch[0].resid = stream;
    ok(mi_forward(&f, &m, batch, 2, 0, NULL, &err) == -MI_EXIT_DATA, "layers out of order");
}

static void test_all(void)
{
    for (int all = 0; all < 2; all++) {
        test_before(all);
        test_past(all);
        test_join(all);
    }
    test_few_logits();
}

int main(void)
{
    plan(N_FIXTURES * (2 * 13 + 2));
    for (int t = 0; t < MAX_TOKENS; t++)
        all_rows[t] = t;
    for (int i = 0; i < N_FIXTURES; i++) {
        open_fixture(&m, fixture_path[i]);
        diag("%s", fixture_path[i]);
        stream = mi_alloc_zero((size_t)MAX_LAYERS * MAX_TOKENS, (size_t)m.config.dims.d_model * 4);
        row_logits = mi_alloc_zero((size_t)m.config.dims.d_vocab, sizeof(float));
        for (int q = 0; q < MAX_SEQUENCES; q++) {
            fill_tokens(tokens[q], length[q], m.config.dims.d_vocab, (unsigned)q + 1);
            if (q)
                memcpy(tokens[q], tokens[q - 1], (size_t)shared[q] * sizeof(int32_t));
        }
        run_alone();
        test_all();
        mi_cpu_set_isa("portable");
        test_all();
        mi_cpu_set_isa(mi_isa_name(mi_cpu_best()));
        test_refused();
        mi_forward_free(&f);
        mi_model_close(&m);
        mi_free(stream);
        mi_free(row_logits);
    }
    return done();
}
