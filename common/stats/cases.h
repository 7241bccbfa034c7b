/* stats/cases.h: labelled rows in groups: what a direction or a probe is fitted on.
 *
 * Cases say which rows of a matrix x [rows, D] are meant, on which side each stands, and
 * what may not be torn apart. The matrix is somebody else's. */
#ifndef MI_STATS_CASES_H
#define MI_STATS_CASES_H

#include <stdbool.h>
#include <stdint.h>

struct mi_cases {
    int64_t n;
    int64_t *row;     /* [n] row of the matrix */
    int8_t *side;     /* [n] +1 or -1 */
    int32_t *group;   /* [n] 0 .. n_groups - 1: goes to one part of a split as a whole */
    int32_t n_groups; /* of the whole stream; a group may have no row here */
    uint64_t *unit;   /* [n] digest of the pair, or of the prompt: relabelled as a whole */
    uint64_t *key;    /* [n] digest of unit and offset: what draws for the row are keyed by */
    bool is_paired;   /* rows 2 i (positive) and 2 i + 1 (negative) are mates */
};

void mi_cases_init(struct mi_cases *s, int64_t n); /* arrays allocated, not filled */
void mi_cases_free(struct mi_cases *s);
int64_t mi_cases_count(const struct mi_cases *s, int side);

/* `to` becomes the part of s whose rows have keep[group] != 0. */
void mi_cases_part(struct mi_cases *to, const struct mi_cases *s, const unsigned char *keep);

/* `to` becomes s under the null hypothesis that sides mean nothing: with pairs the members of
 * every unit are swapped or not, all rows of the unit alike; without them the sides of the
 * units are permuted. Draw number `draw` of the seed; keyed by the units' digests, so their
 * order does not matter. The rows of one unit without pair have one side.
 *
 * Balanced: exactly half of the units are swapped (without pairs: of each side the same share
 * changes over), so that the new sides know nothing of the old ones. A direction that is
 * fitted on chance swaps keeps what the unequal halves leave of the true difference, and where
 * all pairs differ alike that is all of it; on a balanced draw it is noise. For the null
 * distribution of a figure take chance swaps. */
void mi_cases_shuffle(struct mi_cases *to, const struct mi_cases *s, uint64_t seed, int draw,
                      bool is_balanced);

/* `to` becomes s without its pairs: each member is a unit of its own. */
void mi_cases_unpair(struct mi_cases *to, const struct mi_cases *s);

/* Does the group named so go to the training part, of this share of all groups? Keyed by
 * (seed, "split", name): another tool with the same seed and share decides alike, whatever
 * else is in its stream. */
bool mi_in_train(uint64_t seed, const char *group, double share);

#endif
