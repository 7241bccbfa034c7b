/* The estimators differ in one thing, the raw vector; everything that is said about a
 * direction afterwards (sign, scale, threshold) is computed from the stored vector in the
 * same way for all, by describe(). */
#include "method/direction.h"

#include "base/mem.h"
#include "base/near.h"
#include "base/rng.h"
#include "math/linalg.h"
#include "math/samples.h"
#include "math/vec.h"
#include "math/vmath.h"
#include "method/logistic.h"
#include "method/pca.h"
#include "stats/auc.h"
#include "stats/moments.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const struct mi_method_info info[MI_METHODS] = {
    {"mean-diff", NULL, false, false, false, "difference of the means of the two sides"},
    {"pca-diff", NULL, true, false, true,
     "first principal component of the differences of the pairs, with random signs"},
    {"pca-diff-uncentred", "pca-diff-uncentered", true, false, true,
     "the same without signs and centring"},
    {"pca-center", "pca-centre", true, false, true,
     "first principal component of both members minus their midpoint"},
    {"mass-mean", "lda", false, false, false,
     "difference of the means, whitened by the covariance within the sides"},
    {"logistic", "logreg", false, false, false, "weights of a penalised logistic regression"},
    {"random", NULL, false, true, false, "control: a random direction"},
    {"shuffled", NULL, false, true, false, "control: mean-diff with the sides shuffled"},
};

const struct mi_method_info *mi_method_info(enum mi_method m)
{
    return &info[m];
}

int mi_method_find(const char *name, struct mi_error *err)
{
    const char *names[2 * MI_METHODS];
    char near[320], all[320] = "";
    size_t used = 0;
    int n = 0;

    for (int m = 0; m < MI_METHODS; m++) {
        if (strcmp(name, info[m].id) == 0 || (info[m].also && strcmp(name, info[m].also) == 0))
            return m;
        names[n++] = info[m].id;
        used += (size_t)snprintf(all + used, sizeof all - used, "%s%s", m ? ", " : "", info[m].id);
    }
    mi_near_names(name, names, n, near, sizeof near);
    if (*near)
        return mi_fail(err, MI_EXIT_USAGE, "unknown method '%s'; is %s meant?", name, near);
    return mi_fail(err, MI_EXIT_USAGE, "unknown method '%s': it is one of %s", name, all);
}

/* ---- the raw vectors --------------------------------------------------------- */

struct fit {
    const struct mi_cases *s;
    const float *x; /* [rows, D] */
    int64_t D;
    const struct mi_direction_options *o;
    double *v;     /* [K, D] out: any length */
    double *share; /* [K] out, PCA only */
    double offset; /* logistic: b, else 0 */
    bool has_offset;
    double loss;
    int iterations;
};

static void fit_mean_diff(double *v, const struct mi_cases *s, const float *x, int64_t D)
{
    double *neg = mi_alloc_n((size_t)D, sizeof *neg);

    mi_class_means(v, neg, s, x, D);
    mi_vec_axpy(v, -1, neg, D);
    mi_free(neg);
}

/* A [n / 2, D]: row i is the difference of pair i, times a keyed sign when wanted. */
static double *list_differences(const struct fit *f, bool has_signs)
{
    const struct mi_cases *s = f->s;
    int64_t n = s->n / 2, D = f->D;
    double *A = mi_alloc_n((size_t)n * (size_t)D, sizeof *A);

    for (int64_t i = 0; i < n; i++) {
        const float *pos = f->x + s->row[2 * i] * D, *neg = f->x + s->row[2 * i + 1] * D;
        struct mi_rng rng = mi_rng_make_n(f->o->seed, "pca-diff", s->key[2 * i]);
        double sign = has_signs && mi_rng_next(&rng) >> 63 ? -1 : 1;

        for (int64_t k = 0; k < D; k++)
            A[i * D + k] = sign * ((double)pos[k] - (double)neg[k]);
    }
    return A;
}

