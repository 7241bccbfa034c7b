/* golden.h: reads JSON files of tests/golden/text, and vocabularies in them. */
#ifndef MI_TESTS_TEXT_GOLDEN_H
#define MI_TESTS_TEXT_GOLDEN_H

#include "base/file.h"
#include "data/json.h"
#include "text/tokenizer.h"

#include <stdlib.h>
#include <string.h>

static inline struct mi_value read_golden(struct mi_arena *a, const char *path)
{
    struct mi_buf b = {0};
    struct mi_value v = {0};
    struct mi_error err = {0};

    if (mi_file_read(path, 64 << 20, &b, &err) < 0 ||
        mi_json_parse(a, b.data, b.len, &v, &err) < 0) {
        printf("Bail out! %s: %s\n", path, err.text);
        exit(1);
    }
    mi_buf_free(&b);
    return v;
}

static inline const struct mi_value *item(const struct mi_value *array, size_t i)
{
    return &array->as.array.item[i];
}

static inline struct mi_bytes *list_of(struct mi_arena *a, const struct mi_value *array)
{
    struct mi_bytes *out = mi_arena_alloc(a, array->as.array.n * sizeof *out);

    for (size_t i = 0; i < array->as.array.n; i++)
        out[i] = (struct mi_bytes){item(array, i)->as.bytes.at, item(array, i)->as.bytes.len};
    return out;
}

/* One family of tokenizers.json: control tokens first, then the user-defined ones. */
static inline struct mi_vocab_source vocab_of(struct mi_arena *a, const struct mi_value *family)
{
    const struct mi_value *tokens = mi_get(family, "tokens"), *merges = mi_get(family, "merges");
    int64_t n_control = mi_get_int(family, "n_control", 0);
    int64_t n_user = mi_get_int(family, "n_user", 0);
    int32_t *types = mi_arena_alloc(a, tokens->as.array.n * sizeof *types);

    for (size_t i = 0; i < tokens->as.array.n; i++)
        types[i] = (int64_t)i < n_control            ? MI_TOKEN_CONTROL
                   : (int64_t)i < n_control + n_user ? MI_TOKEN_USER
                                                     : MI_TOKEN_NORMAL;
    return (struct mi_vocab_source){
        .model = "gpt2",
        .pre = mi_get_str(family, "pre", NULL),
        .tokens = list_of(a, tokens),
        .n_tokens = tokens->as.array.n,
        .types = types,
        .merges = list_of(a, merges),
        .n_merges = merges->as.array.n,
        .bos = 1,
        .eos = 2,
        .eot = -1,
        .unk = -1,
    };
}

/* The vocabulary with this pre-tokenizer, ready. */
static inline struct mi_tokenizer open_golden(struct mi_arena *a, const struct mi_value *all,
                                              const char *pre)
{
    const struct mi_value *families = mi_get(all, "families");
    struct mi_tokenizer t = {0};
    struct mi_error err = {0};

    for (size_t i = 0; i < families->as.array.n; i++) {
        struct mi_vocab_source v = vocab_of(a, item(families, i));

        if (strcmp(v.pre, pre) == 0 && mi_tokenizer_init(&t, &v, &err) < 0) {
            printf("Bail out! %s: %s\n", pre, err.text);
            exit(1);
        }
    }
    return t;
}

#endif
