/* job/reduce.h: running statistics of activations.
 *
 * Per class and place: n, the sum of the rows and, if asked, of their products, in double. A
 * unit's sums (in the order of its items and positions) are a leaf of the canonical tree
 * (stats/tree.h), so any number of shards merges to the single run's bits (job/stat.h). */
#ifndef MI_JOB_REDUCE_H
#define MI_JOB_REDUCE_H

#include "job/source.h"
#include "job/stat.h"
#include "stream/writer.h"

enum { MI_REDUCE_CLASSES = 1024 };

struct mi_reducer {
    struct mi_reducer_state *state; /* private */
};

/* places: of fixed width. position: its text, for the records. first_unit: where the range
 * begins that will be added (0, or the shard's). */
void mi_reducer_open(struct mi_reducer *r, const struct mi_places *places,
                     const struct mi_dims *dims, enum mi_reduce reduce, const char *by,
                     const char *position, int64_t first_unit);
/* The rows of one item: x[p] points to [n_positions, W of place p]. Items in ascending order of
 * units. An item without the field `by`, or one class too many, is MI_EXIT_DATA. */
int mi_reducer_add(struct mi_reducer *r, struct mi_item *item, const float *const *x,
                   int64_t n_positions, struct mi_error *err) MI_MUST_USE;
/* Writes the records; last_unit: the end of the range (units not added had nothing). */
int mi_reducer_write(struct mi_reducer *r, int64_t last_unit, bool is_sharded,
                     struct mi_writer *out, struct mi_error *err) MI_MUST_USE;
void mi_reducer_close(struct mi_reducer *r);
/* Bytes that the sums of n_units units take at most, for one class. */
int64_t mi_reduce_bytes(const struct mi_places *places, const struct mi_dims *dims,
                        enum mi_reduce reduce, int64_t n_units);

#endif
