/* text/chat.h: conversations to text, as the model was trained to see them.
 *
 * A template is recognised by its own text: ChatML ("<|im_start|>", with the default system
 * text that it holds) and Mistral's [INST] in its forms (v0.1 to v7). Every statement of it
 * must be one that is known, but for what concerns tools, so that a template is rendered
 * exactly or refused, with a message that says how to go on (--template raw, chatml,
 * mistral). The result is a list of segments, so that markers become control tokens and
 * contents never do. */
#ifndef MI_TEXT_CHAT_H
#define MI_TEXT_CHAT_H

#include "base/buf.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

enum mi_chat_kind { MI_CHAT_RAW, MI_CHAT_CHATML, MI_CHAT_MISTRAL };

/* Where [INST] templates put a system message. */
enum mi_chat_system {
    MI_SYSTEM_NONE,  /* nowhere: it is refused */
    MI_SYSTEM_FIRST, /* before the first user text, with a blank line */
    MI_SYSTEM_LAST,  /* before the last user text */
    MI_SYSTEM_OWN,   /* in a turn of its own */
};

struct mi_chat_template {
    enum mi_chat_kind kind;
    char *bos;            /* spelling of BOS where the template writes it, else NULL */
    char *default_system; /* ChatML: inserted when there is no system message; NULL: none */
    bool any_role;        /* ChatML: roles besides system, user and assistant */
    /* Mistral: what stands around the contents. */
    enum mi_chat_system system;
    bool alternates; /* user and assistant in turn, the user first */
    bool trims;      /* contents of the assistant */
    char *user_open, *user_close;
    char *assistant_open, *assistant_close;
    char *system_open, *system_close; /* of MI_SYSTEM_OWN */
};

struct mi_message {
    const char *role;
    const char *content;
    size_t len;
};

/* A piece of the rendered conversation. */
struct mi_segment {
    size_t begin, end; /* bytes of the rendered text */
    bool is_marker;    /* the template's own text: control tokens are recognised in it */
    const char *role;  /* whose content it is (borrowed from the messages); NULL for markers */
    size_t message;    /* number of the message, SIZE_MAX for the template's own text */
};

struct mi_rendering {
    struct mi_buf text;
    struct mi_segment *segment; /* [n] in order, covering the text */
    size_t n, cap;
};

/* `name`: NULL or "auto" recognises `source` (the model's template text, NULL: the model has
 * none); "raw", "chatml", "mistral" choose. A chosen kind takes its particulars from `source`
 * when that is of the same kind; else they are plain ChatML's, or those of
 * Mistral-7B-Instruct-v0.1. `bos`: the model's BOS, or NULL. EOS of Mistral is "</s>". */
int mi_chat_open(struct mi_chat_template *t, const char *name, const char *source, const char *bos,
                 struct mi_error *err) MI_MUST_USE;
/* Renders n > 0 messages. The last message stays open when it is the assistant's and
 * `open_last` (no end marker: a statement that is being made). Else add_generation_prompt
 * opens an assistant turn at the end. Errors of the template (roles that do not alternate; a
 * system message where it has none) are MI_EXIT_DATA. Raw puts the contents one after the
 * other and nothing between. */
int mi_chat_render(const struct mi_chat_template *t, const struct mi_message *m, size_t n,
                   bool open_last, bool add_generation_prompt, struct mi_rendering *out,
                   struct mi_error *err) MI_MUST_USE;
const char *mi_chat_name(const struct mi_chat_template *t);
void mi_rendering_clear(struct mi_rendering *r); /* empties, keeps the memory */
void mi_rendering_free(struct mi_rendering *r);
void mi_chat_free(struct mi_chat_template *t);

#endif
