/* mi-capture: activations of a model at named sites and positions, or statistics of them. */
#include "base/bytes.h"
#include "base/escape.h"
#include "base/opt.h"
#include "base/par.h"
#include "base/progress.h"
#include "base/tool.h"
#include "job/capture.h"
#include "job/task.h"
#include "stream/header.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const dtypes[] = {"f32", "f16", "bf16", NULL};
static const enum mi_dtype dtype_of[] = {MI_F32, MI_F16, MI_BF16};
static const char *const reductions[] = {"none", "mean", "second", NULL};

struct options {
    struct mi_task t;
    const char *pos, *by;
    struct mi_strings at;
    bool list;
    long batch;
    int dtype, reduce;
    /* made from them */
    struct mi_pos positions;
};

/* Everything that is open; every closer accepts the zero value. */
struct work {
    struct mi_task *t;
    struct mi_editor edits;
    struct mi_capture_options capture;
};

static const struct mi_tool tool = {
    .name = "mi-capture",
    .synopsis = "-m MODEL --at SITES [OPTION]... [-p TEXT | PROMPTS | RUN]",
    .about = "Write a model's activations at named sites and positions, of prompts (JSON Lines or\n"
             "plain lines; standard input by default) or of the tokens of a run; or running\n"
             "statistics of them.",
    .examples =
        "  mi-capture -m model.gguf --list\n"
        "  mi-capture -m model.gguf --at 'resid_post:*' --pos last prompts.jsonl -o acts.mi\n"
        "  mi-capture -m model.gguf --at z:9.6 --pos all --reduce mean prompts.jsonl -o m.mi\n"
        "  mi-capture -m model.gguf --at 'resid_post:*' --pos gen --edit @run run.mi | ...\n",
};

/* ---- the command line -------------------------------------------------------- */

static void check_kind(const struct options *opt, int n_operands)
{
    if (!opt->t.model)
        mi_tool_misuse("-m names the model");
    if (!opt->list && opt->at.n == 0)
        mi_tool_misuse("--at names the sites to capture (--list shows them)");
    if (opt->list && (n_operands > 0 || opt->t.prompt || opt->t.dry_run))
        mi_tool_misuse("--list needs the model only");
    if (opt->list && opt->t.output)
        mi_tool_misuse("--list goes to standard output: -o does not go with it");
}

static void check_values(struct options *opt)
{
    struct mi_error err = {0};

    if (opt->by && !opt->reduce)
        mi_tool_misuse("--by makes classes of --reduce; it means nothing without it");
    if (opt->by && !*opt->by)
        mi_tool_misuse("--by needs the name of a field");
    if (opt->reduce && opt->dtype)
        mi_tool_misuse("--dtype is of activations; statistics are f64");
    if (mi_pos_parse(&opt->positions, opt->pos, &err) < 0)
        mi_tool_misuse("--pos: %s", err.text);
    for (int i = 0; i < opt->at.n; i++)
        if (mi_places_check(opt->at.item[i], &err) < 0)
            mi_tool_misuse("--at: %s", err.text);
}

static void parse_options(struct options *opt, int argc, char **argv)
{
    const struct mi_opt table[] = {
        MI_TASK_FIRST(&opt->t),
        MI_LIST(0, "at", "SITES", &opt->at, "what to capture, as resid_post:* (may be repeated)"),
        MI_STRING(0, "pos", "POSITIONS", &opt->pos,
                  "where: last, -2, 2:5, all, gen, span:NAME, ..."),
        MI_CHOICE(0, "dtype", "TYPE", &opt->dtype, dtypes, "numbers of activations"),
        MI_CHOICE(0, "reduce", "KIND", &opt->reduce, reductions, "statistics instead of records"),
        MI_STRING(0, "by", "FIELD", &opt->by, "statistics for each value of a field, as label"),
        MI_TASK_EDITS(&opt->t),
        MI_FLAG(0, "list", &opt->list, "show every site: names, shape, bytes of a token"),
        MI_INT(0, "batch", "ROWS", &opt->batch, 0, 1 << 20, "tokens of a pass; 0: chosen"),
        MI_TASK_LAST(&opt->t),
    };
    int n = (int)(sizeof table / sizeof *table), i = mi_opt_parse(table, n, argc, argv);
    struct mi_error err = {0};

    check_kind(opt, argc - i);
    if (mi_task_check(&opt->t, argc - i, argv + i, !opt->list, !isatty(STDIN_FILENO), &err) < 0)
        mi_tool_misuse("%s", err.text);
    check_values(opt);
}

