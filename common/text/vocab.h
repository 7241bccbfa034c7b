/* text/vocab.h: the tokens of a vocabulary, by id and by text.
 *
 * Each token has the text that the model's algorithm deals with (bytes where it is byte-level,
 * whose files spell them in GPT-2's printable characters; else the file's own spelling, "▁the")
 * and the bytes that it stands for in a text (" the"). */
#ifndef MI_TEXT_VOCAB_H
#define MI_TEXT_VOCAB_H

#include "text/bpe.h"
#include "text/decoder.h"
#include "text/tokenizer.h"

/* Ids by the bytes of their tokens. */
struct mi_id_table {
    int32_t *slot; /* [mask + 1], -1 where empty */
    size_t mask;
};

/* What a file says of its tokens. */
struct mi_vocab_tokens {
    const struct mi_bytes *token; /* [n]; empty where an id has none */
    const unsigned char *type;    /* [n] enum mi_token_type, or 0: undefined */
    const bool *is_made;          /* [n]: the algorithm may make it of text; NULL: by type */
    size_t n;
    bool is_bytes; /* spelled in GPT-2's characters */
};

struct mi_vocab {
    size_t n;
    char *bytes;     /* of all tokens, one behind the other */
    uint32_t *start; /* [n + 1] in bytes */
    char *shown;     /* the same of what they stand for; NULL: the same bytes */
    uint32_t *shown_start;
    unsigned char *type;        /* [n] enum mi_token_type */
    struct mi_id_table normal;  /* what the algorithm makes */
    struct mi_id_table special; /* the others */
    int32_t byte_id[256];       /* the token of a single byte, -1: none */
    size_t longest;             /* bytes of the longest that is made */
};

int mi_vocab_init(struct mi_vocab *v, const struct mi_vocab_tokens *src,
                  struct mi_error *err) MI_MUST_USE;
/* What the tokens stand for, where that is not their own bytes. Control tokens stand for
 * themselves, and so do user-defined ones with `keeps_user`. */
void mi_vocab_show(struct mi_vocab *v, const struct mi_decoder *d, bool keeps_user);
/* <0x00> to <0xFF> as the tokens of single bytes; false when one is missing. */
bool mi_vocab_fall_back(struct mi_vocab *v);
/* Merges on their way into a table, in order of rank. is_bytes as for the tokens; of the right
 * part `prefix` bytes do not go into the result. */
struct mi_vocab_merger {
    const struct mi_vocab *vocab;
    struct mi_bpe *bpe;
    size_t prefix;
    bool is_bytes;
    size_t n; /* so far */
    struct mi_buf text;
};
/* "left right", cut at the first space behind the first byte. */
int mi_vocab_merge(struct mi_vocab_merger *m, struct mi_bytes pair,
                   struct mi_error *err) MI_MUST_USE;
int mi_vocab_merge_parts(struct mi_vocab_merger *m, struct mi_bytes left, struct mi_bytes right,
                         struct mi_error *err) MI_MUST_USE;
struct mi_bytes mi_vocab_text(const struct mi_vocab *v, int32_t id);  /* as the model has it */
struct mi_bytes mi_vocab_piece(const struct mi_vocab *v, int32_t id); /* what it stands for */
int32_t mi_vocab_find(const struct mi_vocab *v, const struct mi_id_table *t, const char *piece,
                      size_t len);
void mi_vocab_free(struct mi_vocab *v);

#endif
