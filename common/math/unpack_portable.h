/* math/unpack_portable.h: see math/unpack.h. Whole blocks by the reference routines. */
#ifndef MI_MATH_UNPACK_PORTABLE_H
#define MI_MATH_UNPACK_PORTABLE_H

#include "math/unpack.h"

struct unpack_state {
    float y[256];
};

ALWAYS_INLINE void unpack(const int type, const unsigned char *block, int group,
                          struct unpack_state *s, lanes out[2])
{
    const struct mi_qtype_info *t = mi_qtype_info(type);

    if (group == 0)
        t->dequantise(s->y, block, t->block_elements == 1 ? 32 : 1);
    out[0] = lanes_load(s->y + 32 * group);
    out[1] = lanes_load(s->y + 32 * group + 16);
}

#endif
