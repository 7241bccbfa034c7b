/* job/editor.h: edits made ready, and applied at a site during a pass.
 *
 * Loads every file that the edits name (directions, statistics, activations), checks them
 * against the model before any compute, and turns them into operations on rows. With x a row
 * of one position, v a unit vector, p = v . x in the canonical order (mi_dot), c = factor (or
 * factor times the direction's scale), all in f32 and element by element:
 *
 *     add          x := fma(c, v, x)
 *     project-out  x := fma(-p, v, x); of a subspace one vector after the other, made
 *                  orthonormal first
 *     set          x := fma(c - p, v, x): the projection becomes c
 *     zero         x := 0
 *     scale        x := c x
 *     clamp        x := lo where x < lo, hi where x > hi
 *     mean-ablate  x := mean of the statistics file (its overall mean, rounded to f32)
 *     noise        x := fma(sd, g, x), g standard normal, keyed by (seed, id, place, position,
 *                  number of the edit): never by order
 *     patch        x := the activations of another pass
 *     swap         x := x + P (y - x), y those activations, P the projector of the vectors made
 *                  orthonormal (job/subspace.h)
 *
 *     freeze       x := what it is in the unedited run of the same tokens (twins, below)
 *
 * An edit with the value that is already there changes no bit: nothing is added when c, p or
 * c - p is 0, nothing is written where the value is equal.
 *
 * Directions. The record of the edit's layer is taken (of its head, of its site, when there are
 * several); a file with one direction serves every layer; a layer that the file lacks is
 * MI_EXIT_DATA. At sites with heads a vector of one head's width goes to every head, one of all
 * heads' width to all as one.
 *
 * Attention scores and patterns are edited where a query may look only (not at masked keys).
 *
 * Patches and swaps join on pair (the member of another side when there are several), else on id,
 * else MI_EXIT_DATA. `align end` pairs the last position with the last, and so on back; `span`
 * needs as many positions as the source has; `mean` writes the source's mean over its positions.
 *
 * Positions are those of the prompt; generated tokens are in reach by `gen` and `all`. So a run
 * and its replay agree. Forms that count generated tokens from the end are refused.
 *
 * Conditions. `when proj(FILE) > t at PLACE` reads the same token's row; PLACE must not come
 * after the edit. It sees the value after all edits there; where the edit itself writes at
 * PLACE, what the edits before it left. */
#ifndef MI_JOB_EDITOR_H
#define MI_JOB_EDITOR_H

#include "data/edit.h"
#include "job/source.h"

struct mi_editor {
    struct mi_editor_state *state; /* private */
};

/* lines: each --edit; plans: each --plan file, after them. other_model: accept directions of
 * another model of the same width.
 *
 * run_header: the header of the stream that the items come from; NULL for prompts. The line
 * `@run` (first) stands for the edits that it was made with, their material and seeds. A stream
 * made with edits is MI_EXIT_DATA unless `@run` or `none` (it is meant) is among the lines. */
int mi_editor_open(struct mi_editor *e, struct mi_session *s, const char *const *lines, int n_lines,
                   const char *const *plans, int n_plans, const struct mi_value *run_header,
                   bool other_model, int64_t seed, struct mi_error *err) MI_MUST_USE;
bool mi_editor_is_empty(const struct mi_editor *e);
/* Does an edit need the unedited run beside the edited one? Then in every pass a sequence follows
 * its twin: the same new tokens over a cache of its own, without rows of logits, whose item is
 * NULL. A twin is left as it is. */
bool mi_editor_has_twins(const struct mi_editor *e);
/* Does any edit write or read at this site and layer? For mi_hooks.wants. */
bool mi_editor_wants(const struct mi_editor *e, enum mi_site site, int layer);
/* The highest layer that an edit needs; -1: none. n_layers for the final norm and logits. */
int mi_editor_last_layer(const struct mi_editor *e);
/* How many positions from the first on no edit of this item writes at, of its prompt at most: what
 * is computed there is the plain model's. 0 with twins, and when positions cannot be told. */
int64_t mi_editor_untouched(const struct mi_editor *e, const struct mi_item *item);
/* Applies all edits of view's site to its rows. items [n_sequences of the batch]: the item of
 * each sequence (NULL: a twin), of whose prompt and `number` the positions are looked up once. Sets
 * view->is_written when a bit changed. */
int mi_editor_apply(struct mi_editor *e, struct mi_view *view, const struct mi_item *const *items,
                    struct mi_error *err) MI_MUST_USE;
/* The value of the header's key `edits`: canonical lines (files named by digest), the seed of
 * each, and the records that they use, so that the stream can be replayed alone:
 * {edits: [text ...], seeds: [int ...], tensors: {digest: [[kind, body] ...] ...}};
 * nil when empty. */
struct mi_value mi_editor_header(const struct mi_editor *e, struct mi_arena *a);
/* Sets that key, if there are edits, and the lines in the header's last step. */
void mi_editor_describe(const struct mi_editor *e, struct mi_arena *a, struct mi_value *header);
/* The same for the edits of the run whose keys and values were used (job/crossed.c): the header's
 * key `cache_from`, a map even when there are no edits, and the step's option "cache-from", the
 * lines or "none". `@run` refuses a stream with this key: one list of edits does not repeat it. */
void mi_editor_describe_cache(const struct mi_editor *e, struct mi_arena *a,
                              struct mi_value *header);
/* Bytes of tensors in it: a header holds 16 MiB at most. */
int64_t mi_editor_bytes(const struct mi_editor *e);
/* {name, digest} of every file, for the end record. */
struct mi_value mi_editor_inputs(const struct mi_editor *e, struct mi_arena *a);
void mi_editor_close(struct mi_editor *e);

#endif
