/* model/gguf_index.h: names of an open GGUF file -> entries. Private to the reader.
 *
 * Sorted tables, so that no choice of names makes looking up or building slow. */
#ifndef MI_MODEL_GGUF_INDEX_H
#define MI_MODEL_GGUF_INDEX_H

#include "model/gguf.h"

/* Builds a table over g->value or g->tensor; a name that is there twice is refused. */
int mi_gguf_index_values(struct mi_gguf *g, struct mi_error *err) MI_MUST_USE;
int mi_gguf_index_tensors(struct mi_gguf *g, struct mi_error *err) MI_MUST_USE;
void mi_gguf_index_free(struct mi_gguf *g);

#endif
