/* job/vocabulary.h: the vocabulary of a GGUF file as text/tokenizer.h wants it. */
#ifndef MI_JOB_VOCABULARY_H
#define MI_JOB_VOCABULARY_H

#include "base/error.h"
#include "model/gguf.h"
#include "text/tokenizer.h"

int mi_vocabulary_tokenizer(struct mi_tokenizer *t, const struct mi_gguf *g,
                            struct mi_error *err) MI_MUST_USE;

#endif
