/* model/folder.h: a model as a Hugging Face directory: settings, weights, tokenizer, template.
 *
 * config.json is read here, with the weights' files; the tokenizer's files are given as bytes to
 * whoever reads them. All files are mapped once and stay what they were: their digests make the
 * model's, and mi_folder_unchanged looks at all of them. No pickle is ever read. */
#ifndef MI_MODEL_FOLDER_H
#define MI_MODEL_FOLDER_H

#include "base/hash.h"
#include "data/value.h"
#include "model/card.h"
#include "model/shards.h"

#include <stdbool.h>

enum mi_folder_part {
    MI_FOLDER_CONFIG,           /* config.json; the only one beside weights that must be there */
    MI_FOLDER_GENERATION,       /* generation_config.json */
    MI_FOLDER_TOKENIZER,        /* tokenizer.json */
    MI_FOLDER_TOKENIZER_CONFIG, /* tokenizer_config.json */
    MI_FOLDER_TEMPLATE,         /* chat_template.jinja */
    MI_FOLDER_PARTS,
};

enum { MI_FOLDER_MAX_ENDS = 32 };

struct mi_folder {
    struct mi_map part[MI_FOLDER_PARTS]; /* data is NULL where there is none */
    struct mi_folder_extra {
        char *name; /* additional_chat_templates/NAME.jinja */
        struct mi_map map;
    } * extra; /* [n_extra] by name; model/folder_templates.h */
    size_t n_extra;
    struct mi_shards shards;
    struct mi_value config; /* MI_MAP: of text_config where the model is nested in a larger one */
    bool is_nested;
    struct mi_card card; /* name and licence */
    struct mi_arena arena;
    int32_t end[MI_FOLDER_MAX_ENDS]; /* ids that end a text: of generation_config, else config */
    int n_ends;
};

/* Is it a directory that is there? */
bool mi_folder_is(const char *path);
int mi_folder_open(struct mi_folder *f, const char *path, struct mi_error *err) MI_MUST_USE;
void mi_folder_close(struct mi_folder *f);
/* Over the sorted names of all files that were read, each with its own digest. */
struct mi_digest mi_folder_digest(const struct mi_folder *f);
int mi_folder_unchanged(struct mi_folder *f, struct mi_error *err) MI_MUST_USE;
/* Of all files that are mapped. */
uint64_t mi_folder_bytes(const struct mi_folder *f);

#endif
