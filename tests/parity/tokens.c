/* tokens: what a tokenizer makes of strings, for comparing with other implementations.
 *
 *     build/release/parity/tokens VOCABULARY.gguf [special] < STRINGS > TOKENS
 *     build/release/parity/tokens TOKENIZER.json CONFIG.json|- [special] < STRINGS > TOKENS
 *
 * STRINGS: a 32-bit length and that many bytes, again and again. For each, TOKENS gets 32-bit
 * numbers: how many tokens there are (-1: refused), then id, first byte and end of each, then
 * the length of their text and the text. The first three numbers of all are the size of the
 * vocabulary, the number of tokens put before a text, and the first of those or -1. */
#include "base/file.h"
#include "base/mem.h"
#include "job/vocabulary.h"
#include "text/tokenizer_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void end_with(const char *what, const char *text)
{
    fprintf(stderr, "tokens: %s: %s\n", what, text);
    exit(3);
}

static void put(const void *x, size_t n)
{
    if (n && fwrite(x, 1, n, stdout) != n)
        end_with("stdout", "cannot be written");
}

static void put_int(int64_t x)
{
    int32_t i = (int32_t)x;

    put(&i, sizeof i);
}

static void open_json(struct mi_tokenizer *t, const char *path, const char *config)
{
    struct mi_buf json = {0}, more = {0};
    struct mi_error err = {0};
    bool has_config = strcmp(config, "-") != 0;

    if (mi_file_read(path, 1 << 30, &json, &err) < 0 ||
        (has_config && mi_file_read(config, 1 << 28, &more, &err) < 0) ||
        mi_tokenizer_open_json(t, json.data, json.len, has_config ? more.data : NULL, more.len,
                               &err) < 0)
        end_with(path, err.text);
    mi_buf_free(&json);
    mi_buf_free(&more);
}

static void open_gguf(struct mi_tokenizer *t, const char *path)
{
    struct mi_gguf g;
    struct mi_error err = {0};

    if (mi_gguf_open(&g, path, &err) < 0 || mi_vocabulary_tokenizer(t, &g, &err) < 0)
        end_with(path, err.text);
    mi_gguf_close(&g);
}

/* Decoding continues where the tokens end, so that control tokens show as they are. */
static void answer(const struct mi_tokenizer *t, const char *s, size_t len, bool special)
{
    static struct mi_token *tokens;
    static size_t cap;
    struct mi_error err = {0};
    struct mi_buf text = {0};
    int32_t *ids;
    size_t n = 0;

    if (mi_tokenizer_encode(t, s, len, special, &tokens, &n, &cap, &err) < 0) {
        fprintf(stderr, "tokens: %s\n", err.text);
        put_int(-1);
        return;
    }
    ids = mi_alloc_n(n + 1, sizeof *ids);
    put_int((int64_t)n);
    for (size_t i = 0; i < n; i++) {
        ids[i] = tokens[i].id;
        put_int(tokens[i].id);
        put_int(tokens[i].begin);
        put_int(tokens[i].end);
    }
    mi_tokenizer_decode(t, ids, n, &text);
    put_int((int64_t)text.len);
    put(text.data, text.len);
    mi_free(ids);
    mi_buf_free(&text);
}

int main(int argc, char **argv)
{
    size_t path_len = argc > 1 ? strlen(argv[1]) : 0, n_before;
    bool is_json = path_len > 5 && strcmp(argv[1] + path_len - 5, ".json") == 0;
    bool special = argc > 2 && strcmp(argv[argc - 1], "special") == 0;
    const int32_t *before;
    struct mi_tokenizer t;
    uint32_t len;

    if (argc < 2 + is_json)
        end_with("usage", "tokens VOCABULARY.gguf | TOKENIZER.json CONFIG.json|-, then [special]");
    if (is_json)
        open_json(&t, argv[1], argv[2]);
    else
        open_gguf(&t, argv[1]);
    before = mi_tokenizer_prefix(&t, &n_before);
    put_int((int64_t)mi_tokenizer_size(&t));
    put_int((int64_t)n_before);
    put_int(n_before ? before[0] : -1);
    while (fread(&len, sizeof len, 1, stdin) == 1) {
        char *s = mi_alloc(len + 1);

        if (fread(s, 1, len, stdin) != len)
            end_with("stdin", "is cut");
        answer(&t, s, len, special);
        mi_free(s);
    }
    mi_tokenizer_free(&t);
    return 0;
}
