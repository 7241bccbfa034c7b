/* stream/writer.h: writes one stream: header, records, end record.
 *
 * On a pipe frames leave as they fill (and at mi_writer_flush), with a cheap level; in
 * a file tensors are byte-shuffled and a seek table follows. A stream that is closed
 * without mi_writer_end has no end record, and every reader refuses it; a file that is
 * closed so never appears under its name. */
#ifndef MI_STREAM_WRITER_H
#define MI_STREAM_WRITER_H

#include "base/error.h"
#include "base/hash.h"
#include "data/value.h"

#include <stdbool.h>
#include <stdint.h>

struct mi_writer {
    struct mi_writer_state *state; /* private; NULL when closed */
};

/* path NULL or "-": standard output (a terminal is refused with MI_EXIT_USAGE). Nothing is
 * written before the first record is. */
int mi_writer_open(struct mi_writer *w, const char *path, struct mi_error *err) MI_MUST_USE;
/* The header must come first, once: a map as stream/header.h builds it. */
int mi_writer_header(struct mi_writer *w, const struct mi_value *header,
                     struct mi_error *err) MI_MUST_USE;
/* Writes record [sequence, kind, body]. A float tensor with NaN or infinity is refused
 * (MI_EXIT_DATA, naming kind, id and element), but for masked attention scores, whose
 * site allows -Infinity. */
int mi_writer_put(struct mi_writer *w, const char *kind, const struct mi_value *body,
                  struct mi_error *err) MI_MUST_USE;
/* Ends the frame in hand so that a reader downstream sees what is there. Of a file the
 * frames depend on the records alone: nothing happens. */
int mi_writer_flush(struct mi_writer *w, struct mi_error *err) MI_MUST_USE;
/* Writes the end record {records, bytes, digest, inputs, status} and commits the file.
 * `inputs`: array of maps {name?, digest} of everything that was read, or NULL. */
int mi_writer_end(struct mi_writer *w, const struct mi_value *inputs,
                  struct mi_error *err) MI_MUST_USE;
void mi_writer_close(struct mi_writer *w); /* accepts {0}; without _end the output stays cut */
uint64_t mi_writer_records(const struct mi_writer *w);
struct mi_digest mi_writer_digest(const struct mi_writer *w); /* of the records so far */
uint64_t mi_writer_bytes(const struct mi_writer *w);          /* compressed, so far */

#endif
