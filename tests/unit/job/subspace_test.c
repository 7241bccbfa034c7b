/* Swaps within a subspace against the projector V^T (V V^T)^-1 V by its formula, in double. */
#include "job/subspace.h"

#include "../tap.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { D = 37 };

static const struct mi_dims dims = {
    .n_layers = 1, .d_model = D, .n_heads = 1, .n_kv_heads = 1, .d_head = D, .d_mlp = 5};
static const struct mi_place place = {MI_SITE_RESID_POST, 0, -1};

/* Numbers without pattern. */
static float draw(int i)
{
    return (float)(fmod((double)(i + 1) * 0.754877666, 1.0) - 0.5);
}

static void fill(float *x, int n, int from)
{
    for (int i = 0; i < n; i++)
        x[i] = draw(from + i);
}

static void set_unit(float *v)
{
    double sum = 0;

    for (int i = 0; i < D; i++)
        sum += (double)v[i] * (double)v[i];
    for (int i = 0; i < D; i++)
        v[i] = (float)((double)v[i] / sqrt(sum));
}

static double dot(const float *a, const double *b)
{
    double sum = 0;

    for (int i = 0; i < D; i++)
        sum += (double)a[i] * b[i];
    return sum;
}

/* out = P d for the two rows of v, which need not be orthogonal. */
static void project(double *out, const float *v, const double *d)
{
    double w[2][D], g = 0, a, b, det;

    for (int k = 0; k < 2; k++)
        for (int i = 0; i < D; i++)
            w[k][i] = (double)v[k * D + i];
    g = dot(v, w[1]);
    double g0 = dot(v, w[0]), g1 = dot(v + D, w[1]);

    det = g0 * g1 - g * g;
    a = (g1 * dot(v, d) - g * dot(v + D, d)) / det;
    b = (g0 * dot(v + D, d) - g * dot(v, d)) / det;
    for (int i = 0; i < D; i++)
        out[i] = a * w[0][i] + b * w[1][i];
}

static struct mi_dir_record record(float *v, int n)
{
    struct mi_dir_record dir = {.place = place, .method = "x", .n = 1};

    dir.v = n == 1 ? mi_tensor_1(MI_F32, D, v) : mi_tensor_2(MI_F32, n, D, v);
    return dir;
}

static void test_swap(void)
{
    float v[2 * D], x[D], y[D], along[D], across[D], tmp[D];
    double d[D], p[D], off = 0, off_across = 0;
    struct mi_subspace s = {0};
    struct mi_error err = {0};
    struct mi_dir_record dir;

    fill(v, 2 * D, 0);
    set_unit(v);
    set_unit(v + D);
    fill(x, D, 100);
    fill(y, D, 200);
    dir = record(v, 2);
    ok(mi_subspace_take(&s, &dir, &place, &dims, &err) == 0 &&
           mi_subspace_orthonormalize(&s, &err) == 0 && s.n == 2 && s.width == D,
       "two vectors: %s", err.text);
    memcpy(along, x, sizeof x);
    memcpy(across, x, sizeof x);
    ok(mi_subspace_swap(&s, false, along, y, tmp) && mi_subspace_swap(&s, true, across, y, tmp),
       "both change something");
    for (int i = 0; i < D; i++)
        d[i] = (double)y[i] - (double)x[i];
    project(p, v, d);
    for (int i = 0; i < D; i++) {
        off = fmax(off, fabs((double)along[i] - (double)x[i] - p[i]));
        off_across = fmax(off_across, fabs((double)across[i] - (double)y[i] + p[i]));
    }
    ok(off < 1e-6, "along is x + P (y - x): off by %g", off);
    ok(off_across < 1e-6, "across is x + (I - P) (y - x): off by %g", off_across);
    memcpy(along, x, sizeof x);
    ok(!mi_subspace_swap(&s, false, along, x, tmp) && !mi_subspace_swap(&s, true, along, x, tmp) &&
           memcmp(along, x, sizeof x) == 0,
       "from itself nothing changes");
    mi_subspace_free(&s);
}

static void test_refused(void)
{
    float v[2 * D];
    struct mi_place scores = {MI_SITE_ATTN_SCORES, 0, -1}, mlp = {MI_SITE_MLP_POST, 0, -1};
    struct mi_subspace s = {0};
    struct mi_error err = {0};
    struct mi_dir_record dir;

    fill(v, D, 0);
    set_unit(v);
    memcpy(v + D, v, D * sizeof *v);
    dir = record(v, 2);
    ok(mi_subspace_take(&s, &dir, &place, &dims, &err) == 0 &&
           mi_subspace_orthonormalize(&s, &err) == -MI_EXIT_DATA,
       "one vector twice: %s", err.text);
    mi_subspace_free(&s);
    ok(mi_subspace_take(&s, &dir, &mlp, &dims, &err) == -MI_EXIT_DATA, "width: %s", err.text);
    mi_subspace_free(&s);
    ok(mi_subspace_take(&s, &dir, &scores, &dims, &err) == -MI_EXIT_USAGE, "keys: %s", err.text);
    mi_subspace_free(&s);
    v[0] += 0.5f;
    ok(mi_subspace_take(&s, &dir, &place, &dims, &err) == -MI_EXIT_DATA, "length: %s", err.text);
    mi_subspace_free(&s);
}

int main(void)
{
    test_swap();
    test_refused();
    return done();
}
