/* text/tokenizer.h: text to token ids and back, as the model's own tokenizer does it.
 *
 * A tokenizer comes from the vocabulary of a GGUF file, as plain arrays (mi_tokenizer_init), or
 * from the bytes of a tokenizer.json (text/tokenizer_json.h). Kinds: byte-level BPE with the
 * pre-tokenizers of text/pretokenizer.h, BPE over characters with byte fallback (by scores or
 * by merges), Unigram, WordPiece.
 *
 * Bytes that the vocabulary has no token for become its unknown token, or are left out where it
 * has none, as the models' own tokenizers do (SmolLM2 lacks 21 bytes, most of which no valid
 * text holds). A tokenizer keeps scratch memory: one thread at a time. */
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

/* A vocabulary as a GGUF file holds it; everything is borrowed while init runs only. */
struct mi_vocab_source {
    const char *model; /* "gpt2", "llama", "t5", "bert", "gemma4" */
    const char *pre;   /* "smollm"; NULL: none named */
    const struct mi_bytes *tokens;
    size_t n_tokens;
    const int32_t *types; /* [n_tokens] enum mi_token_type, or NULL: all normal */
    const struct mi_bytes *merges;
    size_t n_merges;            /* "left right" */
    int32_t bos, eos, eot, unk; /* -1: none */
    bool add_bos, add_eos;
    /* Of "llama", "t5" and "bert": */
    const float *scores;     /* [n_tokens] or NULL: all 0 */
    bool no_space_prefix;    /* a text does not begin with a space of its own */
    bool keep_spaces;        /* "t5": runs of spaces are not made one */
    struct mi_bytes charmap; /* "t5": SentencePiece's precompiled map of characters, or empty */
    bool strips_right;       /* control tokens take the white space behind them */
};

struct mi_tokenizer {
    struct mi_tokenizer_state *state; /* private */
};

/* One token of an encoded text. */
struct mi_token {
    int32_t id;
    uint32_t begin, end; /* bytes of the text that it came from; equal where it came from none
                            (the space that some tokenizers put before a text) */
};

/* Bytes begin to end - 1 of a text. */
struct mi_text_range {
    size_t begin, end;
};

/* What a GGUF file with this model and pre-tokenizer (NULL: none named) means that does not say
 * whether BOS is added. */
bool mi_tokenizer_default_bos(const char *model, const char *pre);

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
/* The same for text that goes on behind tokens: the space that some tokenizers put before a
 * text is not put before this one. */
int mi_tokenizer_encode_more(const struct mi_tokenizer *t, const char *text, size_t len,
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
bool mi_tokenizer_adds_bos(const struct mi_tokenizer *t); /* or any other token before a text */
/* The tokens that the source puts before a text (BOS, as a rule alone). Borrowed. */
const int32_t *mi_tokenizer_prefix(const struct mi_tokenizer *t, size_t *n);
/* From now on this id ends a generation too (generation_config.json may list several). Ids
 * outside the vocabulary are passed over. */
void mi_tokenizer_add_end(struct mi_tokenizer *t, int32_t id);
/* The text of tokens [n] as they follow one another from the start of a text, appended to *out:
 * the pieces, without the space that the tokenizer itself puts before a text. */
void mi_tokenizer_decode(const struct mi_tokenizer *t, const int32_t *ids, size_t n,
                         struct mi_buf *out);
size_t mi_tokenizer_size(const struct mi_tokenizer *t);
/* Of everything that decides ids: for headers. */
struct mi_digest mi_tokenizer_digest(const struct mi_tokenizer *t);
void mi_tokenizer_free(struct mi_tokenizer *t);

#endif
