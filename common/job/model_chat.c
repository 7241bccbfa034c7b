#include "job/model_chat.h"

#include "base/escape.h"
#include "base/mem.h"
#include "model/folder_templates.h"

#include <string.h>

enum { MAX_NAMED = 64 };

/* What a struct mi_chat_model refers to. */
struct texts {
    struct mi_buf source;
    bool has_source;
    char *bos, *eos, *unk, *pad;
    struct named {
        char *name, *source;
    } own[MAX_NAMED];
    struct mi_chat_named named[MAX_NAMED];
    size_t n_named;
};

static char *token_text(const struct mi_tokenizer *t, int64_t id)
{
    struct mi_bytes piece;

    if (id < 0 || (uint64_t)id >= mi_tokenizer_size(t))
        return NULL;
    piece = mi_tokenizer_piece(t, (int32_t)id);
    return mi_strndup(piece.at, piece.len);
}

static char *token_of_key(const struct mi_model *m, const struct mi_tokenizer *t, const char *key)
{
    int64_t id;

    return !m->folder && mi_gguf_int(&m->file, key, &id) ? token_text(t, id) : NULL;
}

/* Takes over `name`; false where there are too many. */
static bool add_named(struct texts *x, char *name, const char *at, size_t len)
{
    if (x->n_named == MAX_NAMED) {
        mi_free(name);
        return false;
    }
    x->own[x->n_named] = (struct named){name, mi_strndup(at, len)};
    x->named[x->n_named] = (struct mi_chat_named){name, x->own[x->n_named].source};
    x->n_named++;
    return true;
}

/* tokenizer.chat_template, and tokenizer.chat_template.NAME beside it. */
static int read_file(struct texts *x, const struct mi_gguf *g, struct mi_error *err)
{
    static const char prefix[] = "tokenizer.chat_template";
    size_t n = sizeof prefix - 1;

    for (size_t i = 0; i < g->n_values; i++) {
        const struct mi_gguf_string *key = &g->value[i].key;
        struct mi_gguf_string s;
        char *name;

        if (key->len < n || memcmp(key->at, prefix, n) != 0 || (key->len > n && key->at[n] != '.'))
            continue;
        name = mi_strndup(key->at, key->len);
        if (!mi_gguf_text(g, name, &s) || memchr(s.at, '\0', s.len)) {
            mi_fail(err, MI_EXIT_DATA, "'%.80s' is no text, or has a NUL byte", mi_quote(name));
            mi_free(name);
            return -MI_EXIT_DATA;
        }
        if (key->len == n) {
            mi_free(name);
            x->has_source = true;
            mi_buf_add(&x->source, s.at, s.len);
            continue;
        }
        memmove(name, name + n + 1, key->len - n);
        if (!add_named(x, name, s.at, s.len))
            break;
    }
    return 0;
}

static int read_folder(struct texts *x, const struct mi_folder *f, struct mi_error *err)
{
    struct mi_folder_templates list;
    int r = mi_folder_templates(f, &list, err);

    for (size_t i = 0; i < list.n && r == 0; i++) {
        const struct mi_buf *text = &list.item[i].text;
        const char *at = text->len ? text->data : "";

        if (strcmp(list.item[i].name, "default") == 0) {
            x->has_source = true;
            mi_buf_add(&x->source, at, text->len);
        } else {
            add_named(x, mi_strdup(list.item[i].name), at, text->len);
        }
    }
    mi_folder_templates_free(&list);
    return r;
}

static void free_texts(struct texts *x)
{
    for (size_t i = 0; i < x->n_named; i++) {
        mi_free(x->own[i].name);
        mi_free(x->own[i].source);
    }
    mi_buf_free(&x->source);
    mi_free(x->bos);
    mi_free(x->eos);
    mi_free(x->unk);
    mi_free(x->pad);
}

int mi_model_chat_open(struct mi_chat_template *t, const struct mi_model *m,
                       const struct mi_tokenizer *tokenizer, const char *name, const char *date,
                       struct mi_error *err)
{
    struct texts x = {.bos = token_text(tokenizer, mi_tokenizer_bos(tokenizer)),
                      .eos = token_text(tokenizer, mi_tokenizer_eos(tokenizer)),
                      .unk = token_of_key(m, tokenizer, "tokenizer.ggml.unknown_token_id"),
                      .pad = token_of_key(m, tokenizer, "tokenizer.ggml.padding_token_id")};
    int64_t now = MI_CHAT_NOW;
    int r = date ? mi_chat_date(date, &now, err) : 0;

    if (r == 0)
        r = m->folder ? read_folder(&x, m->folder, err) : read_file(&x, &m->file, err);
    if (r == 0) {
        struct mi_chat_model model = {.source = x.has_source ? mi_buf_text(&x.source) : NULL,
                                      .named = x.named,
                                      .n_named = x.n_named,
                                      .bos = x.bos,
                                      .eos = x.eos,
                                      .unk = x.unk,
                                      .pad = x.pad,
                                      .now = now};

        r = mi_chat_open(t, name, &model, err);
    }
    free_texts(&x);
    return r;
}

bool mi_model_chat_is_given(const char *name)
{
    return name && (strpbrk(name, "/.") || strstr(name, "{{") || strstr(name, "{%"));
}

const char *mi_model_chat_note(const char *name)
{
    bool is_text = name && (strstr(name, "{{") || strstr(name, "{%"));

    return mi_model_chat_is_given(name) && !is_text ? "file" : name;
}
