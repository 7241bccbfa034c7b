/* math/rows.c: norms, sums and rotary embedding of packed rows. */
#include "math/rows.h"

#include "base/mem.h"
#include "base/par.h"
#include "math/kernels.h"
#include "math/vmath.h"

#include <math.h>

/* ---- row by row ----------------------------------------------------------------------- */

struct rows_work {
    float *y;
    int64_t ldy;
    const float *x;
    int64_t ldx;
    int m;
    int64_t k;
    const float *w; /* one number a row, or a row */
    float eps;
    int step; /* rows in a task */
    const struct mi_kernels *kernels;
    void (*row)(const struct rows_work *w, int i);
};

static void rows_task(void *ctx, int64_t task, int thread)
{
    const struct rows_work *w = ctx;
    int first = (int)task * w->step, end = w->m - first < w->step ? w->m : first + w->step;

    (void)thread;
    for (int i = first; i < end; i++)
        w->row(w, i);
}

/* In tasks of about 32,768 elements. */
static void run_rows(struct rows_work *w)
{
    if (w->m <= 0 || w->k <= 0)
        return;
    w->kernels = mi_kernels();
    w->step = (int)(w->k < 32768 ? 32768 / w->k : 1);
    mi_par_for((w->m + w->step - 1) / w->step, rows_task, w);
}

static void scale_row(const struct rows_work *w, int i)
{
    const float *x = w->x + i * w->ldx;

    w->y[i] = sqrtf(w->kernels->dot(x, x, w->k) / (float)w->k + w->eps);
}

void mi_rms_scale(float *scale, const float *x, int64_t ldx, int m, int64_t k, float eps)
{
    run_rows(&(struct rows_work){
        .y = scale, .x = x, .ldx = ldx, .m = m, .k = k, .eps = eps, .row = scale_row});
}

static void normalize_row(const struct rows_work *w, int i)
{
    w->kernels->divide(w->y + i * w->ldy, w->x + i * w->ldx, w->w[i], w->k);
}

void mi_rms_normalize(float *y, int64_t ldy, const float *x, int64_t ldx, int m, int64_t k,
                      const float *scale)
{
    run_rows(&(struct rows_work){
        .y = y, .ldy = ldy, .x = x, .ldx = ldx, .m = m, .k = k, .w = scale, .row = normalize_row});
}

static void mul_row(const struct rows_work *w, int i)
{
    float *y = w->y + i * w->ldy;
    const float *x = w->x + i * w->ldx, *by = w->w;

    for (int64_t j = 0; j < w->k; j++)
        y[j] = x[j] * by[j];
}

void mi_rows_mul(float *y, int64_t ldy, const float *x, int64_t ldx, int m, int64_t k,
                 const float *w)
{
    run_rows(&(struct rows_work){
        .y = y, .ldy = ldy, .x = x, .ldx = ldx, .m = m, .k = k, .w = w, .row = mul_row});
}

static void add_row(const struct rows_work *w, int i)
{
    float *y = w->y + i * w->ldy;
    const float *x = w->x + i * w->ldx;

    for (int64_t j = 0; j < w->k; j++)
        y[j] += x[j];
}

void mi_rows_add(float *y, int64_t ldy, const float *x, int64_t ldx, int m, int64_t k)
{
    run_rows(&(struct rows_work){
        .y = y, .ldy = ldy, .x = x, .ldx = ldx, .m = m, .k = k, .row = add_row});
}

/* ---- rotary embedding ------------------------------------------------------------------ */

void mi_rope_init(struct mi_rope *r, int n_rot, int64_t n_pos, double base, double freq_scale,
                  const float *factor)
{
    const int half = n_rot / 2;

    mi_rope_free(r);
    r->n_rot = n_rot;
    r->n_pos = n_pos;
    r->cosine = mi_alloc_n((size_t)n_pos * (size_t)half, sizeof *r->cosine);
    r->sine = mi_alloc_n((size_t)n_pos * (size_t)half, sizeof *r->sine);
    for (int i = 0; i < half; i++) {
        double step = mi_pow(base, -2.0 * i / n_rot) * freq_scale;

        if (factor)
            step /= (double)factor[i];
        for (int64_t p = 0; p < n_pos; p++) {
            double s, c;
            mi_sincos((double)p * step, &s, &c);
            r->cosine[p * half + i] = (float)c;
            r->sine[p * half + i] = (float)s;
        }
    }
}

void mi_rope_free(struct mi_rope *r)
{
    mi_free(r->cosine);
    mi_free(r->sine);
    *r = (struct mi_rope){0};
}

struct rope_work {
    float *y;
    int64_t ldy;
    int m, n_heads, d_head, step;
    const int32_t *pos;
    const struct mi_rope *rope;
};

static void rotate(float *a, float *b, const float *c, const float *s, int n)
{
    for (int i = 0; i < n; i++) {
        float x = a[i], y = b[i];
        a[i] = x * c[i] - y * s[i];
        b[i] = y * c[i] + x * s[i];
    }
}

static void rope_task(void *ctx, int64_t task, int thread)
{
    const struct rope_work *w = ctx;
    const int half = w->rope->n_rot / 2;
    int first = (int)task * w->step, end = w->m - first < w->step ? w->m : first + w->step;

    (void)thread;
    for (int i = first; i < end; i++) {
        const float *c = w->rope->cosine + (int64_t)w->pos[i] * half;
        const float *s = w->rope->sine + (int64_t)w->pos[i] * half;
        for (int h = 0; h < w->n_heads; h++) {
            float *y = w->y + i * w->ldy + (int64_t)h * w->d_head;
            rotate(y, y + half, c, s, half);
        }
    }
}

void mi_rope_apply(float *y, int64_t ldy, int m, int n_heads, int d_head, const int32_t *pos,
                   const struct mi_rope *r)
{
    int64_t width = (int64_t)n_heads * d_head;
    struct rope_work w = {y, ldy, m, n_heads, d_head, 1, pos, r};

    if (m <= 0 || width <= 0)
        return;
    w.step = (int)(width < 16384 ? 16384 / width : 1);
    mi_par_for((m + w.step - 1) / w.step, rope_task, &w);
}

/* ---- log-probabilities ------------------------------------------------------------------ */

double mi_log_normalizer(const float *logits, int64_t v)
{
    const struct mi_kernels *kernels = mi_kernels();
    float top = kernels->top(logits, v), sum = 0.0f, e[1024];

    for (int64_t i = 0; i < v; i += 1024) {
        float s = kernels->exp_sum(e, logits + i, top, v - i < 1024 ? v - i : 1024, 0);
        sum = i ? sum + s : s;
    }
    return (double)top + mi_log((double)sum);
}
