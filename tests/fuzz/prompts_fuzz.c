/* Whatever the prompt file: each prompt is refused with a line, or encodes into tokens whose
 * spans, roles and offsets lie inside it. */
#include "base/file.h"
#include "base/mem.h"
#include "text/encode.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

static struct mi_tokenizer tokenizer;
static struct mi_chat_template chat[3];

/* Bytes that stand for themselves in vocabularies, a space, a merge and markers. */
static void prepare(void)
{
    static char bytes[256][4];
    static const char *const more[] = {"<|im_start|>", "<|im_end|>", "<s>",
                                       "</s>",         "ab",         "\xc4\xa0\x61"};
    struct mi_bytes tokens[256 + 6], merges[] = {{"a b", 3}, {"\xc4\xa0 a", 4}};
    int32_t types[256 + 6];
    struct mi_vocab_source v = {.model = "gpt2",
                                .pre = "qwen2",
                                .tokens = tokens,
                                .types = types,
                                .merges = merges,
                                .n_merges = 2,
                                .bos = 0,
                                .eos = 1,
                                .eot = -1,
                                .unk = -1,
                                .add_bos = true};
    struct mi_chat_model model = {.bos = "<s>", .eos = "</s>"};
    struct mi_error err = {0};

    for (unsigned i = 0; i < 6; i++) {
        types[v.n_tokens] = i < 4 ? MI_TOKEN_CONTROL : MI_TOKEN_NORMAL;
        tokens[v.n_tokens++] = (struct mi_bytes){more[i], strlen(more[i])};
    }
    for (unsigned b = 0; b < 256; b++) {
        unsigned cp = (b >= 33 && b <= 126) || (b >= 161 && b != 173) ? b
                      : b <= 32                                       ? 256 + b
                      : b <= 160                                      ? 289 + b - 127
                                                                      : 323;

        bytes[b][0] = (char)(cp < 128 ? cp : 0xc0 | cp >> 6);
        bytes[b][1] = (char)(0x80 | (cp & 63));
        types[v.n_tokens] = MI_TOKEN_NORMAL;
        tokens[v.n_tokens++] = (struct mi_bytes){bytes[b], cp < 128 ? 1 : 2};
    }
    must(mi_tokenizer_init(&tokenizer, &v, &err) == 0);
    must(mi_chat_open(&chat[0], "raw", &model, &err) == 0);
    must(mi_chat_open(&chat[1], "chatml", &model, &err) == 0);
    must(mi_chat_open(&chat[2], "mistral", &model, &err) == 0);
}

static void check(const struct mi_encoded *e)
{
    int64_t at = -1;

    for (int64_t i = 0; i < e->n_tokens; i++) {
        must(e->tokens[i] >= 0 && (size_t)e->tokens[i] < mi_tokenizer_size(&tokenizer));
        must(e->offset[i] >= at && e->offset[i] <= (int64_t)e->text_len);
        must(e->offset[i] >= 0 || i == 0);
        at = e->offset[i];
    }
    for (size_t i = 0; i < e->n_spans; i++)
        must(e->spans[i].begin >= 0 && e->spans[i].begin < e->spans[i].end &&
             e->spans[i].end <= e->n_tokens);
    for (size_t i = 0; i < e->n_roles; i++)
        must(e->roles[i].begin >= 0 && e->roles[i].begin < e->roles[i].end &&
             e->roles[i].end <= e->n_tokens);
    must(!e->target || e->n_target > 0);
    must(!e->foil || e->n_foil > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mi_encode_options o = {0};
    struct mi_encoded e = {0};
    struct mi_prompts prompts;
    struct mi_prompt p;
    struct mi_error err = {0};
    struct mi_in in;
    int r;

    if (!tokenizer.state)
        prepare();
    if (size == 0)
        return 0;
    o.chat = data[0] % 4 < 3 ? &chat[data[0] % 4] : NULL;
    o.is_chat = o.chat && (data[0] & 4);
    o.no_bos = data[0] & 8;
    o.add_generation_prompt = data[0] & 16;
    o.parse_special = data[0] & 32;
    o.system = data[0] & 64 ? "S" : NULL;
    mi_in_of_bytes(&in, "fuzz", data + 1, size - 1);
    must(mi_prompts_open_in(&prompts, &in, &err) == 0);
    while ((r = mi_prompts_next(&prompts, &p, &err)) > 0) {
        must(p.id && p.id[0] && p.line > 0);
        must((p.text != NULL) + (p.tokens != NULL) + (p.messages != NULL) == 1);
        if (mi_encode(&tokenizer, &o, &p, &e, &err) == 0)
            check(&e);
        else
            must(err.code == MI_EXIT_DATA && err.text[0]);
    }
    must(r == 0 || (err.code == MI_EXIT_DATA && err.text[0]));
    mi_encoded_free(&e);
    mi_prompts_close(&prompts);
    return 0;
}
