/* job/evaluate.h: how well directions tell the sides of an activation stream apart.
 *
 * One pass: of every row only its projections are kept, so memory does not grow with the
 * width. For each place that the directions name, score records in this order: each direction
 * with each metric; then the controls.
 *
 * of = {site, layer, head, position, method, groups}, and `leak` (groups that the direction
 * was fitted on) when leaks are allowed. Controls:
 *
 *     random    the direction stream's own random directions; where it has none, n_random of
 *               this program's, turned and with a threshold as a fit on the very rows that are
 *               evaluated would: what chance reaches when it may look
 *     shuffled  the direction stream's directions of shuffled sides, where it has any
 *     permuted  the direction itself against sides that were shuffled within pairs (without
 *               pairs: permuted over prompts), n_permuted times
 *
 * Of a control value is the mean over its draws, lo and hi the smallest and the largest, n the
 * number of draws. Of a direction lo and hi are the bootstrap's, n the rows or pairs. Of a
 * subspace the first vector is evaluated. Directions without a threshold (of other programs)
 * have no accuracy. */
#ifndef MI_JOB_EVALUATE_H
#define MI_JOB_EVALUATE_H

#include "job/acts.h"
#include "job/dirs.h"
#include "method/probe.h"
#include "stream/writer.h"

struct mi_evaluate_options {
    uint64_t seed;
    int32_t n_bootstrap; /* replicates; 0: no intervals */
    double level;        /* of the intervals */
    int n_random, n_permuted;
    bool allow_leak; /* a group may stand in the fit and here */
    bool wants[MI_PROBE_FIGURES];
    struct mi_value of; /* map of keys that every record gets; nil: none. Borrowed */
};

/* Reads acts to the end and writes score records. MI_EXIT_DATA: a direction's place or width
 * is not in the stream, a group leaks, too few groups for an interval. n_scores: how many. */
int mi_evaluate(struct mi_acts *acts, const struct mi_dirs *dirs,
                const struct mi_evaluate_options *o, struct mi_writer *out, int64_t *n_scores,
                struct mi_error *err) MI_MUST_USE;

/* "accuracy,auroc" into wants; MI_EXIT_USAGE for an unknown or unfit metric. */
int mi_evaluate_metrics(bool wants[MI_PROBE_FIGURES], const char *text,
                        struct mi_error *err) MI_MUST_USE;

#endif
