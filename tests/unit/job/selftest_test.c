/* The self-test passes on a sound engine, and each of its checks fails, alone, when the part
 * that it looks at is broken. */
#include "../tap.h"

#include "base/mem.h"
#include "base/par.h"
#include "base/progress.h"
#include "job/selftest.h"

#include <string.h>

/* What is wrong with the engine. */
static enum fault {
    NONE,
    SKIPS_A_SITE,
    NOT_FINITE,
    CACHE_DRIFTS,
    BATCH_LEAKS,
    THREADS_RACE,
    LOGITS_REMEMBER,
    STREAM_DRIFTS,
    WRITING_CHANGES,
} fault;

/* Hooks around those of the self-test. */
struct broken {
    const struct mi_hooks *inner;
    const struct mi_sequence *batch;
    int n_sequences;
};

static bool wants(void *self, enum mi_site site, int layer)
{
    const struct broken *b = self;

    return site == MI_SITE_LOGITS || b->inner->wants(b->inner->self, site, layer) ||
           (fault == STREAM_DRIFTS && site == MI_SITE_MLP_OUT);
}

static void nudge(float *x)
{
    uint32_t u;

    memcpy(&u, x, sizeof u);
    u ^= 1; /* the last bit */
    memcpy(x, &u, sizeof u);
}

static int at(void *self, struct mi_view *v, struct mi_error *err)
{
    const struct broken *b = self;
    float was = 0;
    int r = 0;

    if (v->site == MI_SITE_LOGITS) {
        if ((fault == CACHE_DRIFTS && b->batch[0].cache && v->row[0].position > 0) ||
            (fault == BATCH_LEAKS && b->n_sequences > 1) ||
            (fault == THREADS_RACE && mi_par_threads() == 3))
            for (int i = 0; i < v->n_rows; i++)
                nudge(v->x + i * v->ld + 7);
        for (int i = 0; i < v->n_rows && fault == LOGITS_REMEMBER; i++)
            v->x[i * v->ld] += (float)b->batch[v->row[i].sequence].tokens[v->row[i].index];
    }
    if (fault == NOT_FINITE && v->site == MI_SITE_Z && v->layer == 1) {
        was = v->x[3];
        v->x[3] = (float)HUGE_VAL;
    }
    if (fault == SKIPS_A_SITE && v->site == MI_SITE_Z && v->layer == 1)
        return 0;
    if (b->inner->wants(b->inner->self, v->site, v->layer))
        r = b->inner->at(b->inner->self, v, err);
    if (fault == NOT_FINITE && v->site == MI_SITE_Z && v->layer == 1)
        v->x[3] = was;
    for (int i = 0; i < v->n_rows && fault == STREAM_DRIFTS && v->site == MI_SITE_MLP_OUT; i++)
        v->x[i * v->ld + 5] += 1e-4f; /* more is added than was shown */
    if (fault == WRITING_CHANGES && v->site == MI_SITE_Z && v->is_written)
        nudge(v->x);
    return r;
}

static int broken_forward(struct mi_forward *f, const struct mi_model *m,
                          const struct mi_sequence *batch, int n_sequences, int n_layers,
                          const struct mi_hooks *hooks, struct mi_error *err)
{
    struct broken b = {hooks, batch, n_sequences};
    const struct mi_hooks around = {&b, wants, at};

    return mi_forward(f, m, batch, n_sequences, n_layers, &around, err);
}

static int failing_forward(struct mi_forward *f, const struct mi_model *m,
                           const struct mi_sequence *batch, int n_sequences, int n_layers,
                           const struct mi_hooks *hooks, struct mi_error *err)
{
    (void)f, (void)m, (void)batch, (void)n_sequences, (void)n_layers, (void)hooks;
    return mi_fail(err, MI_EXIT_DATA, "no such model");
}

