/* text/encode.h: a prompt to tokens with pieces, offsets, spans and roles. */
#ifndef MI_TEXT_ENCODE_H
#define MI_TEXT_ENCODE_H

#include "data/pos.h"
#include "text/prompt.h"
#include "text/tokenizer.h"

struct mi_encode_options {
    const struct mi_chat_template *chat; /* for messages; raw text needs none */
    const char *system;          /* put before messages that have no system message; for a raw
                                    `text` prompt with a chat template other than raw: see is_chat */
    bool is_chat;                /* render `text` prompts as one user message (-p with a template) */
    bool no_bos;
    bool add_generation_prompt;
    bool parse_special;          /* recognise control tokens in `text` prompts */
};

/* One encoded prompt. All memory is its own; reuse the struct for the next prompt. */
struct mi_encoded {
    struct mi_arena arena;
    int32_t *tokens;      int64_t n_tokens;
    const char **piece;   size_t *piece_len; /* [n_tokens] bytes, borrowed from the tokenizer */
    int64_t *offset;      /* [n_tokens] first byte in `text`; -1 for an added BOS */
    const char *text;     size_t text_len;   /* as rendered */
    struct mi_span *spans; size_t n_spans;   /* in tokens: every token that overlaps */
    struct mi_span *roles; size_t n_roles;   /* turns in order: role names, contents and markers of
                                                the turn's content only */
    int32_t *target; int64_t n_target;       /* continuation's tokens; NULL when none was given */
    int32_t *foil;   int64_t n_foil;
};

/* Renders, tokenises (BOS as the tokenizer wants, unless the template wrote it or no_bos),
 * finds spans, and tokenises prompt + target (and + foil) together: a token that would span the
 * border is MI_EXIT_DATA. A span that is not found, or found in several places, is MI_EXIT_DATA. */
int mi_encode(const struct mi_tokenizer *t, const struct mi_encode_options *o,
              const struct mi_prompt *p, struct mi_encoded *out, struct mi_error *err) MI_MUST_USE;
void mi_encoded_free(struct mi_encoded *e);

#endif
