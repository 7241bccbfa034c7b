/* job/generate.h: runs prompts: scores what is given, goes on with what is likely.
 *
 * Several prompts share every pass: each has its own cache, new ones join while others
 * are still generating, and no result depends on the company, on how a prompt was cut into
 * passes, on threads or on the instruction set. Records come in the order of the input.
 *
 * Logits are looked at in blocks of rows and never kept. Every given token is scored, also
 * when a generation follows, so scoring a generated text again gives the same bits. */
#ifndef MI_JOB_GENERATE_H
#define MI_JOB_GENERATE_H

#include "job/answer.h"
#include "job/draw.h"
#include "job/editor.h"
#include "job/judge.h"
#include "job/source.h"
#include "job/variant.h"
#include "stream/writer.h"

enum { MI_RUN_ITEMS = 64 }; /* prompts under way at once, unless said otherwise */

struct mi_run_options {
    int64_t n_new; /* tokens to generate at most; 0: score what is given */
    struct mi_sampling sampling;
    struct mi_stops stops;
    int n_top;          /* most probable tokens to record at each position; 0: none */
    int64_t max_memory; /* bytes; 0: three quarters of what is free */
    int max_items;      /* prompts under way at once; 0: chosen */
    int max_rows;       /* rows of a pass; 0: chosen */
    /* Not NULL: keys and values of earlier positions come from a run under these edits
     * (job/crossed.c; needs n_new = 0). */
    struct mi_editor *cache_from;
    /* Every prompt is run once with each, in this order, all of them under way together; not with
     * edits beside them, and not with cache_from. A prompt with a field of that name is refused. */
    const struct mi_variants *variants; /* NULL: none */
    struct mi_judge *judge;             /* says what the text answers; NULL: nobody */
    bool is_flushed;                    /* every run record leaves at once (a pipe) */
    /* The text as it is generated, in the order of the input: whole characters, `is_end`
     * with the last part of a record (which may be empty). NULL: nobody listens. */
    int (*text)(void *self, const char *id, const char *bytes, size_t n, bool is_end,
                struct mi_error *err);
    void *self;
};

struct mi_run_totals {
    int64_t n_prompts, n_given, n_made; /* prompts, tokens read, tokens generated */
    int64_t n_shared;                   /* of those read: computed with an earlier prompt's */
    double given_s, made_s;             /* seconds that went into each, by rows of the passes */
};

/* Runs every item of the source. `edits` may be NULL. `out` NULL: no records, and prompts are
 * not scored. */
int mi_run(struct mi_session *s, struct mi_source *src, struct mi_editor *edits,
           const struct mi_run_options *o, struct mi_writer *out, struct mi_run_totals *totals,
           struct mi_error *err) MI_MUST_USE;

#endif
