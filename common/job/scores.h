/* job/scores.h: score records on their way out: what is the same in all of one run. */
#ifndef MI_JOB_SCORES_H
#define MI_JOB_SCORES_H

#include "method/probe.h"
#include "stream/record.h"
#include "stream/writer.h"

struct mi_scores {
    struct mi_writer *out;
    struct mi_value of; /* map of keys that the user gave every record; nil: none */
    uint64_t seed;
    int32_t n_bootstrap;   /* replicates; 0: no intervals */
    double level;          /* of the intervals */
    int64_t n;             /* records so far */
    struct mi_arena arena; /* private: of the record in hand */
};

/* "key=value" into the map: what the record is of. MI_EXIT_USAGE: no '=', an empty key, or one of
 * a score record's own. Borrows. */
int mi_scores_key(struct mi_arena *a, struct mi_value *of, const char *text,
                  struct mi_error *err) MI_MUST_USE;
/* Is the key one of a score record's own (metric, value ...)? */
bool mi_scores_owns(const char *key);

/* The keys of one map behind those of another (to). A nil has none. Borrows. */
void mi_scores_add_keys(struct mi_arena *a, struct mi_value *to, const struct mi_value *of);

/* Writes a record: `of` (map) with the user's keys behind it. */
int mi_scores_put(struct mi_scores *s, const struct mi_value *of, const char *metric,
                  const struct mi_figure *f, const char *control, struct mi_error *err) MI_MUST_USE;

/* Replicates for n_groups groups; none when n_bootstrap is 0. MI_EXIT_DATA: too few groups;
 * `where` says of what. */
int mi_scores_resample(const struct mi_scores *s, struct mi_resamples *r, int64_t n_groups,
                       const char *where, struct mi_error *err) MI_MUST_USE;
void mi_scores_free(struct mi_scores *s);

#endif
