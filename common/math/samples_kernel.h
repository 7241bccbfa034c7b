/* math/samples_kernel.h: rows of floats against vectors in double.
 *
 * A sum over columns runs in eight lanes (math/vec.h); a sum over rows is one chain a column.
 * Both are kept whatever the width of a register, and no product is fused with a sum. */
#ifndef MI_MATH_SAMPLES_KERNEL_H
#define MI_MATH_SAMPLES_KERNEL_H

#include "math/kernels.h"
#include "math/lanes.h"

/* DV doubles make a register, DV_PARTS of them the eight lanes. */
#if defined(__AVX512F__) && defined(__AVX512DQ__)
enum { DV = 8 };
typedef float fv __attribute__((vector_size(32)));
typedef double dv __attribute__((vector_size(64)));
typedef int64_t iv __attribute__((vector_size(64)));
#elif defined(__AVX2__)
enum { DV = 4 };
typedef float fv __attribute__((vector_size(16)));
typedef double dv __attribute__((vector_size(32)));
typedef int64_t iv __attribute__((vector_size(32)));
#else
enum { DV = 2 };
typedef float fv __attribute__((vector_size(8)));
typedef double dv __attribute__((vector_size(16)));
typedef int64_t iv __attribute__((vector_size(16)));
#endif
enum { DV_LANES = 8, DV_PARTS = DV_LANES / DV, DV_ROWS = 4 };

ALWAYS_INLINE dv dv_load(const double *p)
{
    dv r;

    memcpy(&r, p, sizeof r);
    return r;
}

ALWAYS_INLINE void dv_store(double *p, dv a)
{
    memcpy(p, &a, sizeof a);
}

ALWAYS_INLINE dv dv_load_row(const float *p)
{
    fv r;

    memcpy(&r, p, sizeof r);
    return __builtin_convertvector(r, dv);
}

ALWAYS_INLINE dv dv_set1(double x)
{
    return x - (dv){0};
}

/* ---- sums over the columns ------------------------------------------------------------ */

/* y[r] = sum_k (x[r][k] - centre[k]) w[k] of R rows; without centre where has_centre is 0. */
ALWAYS_INLINE void row_dots_some(double *y, const int R, const int has_centre,
                                 const float *const *x, const double *w, const double *centre,
                                 int64_t D)
{
    dv sum[DV_ROWS][DV_PARTS] = {{{0}}};
    const int64_t ahead = 2 * DV_ROWS * D * (int64_t)sizeof **x; /* where rows follow each other */
    double lane[DV_LANES];
    int64_t k = 0;

    for (; k + DV_LANES <= D; k += DV_LANES) {
        UNROLL
        for (int p = 0; p < DV_PARTS; p++) {
            const int64_t at = k + p * DV;
            dv u = dv_load(w + at), c = has_centre ? dv_load(centre + at) : u;
            UNROLL
            for (int r = 0; r < R; r++) {
                dv v = dv_load_row(x[r] + at);
                if (R > 1 && at % 16 == 0)
                    __builtin_prefetch((const char *)(x[r] + at) + ahead);
                sum[r][p] += (has_centre ? v - c : v) * u;
            }
        }
    }
    UNROLL
    for (int r = 0; r < R; r++) {
        UNROLL
        for (int p = 0; p < DV_PARTS; p++)
            dv_store(lane + p * DV, sum[r][p]);
        for (int64_t i = k; i < D; i++)
            lane[i - k] += (has_centre ? (double)x[r][i] - centre[i] : (double)x[r][i]) * w[i];
        y[r] = ((lane[0] + lane[4]) + (lane[2] + lane[6])) +
               ((lane[1] + lane[5]) + (lane[3] + lane[7]));
    }
}

ALWAYS_INLINE void row_dots_all(double *y, const int has_centre, const float *const *x, int n,
                                const double *w, const double *centre, int64_t D)
{
    int i = 0;

    for (; i + DV_ROWS <= n; i += DV_ROWS)
        row_dots_some(y + i, DV_ROWS, has_centre, x + i, w, centre, D);
    for (; i < n; i++)
        row_dots_some(y + i, 1, has_centre, x + i, w, centre, D);
}