static void broken_decode(const struct mi_tokenizer *t, const int32_t *ids, size_t n,
                          struct mi_buf *out)
{
    for (size_t i = n; i-- > 0;) { /* the last first */
        struct mi_bytes piece = mi_tokenizer_piece(t, ids[i]);
        mi_buf_add(out, piece.at, piece.len);
    }
}

/* A sanitizer keeps what was freed, so that its peak says nothing. */
static int64_t sound_peak(void)
{
#ifdef __SANITIZE_ADDRESS__
    return 0;
#else
    return mi_peak_bytes();
#endif
}

static int64_t broken_peak(void)
{
    return (int64_t)1 << 40;
}

struct seen {
    int n, n_failed;
    char failed[64], text[200];
};

static void put(void *self, const struct mi_selftest_check *check)
{
    struct seen *seen = self;

    seen->n++;
    if (check->is_passed)
        return;
    seen->n_failed++;
    snprintf(seen->failed, sizeof seen->failed, "%s", check->name);
    snprintf(seen->text, sizeof seen->text, "%s", check->text);
}

/* With this fault, the check of that name fails, and no other. */
static void expect(struct mi_session *s, enum fault f, struct mi_selftest_parts parts,
                   const char *name)
{
    struct seen seen = {0};
    struct mi_error err = {0};
    int r;

    fault = f;
    parts.forward = broken_forward;
    parts.peak = parts.peak ? parts.peak : sound_peak;
    r = mi_selftest(s, &parts, put, &seen, &err);
    if (!ok(r == (name ? 1 : 0) && seen.n == MI_SELFTEST_CHECKS && seen.n_failed == r &&
                (!name || strcmp(seen.failed, name) == 0),
            name ? "%s fails, and nothing else" : "%s", name ? name : "a sound engine passes"))
        diag("%d failed, the last: '%s': %s", r, seen.failed, seen.text);
    else if (name)
        diag("%s", seen.text);
}

static void test_faults(const char *path)
{
    const struct mi_session_options o = {.model = path};
    const struct mi_selftest_parts sound = {.peak = sound_peak};
    struct mi_session s = {0};
    struct mi_error err = {0};
    struct seen seen = {0};
    bool has_threads;

    if (!ok(mi_session_open(&s, &o, &err) == 0, "%s opens", path)) {
        diag("%s", err.text);
        return;
    }
    ok(mi_selftest(&s, &sound, put, &seen, &err) == 0 && seen.n == MI_SELFTEST_CHECKS, "%s passes",
       path);
    mi_par_set(3);
    has_threads = mi_par_threads() == 3; /* not where OpenMP was left out */
    mi_par_set(2);
    expect(&s, NONE, sound, NULL);
    expect(&s, NONE, (struct mi_selftest_parts){.decode = broken_decode}, "tokens");
    expect(&s, SKIPS_A_SITE, sound, "sites");
    expect(&s, NOT_FINITE, sound, "sites");
    expect(&s, CACHE_DRIFTS, sound, "cache");
    expect(&s, BATCH_LEAKS, sound, "batch");
    if (has_threads)
        expect(&s, THREADS_RACE, sound, "threads");
    expect(&s, LOGITS_REMEMBER, sound, "lens");
    expect(&s, STREAM_DRIFTS, sound, "decomposition");
    expect(&s, WRITING_CHANGES, sound, "patch");
    expect(&s, NONE, (struct mi_selftest_parts){.peak = broken_peak}, "memory");
    ok(!has_threads || mi_par_threads() == 2, "the number of threads is what it was");
    ok(mi_selftest(&s, &(struct mi_selftest_parts){.forward = failing_forward}, put, &seen, &err) <
               0 &&
           err.code == MI_EXIT_DATA,
       "a model that does not run is an error, not a check that failed");
    mi_session_close(&s);
}

int main(void)
{
    test_faults("fixtures/tiny/qwen2-f16.gguf");
    test_faults("fixtures/tiny/llama-mixed.gguf");
    return done();
}
