/* model/load.h: from a store's tensors to the weights of a model. Private to model.c. */
#ifndef MI_MODEL_LOAD_H
#define MI_MODEL_LOAD_H

#include "model/model.h"

/* Fills the weights of m, whose store and config are there: every tensor with the shape and
 * a type that the configuration asks for, and none beside them. Vectors go into `arena`. */
int mi_model_load(struct mi_model *m, struct mi_arena *arena, struct mi_error *err) MI_MUST_USE;

#endif
