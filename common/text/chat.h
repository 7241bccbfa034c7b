/* text/chat.h: conversations to text, as the model was trained to see them.
 *
 * A template is recognised by its own text: ChatML ("<|im_start|>", with the default system
 * text that it holds) and Mistral's [INST]. An unknown one is refused with a message that
 * says how to go on (--template raw, chatml, mistral). The result is a list of segments, so
 * that markers become control tokens and contents never do. */
#ifndef MI_TEXT_CHAT_H
#define MI_TEXT_CHAT_H

#include "base/buf.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

enum mi_chat_kind { MI_CHAT_RAW, MI_CHAT_CHATML, MI_CHAT_MISTRAL };

struct mi_chat_template {
    enum mi_chat_kind kind;
    char *default_system; /* ChatML: inserted when there is no system message; NULL: none */
    char *bos;            /* spelling of BOS where the template writes it, else NULL */
    bool space_after_eos; /* Mistral v0.1 writes "</s> " */
};

struct mi_message {
    const char *role;
    const char *content;
    size_t len;
};

/* A piece of the rendered conversation. */
struct mi_segment {
    size_t begin, end;  /* bytes of the rendered text */
    bool is_marker;     /* the template's own text: control tokens are recognised in it */
    const char *role;   /* whose turn it belongs to (borrowed from the messages), NULL between turns */
};

struct mi_rendering {
    struct mi_buf text;
    struct mi_segment *segment; /* [n] in order, covering the text */
    size_t n, cap;
};

/* `name`: NULL or "auto" recognises `source` (the model's template text, NULL: the model has
 * none); "raw", "chatml", "mistral" choose. */
int mi_chat_open(struct mi_chat_template *t, const char *name, const char *source, const char *bos,
                 struct mi_error *err) MI_MUST_USE;
/* Renders. The last message stays open when it is the assistant's and `open_last` (no end
 * marker: a statement that is being made). add_generation_prompt opens an assistant turn after
 * a last message that is not the assistant's. Errors of the template (roles that do not
 * alternate; a system message where it has none) are MI_EXIT_DATA. */
int mi_chat_render(const struct mi_chat_template *t, const struct mi_message *m, size_t n,
                   bool open_last, bool add_generation_prompt, struct mi_rendering *out,
                   struct mi_error *err) MI_MUST_USE;
const char *mi_chat_name(const struct mi_chat_template *t);
void mi_rendering_free(struct mi_rendering *r);
void mi_chat_free(struct mi_chat_template *t);

#endif
