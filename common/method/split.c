#include "method/split.h"

#include "base/mem.h"
#include "math/linalg.h"

#include <string.h>

enum { BLOCK = 256, REFINEMENTS = 2 };

static int64_t least(const struct mi_readout_space *s)
{
    return s->rows < s->width ? s->rows : s->width;
}

/* C [n, n] = W W^T or W^T W, whichever is smaller, a block of the long side at a time. */
static void fill_gram(double *C, const struct mi_readout_space *s)
{
    int64_t n = least(s), most = s->rows + s->width - n;
    double *A = mi_alloc_n((size_t)(BLOCK * n), sizeof *A);
    double *part = mi_alloc_n((size_t)(n * n), sizeof *part);

    memset(C, 0, (size_t)(n * n) * sizeof *C);
    for (int64_t from = 0; from < most; from += BLOCK) {
        int64_t m = most - from < BLOCK ? most - from : BLOCK;

        for (int64_t i = 0; i < m; i++)
            for (int64_t k = 0; k < n; k++)
                A[i * n + k] = (double)(s->width > s->rows ? s->W[k * s->width + from + i]
                                                           : s->W[(from + i) * s->width + k]);
        mi_gram(part, A, m, n);
        for (int64_t i = 0; i < n * n; i++)
            C[i] += part[i];
    }
    mi_free(part);
    mi_free(A);
}

int mi_readout_space_init(struct mi_readout_space *s, const float *W, int64_t rows, int64_t width,
                          double rtol)
{
    int64_t n;
    double *C, *w, *V;
    int status;

    *s = (struct mi_readout_space){.W = W, .rows = rows, .width = width};
    n = least(s);
    C = mi_alloc_n((size_t)(n * n), sizeof *C);
    V = mi_alloc_n((size_t)(n * n), sizeof *V);
    w = mi_alloc_n((size_t)n, sizeof *w);
    fill_gram(C, s);
    status = mi_eigh(w, V, C, n);
    mi_free(C);
    while (status == MI_LINALG_OK && s->rank < n && w[n - 1 - s->rank] > 0 &&
           w[n - 1 - s->rank] > rtol * rtol * w[n - 1])
        s->rank++;
    s->value = mi_alloc_n((size_t)s->rank, sizeof *s->value);
    s->vector = mi_alloc_n((size_t)(s->rank * n), sizeof *s->vector);
    memcpy(s->value, w + n - s->rank, (size_t)s->rank * sizeof *w);
    memcpy(s->vector, V + (n - s->rank) * n, (size_t)(s->rank * n) * sizeof *V);
    mi_free(V);
    mi_free(w);
    return status == MI_LINALG_OK ? 0 : -1;
}

static double dot(const double *a, const double *b, int64_t n)
{
    double sum = 0;

    for (int64_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

/* row += W^T (W W^T)^+ W rest; y, a [rows] scratch. */
static void add_row_part(const struct mi_readout_space *s, double *row, const double *rest,
                         double *y, double *a)
{
    memset(a, 0, (size_t)s->rows * sizeof *a);
    for (int64_t r = 0; r < s->rows; r++) {
        const float *w = s->W + r * s->width;

        y[r] = 0;
        for (int64_t i = 0; i < s->width; i++)
            y[r] += (double)w[i] * rest[i];
    }
    for (int64_t k = 0; k < s->rank; k++) {
        const double *u = s->vector + k * s->rows;
        double c = dot(u, y, s->rows) / s->value[k];

        for (int64_t r = 0; r < s->rows; r++)
            a[r] += c * u[r];
    }
    for (int64_t r = 0; r < s->rows; r++)
        for (int64_t i = 0; i < s->width; i++)
            row[i] += a[r] * (double)s->W[r * s->width + i];
}

static void subtract(double *null, const float *d, const double *row, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        null[i] = (double)d[i] - row[i];
}

void mi_split(const struct mi_readout_space *s, const float *d, double *row, double *null)
{
    double *y = mi_alloc_n(2 * (size_t)s->rows, sizeof *y);

    memset(row, 0, (size_t)s->width * sizeof *row);
    subtract(null, d, row, s->width);
    for (int i = 0; s->width > s->rows && i <= REFINEMENTS; i++) {
        add_row_part(s, row, null, y, y + s->rows);
        subtract(null, d, row, s->width);
    }
    for (int64_t k = 0; s->width <= s->rows && k < s->rank; k++) {
        const double *v = s->vector + k * s->width;
        double c = dot(v, null, s->width); /* null is d still, less what is orthogonal to v */

        for (int64_t i = 0; i < s->width; i++) {
            row[i] += c * v[i];
            null[i] -= c * v[i];
        }
    }
    mi_free(y);
}

void mi_readout_space_free(struct mi_readout_space *s)
{
    mi_free(s->value);
    mi_free(s->vector);
    *s = (struct mi_readout_space){0};
}
