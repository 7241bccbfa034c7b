/* job/editor.h: edits made ready, and applied at a site during a pass.
 *
 * Loads every file that the edits name (directions, statistics, activations), checks them
 * against the model before any compute, and turns them into operations on rows. An edit with
 * the value that is already there changes no bit. Draws are keyed by (seed, id, site,
 * position), never by order. */
#ifndef MI_JOB_EDITOR_H
#define MI_JOB_EDITOR_H

#include "data/edit.h"
#include "job/source.h"

struct mi_editor {
    struct mi_editor_state *state; /* private */
};

/* lines: each --edit; plans: each --plan file. other_model: accept directions of another model
 * of the same width. run_header: when `@run` stands among the lines, its edits and tensors are
 * taken from this run stream's header (--edit @run); NULL otherwise. */
int mi_editor_open(struct mi_editor *e, const struct mi_session *s, const char *const *lines, int n_lines,
                   const char *const *plans, int n_plans, const struct mi_value *run_header,
                   bool other_model, int64_t seed, struct mi_error *err) MI_MUST_USE;
bool mi_editor_is_empty(const struct mi_editor *e);
/* Does any edit write at this site and layer? For mi_hooks.wants. */
bool mi_editor_wants(const struct mi_editor *e, enum mi_site site, int layer);
/* The highest layer that an edit needs; -1: none. */
int mi_editor_last_layer(const struct mi_editor *e);
/* Applies all edits of view's site to its rows. items [n_sequences of the batch]: the item of
 * each sequence. Sets view->is_written when a row was in reach. */
int mi_editor_apply(struct mi_editor *e, struct mi_view *view, const struct mi_item *const *items,
                    struct mi_error *err) MI_MUST_USE;
/* Canonical edits (files named by digest) and every tensor that they use, for the header of a
 * run stream: {edits: [text ...], tensors: {digest: tensor ...}}; nil when empty. */
struct mi_value mi_editor_header(const struct mi_editor *e, struct mi_arena *a);
struct mi_value mi_editor_inputs(const struct mi_editor *e, struct mi_arena *a);
void mi_editor_close(struct mi_editor *e);

#endif
