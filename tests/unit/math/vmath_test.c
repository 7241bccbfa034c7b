/* The elementary functions against long double libm, and the same bits on every
 * instruction set. */
#include "base/par.h"
#include "math/vmath.h"

#include "../tap.h"
#include "data.h"

#include <float.h>

/* |y - exact| in units of the last place of a float (double) of that size. */
static double ulps_float(float y, long double exact)
{
    int e;

    if (y == (float)exact || (y != y && exact != exact))
        return 0;
    frexpl(exact, &e);
    e = e < -125 ? -125 : e;
    return (double)(fabsl((long double)y - exact) / ldexpl(1, e - 24));
}

static double ulps_double(double y, long double exact)
{
    int e;

    if (y == (double)exact)
        return 0;
    frexpl(exact, &e);
    e = e < -1021 ? -1021 : e;
    return (double)(fabsl((long double)y - exact) / ldexpl(1, e - 53));
}

static float float_of(uint32_t u)
{
    float x;

    memcpy(&x, &u, sizeof x);
    return x;
}

static void test_expf(void)
{
    enum { N = 4096 };
    static float x[N], y[3][N];
    const char *isa[3];
    int isas = data_isas(isa);
    double worst = 0;
    int64_t bad = 0;

    for (uint64_t u = 0; u < 0xffffffffu;) { /* both signs, all sizes, NaN */
        for (int i = 0; i < N; i++, u += 641)
            x[i] = float_of((uint32_t)u);
        for (int a = 0; a < isas; a++) {
            mi_cpu_set_isa(isa[a]);
            mi_expf_n(y[a], x, N);
            for (int i = 0; a > 0 && i < N; i++)
                bad += memcmp(&y[a][i], &y[0][i], 4) != 0 && x[i] == x[i];
        }
        for (int i = 0; i < N; i++) {
            if (x[i] != x[i])
                bad += y[0][i] == y[0][i];
            else if (x[i] > -103.97f && x[i] < 88.72f)
                worst = fmax(worst, ulps_float(y[0][i], expl((long double)x[i])));
            else
                bad += y[0][i] != expf(x[i]) && x[i] < -103.98f;
        }
    }
    ok(worst <= 2, "expf is within 2 units of the last place (%.3f)", worst);
    ok(bad == 0, "expf has the same bits on every instruction set (%lld differ)", (long long)bad);
    ok(mi_expf(-INFINITY) == 0 && mi_expf(INFINITY) == INFINITY && mi_expf(-104) == 0 &&
           mi_expf(88.73f) == INFINITY && isfinite(mi_expf(88.72f)) && mi_expf(0) == 1 &&
           isnan(mi_expf(NAN)),
       "the ends of expf");
    bad = 0;
    for (int n = 1; n < 40; n++) {
        float z[64];
        for (int i = 0; i < 64; i++)
            z[i] = 7;
        mi_expf_n(z, x, n);
        for (int i = 0; i < 64; i++)
            bad += i < n ? memcmp(&z[i], &y[0][i], 4) != 0 && x[i] == x[i] : z[i] != 7;
    }
    ok(bad == 0, "expf of any count, and nothing beside");
}

static void test_float(void)
{
    double log_worst = 0, tanh_worst = 0;

    for (uint32_t u = 1; u < 0x7f800000u; u += 653) {
        float x = float_of(u);
        log_worst = fmax(log_worst, ulps_float(mi_logf(x), logl((long double)x)));
        tanh_worst = fmax(tanh_worst, ulps_float(mi_tanhf(-x), tanhl(-(long double)x)));
    }
    ok(log_worst <= 2, "logf is within 2 units (%.3f)", log_worst);
    ok(tanh_worst <= 4, "tanhf is within 4 units (%.3f)", tanh_worst);
    ok(mi_logf(0) == -INFINITY && isnan(mi_logf(-1)) && mi_logf(1) == 0 &&
           mi_logf(INFINITY) == INFINITY,
       "the ends of logf");
    ok(mi_tanhf(INFINITY) == 1 && mi_tanhf(-INFINITY) == -1 && signbit(mi_tanhf(-0.0f)) &&
           isnan(mi_tanhf(NAN)),
       "the ends of tanhf");
}

static double double_between(double a, double b)
{
    return a + (b - a) * (double)(data_bits() >> 11) * 0x1p-53;
}

