/* forward: how near a pass over a real model comes to its bare matrix products.
 *
 *     build/release/bench/forward [-j threads] [-i isa] [-n tokens] [MODEL.gguf]
 *
 * Capture (resid_post of every layer, no logits) of packed prompts, as % of the rate of the
 * same matrix products alone on as many rows, measured right before; attention's products are
 * not counted, so long sequences show their cost. Then single tokens over a cache, logits
 * included. With -n: the seconds of one whole pass of so many tokens, logits of the last one,
 * and nothing else. One thread is timed by its own processor time, several by the clock on the
 * wall. */
#include "model/forward.h"
#include "base/cpu.h"
#include "base/par.h"
#include "math/linear.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "peak.h"

enum { MAX_ROWS = 1024, REPEATS = 3, N_DECODE = 32 };

static int32_t tokens[MAX_ROWS];
static float *kept; /* [MAX_ROWS, D] what the hook copies */

struct listener {
    enum mi_site site;
};

static bool wants(void *self, enum mi_site site, int layer)
{
    (void)layer;
    return ((struct listener *)self)->site == site;
}

static int copy(void *self, struct mi_view *v, struct mi_error *err)
{
    (void)self;
    (void)err;
    if (v->site != MI_SITE_LOGITS)
        memcpy(kept, v->x, (size_t)v->n_rows * (size_t)v->width * sizeof(float));
    return 0;
}

static void pass(struct mi_forward *f, const struct mi_model *m, const struct mi_sequence *q, int n,
                 enum mi_site site)
{
    struct listener l = {site};
    struct mi_hooks hooks = {&l, wants, copy};
    struct mi_error err = {0};

    if (mi_forward(f, m, q, n, 0, &hooks, &err) < 0) {
        fprintf(stderr, "forward: %s\n", err.text);
        exit(3);
    }
}

/* Seconds of the blocks' matrix products on n_rows rows of X. */
static double time_products(const struct mi_model *m, int n_rows, float *Y, const float *X)
{
    double start = peak_clock();

    for (int l = 0; l < m->config.dims.n_layers; l++) {
        const struct mi_block *b = &m->block[l];
        const struct mi_matrix *w[] = {&b->q, &b->k, &b->v, &b->o, &b->gate, &b->up, &b->down};

        for (size_t i = 0; i < sizeof(w) / sizeof(w[0]); i++)
            mi_linear(Y, w[i]->n, X, w[i]->k, n_rows, w[i], NULL);
    }
    return peak_clock() - start;
}

static void bench_capture(struct mi_forward *f, const struct mi_model *m, int n, int length)
{
    static const struct mi_sequence none;
    const struct mi_dims *d = &m->config.dims;
    size_t widest = (size_t)(d->d_mlp > d->n_heads * d->d_head ? d->d_mlp : d->n_heads * d->d_head);
    float *x = calloc((size_t)(n * length) * (widest + (size_t)d->d_model), sizeof(float));
    float *y = malloc((size_t)(n * length) * (widest + (size_t)d->d_model) * sizeof(float));
    double products = 1e9, whole = 1e9;
    double flops = mi_model_flops_per_token(m, 0, d->n_layers) * n * length;
    struct mi_sequence q[MAX_ROWS / 16] = {none};

    for (int i = 0; i < n; i++)
        q[i] = (struct mi_sequence){.tokens = tokens + i, .n = length};
    for (int i = 0; i <= REPEATS && x && y; i++) { /* the first one warms up */
        double start, t = time_products(m, n * length, y, x);

        products = i && t < products ? t : products;
        start = peak_clock();
        pass(f, m, q, n, MI_SITE_RESID_POST);
        t = peak_clock() - start;
        whole = i && t < whole ? t : whole;
    }
    printf("capture %3d x %4d tokens: %7.0f tok/s, %6.1f GFLOP/s, %3.0f %% of the products alone\n",
           n, length, n * length / whole, flops / whole * 1e-9, 100 * products / whole);
    free(x);
    free(y);
}

static void bench_decode(struct mi_forward *f, const struct mi_model *m)
{
    const int row = 0;
    struct mi_cache cache;
    struct mi_sequence q = {
        .tokens = tokens, .n = 16, .cache = &cache, .logit_rows = &row, .n_logit_rows = 1};
    double start;

    mi_cache_init(&cache, m, 16 + N_DECODE);
    pass(f, m, &q, 1, MI_SITE_LOGITS);
    q.n = 1;
    start = peak_clock();
    for (int i = 0; i < N_DECODE; i++)
        pass(f, m, &q, 1, MI_SITE_LOGITS);
    printf("single tokens over a cache: %.1f tok/s\n", N_DECODE / (peak_clock() - start));
    mi_cache_free(&cache);
}

/* What a sweep of one variant a call pays for each. */
static void bench_one(struct mi_forward *f, const struct mi_model *m, int n)
{
    const int row = n - 1;
    struct mi_sequence q = {.tokens = tokens, .n = n, .logit_rows = &row, .n_logit_rows = 1};
    double best = 1e9;

    for (int i = 0; i < 12; i++) {
        double start = peak_clock(), t;

        pass(f, m, &q, 1, MI_SITE_LOGITS);
        t = peak_clock() - start;
        best = t < best ? t : best;
    }
    printf("%.6f\n", best);
}

int main(int argc, char **argv)
{
    static const int shape[][2] = {{16, 32}, {4, 128}, {1, 512}, {32, 32}, {8, 128}, {1, 1024}};
    const char *isa = mi_isa_name(mi_cpu_best()), *path = "models/smollm2.gguf";
    int option, threads = 1, n_one = 0;
    struct mi_model m;
    struct mi_forward f = {0};
    struct mi_error err = {0};

    while ((option = getopt(argc, argv, "j:i:n:")) != -1)
        switch (option) {
        case 'j': threads = atoi(optarg); break;
        case 'i': isa = optarg; break;
        case 'n': n_one = atoi(optarg); break;
        default: return 2;
        }
    if (optind < argc)
        path = argv[optind];
    if (mi_cpu_set_isa(isa) != 0 || threads < 1 || threads > MI_PAR_MAX)
        return 2;
    mi_par_set(threads);
    if (threads > 1)
        peak_clock_id = CLOCK_MONOTONIC;
    if (mi_model_open(&m, path, &err) < 0) {
        fprintf(stderr, "forward: %s\n", err.text);
        return 3;
    }
    for (int i = 0; i < MAX_ROWS; i++)
        tokens[i] = i * 7919 % m.config.dims.d_vocab;
    kept = malloc((size_t)MAX_ROWS * (size_t)m.config.dims.d_model * sizeof(float));
    if (n_one > 0 && n_one <= MAX_ROWS && kept) {
        bench_one(&f, &m, n_one);
        n_one = -1;
    }
    if (n_one == 0)
        printf("# %s, %s, %d thread%s\n", path, isa, threads, threads > 1 ? "s" : "");
    for (size_t i = 0; i < sizeof(shape) / sizeof(shape[0]) && kept && n_one == 0; i++)
        if (shape[i][1] <= m.config.dims.n_ctx)
            bench_capture(&f, &m, shape[i][0], shape[i][1]);
    if (n_one == 0)
        bench_decode(&f, &m);
    mi_forward_free(&f);
    mi_model_close(&m);
    free(kept);
    return 0;
}
