/* job/editor_state.h: edits made ready (private to job/editor.c, edit_ready.c and edit_rows.c). */
#ifndef MI_JOB_EDITOR_STATE_H
#define MI_JOB_EDITOR_STATE_H

#include "job/editor.h"
#include "job/material.h"
#include "job/subspace.h"

/* One place of an edit, with what it needs there. */
struct mi_ready_place {
    struct mi_place place;
    int64_t rows, width; /* heads x width of one position; width 0: as many as there are keys */
    struct mi_subspace space; /* of a direction */
    float c;                  /* length added, or projection set */
    float *mean;              /* [rows * width] */
};

/* What an edit knows about the item of one sequence, until another item takes its slot. */
struct mi_edit_slot {
    int64_t number; /* of the item, + 1; 0: empty */
    int64_t n_prompt;
    size_t cap;
    unsigned char *is_in; /* [n_prompt] is the position meant? */
    int32_t *from;        /* [n_prompt] patch: row of the source, -1: none */
    int64_t source;       /* patch: prompt of the material */
    int64_t n_source;     /* patch: its positions */
};

/* Which rows of a sequence meet the condition: by index into the pass' new tokens. */
struct mi_edit_flags {
    unsigned char *at;
    size_t cap;
};

struct mi_ready {
    const struct mi_edit *edit;
    struct mi_material *directions, *source, *when_source; /* NULL: none */
    uint64_t seed;
    int ordinal;                   /* in the list: two noises at one place differ */
    struct mi_ready_place *at;     /* [edit->places.n] */
    struct mi_subspace when_space; /* one vector */
    bool when_inside;              /* the condition is read at a place that this edit writes */
    struct mi_edit_slot *slot;
    size_t cap_slots;
    struct mi_edit_flags *flags;
    size_t cap_flags;
};

struct mi_editor_state {
    struct mi_edits edits;
    struct mi_ready *ready;   /* [edits.n] */
    struct mi_material *file; /* [n_files] read or replayed, one a digest or path */
    size_t n_files;
    int64_t seed;
    const struct mi_layer_config *layers; /* of the model: windows of attention */
    size_t n_replayed;                    /* the first edits, from a run's header */
    int64_t *seeds;                       /* [edits.n] */
    float *tmp;                           /* scratch of edit_rows.c */
    size_t cap_tmp;
    float *kept; /* [rows, heads, keys] of a twin, at the site with keys that was seen last */
    size_t cap_kept;
};

/* Fetch what a place, and the condition, of an edit need from its files; check that it fits. */
int mi_ready_place(const struct mi_ready *ready, struct mi_ready_place *at,
                   const struct mi_dims *dims, struct mi_error *err) MI_MUST_USE;
int mi_ready_condition(struct mi_ready *ready, const struct mi_dims *dims,
                       struct mi_error *err) MI_MUST_USE;

/* Order in which a pass reaches places. */
int64_t mi_place_order(enum mi_site site, int layer);

#endif
