/* job/session.h: a model ready for prompts: weights, tokenizer, template, header.
 *
 * What run, capture and patch share before the first token: opened once, described once. */
#ifndef MI_JOB_SESSION_H
#define MI_JOB_SESSION_H

#include "base/error.h"
#include "data/value.h"
#include "model/forward.h"
#include "text/encode.h"

struct mi_session_options {
    const char *model;  /* path */
    const char *chat;   /* --template as mi_chat_open takes it; NULL: auto */
    const char *date;   /* --date: what templates take for the time; NULL: MI_CHAT_NOW */
    const char *system; /* --system */
    bool no_bos, add_generation_prompt, parse_special;
    bool is_chat; /* render `text` prompts as user messages (given --template or --system) */
    int context;  /* tokens that a prompt may have; 0: the model's own (mi_model_set_context) */
    int64_t max_memory; /* bytes; 0: three quarters of what is free */
};

struct mi_session {
    struct mi_model model;
    struct mi_tokenizer tokenizer;
    struct mi_chat_template chat;
    bool has_chat; /* false: the template is unknown; messages are refused with why_no_chat */
    struct mi_error why_no_chat;
    struct mi_encode_options encode;
    struct mi_forward forward;
};

/* Everything that can be wrong with the options is found before the weights are touched. */
int mi_session_open(struct mi_session *s, const struct mi_session_options *o,
                    struct mi_error *err) MI_MUST_USE;
/* The header's model, tokenizer and template keys, for stream/header.h's new header. */
int mi_session_header(struct mi_session *s, struct mi_arena *a, struct mi_value *header,
                      struct mi_error *err) MI_MUST_USE;
void mi_session_close(struct mi_session *s);

#endif
