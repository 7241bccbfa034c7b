/* method/split.h: the part of a direction that a linear read-out sees, and the part that it does
 * not.
 *
 * Makelov, Lange and Nanda 2023, "Is this the subspace you are looking for? An interpretability
 * illusion for subspace activation patching" (2311.17030), section 3: with y = W x what is read
 * from x (the MLP's output from its neurons, the attention's from z), a direction is
 *
 *     d = d_row + d_null,    d_row = W^+ W d,    W d_null = 0
 *
 * A patch along d can work although nothing downstream reads d: d_null goes with the label and
 * brings the size, d_row has the effect and lies idle by itself. The effect of d_null alone is 0
 * by construction, and so is no finding; how much of d it is, and what d_row alone does, are.
 *
 * The row space comes from the eigenvectors of the smaller of W W^T and W^T W, singular values
 * below rtol times the largest dropped; through W W^T the solution is refined twice. The paper's
 * code orthonormalises the rows of W without a tolerance. */
#ifndef MI_METHOD_SPLIT_H
#define MI_METHOD_SPLIT_H

#include <stdint.h>

/* A read-out made ready. `{0}` is empty. */
struct mi_readout_space {
    const float *W; /* [rows, width] borrowed */
    int64_t rows, width, rank;
    double *value;  /* [rank] squared singular values */
    double *vector; /* [rank, min(rows, width)] of W W^T where width > rows, else of W^T W */
};

/* O(rows width min(rows, width)). 0, or -1: no finite W, or no convergence. */
int mi_readout_space_init(struct mi_readout_space *s, const float *W, int64_t rows, int64_t width,
                          double rtol);
/* row and null [width] of d [width]. */
void mi_split(const struct mi_readout_space *s, const float *d, double *row, double *null);
void mi_readout_space_free(struct mi_readout_space *s);

#endif
