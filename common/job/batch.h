/* job/batch.h: items into passes of bounded size, records out in the order of the input. */
#ifndef MI_JOB_BATCH_H
#define MI_JOB_BATCH_H

#include "job/source.h"

/* How many rows a pass should hold, given the model and --max-memory: enough to use every
 * weight tile many times, few enough for the working set. MI_EXIT_SYS when not even one
 * prompt of n_longest tokens fits. */
int mi_batch_rows(const struct mi_session *s, int64_t max_memory, int64_t n_longest, int *rows,
                  struct mi_error *err) MI_MUST_USE;

/* The next items of the source, up to max_rows rows (at least one item, at most max_items). */
struct mi_batch {
    struct mi_item *item; /* [n] */
    int n, cap;
    int64_t n_rows;
};
/* 1: there are items; 0: the end; < 0. */
int mi_batch_next(struct mi_batch *b, struct mi_source *src, struct mi_session *s, int max_rows,
                  int max_items, struct mi_error *err) MI_MUST_USE;
void mi_batch_free(struct mi_batch *b);

#endif
