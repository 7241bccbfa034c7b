/* model/card.h: what a Hugging Face directory says of itself beside the weights: name, licence.
 *
 * Licence, its name and where its text is, and what the model was made from, stand in the front
 * matter of README.md ("key: value" lines between "---", of a list the first item); without a
 * licence there, a file LICENSE is named. The name is config.json's "_name_or_path" where that
 * is a repository's ("owner/name"), not somebody's folder. Nothing here changes a result, so it
 * is no part of the digest; what cannot be read is as if it were not there. */
#ifndef MI_MODEL_CARD_H
#define MI_MODEL_CARD_H

#include "data/value.h"

enum { MI_CARD_TEXT = 200 };

/* NUL-ended bytes as they stand, cut at the size; empty: not said. */
struct mi_card {
    char name[MI_CARD_TEXT];
    char licence[MI_CARD_TEXT];
    char licence_name[MI_CARD_TEXT];
    char licence_text[MI_CARD_TEXT]; /* an address, or the name of a file */
    char made_from[MI_CARD_TEXT];
};

/* `config`: config.json. */
void mi_card_read(struct mi_card *c, const char *folder, const struct mi_value *config);

#endif
