/* job/acts.h: an activation stream as labelled rows, read once from front to back.
 *
 * Says of every prompt on which side it stands, to which pair and group it belongs, and
 * whether it is wanted; hands out the rows of each record as floats; and at the end joins
 * them into cases (stats/cases.h), a list of row numbers at each place. The caller keeps what
 * it needs of the rows (all of them, or one number each), so memory is the caller's choice.
 *
 * Rows. An act record with P positions gives P rows, or one when they are pooled. At a place
 * they are numbered from 0 as they come. A site with heads and no head chosen gives rows
 * [H * K].
 *
 * Sides. `sides` "honest,untruthful" names the positive side first, as the field `side` has
 * them (or `label`, where there is no `side`). Without it label 1 or true is positive and 0 or
 * false negative; anything else fails with MI_EXIT_USAGE and says what there is.
 *
 * Pairs. When prompts have the field `pair`, all must, each pair has one member on each side,
 * and rows join on (pair, offset from the end of the member's captured positions): of members
 * of unequal length the surplus at the beginning is left out and counted.
 *
 * Groups. `group_by`, else the field `group`, else the pair, else the id: what goes to one
 * part of a split, and is drawn together by the bootstrap. */
#ifndef MI_JOB_ACTS_H
#define MI_JOB_ACTS_H

#include "base/intern.h"
#include "data/site.h"
#include "stats/cases.h"
#include "stream/reader.h"

enum mi_part { MI_PART_ALL, MI_PART_TRAIN, MI_PART_TEST };
enum mi_pool { MI_POOL_NONE, MI_POOL_MEAN, MI_POOL_LAST };

struct mi_acts_options {
    const char *sides;     /* "POSITIVE,NEGATIVE", or NULL: labels 1 and 0 */
    bool any_side;         /* sides are not needed: prompts without get 0, pairs are not joined */
    const char *group_by;  /* a field, or NULL */
    const char *domain_by; /* a field that says of which domain a prompt is, or NULL */
    const char *at;        /* places to take (data/site.h), or NULL: all */
    enum mi_part part;     /* train or test part by group: mi_in_train(seed, group, share) */
    double share;
    uint64_t seed;
    enum mi_pool pool; /* one row a record: the mean over its positions, or the last */
    /* called with the record of each wanted prompt, before its rows; NULL: not */
    int (*take_prompt)(void *ctx, const struct mi_value *body, struct mi_error *err);
    void *prompt_ctx;
};

struct mi_acts_prompt {
    const char *id;
    int64_t pair;   /* number, -1: none */
    int32_t group;  /* number, -1: not wanted */
    int32_t domain; /* number; 0 without domain_by */
    int8_t side;    /* +1, -1, 0 */
};

/* The rows of one prompt at one place. */
struct mi_acts_range {
    int64_t first, n;
};

struct mi_acts_place {
    struct mi_place place;
    int64_t width;               /* D */
    int64_t n_rows;              /* so far */
    struct mi_acts_range *range; /* [by prompt]; n = 0 where there is none */
    size_t cap;                  /* private */
};

struct mi_acts {
    struct mi_reader reader;
    struct mi_acts_options options;
    struct mi_acts_place *place; /* [n_places] in order of appearance */
    size_t n_places, cap_places;
    struct mi_acts_prompt *prompt; /* [n_prompts] in order of appearance */
    size_t n_prompts, cap_prompts;
    struct mi_intern groups; /* names of the wanted groups */
    struct mi_intern pairs;
    struct mi_intern domains;
    bool is_paired;
    struct mi_dims dims; /* of the header's model; zeros where it has none */
    /* private */
    struct mi_intern ids;
    struct mi_places wanted;
    struct mi_arena arena;
    char *side_name[2]; /* positive, negative; NULL without `sides` */
    float *x;
    size_t cap_x;
};

/* The rows of one record. */
struct mi_acts_rows {
    int64_t place, prompt;    /* into the tables above */
    int64_t first;            /* number of the first row at the place */
    int64_t n, width;         /* rows, D */
    const float *x;           /* [n, D] borrowed until the next call */
    const int64_t *positions; /* [n] token indices; NULL when pooled */
};

/* "-" or NULL: standard input. `sides` and `at` are checked before the input is opened. A
 * stream of another content, or one shard of a run, fails with MI_EXIT_DATA. */
int mi_acts_open(struct mi_acts *a, const char *path, const struct mi_acts_options *o,
                 struct mi_error *err) MI_MUST_USE;
/* The same from a stream that is open already; *in is taken over, also on failure. */
int mi_acts_open_reader(struct mi_acts *a, struct mi_reader *in, const struct mi_acts_options *o,
                        struct mi_error *err) MI_MUST_USE;
/* The checks of the options alone, for before an input is opened. */
int mi_acts_check_options(const struct mi_acts_options *o, struct mi_error *err) MI_MUST_USE;
/* MI_EXIT_DATA when the stream is of another model than the header (stream/header.h). */
int mi_acts_check_model(const struct mi_acts *a, const struct mi_value *header, bool other_model,
                        struct mi_error *err) MI_MUST_USE;
/* 1: the rows of a wanted record; 0: the end was seen, and every wanted pair is whole; < 0.
 * MI_EXIT_DATA: a record before its prompt, a prompt twice, rows that are not finite, pairs
 * that miss a member (up to ten are named), no wanted rows at all. */
int mi_acts_next(struct mi_acts *a, struct mi_acts_rows *rows, struct mi_error *err) MI_MUST_USE;
/* What mi_acts_next checks at the end: there are rows, and every pair has its two members. */
int mi_acts_check(const struct mi_acts *a, struct mi_error *err) MI_MUST_USE;
/* After the end: the cases at a place; free with mi_cases_free. n_left_out (may be NULL): rows
 * without mate. */
int mi_acts_cases(const struct mi_acts *a, int64_t place, struct mi_cases *cases,
                  int64_t *n_left_out, struct mi_error *err) MI_MUST_USE;
/* 64-bit digests of the wanted groups' names, ascending, into d [groups.n]; with keep [groups.n]
 * only of groups where it is not 0. Returns how many. */
int64_t mi_acts_group_digests(const struct mi_acts *a, const unsigned char *keep, int64_t *d);
/* Digest of a group name, as above. */
int64_t mi_group_digest(const char *name, size_t len);
/* What the capture said of positions ("span:statement"), from the provenance, or NULL. */
const char *mi_acts_position(const struct mi_acts *a);
void mi_acts_close(struct mi_acts *a);

#endif
