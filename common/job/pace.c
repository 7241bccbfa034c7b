#include "job/pace.h"

#include "base/mem.h"
#include "base/progress.h"
#include "math/linear.h"

#include <stdlib.h>

enum { ROWS = 512, OUTPUTS = 2048, TIMES = 9, LONGEST = 100000000 /* products of one */ };

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* The unembedding is there in every model, in a type of its weights. */
double mi_pace(const struct mi_model *m)
{
    struct mi_matrix W = m->unembedding;
    double rate[TIMES], flops;
    float *x, *y;

    W.n = W.n < OUTPUTS ? W.n : OUTPUTS;
    while (W.n > 64 && (double)W.n * W.k * ROWS > LONGEST)
        W.n /= 2;
    x = mi_alloc_zero((size_t)ROWS * (size_t)W.k, sizeof *x);
    y = mi_alloc_n((size_t)ROWS * (size_t)W.n, sizeof *y);
    flops = 2.0 * ROWS * W.n * W.k;
    for (int i = 0; i < TIMES; i++) {
        double start = mi_seconds(), t;

        mi_linear(y, W.n, x, W.k, ROWS, &W, NULL);
        t = mi_seconds() - start;
        rate[i] = flops / (t > 1e-9 ? t : 1e-9);
    }
    qsort(rate, TIMES, sizeof *rate, compare);
    mi_free(x);
    mi_free(y);
    return rate[TIMES / 2];
}
