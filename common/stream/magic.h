/* stream/magic.h: the first bytes of a stream, and of what is none. */
#ifndef MI_STREAM_MAGIC_H
#define MI_STREAM_MAGIC_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

/* What the magic frame says. */
struct mi_magic {
    int major, minor;
    bool has_table;
};

/* Writes the frame of this version into bytes [MI_MAGIC_SIZE]. */
void mi_magic_write(unsigned char *bytes, bool has_table);
/* Reads the first `have` bytes of an input (all of it when shorter than MI_MAGIC_SIZE).
 * MI_EXIT_DATA with the name of the format that it looks like, or what version it is. */
int mi_magic_read(const unsigned char *bytes, size_t have, struct mi_magic *out,
                  struct mi_error *err) MI_MUST_USE;

#endif
