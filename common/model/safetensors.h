/* model/safetensors.h: one .safetensors file, read with suspicion.
 *
 * All rules of the format's own reader hold: the header is one JSON object, tensors cover the
 * data from its first to its last byte without holes or overlaps, and each has the size that
 * its shape asks for. Beyond them, names are distinct and the limits below hold. Data is not
 * looked at; it may lie at any alignment. */
#ifndef MI_MODEL_SAFETENSORS_H
#define MI_MODEL_SAFETENSORS_H

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"

#include <stdint.h>

enum {
    MI_SAFETENSORS_MAX_HEADER = 100000000, /* bytes: the format's own limit */
    MI_SAFETENSORS_MAX_TENSORS = 65536,    /* of a file; entries of __metadata__ likewise */
    MI_SAFETENSORS_MAX_NAME = 255,         /* bytes */
    MI_SAFETENSORS_MAX_RANK = 8,
};

/* One row of the table of element types. */
struct mi_safetensors_type {
    const char *name; /* "BF16" */
    int bits;         /* of an element */
    int qtype;        /* as weights: ggml's number, or one of math/quant.h's own; -1: none */
};

struct mi_safetensor {
    const char *name; /* NUL-ended */
    const struct mi_safetensors_type *type;
    int rank;                                /* 0: a scalar */
    uint64_t shape[MI_SAFETENSORS_MAX_RANK]; /* outermost first */
    uint64_t begin, n_bytes;                 /* from the start of the data */
    const void *data;
};

struct mi_safetensors {
    struct mi_map map;
    struct mi_safetensor *tensor; /* [n_tensors], by name */
    size_t n_tensors;
    struct mi_arena names; /* private */
};

/* MI_EXIT_DATA names tensor and value at fault. `open_bytes` borrows memory (tests, fuzzing). */
int mi_safetensors_open(struct mi_safetensors *s, const char *path,
                        struct mi_error *err) MI_MUST_USE;
int mi_safetensors_open_bytes(struct mi_safetensors *s, const void *bytes, size_t len,
                              struct mi_error *err) MI_MUST_USE;
void mi_safetensors_close(struct mi_safetensors *s);
/* NULL when there is none of that name. */
const struct mi_safetensor *mi_safetensors_find(const struct mi_safetensors *s, const char *name);

#endif
