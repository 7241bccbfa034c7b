/* model/gguf.h: the GGUF container (versions 1 to 3), read with suspicion.
 *
 * Every count, length and offset is compared with the bytes that are there before it is
 * used. Strings and arrays point into the mapped file. */
#ifndef MI_MODEL_GGUF_H
#define MI_MODEL_GGUF_H

#include "base/error.h"
#include "base/file.h"

#include <stdbool.h>
#include <stdint.h>

/* Limits beyond which a file is refused, whatever its size. */
enum {
    MI_GGUF_MAX_ENTRIES = 65536,       /* keys; tensors */
    MI_GGUF_MAX_KEY = 65535,           /* bytes of a key */
    MI_GGUF_MAX_NAME = 63,             /* bytes of a tensor's name */
    MI_GGUF_MAX_STRING = 64 * 1048576, /* bytes of any other string */
    MI_GGUF_MAX_ARRAY = 1 << 28,       /* elements */
    MI_GGUF_MIN_ALIGNMENT = 8,
    MI_GGUF_MAX_ALIGNMENT = 4096, /* a power of two between */
};

enum mi_gguf_type {
    MI_GGUF_U8,
    MI_GGUF_I8,
    MI_GGUF_U16,
    MI_GGUF_I16,
    MI_GGUF_U32,
    MI_GGUF_I32,
    MI_GGUF_F32,
    MI_GGUF_BOOL,
    MI_GGUF_STRING,
    MI_GGUF_ARRAY,
    MI_GGUF_U64,
    MI_GGUF_I64,
    MI_GGUF_F64,
};

struct mi_gguf_string {
    const char *at; /* not NUL-ended */
    size_t len;
};

struct mi_gguf_value {
    struct mi_gguf_string key;
    enum mi_gguf_type type;
    enum mi_gguf_type element; /* of an array */
    uint64_t count;            /* of an array; else 1 */
    const unsigned char *data; /* the value, or an array's first element */
    bool has_short_lengths;    /* private: strings of version 1 */
};

struct mi_gguf_tensor {
    struct mi_gguf_string name;
    int rank;        /* 1 to 4 */
    uint64_t ne[4];  /* ne[0] fastest; 1 beyond rank */
    int type;        /* ggml type number */
    uint64_t offset; /* in the file */
    uint64_t n_bytes;
    const void *data;
};

struct mi_gguf {
    struct mi_map map;
    uint32_t version;
    uint64_t alignment;
    struct mi_gguf_value *value;
    size_t n_values; /* in file order */
    struct mi_gguf_tensor *tensor;
    size_t n_tensors;
    void *index; /* private: names -> entries */
};

/* MI_EXIT_DATA names field and value at fault. `open_bytes` borrows memory (tests, fuzzing). */
int mi_gguf_open(struct mi_gguf *g, const char *path, struct mi_error *err) MI_MUST_USE;
int mi_gguf_open_bytes(struct mi_gguf *g, const void *bytes, size_t len,
                       struct mi_error *err) MI_MUST_USE;
void mi_gguf_close(struct mi_gguf *g);

const struct mi_gguf_value *mi_gguf_find(const struct mi_gguf *g, const char *key); /* or NULL */
const struct mi_gguf_tensor *mi_gguf_tensor(const struct mi_gguf *g,
                                            const char *name); /* or NULL */
/* Scalars of any integer (or float) type; false when absent or of another kind. An array of
 * equal elements counts as its element. */
bool mi_gguf_int(const struct mi_gguf *g, const char *key, int64_t *out);
bool mi_gguf_real(const struct mi_gguf *g, const char *key, double *out);
bool mi_gguf_flag(const struct mi_gguf *g, const char *key, bool *out);
bool mi_gguf_text(const struct mi_gguf *g, const char *key, struct mi_gguf_string *out);
/* Element i of an array. */
int64_t mi_gguf_array_int(const struct mi_gguf_value *v, uint64_t i);
double mi_gguf_array_real(const struct mi_gguf_value *v, uint64_t i);
/* Strings of a string array, in one walk: out [v->count]. */
void mi_gguf_array_strings(const struct mi_gguf_value *v, struct mi_gguf_string *out);

#endif
