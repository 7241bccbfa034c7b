#include "base/hash.h"

#include "base/file.h"
#include "base/mem.h"

#include <string.h>
#include <xxhash.h>

enum { FILE_CHUNK = 1 << 20 };

static struct mi_digest digest_of(XXH128_hash_t value)
{
    struct mi_digest d;
    XXH128_canonical_t c;

    XXH128_canonicalFromHash(&c, value);
    memcpy(d.byte, c.digest, sizeof d.byte);
    return d;
}

void mi_hash_init(struct mi_hash *h)
{
    h->state = XXH3_createState();
    if (!h->state)
        mi_out_of_memory(0);
    XXH3_128bits_reset(h->state);
}

void mi_hash_add(struct mi_hash *h, const void *bytes, size_t n)
{
    if (n)
        XXH3_128bits_update(h->state, bytes, n);
}

struct mi_digest mi_hash_value(const struct mi_hash *h)
{
    return digest_of(XXH3_128bits_digest(h->state));
}

void mi_hash_free(struct mi_hash *h)
{
    XXH3_freeState(h->state);
    h->state = NULL;
}

struct mi_digest mi_hash_bytes(const void *bytes, size_t n)
{
    return digest_of(XXH3_128bits(bytes, n));
}

uint64_t mi_hash_u64(const void *bytes, size_t n, uint64_t seed)
{
    return XXH3_64bits_withSeed(bytes, n, seed);
}

int mi_hash_file(const char *path, struct mi_digest *out, struct mi_error *err)
{
    struct mi_in in = {0};
    struct mi_hash h = {0};
    char *chunk = NULL;
    int64_t n;
    int r = mi_in_open(&in, path, err);

    if (r < 0)
        return r;
    if (!in.is_file) {
        r = mi_fail(err, MI_EXIT_DATA, "'%s' is not a regular file", in.name);
        goto out;
    }
    mi_hash_init(&h);
    chunk = mi_alloc(FILE_CHUNK);
    while ((n = mi_in_read(&in, chunk, FILE_CHUNK, err)) > 0)
        mi_hash_add(&h, chunk, (size_t)n);
    r = n < 0 ? (int)n : mi_in_unchanged(&in, err);
    if (r == 0)
        *out = mi_hash_value(&h);
out:
    mi_free(chunk);
    mi_hash_free(&h);
    mi_in_close(&in);
    return r;
}

char *mi_digest_text(const struct mi_digest *d, char *text)
{
    static const char digits[] = "0123456789abcdef";

    for (int i = 0; i < 16; i++) {
        text[2 * i] = digits[d->byte[i] >> 4];
        text[2 * i + 1] = digits[d->byte[i] & 15];
    }
    text[32] = '\0';
    return text;
}
