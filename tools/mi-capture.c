/* mi-capture: activations of a model at named sites and positions, or statistics of them. */
#include "base/bytes.h"
#include "base/escape.h"
#include "base/opt.h"
#include "base/par.h"
#include "base/progress.h"
#include "base/tool.h"
#include "job/capture.h"
#include "stream/header.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_EDIT_BYTES = 15 << 20 }; /* headers end at 16 MiB */

static const char *const dtypes[] = {"f32", "f16", "bf16", NULL};
static const enum mi_dtype dtype_of[] = {MI_F32, MI_F16, MI_BF16};
static const char *const reductions[] = {"none", "mean", "second", NULL};

struct options {
    const char *model, *output, *input, *prompt, *shard, *max_memory, *pos, *by;
    const char *chat, *system;
    struct mi_strings at, edits, plans;
    bool dry_run, list, other_model, no_bos, add_generation_prompt, parse_special;
    long threads, seed, batch;
    int dtype, reduce;
    /* made from them */
    struct mi_shard part;
    struct mi_pos positions;
    int64_t memory;
};

/* Everything that is open; every closer accepts the zero value. */
struct work {
    struct mi_source source;
    struct mi_session session;
    struct mi_editor edits;
    struct mi_writer out;
    struct mi_capture_options capture;
    struct mi_arena arena;
    struct mi_value header;
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

/* A site that cannot exist in any model is found before one is opened: with 0 for every
 * wildcard the names and the form are checked alone. */
static void check_site_names(const struct mi_strings *at)
{
    for (int i = 0; i < at->n; i++) {
        struct mi_places places = {0};
        struct mi_error err = {0};
        char *text = strdup(at->item[i]);

        if (!text)
            mi_die(MI_EXIT_SYS, "out of memory");
        for (char *p = text; (p = strchr(p, '*'));)
            *p = '0';
        if (mi_places_parse(&places, text, NULL, &err) < 0)
            mi_tool_misuse("--at: %s", err.text);
        mi_places_free(&places);
        free(text);
    }
}

static void check_files(const struct options *opt, int n_operands)
{
    if (!opt->model)
        mi_tool_misuse("-m names the model");
    if (!opt->list && opt->at.n == 0)
        mi_tool_misuse("--at names the sites to capture (--list shows them)");
    if (opt->list && (n_operands > 0 || opt->prompt || opt->dry_run))
        mi_tool_misuse("--list needs the model only");
    if ((opt->list || opt->dry_run) && opt->output)
        mi_tool_misuse("--%s goes to standard output: -o does not go with it",
                       opt->list ? "list" : "dry-run");
    if (opt->prompt && n_operands > 0)
        mi_tool_misuse("-p and a file of prompts: '%s'", mi_quote(opt->input));
    if (!opt->list && !opt->prompt && n_operands == 0 && isatty(STDIN_FILENO))
        mi_tool_misuse("expects prompts: -p TEXT, a file, or standard input");
    if (opt->output && strcmp(opt->output, "-") != 0 &&
        ((!opt->prompt && mi_same_file(opt->input, opt->output)) ||
         mi_same_file(opt->model, opt->output)))
        mi_tool_misuse("input and output are the same file: '%s'", mi_quote(opt->output));
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
    if (opt->shard && mi_shard_parse(&opt->part, opt->shard, &err) < 0)
        mi_tool_misuse("--shard: %s", err.text);
    if (opt->max_memory && mi_bytes_parse(opt->max_memory, &opt->memory, &err) < 0)
        mi_tool_misuse("--max-memory: %s", err.text);
    check_site_names(&opt->at);
}

static void parse_options(struct options *opt, int argc, char **argv)
{
    const struct mi_opt table[] = {
        MI_STRING('m', "model", "FILE", &opt->model, "the model (GGUF)"),
        MI_LIST(0, "at", "SITES", &opt->at, "what to capture, as resid_post:* (may be repeated)"),
        MI_STRING(0, "pos", "POSITIONS", &opt->pos,
                  "where: last, -2, 2:5, all, gen, span:NAME, ..."),
        MI_STRING('p', "prompt", "TEXT", &opt->prompt, "one prompt, instead of a file"),
        MI_STRING('o', "output", "FILE", &opt->output, "write the stream here"),
        MI_CHOICE(0, "dtype", "TYPE", &opt->dtype, dtypes, "numbers of activations"),
        MI_CHOICE(0, "reduce", "KIND", &opt->reduce, reductions, "statistics instead of records"),
        MI_STRING(0, "by", "FIELD", &opt->by, "statistics for each value of a field, as label"),
        MI_LIST(0, "edit", "LINE", &opt->edits, "change activations; @run: as the run did; none"),
        MI_LIST(0, "plan", "FILE", &opt->plans, "edits, one a line (may be repeated)"),
        MI_INT('s', "seed", "N", &opt->seed, 0, LONG_MAX, "seed of noise"),
        MI_FLAG(0, "other-model", &opt->other_model, "accept streams of a model as wide as this"),
        MI_STRING(0, "template", "NAME", &opt->chat, "chat template: auto, raw, chatml, mistral"),
        MI_STRING(0, "system", "TEXT", &opt->system, "system message of conversations without one"),
        MI_FLAG(0, "no-bos", &opt->no_bos, "put no beginning-of-text token before prompts"),
        MI_FLAG(0, "add-generation-prompt", &opt->add_generation_prompt,
                "open the assistant's turn"),
        MI_FLAG(0, "parse-special", &opt->parse_special, "see control tokens in raw prompts"),
        MI_FLAG(0, "list", &opt->list, "show every site: names, shape, bytes of a token"),
        MI_FLAG(0, "dry-run", &opt->dry_run, "say what would be computed"),
        MI_STRING(0, "shard", "I/N", &opt->shard, "take the I-th of N parts, from 0"),
        MI_INT(0, "batch", "ROWS", &opt->batch, 0, 1 << 20, "tokens of a pass; 0: chosen"),
        MI_STRING(0, "max-memory", "SIZE", &opt->max_memory, "refuse to use more, e.g. 4G"),
        MI_INT('j', "threads", "N", &opt->threads, 0, MI_PAR_MAX, "threads; 0: as allowed"),
    };
    int n = (int)(sizeof table / sizeof *table), i = mi_opt_parse(table, n, argc, argv);

    if (argc - i > 1)
        mi_tool_misuse("too many files: '%s'", mi_quote(argv[i + 1]));
    if (i < argc)
        opt->input = argv[i];
    check_files(opt, argc - i);
    check_values(opt);
    mi_par_set((int)opt->threads);
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

/* Every place in the order in which a pass reaches it. */
static int list_sites(const char *path)
{
    struct mi_model m = {0};
    struct mi_error err = {0};
    const struct mi_dims *d = &m.config.dims;

    if (mi_model_open(&m, path, &err) < 0)
        return mi_tool_failed(&err);
    printf("%-22s %-34s %-12s %s\n", "site", "hook", "shape", "bytes/token");
    for (int s = 0; s < MI_SITES; s++)
        if (mi_site_info((enum mi_site)s)->is_global && s == MI_SITE_EMBED)
            print_place(d, (enum mi_site)s, -1);
    for (int l = 0; l < d->n_layers; l++)
        for (int s = 0; s < MI_SITES; s++)
            if (!mi_site_info((enum mi_site)s)->is_global)
                print_place(d, (enum mi_site)s, l);
    for (int s = 0; s < MI_SITES; s++)
        if (mi_site_info((enum mi_site)s)->is_global && s != MI_SITE_EMBED)
            print_place(d, (enum mi_site)s, -1);
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
        .max_memory = opt->memory,
        .max_rows = (int)opt->batch,
    };
    for (int i = 0; i < opt->at.n; i++)
        if (mi_places_parse(&c->places, opt->at.item[i], &w->session.model.config.dims, err) < 0)
            return mi_fail_in(err, "--at");
    return mi_capture_check(&w->session, c, err);
}

static int open_edits(struct work *w, const struct options *opt, struct mi_error *err)
{
    int r = mi_editor_open(&w->edits, &w->session, opt->edits.item, opt->edits.n, opt->plans.item,
                           opt->plans.n, mi_source_header(&w->source), opt->other_model, opt->seed,
                           err);

    if (r == 0 && mi_editor_bytes(&w->edits) > MOST_EDIT_BYTES)
        r = mi_fail(err, MI_EXIT_DATA, "the edits use %lld MiB of tensors, a header holds %d MiB",
                    (long long)(mi_editor_bytes(&w->edits) >> 20), MOST_EDIT_BYTES >> 20);
    return r;
}

static void set_text(struct mi_arena *a, struct mi_value *map, const char *name, const char *text)
{
    if (text)
        mi_set(a, map, name, mi_text_dup(a, text, strlen(text)));
}

/* What decides the result, as it was resolved: a default that is written out is the same
 * work. Sites and dtype stand in the header itself, edits in its `edits`. */
static struct mi_value resolved_options(struct mi_arena *a, const struct options *opt)
{
    struct mi_value map = mi_map();

