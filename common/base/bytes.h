/* base/bytes.h: amounts of memory as people write and read them. */
#ifndef MI_BASE_BYTES_H
#define MI_BASE_BYTES_H

#include "base/error.h"

#include <stdint.h>

/* "4G", "512M", "1.5GiB", "1000000": a number and K, M, G or T (powers of 1024), "iB" or "B"
 * after it allowed. MI_EXIT_USAGE for anything else, zero included. */
int mi_bytes_parse(const char *text, int64_t *out, struct mi_error *err) MI_MUST_USE;
/* "512 B", "1.5 KiB", "93.4 MiB" into text [24]; returns text. */
char *mi_bytes_text(double bytes, char *text);

#endif
