/* stream/reader.h: reads one stream, and believes nothing.
 *
 * mi_reader_next returns 1 for a record, 0 when the end record was seen and agrees with
 * all that was read (count, bytes, digest) and nothing follows, < 0 otherwise: a cut,
 * damaged, reordered or doubled stream is MI_EXIT_DATA with the record and the byte. */
#ifndef MI_STREAM_READER_H
#define MI_STREAM_READER_H

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "data/value.h"

#include <stdint.h>

struct mi_reader {
    struct mi_reader_state *state; /* private; NULL when closed */
};

struct mi_record {
    uint64_t sequence; /* 0 is the header */
    const char *kind;
    const struct mi_value *body;
};

enum { MI_MAX_RECORD = 1 << 30 }; /* default limit of one record, in bytes */

/* Opens ("-" or NULL: standard input) and reads the header. */
int mi_reader_open(struct mi_reader *r, const char *path, struct mi_error *err) MI_MUST_USE;
/* The same from memory [len], for tests and fuzzing; `name` for messages. */
int mi_reader_open_bytes(struct mi_reader *r, const void *bytes, size_t len, const char *name,
                         struct mi_error *err) MI_MUST_USE;
/* The same from an input that is open already (job/source.h looked at its first bytes); *in is
 * taken over, also on failure. */
int mi_reader_open_in(struct mi_reader *r, struct mi_in *in, struct mi_error *err) MI_MUST_USE;
void mi_reader_limit(struct mi_reader *r, uint64_t max_record_bytes);
/* For who reads all of a large stream: blocks are decompressed and decoded by as many threads as
 * mi_par_threads says, those of the input that are there without waiting, at most 32 MiB of them.
 * Every record, and what is said of a wrong one, is the same. Without it a block is decoded record
 * by record, in the memory of one. */
void mi_reader_ahead(struct mi_reader *r);
const struct mi_value *mi_reader_header(const struct mi_reader *r); /* borrowed until close */
/* Borrowed until the next call. */
int mi_reader_next(struct mi_reader *r, struct mi_record *rec, struct mi_error *err) MI_MUST_USE;
/* After mi_reader_next returned 0. */
const struct mi_value *mi_reader_end(const struct mi_reader *r);
struct mi_digest mi_reader_digest(const struct mi_reader *r);
const char *mi_reader_name(const struct mi_reader *r); /* for messages */
/* Prefixes err with the stream's name and the record in hand. Returns -err->code. */
int mi_reader_blame(const struct mi_reader *r, struct mi_error *err);
void mi_reader_close(struct mi_reader *r);

#endif
