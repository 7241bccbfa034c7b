/* base/near.h: what was probably meant by a misspelt name. */
#ifndef MI_BASE_NEAR_H
#define MI_BASE_NEAR_H

#include <stddef.h>

/* Insertions, deletions, changes and swaps of neighbours that turn a into b, in bytes.
 * Names longer than 63 bytes count as far apart (64). */
int mi_near_distance(const char *a, const char *b);

/* The names of the list [n] that are close to `word` (or begin with it), at most three,
 * best first, as "'a', 'b' or 'c'" in text [size]; "" when nothing is near. Returns text. */
char *mi_near_names(const char *word, const char *const *names, int n, char *text, size_t size);

#endif
