/* Norms, rotary embedding and log-probabilities against double, and the same bits on every
 * instruction set and number of threads. */
#include "base/par.h"
#include "math/rows.h"
#include "math/vmath.h"

#include "../tap.h"
#include "data.h"

static int64_t bits_differ(const float *a, const float *b, int64_t n)
{
    return memcmp(a, b, (size_t)n * sizeof *a) != 0;
}

static void test_norm(int m, int k)
{
    const int ldx = k + 2;
    float *x = data_floats((int64_t)m * ldx), *w = data_floats(k);
    float *scale = data_floats(m), *y = data_floats((int64_t)m * k);
    float *scale_1 = data_floats(m), *y_1 = data_floats((int64_t)m * k);
    const char *isa[3];
    int isas = data_isas(isa);
    double worst = 0;
    int64_t bad = 0;

    for (int a = 0; a < isas; a++)
        for (int threads = 1; threads < 4; threads++) {
            mi_cpu_set_isa(isa[a]);
            mi_par_set(threads);
            mi_rms_scale(scale, x, ldx, m, k, 1e-5f);
            mi_rms_normalize(y, k, x, ldx, m, k, scale);
            mi_rows_mul(y, k, y, k, m, k, w);
            mi_rows_add(y, k, x, ldx, m, k);
            if (a == 0 && threads == 1) {
                memcpy(scale_1, scale, (size_t)m * sizeof *x);
                memcpy(y_1, y, (size_t)m * (size_t)k * sizeof *x);
            }
            bad += bits_differ(scale, scale_1, m) + bits_differ(y, y_1, (int64_t)m * k);
        }
    for (int i = 0; i < m; i++) {
        double s = 0;
        const float *r = x + i * ldx;
        for (int j = 0; j < k; j++)
            s += (double)r[j] * (double)r[j];
        s = sqrt(s / k + (double)1e-5f);
        worst = fmax(worst, fabs((double)scale[i] / s - 1));
        for (int j = 0; j < k; j++) {
            double want = (double)r[j] / s * (double)w[j] + (double)r[j];
            worst = fmax(worst, fabs((double)y[i * k + j] - want) / (fabs(want) + 1));
        }
    }
    ok(bad == 0, "norm of %d x %d: the same bits on every instruction set and thread count", m, k);
    ok(worst < 2e-6, "norm of %d x %d: as in double (%.2g)", m, k, worst);
    free(x), free(w), free(scale), free(y), free(scale_1), free(y_1);
}

static void test_rope(void)
{
    enum { M = 5, HEADS = 3, D = 20, ROT = 16, LD = HEADS * D + 1 };
    static const int32_t pos[M] = {0, 1, 7, 1000, 2047};
    double step[ROT / 2];
    float factor[ROT / 2], *y = data_floats(M * LD), *x = data_floats(M * LD);
    struct mi_rope r = {0};
    double worst = 0;
    bool untouched = true;

    for (int i = 0; i < ROT / 2; i++) {
        factor[i] = 1 + (float)i / 4;
        step[i] = pow(10000, -2.0 * i / ROT) * 0.5 / (double)factor[i];
    }
    memcpy(y, x, M * LD * sizeof *x);
    mi_rope_init(&r, ROT, 2048, step, 1);
    mi_rope_apply(y, LD, M, HEADS, D, pos, &r);
    for (int i = 0; i < M; i++)
        for (int h = 0; h < HEADS; h++) {
            const float *a = x + i * LD + h * D, *b = y + i * LD + h * D;
            for (int j = 0; j < ROT / 2; j++) {
                double theta = pos[i] * pow(10000, -2.0 * j / ROT) * 0.5 / (double)factor[j];
                double u = (double)a[j], v = (double)a[j + ROT / 2];
                worst = fmax(worst, fabs((double)b[j] - (u * cos(theta) - v * sin(theta))));
                worst =
                    fmax(worst, fabs((double)b[j + ROT / 2] - (v * cos(theta) + u * sin(theta))));
            }
            untouched = untouched && !bits_differ(a + ROT, b + ROT, D - ROT);
        }
    ok(worst < 5e-6, "rotary embedding as in double (%.2g)", worst);
    ok(untouched, "the coordinates that are not rotated stay");
    memcpy(y, x, M * LD * sizeof *x);
    r.is_paired = true;
    mi_rope_init(&r, 4, 2, step, 2);
    ok(r.n_rot == 4 && r.cosine[0] == 2 && r.sine[1] == 0, "a table can be made again");
    mi_rope_apply(y, LD, 2, HEADS, D, pos, &r);
    worst = fabs((double)y[LD + 2] -
                 2 * ((double)x[LD + 2] * cos(step[1]) - (double)x[LD + 3] * sin(step[1])));
    ok(worst < 5e-6 && y[LD + 4] == x[LD + 4], "neighbours are rotated (%.2g)", worst);
    mi_rope_free(&r);
    mi_rope_free(&r);
    free(x), free(y);
}

