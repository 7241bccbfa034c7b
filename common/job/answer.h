/* job/answer.h: the text of a generation while it grows.
 *
 * Tokens are pieces of bytes: a character may need several, and a stop string may begin in
 * one and end in another. So what is shown lags behind what is known. */
#ifndef MI_JOB_ANSWER_H
#define MI_JOB_ANSWER_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

struct mi_stops {
    const char *const *item; /* [n] not empty */
    int n;
};

/* `{0}` is valid and empty. */
struct mi_answer {
    struct mi_buf bytes; /* all that was generated, control tokens left out */
    size_t n_shown;      /* handed out by mi_answer_take */
};

/* Appends a piece. True when a stop string is there now: then the text ends before the
 * earliest one. */
bool mi_answer_add(struct mi_answer *a, const char *piece, size_t len,
                   const struct mi_stops *stops);
/* Bytes that may be shown now and were not yet: whole characters, of which no later piece
 * makes a stop string; at the end (is_end) all. Returns their number; *at is borrowed until
 * the next call. */
size_t mi_answer_take(struct mi_answer *a, const struct mi_stops *stops, bool is_end,
                      const char **at);
/* The text as UTF-8, appended to out: what is none becomes U+FFFD, one for each longest start
 * of a character (Unicode 15, section 3.9), as transformers' decode does. */
void mi_answer_text(const struct mi_answer *a, struct mi_buf *out);
/* The same for any bytes. */
void mi_text_repair(struct mi_buf *out, const char *s, size_t len);
void mi_answer_free(struct mi_answer *a);

#endif
