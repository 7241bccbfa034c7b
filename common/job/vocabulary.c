#include "job/vocabulary.h"

#include "base/mem.h"

#include <string.h>

/* Tokens or merges that are read; models have a quarter of it. A list of empty strings takes
 * more memory here than in its file, so that a longer one is refused first. */
enum { MOST_STRINGS = 1 << 20 };

/* A string array of the file as byte ranges; NULL when the key is absent. */
static int read_strings(const struct mi_gguf *g, const char *key, struct mi_bytes **out, size_t *n,
                        struct mi_error *err)
{
    const struct mi_gguf_value *v = mi_gguf_find(g, key);
    struct mi_gguf_string *s;

    *out = NULL;
    *n = 0;
    if (!v)
        return 0;
    if (v->type != MI_GGUF_ARRAY || v->element != MI_GGUF_STRING)
        return mi_fail(err, MI_EXIT_DATA, "'%s' is not a list of strings", key);
    if (v->count > MOST_STRINGS)
        return mi_fail(err, MI_EXIT_DATA, "'%s' lists %llu strings (limit %d)", key,
                       (unsigned long long)v->count, MOST_STRINGS);
    s = mi_alloc_n((size_t)v->count, sizeof *s);
    *out = mi_alloc_n((size_t)v->count, sizeof **out);
    mi_gguf_array_strings(v, s);
    for (size_t i = 0; i < v->count; i++)
        (*out)[i] = (struct mi_bytes){s[i].at, s[i].len};
    *n = (size_t)v->count;
    mi_free(s);
    return 0;
}

static bool is_integer_type(enum mi_gguf_type t)
{
    return t == MI_GGUF_U8 || t == MI_GGUF_I8 || t == MI_GGUF_U16 || t == MI_GGUF_I16 ||
           t == MI_GGUF_U32 || t == MI_GGUF_I32 || t == MI_GGUF_U64 || t == MI_GGUF_I64;
}

static int read_types(const struct mi_gguf *g, size_t n_tokens, int32_t **out, struct mi_error *err)
{
    const struct mi_gguf_value *v = mi_gguf_find(g, "tokenizer.ggml.token_type");

    *out = NULL;
    if (!v)
        return 0;
    if (v->type != MI_GGUF_ARRAY || !is_integer_type(v->element) || v->count != n_tokens)
        return mi_fail(err, MI_EXIT_DATA,
                       "'tokenizer.ggml.token_type' is not a list of one number a token");
    *out = mi_alloc_n(n_tokens, sizeof **out);
    for (size_t i = 0; i < n_tokens; i++) {
        int64_t type = mi_gguf_array_int(v, i);

        (*out)[i] = type < 0 || type > 255 ? 0 : (int32_t)type;
    }
    return 0;
}

/* An id outside the vocabulary is the tokenizer's to refuse; one that fits no id at all is
 * passed on as such. */
static int32_t read_id(const struct mi_gguf *g, const char *key)
{
    int64_t id;

    if (!mi_gguf_int(g, key, &id))
        return -1;
    return id < 0 || id > INT32_MAX ? INT32_MAX : (int32_t)id;
}

static char *read_text(const struct mi_gguf *g, const char *key)
{
    struct mi_gguf_string s;

    return mi_gguf_text(g, key, &s) ? mi_strndup(s.at, s.len) : NULL;
}

static int read_scores(const struct mi_gguf *g, size_t n_tokens, float **out, struct mi_error *err)
{
    const struct mi_gguf_value *v = mi_gguf_find(g, "tokenizer.ggml.scores");

    *out = NULL;
    if (!v)
        return 0;
    if (v->type != MI_GGUF_ARRAY || v->count != n_tokens ||
        (v->element != MI_GGUF_F32 && v->element != MI_GGUF_F64 && !is_integer_type(v->element)))
        return mi_fail(err, MI_EXIT_DATA,
                       "'tokenizer.ggml.scores' is not a list of one number a token");
    *out = mi_alloc_n(n_tokens, sizeof **out);
    for (size_t i = 0; i < n_tokens; i++)
        (*out)[i] = is_integer_type(v->element) ? (float)mi_gguf_array_int(v, i)
                                                : (float)mi_gguf_array_real(v, i);
    return 0;
}

/* What ids mean in files that do not say, by tokenizer.ggml.model. */
static const struct defaults {
    const char *model;
    int32_t bos, eos, unk;
} defaults[] = {{"llama", 1, 2, 0}, {"t5", -1, 1, 2}, {"bert", 101, -1, 100}};

