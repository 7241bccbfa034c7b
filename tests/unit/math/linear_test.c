/* The canonical order of math/linear.h, against a scalar reference written here, over
 * types, shapes, instruction sets and threads. Every comparison is of bits. */
#include "base/par.h"
#include "math/linear.h"
#include "math/quant.h"

#include "../tap.h"
#include "data.h"

enum { MAX_M = 512 };

/* Under the address sanitizer (one thread) each shape is run once. */
#ifdef __SANITIZE_ADDRESS__
enum { SLOW = 1 };
#else
enum { SLOW = 0 };
#endif

/* The order as its definition says it. */
static float reference(const float *x, const float *w, int k)
{
    float y = 0;

    for (int k0 = 0; k0 < k; k0 += 1024) {
        int end = k - k0 < 1024 ? k : k0 + 1024, padded = k0 + (end - k0 + 15) / 16 * 16;
        float lane[16] = {0};
        for (int i = k0; i < padded; i++)
            lane[(i - k0) % 16] = fmaf(i < end ? x[i] : 0, i < end ? w[i] : 0, lane[(i - k0) % 16]);
        for (int half = 8; half; half /= 2)
            for (int j = 0; j < half; j++)
                lane[j] = lane[j] + lane[j + half];
        y = k0 ? y + lane[0] : lane[0];
    }
    return y;
}

static int64_t differing(const float *Y, int64_t ldy, const float *R, int m, int n)
{
    int64_t bad = 0;

    for (int i = 0; i < m; i++)
        bad += memcmp(Y + i * ldy, R + (int64_t)i * n, (size_t)n * sizeof *Y) != 0;
    return bad;
}

/* One matrix, every instruction set, the given numbers of rows, threads 1, 2, 3, 7. */
static int64_t test_matrix(const struct mi_qtype_info *t, int n, int k, const int *rows, int n_rows)
{
    static const int threads[] = {1, 2, 3, 7};
    const int ldx = k + 3, ldy = n + 5, most = rows[n_rows - 1];
    unsigned char *data = data_weights(t, n, k);
    struct mi_matrix W = {data, t->type, n, k, (size_t)(k / t->block_elements * t->block_bytes)};
    float *X = data_floats((int64_t)MAX_M * ldx), *bias = data_floats(n);
    float *Y = data_floats((int64_t)MAX_M * ldy), *R = data_floats((int64_t)MAX_M * n);
    float *w = data_floats(k), *row = data_floats(k);
    const char *isa[3];
    int isas = data_isas(isa);
    int64_t bad = 0;

    for (int j = 0; j < n; j++) {
        t->dequantise(w, data + (size_t)j * W.row_bytes, k / t->block_elements);
        for (int i = 0; i < most; i++)
            R[(int64_t)i * n + j] = reference(X + (int64_t)i * ldx, w, k);
        for (int a = 0; a < isas; a++) {
            mi_cpu_set_isa(isa[a]);
            mi_matrix_row(row, &W, j);
            bad += memcmp(row, w, (size_t)k * sizeof *w) != 0;
        }
    }
    for (int r = 0; r < n_rows; r++) {
        int m = rows[r];
        for (int a = 0; a < isas; a++)
            for (int c = 0; c < (SLOW || (a == 0 && m > 8) ? 1 : 4); c++) {
                mi_cpu_set_isa(isa[a]);
                mi_par_set(threads[a == 0 && m > 8 ? m % 4 : c]);
                memset(Y, 0xff, (size_t)(MAX_M * ldy) * sizeof *Y);
                mi_linear(Y, ldy, X, ldx, m, &W, NULL);
                bad += differing(Y, ldy, R, m, n);
                for (int i = 0; i < m; i++) /* nothing beside the result is written */
                    for (int j = n; j < ldy; j++)
                        bad += Y[(int64_t)i * ldy + j] == Y[(int64_t)i * ldy + j];
            }
    }
    mi_par_set(2);
    mi_linear(Y, ldy, X, ldx, most, &W, bias);
    for (int i = 0; i < most; i++)
        for (int j = 0; j < n; j++)
            bad += Y[(int64_t)i * ldy + j] != R[(int64_t)i * n + j] + bias[j];
    free(data), free(X), free(bias), free(Y), free(R), free(w), free(row);
    return bad;
}

static void test_types(void)
{
    static const struct {
        int n, k;
    } shapes[] = {{5, 17}, {37, 100}, {61, 1000}, {50, 1536}, {33, 2053}, {29, 3072},
                  {7, 16}, {19, 48},  {400, 576}, {23, 1040}, {31, 2304}, {1, 256}};
    int all[40], few[] = {1, 2, 7, 13, SLOW ? 26 : 100}, n_types;
    const struct mi_qtype_info *types = mi_qtypes(&n_types);

    for (int i = 0; i < 40; i++)
        all[i] = i + 1;
    for (int t = 0; t < n_types; t++) {
        int64_t bad = 0;
        for (size_t s = SLOW; s < sizeof shapes / sizeof *shapes; s += 1 + SLOW)
            if (shapes[s].k % types[t].block_elements == 0)
                bad += test_matrix(&types[t], shapes[s].n, shapes[s].k, few, 5);
        bad += test_matrix(&types[t], SLOW ? 9 : 43, types[t].block_elements == 256 ? 768 : 672,
                           all, 40);
        ok(bad == 0, "%s: bits of the reference for all shapes, rows, threads (%lld differ)",
           types[t].name, (long long)bad);
    }
}

