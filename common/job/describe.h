/* job/describe.h: what a model is, what a prompt becomes, what a run would take. */
#ifndef MI_JOB_DESCRIBE_H
#define MI_JOB_DESCRIBE_H

#include "job/generate.h"

/* Lines "key: value": what the file holds and says of its origin, sizes, positions, types of the
 * weights with counts and bytes (of all, and of each kind of tensor), vocabulary, template, and
 * the memory of a run: of `context` tokens, or with 0 at several lengths. Text from the file is
 * escaped. Reads the whole file for its digest. */
int mi_describe_model(struct mi_buf *b, struct mi_session *s, int64_t context,
                      struct mi_error *err) MI_MUST_USE;

/* The table of architectures, tabs between the columns: GGUF's name, Hugging Face's model_type,
 * what a block is made of, families. A first line names the columns. */
void mi_describe_architectures(struct mi_buf *b);

/* {id, tokens, pieces, offsets, n_prompt, spans, roles, fields, target, foil}: the prompt
 * record's keys, then the ids of the continuations (nil without). Borrows from the item. */
struct mi_value mi_describe_tokens(struct mi_arena *a, const struct mi_item *item);
/* The same as a table for people: number, id, byte, piece, turn, spans. */
void mi_describe_tokens_table(struct mi_buf *b, const struct mi_item *item);

/* What mi_run would compute, without computing it. */
struct mi_plan {
    int64_t n_prompts, n_given, n_made; /* n_made: at most */
    int64_t longest;                    /* tokens of one prompt and its generation */
    double flops;
    double bytes;      /* of the records before compression, about */
    double peak_bytes; /* file + caches + working set */
};
/* Reads the source to its end. scores: records are written, so given tokens are scored. */
int mi_plan_run(struct mi_plan *plan, struct mi_session *s, struct mi_source *src,
                const struct mi_run_options *o, bool scores, struct mi_error *err) MI_MUST_USE;
/* Lines "key: value". */
void mi_plan_print(struct mi_buf *b, const struct mi_plan *plan);

#endif
