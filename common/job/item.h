/* job/item.h: how items come about (private to job/source.c). */
#ifndef MI_JOB_ITEM_H
#define MI_JOB_ITEM_H

#include "job/source.h"

/* From a prompt as written. `scratch` is reused. Messages lack file and line. */
int mi_item_of_prompt(struct mi_item *out, struct mi_session *s, const struct mi_prompt *p,
                      struct mi_encoded *scratch, struct mi_error *err) MI_MUST_USE;
/* From the body of a prompt record, copied. */
int mi_item_of_record(struct mi_item *out, const struct mi_session *s, const struct mi_value *body,
                      struct mi_error *err) MI_MUST_USE;
/* Appends the tokens that a run record has beyond the prompt's; its first ones must be the
 * prompt's. Pieces of new tokens come from the session's tokenizer. */
int mi_item_join_run(struct mi_item *item, const struct mi_session *s, const struct mi_value *body,
                     struct mi_error *err) MI_MUST_USE;
/* A string, number or boolean as text in the arena; NULL for others (and for v NULL). */
const char *mi_scalar_text(struct mi_arena *a, const struct mi_value *v);

#endif
