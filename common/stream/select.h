/* stream/select.h: which records of a stream are kept.
 *
 * A record is kept when it fits every list that is not empty: one of its values must
 * fit. Label and group are those of the prompt that the record refers to, or its own.
 * Positions cut the rows of activations. A prompt record is kept when a kept record
 * refers to it, or when only ids, labels and groups are asked for and it fits them. */
#ifndef MI_STREAM_SELECT_H
#define MI_STREAM_SELECT_H

#include "base/error.h"
#include "data/pos.h"
#include "stream/reader.h"

#include <stdbool.h>

/* Lists [n] of texts, as given; `{0}` keeps everything. */
struct mi_wanted {
    const char *const *id, *const *label, *const *group, *const *site, *const *layer, *const *kind;
    int n_id, n_label, n_group, n_site, n_layer, n_kind;
    const char *position; /* data/pos.h, or NULL */
};

struct mi_select {
    struct mi_select_state *state; /* private */
};

/* MI_EXIT_USAGE on a site, layer or position that is none. */
int mi_select_open(struct mi_select *s, const struct mi_wanted *wanted,
                   struct mi_error *err) MI_MUST_USE;
/* Looks at the next record and calls put for each that is now known to be kept, in the
 * order of the stream but for prompts, which come right before the first record that
 * refers to them. `put` returns < 0 to stop. */
int mi_select_next(struct mi_select *s, const struct mi_record *rec,
                   int (*put)(void *ctx, const char *kind, const struct mi_value *body,
                              struct mi_error *err),
                   void *ctx, struct mi_error *err) MI_MUST_USE;
void mi_select_close(struct mi_select *s);

#endif
