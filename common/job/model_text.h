/* job/model_text.h: the tokenizer of a model, whatever the model is stored in. The model layer
 * gives bytes, the text layer reads them; they meet here. */
#ifndef MI_JOB_MODEL_TEXT_H
#define MI_JOB_MODEL_TEXT_H

#include "model/model.h"
#include "text/tokenizer.h"

int mi_model_text_tokenizer(struct mi_tokenizer *t, const struct mi_model *m,
                            struct mi_error *err) MI_MUST_USE;

#endif
