/* job/model_chat.h: the chat template of a model, whatever the model is stored in. */
#ifndef MI_JOB_MODEL_CHAT_H
#define MI_JOB_MODEL_CHAT_H

#include "model/model.h"
#include "text/chat.h"
#include "text/tokenizer.h"

/* Opens the template `name` (as mi_chat_open takes it) with what the model has: its default
 * template, the named ones (tokenizer.chat_template.NAME of a GGUF file; of a directory see
 * model/folder_templates.h), the spellings of its special tokens. `date`: of mi_chat_date, or
 * NULL. */
int mi_model_chat_open(struct mi_chat_template *t, const struct mi_model *m,
                       const struct mi_tokenizer *tokenizer, const char *name, const char *date,
                       struct mi_error *err) MI_MUST_USE;
/* Is `name` a template itself, or a file with one: can it be opened without a model? */
bool mi_model_chat_is_given(const char *name);
/* --template as it stands in the provenance: a path is just "file" (the header's digest of the
 * template says which). */
const char *mi_model_chat_note(const char *name);

#endif
