#include "math/cholesky.h"

#include "base/mem.h"
#include "math/linear.h"
#include "math/vec.h"

#include <math.h>

enum { WIDTH = 48 }; /* columns that are finished at a time */

/* The stripe of columns j .. j + n - 1, from which Y [D - j, n] is still to be taken. Row c of T
 * is column c of L's diagonal block, so that a row is swept left to right. */
static int finish_stripe(float *A, int64_t D, int64_t j, int64_t n, const float *Y)
{
    double T[WIDTH][WIDTH] = {{0}}, r[WIDTH];

    for (int64_t i = j; i < D; i++) {
        float *a = A + i * D + j;
        const int64_t left = i - j < n ? i - j : n; /* columns before the diagonal */

        for (int64_t c = 0; c < n; c++)
            r[c] = (double)a[c] - (Y ? (double)Y[(i - j) * n + c] : 0);
        for (int64_t c = 0; c < left; c++) {
            r[c] /= T[c][c];
            if (left < n)
                T[c][left] = r[c];
            for (int64_t t = c + 1; t < n; t++)
                r[t] -= r[c] * T[c][t];
            a[c] = (float)r[c];
        }
        if (left < n) { /* a row of the block itself */
            if (!(r[left] > 0))
                return -1;
            T[left][left] = sqrt(r[left]);
            a[left] = (float)T[left][left];
        }
    }
    return 0;
}

int mi_cholesky(float *A, int64_t D)
{
    float *Y = mi_alloc_n((size_t)(D * WIDTH), sizeof *Y);
    int r = 0;

    for (int64_t j = 0; j < D && r == 0; j += WIDTH) {
        int64_t n = D - j < WIDTH ? D - j : WIDTH;

        if (j)
            mi_dots(Y, n, A + j * D, D, (int)(D - j), A + j * D, D, (int)n, j);
        r = finish_stripe(A, D, j, n, j ? Y : NULL);
    }
    mi_free(Y);
    return r;
}

void mi_cholesky_forward(double *y, const float *L, int64_t D)
{
    for (int64_t i = 0; i < D; i++)
        y[i] = (y[i] - mi_vec_dot_row(L + i * D, y, i)) / (double)L[i * D + i];
}

void mi_cholesky_back(double *y, const float *L, int64_t D)
{
    for (int64_t i = D; i-- > 0;) {
        y[i] /= (double)L[i * D + i];
        mi_vec_axpy_row(y, -y[i], L + i * D, i);
    }
}
