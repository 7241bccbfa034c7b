/* text/vocab.h: the tokens of a byte-level vocabulary, by id, by bytes and by place in a text.
 *
 * Files spell the bytes of normal tokens as printable characters (GPT-2's map); control and
 * user-defined tokens stand as they are. Here all are bytes. */
#ifndef MI_TEXT_VOCAB_H
#define MI_TEXT_VOCAB_H

#include "text/bpe.h"
#include "text/tokenizer.h"

/* Ids by the bytes of their tokens. */
struct mi_id_table {
    int32_t *slot; /* [mask + 1], -1 where empty */
    size_t mask;
};

/* A tree of the texts of special tokens; the children of a node are a list. */
struct mi_trie_node {
    uint32_t child, sibling; /* 0: none */
    int32_t id;              /* of the text that ends here, -1: none */
    unsigned char byte;
};

struct mi_vocab {
    size_t n;
    char *bytes;                /* of all tokens, one behind the other */
    size_t *start;              /* [n + 1] in bytes */
    unsigned char *type;        /* [n] enum mi_token_type */
    struct mi_id_table normal;  /* what merging makes */
    struct mi_id_table special; /* the others */
    struct mi_trie_node *trie;  /* [n_trie]; the first is the root */
    size_t n_trie, trie_cap;
    bool starts_special[256]; /* first bytes of special tokens */
    int32_t byte_id[256];     /* the token of a single byte, -1: none */
};

int mi_vocab_init(struct mi_vocab *v, const struct mi_vocab_source *src,
                  struct mi_error *err) MI_MUST_USE;
/* The merges of src over the ids of v. */
int mi_vocab_merges(const struct mi_vocab *v, const struct mi_vocab_source *src, struct mi_bpe *b,
                    struct mi_error *err) MI_MUST_USE;
struct mi_bytes mi_vocab_piece(const struct mi_vocab *v, int32_t id);
int32_t mi_vocab_find(const struct mi_vocab *v, const struct mi_id_table *t, const char *piece,
                      size_t len);
/* The longest special token that starts at s [len]: its id and length, or -1. User-defined
 * ones count within len, control tokens within control_len. */
int32_t mi_vocab_special_at(const struct mi_vocab *v, const char *s, size_t len, size_t control_len,
                            size_t *token_len);
void mi_vocab_free(struct mi_vocab *v);

#endif
