/* base/commas.h: the parts of a list "a,b,c". */
#ifndef MI_BASE_COMMAS_H
#define MI_BASE_COMMAS_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* The next part of *list [*len], which is not NUL-ended; false when there is none. *list is
 * where the search goes on: NULL behind the last part. Empty parts count: "" has one, "a,"
 * two; what they mean is the caller's.
 *
 *     for (const char *at = text; mi_commas_next(&at, &part, &len);) */
static inline bool mi_commas_next(const char **list, const char **part, size_t *len)
{
    const char *at = *list;

    if (!at)
        return false;
    *part = at;
    *len = strcspn(at, ",");
    *list = at[*len] ? at + *len + 1 : NULL;
    return true;
}

#endif
