/* stream/wire.h: what may stand in a record, checked before anyone believes it. */
#ifndef MI_STREAM_WIRE_H
#define MI_STREAM_WIRE_H

#include "data/value.h"

/* A map that JSON would read back as something else: "bytes" for {b64: string}, "a
 * tensor" for {dtype, shape, data}; NULL for every other value. */
const char *mi_value_reserved(const struct mi_value *map);

#endif
