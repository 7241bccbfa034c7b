/* text/encode.h: a prompt to tokens with pieces, offsets, spans and roles. */
#ifndef MI_TEXT_ENCODE_H
#define MI_TEXT_ENCODE_H

#include "data/pos.h"
#include "text/prompt.h"
#include "text/tokenizer.h"

struct mi_encode_options {
    const struct mi_chat_template *chat; /* for messages and is_chat; raw text needs none */
    const char *system; /* put before messages (and is_chat texts) without a system message */
    bool is_chat;       /* render `text` prompts as one user message (-p with a template) */
    bool no_bos;        /* neither added nor written by the template */
    bool add_generation_prompt;
    bool parse_special; /* recognise control tokens in `text` prompts */
};

/* One encoded prompt. All memory is its own; reuse the struct for the next prompt. */
struct mi_encoded {
    struct mi_arena arena;
    int32_t *tokens;
    int64_t n_tokens;
    const char **piece; /* [n_tokens] bytes, borrowed from the tokenizer */
    size_t *piece_len;
    int64_t *offset;  /* [n_tokens] first byte in `text`; -1 for an added BOS */
    const char *text; /* as rendered; of a `tokens` prompt its pieces */
    size_t text_len;
    struct mi_span *spans; /* in tokens: every token that overlaps */
    size_t n_spans;
    struct mi_span *roles; /* contents of the turns, in order, under the names of their roles */
    size_t n_roles;
    int32_t *target; /* the continuation's tokens; NULL when none was given */
    int64_t n_target;
    int32_t *foil;
    int64_t n_foil;
};

/* Renders, tokenises (BOS as the tokenizer wants, unless the template wrote it or no_bos),
 * finds spans, and tokenises prompt + target (and + foil) together: a token that would span the
 * border is MI_EXIT_DATA. The prompt's tokens are those that it has before the target; target
 * and foil must agree on them. After a `tokens` prompt a continuation is tokenised alone. The
 * last message stays open when it is the assistant's. A span's text is looked for in `text` or
 * in the contents of the messages; a range counts in `text` or in the last content. A span that
 * is not found, or found in several places, is MI_EXIT_DATA. */
int mi_encode(const struct mi_tokenizer *t, const struct mi_encode_options *o,
              const struct mi_prompt *p, struct mi_encoded *out, struct mi_error *err) MI_MUST_USE;
void mi_encoded_free(struct mi_encoded *e);

#endif
