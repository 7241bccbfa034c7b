/* method/logistic.h: L2-penalised logistic regression in double.
 *
 *     minimise over w, b:   mean_i log(1 + exp(-y_i (w . z_i + b))) + l2 / 2 |w|^2
 *
 * with y_i = +1 or -1 and z the columns of x, each minus its mean and divided by its standard
 * deviation (over n). The offset b carries no penalty. This is scikit-learn's StandardScaler
 * and LogisticRegression(C = 1 / (n l2)).
 *
 * Solved by L-BFGS (Liu and Nocedal 1989, 10 pairs; strong Wolfe conditions of More and Thuente
 * by bisection), until no entry of the gradient exceeds 1e-8: the loss is then within
 * (D + 1) 1e-16 / (2 l2) of the minimum (3e-12 at D = 576, l2 = 0.01). The problem is strictly
 * convex in w: the solution does not depend on the start.
 *
 * With at least as many rows as columns the unknowns are L^T w, with L L^T = share (1 - share)
 * Gram / n + l2, the second derivative at w = 0 (math/cholesky.h, in floats): 7 to 9 passes over
 * the rows instead of 130 to 270 on a transformer's activations, for the price of about 15 passes.
 * Full Newton steps would pay that price each time. A pass reads each row once (math/samples.h).
 * Memory beside the rows: 4 D^2 + 8 D (n / 1024 + 30) bytes, and 4 D 1040 while the Gram matrix is
 * made.
 */
#ifndef MI_METHOD_LOGISTIC_H
#define MI_METHOD_LOGISTIC_H

#include "base/error.h"
#include "stats/cases.h"

#include <stdint.h>

struct mi_logistic {
    double *w;   /* [D] weights on x as it is (scaling undone) */
    double b;    /* offset: positive where w . x + b > 0 */
    double loss; /* the minimum */
    int iterations;
};

/* What a fit knows of its rows alone: their scale and L. `{0}` is empty. */
struct mi_logistic_scale {
    double *mean, *sd; /* [D] of the columns; NULL when empty */
    float *L;          /* [D, D], or NULL: the identity */
    double unit;       /* of b beside L^T w */
};
void mi_logistic_scale_free(struct mi_logistic_scale *c);

/* w [D] is the caller's. `scale` (may be NULL) is filled by the first fit and used by those that
 * follow, on the same rows with other sides (shuffled ones) and the same l2: they save the Gram
 * matrix, half of the work. MI_EXIT_DATA when it does not converge. */
int mi_logistic_fit(struct mi_logistic *out, const struct mi_cases *s, const float *x, int64_t D,
                    double l2, struct mi_logistic_scale *scale, struct mi_error *err) MI_MUST_USE;

#endif
