/* math/vmath.c: the elementary functions.
 *
 * Those in double use no fused multiply-add: with contraction off they are the same
 * everywhere as they stand. Their polynomials are those of fdlibm (Sun Microsystems, 1993,
 * freely usable). The float ones with a vector form go through the kernels. */
#include "math/vmath.h"

#include "base/par.h"
#include "base/rng.h"
#include "math/kernels.h"

#include <math.h>
#include <string.h>

static uint64_t bits_of(double x)
{
    uint64_t u;

    memcpy(&u, &x, sizeof u);
    return u;
}

static double of_bits(uint64_t u)
{
    double x;

    memcpy(&x, &u, sizeof x);
    return x;
}

/* 2^n for -1022 <= n <= 1023 */
static double pow2(int n)
{
    return of_bits((uint64_t)(n + 1023) << 52);
}

/* The nearest integer to |x| < 2^51. */
static double nearest(double x)
{
    return (x + 0x1.8p52) - 0x1.8p52;
}

static const double ln2_high = 0x1.62e42feep-1, ln2_low = 0x1.a39ef35793c76p-33;

/* exp(x) = 2^n exp(r), r = high - low in two parts. */
double mi_exp(double x)
{
    double n, high, low, r, t, c, y;
    int i;

    if (x != x)
        return x;
    if (x > 709.782712893384)
        return HUGE_VAL;
    if (x < -745.1332191019412)
        return 0.0;
    n = nearest(x * 0x1.71547652b82fep+0);
    high = x - n * ln2_high;
    low = n * ln2_low;
    r = high - low;
    t = r * r;
    c = 4.13813679705723846039e-08;
    c = -1.65339022054652515390e-06 + t * c;
    c = 6.61375632143793436117e-05 + t * c;
    c = -2.77777777770155933842e-03 + t * c;
    c = 1.66666666666666019037e-01 + t * c;
    c = r - t * c;
    y = 1.0 - ((low - (r * c) / (2.0 - c)) - high);
    i = (int)n;
    return y * pow2(i / 2) * pow2(i - i / 2);
}

/* log(x) = e ln 2 + log(1 + f), sqrt(1/2) <= 1 + f < sqrt(2). */
double mi_log(double x)
{
    uint64_t u;
    double f, s, z, w, even, odd, e;
    int n = 0;

    if (x != x || x == HUGE_VAL)
        return x;
    if (x <= 0)
        return x == 0 ? -HUGE_VAL : (double)NAN;
    if (x < 0x1p-1022) {
        x *= 0x1p54;
        n = -54;
    }
    u = bits_of(x) + 0x00095f6200000000u; /* carries into the exponent from sqrt(2) on */
    n += (int)(u >> 52) - 1023;
    f = of_bits((u & 0x000fffffffffffffu) + 0x3fe6a09e00000000u) - 1.0;
    e = (double)n;
    s = f / (2.0 + f);
    z = s * s;
    w = z * z;
    even = w * (3.999999999940941908e-01 +
                w * (2.222219843214978396e-01 + w * 1.531383769920937332e-01));
    odd = z * (6.666666666666735130e-01 +
               w * (2.857142874366239149e-01 +
                    w * (1.818357216161805012e-01 + w * 1.479819860511658591e-01)));
    z = 0.5 * f * f;
    return e * ln2_high - ((z - (s * (z + (even + odd)) + e * ln2_low)) - f);
}

double mi_pow(double x, double y)
{
    return mi_exp(y * mi_log(x));
}

/* x = n pi / 2 + r. pi / 2 in parts of 22 and 23 bits, so that n times each of the first
 * two, and the differences, are exact for n < 2^30; the rest is below 2^-54. */
static double reduce_angle(double x, double *n)
{
    static const double part[4] = {0x1.921fb4p+0, 0x1.4442dp-24, 0x1.8469898cc517p-48,
                                   0x1.b839a252049c1p-104};
    double r;

    *n = nearest(x * 0x1.45f306dc9c883p-1);
    r = (x - *n * part[0]) - *n * part[1];
    r = r - *n * part[2];
    return r - *n * part[3];
}

/* On |r| <= pi / 4. */
static double sine_near_0(double r)
{
    double z = r * r, c = 1.58969099521155010221e-10;

    c = -2.50507602534068634195e-08 + z * c;
    c = 2.75573137070700676789e-06 + z * c;
    c = -1.98412698298579493134e-04 + z * c;
    c = 8.33333333332248946124e-03 + z * c;
    c = -1.66666666666666324348e-01 + z * c;
    return r + z * r * c;
}

