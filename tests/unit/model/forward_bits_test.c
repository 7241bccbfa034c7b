/* The bits of a row depend on its own sequence only: not on the batch, its order, how the
 * sequence was cut over a cache, who listens, threads or the instruction set. */
#include "../tap.h"
#include "base/cpu.h"
#include "base/par.h"
#include "fixture.h"

static struct mi_model m;
static struct mi_forward f;
static int32_t tokens[MAX_SEQUENCES][MAX_TOKENS];
static const int length[MAX_SEQUENCES] = {37, 5, 20};
static struct memory reference, again;

static int all_rows[MAX_TOKENS];

static struct mi_sequence whole(int i)
{
    return (struct mi_sequence){
        .tokens = tokens[i], .n = length[i], .logit_rows = all_rows, .n_logit_rows = length[i]};
}

static void run(const struct mi_sequence *batch, int n, struct watcher *w)
{
    struct mi_hooks hooks = hooks_of(w);
    struct mi_error err = {0};

    must(mi_forward(&f, &m, batch, n, 0, &hooks, &err), &err);
}

static bool is_same_position(int i, int t, bool only_seen)
{
    for (int l = 0; l <= MAX_LAYERS; l++)
        for (int s = 0; s < MI_SITES; s++)
            if ((again.seen[i][l][s][t] || !only_seen) &&
                again.seen[i][l][s][t] != reference.seen[i][l][s][t]) {
                diag("sequence %d layer %d %s position %d", i, l,
                     mi_site_info((enum mi_site)s)->name, t);
                return false;
            }
    return true;
}

/* Is what was seen again the same (of what was seen at all)? */
static bool is_same(bool only_seen)
{
    int n_seen = 0;

    for (int i = 0; i < MAX_SEQUENCES; i++)
        for (int t = 0; t < MAX_TOKENS; t++) {
            if (!is_same_position(i, t, only_seen))
                return false;
            n_seen += again.seen[i][MAX_LAYERS][MI_SITE_LOGITS][t] != 0;
        }
    return n_seen > 0;
}

static struct watcher watch_all(void)
{
    struct watcher w = {.memory = &again, .name = {0, 1, 2}};

    memset(&again, 0, sizeof(again));
    want_all(&w);
    return w;
}

/* Each sequence alone, every site open: what all else is compared with. */
static void run_alone(void)
{
    struct watcher w = watch_all();

    for (int i = 0; i < MAX_SEQUENCES; i++) {
        struct mi_sequence q = whole(i);

        w.name[0] = i;
        run(&q, 1, &w);
    }
}

static void test_batches(void)
{
    static const int order[][MAX_SEQUENCES] = {{0, 1, 2}, {2, 0, 1}, {1, 2, 0}};

    for (size_t o = 0; o < sizeof(order) / sizeof(order[0]); o++) {
        struct watcher w = watch_all();
        struct mi_sequence batch[MAX_SEQUENCES];

        for (int i = 0; i < MAX_SEQUENCES; i++) {
            batch[i] = whole(order[o][i]);
            w.name[i] = order[o][i];
        }
        run(batch, MAX_SEQUENCES, &w);
        ok(is_same(false), "together, in order %d %d %d", order[o][0], order[o][1], order[o][2]);
    }
}

static void test_threads_and_isas(void)
{
    static const int threads[] = {1, 2, 3, 7};
    static const char *const isa[] = {"portable", "avx2", "avx512"};

    for (size_t i = 0; i < sizeof(threads) / sizeof(threads[0]); i++) {
        mi_par_set(threads[i]);
        run_alone();
        ok(is_same(false), "on %d threads", threads[i]);
    }
    mi_par_set(0);
    for (size_t i = 0; i < sizeof(isa) / sizeof(isa[0]); i++) {
        if (mi_cpu_set_isa(isa[i]) < 0) {
            skip("this processor has no %s", isa[i]);
            continue;
        }
        run_alone();
        ok(is_same(false), "with %s", isa[i]);
    }
    mi_cpu_set_isa(mi_isa_name(mi_cpu_best()));
}

/* Sequence 0 over a cache, in pieces; n_pieces lengths, repeated. */
static void run_pieces(struct watcher *w, const int *piece, int n_pieces)
{
    struct mi_cache cache;

    mi_cache_init(&cache, &m, 4);
    for (int at = 0, i = 0; at < length[0]; i++) {
        int n = piece[i % n_pieces] < length[0] - at ? piece[i % n_pieces] : length[0] - at;
        struct mi_sequence q = {.tokens = tokens[0] + at,
                                .n = n,
                                .cache = &cache,
                                .logit_rows = all_rows,
                                .n_logit_rows = n};

        run(&q, 1, w);
        at += n;
    }
    mi_cache_free(&cache);
}

static void test_caches(void)
{
    static const int pieces[][3] = {{1, 1, 1}, {16, 16, 16}, {3, 17, 17}, {36, 1, 1}, {40, 1, 1}};
    int n_same = 0;

    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        struct watcher w = watch_all();

        run_pieces(&w, pieces[i], 3);
        ok(is_same(true), "over a cache, in pieces of %d %d %d", pieces[i][0], pieces[i][1],
           pieces[i][2]);
    }
    for (int cut = 1; cut < length[0]; cut++) {
        struct watcher w = {.memory = &again};
        int two[] = {cut, length[0] - cut};

        memset(&again, 0, sizeof(again));
        w.wants[MI_SITE_LOGITS] = true;
        run_pieces(&w, two, 2);
        n_same += is_same(true);
    }
    ok(n_same == length[0] - 1, "over a cache, cut in two at every place");
}

