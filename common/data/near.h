/* data/near.h: names that someone may have meant, for messages. */
#ifndef MI_DATA_NEAR_H
#define MI_DATA_NEAR_H

#include "base/buf.h"

#include <stddef.h>

/* Adds the names [n] that are within two edits of `word` or begin with it, as
 * "'a', 'b'", at most four; all of them when none is near and n is small. `word` may
 * be any bytes. Returns b's text. */
const char *mi_near(struct mi_buf *b, const char *word, const char *const *names, size_t n);

#endif
