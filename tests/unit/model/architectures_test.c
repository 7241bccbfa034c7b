/* Every row of the table of architectures on a tiny model, against transformers in double
 * precision (fixtures/architectures), and against itself: one prompt alone, through a cache,
 * on threads, from the Hugging Face directory. */
#include "../tap.h"
#include "base/par.h"
#include "fixture.h"
#include "math/rows.h"

#include <dirent.h>
#include <sys/stat.h>

enum { N_PROMPTS = 3, N_TOKENS = 32, N_CASES = 128, MAX_VOCAB = 512 };

static const char folder[] = "fixtures/architectures", goldens[] = "tests/golden/architectures";

struct golden {
    int context;
    double own_error; /* of transformers in single precision */
    int32_t tokens[N_PROMPTS][N_TOKENS];
    FILE *lines; /* at the first of "site layer prompt row n numbers" */
};

static void read_golden(struct golden *g, const char *name)
{
    char path[256];
    int p = 0, t = 0, n = 0;

    snprintf(path, sizeof(path), "%s/%s.txt", goldens, name);
    g->lines = fopen(path, "r");
    if (g->lines)
        n = fscanf(g->lines, "context %d f32 %lf tokens %d %d", &g->context, &g->own_error, &p, &t);
    for (int i = 0; n == 4 && p == N_PROMPTS && t == N_TOKENS && i < p * t; i++)
        if (fscanf(g->lines, "%d", &g->tokens[i / t][i % t]) != 1)
            n = 0;
    if (n != 4) {
        printf("Bail out! %s cannot be read\n", path);
        exit(1);
    }
}

/* What a pass gave: log-probabilities and residual streams of every row, by prompt. */
struct result {
    float *logits; /* [N_PROMPTS, N_TOKENS, V] */
    float *resid;  /* [N_PROMPTS, L, N_TOKENS, D] */
    uint64_t hash; /* of both */
    int first;     /* the prompt that is first in the batch */
    const struct mi_dims *d;
};

static bool wants(void *self, enum mi_site site, int layer)
{
    (void)self, (void)layer;
    return site == MI_SITE_RESID_POST || site == MI_SITE_LOGITS;
}

static int at(void *self, struct mi_view *v, struct mi_error *err)
{
    struct result *r = self;

    (void)err;
    for (int i = 0; i < v->n_rows; i++) {
        int p = r->first + v->row[i].sequence, t = v->row[i].position;
        float *to = v->site == MI_SITE_LOGITS
                        ? r->logits + (int64_t)(p * N_TOKENS + t) * r->d->d_vocab
                        : r->resid + ((int64_t)(p * r->d->n_layers + v->layer) * N_TOKENS + t) *
                                         r->d->d_model;

        memcpy(to, v->x + i * v->ld, (size_t)v->width * sizeof(float));
    }
    return 0;
}

/* Prompts [first, first + n), in pieces of `piece` tokens over caches (0: whole, no cache). */
static void run_some(const struct mi_model *m, const struct golden *g, int first, int n, int piece,
                     struct result *r)
{
    struct mi_forward f = {0};
    struct mi_error err = {0};
    struct mi_hooks hooks = {r, wants, at};
    struct mi_sequence batch[N_PROMPTS];
    struct mi_cache cache[N_PROMPTS];
    int rows[N_TOKENS], step = piece ? piece : N_TOKENS;

    r->first = first;
    for (int t = 0; t < N_TOKENS; t++)
        rows[t] = t;
    for (int i = 0; i < n; i++)
        mi_cache_init(&cache[i], m, N_TOKENS);
    for (int t = 0; t < N_TOKENS; t += step) {
        int len = N_TOKENS - t < step ? N_TOKENS - t : step;

        for (int i = 0; i < n; i++)
            batch[i] = (struct mi_sequence){.tokens = g->tokens[first + i] + t,
                                            .n = len,
                                            .cache = piece ? &cache[i] : NULL,
                                            .logit_rows = rows,
                                            .n_logit_rows = len};
        must(mi_forward(&f, m, batch, n, 0, &hooks, &err), &err);
    }
    for (int i = 0; i < n; i++)
        mi_cache_free(&cache[i]);
    mi_forward_free(&f);
}

enum how { BATCH, ALONE, CACHED, THREADS };

static void run(const struct mi_model *m, const struct golden *g, enum how how, struct result *r)
{
    const struct mi_dims *d = &m->config.dims;
    size_t n = (size_t)N_PROMPTS * N_TOKENS * sizeof(float);
    size_t n_logits = n * (size_t)d->d_vocab, n_resid = n * (size_t)(d->n_layers * d->d_model);

    *r = (struct result){.logits = mi_alloc(n_logits), .resid = mi_alloc(n_resid), .d = d};
    mi_par_set(how == THREADS ? 3 : 1);
    for (int p = 0; how == ALONE && p < N_PROMPTS; p++)
        run_some(m, g, p, 1, 0, r);
    if (how != ALONE)
        run_some(m, g, 0, N_PROMPTS, how == CACHED ? 5 : 0, r);
    mi_par_set(1);
    r->hash = mi_hash_u64(r->logits, n_logits, mi_hash_u64(r->resid, n_resid, 1));
}

