/* text/tokenizer_state.h: private to the tokenizer and its two readers: what it is made of. */
#ifndef MI_TEXT_TOKENIZER_STATE_H
#define MI_TEXT_TOKENIZER_STATE_H

#include "base/mem.h"
#include "text/added.h"
#include "text/bpe.h"
#include "text/normaliser.h"
#include "text/pretokenizer.h"
#include "text/tokenizer.h"
#include "text/vocab.h"

enum mi_algorithm {
    MI_BPE_BYTES,  /* merges of bytes */
    MI_BPE_TEXT,   /* merges of characters */
    MI_BPE_SCORES, /* of characters: the pair that makes the token of the highest score */
    MI_UNIGRAM,    /* the way of the highest sum of scores */
    MI_WORDPIECE,  /* the longest token, again and again */
    MI_WORDLEVEL,  /* the piece is a token */
};

/* One place of a text in the search for the best way there. */
struct mi_way {
    double score;
    uint32_t from; /* UINT32_MAX: none yet */
    int32_t id;
};

struct mi_tokenizer_state {
    struct mi_arena arena; /* texts that the steps borrow */
    enum mi_algorithm algorithm;
    struct mi_vocab vocab;
    struct mi_bpe bpe;
    uint32_t *rank;           /* [vocab.n] by falling score */
    double *score;            /* [vocab.n] */
    double worst;             /* score of a character without a token */
    struct mi_word_tree trie; /* of what Unigram makes */
    int32_t made_unk;         /* what text without a token becomes, -1: it is left out */
    bool falls_back;          /* to the tokens of its bytes first */
    bool fuses_unk, whole_newlines;
    const char *head, *prefix, *suffix; /* of a word's first part, of its others, of its last */
    size_t head_len, prefix_len, suffix_len;
    size_t most_chars; /* of a word; 0: no limit */
    struct mi_normaliser normaliser;
    struct mi_pretokenizer pre;
    struct mi_added added;
    struct mi_decoder decoder;
    int32_t bos, eos, eot, unk;
    int32_t *before; /* [n_before]: put before a text */
    size_t n_before;
    int32_t *end; /* [n_ends]: ids that end a generation besides eos and eot */
    size_t n_ends, end_cap;
    struct mi_digest digest;
    /* scratch */
    struct mi_cuts cuts;
    struct mi_bpe_work work;
    struct mi_bpe_symbol *symbol;
    size_t symbol_cap;
    const char *text; /* that the symbols are of */
    struct mi_way *way;
    size_t way_cap;
    struct mi_buf word;
};

/* The pre-token s [from, to) as tokens in st->symbol; *n of them. */
int mi_pieces_run(struct mi_tokenizer_state *st, const char *s, size_t from, size_t to, size_t *n,
                  struct mi_error *err) MI_MUST_USE;
/* Ranks by score for MI_BPE_SCORES; the trie for MI_UNIGRAM. `unk` and such count for nothing. */
int mi_pieces_by_score(struct mi_tokenizer_state *st, struct mi_error *err) MI_MUST_USE;
/* One token more that is looked for before all else; the flags are the caller's to set. Its
 * text is borrowed. */
struct mi_added_token *mi_tokenizer_add(struct mi_tokenizer_state *st, size_t *cap, int32_t id,
                                        struct mi_bytes text);
/* When all are added: those of normalised text are brought to it. */
int mi_tokenizer_settle(struct mi_tokenizer_state *st, struct mi_error *err) MI_MUST_USE;

/* The name of a token that ends a turn or a text: </s>, <|im_end|> ... */
bool mi_tokenizer_ends_text(const char *s, size_t len);

/* For digests: a length and bytes; a number. */
void mi_tokenizer_hash(struct mi_hash *h, const void *bytes, size_t n);
void mi_tokenizer_hash_int(struct mi_hash *h, int32_t x);

#endif
