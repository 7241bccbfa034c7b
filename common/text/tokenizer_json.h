/* text/tokenizer_json.h: a tokenizer from the files of a Hugging Face directory.
 *
 * tokenizer.json (format "1.0") names each part: normalizer, pre_tokenizer, model,
 * post_processor, decoder, added tokens. What is read is listed in mi-tools(7); a part that is
 * not known is refused by name, never passed over, because it would change ids. */
#ifndef MI_TEXT_TOKENIZER_JSON_H
#define MI_TEXT_TOKENIZER_JSON_H

#include "text/tokenizer.h"

/* `json` [len] are the bytes of tokenizer.json. `config` [config_len] are those of
 * tokenizer_config.json, or NULL: bos_token, eos_token, unk_token and, where the post_processor
 * says nothing of BOS, add_bos_token are taken from it. Both are borrowed during the call only.
 * Nothing in them is trusted: MI_EXIT_DATA with one line for what does not parse, is out of
 * range, contradicts itself, or is not supported. */
int mi_tokenizer_open_json(struct mi_tokenizer *t, const char *json, size_t len, const char *config,
                           size_t config_len, struct mi_error *err) MI_MUST_USE;

#endif
