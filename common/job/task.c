#include "job/task.h"

#include "base/bytes.h"
#include "base/escape.h"
#include "base/file.h"
#include "job/model_chat.h"
#include "stream/header.h"

#include <string.h>

enum { MOST_EDIT_BYTES = 15 << 20 }; /* headers end at 16 MiB */

/* ---- options -------------------------------------------------------------------- */

static int check_files(const struct mi_task *t, int n, bool needs_prompts, bool has_stdin,
                       struct mi_error *err)
{
    if (!t->model)
        return mi_fail(err, MI_EXIT_USAGE, "-m names the model");
    if (t->dry_run && t->output)
        return mi_fail(err, MI_EXIT_USAGE,
                       "--dry-run goes to standard output: -o does not go with it");
    if (t->prompt && n > 0)
        return mi_fail(err, MI_EXIT_USAGE, "-p and a file of prompts: '%s'", mi_quote(t->input));
    if (needs_prompts && !t->prompt && n == 0 && !has_stdin)
        return mi_fail(err, MI_EXIT_USAGE, "expects prompts: -p TEXT, a file, or standard input");
    if (t->output && strcmp(t->output, "-") != 0 &&
        ((!t->prompt && mi_same_file(t->input, t->output)) || mi_same_file(t->model, t->output)))
        return mi_fail(err, MI_EXIT_USAGE, "input and output are the same file: '%s'",
                       mi_quote(t->output));
    return 0;
}

int mi_task_check(struct mi_task *t, int n, char **operands, bool needs_prompts, bool has_stdin,
                  struct mi_error *err)
{
    int r;

    if (n > 1)
        return mi_fail(err, MI_EXIT_USAGE, "too many files: '%s'", mi_quote(operands[1]));
    if (n == 1)
        t->input = operands[0];
    r = check_files(t, n, needs_prompts, has_stdin, err);
    if (r == 0 && t->shard && (r = mi_shard_parse(&t->part, t->shard, err)) < 0)
        mi_fail_in(err, "--shard");
    if (r == 0 && t->max_memory && (r = mi_bytes_parse(t->max_memory, &t->memory, err)) < 0)
        mi_fail_in(err, "--max-memory");
    mi_par_set((int)t->threads);
    return r;
}

void mi_task_note(struct mi_task *t, struct mi_value *map)
{
    struct mi_arena *a = &t->arena;

    mi_set_text(a, map, "template", mi_model_chat_note(t->chat));
    mi_set_text(a, map, "date", t->date);
    mi_set_text(a, map, "system", t->system);
    mi_set_text(a, map, "no-bos", t->no_bos ? "true" : NULL);
    mi_set_text(a, map, "add-generation-prompt", t->add_generation_prompt ? "true" : NULL);
    mi_set_text(a, map, "parse-special", t->parse_special ? "true" : NULL);
    mi_set_text(a, map, "other-model", t->other_model ? "true" : NULL);
}

/* ---- open and closed --------------------------------------------------------------- */

int mi_task_open(struct mi_task *t, bool has_output, bool has_input, struct mi_error *err)
{
    struct mi_session_options s = {
        .model = t->model,
        .chat = t->chat,
        .date = t->date,
        .system = t->system,
        .no_bos = t->no_bos,
        .add_generation_prompt = t->add_generation_prompt,
        .parse_special = t->parse_special,
        .is_chat = t->system || (t->chat && strcmp(t->chat, "raw") != 0),
        .max_memory = t->memory,
        .context = (int)t->context,
    };
    int r = has_output ? mi_writer_open(&t->out, t->output, err) : 0;

    if (r == 0 && has_input)
        r = mi_source_open(&t->source, t->input, t->prompt, t->part, err);
    return r < 0 ? r : mi_session_open(&t->session, &s, err);
}

int mi_task_header(struct mi_task *t, const char *content, struct mi_error *err)
{
    int r;

    t->header = mi_header_from(&t->arena, mi_source_header(&t->source), content);
    r = mi_session_header(&t->session, &t->arena, &t->header, err);
    return r < 0 ? r : mi_source_check(&t->source, &t->header, t->other_model, err);
}

int mi_task_edits(struct mi_task *t, struct mi_editor *edits, struct mi_error *err)
{
    return mi_editor_open(edits, &t->session, t->edits.item, t->edits.n, t->plans.item, t->plans.n,
                          mi_source_header(&t->source), t->other_model, t->seed, err);
}

int mi_task_check_edits(int64_t bytes, struct mi_error *err)
{
    if (bytes <= MOST_EDIT_BYTES)
        return 0;
    return mi_fail(err, MI_EXIT_DATA, "the edits use %lld MiB of tensors, a header holds %d MiB",
                   (long long)(bytes >> 20), MOST_EDIT_BYTES >> 20);
}

void mi_add_all(struct mi_arena *a, struct mi_value *list, const struct mi_value *more)
{
    for (size_t i = 0; mi_is(more, MI_ARRAY) && i < more->as.array.n; i++)
        mi_push(a, list, more->as.array.item[i]);
}

int mi_task_end(struct mi_task *t, const struct mi_value *more, struct mi_error *err)
{
    struct mi_value inputs = mi_source_inputs(&t->source, &t->arena);
    int r = mi_model_unchanged(&t->session.model, err);

    mi_add_all(&t->arena, &inputs, more);
    return r < 0 ? r : mi_writer_end(&t->out, &inputs, err);
}

void mi_task_close(struct mi_task *t)
{
    mi_session_close(&t->session);
    mi_source_close(&t->source);
    mi_writer_close(&t->out);
    mi_arena_free(&t->arena);
}