static void run_row_dots(double *y, const float *const *x, int n, const double *w,
                         const double *centre, int64_t D)
{
    if (centre)
        row_dots_all(y, 1, x, n, w, centre, D);
    else
        row_dots_all(y, 0, x, n, w, centre, D);
}

/* ---- sums over the rows --------------------------------------------------------------- */

enum sum_kind { SUM_PLAIN, SUM_SQUARES, SUM_WEIGHTED };

#define SUM_STEP(kind, v, c, a)                          \
    ((kind) == SUM_PLAIN     ? (v)                       \
     : (kind) == SUM_SQUARES ? ((v) - (c)) * ((v) - (c)) \
                             : ((v) - (c)) * (a))

ALWAYS_INLINE void row_sums_some(double *sum, const int R, const enum sum_kind kind,
                                 const float *const *x, const double *centre, const double *a,
                                 int64_t D)
{
    const float *row[DV_ROWS]; /* copies: stores to sum might change x and a */
    dv by[DV_ROWS];
    int64_t k = 0;

    UNROLL
    for (int r = 0; r < R; r++) {
        row[r] = x[r];
        by[r] = dv_set1(kind == SUM_WEIGHTED ? a[r] : 0);
    }
    for (; k + DV <= D; k += DV) {
        dv s = dv_load(sum + k), c = kind == SUM_PLAIN ? s : dv_load(centre + k);
        UNROLL
        for (int r = 0; r < R; r++) {
            dv v = dv_load_row(row[r] + k);
            s += SUM_STEP(kind, v, c, by[r]);
        }
        dv_store(sum + k, s);
    }
    for (; k < D; k++) {
        const double c = kind == SUM_PLAIN ? 0 : centre[k];
        for (int r = 0; r < R; r++) {
            const double v = (double)row[r][k], u = kind == SUM_WEIGHTED ? a[r] : 0;
            sum[k] += SUM_STEP(kind, v, c, u);
        }
    }
}

ALWAYS_INLINE void row_sums_all(double *sum, const enum sum_kind kind, const float *const *x, int n,
                                const double *centre, const double *a, int64_t D)
{
    int i = 0;

    for (; i + DV_ROWS <= n; i += DV_ROWS)
        row_sums_some(sum, DV_ROWS, kind, x + i, centre, a + i, D);
    for (; i < n; i++)
        row_sums_some(sum, 1, kind, x + i, centre, a + i, D);
}

/* sum[k] += x[i][k]; with a centre (x[i][k] - centre[k])^2; with weights a as well,
 * (x[i][k] - centre[k]) a[i]. */
static void run_row_sums(double *sum, const float *const *x, int n, const double *centre,
                         const double *a, int64_t D)
{
    static const double none[MI_SAMPLE_ROWS];

    if (a)
        row_sums_all(sum, SUM_WEIGHTED, x, n, centre, a, D);
    else if (centre)
        row_sums_all(sum, SUM_SQUARES, x, n, centre, none, D);
    else
        row_sums_all(sum, SUM_PLAIN, x, n, centre, none, D);
}

/* ---- the Gram matrix in double -------------------------------------------------------- */

enum { GRAM_I = 4, GRAM_J = 3 };

/* C[i][j] += sum_r a[r][i] b[r][j] of GRAM_I x (GRAM_J DV) elements, the sum from 0 row by row;
 * rows of a and b are MI_GRAM_PANEL apart. */
