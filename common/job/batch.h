/* job/batch.h: items into passes of bounded size, records out in the order of the input. */
#ifndef MI_JOB_BATCH_H
#define MI_JOB_BATCH_H

#include "job/source.h"
#include "job/trie.h"

enum { MI_BATCH_ROWS = 512 }; /* more rows make no pass faster */

/* Bytes that this process may still take: what the system or its control group has free.
 * When neither says, 2 GiB. */
int64_t mi_memory_free(void);
/* --max-memory as given (0: three quarters of what is free). */
int64_t mi_memory_limit(int64_t max_memory);

/* How many rows a pass should hold, given the model and --max-memory: enough to use every
 * weight tile many times, few enough for the working set. `extra` bytes a row and `fixed`
 * bytes are what the caller needs beside the pass. MI_EXIT_SYS when not even one prompt of
 * n_longest tokens fits. */
int mi_batch_rows(const struct mi_session *s, int64_t max_memory, int64_t n_longest, int64_t extra,
                  int64_t fixed, int *rows, struct mi_error *err) MI_MUST_USE;

struct mi_batch_limits {
    int rows, items; /* at most */
    int64_t tokens;
    bool is_shared; /* rows are those of a trie (job/trie.h): a common beginning counts once */
};

/* The next items of the source within limits, at least one. */
struct mi_batch {
    struct mi_item *item; /* [n] */
    int64_t *n_shared;    /* [n] tokens that an item before it in the batch begins with too */
    int n, cap;
    int64_t n_tokens, n_rows; /* of all items; those that are computed */
    bool has_next;            /* private: item[n] opens the next batch */
    size_t cap_shared;
};
/* 1: there are items; 0: the end; < 0. Frees the items of the batch before. */
int mi_batch_next(struct mi_batch *b, struct mi_source *src, struct mi_session *s,
                  const struct mi_batch_limits *limits, struct mi_error *err) MI_MUST_USE;
/* Tokens of the longest item. */
int64_t mi_batch_longest(const struct mi_batch *b);
void mi_batch_free(struct mi_batch *b);

#endif
