/* stats/tally.h: sums of one number a row, kept by group and side, for ratios of means.
 *
 * With the sums by group a bootstrap replicate costs one pass over the groups, whatever the
 * number of rows. */
#ifndef MI_STATS_TALLY_H
#define MI_STATS_TALLY_H

#include <stddef.h>
#include <stdint.h>

/* `{0}` is empty; grows with the groups. */
struct mi_tally {
    double *sum; /* [groups, 2]: positive side, negative side */
    size_t cap;  /* numbers that there is room for; those beyond count as 0 */
};

/* Adds x to the sum of a group and side (+1 or -1). */
void mi_tally_add(struct mi_tally *t, int64_t group, int side, double x);
void mi_tally_free(struct mi_tally *t);

/* How many rows each group has on each side: n [n_groups, 2]. */
struct mi_tally_rows {
    const int64_t *n;
    int64_t n_groups;
};

/* Means over the rows of each side (0: positive), each group counted count[group] times (NULL:
 * once). NAN where a side has no rows. */
void mi_tally_means(double mean[2], const struct mi_tally *t, const struct mi_tally_rows *rows,
                    const int32_t *count);
/* The mean over the rows of both sides. */
double mi_tally_mean(const struct mi_tally *t, const struct mi_tally_rows *rows,
                     const int32_t *count);

#endif
