/* job/label.h: the fields of a prompt that say what it stands for. */
#ifndef MI_JOB_LABEL_H
#define MI_JOB_LABEL_H

#include "base/buf.h"
#include "base/error.h"
#include "data/value.h"

#include <stdbool.h>

/* The value of a field as text: a string as it is, a number or truth value as JSON prints it.
 * Returns false when the field is absent, nil, or no scalar. */
bool mi_field_text(struct mi_buf *b, const struct mi_value *fields, const char *key);

/* The name of what goes to one part of a split, and is drawn together by the bootstrap: the field
 * `group_by`, which must be there; without one (NULL) the field `group`, else `pair`, else the id.
 * MI_EXIT_DATA. */
int mi_group_text(struct mi_buf *b, const struct mi_value *fields, const char *group_by,
                  const char *id, struct mi_error *err) MI_MUST_USE;

/* "POSITIVE,NEGATIVE" into two names of their own memory. MI_EXIT_USAGE. */
int mi_sides_parse(char *name[2], const char *text, struct mi_error *err) MI_MUST_USE;

/* +1 or -1 into *side. With names [2]: the field `side`, else `label`, is one of the two; without
 * them (name[0] NULL) `label` is 1 or 0. Fails with MI_EXIT_USAGE where no names were given, with
 * MI_EXIT_DATA where the prompt has neither of them. */
int mi_side_of(int *side, const struct mi_value *fields, char *const name[2],
               struct mi_error *err) MI_MUST_USE;

#endif
