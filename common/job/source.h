/* job/source.h: items to run, from prompts or from a run stream, sharded by units.
 *
 * An item is an encoded prompt, or a prompt with its generated tokens from a run stream.
 * A unit is what a shard and the canonical tree of statistics may not split: a pair
 * (adjacent members with the same `pair`), or a lone prompt. */
#ifndef MI_JOB_SOURCE_H
#define MI_JOB_SOURCE_H

#include "job/session.h"
#include "stream/record.h"

struct mi_shard {
    int64_t index, of; /* 0-based; of = 0: everything, and no shard in the header */
};
/* "3/8" with 0 <= 3 < 8. MI_EXIT_USAGE. */
int mi_shard_parse(struct mi_shard *s, const char *text, struct mi_error *err) MI_MUST_USE;

/* One item. A stream of content "run" gives one a run record: the prompt with all tokens of the
 * run; any other stream one a prompt record. Its memory is its own arena's; mi_item_free releases
 * it. */
struct mi_item {
    struct mi_arena arena;
    struct mi_prompt_record prompt; /* tokens, pieces, offsets, spans, roles, fields, id */
    const int32_t *target;
    int64_t n_target; /* NULL: none */
    const int32_t *foil;
    int64_t n_foil;
    int64_t unit;   /* global number of its unit, from 0 */
    int64_t number; /* global number of the item, from 0 */
};
void mi_item_free(struct mi_item *item);
/* A field of the prompt ("pair", "label", one of the user's) as text in its arena: strings as
 * they are, numbers and booleans as JSON writes them; NULL when absent or no scalar. */
const char *mi_item_field(struct mi_item *item, const char *key);
/* What positions are resolved against. */
struct mi_pos_tokens mi_item_tokens(const struct mi_item *item);

struct mi_source {
    struct mi_source_state *state; /* private */
};

/* Operand path ("-" or NULL: standard input), or `text` of -p (NULL: none). Prompt files and
 * streams are told apart by their first bytes. Sharding needs the number of units, so with
 * of > 0 a regular file is read twice and a pipe is held in memory. Needs no model, so that an
 * input that cannot be read is found before one is loaded. */
int mi_source_open(struct mi_source *src, const char *path, const char *text, struct mi_shard shard,
                   struct mi_error *err) MI_MUST_USE;
/* The header of the stream, or NULL for prompts. */
const struct mi_value *mi_source_header(const struct mi_source *src);
/* A stream's tokens mean something to this model: same tokenizer, same model (or, with
 * other_model, one of the same width). `header` is the session's. 0 for prompts. MI_EXIT_DATA. */
int mi_source_check(const struct mi_source *src, const struct mi_value *header, bool other_model,
                    struct mi_error *err) MI_MUST_USE;
/* 1 and an item of this shard, 0 at the end, < 0. Encoding uses the session's tokenizer and
 * template; items of run streams bring their tokens. A prompt longer than the context is
 * MI_EXIT_DATA with its line. */
int mi_source_next(struct mi_source *src, struct mi_session *s, struct mi_item *out,
                   struct mi_error *err) MI_MUST_USE;
/* Units in all (known when of > 0, or at the end; else -1), and the shard's first and last + 1.
 * Of a run stream that is itself one shard of a run, that shard's. */
void mi_source_units(const struct mi_source *src, int64_t *units, int64_t *first, int64_t *last);
bool mi_source_is_sharded(const struct mi_source *src);
/* Sets the header's key `shard`: nil, or {index, of, units, first, last}. */
void mi_source_set_shard(const struct mi_source *src, struct mi_arena *a, struct mi_value *header);
/* After the end: {name, digest} maps of what was read, for the end record (upstream ones
 * included, before it). */
struct mi_value mi_source_inputs(struct mi_source *src, struct mi_arena *a);
void mi_source_close(struct mi_source *src);

#endif
