/* job/compare.h: how directions lie to each other. */
#ifndef MI_JOB_COMPARE_H
#define MI_JOB_COMPARE_H

#include "job/dirs.h"
#include "stream/writer.h"

/* Score records of every two directions of one place, in the order read, controls left out:
 * metric `cosine` of single vectors; of subspaces `principal_cosine`, one record an angle,
 * from the smallest angle on. Then the cosine of each single vector with that of the same
 * method and source at the next layer of the same site and head. of = {site, layer, head,
 * method, source, other_layer, other_method, other_source, angle}; a source is the number of
 * the stream, from 0; angle counts from 0, nil of single vectors. */
int mi_compare(const struct mi_dirs *dirs, struct mi_writer *out, struct mi_error *err) MI_MUST_USE;

#endif
