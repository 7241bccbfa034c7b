/* model/folder_templates.h: the chat templates of a Hugging Face directory, by name.
 *
 * chat_template.jinja is the one called "default", additional_chat_templates/NAME.jinja are
 * further ones. Only where there is neither, tokenizer_config.json is asked: its
 * "chat_template" is a text, or a list of {"name", "template"}. */
#ifndef MI_MODEL_FOLDER_TEMPLATES_H
#define MI_MODEL_FOLDER_TEMPLATES_H

#include "model/folder.h"

struct mi_folder_templates {
    struct mi_folder_template {
        char *name;
        struct mi_buf text; /* UTF-8 or not, as it is there; without NUL bytes */
    } * item;               /* [n], each name once */
    size_t n, cap;
};

/* All of them; none is no failure. */
int mi_folder_templates(const struct mi_folder *f, struct mi_folder_templates *out,
                        struct mi_error *err) MI_MUST_USE;
void mi_folder_templates_free(struct mi_folder_templates *t);

/* Private to folder.c: maps additional_chat_templates/NAME.jinja, in order of their names. */
int mi_folder_extras_open(struct mi_folder *f, const char *directory,
                          struct mi_error *err) MI_MUST_USE;
void mi_folder_extras_close(struct mi_folder *f);

#endif
