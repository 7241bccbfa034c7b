/* model/config_keys.h: keys of a store as numbers in a range. Private to the configuration. */
#ifndef MI_MODEL_CONFIG_KEYS_H
#define MI_MODEL_CONFIG_KEYS_H

#include "model/config.h"

/* What a store says, with where to complain. */
struct mi_reading {
    const struct mi_store *s;
    const struct mi_architecture *a;
    struct mi_error *err;
    int n_layers; /* 0 before it is known; what is said by layer is said of so many */
    char key[96];
};

/* "llama.block_count" for "block_count", as GGUF has it. */
const char *mi_reading_key(struct mi_reading *r, const char *suffix);
/* The value of a key; an array of equal elements, one a layer, counts as its element. NULL: not
 * there. */
const struct mi_value *mi_reading_find(const struct mi_reading *r, const char *suffix);
/* Integer in [least, most]; absent: `otherwise`, or a failure where that is negative. */
int mi_reading_size(struct mi_reading *r, const char *suffix, int otherwise, int least, int most,
                    int *out) MI_MUST_USE;
/* Finite number above 0; absent: `otherwise`, or a failure where that is 0. */
int mi_reading_positive(struct mi_reading *r, const char *suffix, double otherwise,
                        double *out) MI_MUST_USE;
/* The same, with 0 for "none" where it is 0 or absent without an `otherwise`. */
int mi_reading_measure(struct mi_reading *r, const char *suffix, double otherwise,
                       float *out) MI_MUST_USE;
int mi_reading_flag(struct mi_reading *r, const char *suffix, bool otherwise,
                    bool *out) MI_MUST_USE;
/* A string, "" where it is absent. */
int mi_reading_text(struct mi_reading *r, const char *suffix, const char **out) MI_MUST_USE;
/* A flag for each of n layers, out [n]; false where the key is absent or no array of n. */
bool mi_reading_flags(struct mi_reading *r, const char *suffix, int n, bool *out);
/* Refuses keys that ask for a computation that the common block has not. */
int mi_reading_refuse(struct mi_reading *r) MI_MUST_USE;

/* config_rotary.c: positions. Needs the sizes and windows. */
int mi_config_read_rotary(struct mi_reading *r, struct mi_config *c) MI_MUST_USE;

#endif