/* Centring, softmax, the simple ones: against double, and the same bits everywhere. */
static void test_plain_rows(int m, int64_t k)
{
    const char *isa[3];
    int isas = data_isas(isa);
    float *x = data_floats(m * k), *y = data_floats(m * k), *first = data_floats(m * k);
    double worst = 0, total = 0;
    int64_t bad = 0;

    for (int a = 0; a < isas; a++) {
        mi_cpu_set_isa(isa[a]);
        mi_rows_centre(y, k, x, k, m, k);
        mi_rows_scale(y, k, m, k, 3);
        mi_rows_clamp(y, k, m, k, 2.5f);
        mi_rows_bias(y, k, m, k, x);
        mi_rows_softmax(y, k, m, k);
        if (a == 0)
            memcpy(first, y, (size_t)(m * k) * sizeof *y);
        bad += bits_differ(first, y, m * k);
    }
    for (int i = 0; i < m; i++) {
        double mean = 0, sum = 0;

        for (int64_t j = 0; j < k; j++)
            mean += (double)x[i * k + j] / (double)k;
        for (int64_t j = 0; j < k; j++)
            sum += exp(fmin(fmax(3 * ((double)x[i * k + j] - mean), -2.5), 2.5) + (double)x[j]);
        for (int64_t j = 0; j < k; j++) {
            double p =
                exp(fmin(fmax(3 * ((double)x[i * k + j] - mean), -2.5), 2.5) + (double)x[j]) / sum;

            worst = fmax(worst, fabs((double)y[i * k + j] / p - 1));
            total += (double)y[i * k + j];
        }
    }
    ok(bad == 0, "rows of %d: the same bits on every instruction set", (int)k);
    ok(worst < 3e-6 && fabs(total - m) < 1e-4, "rows of %d: as in double (%.2g)", (int)k, worst);
    free(x), free(y), free(first);
}

static void test_normalizer(void)
{
    static const int sizes[] = {1, 5, 16, 1000, 1024, 49152, 50257};
    const char *isa[3];
    int isas = data_isas(isa);
    int64_t bad = 0;
    double worst = 0;

    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        int v = sizes[s];
        float *x = data_floats(v);
        double top = -HUGE_VAL, sum = 0, first = 0;
        for (int i = 0; i < v; i++)
            top = fmax(top, (double)x[i]);
        for (int i = 0; i < v; i++)
            sum += exp((double)x[i] - top);
        for (int a = 0; a < isas; a++) {
            double z;
            mi_cpu_set_isa(isa[a]);
            z = mi_log_normalizer(x, v);
            first = a ? first : z;
            bad += z != first;
        }
        worst = fmax(worst, fabs(first - top - log(sum)));
        free(x);
    }
    ok(bad == 0, "the normaliser has the same bits on every instruction set");
    ok(worst < 3e-7, "the normaliser is as in double (%.2g)", worst);
}

int main(void)
{
    test_norm(1, 576);
    test_norm(70, 2053);
    test_norm(3, 5);
    test_rope();
    test_plain_rows(3, 5);
    test_plain_rows(40, 2053);
    test_normalizer();
    return done();
}
