/* math/linear.c: cuts matrix products into tasks; the kernels do them. */
#include "math/linear.h"

#include "base/cpu.h"
#include "base/mem.h"
#include "base/par.h"
#include "math/kernels.h"

#include <unistd.h>

const struct mi_kernels *mi_kernels(void)
{
#if defined(__x86_64__)
    switch (mi_cpu_isa()) {
    case MI_ISA_AVX512: return &mi_kernels_avx512;
    case MI_ISA_AVX2: return &mi_kernels_avx2;
    default: break;
    }
#endif
    return &mi_kernels_portable;
}

float *mi_math_scratch(size_t floats)
{
    static _Thread_local float *scratch;
    static _Thread_local size_t size;

    if (floats > size) {
        mi_free(scratch);
        size = floats > 1 << 16 ? floats : 1 << 16;
        scratch = mi_alloc_aligned(size * sizeof *scratch);
    }
    return scratch;
}

/* Rows of W whose floats fill half of the second cache. */
static int tile_rows(int k, int tile_n)
{
    static long cache;
    int rows;

    if (cache == 0) {
        long found = -1;
#ifdef _SC_LEVEL2_CACHE_SIZE
        found = sysconf(_SC_LEVEL2_CACHE_SIZE);
#endif
        cache = found > 0 ? found : 1L << 20;
    }
    k = k < MI_LINEAR_BLOCK ? k : MI_LINEAR_BLOCK;
    rows = (int)(cache / 2 / (4L * k));
    rows = rows < 48 ? 48 : rows;
    rows = rows > MI_TILE_ROWS ? MI_TILE_ROWS : rows;
    return rows / tile_n * tile_n;
}

/* ---- the tasks ------------------------------------------------------------------------ */

/* The rows of all jobs are numbered through. Tasks of many of them come first and tasks of few
 * last, so that no thread waits long for another. */
struct linear_work {
    const struct mi_kernels *kernels;
    const struct mi_linear_job *jobs;
    int n_jobs;
    const float *X;
    int64_t ldx;
    int m;
    int m_step;        /* rows of X in a task */
    int m_tasks;       /* tasks side by side for the same rows of W */
    int64_t n;         /* rows of W, of all jobs */
    int n_step, n_end; /* of them in one of the first tasks, and of the last */
    int64_t n_first;   /* how many the first are */
    int threads;
};

static bool takes_few(const struct linear_work *w, const struct mi_matrix *W)
{
    switch (W->type) {
    case MI_Q_F32:
    case MI_Q_F16:
    case MI_Q_BF16:
    case MI_Q_Q8_0: return w->m <= w->kernels->few_max;
    default: return mi_has_kernels(W->type) && w->m <= w->kernels->few_max_slow;
    }
}

static int64_t count_tasks(const struct linear_work *w)
{
    const int64_t rest = w->n - w->n_first * w->n_step;

    return (w->n_first + (rest + w->n_end - 1) / w->n_end) * w->m_tasks;
}

static void add_bias(float *Y, int64_t ldy, int m, int n, const float *bias)
{
    for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j++)
            Y[i * ldy + j] += bias[j];
}

/* The rows of a task; none when there is no such task. */
static void find_rows(const struct linear_work *w, int64_t task, int64_t *start, int64_t *end)
{
    const int64_t t = task / w->m_tasks, after = t - w->n_first;

    *start = after < 0 ? t * w->n_step : w->n_first * w->n_step + after * w->n_end;
    *end = *start + (after < 0 ? w->n_step : w->n_end);
    *start = *start < w->n ? *start : w->n;
    *end = *end < w->n ? *end : w->n;
}

/* Tasks are handed out in order: this thread's next one is about `threads` further on. */
static struct mi_ahead find_ahead(const struct linear_work *w, int64_t task)
{
    struct mi_ahead ahead = {NULL, 0};
    int64_t n0, n1;

    find_rows(w, task + w->threads + w->m_tasks - 1, &n0, &n1);
    for (int i = 0; i < w->n_jobs && n0 < n1; i++) {
        const struct mi_matrix *W = w->jobs[i].W;
        if (n0 < W->n) {
            ahead.at = (const unsigned char *)W->data + (size_t)n0 * W->row_bytes;
            ahead.bytes = (size_t)((n1 < W->n ? n1 : W->n) - n0) * W->row_bytes;
            break;
        }
        n0 -= W->n;
        n1 -= W->n;
    }
    return ahead;
}

/* Rows n0 .. n1 - 1 of one job and rows m0 on, m of them, of X. */
static void run_rows(const struct linear_work *w, const struct mi_linear_job *job, int n0, int n1,
                     int m0, int m, const struct mi_ahead *ahead)
{
    const float *X = w->X + m0 * w->ldx;
    float *Y = job->Y + m0 * job->ldy;

    if (takes_few(w, job->W))
        w->kernels->few(Y, job->ldy, X, w->ldx, m, job->W, n0, n1);
    else
        w->kernels->many(Y, job->ldy, X, w->ldx, m, job->W, n0, n1, mi_math_scratch(MI_TILE_FLOATS),
                         ahead);
    if (job->bias)
        add_bias(Y + n0, job->ldy, m, n1 - n0, job->bias + n0);
}

