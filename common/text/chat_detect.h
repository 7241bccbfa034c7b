/* text/chat_detect.h: private to text/chat.c: which kind of template a text is. */
#ifndef MI_TEXT_CHAT_DETECT_H
#define MI_TEXT_CHAT_DETECT_H

#include "text/chat.h"

#include <stdbool.h>

/* True when `source` is a template of this kind whose every statement is known: the
 * particulars are in *t (writes_bos: it prints BOS first). False, and *t empty, otherwise; the
 * statement that is not known stands in why [why_size]. */
bool mi_chat_detect(struct mi_chat_template *t, enum mi_chat_kind kind, const char *source,
                    bool *writes_bos, char *why, size_t why_size);

#endif
