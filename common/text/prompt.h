/* text/prompt.h: prompt files, a prompt at a time.
 *
 * JSON Lines or plain lines of text (told apart by the first byte that is not blank: "{").
 * One of text, tokens, messages; the other fields of the design are optional; unknown
 * fields travel along. A BOM at the start and CR before LF are skipped. */
#ifndef MI_TEXT_PROMPT_H
#define MI_TEXT_PROMPT_H

#include "base/file.h"
#include "base/hash.h"
#include "data/value.h"
#include "text/chat.h"

#include <stdbool.h>
#include <stdint.h>

struct mi_named_range { /* "spans": a name and bytes of the content that holds it */
    const char *name;
    const char *needle; /* text to find, or NULL when a range was given */
    int64_t begin, end; /* characters (code points) of the text, when needle is NULL */
};

/* One prompt as written. Borrowed until the next call of mi_prompts_next. */
struct mi_prompt {
    const char *id;   /* default: the number of its line in the whole input, from 1 */
    const char *text; /* NULL unless given */
    size_t text_len;
    const int32_t *tokens;
    size_t n_tokens; /* NULL unless given */
    const struct mi_message *messages;
    size_t n_messages;
    const struct mi_named_range *spans;
    size_t n_spans;
    const char *target, *foil; /* NULL unless given */
    const char *pair, *side,
        *group;             /* NULL unless given; group defaults to pair when there is one */
    struct mi_value label;  /* MI_NIL unless given */
    struct mi_value fields; /* map: every field but text, tokens, messages, id, spans */
    int64_t line;           /* of the input, from 1 */
};

struct mi_prompts {
    struct mi_prompts_state *state; /* private */
};

/* path "-" or NULL: standard input. Reads line by line (at most 16 MiB each). */
int mi_prompts_open(struct mi_prompts *p, const char *path, struct mi_error *err) MI_MUST_USE;
/* The same from an input that is open already (job/source.h looked at its first bytes); *in is
 * taken over, also on failure. */
int mi_prompts_open_in(struct mi_prompts *p, struct mi_in *in, struct mi_error *err) MI_MUST_USE;
/* A single prompt from the command line (-p). */
int mi_prompts_open_text(struct mi_prompts *p, const char *text, struct mi_error *err) MI_MUST_USE;
/* 1 and a prompt, 0 at the end, < 0: MI_EXIT_DATA naming file and line (invalid UTF-8 with the
 * byte, NUL, not JSON, wrong type, none or two of text/tokens/messages, an id used before). A
 * file without a prompt is MI_EXIT_DATA "no prompts in ...". */
int mi_prompts_next(struct mi_prompts *p, struct mi_prompt *out, struct mi_error *err) MI_MUST_USE;
struct mi_digest mi_prompts_digest(struct mi_prompts *p); /* of the bytes read, after the end */
void mi_prompts_close(struct mi_prompts *p);

#endif
