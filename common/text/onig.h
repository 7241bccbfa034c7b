/* text/onig.h: regular expressions as a tokenizer.json writes them, for PCRE2.
 *
 * Those files mean Oniguruma's Ruby dialect over Unicode. Most of it is the same; what differs
 * is rewritten: classes \s \w \h and boundaries \b, "&&" and classes in classes, {,n} and {n}+,
 * line ends, (?m), \uNNNN. */
#ifndef MI_TEXT_ONIG_H
#define MI_TEXT_ONIG_H

#include "base/buf.h"
#include "base/error.h"

/* Appends the expression in PCRE2's dialect. MI_EXIT_DATA for what is not understood; what is
 * no expression at all is left for mi_regex_compile to refuse. */
int mi_onig_translate(struct mi_buf *out, const char *pattern, size_t len,
                      struct mi_error *err) MI_MUST_USE;

#endif
