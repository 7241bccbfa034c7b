/* stream/format.h: the numbers of the stream format, version 1.
 *
 * A stream is a sequence of zstd frames, so that `zstd -dc` and any msgpack reader can
 * read it. All numbers of the frames around the records are little-endian; msgpack's own
 * are big-endian.
 *
 *     stream := magic block+ [seek-table]
 *
 *     magic  := skippable frame 0x184D2A53 of 12 bytes: "mi-stream", major version, minor
 *               version, flags (1: a seek table ends the stream; other bits are 0)
 *     block  := zstd frame with content size and checksum, no dictionary, window at most
 *               128 MiB; its content is whole records, at most 8 MiB of them unless it is
 *               a single larger one
 *     seek-table := skippable frame 0x184D2A5E as zstd's seekable format has it: for every
 *               frame from the magic on its size and its content's (32 bits each; the
 *               magic's content counts 0), the number of frames (32 bits), a descriptor
 *               byte 0, the number 0x8F92EAB1
 *
 *     record := msgpack array [sequence, kind, body]: the count of records before it, a
 *               string of 1 to 32 bytes, a map without the key "kind"
 *     first  := [0, "header", ...], last := [n, "end", {records, bytes, digest, inputs,
 *               status: "complete"}]; nothing but the seek table follows
 *
 * Canonical bytes: integers and lengths in their shortest form (positive ones unsigned),
 * reals as float64 and finite, strings in UTF-8, map keys distinct strings in the order
 * of the writer, no extension types, no float32. A tensor is a map {dtype, shape, data}
 * with data a bin, row-major, little-endian; in files a fourth key `shuffle: true` says
 * that data holds the first bytes of all elements, then all second bytes, and so on.
 * Everything but `shuffle` is canonical on the wire, else it is refused.
 *
 * `records` and `bytes` count the records before the end record and their canonical
 * bytes without `shuffle`; `digest` is the XXH3-128 of those bytes (big-endian
 * hexadecimal). Equal digests mean equal contents, whatever frames and levels were used.
 *
 * A header, one score record and the end in one block that is stored uncompressed:
 *
 *     0000  53 2a 4d 18 0c 00 00 00 6d 69 2d 73 74 72 65 61  S*M.....mi-strea
 *     0010  6d 01 00 01 28 b5 2f fd 64 20 00 01 09 00 93 00  m...(./.d ......
 *     0020  a6 68 65 61 64 65 72 8a a6 66 6f 72 6d 61 74 a9  .header..format.
 *     0030  6d 69 2d 73 74 72 65 61 6d a7 76 65 72 73 69 6f  mi-stream.versio
 *     0040  6e 92 01 00 a7 63 6f 6e 74 65 6e 74 a5 73 63 6f  n....content.sco
 *     0050  72 65 a5 6d 6f 64 65 6c c0 a9 74 6f 6b 65 6e 69  re.model..tokeni
 *     0060  7a 65 72 c0 a8 74 65 6d 70 6c 61 74 65 c0 a5 73  zer..template..s
 *     0070  69 74 65 73 90 a5 64 74 79 70 65 c0 a5 73 68 61  ites..dtype..sha
 *     0080  72 64 c0 aa 70 72 6f 76 65 6e 61 6e 63 65 90 93  rd..provenance..
 *     0090  01 a5 73 63 6f 72 65 89 a4 73 69 74 65 aa 72 65  ..score..site.re
 *     00a0  73 69 64 5f 70 6f 73 74 a5 6c 61 79 65 72 00 a6  sid_post.layer..
 *     00b0  6d 65 74 72 69 63 a5 61 75 72 6f 63 a5 76 61 6c  metric.auroc.val
 *     00c0  75 65 cb 3f e0 00 00 00 00 00 00 a2 6c 6f c0 a2  ue.?........lo..
 *     00d0  68 69 c0 a1 6e 0a a7 63 6f 6e 74 72 6f 6c c0 a4  hi..n..control..
 *     00e0  73 65 65 64 01 93 02 a3 65 6e 64 85 a7 72 65 63  seed....end..rec
 *     00f0  6f 72 64 73 02 a5 62 79 74 65 73 cc c7 a6 64 69  ords..bytes...di
 *     0100  67 65 73 74 d9 20 64 30 35 38 65 33 30 37 64 35  gest. d058e307d5
 *     0110  36 34 34 66 63 39 38 62 66 64 34 64 38 30 62 64  644fc98bfd4d80bd
 *     0120  64 66 35 63 65 33 a6 69 6e 70 75 74 73 90 a6 73  df5ce3.inputs..s
 *     0130  74 61 74 75 73 a8 63 6f 6d 70 6c 65 74 65 6b e5  tatus.completek.
 *     0140  cf fc 5e 2a 4d 18 19 00 00 00 14 00 00 00 00 00  ..^*M...........
 *     0150  00 00 2e 01 00 00 20 01 00 00 02 00 00 00 00 b1  ...... .........
 *     0160  ea 92 8f                                         ...
 *
 * 0000 magic frame; 0014 zstd frame: magic, descriptor 64 (2-byte size, checksum, single
 * segment), content size 0x120 less 256, block header 0x000901 (last, raw, 0x120 bytes);
 * 001e record 0: array of 3, 0, "header"; 008f record 1, "score"; 00e5 record 2, "end";
 * 013e checksum; 0142 seek table of two frames (20 bytes for 0, 302 for 288), descriptor,
 * number.
 */
#ifndef MI_STREAM_FORMAT_H
#define MI_STREAM_FORMAT_H

#include <stdint.h>

#define MI_FORMAT_NAME "mi-stream"

enum {
    MI_FORMAT_MAJOR = 1,
    MI_FORMAT_MINOR = 0,
    MI_MAGIC_SIZE = 20,        /* the magic frame, all of it */
    MI_MAGIC_HAS_TABLE = 1,    /* flag: a seek table ends the stream */
    MI_BLOCK_MAX = 8 << 20,    /* uncompressed bytes of a block of several records */
    MI_HEADER_MAX = 16 << 20,  /* bytes of the header record */
    MI_WINDOW_MAX = 128 << 20, /* of a zstd frame */
    MI_DEPTH_MAX = 32,         /* containers within containers, the record's own array counted */
    MI_VALUES_MAX = 1 << 22,   /* values of one record, keys counted */
    MI_STRING_MAX = 16 << 20,  /* bytes of a string */
    MI_KIND_MAX = 32,          /* bytes of a record's kind */
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
