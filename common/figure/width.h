/* figure/width.h: how many columns of a terminal a text takes. */
#ifndef MI_FIGURE_WIDTH_H
#define MI_FIGURE_WIDTH_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

/* What may be drawn. */
struct mi_style {
    int width;       /* columns of the page; at least 20 */
    bool is_ascii;   /* no characters beyond ASCII in frames and bars; text cut with "..." */
    bool is_full;    /* whole prompts, not their ends only */
    bool has_colour; /* escape sequences for colours may be written */
};

/* Columns of valid UTF-8 without control characters: combining marks take none, East Asian
 * wide characters and pictographs two (Unicode Standard Annex 11, by blocks). */
int mi_text_width(const char *s, size_t len);
/* The longest beginning of s that takes at most `columns`, in bytes. */
size_t mi_text_cut(const char *s, size_t len, int columns);

/* Untrusted bytes as one safe line (base/escape.h), of any length. */
void mi_add_safe(struct mi_buf *b, const char *s, size_t len);
/* Safe text cut or filled up to `columns`, blanks on the left when is_right. */
void mi_add_padded(struct mi_buf *b, const char *s, size_t len, int columns, bool is_right,
                   const struct mi_style *style);

#endif
