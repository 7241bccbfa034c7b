/* text/tokenizer.h: text to token ids and back, as the model's own tokenizer does it.
 *
 * Byte-level BPE (GGUF tokenizer.ggml.model "gpt2") with the pre-tokenizers of
 * text/pretokenizer.h (gpt-2, smollm, llama-bpe, qwen2 and more). The vocabulary comes as
 * plain arrays, so that this layer knows no file format.
 *
 * Bytes that the vocabulary has no token for are left out, as the models' own tokenizers do
 * (SmolLM2 lacks 21 bytes, most of which no valid text holds). A tokenizer keeps scratch
 * memory: one thread at a time. */
#ifndef MI_TEXT_TOKENIZER_H
#define MI_TEXT_TOKENIZER_H

#include "base/buf.h"
#include "base/error.h"
#include "base/hash.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum mi_token_type { /* GGUF's numbers */
                     MI_TOKEN_NORMAL = 1,
                     MI_TOKEN_UNKNOWN = 2,
                     MI_TOKEN_CONTROL = 3,
                     MI_TOKEN_USER = 4,
                     MI_TOKEN_UNUSED = 5,
                     MI_TOKEN_BYTE = 6,
};

struct mi_bytes {
    const char *at;
    size_t len;
};

/* A vocabulary as a file holds it; everything is borrowed while init runs only. */
struct mi_vocab_source {
    const char *model; /* "gpt2" */
    const char *pre;   /* "smollm"; NULL: none named */
    const struct mi_bytes *tokens;
    size_t n_tokens;
    const int32_t *types; /* [n_tokens] enum mi_token_type, or NULL: all normal */
    const struct mi_bytes *merges;
    size_t n_merges;            /* "left right" */
    int32_t bos, eos, eot, unk; /* -1: none */
    bool add_bos, add_eos;
};

struct mi_tokenizer {
    struct mi_tokenizer_state *state; /* private */
};

/* One token of an encoded text. */
struct mi_token {
    int32_t id;
    uint32_t begin, end; /* bytes of the text that it came from */
};

/* Bytes begin to end - 1 of a text. */
struct mi_text_range {
    size_t begin, end;
};

/* What a file with this pre-tokenizer (NULL: none named) means that does not say whether BOS is
 * added. */
bool mi_tokenizer_default_bos(const char *pre);

/* MI_EXIT_DATA for what is inconsistent (ids out of range, duplicate tokens, merges of
 * unknown pieces) or not supported (named, with the supported names). */
int mi_tokenizer_init(struct mi_tokenizer *t, const struct mi_vocab_source *v,
                      struct mi_error *err) MI_MUST_USE;
/* Appends the tokens of text [len] to *out (mi_grow; *n used, *cap room). `special`: texts of
 * control tokens are recognised; otherwise only user-defined ones are (text of a user must not
 * make control tokens). Bytes that are not UTF-8 are MI_EXIT_DATA with the offset. Adds no BOS.
 * Linear in len but for the merges of one pre-token (n log n). */
int mi_tokenizer_encode(const struct mi_tokenizer *t, const char *text, size_t len, bool special,
                        struct mi_token **out, size_t *n, size_t *cap,
                        struct mi_error *err) MI_MUST_USE;
/* The same with control tokens recognised in the ranges [n_marked] only (ascending, apart):
 * the markers of a chat template, between contents that must not make control tokens.
 * What stands between two control tokens is tokenised together. */
int mi_tokenizer_encode_marked(const struct mi_tokenizer *t, const char *text, size_t len,
                               const struct mi_text_range *marked, size_t n_marked,
                               struct mi_token **out, size_t *n, size_t *cap,
                               struct mi_error *err) MI_MUST_USE;
/* Bytes of one token (a control token's spelling included); borrowed. Empty for ids that
 * the vocabulary does not have. */
struct mi_bytes mi_tokenizer_piece(const struct mi_tokenizer *t, int32_t id);
bool mi_tokenizer_is_special(const struct mi_tokenizer *t, int32_t id); /* control or unknown */
/* Ends a generation: eos, eot, and special tokens spelled <|im_end|>, <|eot_id|>, </s> ... */
bool mi_tokenizer_is_end(const struct mi_tokenizer *t, int32_t id);
int32_t mi_tokenizer_find(const struct mi_tokenizer *t, const char *piece,
                          size_t len);                  /* -1: none */
int32_t mi_tokenizer_bos(const struct mi_tokenizer *t); /* -1: none */
int32_t mi_tokenizer_eos(const struct mi_tokenizer *t);
bool mi_tokenizer_adds_bos(const struct mi_tokenizer *t);
size_t mi_tokenizer_size(const struct mi_tokenizer *t);
/* Of everything that decides ids: for headers. */
struct mi_digest mi_tokenizer_digest(const struct mi_tokenizer *t);
void mi_tokenizer_free(struct mi_tokenizer *t);

#endif