static void free_result(struct result *r)
{
    mi_free(r->logits);
    mi_free(r->resid);
}

/* The largest error of log-probabilities, and of residual streams the largest relative to
 * the row's length; NAN where a line of the golden file does not fit. */
static void compare(const struct golden *g, const struct result *r, double *logp, double *resid)
{
    char site[16];
    int layer, p, row, n;

    *logp = *resid = 0;
    while (fscanf(g->lines, "%15s %d %d %d %d", site, &layer, &p, &row, &n) == 5) {
        bool is_resid = strcmp(site, "resid_post") == 0, is_next = strcmp(site, "next") == 0;
        int64_t V = r->d->d_vocab, D = r->d->d_model;
        double size = 0, error = 0, x = 0;

        if (p >= N_PROMPTS || row >= N_TOKENS || layer >= r->d->n_layers || V > MAX_VOCAB ||
            n != (is_resid  ? D
                  : is_next ? N_TOKENS - 1
                            : V)) {
            *logp = (double)NAN;
            return;
        }
        for (int i = 0; i < n && fscanf(g->lines, "%lf", &x) == 1; i++) {
            const float *y = r->logits + (int64_t)(p * N_TOKENS + (is_next ? i : row)) * V;
            double got;

            if (is_resid)
                got =
                    (double)
                        r->resid[((int64_t)(p * r->d->n_layers + layer) * N_TOKENS + row) * D + i];
            else
                got = (double)y[is_next ? g->tokens[p][i + 1] : i] - mi_log_normalizer(y, V);
            error += (got - x) * (got - x);
            size += x * x;
            if (!is_resid && !(fabs(got - x) <= *logp))
                *logp = fabs(got - x);
        }
        if (is_resid && !(sqrt(error / size) <= *resid))
            *resid = sqrt(error / size);
    }
}

static void test_itself(const struct mi_model *m, const struct golden *g, const char *name,
                        uint64_t hash)
{
    static const char *const said[] = {[ALONE] = "one prompt alone",
                                       [CACHED] = "through a cache, five tokens at a time",
                                       [THREADS] = "on three threads"};

    for (enum how how = ALONE; how <= THREADS; how++) {
        struct result r;

        run(m, g, how, &r);
        ok(r.hash == hash, "%s: the same bits %s", name, said[how]);
        free_result(&r);
    }
}

static void open_model(struct mi_model *m, const char *name, const char *end, int context)
{
    struct mi_error err = {0};
    char path[256];

    snprintf(path, sizeof(path), "%s/%s%s", folder, name, end);
    open_fixture(m, path);
    if (context)
        must(mi_model_set_context(m, context, &err), &err);
}

static void test_model(const char *name)
{
    struct golden g;
    struct mi_model m;
    struct result r;
    double logp, resid;
    uint64_t hash;

    read_golden(&g, name);
    open_model(&m, name, ".gguf", g.context);
    run(&m, &g, BATCH, &r);
    compare(&g, &r, &logp, &resid);
    ok(logp <= 5e-5, "%s: log-probabilities are transformers' (%.2g; its own in f32 %.2g)", name,
       logp, g.own_error);
    ok(resid <= 1e-5, "%s: residual streams are transformers' (%.2g)", name, resid);
    hash = r.hash;
    free_result(&r);
    test_itself(&m, &g, name, hash);
    mi_model_close(&m);
    open_model(&m, name, "", g.context);
    run(&m, &g, BATCH, &r);
    ok(r.hash == hash, "%s: the same bits from the Hugging Face directory", name);
    free_result(&r);
    mi_model_close(&m);
    fclose(g.lines);
}

static int compare_text(const void *a, const void *b)
{
    return strcmp(a, b);
}

int main(int argc, char **argv)
{
    static char names[N_CASES][64];
    DIR *d = opendir(goldens);
    struct dirent *entry;
    int n = 0;

    while (d && argc < 2 && (entry = readdir(d)) != NULL) {
        size_t len = strlen(entry->d_name);

        if (len > 4 && len < 64 && n < N_CASES && strcmp(entry->d_name + len - 4, ".txt") == 0)
            memcpy(names[n++], entry->d_name, len - 4);
    }
    if (d)
        closedir(d);
    for (; n + 1 < argc && n < N_CASES; n++) /* by name, to look at one */
        snprintf(names[n], sizeof(names[n]), "%s", argv[n + 1]);
    qsort(names, (size_t)n, sizeof(names[0]), compare_text);
    plan(6 * n + (argc < 2));
    if (argc < 2)
        ok(n > 0, "there are goldens (%d)", n);
    for (int i = 0; i < n; i++)
        test_model(names[i]);
    return done();
}
