/* job/capture_size.h: how much a capture computes and holds (private to job/capture.c). */
#ifndef MI_JOB_CAPTURE_SIZE_H
#define MI_JOB_CAPTURE_SIZE_H

#include "job/capture.h"

/* Values of one pass are held until their records are written; passes are made small enough
 * for this many bytes, where one prompt alone does not need more. */
enum { MI_CAPTURE_HELD = 48 << 20 };

/* Numbers of one position at place p of the options, of a prompt of n_keys tokens. */
int64_t mi_capture_place_size(const struct mi_session *s, const struct mi_capture_options *o,
                              size_t p, int64_t n_keys);
/* Blocks that must run; 0: all and what is behind them (has_after: the norm, the logits). */
int mi_capture_layers(const struct mi_places *places, bool *has_after);
/* What a pass takes within `limit` bytes of memory. */
int mi_capture_sizes(const struct mi_session *s, const struct mi_capture_options *o, int64_t limit,
                     struct mi_batch_limits *out, struct mi_error *err) MI_MUST_USE;

#endif
