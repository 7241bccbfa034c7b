/* text/decoder.h: what a token stands for in a text. */
#ifndef MI_TEXT_DECODER_H
#define MI_TEXT_DECODER_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

enum mi_decode_kind {
    MI_DECODE_REPLACE,   /* `text` becomes `to` */
    MI_DECODE_BYTES,     /* <0x0A> is a byte */
    MI_DECODE_STRIP,     /* up to `start` times `text` goes from the start, `stop` from the end */
    MI_DECODE_WORDPIECE, /* what begins with `text` goes on a word; the others start one */
    MI_DECODE_SUFFIX,    /* `text` at the end of a token is the space behind a word */
};

struct mi_decode_step {
    enum mi_decode_kind kind;
    const char *text, *to; /* borrowed */
    size_t text_len, to_len, start, stop;
};

enum { MI_DECODE_STEPS = 16 };

/* `{0}` is valid: tokens stand for themselves. */
struct mi_decoder {
    struct mi_decode_step step[MI_DECODE_STEPS];
    int n;
    char strip;         /* of a whole text: this byte goes, */
    size_t strip_start; /* so many times from its start, */
    size_t strip_stop;  /* and from its end */
};

/* Appends what one token stands for, as it is inside a text. */
void mi_decoder_token(const struct mi_decoder *d, const char *s, size_t len, struct mi_buf *out);

#endif