static void read_ids(const struct mi_gguf *g, struct mi_vocab_source *v)
{
    v->bos = read_id(g, "tokenizer.ggml.bos_token_id");
    v->eos = read_id(g, "tokenizer.ggml.eos_token_id");
    v->eot = read_id(g, "tokenizer.ggml.eot_token_id");
    v->unk = read_id(g, "tokenizer.ggml.unknown_token_id");
    for (size_t i = 0; i < sizeof defaults / sizeof defaults[0]; i++) {
        const struct defaults *d = &defaults[i];

        if (strcmp(d->model, v->model) != 0)
            continue;
        if (v->bos < 0 && (size_t)(d->bos + 1) <= v->n_tokens)
            v->bos = d->bos;
        if (v->eos < 0 && (size_t)(d->eos + 1) <= v->n_tokens)
            v->eos = d->eos;
        if (v->unk < 0 && (size_t)(d->unk + 1) <= v->n_tokens)
            v->unk = d->unk;
    }
}

/* Phi-3's control tokens take the white space behind them; its files do not say so. */
static bool is_phi3(const struct mi_gguf *g)
{
    char *name = read_text(g, "general.name");
    bool is = false;

    for (char *c = name; c && *c; c++)
        *c = *c >= 'A' && *c <= 'Z' ? (char)(*c + ('a' - 'A')) : *c;
    if (name)
        is = strstr(name, "phi-3") || strstr(name, "phi3");
    mi_free(name);
    return is;
}

static int read_flags(const struct mi_gguf *g, struct mi_vocab_source *v, struct mi_error *err)
{
    const struct mi_gguf_value *map = mi_gguf_find(g, "tokenizer.ggml.precompiled_charsmap");
    bool prefix = true, merges_spaces = false;

    if (!mi_gguf_flag(g, "tokenizer.ggml.add_bos_token", &v->add_bos))
        v->add_bos = mi_tokenizer_default_bos(v->model, v->pre) && v->bos >= 0;
    if (!mi_gguf_flag(g, "tokenizer.ggml.add_eos_token", &v->add_eos))
        v->add_eos = false;
    (void)mi_gguf_flag(g, "tokenizer.ggml.add_space_prefix", &prefix);
    (void)mi_gguf_flag(g, "tokenizer.ggml.remove_extra_whitespaces", &merges_spaces);
    v->no_space_prefix = !prefix;
    v->keep_spaces = !merges_spaces;
    v->strips_right = is_phi3(g);
    if (!map)
        return 0;
    if (map->type != MI_GGUF_ARRAY || (map->element != MI_GGUF_U8 && map->element != MI_GGUF_I8))
        return mi_fail(err, MI_EXIT_DATA,
                       "'tokenizer.ggml.precompiled_charsmap' is not a list of "
                       "bytes");
    v->charmap = (struct mi_bytes){(const char *)map->data, (size_t)map->count};
    return 0;
}

int mi_vocabulary_tokenizer(struct mi_tokenizer *t, const struct mi_gguf *g, struct mi_error *err)
{
    struct mi_vocab_source v = {0};
    struct mi_bytes *tokens, *merges = NULL;
    int32_t *types = NULL;
    float *scores = NULL;
    char *model = read_text(g, "tokenizer.ggml.model");
    char *pre = read_text(g, "tokenizer.ggml.pre");
    int r = read_strings(g, "tokenizer.ggml.tokens", &tokens, &v.n_tokens, err);

    if (r == 0 && (!model || !tokens))
        r = mi_fail(err, MI_EXIT_DATA, "there is no vocabulary in this file ('%s' is missing)",
                    model ? "tokenizer.ggml.tokens" : "tokenizer.ggml.model");
    if (r == 0)
        r = read_strings(g, "tokenizer.ggml.merges", &merges, &v.n_merges, err);
    if (r == 0)
        r = read_types(g, v.n_tokens, &types, err);
    if (r == 0)
        r = read_scores(g, v.n_tokens, &scores, err);
    if (r == 0) {
        v.model = model;
        v.pre = pre;
        v.tokens = tokens;
        v.merges = merges;
        v.types = types;
        v.scores = scores;
        read_ids(g, &v);
        r = read_flags(g, &v, err);
    }
    if (r == 0)
        r = mi_tokenizer_init(t, &v, err);
    mi_free(tokens);
    mi_free(merges);
    mi_free(types);
    mi_free(scores);
    mi_free(model);
    mi_free(pre);
    return r;
}
