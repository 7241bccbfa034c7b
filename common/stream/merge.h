/* stream/merge.h: the parts of a sharded run as the one run that they are.
 *
 * Each part says in its header which units it holds (shard: index, of, units, first,
 * last). All parts must be there once, tile the units, and agree in everything else; then
 * their records follow each other in the order of the shards under one header without
 * shard fields: the same records, and the same digest, as one run gives. Statistics are
 * joined by the caller's hook instead, since here nobody knows what they mean. */
#ifndef MI_STREAM_MERGE_H
#define MI_STREAM_MERGE_H

#include "base/error.h"
#include "stream/reader.h"
#include "stream/writer.h"

/* For streams of content "stat": `add` is given every record of every part in the order
 * of the shards, `finish` puts the joined records. Both return < 0 to fail. */
struct mi_combine {
    int (*add)(void *ctx, const struct mi_record *rec, struct mi_error *err);
    int (*finish)(void *ctx, struct mi_writer *out, struct mi_error *err);
    void *ctx;
};

/* Merges the parts [n] into out, which is open and has no header yet; ends it. Parts that
 * are regular files may be any number; others stay open from the first look to the end.
 * combine NULL: statistics are refused. MI_EXIT_DATA names the part at fault. */
int mi_merge(struct mi_writer *out, const char *const *paths, int n,
             const struct mi_combine *combine, struct mi_error *err) MI_MUST_USE;

#endif
