/* job/variant.h: the variants of a run: edits under labels; every prompt is run with each.
 *
 * A variant without edits is the plain model. Variants go through the model together, each prompt
 * with the edits of its own; the records of a prompt under a variant are those of a run with these
 * edits alone, but that the id is "ID/LABEL" and the prompt has the field `variant`, the label. */
#ifndef MI_JOB_VARIANT_H
#define MI_JOB_VARIANT_H

#include "job/editor.h"

#define MI_VARIANT_FIELD "variant"

struct mi_variant {
    const char *label; /* the arena's */
    struct mi_editor edits;
};

/* `{0}` is valid and empty. */
struct mi_variants {
    struct mi_variant *item; /* [n] in the order in which the labels came */
    int n;
};

/* "LABEL=EDIT" into the two, the arena's; EDIT may be empty. MI_EXIT_USAGE. */
int mi_variant_split(const char *text, struct mi_arena *a, const char **label, const char **edit,
                     struct mi_error *err) MI_MUST_USE;
/* texts [n]: "LABEL=EDIT", several edits of one label in the order given. MI_EXIT_USAGE: a label
 * with '/', which would make ids ambiguous. Else as mi_editor_open of each, whose message then
 * names the label. */
int mi_variants_open(struct mi_variants *v, struct mi_session *s, const char *const *texts, int n,
                     const struct mi_value *run_header, bool other_model, int64_t seed,
                     struct mi_arena *a, struct mi_error *err) MI_MUST_USE;
/* Sets the header's key `variants`, {LABEL: {edits, seeds}}, and in its last step the edits as
 * "LABEL=EDIT", files named by digest. Without the files' tensors: such a stream is not repeated
 * from itself. */
void mi_variants_describe(const struct mi_variants *v, struct mi_arena *a, struct mi_value *header);
/* As mi_editor_inputs, of all; a file that several use stands there once. */
struct mi_value mi_variants_inputs(const struct mi_variants *v, struct mi_arena *a);
void mi_variants_close(struct mi_variants *v);

#endif
