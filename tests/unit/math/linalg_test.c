/* Dense linear algebra: the defining equations hold, and bad input is refused. */
#include "math/linalg.h"

#include "../tap.h"
#include "data.h"

static double *random_doubles(int64_t n)
{
    double *x = malloc((size_t)n * sizeof *x);

    for (int64_t i = 0; i < n; i++)
        x[i] = (double)data_float();
    return x;
}

static double dot(const double *x, const double *y, int64_t n)
{
    double s = 0;

    for (int64_t i = 0; i < n; i++)
        s += x[i] * y[i];
    return s;
}

/* max over i of |A v_i - w_i v_i|, and of |v_i . v_j - delta_ij| */
static double eigen_error(const double *A, const double *w, const double *V, int n, int k)
{
    double worst = 0;

    for (int i = 0; i < k; i++) {
        for (int r = 0; r < n; r++)
            worst = fmax(worst, fabs(dot(A + r * n, V + i * n, n) - w[i] * V[i * n + r]));
        for (int j = 0; j < k; j++)
            worst = fmax(worst, fabs(dot(V + i * n, V + j * n, n) - (i == j)));
    }
    return worst;
}

static void test_eigen(int n, int rows, int k)
{
    double *X = random_doubles((int64_t)rows * n), *A = random_doubles((int64_t)n * n);
    double *w = random_doubles(n), *V = random_doubles((int64_t)n * n), *top = random_doubles(n);
    double *B = random_doubles((int64_t)n * n), *s = random_doubles(n), worst = 0;

    mi_gram(A, X, rows, n);
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) {
            double sum = 0;
            for (int r = 0; r < rows; r++)
                sum += X[r * n + i] * X[r * n + j];
            worst = fmax(worst, fabs(sum - A[i * n + j]) / (1 + fabs(sum)));
        }
    ok(worst < 1e-12, "gram of %d x %d (%.2g)", rows, n, worst);
    memcpy(B, A, (size_t)(n * n) * sizeof *A);
    ok(mi_eigh(w, V, A, n) == MI_LINALG_OK, "eigenvectors are found");
    worst = eigen_error(A, w, V, n, n) / fmax(1, w[n - 1]);
    ok(worst < 1e-12, "A v = w v, orthonormal, rows are vectors (%.2g)", worst);
    ok(mi_eigh_top(top, V, A, n, k) == MI_LINALG_OK, "the %d largest alone", k);
    for (int i = 0; i < k; i++)
        worst = fmax(worst, fabs(top[i] - w[n - 1 - i]) / w[n - 1]);
    worst = fmax(worst, eigen_error(A, top, V, n, k) / w[n - 1]);
    ok(worst < 1e-12, "are those, descending (%.2g)", worst);
    ok(memcmp(A, B, (size_t)(n * n) * sizeof *A) == 0, "A is left alone");
    ok(mi_singular_values(s, X, rows, n) == MI_LINALG_OK, "singular values are found");
    worst = 0;
    for (int i = 0; i < (rows < n ? rows : n); i++)
        worst = fmax(worst, fabs(s[i] * s[i] - w[n - 1 - i]) / w[n - 1]);
    ok(worst < 1e-12, "their squares are the eigenvalues of the gram (%.2g)", worst);
    free(X), free(A), free(B), free(w), free(V), free(top), free(s);
}

static void test_solve(void)
{
    enum { N = 12 };
    double *X = random_doubles(N * N), A[N * N], b[N], x[N], worst = 0;

    mi_gram(A, X, N, N);
    for (int i = 0; i < N; i++)
        b[i] = i - 3.5;
    ok(mi_solve_pinv(x, A, b, N, 1e-12) == MI_LINALG_OK, "a regular system is solved");
    for (int i = 0; i < N; i++)
        worst = fmax(worst, fabs(dot(A + i * N, x, N) - b[i]));
    ok(worst < 1e-8, "A x = b (%.2g)", worst);
    mi_gram(A, X, 3, N); /* rank 3: the solution of least norm, of a right side in the range */
    for (int i = 0; i < N; i++)
        b[i] = dot(A + i * N, X, N);
    worst = 0;
    ok(mi_solve_pinv(x, A, b, N, 1e-9) == MI_LINALG_OK, "a singular one by its pseudo-inverse");
    for (int i = 0; i < N; i++)
        worst = fmax(worst, fabs(dot(A + i * N, x, N) - b[i]) / fabs(b[0]));
    ok(worst < 1e-9 && dot(x, x, N) <= dot(X, X, N) * (1 + 1e-9), "of least norm (%.2g)", worst);
    memset(A, 0, sizeof A);
    ok(mi_solve_pinv(x, A, b, N, 1e-9) == MI_LINALG_SINGULAR, "a zero matrix is singular");
    A[5] = (double)NAN;
    ok(mi_eigh(x, X, A, N) == MI_LINALG_SHAPE && mi_singular_values(x, A, N, N) != MI_LINALG_OK &&
           mi_eigh_top(x, X, A, N, 2) == MI_LINALG_SHAPE,
       "NaN is refused");
    A[5] = 0;
    ok(mi_eigh_top(x, X, A, N, N + 1) == MI_LINALG_SHAPE && mi_eigh(x, X, A, 0) == MI_LINALG_SHAPE,
       "impossible sizes are refused");
    mi_gram(A, X, 0, N);
    ok(A[0] == 0 && A[N * N - 1] == 0, "the gram of no rows is zero");
    free(X);
}

int main(void)
{
    test_eigen(30, 50, 4);
    test_eigen(1, 3, 1);
    test_eigen(64, 20, 5);
    test_solve();
    return done();
}
