/* kernels: how near the kernels come to what the machine can do.
 *
 *     build/release/bench/kernels [-j threads] [-i isa] [-t type] [-s seconds] [-c] [-u] [WHAT]
 *
 * WHAT is gemm, row, attention or peak; without it the first three.
 * peak: the multiply-add peak alone, GFLOP/s. Matrix products: % of that peak, on as many
 * threads. One row: GB/s of weight bytes, and % of the measured memory read bandwidth.
 * Weights rotate over a pool that is larger than the caches, so that they come from memory,
 * as in a model; with -c each is used again and again, and so comes from a cache. The limit is
 * measured again beside each sample, and medians are printed: other work on the machine then falls
 * on both. With -u what a fifth of the products' samples exceed stands behind: where others use
 * the processor's other half, it falls on products more than on the limit. One thread is timed
 * by its own processor time, several by the clock on the wall. */
#include "math/kernels.h"
#include "base/cpu.h"
#include "base/par.h"
#include "math/linear.h"
#include "math/rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "peak.h"

enum { MAX_SAMPLES = 41 };
static const size_t pool_bytes = (size_t)384 << 20;

static double seconds = 0.15; /* spent on one figure */

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median(double *x, int n)
{
    qsort(x, (size_t)n, sizeof *x, compare);
    return x[n / 2];
}

static void *allocate(size_t bytes)
{
    void *p = NULL;

    if (posix_memalign(&p, 4096, bytes) != 0)
        exit(4);
    return p;
}

static uint64_t random_state = 88172645463325252u;

static uint64_t random_bits(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static void fill_floats(float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] = (float)((int64_t)(random_bits() >> 40) - (1 << 23)) * 0x1p-23f;
}

/* Weights of ordinary size in the whole pool; float16 scales within 2^-8 .. 2^-6. */
static void fill_pool(unsigned char *pool, const struct mi_qtype_info *t)
{
    size_t block = (size_t)t->block_bytes;

    if (t->type == MI_Q_F32) {
        fill_floats((float *)(void *)pool, pool_bytes / 4);
        return;
    }
    for (size_t i = 0; i + 8 <= pool_bytes; i += 8) {
        uint64_t u = random_bits();
        if (!mi_has_kernels(t->type)) /* its scale, wherever it stands, is small too */
            u &= 0x2f2f2f2f2f2f2f2fu;
        memcpy(pool + i, &u, 8);
    }
    if (!mi_has_kernels(t->type))
        return;
    for (size_t i = 0; i + block <= pool_bytes; i += block) {
        uint16_t h = (uint16_t)(0x1c00 + (random_bits() & 0x7ff));
        if (t->type == MI_Q_BF16)
            h = (uint16_t)(0x3c00 + (random_bits() & 0x37f));
        if (t->type == MI_Q_Q4_1 || t->type == MI_Q_Q5_1 || t->type == MI_Q_Q4_K)
            memcpy(pool + i + 2, &h, 2);
        memcpy(pool + i + (t->type == MI_Q_Q6_K ? 208 : 0), &h, 2);
    }
}

/* ---- the limits, on all threads at once ------------------------------------------------- */

struct limit_work {
    const unsigned char *pool;
    int parts;
    size_t turn; /* which third of the pool is read */
    double flops[MI_PAR_MAX * 4];
};

static void peak_task(void *ctx, int64_t i, int thread)
{
    struct limit_work *w = ctx;

    (void)thread;
    w->flops[i] = peak_work(mi_cpu_isa());
}

static void read_task(void *ctx, int64_t i, int thread)
{
    struct limit_work *w = ctx;
    size_t part = pool_bytes / 3 / (size_t)w->parts / 4096 * 4096;

    (void)thread;
    peak_read(w->pool + (w->turn * (size_t)w->parts + (size_t)i) * part, part);
}

/* Cut into tasks as the products are, so that other work on the machine costs both alike. */
static double measure_flops(int threads)
{
    struct limit_work w = {NULL, 4 * threads, 0, {0}};
    double sum = 0, start = peak_clock();

    mi_par_for(w.parts, peak_task, &w);
    start = peak_clock() - start;
    for (int i = 0; i < w.parts; i++)
        sum += w.flops[i];
    return sum / start;
}

static double measure_read(const unsigned char *pool, int threads)
{
    static size_t turn;
    struct limit_work w = {pool, 4 * threads, turn++ % 3, {0}};
    double start = peak_clock();

    mi_par_for(w.parts, read_task, &w);
    return (double)(pool_bytes / 3 / (size_t)w.parts / 4096 * 4096 * (size_t)w.parts) /
           (peak_clock() - start);
}

/* ---- matrix products -------------------------------------------------------------------- */

