/* job/prefix.h: prompts that begin alike are computed once as far as they do.
 *
 * The keys and values of a position depend on the tokens up to it alone, so a flight may
 * copy them, and the scores, from an earlier one with the same first tokens: the bits are
 * those that it would have computed. Not from the first position on that an edit of either
 * writes at. */
#ifndef MI_JOB_PREFIX_H
#define MI_JOB_PREFIX_H

#include "job/flight.h"

enum { MI_PREFIX_LEAST = 8 }; /* tokens in common that are worth a copy */

/* Before flight[i] feeds its first tokens: copies what it has in common with the flight
 * before it [0, i) that shares most. False: that one has not come so far yet; wait a pass. */
bool mi_prefix_take(struct mi_flight *const *flight, size_t i, const struct mi_model *m);

#endif
