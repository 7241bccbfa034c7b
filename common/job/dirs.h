/* job/dirs.h: direction streams held in memory. */
#ifndef MI_JOB_DIRS_H
#define MI_JOB_DIRS_H

#include "job/acts.h"
#include "job/origin.h"
#include "stream/record.h"

#include <stdbool.h>

/* One direction or subspace, with what fit wrote beside it. */
struct mi_dir {
    struct mi_dir_record rec;    /* copied; rec.extra is the map of further keys */
    const struct mi_value *body; /* the whole record, as it came */
    int64_t n_vectors, width;    /* K, D */
    float *v;                    /* [K, D] */
    double threshold;            /* NAN when the record has none */
    const char *sides;           /* "honest,untruthful", or NULL */
    const int64_t *groups;       /* [n_groups] ascending digests of the groups it was fitted on */
    int64_t n_groups;
    const char *control; /* "random", "shuffled", or NULL */
    int source;          /* which stream it came from, from 0 */
};

/* `{0}` is empty; free with mi_dirs_free. */
struct mi_dirs {
    struct mi_dir *item; /* [n] in the order read */
    size_t n, cap;
    struct mi_arena arena;
    struct mi_value header; /* of the first stream */
    int n_sources;
};

/* Adds the directions of a stream; those at places outside `at` (NULL: everywhere) are left
 * out. A stream of another model than the first fails with MI_EXIT_DATA unless other_model.
 * Its digest goes into origin. */
int mi_dirs_read(struct mi_dirs *d, const char *path, const char *at, bool other_model,
                 struct mi_origin *origin, struct mi_error *err) MI_MUST_USE;
/* The same of several streams; MI_EXIT_DATA when they have no direction at all. */
int mi_dirs_read_all(struct mi_dirs *d, const char *const *paths, int n, const char *at,
                     bool other_model, struct mi_origin *origin, struct mi_error *err) MI_MUST_USE;
/* The sides that all of them agree on, NULL when they name none; MI_EXIT_DATA when they
 * differ from each other or from `given` (may be NULL). */
int mi_dirs_sides(const struct mi_dirs *d, const char *given, const char **sides,
                  struct mi_error *err) MI_MUST_USE;
/* MI_EXIT_DATA when the activations at the direction's place have another width. */
int mi_dir_check_width(const struct mi_dir *d, int64_t width, struct mi_error *err) MI_MUST_USE;
bool mi_dir_is_at(const struct mi_dir *d, const struct mi_place *p);
bool mi_dir_has_group(const struct mi_dir *d, int64_t digest);
/* After all rows were read: MI_EXIT_DATA when there were none at some direction's place. */
int mi_acts_check_dirs(const struct mi_acts *acts, const struct mi_dirs *d,
                       struct mi_error *err) MI_MUST_USE;
void mi_dirs_free(struct mi_dirs *d);

#endif