ALWAYS_INLINE void gram_tile(double *C, int64_t ldc, const double *a, const double *b, int rows)
{
    dv sum[GRAM_I][GRAM_J] = {{{0}}};

    for (int r = 0; r < rows; r++, a += MI_GRAM_PANEL, b += MI_GRAM_PANEL) {
        dv v[GRAM_J];
        UNROLL
        for (int j = 0; j < GRAM_J; j++)
            v[j] = dv_load(b + j * DV);
        UNROLL
        for (int i = 0; i < GRAM_I; i++) {
            const dv u = dv_set1(a[i]);
            UNROLL
            for (int j = 0; j < GRAM_J; j++)
                sum[i][j] += u * v[j];
        }
    }
    UNROLL
    for (int i = 0; i < GRAM_I; i++) {
        UNROLL
        for (int j = 0; j < GRAM_J; j++)
            dv_store(C + i * ldc + j * DV, dv_load(C + i * ldc + j * DV) + sum[i][j]);
    }
}

/* The same for two panels [rows, MI_GRAM_PANEL]. */
static void run_gram(double *C, int64_t ldc, const double *a, const double *b, int rows)
{
    for (int i = 0; i < MI_GRAM_PANEL; i += GRAM_I)
        for (int j = 0; j < MI_GRAM_PANEL; j += GRAM_J * DV)
            gram_tile(C + i * ldc + j, ldc, a + i, b + j, rows);
}

/* ---- the logistic loss ---------------------------------------------------------------- */

ALWAYS_INLINE iv iv_set1(int64_t x)
{
    return x - (iv){0};
}

/* exp(-a) for 0 <= a <= 700, by the method of mi_exp. */
ALWAYS_INLINE dv dv_exp_minus(dv a)
{
    const dv magic = dv_set1(0x1.8p52);
    dv s = a * -0x1.71547652b82fep+0 + magic, n = s - magic;
    dv high = -a - n * 0x1.62e42feep-1, low = n * 0x1.a39ef35793c76p-33, r = high - low;
    dv t = r * r, c = t * 4.13813679705723846039e-08 + -1.65339022054652515390e-06;

    c = t * c + 6.61375632143793436117e-05;
    c = t * c + -2.77777777770155933842e-03;
    c = t * c + 1.66666666666666019037e-01;
    c = r - t * c;
    return (1.0 - ((low - (r * c) / (2.0 - c)) - high)) * (dv)(((iv)s + 1023) << 52);
}

/* log(x) for 1 <= x <= 2, by the method of mi_log. */
ALWAYS_INLINE dv dv_log(dv x)
{
    iv u = (iv)x + 0x00095f6200000000;
    dv f = (dv)((u & 0x000fffffffffffff) + 0x3fe6a09e00000000) - 1.0;
    dv e = (dv)((u >> 52) + 0x4330000000000000) - (0x1p52 + 1023);
    dv s = f / (2.0 + f), z = s * s, w = z * z, even, odd;

    even = w * (3.999999999940941908e-01 +
                w * (2.222219843214978396e-01 + w * 1.531383769920937332e-01));
    odd = z * (6.666666666666735130e-01 +
               w * (2.857142874366239149e-01 +
                    w * (1.818357216161805012e-01 + w * 1.479819860511658591e-01)));
    z = 0.5 * f * f;
    return e * 0x1.62e42feep-1 - ((z - (s * (z + (even + odd)) + e * 0x1.a39ef35793c76p-33)) - f);
}

/* loss[i] = log(1 + exp(-m)), slope[i] = -side[i] / (1 + exp(m)) at m = side[i] f[i];
 * n a multiple of 8. */
static void run_logit(double *loss, double *slope, const double *f, const double *side, int n)
{
    for (int i = 0; i < n; i += DV) {
        dv y = dv_load(side + i), m = dv_load(f + i) * y;
        dv a = (dv)((iv)m & INT64_MAX);
        iv is_negative = (iv)(m < 0), is_far = (iv)(a > 700);
        dv e, d;

        a = (dv)(((iv)a & ~is_far) | ((iv)dv_set1(700) & is_far));
        e = dv_exp_minus(a);
        d = 1.0 / (1.0 + e);
        dv_store(loss + i, (dv)((iv)-m & is_negative) + dv_log(1.0 + e));
        d = (dv)(((iv)d & is_negative) | ((iv)(e * d) & ~is_negative));
        dv_store(slope + i, -y * d);
    }
}

#endif
