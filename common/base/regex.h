/* base/regex.h: regular expressions over UTF-8 (PCRE2, with its limits set).
 *
 * The only file that knows PCRE2. Used for the pre-tokenizers of vocabularies and
 * for positions written as /regex/. Matching is with UTF and UCP; linear memory;
 * running into a limit is an error, never "no match". */
#ifndef MI_BASE_REGEX_H
#define MI_BASE_REGEX_H

#include "base/error.h"

#include <stddef.h>

struct mi_regex {
    void *code, *match, *context, *stack; /* private */
};

/* Patterns of at most 8 KiB; \C and callouts are refused. */
int mi_regex_compile(struct mi_regex *re, const char *pattern, struct mi_error *err) MI_MUST_USE;
/* First match at or after `from` in s [len] (valid UTF-8): returns 1 and sets the byte
 * range, 0 for none, < 0 when a limit was hit. An empty match is reported as such. */
int mi_regex_find(struct mi_regex *re, const char *s, size_t len, size_t from, size_t *begin,
                  size_t *end, struct mi_error *err) MI_MUST_USE;
void mi_regex_free(struct mi_regex *re);

#endif
