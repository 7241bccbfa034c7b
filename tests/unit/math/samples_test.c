/* Sums over rows of floats (math/samples.h) and the factor that preconditions (math/cholesky.h):
 * values against plain loops in long double, bits over instruction sets and threads. */
#include "base/par.h"
#include "math/cholesky.h"
#include "math/samples.h"
#include "math/vec.h"

#include "../tap.h"
#include "data.h"

#include <math.h>

/* Under the address sanitizer one thread, as in linear_test.c: scratch is a thread's own. */
#ifdef __SANITIZE_ADDRESS__
enum { N_THREADS = 1 };
#else
enum { N_THREADS = 4 };
#endif

struct set {
    struct mi_samples s;
    float *x;
    int64_t *row;
    int8_t *side;
    double *w, *centre, *scale;
};

/* n of n + 7 rows, in disorder; one column stands far from 0, one does not vary. */
static struct set make(int64_t n, int64_t D)
{
    struct set t = {.x = data_floats((n + 7) * D)};

    t.row = malloc((size_t)n * sizeof *t.row);
    t.side = malloc((size_t)n);
    t.w = malloc(3 * (size_t)D * sizeof *t.w);
    t.centre = t.w + D;
    t.scale = t.w + 2 * D;
    for (int64_t i = 0; i < n; i++) {
        t.row[i] = (i * 7 + 3) % (n + 7);
        t.side[i] = data_bits() % 3 ? 1 : -1;
    }
    for (int64_t i = 0; i < (n + 7) * D; i++)
        t.x[i] = i % D == 1 ? 1e4f + t.x[i] : i % D == 2 ? 0.5f : t.x[i];
    for (int64_t k = 0; k < D; k++) {
        t.w[k] = (double)data_float() / 8;
        t.centre[k] = k == 1 ? 1e4 : (double)data_float();
        t.scale[k] = 0.5 + fabs((double)data_float());
    }
    t.s = (struct mi_samples){t.x, t.row, n, D};
    return t;
}

static void release(struct set *t)
{
    free(t->x);
    free(t->row);
    free(t->side);
    free(t->w);
}

/* All that is computed of a set, side by side. */
static double *results(const struct set *t, int64_t *n)
{
    const int64_t D = t->s.D;
    double *r, *at;
    float *G = calloc((size_t)(D * D), sizeof *G);

    *n = 3 * D + 2 + t->s.n + D * D;
    r = at = calloc((size_t)*n, sizeof *r);
    mi_samples_sum(at, &t->s);
    mi_samples_spread(at += D, &t->s, t->centre);
    at[2 * D + 1] = mi_samples_logit(at + D, &t->s, t->side, t->w, 0.25, t->centre);
    mi_samples_dot(at += 2 * D + 2, &t->s, t->w);
    mi_samples_gram(G, &t->s, 1, t->centre, t->scale);
    at += t->s.n;
    for (int64_t i = 0; i < D; i++)
        for (int64_t k = 0; k <= i; k++)
            at[i * D + k] = (double)G[i * D + k];
    free(G);
    return r;
}

static void expect(const struct set *t, const double *r)
{
    const int64_t D = t->s.D, n = t->s.n;
    double worst[5] = {0}, most = 0;
    long double loss = 0, *g = calloc((size_t)(3 * D + 1), sizeof *g), *sum = g + D + 1;
    bool is_same = true;

    for (int64_t i = 0; i < n; i++) {
        const float *x = t->x + t->row[i] * D;
        long double f = 0.25L, slope;

        for (int64_t k = 0; k < D; k++)
            f += ((long double)x[k] - t->centre[k]) * t->w[k];
        slope = -t->side[i] / (1 + expl(t->side[i] * f));
        loss += logl(1 + expl(-t->side[i] * f));
        for (int64_t k = 0; k < D; k++) {
            g[k] += slope * ((long double)x[k] - t->centre[k]);
            sum[k] += x[k];
            sum[D + k] += ((long double)x[k] - t->centre[k]) * ((long double)x[k] - t->centre[k]);
        }
        g[D] += slope;
        is_same = is_same && r[3 * D + 2 + i] == mi_vec_dot_row(x, t->w, D);
    }
    for (int64_t k = 0; k <= D; k++)
        worst[2] = fmax(worst[2], (double)fabsl(g[k] - r[2 * D + k]));
    for (int64_t k = 0; k < D; k++) {
        worst[0] = fmax(worst[0], (double)fabsl(sum[k] / r[k] - 1));
        worst[1] = fmax(worst[1], (double)fabsl(sum[D + k] / r[D + k] - 1));
        for (int64_t j = 0; j <= k; j++) {
            double z = 0;

            for (int64_t i = 0; i < n; i++)
                z += ((double)t->x[t->row[i] * D + k] - t->centre[k]) / t->scale[k] *
                     (((double)t->x[t->row[i] * D + j] - t->centre[j]) / t->scale[j]);
            worst[4] = fmax(worst[4], fabs(z - r[3 * D + 2 + n + k * D + j]));
            most = fmax(most, k == j ? z : 0);
        }
    }
    worst[3] = (double)fabsl(loss / r[3 * D + 1] - 1);
    ok(worst[0] < 1e-11 && worst[1] < 1e-12, "%lld x %lld: sums (%.0e), squares (%.0e)",
       (long long)n, (long long)D, worst[0], worst[1]);
    ok(worst[2] < 1e-10 && worst[3] < 1e-13, "logistic gradient (%.0e) and loss (%.0e)", worst[2],
       worst[3]);
    ok(is_same, "products with a vector are those of mi_vec_dot_row");
    ok(worst[4] < 2e-6 * most, "Gram matrix (%.0e of %.0e)", worst[4], most);
    free(g);
}