static void test_double(void)
{
    double exp_worst = 0, log_worst = 0, pow_worst = 0, near_1 = 0;

    for (int i = 0; i < 500000; i++) {
        double x = double_between(-745, 709.7), y = double_between(-1, 1), z;
        uint64_t u = data_bits() >> 1;
        exp_worst = fmax(exp_worst, ulps_double(mi_exp(x), expl((long double)x)));
        exp_worst = fmax(exp_worst, ulps_double(mi_exp(y), expl((long double)y)));
        memcpy(&z, &u, sizeof z);
        if (z < DBL_MAX && z > 0)
            log_worst = fmax(log_worst, ulps_double(mi_log(z), logl((long double)z)));
        z = double_between(0.7, 1.5);
        near_1 = fmax(near_1, ulps_double(mi_log(z), logl((long double)z)));
        z = double_between(1e-3, 1e6);
        y = double_between(-3, 3);
        pow_worst = fmax(
            pow_worst,
            (double)fabsl((long double)mi_pow(z, y) / powl((long double)z, (long double)y) - 1));
    }
    ok(exp_worst <= 2, "exp is within 2 units (%.3f)", exp_worst);
    ok(log_worst <= 2 && near_1 <= 2, "log is within 2 units (%.3f, near 1: %.3f)", log_worst,
       near_1);
    ok(pow_worst < 1e-13, "pow is within 1e-13 (%.2g)", pow_worst);
    ok(mi_exp(800) == HUGE_VAL && mi_exp(-800) == 0 && mi_exp(0) == 1 && mi_log(1) == 0 &&
           mi_log(0) == -HUGE_VAL && isnan(mi_log(-1)) && mi_pow(10000, 0) == 1,
       "the ends of exp and log");
}

static void test_sincos(void)
{
    double worst = 0, s, c;

    for (int i = 0; i < 1000000; i++) {
        double x = i % 3 == 0   ? double_between(-0x1p30, 0x1p30)
                   : i % 3 == 1 ? double_between(-100, 100)
                                : (double)(i / 3) * 1.57079632679489661923;
        mi_sincos(x, &s, &c);
        worst = fmax(worst, (double)fabsl((long double)s - sinl((long double)x)));
        worst = fmax(worst, (double)fabsl((long double)c - cosl((long double)x)));
    }
    ok(worst < 1e-15, "sine and cosine are within 1e-15 (%.2g)", worst);
    mi_sincos(0, &s, &c);
    ok(s == 0 && c == 1, "sine and cosine of 0");
}

static void test_silu(void)
{
    enum { N = 40000 };
    float *g = data_floats(N), *u = data_floats(N), *y = data_floats(N), *z = data_floats(N);
    const char *isa[3];
    int isas = data_isas(isa);
    double worst = 0;
    int64_t bad = 0;

    for (int a = 0; a < isas; a++) {
        mi_cpu_set_isa(isa[a]);
        mi_par_set(1 + a);
        mi_silu_mul(z, g, u, N - 5);
        if (a == 0)
            memcpy(y, z, N * sizeof *y);
        bad += memcmp(y, z, (N - 5) * sizeof *y) != 0;
    }
    for (int i = 0; i < N - 5; i++) {
        long double x = (long double)g[i];
        worst = fmax(worst, ulps_float(y[i], x / (1 + expl(-x)) * (long double)u[i]));
    }
    ok(bad == 0, "silu: the same bits on every instruction set");
    ok(worst <= 4, "silu times u is within 4 units (%.3f)", worst);
    mi_silu(z, g, N);
    memset(y, 0, N * sizeof *y);
    for (int i = 0; i < N; i++)
        u[i] = 1;
    mi_silu_mul(y, g, u, N);
    ok(memcmp(y, z, N * sizeof *y) == 0, "silu without u is silu times 1");
    mi_silu(g, g, N);
    ok(memcmp(g, z, N * sizeof *y) == 0, "silu in place");
    free(g), free(u), free(y), free(z);
}

static long double reference_of(enum mi_activation kind, long double x)
{
    switch (kind) {
    case MI_ACTIVATION_SILU: return x / (1 + expl(-x));
    case MI_ACTIVATION_GELU: return x / 2 * erfcl(-x * 0.707106781186547524400844362104849039L);
    case MI_ACTIVATION_GELU_TANH: {
        long double u = 0.797884560802865355879892119868763737L * (x + 0.044715L * x * x * x);

        return x / (1 + expl(-2 * u));
    }
    case MI_ACTIVATION_RELU: return x > 0 ? x : 0;
    default: return x > 0 ? x * x : 0;
    }
}

