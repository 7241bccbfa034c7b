/* math/samples.c: cuts rows into pieces that stay in cache; the kernels do them. */
#include "math/samples.h"

#include "base/mem.h"
#include "base/par.h"
#include "math/kernels.h"
#include "math/linear.h"

#include <string.h>

/* Pointers to the rows from i on, at most MI_SAMPLE_ROWS; returns how many. */
static int list_rows(const float **x, const struct mi_samples *s, int64_t i, int64_t end)
{
    int n = (int)(end - i < MI_SAMPLE_ROWS ? end - i : MI_SAMPLE_ROWS);

    for (int k = 0; k < n; k++)
        x[k] = s->x + s->row[i + k] * s->D;
    return n;
}

static void sum_rows(double *sum, const struct mi_samples *s, const double *centre)
{
    const struct mi_kernels *kernels = mi_kernels();
    const float *x[MI_SAMPLE_ROWS];
    int n;

    for (int64_t i = 0; i < s->n; i += n) {
        n = list_rows(x, s, i, s->n);
        kernels->row_sums(sum, x, n, centre, NULL, s->D);
    }
}

void mi_samples_sum(double *sum, const struct mi_samples *s)
{
    sum_rows(sum, s, NULL);
}

void mi_samples_spread(double *sum, const struct mi_samples *s, const double *centre)
{
    sum_rows(sum, s, centre);
}

void mi_samples_dot(double *y, const struct mi_samples *s, const double *w)
{
    const struct mi_kernels *kernels = mi_kernels();
    const float *x[MI_SAMPLE_ROWS];
    int n;

    for (int64_t i = 0; i < s->n; i += n) {
        n = list_rows(x, s, i, s->n);
        kernels->row_dots(y + i, x, n, w, NULL, s->D);
    }
}

/* ---- the logistic loss ---------------------------------------------------------------- */

struct logit {
    const struct mi_samples *s;
    const int8_t *side;
    const double *w, *centre;
    double b;
    double *g, *loss; /* [blocks, D + 1], [blocks] */
};

/* A piece is read for its margins, and again, from cache, for the gradient. */
static void logit_block(void *ctx, int64_t block, int thread)
{
    const struct logit *l = ctx;
    const struct mi_kernels *kernels = mi_kernels();
    const int64_t D = l->s->D, first = block * MI_LOGIT_BLOCK;
    const int64_t end = l->s->n - first < MI_LOGIT_BLOCK ? l->s->n : first + MI_LOGIT_BLOCK;
    double *g = l->g + block * (D + 1), sum = 0;
    int n;

    (void)thread;
    memset(g, 0, (size_t)(D + 1) * sizeof *g);
    for (int64_t i = first; i < end; i += n) {
        const float *x[MI_SAMPLE_ROWS];
        double f[MI_SAMPLE_ROWS] = {0}, y[MI_SAMPLE_ROWS] = {0};
        double loss[MI_SAMPLE_ROWS], slope[MI_SAMPLE_ROWS];

        n = list_rows(x, l->s, i, end);
        kernels->row_dots(f, x, n, l->w, l->centre, D);
        for (int k = 0; k < n; k++) {
            f[k] += l->b;
            y[k] = l->side[i + k];
        }
        kernels->logit(loss, slope, f, y, MI_SAMPLE_ROWS);
        kernels->row_sums(g, x, n, l->centre, slope, D);
        for (int k = 0; k < n; k++) {
            sum += loss[k];
            g[D] += slope[k];
        }
    }
    l->loss[block] = sum;
}

double mi_samples_logit(double *g, const struct mi_samples *s, const int8_t *side, const double *w,
                        double b, const double *centre)
{
    const int64_t N = s->D + 1, n_blocks = (s->n + MI_LOGIT_BLOCK - 1) / MI_LOGIT_BLOCK;
    double *work = mi_alloc_n((size_t)(n_blocks * (N + 1)), sizeof *work), sum = 0;
    struct logit l = {s, side, w, centre, b, work, work + n_blocks * N};

    mi_par_for(n_blocks, logit_block, &l);
    memset(g, 0, (size_t)N * sizeof *g);
    for (int64_t i = 0; i < n_blocks; i++) {
        sum += l.loss[i];
        for (int64_t k = 0; k < N; k++)
            g[k] += l.g[i * N + k];
    }
    mi_free(work);
    return sum;
}

/* ---- the Gram matrix ------------------------------------------------------------------ */

/* Columns of Z are ZROWS apart, no multiple of a page: neighbours do not share cache sets. */
enum { GRAM_COLUMNS = 96, SQUARE = 16, ZROWS = MI_LINEAR_BLOCK + SQUARE };

/* Z [D, ZROWS]: the rows first, first + step, ... in columns, zeros after the last. */
static void transpose_block(float *Z, const struct mi_samples *s, int64_t first, int64_t step,
                            const double *centre, const double *by)
{
    const int64_t n = (s->n - first + step - 1) / step;

    for (int64_t i = 0; i < MI_LINEAR_BLOCK; i += SQUARE) {
        const float *x[SQUARE];
        int m = (int)(n - i < 0 ? 0 : n - i < SQUARE ? n - i : SQUARE);

        for (int j = 0; j < m; j++)
            x[j] = s->x + s->row[first + (i + j) * step] * s->D;
        for (int64_t k = 0; k < s->D; k++) {
            float *z = Z + k * ZROWS + i;

            for (int j = 0; j < m; j++)
                z[j] = (float)(((double)x[j][k] - centre[k]) * by[k]);
            for (int j = m; j < SQUARE; j++)
                z[j] = 0;
        }
    }
}

/* The part of a block's products at and below the diagonal, a stripe of columns at a time. */
static void add_products(float *G, float *Y, const float *Z, int64_t D)
{
    for (int64_t j = 0; j < D; j += GRAM_COLUMNS) {
        int64_t n = D - j < GRAM_COLUMNS ? D - j : GRAM_COLUMNS;

        mi_dots(Y, n, Z + j * ZROWS, ZROWS, (int)(D - j), Z + j * ZROWS, ZROWS, (int)n,
                MI_LINEAR_BLOCK);
        for (int64_t i = 0; i < D - j; i++)
            for (int64_t k = 0; k < n; k++)
                G[(j + i) * D + j + k] += Y[i * n + k];
    }
}

int64_t mi_samples_gram(float *G, const struct mi_samples *s, int64_t step, const double *centre,
                        const double *scale)
{
    const int64_t D = s->D;
    float *Z = mi_alloc_aligned((size_t)(D * ZROWS) * sizeof *Z);
    float *Y = mi_alloc_n((size_t)(D * GRAM_COLUMNS), sizeof *Y);
    double *by = mi_alloc_n((size_t)D, sizeof *by);

    for (int64_t k = 0; k < D; k++)
        by[k] = 1 / scale[k];
    memset(G, 0, (size_t)(D * D) * sizeof *G);
    for (int64_t i = 0; i < s->n; i += step * MI_LINEAR_BLOCK) {
        transpose_block(Z, s, i, step, centre, by);
        add_products(G, Y, Z, D);
    }
    mi_free(by);
    mi_free(Y);
    mi_free(Z);
    return (s->n + step - 1) / step;
}
