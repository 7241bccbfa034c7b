/* base/sha256.h: SHA-256 (FIPS 180-4), for what others check by that name: the scripts that
 * a page's Content-Security-Policy allows, and files that were downloaded. */
#ifndef MI_BASE_SHA256_H
#define MI_BASE_SHA256_H

#include <stddef.h>

enum { MI_SHA256_SIZE = 32 };

void mi_sha256(const void *bytes, size_t n, unsigned char digest[MI_SHA256_SIZE]);
/* "sha256-" and the digest in base 64 as a Content-Security-Policy has it; text [64]. */
char *mi_sha256_source(const void *bytes, size_t n, char *text);

#endif