static void test_many_rows(void)
{
    static const int rows[] = {64, 65, 512}, few[] = {1, 5, 8};
    int64_t bad = 0;

    bad += test_matrix(mi_qtype_info(MI_Q_F32), SLOW ? 2 : 30, 2053, rows, 3);
    bad += test_matrix(mi_qtype_info(MI_Q_Q4_1), SLOW ? 5 : 210, 1056, rows, 3);
    bad += test_matrix(mi_qtype_info(MI_Q_Q8_0), SLOW ? 9 : 700, 1056, few, 3);
    ok(bad == 0, "tall matrices, 1 to 512 rows: bits of the reference (%lld differ)",
       (long long)bad);
}

/* Several matrices at once, and plain arrays. */
static void test_jobs(void)
{
    const int k = 192, m = 11, n[3] = {192, 64, 65};
    const struct mi_qtype_info *type[3] = {mi_qtype_info(MI_Q_Q8_0), mi_qtype_info(MI_Q_F16),
                                           mi_qtype_info(MI_Q_Q4_0)};
    float *X = data_floats(m * k), *Y[3], *Z = data_floats(m * 256);
    struct mi_matrix W[3];
    struct mi_linear_job jobs[3];
    int64_t bad = 0;

    for (int i = 0; i < 3; i++) {
        W[i] = (struct mi_matrix){data_weights(type[i], n[i], k), type[i]->type, n[i], k,
                                  (size_t)(k / type[i]->block_elements * type[i]->block_bytes)};
        Y[i] = data_floats(m * n[i]);
        jobs[i] = (struct mi_linear_job){Y[i], n[i], &W[i], NULL};
    }
    mi_cpu_set_isa(mi_isa_name(mi_cpu_best()));
    for (int threads = 1; threads < 5; threads++) {
        mi_par_set(threads);
        mi_linear_many(jobs, 3, X, k, m);
        for (int i = 0; i < 3; i++) {
            mi_linear(Z, n[i], X, k, m, &W[i], NULL);
            bad += memcmp(Z, Y[i], (size_t)(m * n[i]) * sizeof *Z) != 0;
        }
    }
    ok(bad == 0, "several matrices at once give what each gives alone");
    mi_dots(Z, 7, X, k, 3, X + 1, 9, 7, 100);
    bad = 0;
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 7; j++) {
            bad += Z[i * 7 + j] != reference(X + i * k, X + 1 + 9 * j, 100);
            bad += Z[i * 7 + j] != mi_dot(X + i * k, X + 1 + 9 * j, 100);
        }
    ok(bad == 0, "mi_dots and mi_dot on plain arrays");
    mi_linear(Z, 7, X, k, 0, &W[0], NULL);
    mi_linear_many(jobs, 0, X, k, m);
    ok(true, "no rows and no matrices are nothing to do");
    for (int i = 0; i < 3; i++) {
        free((void *)(uintptr_t)W[i].data);
        free(Y[i]);
    }
    free(X), free(Z);
}

/* Where products and sums underflow, cancel and tie: the portable multiply-add must round
 * as the instruction does. */
static void test_rounding(void)
{
    const int n = 4000, k = 16;
    float *X = data_floats(n * k), *W = data_floats(n * k), *Y = data_floats(n);
    const char *isa[3];
    int isas = data_isas(isa);
    int64_t bad = 0;

    for (int i = 0; i < n * k; i++) {
        uint32_t u = (uint32_t)data_bits(), v = (uint32_t)data_bits();
        switch (data_bits() % 4) {
        case 0: u = (u & 0x80ffffffu) | 0x20000000u, v = (v & 0x80ffffffu) | 0x1f000000u; break;
        case 1: u &= 0xfff00000u, v &= 0xffff0000u; /* fall through */
        default: u = (u & 0x83ffffffu) | 0x3c000000u, v = (v & 0x83ffffffu) | 0x3c000000u;
        }
        memcpy(&X[i], &u, 4);
        memcpy(&W[i], &v, 4);
        if (i >= k && data_bits() % 3 == 0) { /* cancels the row before but for the last bits */
            X[i] = -X[i - k];
            W[i] = W[i - k];
        }
    }
    for (int a = 0; a < isas; a++) {
        mi_cpu_set_isa(isa[a]);
        for (int i = 0; i + 64 <= n; i++) {
            float s = mi_dot(X + i * k, W + i * k, 64 * k),
                  t = reference(X + i * k, W + i * k, 64 * k);
            bad += memcmp(&s, &t, sizeof s) != 0;
        }
    }
    ok(bad == 0, "underflow, cancellation and ties round as fmaf rounds (%lld differ)",
       (long long)bad);
    free(X), free(W), free(Y);
}

int main(void)
{
    test_types();
    test_many_rows();
    test_jobs();
    test_rounding();
    return done();
}
