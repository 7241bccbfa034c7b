/* text/jinja_lex.h: private to the template engine: a template's text cut into tokens.
 *
 * As jinja2's lexer with trim_blocks and lstrip_blocks: the newline behind a block tag goes,
 * so do blanks before a block tag that stands first on its line; "-" takes all white space on
 * its side and "+" none; raw blocks are text, comments nothing; the last newline of the template
 * goes. */
#ifndef MI_TEXT_JINJA_LEX_H
#define MI_TEXT_JINJA_LEX_H

#include "base/error.h"
#include "base/mem.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum mi_jtoken_kind {
    MI_JTOKEN_END, /* of the template */
    MI_JTOKEN_TEXT,
    MI_JTOKEN_OUTPUT,     /* {{ */
    MI_JTOKEN_OUTPUT_END, /* }} */
    MI_JTOKEN_BLOCK,      /* {% */
    MI_JTOKEN_BLOCK_END,  /* %} */
    MI_JTOKEN_NAME,
    MI_JTOKEN_STRING, /* without quotes and escapes */
    MI_JTOKEN_INT,
    MI_JTOKEN_REAL,
    MI_JTOKEN_OP,
};

struct mi_jtoken {
    enum mi_jtoken_kind kind;
    int line;
    int op; /* the characters of an operator, MI_JOP2 */
    const char *at;
    size_t len;
    int64_t integer;
    double real;
};

#define MI_JOP2(a, b) ((a) | (b) << 8) /* "**" is MI_JOP2('*', '*'), "*" is '*' */

struct mi_jtokens {
    struct mi_jtoken *token; /* [n], the last one MI_JTOKEN_END */
    size_t n, cap;
};

/* Texts stand in the arena; *out is freed with mi_free(out->token), also after a failure. */
int mi_jlex(struct mi_arena *a, const char *source, size_t len, struct mi_jtokens *out,
            struct mi_error *err) MI_MUST_USE;

/* Appends the literal s [len] without its escapes to b; false for one that is not valid. */
struct mi_buf; /* base/buf.h */
bool mi_junescape(struct mi_buf *b, const char *s, size_t len);

#endif
