/* method/logistic.h: L2-penalised logistic regression in double.
 *
 *     minimise over w, b:   mean_i log(1 + exp(-y_i (w . z_i + b))) + l2 / 2 |w|^2
 *
 * with y_i = +1 or -1 and z the columns of x, each minus its mean and divided by its standard
 * deviation (over n). The offset b carries no penalty. This is scikit-learn's StandardScaler
 * and LogisticRegression(C = 1 / (n l2)). Solved by L-BFGS (Liu and Nocedal 1989, 10 pairs)
 * with the line search of More and Thuente's conditions found by bisection and interpolation
 * (strong Wolfe), until no entry of the gradient exceeds 1e-9. The problem is strictly convex
 * in w: the solution does not depend on the start. */
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

/* w [D] is the caller's. MI_EXIT_DATA when it does not converge. */
int mi_logistic_fit(struct mi_logistic *out, const struct mi_cases *s, const float *x, int64_t D,
                    double l2, struct mi_error *err) MI_MUST_USE;

#endif
