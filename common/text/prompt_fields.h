/* text/prompt_fields.h: private to text/prompt.c: a JSON object as a prompt. */
#ifndef MI_TEXT_PROMPT_FIELDS_H
#define MI_TEXT_PROMPT_FIELDS_H

#include "text/prompt.h"

/* Fills *out (id NULL when the object has none; line is the caller's) from `object`; what it
 * needs is taken from the arena. The message names the field. */
int mi_prompt_from_object(struct mi_arena *a, const struct mi_value *object, struct mi_prompt *out,
                          struct mi_error *err) MI_MUST_USE;

#endif
