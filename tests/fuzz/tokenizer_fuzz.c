/* Whatever the vocabulary and the text: a vocabulary is refused or encodes; tokens stand in
 * order inside the text; of byte-level ones without normal form the pieces are the text wherever
 * every byte has a token, and text makes no control tokens; ids mean the same twice. */
#include "base/mem.h"
#include "text/tokenizer.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

struct input {
    const uint8_t *at;
    size_t left;
};

static unsigned take(struct input *in)
{
    unsigned b = in->left > 0 ? *in->at : 0;

    in->at += in->left > 0;
    in->left -= in->left > 0;
    return b;
}

static struct mi_bytes take_bytes(struct input *in, size_t most)
{
    size_t n = take(in) % (most + 1);
    struct mi_bytes b;

    if (n > in->left)
        n = in->left;
    b = (struct mi_bytes){(const char *)in->at, n};
    in->at += n;
    in->left -= n;
    return b;
}

static void check_tokens(const struct mi_tokenizer *t, bool is_moved, const char *s, size_t len,
                         bool special, const struct mi_token *tokens, size_t n)
{
    size_t begin = 0, end = 0;

    for (size_t i = 0; i < n; i++) {
        struct mi_bytes p = mi_tokenizer_piece(t, tokens[i].id);

        must(tokens[i].id >= 0 && (size_t)tokens[i].id < mi_tokenizer_size(t));
        must(tokens[i].begin >= begin && tokens[i].end >= end && tokens[i].end <= len &&
             tokens[i].begin < tokens[i].end + is_moved);
        must(is_moved || special || !mi_tokenizer_is_special(t, tokens[i].id));
        begin = tokens[i].begin;
        end = tokens[i].end;
        if (!is_moved && p.len == end - begin)
            must(memcmp(p.at, s + begin, p.len) == 0);
        if (!is_moved)
            must(p.len <= end - begin); /* shorter where bytes without a token were left out */
    }
}

static void encode(const struct mi_tokenizer *t, bool is_moved, const char *s, size_t len)
{
    struct mi_token *a = NULL, *b = NULL;
    size_t n_a = 0, cap_a = 0, n_b = 0, cap_b = 0;
    struct mi_error err = {0};

    for (int special = 0; special < 2; special++) {
        n_a = n_b = 0;
        if (mi_tokenizer_encode(t, s, len, special, &a, &n_a, &cap_a, &err) == 0) {
            check_tokens(t, is_moved, s, len, special, a, n_a);
            must(mi_tokenizer_encode(t, s, len, special, &b, &n_b, &cap_b, &err) == 0);
            must(n_a == n_b && (n_a == 0 || memcmp(a, b, n_a * sizeof *a) == 0));
        } else {
            must(err.code == MI_EXIT_DATA && err.text[0]);
        }
    }
    mi_free(a);
    mi_free(b);
}

static void fuzz_vocabulary(struct input in)
{
    static const char *const pres[] = {"gpt-2",  "smollm", "llama-bpe",   "qwen2",
                                       "tekken", "falcon", "deepseek-v3", "default"};
    static char bytes[256][4];
    struct mi_bytes tokens[256 + 64], merges[64];
    int32_t types[256 + 64];
    unsigned pre = take(&in) % 8, n_tokens = take(&in) % 64, n_merges = take(&in) % 64;
    bool has_bytes = take(&in) % 4 != 0;
    size_t n = 0;
    unsigned kind = take(&in) % 8;
    float scores[256 + 64];
    struct mi_vocab_source v = {
        .model = "gpt2", .pre = pres[pre], .bos = -1, .eos = -1, .eot = -1, .unk = -1};
    struct mi_tokenizer t;
    struct mi_error err = {0};

    for (unsigned b = 0; b < 256 && has_bytes; b++) { /* the characters that stand for bytes */
        unsigned cp = (b >= 33 && b <= 126) || (b >= 161 && b != 173) ? b
                      : b <= 32                                       ? 256 + b
                      : b <= 160                                      ? 289 + b - 127
                                                                      : 323;
        size_t len = cp < 128 ? 1 : 2;

        bytes[b][0] = (char)(cp < 128 ? cp : 0xc0 | cp >> 6);
        bytes[b][1] = (char)(0x80 | (cp & 63));
        types[n] = MI_TOKEN_NORMAL;
        tokens[n++] = (struct mi_bytes){bytes[b], len};
    }
    for (unsigned i = 0; i < n_tokens; i++) {
        types[n] = (int32_t)(take(&in) % 7);
        tokens[n++] = take_bytes(&in, 12);
    }
    if (kind >= 4) { /* the others have scores, or characters for bytes */
        static const char *const models[] = {"llama", "t5", "bert", "gemma4"};

        v.model = models[kind - 4];
        v.scores = scores;
        v.unk = take(&in) % 4 ? 0 : -1;
        v.no_space_prefix = take(&in) % 2;
        v.keep_spaces = take(&in) % 2;
        v.strips_right = take(&in) % 2;
        v.charmap = kind == 5 ? take_bytes(&in, 200) : (struct mi_bytes){0};
        for (size_t i = 0; i < n; i++)
            scores[i] = -(float)(i * 7 % 64);
    }
    for (unsigned i = 0; i < n_merges; i++)
        merges[i] = take_bytes(&in, 12);
    v.tokens = tokens;
    v.n_tokens = n;
    v.types = types;
    v.merges = merges;
    v.n_merges = n_merges;
    if (mi_tokenizer_init(&t, &v, &err) < 0) {
        must(!t.state && err.code == MI_EXIT_DATA && err.text[0]);
        v.n_merges = 0;
        if (mi_tokenizer_init(&t, &v, &err) < 0)
            return;
    }
    encode(&t, pre == 3 || kind >= 4, (const char *)in.at, in.left);
    mi_tokenizer_free(&t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};

    take(&in); /* once chose between two targets; the corpora have it */
    fuzz_vocabulary(in);
    return 0;
}
