/* stream/intake.h: the bytes of an input, asked for by count, with their offset. */
#ifndef MI_STREAM_INTAKE_H
#define MI_STREAM_INTAKE_H

#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"

#include <stdbool.h>
#include <stdint.h>

/* A file, a pipe or memory, read from front to back; never sought. */
struct mi_intake {
    struct mi_in in;
    struct mi_buf buf; /* what was read and not yet taken begins at `at` */
    size_t at;
    uint64_t offset; /* of that byte in the input */
    bool is_at_end;  /* nothing comes after what is in buf */
};

void mi_intake_open(struct mi_intake *s, struct mi_in *in); /* *in moves into s */
/* Makes n bytes available if the input has them: *bytes is where they begin, the result
 * how many are there (fewer than n only at the end of the input), < 0 on failure. Memory
 * grows with what arrives, not with n. */
int64_t mi_intake_want(struct mi_intake *s, size_t n, const unsigned char **bytes,
                       struct mi_error *err) MI_MUST_USE;
/* The same of what is there without waiting. */
int64_t mi_intake_try(struct mi_intake *s, size_t n, const unsigned char **bytes,
                      struct mi_error *err) MI_MUST_USE;
void mi_intake_take(struct mi_intake *s, size_t n); /* n of them are done with */
void mi_intake_close(struct mi_intake *s);

#endif