/* Two branches of one prefix, copied and cut back, in one batch with a sequence without cache. */
static void test_branches(void)
{
    struct mi_cache a, b;
    struct watcher w = {.memory = &again};
    struct mi_sequence batch[MAX_SEQUENCES], prefix = {.tokens = tokens[0], .n = 25, .cache = &a};

    memset(&again, 0, sizeof(again));
    mi_cache_init(&a, &m, 0);
    mi_cache_init(&b, &m, 0);
    run(&prefix, 1, &w);
    mi_cache_copy(&b, &a, 18);
    mi_cache_truncate(&a, 11);
    want_all(&w);
    for (int i = 0; i < MAX_SEQUENCES; i++) {
        int past = i == 0 ? 11 : i == 1 ? 18 : 0, of = i == 2 ? 2 : 0;

        batch[i] = (struct mi_sequence){.tokens = tokens[of] + past,
                                        .n = length[of] - past,
                                        .cache = i == 0   ? &a
                                                 : i == 1 ? &b
                                                          : NULL,
                                        .logit_rows = all_rows,
                                        .n_logit_rows = length[of] - past};
        w.name[i] = of;
    }
    run(batch, MAX_SEQUENCES, &w);
    ok(is_same(true) && a.n == length[0] && b.n == length[0], "branches of a copied cache");
    mi_cache_free(&a);
    mi_cache_free(&b);
}

/* Who listens changes nothing: only logits, of the last row or of scattered rows. */
static void test_listeners(void)
{
    static const int some[][3] = {{36, 0, 0}, {3, 4, 36}, {20, 3, 3}};
    static const enum mi_site sites[] = {MI_SITE_K,      MI_SITE_Q,       MI_SITE_PATTERN,
                                         MI_SITE_RESULT, MI_SITE_MLP_OUT, MI_SITE_ATTN_SCORES};

    for (size_t i = 0; i < sizeof(some) / sizeof(some[0]); i++) {
        struct watcher w = {.memory = &again, .name = {0, 1, 2}};
        struct mi_sequence batch[] = {whole(0), whole(2)};

        memset(&again, 0, sizeof(again));
        w.wants[MI_SITE_LOGITS] = w.wants[MI_SITE_LN_FINAL_NORMALIZED] = true;
        batch[0].logit_rows = some[i];
        batch[0].n_logit_rows = i == 0 ? 1 : 3;
        batch[1].n_logit_rows = 0;
        run(batch, 2, &w);
        ok(is_same(true), "only logits of rows %d %d %d", some[i][0], some[i][1], some[i][2]);
    }
    for (size_t i = 0; i < sizeof(sites) / sizeof(sites[0]); i++) {
        struct watcher w = {.memory = &again};
        struct mi_sequence q = whole(0);

        memset(&again, 0, sizeof(again));
        w.wants[MI_SITE_LOGITS] = w.wants[sites[i]] = true;
        q.logit_rows = some[0];
        q.n_logit_rows = 1;
        run(&q, 1, &w);
        ok(is_same(true) && again.seen[0][0][sites[i]][30] != 0, "with a listener on %s",
           mi_site_info(sites[i])->name);
    }
}

static int write_back(struct watcher *w, struct mi_view *v, struct mi_error *err)
{
    (void)w;
    (void)err;
    v->is_written = true;
    return 0;
}

static void test_same_value(void)
{
    struct watcher w = watch_all();
    struct mi_sequence batch[] = {whole(0), whole(1), whole(2)};

    w.edit = write_back;
    run(batch, MAX_SEQUENCES, &w);
    ok(is_same(false), "writing the value that is there");
}

/* A site alone, without logits: the pass stops after it. */
static void test_early_stop(void)
{
    int n_layers = m.config.dims.n_layers, n_same = 0;

    for (int s = MI_SITE_RESID_PRE; s <= MI_SITE_RESID_POST; s++) {
        struct watcher w = {.memory = &again};
        struct mi_hooks hooks = hooks_of(&w);
        struct mi_sequence q = whole(0);
        struct mi_error err = {0};

        memset(&again, 0, sizeof(again));
        w.wants[s] = true;
        must(mi_forward(&f, &m, &q, 1, n_layers, &hooks, &err), &err);
        n_same += again.seen[0][n_layers - 1][s][36] == reference.seen[0][n_layers - 1][s][36];
    }
    ok(n_same == MI_SITE_RESID_POST - MI_SITE_RESID_PRE + 1, "each site alone, without logits");
}

int main(void)
{
    plan(N_FIXTURES * 28);
    for (int t = 0; t < MAX_TOKENS; t++)
        all_rows[t] = t;
    for (int i = 0; i < N_FIXTURES; i++) {
        open_fixture(&m, fixture_path[i]);
        diag("%s", fixture_path[i]);
        for (int q = 0; q < MAX_SEQUENCES; q++)
            fill_tokens(tokens[q], length[q], m.config.dims.d_vocab, (unsigned)q + 1);
        run_alone();
        reference = again;
        test_batches();
        test_threads_and_isas();
        test_caches();
        test_branches();
        test_listeners();
        test_same_value();
        test_early_stop();
        mi_forward_free(&f);
        mi_model_close(&m);
    }
    return done();
}
