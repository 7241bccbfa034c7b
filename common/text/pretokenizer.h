/* text/pretokenizer.h: where a tokenizer cuts text before it looks for tokens.
 *
 * Steps one behind the other; a step cuts every piece that the one before left. Each name of
 * GGUF's tokenizer.ggml.pre stands for a list of them, and a tokenizer.json writes them out. The
 * steps of most models are written out over text/unicode.h (linear time, no engine); the rest
 * are regular expressions, whose letters are those of the installed PCRE2. A test holds the two
 * forms against each other. */
#ifndef MI_TEXT_PRETOKENIZER_H
#define MI_TEXT_PRETOKENIZER_H

#include "base/buf.h"
#include "base/error.h"
#include "base/regex.h"
#include "text/split.h"
#include "text/traced.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What becomes of a match: kept alone, dropped, or joined to a neighbour. */
enum mi_pre_behaviour {
    MI_PRE_ISOLATED,
    MI_PRE_REMOVED,
    MI_PRE_PREVIOUS,
    MI_PRE_NEXT,
    MI_PRE_RUNS
};

enum mi_pre_kind {
    MI_PRE_WRITTEN,   /* split: every end is a cut */
    MI_PRE_REGEX,     /* regex matches, by behaviour */
    MI_PRE_TEXT,      /* `text` matches, by behaviour */
    MI_PRE_CLASS,     /* every character that is_match says, by behaviour */
    MI_PRE_LENGTH,    /* pieces of `length` characters */
    MI_PRE_THOUSANDS, /* digits by three from the right */
    MI_PRE_SPACE,     /* a space before each piece that starts with none */
    MI_PRE_METASPACE, /* spaces become `text`, put before a piece as `scheme` says; then cut */
    MI_PRE_BYTES,     /* from here on the steps see a character for each byte */
};

enum mi_pre_scheme { MI_PRE_ALWAYS, MI_PRE_FIRST, MI_PRE_NEVER };

struct mi_pre_step {
    enum mi_pre_kind kind;
    enum mi_pre_behaviour behaviour;
    bool is_inverted; /* what lies between matches is the match */
    mi_split_fn *split;
    bool (*is_match)(uint32_t cp);
    struct mi_regex regex;
    const char *text; /* borrowed */
    size_t text_len, length;
    enum mi_pre_scheme scheme;
    bool is_whole; /* METASPACE: no cuts; THOUSANDS: only where no word goes on behind */
};

enum { MI_PRE_STEPS = 32 };

/* Bytes begin to end - 1 of a text. */
struct mi_cut {
    size_t begin, end;
};

/* The pieces of one text, ascending, none empty. Reuse it. */
struct mi_cuts {
    struct mi_cut *piece; /* [n] */
    size_t n, cap;
};

/* `{0}` is valid: one piece. One thread at a time. */
struct mi_pretokenizer {
    struct mi_pre_step step[MI_PRE_STEPS];
    int n;
    bool ignore_merges; /* a pre-token that is a token is taken whole */
    bool nfc;           /* text is brought to normal form C first */
    bool adds_bos;      /* what a file means that does not say */
    bool is_text;       /* over characters, spaces are "▁": not byte-level */
    /* private: */
    struct mi_cuts before, matches, seen;
    struct mi_tracing trace[2];
    struct mi_buf view;
    uint32_t *place;
    size_t place_cap;
};

/* By its name in GGUF. MI_EXIT_DATA for one that is not known: the message lists those that
 * are. by_regex: take the regular expression of every step (for the test). */
int mi_pretokenizer_open(struct mi_pretokenizer *p, const char *name, bool by_regex,
                         struct mi_error *err) MI_MUST_USE;
/* One step more; *step is the caller's to fill, NULL when there are too many. */
struct mi_pre_step *mi_pretokenizer_add(struct mi_pretokenizer *p, enum mi_pre_kind kind);
/* A step that cuts by a regular expression: written out where it is one of those. */
int mi_pretokenizer_add_regex(struct mi_pretokenizer *p, const char *pattern,
                              enum mi_pre_behaviour behaviour, bool is_inverted,
                              struct mi_error *err) MI_MUST_USE;
/* GPT-2's. */
int mi_pretokenizer_add_gpt2(struct mi_pretokenizer *p, struct mi_error *err) MI_MUST_USE;
/* Where a text stands in what is tokenised: some tokenizers put a space before the first. */
enum mi_start {
    MI_START_INSIDE,    /* behind a token that was found before */
    MI_START_FIRST,     /* at the start */
    MI_START_CONTINUED, /* at the start, but that goes on where another text ended */
};

/* Cuts valid UTF-8. *out is the text that the cuts are of, borrowed until the next run: `in`,
 * unless a step changes text. */
int mi_pretokenizer_run(struct mi_pretokenizer *p, struct mi_traced in, enum mi_start start,
                        struct mi_traced *out, struct mi_cuts *cuts,
                        struct mi_error *err) MI_MUST_USE;
void mi_pretokenizer_close(struct mi_pretokenizer *p);
void mi_cuts_free(struct mi_cuts *cuts);

/* A name whose rows are over characters. False for unknown names and NULL. */
bool mi_pretokenizer_is_text(const char *name);
/* The names of the i-th kind, separated by spaces, the usual one first; NULL behind the last. */
const char *mi_pretokenizer_names(size_t i);

#endif
