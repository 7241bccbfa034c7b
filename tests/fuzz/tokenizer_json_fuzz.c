/* Whatever a tokenizer.json says: it is refused in one line, or it encodes: ids are in the
 * vocabulary, places stand in order inside the text, the same text gives the same tokens, and
 * what they stand for can be asked. Input: the file, a NUL, the text. */
#include "base/mem.h"
#include "text/tokenizer_json.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LONGEST = 4096 }; /* of a text: an expression may take long for each byte of it */

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void check_tokens(const struct mi_tokenizer *t, const struct mi_token *tokens, size_t n,
                         size_t len)
{
    size_t begin = 0, end = 0;

    for (size_t i = 0; i < n; i++) {
        struct mi_bytes p = mi_tokenizer_piece(t, tokens[i].id);

        must(tokens[i].id >= 0 && (size_t)tokens[i].id < mi_tokenizer_size(t));
        must(tokens[i].begin >= begin && tokens[i].end >= end && tokens[i].end <= len &&
             tokens[i].begin <= tokens[i].end);
        must(p.len == 0 || p.at);
        begin = tokens[i].begin;
        end = tokens[i].end;
    }
}

static void encode(const struct mi_tokenizer *t, const char *s, size_t len)
{
    struct mi_token *a = NULL, *b = NULL;
    size_t n_a = 0, cap_a = 0, n_b = 0, cap_b = 0;
    struct mi_error err = {0};

    for (int special = 0; special < 2; special++) {
        n_a = n_b = 0;
        if (mi_tokenizer_encode(t, s, len, special, &a, &n_a, &cap_a, &err) == 0) {
            check_tokens(t, a, n_a, len);
            must(mi_tokenizer_encode(t, s, len, special, &b, &n_b, &cap_b, &err) == 0);
            must(n_a == n_b && (n_a == 0 || memcmp(a, b, n_a * sizeof *a) == 0));
        } else {
            must(err.code == MI_EXIT_DATA && err.text[0]);
        }
    }
    mi_free(a);
    mi_free(b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *nul = size ? memchr(data, 0, size) : NULL;
    size_t len = nul ? (size_t)(nul - data) : size, rest = nul ? size - len - 1 : 0;
    const char *text = nul ? (const char *)nul + 1 : "";
    struct mi_tokenizer t;
    struct mi_buf whole = {0};
    struct mi_error err = {0};

    if (mi_tokenizer_open_json(&t, (const char *)data, len, text, rest, &err) < 0) {
        must(!t.state && err.code == MI_EXIT_DATA && err.text[0]);
        err = (struct mi_error){0};
        if (mi_tokenizer_open_json(&t, (const char *)data, len, NULL, 0, &err) < 0) {
            must(!t.state && err.code == MI_EXIT_DATA && err.text[0]);
            return 0;
        }
    }
    encode(&t, text, rest < LONGEST ? rest : LONGEST);
    for (int32_t i = 0; i < 64; i++)
        mi_tokenizer_decode(&t, &i, 1, &whole);
    mi_buf_free(&whole);
    mi_tokenizer_free(&t);
    return 0;
}