struct bench {
    unsigned char *pool;
    float *X, *Y;
    int threads;
    bool is_near;     /* the same matrix each time, from a cache */
    bool shows_upper; /* of products: what the best fifth of the samples reach */
    size_t turn;
};

static struct mi_matrix next_matrix(struct bench *b, const struct mi_qtype_info *t, int n, int k)
{
    struct mi_matrix W = {NULL, t->type, n, k, (size_t)(k / t->block_elements * t->block_bytes)};
    size_t bytes = W.row_bytes * (size_t)n;

    W.data = b->pool + (b->is_near ? 0 : b->turn++ % (pool_bytes / bytes) * bytes);
    return W;
}

/* One sample: as many products as make `flops_wanted` or `bytes_wanted`; its seconds. */
static double run_products(struct bench *b, const struct mi_qtype_info *t, int m, int n, int k,
                           int times)
{
    double start = peak_clock();

    for (int i = 0; i < times; i++) {
        struct mi_matrix W = next_matrix(b, t, n, k);
        mi_linear(b->Y, n, b->X, k, m, &W, NULL);
    }
    return peak_clock() - start;
}

static void bench_gemm(struct bench *b, const struct mi_qtype_info *t)
{
    static const int shape[][2] = {{576, 576}, {576, 1536}, {1536, 576}, {2048, 2048}};
    static const int rows[] = {8, 32, 128, 512};

    printf("%-5s", t->name);
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        printf(" |");
        for (size_t s = 0; s < sizeof shape / sizeof *shape; s++) {
            const int m = rows[r], k = shape[s][0], n = shape[s][1];
            double flops = 2.0 * m * n * k, x[MAX_SAMPLES], end;
            int times = (int)(4e8 * b->threads / flops) + 1, samples = 0;

            if (k % t->block_elements) {
                printf("     -");
                continue;
            }
            run_products(b, t, m, n, k, 1);
            for (end = peak_clock() + seconds;
                 samples < 5 || (peak_clock() < end && samples < MAX_SAMPLES);) {
                double before = measure_flops(b->threads);
                double rate = flops * times / run_products(b, t, m, n, k, times);
                x[samples++] = 200 * rate / (before + measure_flops(b->threads));
            }
            printf(" %5.1f", median(x, samples));
            if (b->shows_upper)
                printf("/%.1f", x[samples * 4 / 5]);
            fflush(stdout);
        }
    }
    printf("\n");
}

static void bench_row(struct bench *b, const struct mi_qtype_info *t)
{
    static const int shape[][2] = {{576, 576}, {576, 1536}, {1536, 576}, {2048, 2048}};

    printf("%-5s", t->name);
    for (size_t s = 0; s < sizeof shape / sizeof *shape; s++) {
        const int k = shape[s][0], n = shape[s][1];
        double bytes = (double)(k / t->block_elements * t->block_bytes) * n;
        double rate[MAX_SAMPLES], part[MAX_SAMPLES], end;
        int times = (int)(3e7 / bytes) + 1, samples = 0;

        if (k % t->block_elements) {
            printf(" |           -");
            continue;
        }
        for (end = peak_clock() + 2 * seconds;
             samples < 7 || (peak_clock() < end && samples < MAX_SAMPLES);) {
            double read = measure_read(b->pool, b->threads);
            rate[samples] = bytes * times / run_products(b, t, 1, n, k, times);
            part[samples] = 100 * rate[samples] / read;
            samples++;
        }
        printf(" | %5.1f %4.0f %%", median(rate, samples) / 1e9, median(part, samples));
        fflush(stdout);
    }
    printf("\n");
}

/* ---- attention -------------------------------------------------------------------------- */

/* 512 tokens in prompts of T, or one new token after T, on 9 heads (3 with keys) of 64. */
static void bench_attention(struct bench *b, int T, bool decode)
{
    enum { H = 9, KV = 3, D = 64 };
    const int n = decode ? 1 : 512 / T > 0 ? 512 / T : 1, width = (H + 2 * KV) * D;
    struct mi_attention a[512];
    double x[MAX_SAMPLES], time[MAX_SAMPLES], end, flops;
    int samples = 0;

    for (int i = 0; i < n; i++) {
        const float *row = b->X + (int64_t)i * T * width;
        a[i] = (struct mi_attention){
            .n_q = decode ? 1 : T,
            .n_past = decode ? T - 1 : 0,
            .n_heads = H,
            .n_kv_heads = KV,
            .d_head = D,
            .scale = 0.125f,
            .q = row,
            .keys = row + H * D,
            .values = row + (H + KV) * D,
            .ldq = width,
            .ldk = width,
            .ldv = width,
            .ldz = H * D,
            .z = b->Y + (int64_t)i * T * H * D,
        };
    }
    flops = 4.0 * D * H * n * (decode ? T : T * (T + 1.0) / 2);
    for (end = peak_clock() + seconds; samples < 5 || (peak_clock() < end && samples < MAX_SAMPLES);
         samples++) {
        double before = measure_flops(b->threads), start = peak_clock();
        int times = (int)(2e7 * b->threads / flops) + 1;
        for (int i = 0; i < times; i++)
            mi_attention(a, n);
        time[samples] = (peak_clock() - start) / times;
        x[samples] = 200 * flops / time[samples] / (before + measure_flops(b->threads));
    }
    printf(" %s%d: %.0f us %.0f %%", decode ? "1 after " : "", T, 1e6 * median(time, samples),
           median(x, samples));
    fflush(stdout);
}

