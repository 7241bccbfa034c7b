#include "method/pca.h"

#include "base/mem.h"
#include "math/linalg.h"
#include "math/vec.h"

#include <string.h>

/* T [D, n] = A^T. */
static double *transpose(const double *A, int64_t n, int64_t D)
{
    double *T = mi_alloc_n((size_t)n * (size_t)D, sizeof *T);

    for (int64_t i = 0; i < n; i++)
        for (int64_t k = 0; k < D; k++)
            T[k * n + i] = A[i * D + k];
    return T;
}

/* G [n, n] = A A^T. */
static void outer_gram(double *G, const double *A, int64_t n, int64_t D)
{
    double *T = transpose(A, n, D);

    mi_gram(G, T, D, n);
    mi_free(T);
}

/* v [D] = A^T u, in the order of the rows. */
static void combine_rows(double *v, const double *A, const double *u, int64_t n, int64_t D)
{
    memset(v, 0, (size_t)D * sizeof *v);
    for (int64_t i = 0; i < n; i++)
        mi_vec_axpy(v, u[i], A + i * D, D);
}

int mi_pca(double *V, double *share, const double *A, int64_t n, int64_t D, int64_t k)
{
    int64_t m = n < D ? n : D;
    double total = mi_vec_dot(A, A, n * D), *G, *w, *U;
    int r = -1;

    if (k > m || total <= 0)
        return -1;
    G = mi_alloc_n((size_t)m * (size_t)m, sizeof *G);
    w = mi_alloc_n((size_t)k, sizeof *w);
    U = mi_alloc_n((size_t)k * (size_t)m, sizeof *U);
    if (n < D)
        outer_gram(G, A, n, D);
    else
        mi_gram(G, A, n, D);
    if (mi_eigh_top(w, U, G, m, k) != MI_LINALG_OK || w[k - 1] <= 1e-14 * total)
        goto out;
    for (int64_t i = 0; i < k; i++) {
        if (n < D)
            combine_rows(V + i * D, A, U + i * m, n, D);
        else
            memcpy(V + i * D, U + i * m, (size_t)D * sizeof *V);
        mi_vec_normalize(V + i * D, D);
        share[i] = w[i] / total;
    }
    r = 0;
out:
    mi_free(U);
    mi_free(w);
    mi_free(G);
    return r;
}

/* With A A^T / n = sum_i w_i u_i u_i^T the pseudo-inverse of A^T A / n is
 * sum_i (A^T u_i)(A^T u_i)^T / (n w_i^2). */
static int solve_by_rows(double *x, const double *A, int64_t n, int64_t D, const double *b,
                         double rtol)
{
    double *G = mi_alloc_n(2 * (size_t)n * (size_t)n, sizeof *G), *U = G + n * n;
    double *w = mi_alloc_n((size_t)n, sizeof *w), *q = mi_alloc_n((size_t)D, sizeof *q);
    int r = -1;

    outer_gram(G, A, n, D);
    mi_vec_scale(G, 1 / (double)n, n * n);
    memset(x, 0, (size_t)D * sizeof *x);
    if (mi_eigh(w, U, G, n) == MI_LINALG_OK && w[n - 1] > 0) {
        for (int64_t i = 0; i < n; i++) {
            if (w[i] <= rtol * w[n - 1])
                continue;
            combine_rows(q, A, U + i * n, n, D);
            mi_vec_axpy(x, mi_vec_dot(q, b, D) / ((double)n * w[i] * w[i]), q, D);
        }
        r = 0;
    }
    mi_free(q);
    mi_free(w);
    mi_free(G);
    return r;
}

int mi_pca_solve(double *x, const double *A, int64_t n, int64_t D, const double *b, double rtol)
{
    double *G;
    int r;

    if (n < D)
        return solve_by_rows(x, A, n, D, b, rtol);
    G = mi_alloc_n((size_t)D * (size_t)D, sizeof *G);
    mi_gram(G, A, n, D);
    mi_vec_scale(G, 1 / (double)n, D * D);
    r = mi_solve_pinv(x, G, b, D, rtol) == MI_LINALG_OK ? 0 : -1;
    mi_free(G);
    return r;
}
