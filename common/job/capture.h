/* job/capture.h: activations of items as records, or as running statistics. */
#ifndef MI_JOB_CAPTURE_H
#define MI_JOB_CAPTURE_H

#include "job/batch.h"
#include "job/editor.h"
#include "stream/writer.h"

enum mi_reduce { MI_REDUCE_NONE, MI_REDUCE_MEAN, MI_REDUCE_SECOND };

struct mi_capture_options {
    struct mi_places places;    /* what to capture, in the order of the records */
    const struct mi_pos *pos;   /* where */
    enum mi_dtype dtype;        /* f32, f16, bf16 */
    enum mi_reduce reduce;      /* running statistics instead of records: mean (sum, n), second moments */
    const char *by;             /* with reduce: field whose values make classes ("label"), or NULL */
    int64_t max_memory;
    int max_rows;               /* 0: chosen by job/batch.h */
};

/* Runs every item of the source once and writes prompt and act (or stat) records. Memory does
 * not grow with the number of prompts. n_tokens: rows computed, for -v. */
int mi_capture(struct mi_session *s, struct mi_source *src, struct mi_editor *edits,
               const struct mi_capture_options *o, struct mi_writer *out, int64_t *n_prompts,
               int64_t *n_tokens, struct mi_error *err) MI_MUST_USE;

#endif