static void centre(double *A, int64_t n, int64_t D)
{
    double *mean = mi_alloc_zero((size_t)D, sizeof *mean);

    for (int64_t i = 0; i < n; i++)
        mi_vec_axpy(mean, 1, A + i * D, D);
    mi_vec_scale(mean, 1 / (double)n, D);
    for (int64_t i = 0; i < n; i++)
        mi_vec_axpy(A + i * D, -1, mean, D);
    mi_free(mean);
}

static int fit_pca(struct fit *f, enum mi_method m, int64_t K, struct mi_error *err)
{
    int64_t n = f->s->n / 2;
    double *A = list_differences(f, m == MI_METHOD_PCA_DIFF);
    int r;

    if (m == MI_METHOD_PCA_DIFF)
        centre(A, n, f->D);
    /* pca-center: the rows are +d/2 and -d/2, whose components and shares are those of d. */
    r = mi_pca(f->v, f->share, A, n, f->D, K);
    mi_free(A);
    if (r < 0)
        return mi_fail(err, MI_EXIT_DATA,
                       "the differences of the %lld pairs have fewer than %lld components",
                       (long long)n, (long long)K);
    return 0;
}

static int fit_mass_mean(struct fit *f, struct mi_error *err)
{
    const struct mi_cases *s = f->s;
    int64_t D = f->D;
    double *pos = mi_alloc_n(3 * (size_t)D, sizeof *pos), *neg = pos + D, *theta = pos + 2 * D;
    double *A = mi_alloc_n((size_t)s->n * (size_t)D, sizeof *A);
    int r;

    mi_class_means(pos, neg, s, f->x, D);
    for (int64_t i = 0; i < s->n; i++) {
        const double *mean = s->side[i] > 0 ? pos : neg;

        for (int64_t k = 0; k < D; k++)
            A[i * D + k] = (double)f->x[s->row[i] * D + k] - mean[k];
    }
    for (int64_t k = 0; k < D; k++)
        theta[k] = pos[k] - neg[k];
    r = mi_pca_solve(f->v, A, s->n, D, theta, f->o->rtol);
    mi_free(A);
    mi_free(pos);
    return r < 0 ? mi_fail(err, MI_EXIT_DATA, "the rows do not vary within the two sides") : 0;
}

static int fit_logistic(struct fit *f, struct mi_error *err)
{
    struct mi_logistic l = {.w = f->v};
    int r = mi_logistic_fit(&l, f->s, f->x, f->D, f->o->l2, f->o->scale, err);

    f->offset = l.b;
    f->has_offset = true;
    f->loss = l.loss;
    f->iterations = l.iterations;
    return r;
}

void mi_direction_random(float *v, int64_t D, uint64_t seed, const char *place, int draw)
{
    double *w = mi_alloc_n((size_t)D, sizeof *w);
    char key[96];

    snprintf(key, sizeof key, "%s %d", place ? place : "", draw);
    mi_normal_fill(v, D, seed, "random", key);
    for (int64_t k = 0; k < D; k++)
        w[k] = (double)v[k];
    mi_vec_normalize(w, D);
    for (int64_t k = 0; k < D; k++)
        v[k] = (float)w[k];
    mi_free(w);
}

static int fit_raw(struct fit *f, enum mi_method m, int64_t K, float *v, struct mi_error *err)
{
    switch (m) {
    case MI_METHOD_PCA_DIFF:
    case MI_METHOD_PCA_DIFF_UNCENTRED:
    case MI_METHOD_PCA_CENTER: return fit_pca(f, m, K, err);
    case MI_METHOD_MASS_MEAN: return fit_mass_mean(f, err);
    case MI_METHOD_LOGISTIC: return fit_logistic(f, err);
    case MI_METHOD_RANDOM:
        mi_direction_random(v, f->D, f->o->seed, f->o->place, f->o->draw);
        for (int64_t k = 0; k < f->D; k++)
            f->v[k] = (double)v[k];
        return 0;
    default: fit_mean_diff(f->v, f->s, f->x, f->D); return 0;
    }
}

/* ---- what is said about a direction ------------------------------------------ */

