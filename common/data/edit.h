/* data/edit.h: a change to a representation, as one line.
 *
 *     add         resid_post:15-27  honesty.mi * 2.0       @ all
 *     add         resid_post:15-27  honesty.mi * 2 scale   @ gen
 *     project-out resid_pre:*       refusal.mi             @ gen
 *     set         resid_post:9      v.mi * 3               @ last      (projection on v := 3)
 *     zero        mlp_out:4                                @ all
 *     scale       z:9.6             * 0.5                  @ all
 *     clamp       mlp_post:3        -1 1                   @ all       (lo hi, of every element)
 *     mean-ablate z:9.6             from stats.mi          @ last
 *     noise       embed             * 0.1                  @ span:subject  (sd of the added normal)
 *     patch       resid_post:12     from run.mi            @ span:subject align end
 *     swap        resid_post:12     d.mi from run.mi       @ last      (its part in the subspace)
 *     freeze      pattern:*                                @ all       (values of the unedited run)
 *     ... when proj(honesty.mi) > 0.5 at resid_post:12     (condition)
 *
 * Grammar: OP SITES [DIRECTIONS] [* NUMBER [scale]] [from FILE] [@ POSITIONS] [align KIND]
 * [when CONDITION]. `@ all` is the default. This file parses and prints; job applies. */
#ifndef MI_DATA_EDIT_H
#define MI_DATA_EDIT_H

#include "base/buf.h"
#include "base/error.h"
#include "data/pos.h"
#include "data/site.h"

enum mi_edit_op {
    MI_EDIT_ADD,
    MI_EDIT_PROJECT_OUT,
    MI_EDIT_SET,
    MI_EDIT_ZERO,
    MI_EDIT_SCALE,
    MI_EDIT_CLAMP,
    MI_EDIT_MEAN_ABLATE,
    MI_EDIT_NOISE,
    MI_EDIT_PATCH,
    MI_EDIT_SWAP,
    MI_EDIT_FREEZE,
    MI_EDIT_OPS
};

enum mi_align { MI_ALIGN_END, MI_ALIGN_SPAN, MI_ALIGN_MEAN };

struct mi_edit_when {
    char *source; /* direction file, NULL: no condition */
    struct mi_place at;
    bool is_less; /* "<" instead of ">" */
    double threshold;
};

struct mi_edit {
    enum mi_edit_op op;
    struct mi_places places; /* expanded against the model */
    char *sites;             /* as written, canonical spacing */
    char *directions;        /* file of directions; NULL where the op has none */
    char *source;            /* file after `from`; NULL where the op has none */
    double factor;           /* after `*`; 1 when absent */
    bool in_scale;           /* `scale` after the number: counts in the direction's own scale */
    double lo, hi;           /* of clamp */
    struct mi_pos pos;
    enum mi_align align;
    struct mi_edit_when when;
};

/* A list in the order of application. `{0}` is empty. */
struct mi_edits {
    struct mi_edit *item; /* [n] */
    size_t n;
};

/* Parses one line and appends. MI_EXIT_USAGE with the word at fault (and near names). */
int mi_edits_parse(struct mi_edits *list, const char *line, const struct mi_dims *dims,
                   struct mi_error *err) MI_MUST_USE;
/* A plan: one edit a line, empty lines and # comments skipped; messages name the line. */
int mi_edits_parse_plan(struct mi_edits *list, const char *text, size_t len, const char *name,
                        const struct mi_dims *dims, struct mi_error *err) MI_MUST_USE;
/* Canonical text of one edit; the other three stand in for its files (their digests, in
 * provenance), each NULL for the path as written. */
void mi_edit_print(struct mi_buf *b, const struct mi_edit *e, const char *directions,
                   const char *source, const char *when_source);
void mi_edits_free(struct mi_edits *list);

#endif