    set_text(a, &map, "pos", opt->positions.text);
    set_text(a, &map, "reduce", opt->reduce ? reductions[opt->reduce] : NULL);
    set_text(a, &map, "by", opt->by);
    set_text(a, &map, "template", opt->chat);
    set_text(a, &map, "system", opt->system);
    set_text(a, &map, "no-bos", opt->no_bos ? "true" : NULL);
    set_text(a, &map, "add-generation-prompt", opt->add_generation_prompt ? "true" : NULL);
    set_text(a, &map, "parse-special", opt->parse_special ? "true" : NULL);
    set_text(a, &map, "other-model", opt->other_model ? "true" : NULL);
    return map;
}

static int write_header(struct work *w, const struct options *opt, struct mi_error *err)
{
    struct mi_arena *a = &w->arena;
    int r;

    w->header = mi_header_from(a, mi_source_header(&w->source), opt->reduce ? "stat" : "act");
    if ((r = mi_session_header(&w->session, a, &w->header, err)) < 0 ||
        (r = mi_source_check(&w->source, &w->header, opt->other_model, err)) < 0)
        return r;
    mi_capture_header(&w->capture, a, &w->header);
    mi_source_set_shard(&w->source, a, &w->header);
    mi_header_step(a, &w->header, "mi-capture", NULL, resolved_options(a, opt), opt->seed);
    mi_editor_describe(&w->edits, a, &w->header);
    return mi_writer_header(&w->out, &w->header, err);
}

static int finish_stream(struct work *w, struct mi_error *err)
{
    struct mi_value inputs = mi_source_inputs(&w->source, &w->arena);
    struct mi_value more = mi_editor_inputs(&w->edits, &w->arena);
    int r;

    for (size_t i = 0; i < more.as.array.n; i++)
        mi_push(&w->arena, &inputs, more.as.array.item[i]);
    r = mi_model_unchanged(&w->session.model, err);
    return r < 0 ? r : mi_writer_end(&w->out, &inputs, err);
}

static int print_plan(struct work *w, struct mi_error *err)
{
    struct mi_capture_totals t;
    char bytes[24], peak[24];
    int r = mi_capture_plan(&w->session, &w->source, &w->capture, !mi_editor_is_empty(&w->edits),
                            &t, err);

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
            mi_bytes_text((double)mi_writer_bytes(&w->out), bytes), mi_usage_text(usage));
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
    r = mi_capture(&w->session, &w->source, &w->edits, &w->capture, &w->out, &totals, err);
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
    struct work w = {0};
    struct mi_error err = {0};
    struct mi_session_options s = {
        .model = opt->model,
        .chat = opt->chat,
        .system = opt->system,
        .no_bos = opt->no_bos,
        .add_generation_prompt = opt->add_generation_prompt,
        .parse_special = opt->parse_special,
        .is_chat = opt->system || (opt->chat && strcmp(opt->chat, "raw") != 0),
        .max_memory = opt->memory,
    };
    int r = 0;

    if (!opt->dry_run)
        r = mi_writer_open(&w.out, opt->output, &err);
    if (r == 0)
        r = mi_source_open(&w.source, opt->input, opt->prompt, opt->part, &err);
    if (r == 0)
        r = mi_session_open(&w.session, &s, &err);
    if (r == 0)
        r = choose(&w, opt, &err);
    if (r == 0)
        r = open_edits(&w, opt, &err);
    if (r == 0)
        r = opt->dry_run ? print_plan(&w, &err) : capture(&w, opt, &err);
    mi_places_free(&w.capture.places);
    mi_editor_close(&w.edits);
    mi_session_close(&w.session);
    mi_source_close(&w.source);
    mi_writer_close(&w.out);
    mi_arena_free(&w.arena);
    return r < 0 ? mi_tool_failed(&err) : MI_EXIT_OK;
}

int main(int argc, char **argv)
{
    struct options opt = {.input = "-", .pos = "last"};
    int status;

    mi_tool_start(&tool, argv);
    parse_options(&opt, argc, argv);
    status = opt.list ? list_sites(opt.model) : run(&opt);
    mi_pos_free(&opt.positions);
    return mi_tool_end(status);
}
