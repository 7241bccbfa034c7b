/* stream/header.h: what a stream says of itself: format, model, provenance.
 *
 * header = {format: "mi-stream", version: [1, 0], content: "act", model: {...} or nil,
 *           tokenizer: digest, template: digest, sites: [...], dtype: "f32",
 *           shard: nil or {index, of, units, first, last}, provenance: [step ...]}
 *           (a shard holds the units first .. last - 1 of all)
 * step   = {tool, version, verb or nil, options: {name: text ...}, edits: [...], seed}
 * No clock, host, path or thread count: equal work gives equal bytes. */
#ifndef MI_STREAM_HEADER_H
#define MI_STREAM_HEADER_H

#include "base/error.h"
#include "data/value.h"

#include <stdint.h>

/* A new header with format and version; `content` names the main kind of record. */
struct mi_value mi_header_new(struct mi_arena *a, const char *content);
/* A header that continues `from` (model, tokenizer, template, shard and provenance are
 * copied into the arena; content is new). `from` NULL makes a new one. */
struct mi_value mi_header_from(struct mi_arena *a, const struct mi_value *from,
                               const char *content);
/* Appends a provenance step. options: map name -> text. */
void mi_header_step(struct mi_arena *a, struct mi_value *header, const char *tool, const char *verb,
                    struct mi_value options, int64_t seed);
/* Sets the edits (array of canonical lines) of the step appended last. */
void mi_header_step_edits(struct mi_arena *a, struct mi_value *header, struct mi_value edits);
/* Checks a header's form. */
int mi_header_check(const struct mi_value *header, struct mi_error *err) MI_MUST_USE;
/* Two streams speak of the same model, or the message names what differs (digest, width
 * ...). With other_model only the width must agree. MI_EXIT_DATA. */
int mi_header_same_model(const struct mi_value *a, const struct mi_value *b, int other_model,
                         struct mi_error *err) MI_MUST_USE;
/* Digest of everything but shard: equal for the parts of one sharded run. */
char *mi_header_identity(const struct mi_value *header, char *text /* [33] */);

#endif
