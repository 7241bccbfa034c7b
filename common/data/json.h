/* data/json.h: values from JSON text and back (the only file that knows jansson).
 *
 * Integers become MI_INT (beyond 64 bits they are refused: no silent rounding), other
 * numbers MI_REAL; printing chooses the shortest decimal that reads back to the same
 * number, always with a point or exponent, so that a number keeps its kind through text. Bytes that
 * are not UTF-8 stand as {"b64": "..."}; tensors as {"dtype", "shape", "data": flat list}, their
 * non-finite elements as the strings "NaN", "Infinity", "-Infinity". Both read back, so that an
 * object {"b64": string}, or {dtype, shape, data} with a dtype's name and a list for a
 * shape, always means bytes or a tensor, in whatever text it stands. */
#ifndef MI_DATA_JSON_H
#define MI_DATA_JSON_H

#include "base/buf.h"
#include "data/value.h"

/* Parses one JSON value from text [len]; anything after it but white space is refused,
 * as are duplicate keys, NULs in keys, invalid UTF-8 and more than 64 levels. Strings are copied
 * into the arena. The message says what and at which byte. */
int mi_json_parse(struct mi_arena *a, const char *text, size_t len, struct mi_value *out,
                  struct mi_error *err) MI_MUST_USE;

/* How to print. `shorten`: tensors and arrays of numbers longer than this many elements
 * show their first few and "..." (for terminals; does not read back); 0 prints all.
 * Strings escape control, C1 and bidirectional characters as \uNNNN. */
struct mi_json_style {
    int shorten;
};
void mi_json_print(struct mi_buf *b, const struct mi_value *v, struct mi_json_style style);
/* One number, as above. */
void mi_json_real(struct mi_buf *b, double r);

#endif
