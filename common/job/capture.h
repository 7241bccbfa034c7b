/* job/capture.h: activations of items as records, or as running statistics.
 *
 * A pass runs a batch of items through the layers that are needed; at each wanted site the
 * edits come first, then the values are taken, so a site shows what all edits there left.
 * Records are in the order of the input: per item the prompt record, then one act record a
 * place, in the order of the places. Memory does not grow with the number of items. A value
 * that is not finite ends the run with MI_EXIT_DATA and says where (masked attention scores
 * are -infinity and allowed). Without edits, what the prompts of a batch begin with in common is
 * computed once (job/trie.h). */
#ifndef MI_JOB_CAPTURE_H
#define MI_JOB_CAPTURE_H

#include "job/batch.h"
#include "job/editor.h"
#include "job/reduce.h"
#include "stream/writer.h"

struct mi_capture_options {
    struct mi_places places;  /* what to capture, in the order of the records */
    const struct mi_pos *pos; /* where */
    enum mi_dtype dtype;      /* f32, f16, bf16; f16 that overflows is an error */
    enum mi_reduce reduce;    /* running statistics instead of records (job/reduce.h) */
    const char *by;           /* with reduce: field whose values make classes ("label"), or NULL */
    int64_t max_memory;
    int max_rows; /* 0: chosen by job/batch.h */
};

struct mi_capture_totals {
    int64_t n_prompts, n_tokens, n_positions;
    int64_t n_shared; /* tokens computed with another prompt's that begins alike */
    /* mi_capture_plan only: */
    double flops, bytes; /* of tensors, as they are written, uncompressed */
    double peak;         /* bytes: model file and working memory */
};

/* What can be wrong with the options, before any prompt is read. */
int mi_capture_check(const struct mi_session *s, const struct mi_capture_options *o,
                     struct mi_error *err) MI_MUST_USE;
/* Sets the header's keys `sites` and `dtype`. */
void mi_capture_header(const struct mi_capture_options *o, struct mi_arena *a,
                       struct mi_value *header);
/* Runs every item of the source once and writes prompt and act (or stat) records. `edits` may
 * be empty. */
int mi_capture(struct mi_session *s, struct mi_source *src, struct mi_editor *edits,
               const struct mi_capture_options *o, struct mi_writer *out,
               struct mi_capture_totals *totals, struct mi_error *err) MI_MUST_USE;
/* The same without running the model: what it would compute and need. */
int mi_capture_plan(struct mi_session *s, struct mi_source *src, const struct mi_capture_options *o,
                    bool is_edited, struct mi_capture_totals *totals,
                    struct mi_error *err) MI_MUST_USE;

#endif
