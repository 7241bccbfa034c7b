/* stream/text.h: records as JSON Lines and back.
 *
 * One object a record: {"kind": KIND, and the body's keys in their order}. Sequence
 * numbers are not shown: they are the order of the lines. The header is the first line,
 * the end record the last. Text that is read back gives the same canonical bytes. */
#ifndef MI_STREAM_TEXT_H
#define MI_STREAM_TEXT_H

#include "base/buf.h"
#include "base/error.h"
#include "data/json.h"
#include "stream/intake.h"
#include "stream/writer.h"

/* Appends one line, with its newline. */
void mi_text_print(struct mi_buf *b, const char *kind, const struct mi_value *body,
                   struct mi_json_style style);

/* A line is at most this long: a record of 1 GiB as decimal numbers. */
#define MI_LINE_MAX ((uint64_t)8 << 30)

/* Lines of a text. `{0}` is closed. */
struct mi_text {
    struct mi_intake intake;
    uint64_t line; /* number of the one in hand, from 1 */
};

int mi_text_open(struct mi_text *t, const char *path, struct mi_error *err) MI_MUST_USE;
/* The next line that is not blank as kind and body, in the arena: 1, 0 at the end of the
 * text, or < 0 with the file and line. */
int mi_text_next(struct mi_text *t, struct mi_arena *a, const char **kind, struct mi_value *body,
                 struct mi_error *err) MI_MUST_USE;
/* All lines as a stream: out is open, has no header yet, and is ended. The last line must
 * be of kind "end"; where it states a digest, that must be the lines'. */
int mi_text_encode(struct mi_text *t, struct mi_writer *out, struct mi_error *err) MI_MUST_USE;
const char *mi_text_name(const struct mi_text *t);
void mi_text_close(struct mi_text *t);

#endif
