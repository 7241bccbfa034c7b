/* text/chat.h: conversations to text, as the model was trained to see them.
 *
 * The model's own template is run (text/jinja.h), or one that is given: by the name of one of
 * ours, as a file, or as its text. The result is a list of segments that cover the text: what
 * comes from the contents of messages, through whatever the template does with them, is told
 * apart from the template's own text, so that markers become control tokens and contents never
 * do, and positions such as role:assistant are known for any template. */
#ifndef MI_TEXT_CHAT_H
#define MI_TEXT_CHAT_H

#include "base/buf.h"
#include "base/error.h"
#include "base/hash.h"
#include "text/jinja.h"

#include <stdbool.h>
#include <stddef.h>

/* What a model says about its conversations; borrowed while a template is being opened. */
struct mi_chat_model {
    const char *source; /* its template, NULL: none */
    const struct mi_chat_named {
        const char *name, *source;
    } * named; /* [n_named] further ones */
    size_t n_named;
    const char *bos, *eos, *unk, *pad; /* spellings of these tokens, NULL: none */
    int64_t now;                       /* what templates take for the time: seconds since 1970 */
};

/* 26 July 2024, the date that Llama 3.1's template has: no clock stands in a result. */
enum { MI_CHAT_NOW = 1721952000 };
/* "2025-07-10" or "2025-07-10T12:00:00" (UTC) as seconds; MI_EXIT_USAGE for anything else. */
int mi_chat_date(const char *text, int64_t *now, struct mi_error *err) MI_MUST_USE;

struct mi_chat_template {
    char *name;            /* "raw", "chatml", ..., "the model's own", or where it came from */
    struct mi_jinja jinja; /* empty: raw */
    char *token[4];        /* bos, eos, unk, pad; NULL: none */
    int64_t now;
    bool no_bos;             /* a copy may set it: no BOS at the start of the text */
    struct mi_digest source; /* of the template's text */
};

struct mi_message {
    const char *role;
    const char *content;
    size_t len;
};

/* A piece of the rendered conversation. */
struct mi_segment {
    size_t begin, end; /* bytes of the rendered text */
    bool is_marker;    /* the template's own text, but for a system text that it puts in itself */
    const char *role;  /* whose content it is (borrowed from the messages); NULL for markers */
    size_t message;    /* number of the message, SIZE_MAX for the template's own text */
    size_t offset;     /* byte of that content where the segment begins */
};

struct mi_rendering {
    struct mi_buf text;
    struct mi_segment *segment; /* [n] in order, covering the text */
    size_t n, cap;
    struct mi_jinja_output made; /* private */
};

/* `name`: NULL or "auto" takes the model's own template; "raw" puts the contents one after the
 * other and nothing between; names of ours (mi_chat_names); a name of the model's further
 * templates; a text that holds "{{" or "{%"; a path that holds "/" or ".". MI_EXIT_USAGE: no
 * such name. `model` NULL: nothing is known of one. */
int mi_chat_open(struct mi_chat_template *t, const char *name, const struct mi_chat_model *model,
                 struct mi_error *err) MI_MUST_USE;
/* Renders n > 0 messages. The last message stays open when it is the assistant's and
 * `open_last` (no end marker: a statement that is being made). Else add_generation_prompt
 * opens an assistant turn at the end. What the template raises is MI_EXIT_DATA, and so is a
 * message that it would drop. */
int mi_chat_render(const struct mi_chat_template *t, const struct mi_message *m, size_t n,
                   bool open_last, bool add_generation_prompt, struct mi_rendering *out,
                   struct mi_error *err) MI_MUST_USE;
const char *mi_chat_name(const struct mi_chat_template *t);
/* Of all that decides how a conversation becomes text. */
struct mi_digest mi_chat_digest(const struct mi_chat_template *t);
void mi_rendering_clear(struct mi_rendering *r); /* empties, keeps the memory */
void mi_rendering_free(struct mi_rendering *r);
void mi_chat_free(struct mi_chat_template *t);

/* Ours, by name: the text, or NULL. `names` for messages: "chatml, mistral ...". */
const char *mi_chat_builtin(const char *name);
extern const char mi_chat_names[];

#endif