/* ---- --list ------------------------------------------------------------------ */

static void print_place(const struct mi_dims *d, enum mi_site site, int layer)
{
    struct mi_place p = {site, layer, -1};
    int64_t rows, width;
    char hook[64], text[48], shape[32];
    bool is_keys = mi_site_info(site)->shape == MI_SHAPE_KEYS;

    mi_place_shape(&p, d, 0, &rows, &width);
    if (is_keys)
        snprintf(shape, sizeof shape, "[%lld, T]", (long long)rows);
    else if (rows > 1)
        snprintf(shape, sizeof shape, "[%lld, %lld]", (long long)rows, (long long)width);
    else
        snprintf(shape, sizeof shape, "[%lld]", (long long)width);
    printf("%-22s %-34s %-12s %lld%s\n", mi_place_text(&p, text), mi_place_hook(&p, hook), shape,
           (long long)(rows * (is_keys ? 1 : width) * 4), is_keys ? "*T" : "");
}

static void list_part(const struct mi_dims *d, int from, int to, int layer)
{
    for (int s = from; s <= to; s++)
        if (mi_site_exists((enum mi_site)s, d))
            print_place(d, (enum mi_site)s, layer);
}

/* Every place in the order in which a pass reaches it. */
static int list_sites(const char *path)
{
    struct mi_model m = {0};
    struct mi_error err = {0};
    const struct mi_dims *d = &m.config.dims;

    if (mi_model_open(&m, path, &err) < 0)
        return mi_tool_failed(&err);
    printf("%-22s %-34s %-12s %s\n", "site", "hook", "shape", "bytes/token");
    list_part(d, MI_SITE_EMBED, MI_SITE_EMBED, -1);
    for (int l = 0; l < d->n_layers; l++)
        list_part(d, MI_SITE_EMBED + 1, MI_SITE_RESID_POST, l);
    list_part(d, MI_SITE_RESID_POST + 1, MI_SITES - 1, -1);
    mi_model_close(&m);
    return MI_EXIT_OK;
}

/* ---- the capture -------------------------------------------------------------- */

static int choose(struct work *w, const struct options *opt, struct mi_error *err)
{
    struct mi_capture_options *c = &w->capture;

    *c = (struct mi_capture_options){
        .pos = &opt->positions,
        .dtype = dtype_of[opt->dtype],
        .reduce = (enum mi_reduce)opt->reduce,
        .by = opt->by,
        .max_memory = opt->t.memory,
        .max_rows = (int)opt->batch,
    };
    for (int i = 0; i < opt->at.n; i++)
        if (mi_places_parse(&c->places, opt->at.item[i], &w->t->session.model.config.dims, err) < 0)
            return mi_fail_in(err, "--at");
    return mi_capture_check(&w->t->session, c, err);
}

static int open_edits(struct work *w, struct mi_error *err)
{
    int r = mi_task_edits(w->t, &w->edits, err);

    return r < 0 ? r : mi_task_check_edits(mi_editor_bytes(&w->edits), err);
}

/* What decides the result, as it was resolved: a default that is written out is the same
 * work. Sites and dtype stand in the header itself, edits in its `edits`. */
static struct mi_value resolved_options(struct work *w, const struct options *opt)
{
    struct mi_arena *a = &w->t->arena;
    struct mi_value map = mi_map();

    mi_set_text(a, &map, "pos", opt->positions.text);
    mi_set_text(a, &map, "reduce", opt->reduce ? reductions[opt->reduce] : NULL);
    mi_set_text(a, &map, "by", opt->by);
    mi_task_note(w->t, &map);
    return map;
}

