/* job/sweep.h: causal work: what a change to one part of a run does to its figures.
 *
 * Of every pair a base run and a source run; then, for each place and each position, the base
 * run with that part changed, and of each run the figures (job/measure.h). What is written there:
 *
 *     patch      the source's value at the matching position (job/pair.h); with `mean`
 *                alignment the source's mean over its positions
 *                with directions, of the source's value the part in the subspace P of the place's
 *                direction, x + P (x_source - x) (`along`), or all but that part,
 *                x + (I - P) (x_source - x) (`across`); each direction of a place by itself:
 *                distributed interchange (Geiger et al. 2024, "Finding alignments ..."), the
 *                subspace given
 *     zero       zeros
 *     mean       the mean of a statistics stream
 *     resample   the value of another pair's base prompt at the matching position: of the pairs
 *                of other groups (of any, where there is one group) that with the least digest of
 *                (seed, id, its id), so it depends on no order
 *     edit       what an edit line says (job/editor.h), of lone prompts, one label an edit
 *     path       path patching (Wang et al. 2022, section 3.1; Goldowsky-Dill et al. 2023):
 *                1. the base run with the sender at its source value at all positions, and every
 *                   attention head (z) and MLP output after it at its value in the base run;
 *                   what the receiver has then is kept;
 *                2. the base run with the receiver at that value.
 *                So the sender reaches the receiver by the residual stream alone, and from there
 *                on everything follows. Wang et al. let the MLPs of step 1 go on computing; here
 *                they are frozen too, as Goldowsky-Dill et al. have it.
 *
 * A changed run begins at its first changed position and block, over the keys, values and
 * residual stream of the base run, and many share a pass; a change that writes what is there
 * already is not run. Same bits as each alone from the beginning.
 *
 * Records, in the order of the input: the prompts of a pair, then effects by place, position and
 * metric; aggregates at the end (job/effects.h). */
#ifndef MI_JOB_SWEEP_H
#define MI_JOB_SWEEP_H

#include "job/effects.h"
#include "job/track.h"

enum mi_sweep_kind {
    MI_SWEEP_PATCH,
    MI_SWEEP_ZERO,
    MI_SWEEP_MEAN,
    MI_SWEEP_RESAMPLE,
    MI_SWEEP_EDIT,
    MI_SWEEP_PATH,
    MI_SWEEP_KINDS
};
extern const char *const mi_sweep_names[]; /* [MI_SWEEP_KINDS] "patch" ... */

struct mi_sweep_variant {
    const char *label;
    const char *line;
    struct mi_editor edits; /* open */
};

struct mi_sweep_options {
    enum mi_sweep_kind kind;
    struct mi_places places;    /* what is changed; of paths the senders */
    struct mi_places receivers; /* of paths */
    const struct mi_pos *pos;
    enum mi_align align;
    const char *sides;              /* "BASE,SOURCE" */
    bool is_noise;                  /* the two change roles; target and foil stay the base side's */
    bool is_together;               /* all positions in one change */
    struct mi_material *means;      /* of `mean` */
    struct mi_material *directions; /* of `patch`: patch within their subspaces; NULL: all */
    bool is_across;                 /* all but the subspace */
    struct mi_sweep_variant *variant; /* [n_variants] of `edit` */
    int n_variants;
    uint64_t seed;
    int64_t max_memory;
    int max_rows; /* of a pass; 0: chosen */
    struct mi_effects_options effects;
};

struct mi_sweep_totals {
    int64_t n_pairs, n_runs, n_rows, n_effects, n_refused;
    int64_t n_same;     /* changes that write what is there: not run */
    int64_t n_logits;   /* rows of logits */
    double n_blocks;    /* rows times the blocks that they go through */
    double flops, peak; /* of a plan; peak in bytes */
};

/* "LABEL=EDIT LINE" into the two; MI_EXIT_USAGE. The parts are the arena's. */
int mi_sweep_variant_parse(struct mi_sweep_variant *v, const char *text, struct mi_arena *a,
                           struct mi_error *err) MI_MUST_USE;
/* What can be wrong with the places, before a prompt is read. MI_EXIT_USAGE. */
int mi_sweep_check(const struct mi_sweep_options *o, const struct mi_dims *dims,
                   struct mi_error *err) MI_MUST_USE;
/* `out` NULL: a plan only; nothing is computed or written. */
int mi_sweep(struct mi_session *s, struct mi_source *src, const struct mi_measures *measures,
             const struct mi_sweep_options *o, struct mi_writer *out,
             struct mi_sweep_totals *totals, struct mi_error *err) MI_MUST_USE;

#endif