static void run_task(void *ctx, int64_t task, int thread)
{
    const struct linear_work *w = ctx;
    const struct mi_ahead ahead = find_ahead(w, task);
    const int m0 = (int)(task % w->m_tasks) * w->m_step;
    const int m = w->m - m0 < w->m_step ? w->m - m0 : w->m_step;
    int64_t start, end, before = 0;

    (void)thread;
    find_rows(w, task, &start, &end);
    for (int i = 0; i < w->n_jobs; before += w->jobs[i++].W->n) {
        const int64_t n = w->jobs[i].W->n;
        const int n0 = (int)(start > before ? start - before : 0);
        const int n1 = (int)(end < before + n ? end - before : n);
        if (n0 < n1)
            run_rows(w, &w->jobs[i], n0, n1, m0, m, &ahead);
    }
}

static int round_up(int64_t n, int to)
{
    return (int)((n + to - 1) / to * to);
}

/* Below both, one thread is done (in about 50 us) before a sleeping one is awake. */
enum { ALONE_BYTES = 1 << 19, ALONE_PRODUCTS = 1 << 22 };

/* So many rows of x are cut too: tasks of few rows of W would read them from far. */
enum { NEAR_ROWS = 512 };

/* No task so small that handing it out costs more than doing it. */
static void cut_work(struct linear_work *w, int threads)
{
    const int64_t alone = ALONE_PRODUCTS >> (w->kernels == &mi_kernels_portable ? 6 : 0);
    bool few = true;
    int64_t bytes = 0, tasks, parts;
    int k = 0, unit, most;

    for (int i = 0; i < w->n_jobs; i++) {
        const struct mi_matrix *W = w->jobs[i].W;
        w->n += W->n;
        bytes += (int64_t)W->n * (int64_t)W->row_bytes;
        k = W->k > k ? W->k : k;
        few = few && takes_few(w, W);
    }
    unit = few ? 32 : w->kernels->tile_n;
    w->threads = bytes < ALONE_BYTES && w->n * k * w->m < alone ? 1 : threads;
    most = few ? 1 << 14 : tile_rows(k, unit);
    w->n_step = w->threads == 1 ? most : round_up(w->n / (3 * (int64_t)threads), unit);
    w->n_step = w->n_step < unit ? unit : w->n_step > most ? most : w->n_step;
    w->n_end = w->n_step;
    w->m_step = w->m;
    w->m_tasks = 1;
    if (few || w->threads == 1)
        return;
    tasks = count_tasks(w);
    parts = (3 * (int64_t)threads + tasks - 1) / tasks;
    parts = parts > w->m / NEAR_ROWS ? parts : w->m / NEAR_ROWS;
    if (parts > 1) {
        w->m_step = round_up((w->m + parts - 1) / parts, 12);
        w->m_step = w->m_step < 24 ? 24 : w->m_step;
        w->m_tasks = (w->m + w->m_step - 1) / w->m_step;
    } else {
        w->n_end = round_up(w->n_step < 96 ? 24 : w->n_step / 4, unit);
        w->n_end = w->n_end < w->n_step ? w->n_end : w->n_step;
        w->n_first = w->n * 2 / 3 / w->n_step;
    }
}

void mi_linear_many(const struct mi_linear_job *jobs, int n_jobs, const float *X, int64_t ldx,
                    int m)
{
    struct linear_work w = {
        .kernels = mi_kernels(), .jobs = jobs, .n_jobs = n_jobs, .X = X, .ldx = ldx, .m = m};
    int64_t tasks;

    if (m <= 0 || n_jobs <= 0)
        return;
    cut_work(&w, mi_par_threads());
    tasks = count_tasks(&w);
    if (w.threads > 1)
        mi_par_for(tasks, run_task, &w);
    else
        for (int64_t i = 0; i < tasks; i++)
            run_task(&w, i, 0);
}

void mi_linear(float *Y, int64_t ldy, const float *X, int64_t ldx, int m, const struct mi_matrix *W,
               const float *bias)
{
    const struct mi_linear_job job = {Y, ldy, W, bias};

    mi_linear_many(&job, 1, X, ldx, m);
}

float mi_dot(const float *x, const float *w, int64_t k)
{
    return mi_kernels()->dot(x, w, k);
}

void mi_dots(float *Y, int64_t ldy, const float *X, int64_t ldx, int m, const float *B, int64_t ldb,
             int n, int64_t k)
{
    const struct mi_matrix W = {B, MI_Q_F32, n, (int)k, (size_t)ldb * sizeof *B};

    mi_linear(Y, ldy, X, ldx, m, &W, NULL);
}

void mi_matrix_row(float *y, const struct mi_matrix *W, int i)
{
    mi_kernels()->row(y, W, i);
}
