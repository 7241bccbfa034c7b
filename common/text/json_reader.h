/* text/json_reader.h: private to text/tokenizer_json.c: its parts. */
#ifndef MI_TEXT_JSON_READER_H
#define MI_TEXT_JSON_READER_H

#include "data/pull.h"
#include "data/value.h"
#include "text/tokenizer_state.h"

/* A value inside a JSON text; at NULL: absent or null. */
struct mi_json_slice {
    const char *at;
    size_t len, n; /* n: members, of an array or object that mi_json_keys found */
};

/* An entry of "added_tokens". */
struct mi_json_added {
    struct mi_bytes text; /* in the state's arena */
    int32_t id;
    bool is_special, is_word, takes_left, takes_right, is_normal;
};

struct mi_json_reader {
    struct mi_tokenizer_state *st;
    struct mi_error *err;
    struct mi_json_slice all; /* the file */
    struct mi_arena arena;    /* until the reading is over: small parts, strings with escapes */
    char *spare;              /* [n_spare] of the arena: strings behind each other */
    size_t n_spare;
    /* vocabulary: [n], with room for cap */
    struct mi_bytes *token; /* in the file, or in the arena */
    unsigned char *type;
    bool *is_made;
    double *score; /* of Unigram alone, else NULL */
    size_t n, cap, n_entries;
    struct mi_json_added *added;
    size_t n_added, added_cap;
    bool is_bytes, is_scored;
    bool has_template; /* the post_processor says what stands before a text */
};

/* Keys of an object that are looked for: names (NULL-ended) to out; twice the same is refused,
 * others are passed over. `where` names the object in messages. */
struct mi_json_wanted {
    const char *where;
    const char *const *names;
    struct mi_json_slice *out;
    const struct mi_json_wanted *inner; /* of the member inner->where; or NULL */
};
int mi_json_keys(struct mi_json_reader *r, struct mi_json_slice slice,
                 const struct mi_json_wanted *wanted) MI_MUST_USE;
/* Small parts as a tree. */
int mi_json_tree(struct mi_json_reader *r, struct mi_json_slice slice, const char *where,
                 struct mi_value *out) MI_MUST_USE;

int mi_json_vocab(struct mi_json_reader *r, struct mi_json_slice vocab) MI_MUST_USE;
int mi_json_scored(struct mi_json_reader *r, struct mi_json_slice vocab) MI_MUST_USE;
int mi_json_merges(struct mi_json_reader *r, struct mi_json_slice merges,
                   struct mi_vocab_merger *m) MI_MUST_USE;
int mi_json_added_tokens(struct mi_json_reader *r, struct mi_json_slice list) MI_MUST_USE;
/* The id of a text in what was read, -1 for none. Linear. */
int32_t mi_json_find(const struct mi_json_reader *r, const char *text, size_t len);

int mi_json_normaliser(struct mi_json_reader *r, const struct mi_value *v) MI_MUST_USE;
int mi_json_pretokenizer(struct mi_json_reader *r, const struct mi_value *v) MI_MUST_USE;
int mi_json_decoder(struct mi_json_reader *r, const struct mi_value *v) MI_MUST_USE;
int mi_json_post(struct mi_json_reader *r, const struct mi_value *v) MI_MUST_USE;

#endif
