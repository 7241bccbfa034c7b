/* base/coprocess.h: another program that answers line for line, started once.
 *
 * The command is given to sh(1). It reads a line, writes a line, flushes, and so on; it ends
 * when its input does, with exit status 0. A command that leaves early is an error, never a
 * SIGPIPE. */
#ifndef MI_BASE_COPROCESS_H
#define MI_BASE_COPROCESS_H

#include "base/buf.h"

#include <stdbool.h>
#include <sys/types.h>

enum { MI_MOST_ANSWER = 64 << 10 }; /* bytes of an answer */

/* `{0}` is valid: not started. */
struct mi_coprocess {
    pid_t pid; /* 0: not started */
    int to, from;
    struct mi_buf ahead; /* read, but behind the answer in hand */
};

int mi_coprocess_start(struct mi_coprocess *p, const char *command,
                       struct mi_error *err) MI_MUST_USE;
/* Sends line [n] (without a newline in it) and waits for one line, which replaces `answer`
 * (without its newline). MI_EXIT_DATA: the command ended, or its line is too long. */
int mi_coprocess_ask(struct mi_coprocess *p, const char *line, size_t n, struct mi_buf *answer,
                     struct mi_error *err) MI_MUST_USE;
/* Ends its input and waits. MI_EXIT_DATA: it says something that nobody asked for, or its exit
 * status is not 0. */
int mi_coprocess_end(struct mi_coprocess *p, struct mi_error *err) MI_MUST_USE;
/* After a failure: ends it without looking. */
void mi_coprocess_close(struct mi_coprocess *p);

#endif
