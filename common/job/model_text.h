/* job/model_text.h: what a model says of text, whatever it is stored in: its tokenizer and its
 * chat template. The model layer gives bytes, the text layer reads them; they meet here. */
#ifndef MI_JOB_MODEL_TEXT_H
#define MI_JOB_MODEL_TEXT_H

#include "base/buf.h"
#include "model/model.h"
#include "text/tokenizer.h"

int mi_model_text_tokenizer(struct mi_tokenizer *t, const struct mi_model *m,
                            struct mi_error *err) MI_MUST_USE;
/* The template's source appended to out: 1, or 0 where the model has none. */
int mi_model_text_template(const struct mi_model *m, struct mi_buf *out,
                           struct mi_error *err) MI_MUST_USE;

#endif
