/* math/linalg.c: the one file that knows LAPACK and BLAS.
 *
 * Symmetric matrices are handed over as they are: row-major and column-major are the same,
 * and an eigenvector that LAPACK puts in a column is a row here. */
#include "math/linalg.h"

#include "base/mem.h"

#include <cblas.h>
#include <lapacke.h>
#include <limits.h>
#include <math.h>
#include <string.h>

/* OpenBLAS only; absent from other BLAS libraries. Our own threads are the parallel ones. */
extern void openblas_set_num_threads(int n) __attribute__((weak));

static void use_one_thread(void)
{
    if (openblas_set_num_threads)
        openblas_set_num_threads(1);
}

static int status_of(lapack_int info)
{
    return info == 0 ? MI_LINALG_OK : info > 0 ? MI_LINALG_NOT_CONVERGED : MI_LINALG_SHAPE;
}

static int fits(int64_t n)
{
    return n > 0 && n <= INT_MAX;
}

/* LAPACK may not end on infinities; the factorisations below refuse them. */
static int all_finite(const double *A, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(A[i]))
            return 0;
    return 1;
}

static double *copy_of(const double *A, int64_t rows, int64_t n)
{
    double *copy = mi_alloc_n((size_t)rows * (size_t)n, sizeof *copy);

    memcpy(copy, A, (size_t)rows * (size_t)n * sizeof *copy);
    return copy;
}

int mi_eigh(double *w, double *V, const double *A, int64_t n)
{
    if (!fits(n) || !all_finite(A, n * n))
        return MI_LINALG_SHAPE;
    use_one_thread();
    if (V != A)
        memcpy(V, A, (size_t)n * (size_t)n * sizeof *V);
    return status_of(
        LAPACKE_dsyevd(LAPACK_COL_MAJOR, 'V', 'U', (lapack_int)n, V, (lapack_int)n, w));
}

int mi_eigh_top(double *w, double *V, const double *A, int64_t n, int64_t k)
{
    const lapack_int N = (lapack_int)n, first = (lapack_int)(n - k + 1);
    double *copy, *values, *vectors;
    lapack_int *support, found = 0, info;

    if (!fits(n) || k <= 0 || k > n || !all_finite(A, n * n))
        return MI_LINALG_SHAPE;
    use_one_thread();
    copy = copy_of(A, n, n);
    values = mi_alloc_n((size_t)n, sizeof *values);
    vectors = mi_alloc_n((size_t)n * (size_t)k, sizeof *vectors);
    support = mi_alloc_n(2 * (size_t)k, sizeof *support);
    info = LAPACKE_dsyevr(LAPACK_COL_MAJOR, 'V', 'I', 'U', N, copy, N, 0.0, 0.0, first, N, 0.0,
                          &found, values, vectors, N, support);
    if (info == 0 && found != (lapack_int)k)
        info = 1;
    for (int64_t i = 0; info == 0 && i < k; i++) { /* ascending there, descending here */
        w[i] = values[k - 1 - i];
        memcpy(V + i * n, vectors + (k - 1 - i) * n, (size_t)n * sizeof *V);
    }
    mi_free(copy);
    mi_free(values);
    mi_free(vectors);
    mi_free(support);
    return status_of(info);
}

/* Does every eigenvalue of A stand above rtol * the largest, which is at most the largest sum
 * of a row? Where A less that much of the identity has a Cholesky factor, no doubt. C [n, n]
 * scratch. */
static int is_well_conditioned(double *C, const double *A, int64_t n, double rtol)
{
    double most = 0.0;

    for (int64_t i = 0; i < n; i++) {
        double sum = cblas_dasum((int)n, A + i * n, 1);
        most = sum > most ? sum : most;
    }
    memcpy(C, A, (size_t)n * (size_t)n * sizeof *C);
    for (int64_t i = 0; i < n; i++)
        C[i * n + i] -= rtol * most;
    return LAPACKE_dpotrf(LAPACK_COL_MAJOR, 'U', (lapack_int)n, C, (lapack_int)n) == 0;
}

/* x = A^-1 b where no eigenvalue is to be dropped; 0 where one may be. */
static int solve_directly(double *x, const double *A, const double *b, int64_t n, double rtol)
{
    const lapack_int N = (lapack_int)n;
    double *C = mi_alloc_n((size_t)n * (size_t)n, sizeof *C);
    int is_solved = is_well_conditioned(C, A, n, rtol);

    if (is_solved) {
        memcpy(C, A, (size_t)n * (size_t)n * sizeof *C);
        memcpy(x, b, (size_t)n * sizeof *x);
        is_solved = LAPACKE_dposv(LAPACK_COL_MAJOR, 'U', N, 1, C, N, x, N) == 0;
    }
    mi_free(C);
    return is_solved;
}

int mi_solve_pinv(double *x, const double *A, const double *b, int64_t n, double rtol)
{
    double *w, *V, *y, largest = 0.0;
    int status;

    if (!fits(n) || !all_finite(A, n * n))
        return MI_LINALG_SHAPE;
    use_one_thread();
    if (rtol > 0 && solve_directly(x, A, b, n, rtol))
        return MI_LINALG_OK;
    w = mi_alloc_n((size_t)n, sizeof *w);
    V = mi_alloc_n((size_t)n * (size_t)n, sizeof *V);
    y = mi_alloc_zero((size_t)n, sizeof *y);
    status = mi_eigh(w, V, A, n);
    for (int64_t i = 0; status == MI_LINALG_OK && i < n; i++)
        largest = fabs(w[i]) > largest ? fabs(w[i]) : largest;
    if (status == MI_LINALG_OK && largest == 0.0)
        status = MI_LINALG_SINGULAR;
    for (int64_t i = 0; status == MI_LINALG_OK && i < n; i++) {
        const double *v = V + i * n;
        if (fabs(w[i]) > rtol * largest)
            cblas_daxpy((int)n, cblas_ddot((int)n, v, 1, b, 1) / w[i], v, 1, y, 1);
    }
    if (status == MI_LINALG_OK)
        memcpy(x, y, (size_t)n * sizeof *x);
    mi_free(w);
    mi_free(V);
    mi_free(y);
    return status;
}

int mi_singular_values(double *s, const double *A, int64_t m, int64_t n)
{
    double *copy;
    lapack_int info;

    if (!fits(m) || !fits(n) || !all_finite(A, m * n))
        return MI_LINALG_SHAPE;
    use_one_thread();
    copy = copy_of(A, m, n); /* its transpose has the same singular values */
    info = LAPACKE_dgesdd(LAPACK_COL_MAJOR, 'N', (lapack_int)n, (lapack_int)m, copy, (lapack_int)n,
                          s, NULL, 1, NULL, 1);
    mi_free(copy);
    return status_of(info);
}
