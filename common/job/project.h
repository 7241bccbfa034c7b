/* job/project.h: the projection of every captured token on the directions of its place.
 *
 * What a lie detector and a scan of layers and tokens are drawn from (Zou et al. 2023,
 * section 3: each token of a transcript is scored along the direction of each layer, and the
 * scores of several layers are averaged). Here each direction is of unit norm and keeps the
 * threshold of its own fit, so zero lies between the sides.
 *
 * The prompt records pass through. Behind each act record come score records, one for each
 * direction at its place: of = {id, site, layer, head, position, method, draw?, sides?,
 * positions, values}: `positions` [T] token indices, `values` [T] the figure of each, and value
 * their mean, n = T, no interval (tokens of one text are no sample). Metrics (data/metric.h):
 * projection <v, x>; projection_signed <v, x> - b; projection_scaled (<v, x> - b) / scale. A
 * direction without threshold has `projection` only. With `mean`, when a prompt has all the
 * places named there, a record follows whose values are the means over them: layer nil, and
 * `layers`. Of a subspace the first vector is taken. */
#ifndef MI_JOB_PROJECT_H
#define MI_JOB_PROJECT_H

#include "job/acts.h"
#include "job/dirs.h"
#include "stream/writer.h"

enum mi_projection { MI_PROJECTION_SIGNED, MI_PROJECTION_RAW, MI_PROJECTION_SCALED };

struct mi_project_options {
    enum mi_projection kind;
    const char *mean;   /* places (data/site.h) whose mean is written too; NULL: none */
    bool with_controls; /* directions that are controls as well */
    uint64_t seed;
    struct mi_value of; /* map of keys that every record gets; nil: none. Borrowed */
};

/* Reads acts (opened with mi_project_acts) to the end. MI_EXIT_DATA: a direction's place or width
 * is not in the stream, it has no scale, two directions of one method stand at a place of the
 * mean, a prompt lacks some places of the mean. */
int mi_project(struct mi_acts *acts, const struct mi_dirs *dirs, const struct mi_project_options *o,
               struct mi_writer *out, int64_t *n_scores, struct mi_error *err) MI_MUST_USE;
/* What mi_project needs of the options of acts: no sides, prompts passed to out. */
void mi_project_acts(struct mi_acts_options *o, struct mi_writer *out);

#endif
