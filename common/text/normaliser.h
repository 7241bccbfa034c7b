/* text/normaliser.h: what a tokenizer does to text before it cuts it.
 *
 * Steps one behind the other, as a tokenizer.json names them. Places are kept: each byte of the
 * result knows what it is from. */
#ifndef MI_TEXT_NORMALISER_H
#define MI_TEXT_NORMALISER_H

#include "base/regex.h"
#include "text/charmap.h"
#include "text/traced.h"
#include "text/unicode.h"

#include <stdbool.h>

enum mi_normal_kind {
    MI_NORMAL_FORM,    /* form */
    MI_NORMAL_LOWER,   /* each character by itself */
    MI_NORMAL_STRIP,   /* white space at the ends: left, right */
    MI_NORMAL_ACCENTS, /* marks go */
    MI_NORMAL_REPLACE, /* what (or regex) becomes to */
    MI_NORMAL_PREPEND, /* to, before any text that is not empty */
    MI_NORMAL_NMT,     /* control characters go or become spaces */
    MI_NORMAL_CLEAN,   /* BERT's: control characters go, white space becomes spaces */
    MI_NORMAL_CHINESE, /* BERT's: spaces around ideographs */
    MI_NORMAL_CHARMAP, /* charmap, by grapheme */
    MI_NORMAL_PIECE,   /* SentencePiece's for Unigram: charmap, runs of spaces, "▁" */
};

struct mi_normal_step {
    enum mi_normal_kind kind;
    enum mi_form form;
    bool left, right;      /* STRIP; PIECE: put a space before, keep runs of spaces */
    bool is_nonspacing;    /* ACCENTS: marks without width only */
    struct mi_regex regex; /* REPLACE, or */
    const char *what;      /* this text, borrowed */
    size_t what_len;
    const char *to; /* borrowed */
    size_t to_len;
    struct mi_charmap charmap;
};

enum { MI_NORMAL_STEPS = 24 };

/* `{0}` is valid and changes nothing. One thread at a time. */
struct mi_normaliser {
    struct mi_normal_step step[MI_NORMAL_STEPS];
    int n;
    struct mi_tracing trace[2]; /* private */
    struct mi_buf scratch;
};

/* *out is borrowed until the next run; it is `in` where nothing changed. `continued`: the text
 * goes on where another ended, so that nothing is put before it. */
int mi_normaliser_run(struct mi_normaliser *n, struct mi_traced in, bool continued,
                      struct mi_traced *out, struct mi_error *err) MI_MUST_USE;
void mi_normaliser_free(struct mi_normaliser *n);

#endif
