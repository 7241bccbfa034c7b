/* stream/format.h: the numbers of the stream format, version 1.
 *
 * DUMP_PLACE
 */
#ifndef MI_STREAM_FORMAT_H
#define MI_STREAM_FORMAT_H

#include <stdint.h>

#define MI_FORMAT_NAME "mi-stream"

enum {
    MI_FORMAT_MAJOR = 1,
    MI_FORMAT_MINOR = 0,
    MI_MAGIC_SIZE = 20,          /* the magic frame, all of it */
    MI_MAGIC_HAS_TABLE = 1,      /* flag: a seek table ends the stream */
    MI_BLOCK_MAX = 8 << 20,      /* uncompressed bytes of a block of several records */
    MI_HEADER_MAX = 16 << 20,    /* bytes of the header record */
    MI_WINDOW_MAX = 128 << 20,   /* of a zstd frame */
    MI_DEPTH_MAX = 32,           /* containers within containers, the record's own array counted */
    MI_VALUES_MAX = 1 << 22,     /* values of one record, keys counted */
    MI_STRING_MAX = 16 << 20,    /* bytes of a string */
    MI_KIND_MAX = 32,            /* bytes of a record's kind */
};

#define MI_MAGIC_FRAME 0x184D2A53u /* number of the skippable frame that begins a stream */
#define MI_TABLE_FRAME 0x184D2A5Eu /* and of the seek table's, as the seekable format has it */
#define MI_TABLE_MAGIC 0x8F92EAB1u /* last four bytes of a seek table */
#define MI_ZSTD_FRAME  0xFD2FB528u

static inline uint32_t mi_load_u32(const unsigned char *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline void mi_store_u32(unsigned char *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (unsigned char)(v >> (8 * i));
}

#endif
