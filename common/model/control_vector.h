/* model/control_vector.h: directions as a GGUF file that llama.cpp and repeng take.
 *
 * A control vector holds one tensor `direction.N` (F32, one row) a layer; llama.cpp adds it to
 * the output of block N at every token, times a factor of the command line. Block 0 cannot be
 * steered there: a direction.0 is refused by it, and so by us. Keys: general.architecture =
 * "controlvector", controlvector.model_hint, controlvector.layer_count; and ours,
 * mi.source.N = the hook that direction.N was read at. */
#ifndef MI_MODEL_CONTROL_VECTOR_H
#define MI_MODEL_CONTROL_VECTOR_H

#include "base/buf.h"

#include <stdint.h>

struct mi_control_vector {
    int layer;        /* N, at least 1 */
    const float *v;   /* [width] as it is to be added */
    const char *hook; /* "blocks.9.hook_resid_post" */
};

/* The whole file into b. vectors [n] ascending by layer; hint: the model's architecture;
 * n_layers: blocks of the model. */
void mi_control_vector_encode(struct mi_buf *b, const struct mi_control_vector *vectors, int n,
                              int64_t width, const char *hint, int n_layers);

#endif
