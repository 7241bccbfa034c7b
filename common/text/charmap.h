/* text/charmap.h: SentencePiece's precompiled map of characters.
 *
 * A blob: the byte count of a double-array trie, the trie, then NUL-ended texts that its leaves
 * point to. Every index is checked: the blob comes from a file. */
#ifndef MI_TEXT_CHARMAP_H
#define MI_TEXT_CHARMAP_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* `{0}` is valid and maps nothing. */
struct mi_charmap {
    uint32_t *unit; /* [n_units] */
    size_t n_units;
    char *text; /* [text_len], and a NUL */
    size_t text_len;
};

int mi_charmap_init(struct mi_charmap *m, const char *blob, size_t len,
                    struct mi_error *err) MI_MUST_USE;
/* What a prefix of s [len] becomes: true, *to [*to_len] and the length of that prefix. The
 * longest one that is mapped, or the shortest. */
bool mi_charmap_find(const struct mi_charmap *m, const char *s, size_t len, bool shortest,
                     size_t *used, const char **to, size_t *to_len);
void mi_charmap_free(struct mi_charmap *m);

#endif
