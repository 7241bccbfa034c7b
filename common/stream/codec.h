/* stream/codec.h: values as msgpack and back (the only file that knows msgpack-c).
 *
 * There is one way to write a record: shortest integers and lengths, reals as float64,
 * map keys in the order in which they were set, tensors as {dtype, shape, data}. Those
 * are its canonical bytes; only the `shuffle` of a tensor may differ on the wire. What is
 * written otherwise is refused, so decoding and encoding give the same bytes again. */
#ifndef MI_STREAM_CODEC_H
#define MI_STREAM_CODEC_H

#include "base/buf.h"
#include "base/error.h"
#include "base/hash.h"
#include "data/value.h"

#include <stdbool.h>
#include <stdint.h>

/* Can this be written? Depth, number of values, UTF-8, finite reals, and no map that
 * text would take for bytes or a tensor. MI_EXIT_DATA. */
int mi_codec_check(const struct mi_value *v, struct mi_error *err) MI_MUST_USE;

/* Appends record [sequence, kind, body], which mi_codec_check accepted. `shuffle`: the
 * bytes of large tensors are reordered by significance, for compression. */
void mi_codec_put(struct mi_buf *b, uint64_t sequence, const char *kind,
                  const struct mi_value *body, bool shuffle);
/* Appends one value alone, canonical. */
void mi_codec_put_value(struct mi_buf *b, const struct mi_value *v);

/* Length of the one value that begins at bytes [n], after every length and count in it was
 * compared with the bytes that are there. MI_EXIT_DATA when it is cut or not canonical. */
int64_t mi_codec_measure(const void *bytes, size_t n, struct mi_error *err) MI_MUST_USE;

/* A record as read. Strings and shuffled tensors lie in the arena, other bytes in the
 * input. */
struct mi_wire_record {
    uint64_t sequence;
    const char *kind;
    struct mi_value body;
    bool is_shuffled;                /* the canonical bytes differ from those on the wire */
    struct mi_wire_tensor *shuffled; /* private: where */
};

/* Decodes a record that mi_codec_measure found to be n bytes long. */
int mi_codec_get(struct mi_arena *a, const void *bytes, size_t n, struct mi_wire_record *out,
                 struct mi_error *err) MI_MUST_USE;

/* Adds the canonical bytes of a record that was read from bytes [n]; returns how many. */
uint64_t mi_codec_hash(struct mi_hash *h, const void *bytes, size_t n,
                       const struct mi_wire_record *r);

/* Index of the first NaN or infinity in any tensor of the body, but for the -Infinity of
 * masked attention scores (site "attn_scores"): fails with MI_EXIT_DATA and names what
 * and where. */
int mi_codec_finite(const char *kind, const struct mi_value *body,
                    struct mi_error *err) MI_MUST_USE;

#endif
