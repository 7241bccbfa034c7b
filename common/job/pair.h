/* job/pair.h: pairs of prompts in the order of the input, and which tokens of theirs match. */
#ifndef MI_JOB_PAIR_H
#define MI_JOB_PAIR_H

#include "data/edit.h"
#include "job/source.h"

struct mi_pair {
    struct mi_item base, source; /* source is empty of a lone prompt */
    bool has_source;
    const char *group; /* field `group`, else `pair`, else the id; in the base's arena */
};
void mi_pair_free(struct mi_pair *p);

struct mi_pairs {
    struct mi_source *from;
    char *side[2];     /* names of base and source */
    bool is_alone;     /* every prompt is its own base; sides are not looked at */
    bool needs_source; /* a lone prompt is refused */
    /* private */
    struct mi_item next;
    bool has_next;
};
/* sides: "BASE,SOURCE". MI_EXIT_USAGE. */
int mi_pairs_init(struct mi_pairs *p, struct mi_source *from, const char *sides,
                  struct mi_error *err) MI_MUST_USE;
/* 1 and the next pair, 0 at the end, < 0. MI_EXIT_DATA: a pair without its two sides. */
int mi_pairs_next(struct mi_pairs *p, struct mi_session *s, struct mi_pair *out,
                  struct mi_error *err) MI_MUST_USE;
void mi_pairs_free(struct mi_pairs *p);

/* Positions of the base and where their values come from. */
struct mi_alignment {
    int64_t *base;   /* [n] ascending; its k-th is offset k - n from the end */
    int64_t *source; /* [n] with end and span: the position that matches; NULL with mean */
    int64_t n;
    int64_t *mean; /* [n_mean] with mean: positions of the source */
    int64_t n_mean;
    size_t cap_base, cap_source;
};
/* end: the last position matches the last, and so on back; what one side has more at the
 * beginning is left out. span: both sides have as many. mean: every position of the base takes
 * the source's mean. `source` NULL: the base alone. Frees what the struct held. */
int mi_align(struct mi_alignment *a, const struct mi_pos *pos, enum mi_align kind,
             const struct mi_item *base, const struct mi_item *source,
             struct mi_error *err) MI_MUST_USE;
void mi_alignment_free(struct mi_alignment *a);

#endif