/* Over a fine grid of [-14, 14] and the edges of the floats. */
static void test_activations(void)
{
    enum { N = 280007 };
    static const char *const name[] = {"silu", "gelu", "gelu_tanh", "relu", "relu2"};
    static const float edge[] = {0, -0.0f, INFINITY, -INFINITY, 1e-30f, -1e-30f, 1e20f};
    float *x = malloc(N * sizeof *x), *y = malloc(N * sizeof *y), *z = malloc(N * sizeof *z);
    const char *isa[3];
    int isas = data_isas(isa);

    for (int i = 0; i < N; i++)
        x[i] = i < 7 ? edge[i] : (float)(i - 140007) / 10000;
    for (int kind = 0; kind < MI_ACTIVATIONS; kind++) {
        double near = 0, all = 0;
        int64_t bad = 0;

        for (int a = 0; a < isas; a++) {
            mi_cpu_set_isa(isa[a]);
            mi_activate((enum mi_activation)kind, a ? z : y, x, NULL, N);
            bad += a && memcmp(y, z, N * sizeof *y) != 0;
        }
        ok(bad == 0, "%s: the same bits on every instruction set", name[kind]);
        for (int i = 7; i < N; i++) {
            long double want = reference_of((enum mi_activation)kind, (long double)x[i]);
            double error = (double)fabsl((long double)y[i] - want);

            if (want != 0)
                all = fmax(all, error / fabs((double)x[i]));
            if (want != 0 && x[i] > -3)
                near = fmax(near, error / (double)fabsl(want));
        }
        ok(near < 4e-6 && all < 1e-6, "%s: %.2g of the result from -3 on, %.2g of x", name[kind],
           near, all);
        ok(y[0] == 0 && y[1] == 0 && y[2] == INFINITY &&
               (kind > 2 || fabsf(y[4] / 5e-31f - 1) < 1e-5f),
           "%s at the edges", name[kind]);
    }
    free(x), free(y), free(z);
}

static void test_soft_cap(void)
{
    enum { N = 100003 };
    float *x = malloc(N * sizeof *x), *y = malloc(N * sizeof *y), *z = malloc(N * sizeof *z);
    const char *isa[3];
    int isas = data_isas(isa);
    double worst = 0;
    int64_t bad = 0;

    for (int i = 0; i < N; i++)
        x[i] = i < 50000 ? (float)(i - 25000) / 100 : powf(1.001f, (float)(i - 80000));
    for (int a = 0; a < isas; a++) {
        mi_cpu_set_isa(isa[a]);
        mi_soft_cap(a ? z : y, x, 30, N);
        bad += a && memcmp(y, z, N * sizeof *y) != 0;
    }
    for (int i = 0; i < N; i++) {
        long double want = 30 * tanhl((long double)x[i] / 30);

        if (want != 0 && fabsf(x[i]) > 1e-30f)
            worst = fmax(worst, (double)fabsl(((long double)y[i] - want) / want));
    }
    ok(bad == 0 && y[25000] == 0, "soft-cap: the same bits on every instruction set");
    ok(worst < 1e-6, "soft-cap: relative error below 1e-6 (%.2g)", worst);
    free(x), free(y), free(z);
}

static void test_normal(void)
{
    enum { N = 100001 };
    static float x[N], y[N];
    double mean = 0, square = 0, fourth = 0;

    mi_normal_fill(x, N, 7, "test", "a");
    mi_normal_fill(y, 1000, 7, "test", "a");
    ok(memcmp(x, y, 1000 * sizeof *x) == 0, "normal numbers do not depend on how many are asked");
    mi_normal_fill(y, 1001, 7, "test", "b");
    ok(memcmp(x, y, 1000 * sizeof *x) != 0, "another key gives other numbers");
    for (int i = 0; i < N; i++) {
        double v = (double)x[i];
        mean += v / N, square += v * v / N, fourth += v * v * v * v / N;
    }
    ok(fabs(mean) < 0.015 && fabs(square - 1) < 0.025 && fabs(fourth - 3) < 0.25,
       "their moments are 0, 1, 3 (%.3f %.3f %.3f)", mean, square, fourth);
}

int main(void)
{
    test_expf();
    test_float();
    test_double();
    test_sincos();
    test_silu();
    test_activations();
    test_soft_cap();
    test_normal();
    return done();
}
