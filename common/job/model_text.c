#include "job/model_text.h"

#include "job/vocabulary.h"
#include "text/tokenizer_json.h"

/* tokenizer.json alone is read: the older vocabularies beside it say the same with less. */
static int read_folder(struct mi_tokenizer *t, const struct mi_model *m, struct mi_error *err)
{
    const struct mi_folder *f = m->folder;
    const struct mi_map *json = &f->part[MI_FOLDER_TOKENIZER];
    const struct mi_map *config = &f->part[MI_FOLDER_TOKENIZER_CONFIG];
    int rc;

    if (!json->data)
        return mi_fail(err, MI_EXIT_DATA,
                       "'tokenizer.json' is missing (tokenizer.model and vocab.json alone are not "
                       "read: save the tokenizer with transformers once)");
    rc = mi_tokenizer_open_json(t, (const char *)json->data, json->size, (const char *)config->data,
                                config->size, err);
    for (int i = 0; i < f->n_ends && rc == 0; i++) {
        if (f->end[i] < m->config.dims.d_vocab)
            mi_tokenizer_add_end(t, f->end[i]);
        else
            rc = mi_fail(err, MI_EXIT_DATA, "'eos_token_id' %d is not one of %d tokens",
                         (int)f->end[i], m->config.dims.d_vocab);
    }
    if (rc < 0)
        mi_tokenizer_free(t);
    return rc;
}

int mi_model_text_tokenizer(struct mi_tokenizer *t, const struct mi_model *m, struct mi_error *err)
{
    return m->folder ? read_folder(t, m, err) : mi_vocabulary_tokenizer(t, &m->file, err);
}
