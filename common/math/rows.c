/* math/rows.c: norms, sums and rotary embedding of packed rows. */
#include "math/rows.h"

#include "base/mem.h"
#include "base/par.h"
#include "math/kernels.h"
#include "math/linear.h"
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
    float eps;      /* or the one number of the operation */
    int step;       /* rows in a task */
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

/* The sum in the canonical order: a dot product with ones. */
static void centre_row(const struct rows_work *w, int i)
{
    float *y = w->y + i * w->ldy, sum = 0.0f;
    const float *x = w->x + i * w->ldx;

    for (int64_t j = 0; j < w->k; j += MI_LINEAR_BLOCK) {
        int64_t n = w->k - j < MI_LINEAR_BLOCK ? w->k - j : MI_LINEAR_BLOCK;
        float s = w->kernels->dot(x + j, w->w, n);

        sum = j ? sum + s : s;
    }
    sum /= (float)w->k;
    for (int64_t j = 0; j < w->k; j++)
        y[j] = x[j] - sum;
}

void mi_rows_centre(float *y, int64_t ldy, const float *x, int64_t ldx, int m, int64_t k)
{
    float ones[MI_LINEAR_BLOCK];

    for (int i = 0; i < MI_LINEAR_BLOCK; i++)
        ones[i] = 1.0f;
    run_rows(&(struct rows_work){
        .y = y, .ldy = ldy, .x = x, .ldx = ldx, .m = m, .k = k, .w = ones, .row = centre_row});
}

static void rescale_row(const struct rows_work *w, int i)
{
    float *y = w->y + i * w->ldy;

    for (int64_t j = 0; j < w->k; j++)
        y[j] *= w->eps;
}

void mi_rows_scale(float *y, int64_t ldy, int m, int64_t k, float by)
{
    run_rows(
        &(struct rows_work){.y = y, .ldy = ldy, .m = m, .k = k, .eps = by, .row = rescale_row});
}

static void clamp_row(const struct rows_work *w, int i)
{
    float *y = w->y + i * w->ldy;

    for (int64_t j = 0; j < w->k; j++)
        y[j] = y[j] > w->eps ? w->eps : y[j] < -w->eps ? -w->eps : y[j];
}

void mi_rows_clamp(float *y, int64_t ldy, int m, int64_t k, float most)
{
    run_rows(
        &(struct rows_work){.y = y, .ldy = ldy, .m = m, .k = k, .eps = most, .row = clamp_row});
}

static void bias_row(const struct rows_work *w, int i)
{
    float *y = w->y + i * w->ldy;

    for (int64_t j = 0; j < w->k; j++)
        y[j] += w->w[j];
}

void mi_rows_bias(float *y, int64_t ldy, int m, int64_t k, const float *w)
{
    run_rows(&(struct rows_work){.y = y, .ldy = ldy, .m = m, .k = k, .w = w, .row = bias_row});
}

static void softmax_row(const struct rows_work *w, int i)
{
    float *y = w->y + i * w->ldy;
    float sum = w->kernels->exp_sum(y, y, w->kernels->top(y, w->k), w->k, 0);

    w->kernels->divide(y, y, sum, w->k);
}

void mi_rows_softmax(float *y, int64_t ldy, int m, int64_t k)
{
    run_rows(&(struct rows_work){.y = y, .ldy = ldy, .m = m, .k = k, .row = softmax_row});
}

/* ---- rotary embedding ------------------------------------------------------------------ */

void mi_rope_init(struct mi_rope *r, int n_rot, int64_t n_pos, const double *step, double magnitude)
{
    const int half = n_rot / 2;
    bool is_paired = r->is_paired;

    mi_rope_free(r);
    *r = (struct mi_rope){.n_rot = n_rot, .is_paired = is_paired, .n_pos = n_pos};
    r->cosine = mi_alloc_n((size_t)n_pos * (size_t)half, sizeof *r->cosine);
    r->sine = mi_alloc_n((size_t)n_pos * (size_t)half, sizeof *r->sine);
    for (int i = 0; i < half; i++)
        for (int64_t p = 0; p < n_pos; p++) {
            double s, c;
            mi_sincos((double)p * step[i], &s, &c);
            r->cosine[p * half + i] = (float)(c * magnitude);
            r->sine[p * half + i] = (float)(s * magnitude);
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

static void rotate_neighbours(float *a, const float *c, const float *s, int n)
{
    for (int i = 0; i < n; i++) {
        float x = a[2 * i], y = a[2 * i + 1];
        a[2 * i] = x * c[i] - y * s[i];
        a[2 * i + 1] = y * c[i] + x * s[i];
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
            if (w->rope->is_paired)
                rotate_neighbours(y, c, s, half);
            else
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
