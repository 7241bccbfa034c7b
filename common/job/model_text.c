#include "job/model_text.h"

#include "job/vocabulary.h"
#include "text/tokenizer_json.h"

/* tokenizer.json alone is read: the older vocabularies beside it say the same with less. */
static int read_folder(struct mi_tokenizer *t, const struct mi_folder *f, struct mi_error *err)
{
    const struct mi_map *json = &f->part[MI_FOLDER_TOKENIZER];
    const struct mi_map *config = &f->part[MI_FOLDER_TOKENIZER_CONFIG];
    int rc;

    if (!json->data)
        return mi_fail(err, MI_EXIT_DATA,
                       "'tokenizer.json' is missing (tokenizer.model and vocab.json alone are not "
                       "read: save the tokenizer with transformers once)");
    rc = mi_tokenizer_open_json(t, (const char *)json->data, json->size, (const char *)config->data,
                                config->size, err);
    for (int i = 0; i < f->n_ends && rc == 0; i++)
        mi_tokenizer_add_end(t, f->end[i]);
    return rc;
}

int mi_model_text_tokenizer(struct mi_tokenizer *t, const struct mi_model *m, struct mi_error *err)
{
    return m->folder ? read_folder(t, m->folder, err) : mi_vocabulary_tokenizer(t, &m->file, err);
}

int mi_model_text_template(const struct mi_model *m, struct mi_buf *out, struct mi_error *err)
{
    struct mi_gguf_string s;

    if (m->folder)
        return mi_folder_template(m->folder, out, err);
    if (!mi_gguf_text(&m->file, "tokenizer.chat_template", &s))
        return 0;
    mi_buf_add(out, s.at, s.len);
    return 1;
}
