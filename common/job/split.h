/* job/split.h: directions at a site with a linear read-out, split by what it reads
 * (method/split.h).
 *
 * The read-outs: of mlp_post W_down, of z W_O (of one head its columns). In the residual stream
 * everything is read, and elsewhere what follows is no linear map: refused.
 *
 * Of a direction `METHOD` come the records `METHOD.row` and `METHOD.null`, each of unit norm. Its
 * scale is the direction's times the part's length, so that adding `c scale` of both is adding
 * `c scale` of the direction. Further keys: share (of the squared norm), rank (of the read-out),
 * and the direction's own sides, groups and draw. A part whose share is below 1e-10 is rounding,
 * and no record is written. */
#ifndef MI_JOB_SPLIT_H
#define MI_JOB_SPLIT_H

#include "job/dirs.h"
#include "job/session.h"
#include "stream/writer.h"

/* *n: records. MI_EXIT_DATA: a place without a linear read-out, another width, a subspace.
 * MI_EXIT_NO: the read-outs see all of every direction. */
int mi_split_directions(struct mi_session *s, const struct mi_dirs *dirs, double rtol,
                        struct mi_writer *out, int64_t *n, struct mi_error *err) MI_MUST_USE;

#endif
