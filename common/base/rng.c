/* xoshiro256** 1.0, David Blackman and Sebastiano Vigna 2018, "Scrambled linear
 * pseudorandom number generators"; splitmix64 as they advise for its state. */
#include "base/rng.h"

#include "base/hash.h"

#include <string.h>

static uint64_t split_mix(uint64_t *x)
{
    uint64_t z = (*x += 0x9e3779b97f4a7c15u);

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static struct mi_rng fill(uint64_t h)
{
    struct mi_rng r;

    for (int i = 0; i < 4; i++)
        r.s[i] = split_mix(&h);
    return r;
}

/* XXH3(key, seeded with XXH3(purpose, seeded with seed)). */
struct mi_rng mi_rng_make(uint64_t seed, const char *purpose, const char *key)
{
    return fill(mi_hash_u64(key, strlen(key), mi_hash_u64(purpose, strlen(purpose), seed)));
}

/* A number is hashed as eight little-endian bytes; the complement keeps it apart
 * from a key of text that has those bytes. */
struct mi_rng mi_rng_make_n(uint64_t seed, const char *purpose, uint64_t key)
{
    unsigned char le[8];

    for (int i = 0; i < 8; i++)
        le[i] = (unsigned char)(key >> 8 * i);
    return fill(mi_hash_u64(le, sizeof le, ~mi_hash_u64(purpose, strlen(purpose), seed)));
}

static uint64_t rotate(uint64_t x, int k)
{
    return x << k | x >> (64 - k);
}

uint64_t mi_rng_next(struct mi_rng *r)
{
    uint64_t *s = r->s, result = rotate(s[1] * 5, 7) * 9, t = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return result;
}

double mi_rng_uniform(struct mi_rng *r)
{
    return (double)(mi_rng_next(r) >> 11) * 0x1p-53;
}

/* The draws below 2^64 mod n are thrown away: what is left divides evenly. */
uint64_t mi_rng_below(struct mi_rng *r, uint64_t n)
{
    uint64_t least = (0 - n) % n, x;

    do
        x = mi_rng_next(r);
    while (x < least);
    return x % n;
}

void mi_rng_shuffle(struct mi_rng *r, int64_t n, int64_t *x)
{
    for (int64_t i = n - 1; i > 0; i--) {
        int64_t k = (int64_t)mi_rng_below(r, (uint64_t)i + 1), t = x[i];

        x[i] = x[k];
        x[k] = t;
    }
}
