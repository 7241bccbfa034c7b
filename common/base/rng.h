/* base/rng.h: random numbers that depend on what they are for, never on order.
 *
 * A generator is made from (seed, purpose, key): `purpose` names the use
 * ("bootstrap", "sample"), `key` the thing (an id, a replicate). Adding a draw in
 * one place shifts no other. xoshiro256** (Blackman and Vigna 2018), its state
 * filled by splitmix64 from the XXH3 digest of the three. */
#ifndef MI_BASE_RNG_H
#define MI_BASE_RNG_H

#include <stdint.h>

struct mi_rng {
    uint64_t s[4]; /* private */
};

struct mi_rng mi_rng_make(uint64_t seed, const char *purpose, const char *key);
struct mi_rng mi_rng_make_n(uint64_t seed, const char *purpose, uint64_t key);
uint64_t mi_rng_next(struct mi_rng *r);              /* uniform on 64 bits */
double mi_rng_uniform(struct mi_rng *r);             /* [0, 1), 53 bits */
uint64_t mi_rng_below(struct mi_rng *r, uint64_t n); /* uniform on 0 .. n-1, unbiased; n > 0 */
void mi_rng_shuffle(struct mi_rng *r, int64_t n, int64_t *x); /* Fisher-Yates, in place */

#endif
