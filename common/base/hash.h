/* base/hash.h: content digests (XXH3-128): identity, not security. */
#ifndef MI_BASE_HASH_H
#define MI_BASE_HASH_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

struct mi_digest {
    unsigned char byte[16]; /* big-endian, as XXH128_canonicalFromHash writes it */
};

struct mi_hash {
    void *state; /* private */
};

void mi_hash_init(struct mi_hash *h);
void mi_hash_add(struct mi_hash *h, const void *bytes, size_t n);
struct mi_digest mi_hash_value(const struct mi_hash *h); /* of all so far; may go on */
void mi_hash_free(struct mi_hash *h);

struct mi_digest mi_hash_bytes(const void *bytes, size_t n);
uint64_t mi_hash_u64(const void *bytes, size_t n, uint64_t seed); /* for tables and generators */
/* Of a whole regular file. */
int mi_hash_file(const char *path, struct mi_digest *out, struct mi_error *err) MI_MUST_USE;
/* 32 lower-case hexadecimal digits and a NUL into text [33]; returns text. */
char *mi_digest_text(const struct mi_digest *d, char *text);

#endif
