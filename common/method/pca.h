/* method/pca.h: leading principal components and a pseudo-inverse, by the smaller side.
 *
 * For A [n, D] the eigenvectors of A^T A [D, D] and of A A^T [n, n] tell the same; the
 * smaller of the two is decomposed (Golub and Van Loan, section 8.6). */
#ifndef MI_METHOD_PCA_H
#define MI_METHOD_PCA_H

#include <stdint.h>

/* The k leading right singular vectors of A [n, D] as rows of V [k, D], of unit norm, and the
 * share of sum A^2 along each into share [k]. A is not centred here. Returns 0; -1 when A is
 * zero, has rank below k, or the decomposition did not converge. */
int mi_pca(double *V, double *share, const double *A, int64_t n, int64_t D, int64_t k);

/* x = (A^T A / n)^+ b, eigenvalues below rtol * largest dropped. x, b [D]. Returns 0 or -1. */
int mi_pca_solve(double *x, const double *A, int64_t n, int64_t D, const double *b, double rtol);

#endif
