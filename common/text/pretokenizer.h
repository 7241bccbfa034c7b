/* text/pretokenizer.h: where a byte-level BPE tokenizer cuts text before it merges.
 *
 * Each name of GGUF's tokenizer.ggml.pre stands for a list of steps; a step cuts every piece
 * that the one before left, at the bounds of its matches. The steps of most models are
 * written out over text/unicode.h (linear time, no engine); the rest are regular expressions,
 * whose letters are those of the installed PCRE2. A test holds the two forms against each
 * other. */
#ifndef MI_TEXT_PRETOKENIZER_H
#define MI_TEXT_PRETOKENIZER_H

#include "base/buf.h"
#include "base/error.h"
#include "base/regex.h"

#include <stdbool.h>
#include <stddef.h>

enum { MI_PRETOKENIZER_STEPS = 5 };

struct mi_pretokenizer {
    const struct mi_pre_row *row; /* private */
    struct mi_regex regex[MI_PRETOKENIZER_STEPS];
    bool ignore_merges; /* a pre-token that is a token is taken whole */
    bool nfc;           /* text is brought to normal form C first */
    bool adds_bos;      /* what a file means that does not say */
};

/* Ends of the pieces of one text, ascending; the last is the text's length. Reuse it. */
struct mi_cuts {
    size_t *end; /* [n] */
    size_t n, cap;
    size_t *spare; /* private: the ends before the step */
    size_t spare_cap;
};

/* MI_EXIT_DATA for a name that is not known: the message lists those that are.
 * by_regex: take the regular expression of every step (for the test). */
int mi_pretokenizer_open(struct mi_pretokenizer *p, const char *name, bool by_regex,
                         struct mi_error *err) MI_MUST_USE;
/* Cuts valid UTF-8 s [len]. Changes the match memory of the expressions: one thread only. */
int mi_pretokenizer_cut(struct mi_pretokenizer *p, const char *s, size_t len, struct mi_cuts *cuts,
                        struct mi_error *err) MI_MUST_USE;
void mi_pretokenizer_close(struct mi_pretokenizer *p);
void mi_cuts_free(struct mi_cuts *cuts);

/* The names of the i-th kind, separated by spaces, the usual one first; NULL behind the last. */
const char *mi_pretokenizer_names(size_t i);

#endif