void mi_direction_project(double *p, const struct mi_cases *s, const float *x, int64_t D,
                          const float *v)
{
    double *w = mi_alloc_n((size_t)D, sizeof *w);

    for (int64_t k = 0; k < D; k++)
        w[k] = (double)v[k];
    mi_samples_dot(p, &(struct mi_samples){x, s->row, s->n, D}, w);
    mi_free(w);
}

/* Share of pairs whose positive member is higher (ties half); without pairs the AUROC. */
static double share_in_favour(const struct mi_cases *s, const double *p)
{
    double halves = 0, auc;
    int64_t *order;

    if (s->is_paired) {
        for (int64_t i = 0; i + 1 < s->n; i += 2)
            halves += (p[i] > p[i + 1]) + (p[i] >= p[i + 1]);
        return halves / (double)s->n;
    }
    order = mi_alloc_n((size_t)s->n, sizeof *order);
    mi_auc_order(order, p, s->n);
    auc = mi_auc(p, s->side, order, s->n, NULL, NULL);
    mi_free(order);
    return auc;
}

static void turn(float *v, double *p, int64_t D, int64_t n)
{
    for (int64_t k = 0; k < D; k++)
        v[k] = -v[k];
    for (int64_t i = 0; i < n; i++)
        p[i] = -p[i];
}

/* Cosine of row 0 with the difference of the means. */
static double cosine_with_mean_diff(const struct mi_direction *d, const struct mi_cases *s,
                                    const float *x)
{
    double *diff = mi_alloc_n(2 * (size_t)d->width, sizeof *diff), *v = diff + d->width, c, length;

    fit_mean_diff(diff, s, x, d->width);
    for (int64_t k = 0; k < d->width; k++)
        v[k] = (double)d->v[k];
    length = mi_vec_norm(diff, d->width) * mi_vec_norm(v, d->width);
    c = length > 0 ? mi_vec_dot(v, diff, d->width) / length : 0;
    mi_free(diff);
    return c > 1 ? 1 : c < -1 ? -1 : c;
}

/* norm: length of the raw vector, for the logistic regression's own boundary. */
static void describe(struct mi_direction *d, const struct fit *f, double norm)
{
    const struct mi_cases *s = f->s;
    double *p = mi_alloc_n((size_t)s->n, sizeof *p);
    double sum[2] = {0}, n[2] = {0};

    mi_direction_project(p, s, f->x, f->D, d->v);
    d->sign_share = share_in_favour(s, p);
    d->sign = 1;
    if (d->sign_share < 0.5) {
        d->sign = -1;
        d->sign_share = 1 - d->sign_share;
        turn(d->v, p, f->D, s->n);
    }
    for (int64_t i = 0; i < s->n; i++) {
        sum[s->side[i] > 0] += p[i];
        n[s->side[i] > 0] += 1;
    }
    d->scale = sum[1] / n[1] - sum[0] / n[0];
    d->threshold =
        f->has_offset ? -f->offset / norm * d->sign : (sum[1] / n[1] + sum[0] / n[0]) / 2;
    d->n = d->n_sign = s->is_paired ? s->n / 2 : s->n;
    mi_free(p);
}

/* The direction must be more than the rounding of the rows (2^-24 of their length). */
static bool is_nothing(double norm, const struct fit *f)
{
    double *row = mi_alloc_zero((size_t)f->D, sizeof *row);
    double longest;

    mi_vec_axpy_row(row, 1, f->x + f->s->row[0] * f->D, f->D);
    longest = mi_vec_norm(row, f->D);
    mi_free(row);
    return norm <= 1e-9 * longest;
}

static int check_cases(enum mi_method m, const struct mi_cases *s, struct mi_error *err)
{
    int64_t n_pos = mi_cases_count(s, 1);

    if (s->n == 0)
        return mi_fail(err, MI_EXIT_DATA, "no rows to fit on");
    if (n_pos == 0 || n_pos == s->n)
        return mi_fail(err, MI_EXIT_DATA,
                       "all %lld rows are on the %s side: there is nothing to "
                       "compare",
                       (long long)s->n, n_pos ? "positive" : "negative");
    if (info[m].needs_pairs && !s->is_paired)
        return mi_fail(err, MI_EXIT_DATA,
                       "method '%s' needs pairs, and the prompts have no "
                       "field 'pair'",
                       info[m].id);
    return 0;
}