static int write_header(struct work *w, const struct options *opt, struct mi_error *err)
{
    struct mi_arena *a = &w->t->arena;
    int r = mi_task_header(w->t, opt->reduce ? "stat" : "act", err);

    if (r < 0)
        return r;
    mi_capture_header(&w->capture, a, &w->t->header);
    mi_source_set_shard(&w->t->source, a, &w->t->header);
    mi_header_step(a, &w->t->header, "mi-capture", NULL, resolved_options(w, opt), opt->t.seed);
    mi_editor_describe(&w->edits, a, &w->t->header);
    return mi_writer_header(&w->t->out, &w->t->header, err);
}

static int finish_stream(struct work *w, struct mi_error *err)
{
    struct mi_value inputs = mi_editor_inputs(&w->edits, &w->t->arena);

    return mi_task_end(w->t, &inputs, err);
}

static int print_plan(struct work *w, struct mi_error *err)
{
    struct mi_capture_totals t;
    char bytes[24], peak[24];
    int r = mi_capture_plan(&w->t->session, &w->t->source, &w->capture,
                            !mi_editor_is_empty(&w->edits), &t, err);

    if (r == 0)
        printf("prompts      %lld\ntokens       %lld\nshared       %lld\npositions    %lld\n"
               "FLOPs        %.4g\noutput       %s\npeak memory  %s\n",
               (long long)t.n_prompts, (long long)t.n_tokens, (long long)t.n_shared,
               (long long)t.n_positions, t.flops, mi_bytes_text(t.bytes, bytes),
               mi_bytes_text(t.peak, peak));
    return r;
}

static void say_totals(const struct work *w, const struct mi_capture_totals *t, double seconds)
{
    char usage[64], bytes[24];

    mi_warn("%lld prompts, %lld tokens (%lld shared, %.1f/s), %lld positions, %s, %s",
            (long long)t->n_prompts, (long long)t->n_tokens, (long long)t->n_shared,
            seconds > 0 ? (double)t->n_tokens / seconds : 0.0, (long long)t->n_positions,
            mi_bytes_text((double)mi_writer_bytes(&w->t->out), bytes), mi_usage_text(usage));
}

static int capture(struct work *w, const struct options *opt, struct mi_error *err)
{
    struct mi_capture_totals totals;
    double start;
    int r = write_header(w, opt, err);

    if (r < 0)
        return r;
    if (mi_progress_wanted(mi_opt_quiet))
        mi_progress_start("tokens", 0);
    start = mi_seconds();
    r = mi_capture(&w->t->session, &w->t->source, &w->edits, &w->capture, &w->t->out, &totals, err);
    start = mi_seconds() - start;
    mi_progress_end();
    if (r == 0)
        r = finish_stream(w, err);
    if (r == 0 && mi_opt_verbose)
        say_totals(w, &totals, start);
    return r;
}

static int run(struct options *opt)
{
    struct work w = {.t = &opt->t};
    struct mi_error err = {0};
    int r = mi_task_open(&opt->t, !opt->t.dry_run, true, &err);

    if (r == 0)
        r = choose(&w, opt, &err);
    if (r == 0)
        r = open_edits(&w, &err);
    if (r == 0)
        r = opt->t.dry_run ? print_plan(&w, &err) : capture(&w, opt, &err);
    mi_places_free(&w.capture.places);
    mi_editor_close(&w.edits);
    mi_task_close(&opt->t);
    return r < 0 ? mi_tool_failed(&err) : MI_EXIT_OK;
}

int main(int argc, char **argv)
{
    struct options opt = {.t = {.input = "-"}, .pos = "last"};
    int status;

    mi_tool_start(&tool, argv);
    parse_options(&opt, argc, argv);
    status = opt.list ? list_sites(opt.t.model) : run(&opt);
    mi_pos_free(&opt.positions);
    return mi_tool_end(status);
}