static double cosine_near_0(double r)
{
    double z = r * r, c = -1.13596475577881948265e-11, half = 0.5 * z, w = 1.0 - half;

    c = 2.08757232129817482790e-09 + z * c;
    c = -2.75573143513906633035e-07 + z * c;
    c = 2.48015872894767294178e-05 + z * c;
    c = -1.38888888888741095749e-03 + z * c;
    c = 4.16666666666666019037e-02 + z * c;
    return w + (((1.0 - w) - half) + z * z * c);
}

void mi_sincos(double x, double *sine, double *cosine)
{
    double n, r, s, c;

    if (!(x > -0x1p30 && x < 0x1p30)) {
        *sine = *cosine = (double)NAN;
        return;
    }
    r = reduce_angle(x, &n);
    s = sine_near_0(r);
    c = cosine_near_0(r);
    switch ((int64_t)n & 3) {
    case 0: *sine = s, *cosine = c; break;
    case 1: *sine = c, *cosine = -s; break;
    case 2: *sine = -s, *cosine = -c; break;
    default: *sine = -c, *cosine = s;
    }
}

/* ---- float ---------------------------------------------------------------------------- */

float mi_expf(float x)
{
    float y;

    mi_kernels()->exp_n(&y, &x, 1);
    return y;
}

float mi_logf(float x)
{
    return (float)mi_log((double)x);
}

float mi_tanhf(float x)
{
    double a = x < 0 ? -(double)x : (double)x, z = a * a, e, y;

    if (x != x)
        return x;
    if (a < 0.0625) { /* the series, to x^9 */
        y = a * (1 + z * (-1.0 / 3 + z * (2.0 / 15 + z * (-17.0 / 315 + z * (62.0 / 2835)))));
    } else {
        e = mi_exp(-2 * a);
        y = (1 - e) / (1 + e);
    }
    return copysignf((float)y, x);
}

/* ---- arrays --------------------------------------------------------------------------- */

enum { PIECE = 1 << 14 }; /* elements of a task: above what handing it out costs */

struct array_work {
    float *y;
    const float *a, *b;
    int64_t n;
    const struct mi_kernels *kernels;
    enum mi_activation kind;
    float cap;
};

static int64_t piece_at(const struct array_work *w, int64_t task)
{
    int64_t left = w->n - task * PIECE;

    return left < PIECE ? left : PIECE;
}

static void exp_task(void *ctx, int64_t task, int thread)
{
    const struct array_work *w = ctx;
    int64_t i = task * PIECE;

    (void)thread;
    w->kernels->exp_n(w->y + i, w->a + i, piece_at(w, task));
}

static void activate_task(void *ctx, int64_t task, int thread)
{
    const struct array_work *w = ctx;
    int64_t i = task * PIECE;

    (void)thread;
    w->kernels->activate[w->kind](w->y + i, w->a + i, w->b ? w->b + i : NULL, piece_at(w, task));
}

static void cap_task(void *ctx, int64_t task, int thread)
{
    const struct array_work *w = ctx;
    int64_t i = task * PIECE;

    (void)thread;
    w->kernels->cap(w->y + i, w->a + i, w->cap, piece_at(w, task));
}

static void run_pieces(void (*task)(void *, int64_t, int), struct array_work *w)
{
    w->kernels = mi_kernels();
    mi_par_for((w->n + PIECE - 1) / PIECE, task, w);
}

void mi_expf_n(float *y, const float *x, int64_t n)
{
    run_pieces(exp_task, &(struct array_work){.y = y, .a = x, .n = n});
}

void mi_activate(enum mi_activation kind, float *y, const float *g, const float *u, int64_t n)
{
    run_pieces(activate_task, &(struct array_work){.y = y, .a = g, .b = u, .n = n, .kind = kind});
}

void mi_soft_cap(float *y, const float *x, float cap, int64_t n)
{
    run_pieces(cap_task, &(struct array_work){.y = y, .a = x, .n = n, .cap = cap});
}

void mi_silu_mul(float *y, const float *g, const float *u, int64_t n)
{
    mi_activate(MI_ACTIVATION_SILU, y, g, u, n);
}

void mi_silu(float *y, const float *g, int64_t n)
{
    mi_activate(MI_ACTIVATION_SILU, y, g, NULL, n);
}

/* Box and Muller 1958: two uniform numbers make two normal ones. */
void mi_normal_fill(float *y, int64_t n, uint64_t seed, const char *purpose, const char *key)
{
    struct mi_rng rng = mi_rng_make(seed, purpose, key);

    for (int64_t i = 0; i < n; i += 2) {
        double u = 1.0 - mi_rng_uniform(&rng), angle = mi_rng_uniform(&rng), s, c;
        double radius = sqrt(-2.0 * mi_log(u));

        mi_sincos(2 * 3.14159265358979323846 * angle, &s, &c);
        y[i] = (float)(radius * c);
        if (i + 1 < n)
            y[i + 1] = (float)(radius * s);
    }
}
