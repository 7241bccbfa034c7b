/* job/task.h: what the tools that run a model on prompts have in common: their options, and what
 * they open, describe and close. */
#ifndef MI_JOB_TASK_H
#define MI_JOB_TASK_H

#include "base/opt.h"
#include "base/par.h"
#include "job/editor.h"
#include "stream/writer.h"

#include <limits.h>

/* `{.input = "-"}` is ready for the options. */
struct mi_task {
    const char *model, *input, *prompt, *output, *shard, *max_memory, *chat, *date, *system;
    bool other_model, no_bos, add_generation_prompt, parse_special, dry_run;
    long threads, seed, context;
    struct mi_strings edits, plans; /* of run and capture */
    /* made of them by mi_task_check */
    struct mi_shard part;
    int64_t memory;
    /* open */
    struct mi_source source;
    struct mi_session session;
    struct mi_writer out;
    struct mi_arena arena;
    struct mi_value header;
};

/* Rows of a table of options: what comes first in it, and last. */
/* clang-format off */
#define MI_TASK_FIRST(t)                                                                         \
    MI_STRING('m', "model", "PATH", &(t)->model, "the model: a GGUF file or a directory"),      \
    MI_STRING('p', "prompt", "TEXT", &(t)->prompt, "one prompt, instead of a file"),             \
    MI_STRING('o', "output", "FILE", &(t)->output, "write the stream here")
#define MI_TASK_EDITS(t)                                                                         \
    MI_LIST(0, "edit", "LINE", &(t)->edits,                                                      \
            "change activations; @run: as the run did; none (may be repeated)"),                 \
    MI_LIST(0, "plan", "FILE", &(t)->plans, "edits, one a line (may be repeated)")
#define MI_TASK_LAST(t)                                                                          \
    MI_INT('s', "seed", "N", &(t)->seed, 0, LONG_MAX, "seed of all draws"),                      \
    MI_FLAG(0, "other-model", &(t)->other_model, "accept streams of a model as wide as this"),   \
    MI_STRING(0, "template", "NAME", &(t)->chat, "chat template: auto, raw, a name, a file"),    \
    MI_STRING(0, "date", "DAY", &(t)->date, "the date that templates see (2024-07-26)"),         \
    MI_STRING(0, "system", "TEXT", &(t)->system, "system message of conversations without one"), \
    MI_FLAG(0, "no-bos", &(t)->no_bos, "put no beginning-of-text token before prompts"),         \
    MI_FLAG(0, "add-generation-prompt", &(t)->add_generation_prompt, "open the assistant's turn"), \
    MI_FLAG(0, "parse-special", &(t)->parse_special, "see control tokens in raw prompts"),       \
    MI_INT(0, "context", "N", &(t)->context, 0, INT_MAX, "tokens a prompt may have; 0: as made"),  \
    MI_FLAG(0, "dry-run", &(t)->dry_run, "say what would be computed"),                          \
    MI_STRING(0, "shard", "I/N", &(t)->shard, "take the I-th of N parts, from 0"),               \
    MI_STRING(0, "max-memory", "SIZE", &(t)->max_memory, "refuse to use more, e.g. 4G"),         \
    MI_INT('j', "threads", "N", &(t)->threads, 0, MI_PAR_MAX, "threads; 0: as allowed")
/* clang-format on */

/* The options and operands [n] against each other. `needs_prompts`: a model alone does not do;
 * `has_stdin`: standard input may be read (it is no terminal). Sets the threads. MI_EXIT_USAGE. */
int mi_task_check(struct mi_task *t, int n, char **operands, bool needs_prompts, bool has_stdin,
                  struct mi_error *err) MI_MUST_USE;
/* Opens the output (if has_output), the prompts (if has_input), the model. */
int mi_task_open(struct mi_task *t, bool has_output, bool has_input,
                 struct mi_error *err) MI_MUST_USE;
/* The header of a stream of this content: what the prompts came with and the model; a stream of
 * another model is refused. Not written yet: sites, the tool's own step and edits are missing. */
int mi_task_header(struct mi_task *t, const char *content, struct mi_error *err) MI_MUST_USE;
/* The edits of --edit and --plan. */
int mi_task_edits(struct mi_task *t, struct mi_editor *edits, struct mi_error *err) MI_MUST_USE;
/* MI_EXIT_DATA: more bytes of tensors than a header holds. */
int mi_task_check_edits(int64_t bytes, struct mi_error *err) MI_MUST_USE;
/* Options of the rows above that decide the result, into a map for the provenance. */
void mi_task_note(struct mi_task *t, struct mi_value *map);
/* Adds the items of an array to another; they are borrowed. */
void mi_add_all(struct mi_arena *a, struct mi_value *list, const struct mi_value *more);
/* The end record: the inputs of the prompts, then `more` (array). MI_EXIT_DATA: the model changed
 * meanwhile. */
int mi_task_end(struct mi_task *t, const struct mi_value *more, struct mi_error *err) MI_MUST_USE;
void mi_task_close(struct mi_task *t);

#endif
