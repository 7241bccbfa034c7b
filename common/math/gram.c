/* C = A^T A. Not by BLAS, whose sums depend on the processor: here blocks of BLOCK rows are
 * summed row after row, then the blocks in order. */
#include "base/mem.h"
#include "base/par.h"
#include "math/kernels.h"
#include "math/linalg.h"

#include <string.h>

enum { BLOCK = 192 };

struct gram {
    double *C; /* [n_panels, n_panels] panels in one matrix with rows ldc apart */
    int64_t ldc, n_panels;
    const double *A; /* [rows, n] */
    double *packed;  /* [n_panels, BLOCK, MI_GRAM_PANEL] of the block in hand, zeros after n */
    int64_t n, first;
    int rows; /* of the block */
};

static void pack_panel(void *ctx, int64_t panel, int thread)
{
    const struct gram *g = ctx;
    const int64_t k = panel * MI_GRAM_PANEL;
    const size_t width = (size_t)(g->n - k < MI_GRAM_PANEL ? g->n - k : MI_GRAM_PANEL);
    double *to = g->packed + panel * BLOCK * MI_GRAM_PANEL;

    (void)thread;
    for (int r = 0; r < g->rows; r++)
        memcpy(to + r * MI_GRAM_PANEL, g->A + (g->first + r) * g->n + k, width * sizeof *to);
}

/* The panels at and below the diagonal in one column of panels. */
static void multiply(void *ctx, int64_t column, int thread)
{
    const struct gram *g = ctx;
    const int64_t step = BLOCK * MI_GRAM_PANEL;

    (void)thread;
    for (int64_t i = column; i < g->n_panels; i++)
        mi_kernels()->gram(g->C + (i * g->ldc + column) * MI_GRAM_PANEL, g->ldc,
                           g->packed + i * step, g->packed + column * step, g->rows);
}

void mi_gram(double *C, const double *A, int64_t rows, int64_t n)
{
    const int64_t n_panels = (n + MI_GRAM_PANEL - 1) / MI_GRAM_PANEL;
    struct gram g = {.ldc = n_panels * MI_GRAM_PANEL, .n_panels = n_panels, .A = A, .n = n};

    if (n <= 0)
        return;
    g.C = mi_alloc_zero((size_t)g.ldc * (size_t)g.ldc, sizeof *g.C);
    g.packed = mi_alloc_zero((size_t)(BLOCK * g.ldc), sizeof *g.packed);
    for (g.first = 0; g.first < rows; g.first += BLOCK) {
        g.rows = (int)(rows - g.first < BLOCK ? rows - g.first : BLOCK);
        mi_par_for(n_panels, pack_panel, &g);
        mi_par_for(n_panels, multiply, &g);
    }
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j <= i; j++)
            C[i * n + j] = C[j * n + i] = g.C[i * g.ldc + j];
    mi_free(g.packed);
    mi_free(g.C);
}
