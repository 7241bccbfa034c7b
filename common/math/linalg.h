/* math/linalg.h: dense linear algebra in double (LAPACK), for statistics only.
 *
 * Never on the model's path. One BLAS thread; results are reproducible on one BLAS
 * kernel and agree within 1e-10 elsewhere. Matrices are row-major. */
#ifndef MI_MATH_LINALG_H
#define MI_MATH_LINALG_H

#include <stdint.h>

enum mi_linalg_status {
    MI_LINALG_OK,
    MI_LINALG_SINGULAR,
    MI_LINALG_NOT_CONVERGED,
    MI_LINALG_SHAPE
};

/* C[n, n] = A^T A of A [rows, n] (all of C is filled). By kernels of our own, in parallel: the
 * same bits on every instruction set and for any number of threads. */
void mi_gram(double *C, const double *A, int64_t rows, int64_t n);
/* Eigenvalues w [n] ascending and eigenvectors V (row i is the vector of w[i]) of the
 * symmetric A [n, n], which is left alone. */
int mi_eigh(double *w, double *V, const double *A, int64_t n);
/* The k largest only: w [k] descending, V [k, n]. */
int mi_eigh_top(double *w, double *V, const double *A, int64_t n, int64_t k);
/* Solves A x = b for symmetric A through its eigenvectors, dropping those below
 * rtol * largest (a pseudo-inverse); where a Cholesky factor shows that there are none, by
 * that, which is ten times as fast. x, b [n]. */
int mi_solve_pinv(double *x, const double *A, const double *b, int64_t n, double rtol);
/* Singular values s [min(m, n)] descending of A [m, n]. */
int mi_singular_values(double *s, const double *A, int64_t m, int64_t n);

#endif
