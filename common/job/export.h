/* job/export.h: directions for other programs. */
#ifndef MI_JOB_EXPORT_H
#define MI_JOB_EXPORT_H

#include "job/dirs.h"

/* A control vector file (model/control_vector.h) into b: the directions at resid_post, times
 * `length`, and times their own scale when is_scaled. MI_EXIT_DATA: two directions of one
 * layer, a site other than resid_post, layer 0, a subspace, a scale that is not known. */
int mi_export_control_vector(struct mi_buf *b, const struct mi_dirs *dirs, double length,
                             bool is_scaled, struct mi_error *err) MI_MUST_USE;

#endif