/* Takes the raw vectors over, with unit norm. Returns the length of the first. */
static double store(struct mi_direction *d, const struct fit *f)
{
    double norm = mi_vec_norm(f->v, f->D);

    for (int64_t i = 0; i < d->n_vectors; i++)
        mi_vec_normalize(f->v + i * f->D, f->D);
    for (int64_t k = 0; k < d->n_vectors * f->D; k++)
        d->v[k] = (float)f->v[k];
    return norm;
}

int mi_direction_fit(struct mi_direction *d, enum mi_method m, const struct mi_cases *s,
                     const float *x, int64_t D, const struct mi_direction_options *o,
                     struct mi_error *err)
{
    int64_t K = info[m].has_components && o->n_components > 1 ? o->n_components : 1;
    struct fit f = {.s = s, .x = x, .D = D, .o = o};
    struct mi_cases null = {0};
    double norm;
    int r;

    *d = (struct mi_direction){0};
    if ((r = check_cases(m, s, err)) < 0)
        return r;
    d->n_vectors = K;
    d->width = D;
    d->v = mi_alloc_n((size_t)(K * D), sizeof *d->v);
    if (info[m].has_components)
        d->variance = f.share = mi_alloc_zero((size_t)K, sizeof *f.share);
    f.v = mi_alloc_n((size_t)(K * D), sizeof *f.v);
    if (m == MI_METHOD_SHUFFLED) { /* sign and threshold come from the shuffled sides too */
        struct mi_cases alone;

        mi_cases_unpair(&alone, s);
        mi_cases_shuffle(&null, &alone, o->seed, o->draw, true);
        mi_cases_free(&alone);
        f.s = &null;
    }
    r = fit_raw(&f, m, K, d->v, err);
    if (r == 0) {
        norm = store(d, &f);
        if ((m == MI_METHOD_MEAN_DIFF || m == MI_METHOD_SHUFFLED) && is_nothing(norm, &f))
            r = mi_fail(err, MI_EXIT_DATA, "the means of the two sides are equal");
        else if (!(norm > 0))
            r = mi_fail(err, MI_EXIT_DATA, "method '%s' finds no direction: the vector is zero",
                        info[m].id);
        else
            describe(d, &f, norm);
        d->cos_mean_diff = cosine_with_mean_diff(d, s, x);
        d->loss = f.loss;
        d->iterations = f.iterations;
    }
    mi_free(f.v);
    mi_cases_free(&null);
    if (r < 0)
        mi_direction_free(d);
    return r;
}

void mi_direction_free(struct mi_direction *d)
{
    mi_free(d->v);
    mi_free(d->variance);
    *d = (struct mi_direction){0};
}

/* ---- comparing --------------------------------------------------------------- */

double mi_cosine(const float *a, const float *b, int64_t n)
{
    double ab = 0, aa = 0, bb = 0;

    for (int64_t k = 0; k < n; k++) {
        ab += (double)a[k] * (double)b[k];
        aa += (double)a[k] * (double)a[k];
        bb += (double)b[k] * (double)b[k];
    }
    return aa > 0 && bb > 0 ? ab / sqrt(aa) / sqrt(bb) : 0;
}

int mi_principal_cosines(double *c, const float *A, int64_t p, const float *B, int64_t q, int64_t n)
{
    double *M = mi_alloc_zero((size_t)p * (size_t)q, sizeof *M);
    int64_t m = p < q ? p : q;
    int r;

    for (int64_t i = 0; i < p; i++)
        for (int64_t j = 0; j < q; j++)
            for (int64_t k = 0; k < n; k++)
                M[i * q + j] += (double)A[i * n + k] * (double)B[j * n + k];
    r = mi_singular_values(c, M, p, q);
    for (int64_t i = 0; i < m; i++)
        c[i] = c[i] > 1 ? 1 : c[i];
    mi_free(M);
    return r == MI_LINALG_OK ? 0 : -1;
}
