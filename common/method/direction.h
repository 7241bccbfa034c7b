/* method/direction.h: a linear direction that separates two sides of activations.
 *
 * x+ and x- are the activations [D] of one place on the positive and the negative side, in
 * pairs where the method needs pairs. Every method gives a unit vector v, turned so that +
 * means the positive side, and the figures that a reader needs to judge it.
 *
 * | id                 | v, before it is scaled to unit norm                                  |
 * |--------------------|----------------------------------------------------------------------|
 * | mean-diff          | mean(x+) - mean(x-)                                                  |
 * | pca-diff           | first principal component of s_i (x+_i - x-_i), each difference with |
 * |                    | a random sign s_i, centred                                           |
 * | pca-diff-uncentred | first right singular vector of the differences, not centred          |
 * | pca-center         | first principal component of both members minus their midpoint       |
 * | mass-mean          | W^+ (mean(x+) - mean(x-)), W the pooled covariance within the sides  |
 * | logistic           | weights of an L2-penalised logistic regression on scaled columns     |
 * | random             | a normal draw: control                                               |
 * | shuffled           | mean-diff after the sides were shuffled over the members of all      |
 * |                    | pairs (balanced, stats/cases.h), sign and threshold as well: control |
 *
 * mean-diff: Rimsky et al. 2023, "Steering Llama 2 via contrastive activation addition"
 * (2312.06681), section 3; Marks and Tegmark 2023, "The geometry of truth" (2310.06824),
 * section 5. pca-diff: Zou et al. 2023, "Representation engineering" (2310.01405), appendix:
 * linear artificial tomography; their code shuffles each pair and then centres, which is the
 * random sign here, keyed by the row and not by its order. (With all signs alike the centring
 * would remove the mean difference, the very thing looked for.) pca-diff-uncentred: the form
 * without chance. pca-center: in the manner of the repeng package; equal to the uncentred
 * form in direction, since the two members are minus each other after centring. mass-mean:
 * the geometry of truth, equation 2: W divides by the number of rows, W^+ drops eigenvalues
 * below rtol times the largest (they drop those below 1e-3); this is also Fisher's linear
 * discriminant (1936).
 *
 * shuffled pays no heed to pairs: where members of a pair differ along one line and little else,
 * but not all by the same length, sides that are swapped within pairs leave that very line.
 *
 * Sign: + if the positive member has the larger projection in at least half of the pairs
 * (the rule of linear artificial tomography); without pairs, if the AUROC of the projections
 * is at least 1/2.
 *
 * All sums are in double in the order of the cases: the same bits for any thread count. */
#ifndef MI_METHOD_DIRECTION_H
#define MI_METHOD_DIRECTION_H

#include "base/error.h"
#include "method/logistic.h"
#include "stats/cases.h"

#include <stdbool.h>
#include <stdint.h>

enum mi_method {
    MI_METHOD_MEAN_DIFF,
    MI_METHOD_PCA_DIFF,
    MI_METHOD_PCA_DIFF_UNCENTRED,
    MI_METHOD_PCA_CENTER,
    MI_METHOD_MASS_MEAN,
    MI_METHOD_LOGISTIC,
    MI_METHOD_RANDOM,
    MI_METHOD_SHUFFLED,
    MI_METHODS
};

struct mi_method_info {
    const char *id;
    const char *also; /* another name for it, or NULL */
    bool needs_pairs;
    bool is_control;     /* nothing true is expected of it */
    bool has_components; /* can give more than one vector */
    const char *what;    /* one line */
};
const struct mi_method_info *mi_method_info(enum mi_method m);
/* By id or other name; MI_EXIT_USAGE with the near names. Returns enum mi_method. */
int mi_method_find(const char *name, struct mi_error *err) MI_MUST_USE;

struct mi_direction_options {
    uint64_t seed;
    int draw;                        /* number of a control's draw, from 0 */
    const char *place;               /* text that keys the random control */
    int n_components;                /* of the PCA methods; 0 is 1 */
    double l2;                       /* logistic: penalty l2 / 2 |w|^2 beside the mean loss; > 0 */
    double rtol;                     /* mass-mean: eigenvalues below rtol * largest are dropped */
    struct mi_logistic_scale *scale; /* logistic: shared by fits on the same rows, or NULL */
};

/* A fitted direction. `{0}` is empty; free with mi_direction_free. */
struct mi_direction {
    int64_t n_vectors;    /* K */
    int64_t width;        /* D */
    float *v;             /* [K, D] rows of unit norm, orthogonal; the sign is applied to row 0 */
    double sign;          /* +1 or -1: what the estimator's own vector was multiplied with */
    double scale;         /* mean projection of the positive side minus that of the negative */
    double threshold;     /* projections above it read as positive: the midpoint of the two
                            means; of the logistic regression its own boundary */
    double sign_share;    /* share of pairs (or AUROC) that speaks for the sign, ties half */
    int64_t n_sign;       /* pairs, or rows without pairs */
    double cos_mean_diff; /* cosine of row 0 with mean-diff of the same rows, sides as given */
    double *variance;     /* [K] PCA: share of the variance; NULL for the others */
    double loss;          /* logistic: the minimum; else 0 */
    int iterations;       /* logistic; else 0 */
    int64_t n;            /* pairs, or rows without pairs */
};

/* Fits on the rows of s in x [rows, D], which are finite. MI_EXIT_DATA: one side has no row;
 * pairs are needed and there are none; the vector is zero (the sides do not differ); no
 * convergence. O(n D) for mean-diff and, an iteration, logistic; the PCA forms and mass-mean
 * take O(n D min(n, D)) and hold min(n, D)^2 doubles. */
int mi_direction_fit(struct mi_direction *d, enum mi_method m, const struct mi_cases *s,
                     const float *x, int64_t D, const struct mi_direction_options *o,
                     struct mi_error *err) MI_MUST_USE;
void mi_direction_free(struct mi_direction *d);

/* A unit vector with a uniform direction, keyed by (seed, "random", place, draw). */
void mi_direction_random(float *v, int64_t D, uint64_t seed, const char *place, int draw);

/* Projections p [n] of the cases on the unit vector v [D]. */
void mi_direction_project(double *p, const struct mi_cases *s, const float *x, int64_t D,
                          const float *v);

/* cos(a, b) of vectors [n]; 0 when one is zero. */
double mi_cosine(const float *a, const float *b, int64_t n);
/* Cosines of the principal angles between the row spaces of A [p, n] and B [q, n], both with
 * orthonormal rows: the singular values of A B^T (Bjorck and Golub 1973), descending, into
 * c [min(p, q)]. 0, or -1 when the singular values did not converge. */
int mi_principal_cosines(double *c, const float *A, int64_t p, const float *B, int64_t q,
                         int64_t n);

#endif