static void test_set(int64_t n, int64_t D)
{
    static const int threads[] = {1, 2, 3, 7};
    struct set t = make(n, D);
    int64_t size;
    double *want;
    const char *isa[3];
    int isas = data_isas(isa);

    mi_cpu_set_isa("portable");
    want = results(&t, &size);
    expect(&t, want);
    for (int a = 0; a < isas; a++)
        for (int k = 0; k < N_THREADS; k++) {
            double *got;

            mi_cpu_set_isa(isa[a]);
            mi_par_set(threads[k]);
            got = results(&t, &size);
            if (memcmp(got, want, (size_t)size * sizeof *got) != 0 || k == N_THREADS - 1)
                ok(memcmp(got, want, (size_t)size * sizeof *got) == 0, "%s, %d threads: same bits",
                   isa[a], threads[k]);
            free(got);
        }
    free(want);
    release(&t);
}

/* Margins so large that exp would be 0 or infinite. */
static void test_far(void)
{
    const float x[8] = {1e4f, -1e4f, 800, -800, 0, 1e-30f, 40, -40};
    const int64_t row[8] = {0, 1, 2, 3, 4, 5, 6, 7};
    const int8_t side[8] = {1, 1, 1, 1, 1, 1, 1, 1};
    const double one = 1, zero = 0;
    const struct mi_samples s = {x, row, 8, 1};
    double g[2], loss = mi_samples_logit(g, &s, side, &one, 0, &zero);

    near(loss, 1e4 + 800 + 2 * 0.69314718055994531 + 40, 1e-9, "the loss far from the boundary");
    near(g[1], -(1 + 1 + 0.5 + 0.5 + 1), 1e-12, "the slopes there");
    near(g[0], 1e4 + 800 + 40, 1e-9, "and the gradient");
}

static void test_cholesky(int64_t D)
{
    float *B = data_floats(D * D), *A = calloc((size_t)(D * D), sizeof *A);
    double *y = malloc(2 * (size_t)D * sizeof *y), *z = y + D, worst = 0;

    for (int64_t i = 0; i < D; i++)
        for (int64_t k = 0; k < D; k++) {
            double sum = i == k ? (double)D : 0;

            for (int64_t j = 0; j < D; j++)
                sum += (double)B[i * D + j] * (double)B[k * D + j] / 10;
            A[i * D + k] = (float)sum;
        }
    memcpy(B, A, (size_t)(D * D) * sizeof *B);
    ok(mi_cholesky(A, D) == 0, "a factor of %lld columns", (long long)D);
    for (int64_t i = 0; i < D; i++)
        y[i] = z[i] = (double)data_float();
    mi_cholesky_forward(y, A, D);
    mi_cholesky_back(y, A, D);
    for (int64_t i = 0; i < D; i++) {
        double sum = -z[i];

        for (int64_t k = 0; k < D; k++)
            sum += (double)B[i * D + k] * y[k];
        worst = fmax(worst, fabs(sum));
    }
    ok(worst < 1e-3, "it solves (%.0e)", worst);
    B[D * D - 1] = -1;
    ok(mi_cholesky(B, D) < 0, "none of a matrix that is not positive");
    free(y);
    free(A);
    free(B);
}

int main(void)
{
    test_set(1, 1);
    test_set(37, 5);
    test_set(1027, 17);
    test_set(2500, 203);
    test_far();
    test_cholesky(1);
    test_cholesky(48);
    test_cholesky(131);
    return done();
}
