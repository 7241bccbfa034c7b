/* job/subspace.h: the vectors of a direction record, as they act on the rows of a place. */
#ifndef MI_JOB_SUBSPACE_H
#define MI_JOB_SUBSPACE_H

#include "data/dims.h"
#include "stream/record.h"

#include <stdbool.h>

/* `{0}` is empty. */
struct mi_subspace {
    float *v; /* [n, width] unit vectors */
    int n;
    int64_t width; /* of one head of the place, or of all its heads as one */
};

/* MI_EXIT_USAGE: the place has no fixed width. MI_EXIT_DATA: no vectors, not of unit length, of
 * another width than the place. */
int mi_subspace_take(struct mi_subspace *s, const struct mi_dir_record *dir,
                     const struct mi_place *at, const struct mi_dims *dims,
                     struct mi_error *err) MI_MUST_USE;
/* Makes the vectors orthonormal in their order (modified Gram-Schmidt, in double), so that v^T v
 * is a projector. MI_EXIT_DATA: one is spanned by the others. */
int mi_subspace_orthonormalize(struct mi_subspace *s, struct mi_error *err) MI_MUST_USE;
/* With P the projector of the orthonormal vectors, x and y [width]:
 *     along    x := x + P (y - x)
 *     across   x := x + (I - P) (y - x), computed as y + P (x - y)
 * in f32, the products in the canonical order (mi_dot), one vector after the other. Where x is y
 * no bit changes. tmp [width]. Returns whether one did. */
bool mi_subspace_swap(const struct mi_subspace *s, bool is_across, float *x, const float *y,
                      float *tmp);
void mi_subspace_free(struct mi_subspace *s);

#endif