static void bench_isa(struct bench *b, const char *what, int type)
{
    int n;
    const struct mi_qtype_info *types = mi_qtypes(&n);
    double limit[9];

    if (what && strcmp(what, "peak") == 0) {
        for (int i = 0; i < 9; i++)
            limit[i] = measure_flops(b->threads) / 1e9;
        printf("%.1f\n", median(limit, 9));
    }
    if (what && strcmp(what, "read") == 0) {
        for (int i = 0; i < 9; i++)
            limit[i] = measure_read(b->pool, b->threads) / 1e9;
        printf("%.2f\n", median(limit, 9));
    }
    if (!what || strcmp(what, "gemm") == 0) {
        for (int i = 0; i < 9; i++)
            limit[i] = measure_flops(b->threads) / 1e9;
        printf("products, %s, %d threads: %% of %.0f GFLOP/s; K x N = 576x576 576x1536 1536x576 "
               "2048x2048, for M = 8 | 32 | 128 | 512\n",
               mi_isa_name(mi_cpu_isa()), b->threads, median(limit, 9));
        for (int i = 0; i < n; i++)
            if (type < 0 ? mi_has_kernels(types[i].type) : type == (int)types[i].type) {
                fill_pool(b->pool, &types[i]);
                bench_gemm(b, &types[i]);
            }
    }
    if (!what || strcmp(what, "row") == 0) {
        for (int i = 0; i < 9; i++)
            limit[i] = measure_read(b->pool, b->threads) / 1e9;
        printf("one row, %s, %d threads: GB/s, %% of %.1f GB/s read; K x N as above\n",
               mi_isa_name(mi_cpu_isa()), b->threads, median(limit, 9));
        for (int i = 0; i < n; i++)
            if (type < 0 ? mi_has_kernels(types[i].type) : type == (int)types[i].type) {
                fill_pool(b->pool, &types[i]);
                bench_row(b, &types[i]);
            }
    }
    if (!what || strcmp(what, "attention") == 0) {
        printf("attention, %s, %d threads: 512 tokens in prompts of\n ", mi_isa_name(mi_cpu_isa()),
               b->threads);
        for (int T = 8; T <= 512; T *= 2)
            bench_attention(b, T, false);
        printf("\n ");
        for (int T = 32; T <= 2048; T *= 8)
            bench_attention(b, T, true);
        printf("\n");
    }
}

int main(int argc, char **argv)
{
    struct bench b = {.pool = allocate(pool_bytes), .threads = 1};
    const char *isa = mi_isa_name(mi_cpu_best());
    int option, type = -1, n;
    const struct mi_qtype_info *types = mi_qtypes(&n);

    /* The OpenMP library reads this before main; threads that spin would starve each other. */
    if (!getenv("OMP_WAIT_POLICY") && setenv("OMP_WAIT_POLICY", "passive", 1) == 0)
        execv("/proc/self/exe", argv);
    while ((option = getopt(argc, argv, "cuj:i:t:s:")) != -1)
        switch (option) {
        case 'c': b.is_near = true; break;
        case 'u': b.shows_upper = true; break;
        case 'j': b.threads = atoi(optarg); break;
        case 'i': isa = optarg; break;
        case 's': seconds = atof(optarg); break;
        case 't':
            for (int i = 0; i < n; i++)
                if (strcmp(types[i].name, optarg) == 0)
                    type = (int)types[i].type;
            break;
        default: return 2;
        }
    if (mi_cpu_set_isa(isa) != 0 || b.threads < 1 || b.threads > MI_PAR_MAX)
        return 2;
    mi_par_set(b.threads);
    if (b.threads > 1)
        peak_clock_id = CLOCK_MONOTONIC;
    b.X = allocate(sizeof(float) * 2048 * 2048);
    b.Y = allocate(sizeof(float) * 2048 * 2048);
    fill_floats(b.X, 2048 * 2048);
    memset(b.pool, 1, pool_bytes);
    bench_isa(&b, optind < argc ? argv[optind] : NULL, type);
    free(b.pool), free(b.X), free(b.Y);
    return 0;
}
