/* text/bpe.h: the merging of byte pair encoding (Sennrich, Haddow and Birch 2016).
 *
 * The adjacent pair of lowest rank is merged, the leftmost of equals, until no pair has a
 * rank. A heap of pairs makes that n log n in the length of one pre-token. */
#ifndef MI_TEXT_BPE_H
#define MI_TEXT_BPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mi_bpe_merge {
    int32_t left, right; /* token ids */
    int32_t rank, result;
};

struct mi_bpe_symbol {
    int32_t id;          /* -2: what has no token yet */
    uint32_t begin, end; /* bytes */
};

enum { MI_BPE_NO_TOKEN = -2 };

/* What two neighbours merge to, when it is not a table that says so: the rank (the lowest is
 * merged first) and the result, or false. */
typedef bool mi_bpe_find_fn(const void *data, const struct mi_bpe_symbol *left,
                            const struct mi_bpe_symbol *right, uint32_t *rank, int32_t *result);

/* Merges by (left, right), or by `find`. `{0}` is valid and has none. */
struct mi_bpe {
    struct mi_bpe_merge *slot; /* [mask + 1], result -1 where empty; at least half are */
    size_t mask, n;
    mi_bpe_find_fn *find;
    const void *data;
};

struct mi_bpe_pair {
    uint64_t order; /* rank, then place */
    int32_t left, right;
};

/* Memory of a run, to be used again. `{0}` is valid. */
struct mi_bpe_work {
    struct mi_bpe_pair *heap;
    uint32_t *next, *prev; /* [n]: neighbours that are still there */
    size_t n_heap, heap_cap, next_cap, prev_cap;
};

/* Room for n_merges at once. */
void mi_bpe_init(struct mi_bpe *b, size_t n_merges);
/* Of a pair that is there already the first rank stays. */
void mi_bpe_add(struct mi_bpe *b, struct mi_bpe_merge m);
/* Merges s [n] in place and returns how many symbols are left. n < 2^32. */
size_t mi_bpe_run(const struct mi_bpe *b, struct mi_bpe_symbol *s, size_t n, struct mi_bpe_work *w);
void mi_bpe_free(struct mi_bpe *b);
void mi_bpe_work_free(struct mi_bpe_work *w);

#endif
