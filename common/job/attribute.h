/* job/attribute.h: which parts of the model write a direction.
 *
 * The residual stream is a sum of what was written into it before: the embedding, the heads
 * and the MLPs. So the projection of the stream on a direction v is the sum of the parts' own
 * projections (direct attribution; Elhage et al. 2021, "A mathematical framework for
 * transformer circuits"; onto a direction instead of a logit difference as in methods of
 * Golechha and Dao 2024, 2402.03855):
 *
 *     <v, resid_post:L> = <v, embed> + sum_{l <= L} (sum_h <v, result:l.h> + <v, mlp_out:l>)
 *
 * The parts come from the activation stream: `embed` (or resid_pre:0); of every layer `result`
 * (a part a head), or with the model's weights `z` (head h of z adds W_O[:, h] z[h], which is
 * read as <W_O^T v, z>: a capture of z is as small as the stream), else `attn_out` (a part a
 * layer); `mlp_out`. Directions at resid_pre, resid_mid and resid_post.
 *
 * Score records, in the order of the directions and of the parts in the pass:
 *     contribution       mean over the rows of both sides of <v, part>
 *     contribution_diff  the mean of the positive side minus that of the negative
 * with of = {site, layer, head (the part's), position, method, to_site, to_layer}; then, of
 * the direction: participation_ratio over |contribution_diff|, and sum_error, the larger of the
 * two sides' |<v, stream> - sum| / |<v, stream>|. Of controls the `control` says which; their
 * figures are those of each draw. Intervals resample groups. */
#ifndef MI_JOB_ATTRIBUTE_H
#define MI_JOB_ATTRIBUTE_H

#include "job/acts.h"
#include "job/dirs.h"
#include "job/session.h"
#include "stream/writer.h"

struct mi_attribute_options {
    uint64_t seed;
    int32_t n_bootstrap;
    double level;
    double most_error; /* a sum that is further off is refused (MI_EXIT_DATA) */
};

/* session NULL: no weights, z is not used. MI_EXIT_DATA: a part is not in the stream (it is
 * named), a direction is not in the residual stream. */
int mi_attribute(struct mi_acts *acts, const struct mi_dirs *dirs, const struct mi_session *session,
                 const struct mi_attribute_options *o, struct mi_writer *out,
                 struct mi_error *err) MI_MUST_USE;

#endif
