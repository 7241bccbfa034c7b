/* text/mention.h: where a text mentions a phrase, whatever the case and the punctuation.
 *
 * Both are read as words: letters, numbers and marks after folding (text/unicode.h); what
 * stands between them only separates. In scripts that write no blanks between words (Chinese,
 * Japanese, Korean with its particles, Thai and its neighbours) every character is a word. A
 * phrase is mentioned where its words stand in this order, one after the other. */
#ifndef MI_TEXT_MENTION_H
#define MI_TEXT_MENTION_H

#include "base/buf.h"

#include <stddef.h>
#include <stdint.h>

/* The words of valid UTF-8 s [len], as " one two ", into b (replaced); "" when there is none. */
void mi_words(struct mi_buf *b, const char *s, size_t len);
/* Byte of `text` where the first mention of `phrase` begins, both as mi_words gives them; -1:
 * none, or a phrase without words. */
int64_t mi_mention(const struct mi_buf *text, const struct mi_buf *phrase);

#endif
