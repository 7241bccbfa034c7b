/* model/shards.h: the weights of a Hugging Face directory: one safetensors file, or several
 * with an index that says which holds what.
 *
 * Index and files must agree: every tensor of the index is in the file that it names, and no
 * file holds another. File names are plain names inside the directory. */
#ifndef MI_MODEL_SHARDS_H
#define MI_MODEL_SHARDS_H

#include "base/error.h"
#include "model/safetensors.h"

#include <stddef.h>

enum {
    MI_SHARDS_MAX = 512,            /* files */
    MI_SHARDS_MAX_TENSORS = 262144, /* of all files */
    MI_SHARDS_MAX_INDEX = 33554432, /* bytes of the index */
};

struct mi_shards {
    struct mi_safetensors *file; /* [n_files] */
    char **name;                 /* [n_files], in the order of the index */
    size_t n_files, n_tensors;
    struct mi_map index; /* private; empty where there is one file */
};

/* Takes model.safetensors when it is there, else the files of model.safetensors.index.json.
 * Where there are only pickled weights, the message says why those are not read. */
int mi_shards_open(struct mi_shards *s, const char *directory, struct mi_error *err) MI_MUST_USE;
void mi_shards_close(struct mi_shards *s);

#endif
