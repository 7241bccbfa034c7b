/* text/split.h: private to text/pretokenizer.c: the usual splitting expressions, written out.
 *
 * Each returns the end of the piece that starts at s[i], i < len; s is valid UTF-8. Time is
 * linear over a whole text. */
#ifndef MI_TEXT_SPLIT_H
#define MI_TEXT_SPLIT_H

#include <stddef.h>

typedef size_t mi_split_fn(const char *s, size_t i, size_t len);

mi_split_fn mi_split_gpt2; /* GPT-2's: contractions, " ?letters", " ?numbers", " ?others", space */
mi_split_fn mi_split_llama3; /* numbers by three, other marks lead letters, newlines end pieces */
mi_split_fn mi_split_qwen2;  /* the same with single numbers */
mi_split_fn mi_split_digits; /* every number by itself */

#endif
