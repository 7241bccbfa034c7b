/* mi-run: runs a model on prompts: generates, scores, applies edits. */
#include "base/bytes.h"
#include "base/escape.h"
#include "base/mem.h"
#include "base/opt.h"
#include "base/par.h"
#include "base/progress.h"
#include "base/tool.h"
#include "data/json.h"
#include "job/describe.h"
#include "job/generate.h"
#include "job/model_chat.h"
#include "job/selftest.h"
#include "job/task.h"
#include "stream/header.h"
#include "stream/run_record.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

enum what { RUN, SHOW_TOKENS, SHOW_PLAN, SHOW_INFO, SELFTEST }; /* from SHOW_INFO on: no prompts */

struct options {
    struct mi_task t;
    const char *judge_command;
    struct mi_strings stops, caches, variants;
    bool score, judge, text, info, tokens, selftest, architectures;
    long n_new, top, top_k, batch;
    double temperature, top_p, penalty;
    /* made from them */
    enum what what;
    bool is_text; /* the text goes to standard output, and no records anywhere */
    struct mi_arena arena;
    struct mi_value given; /* options for the provenance: {name: text} */
};

/* Everything that is open; every closer accepts the zero value. */
struct work {
    struct mi_task *t;
    struct mi_editor edits, cache_edits;
    struct mi_variants variants;
    struct mi_judge judge;
};

static const struct mi_tool tool = {
    .name = "mi-run",
    .synopsis = "-m MODEL [OPTION]... [-p TEXT | PROMPTS]",
    .about = "Run a model on prompts (JSON Lines or plain lines; standard input by default):\n"
             "generate text, or score what is given. On a terminal the text is shown; into a\n"
             "pipe or file go run records.",
    .examples = "  mi-run -m model.gguf -p 'The capital of France is' -n 8\n"
                "  mi-run -m model.gguf -n 32 prompts.jsonl -o run.mi\n"
                "  mi-run -m model.gguf --score prompts.jsonl | mi-view\n",
};

/* ---- the command line -------------------------------------------------------- */

/* Edits stand in the header in canonical form; a prompt stands in its record. */
static void note_option(void *ctx, const char *name, const char *value)
{
    static const char *const elsewhere[] = {"edit", "plan",       "prompt",
                                            "seed", "cache-from", "variant"};
    struct options *opt = ctx;
    const struct mi_value *there = mi_get(&opt->given, name);
    struct mi_buf both = {0};

    for (size_t i = 0; i < sizeof elsewhere / sizeof *elsewhere; i++)
        if (strcmp(name, elsewhere[i]) == 0)
            return;
    if (strcmp(name, "template") == 0)
        value = mi_model_chat_note(value);
    if (there) /* an option that was given several times */
        mi_buf_addf(&both, "%s\n", there->as.bytes.at);
    mi_buf_add_text(&both, value);
    mi_set_dup(&opt->arena, &opt->given, name,
               mi_str_n(mi_arena_dup(&opt->arena, both.data, both.len), both.len));
    mi_buf_free(&both);
}

static void check_generation(const struct options *opt)
{
    if (opt->temperature <= 0 && opt->top_k > 0)
        mi_tool_misuse("--top-k changes nothing without --temperature");
    if (opt->temperature <= 0 && opt->top_p < 1)
        mi_tool_misuse("--top-p changes nothing without --temperature");
    if (opt->score && mi_get(&opt->given, "new-tokens"))
        mi_tool_misuse("--score generates nothing: -n does not go with it");
    if (opt->score && opt->text)
        mi_tool_misuse("--score makes no text: --text does not go with it");
    if (opt->text && opt->t.output)
        mi_tool_misuse("--text goes to standard output: -o does not go with it");
    if (opt->caches.n && !opt->score)
        mi_tool_misuse("--cache-from is for --score: a generation has one cache");
    if (opt->variants.n && (opt->t.edits.n || opt->t.plans.n))
        mi_tool_misuse("--variant says what is changed: --edit and --plan do not go with it");
    if (opt->variants.n && opt->caches.n)
        mi_tool_misuse("--cache-from is of one list of edits: --variant does not go with it");
    if (opt->judge && opt->text)
        mi_tool_misuse("--judge writes into records: --text does not go with it");
    for (int i = 0; i < opt->stops.n; i++)
        if (!*opt->stops.item[i] || mi_utf8_valid(opt->stops.item[i], strlen(opt->stops.item[i])) !=
                                        strlen(opt->stops.item[i]))
            mi_tool_misuse("--stop: '%s' is no text to stop at", mi_quote(opt->stops.item[i]));
}

/* What stands in the place of a run. */
static void choose_answer(struct options *opt)
{
    const char *const name[] = {"", "tokens", "dry-run", "info", "selftest"};
    const bool is_asked[] = {false, opt->tokens, opt->t.dry_run, opt->info, opt->selftest};

    for (int i = RUN + 1; i <= SELFTEST; i++) {
        if (is_asked[i] && opt->what != RUN)
            mi_tool_misuse("--%s and --%s do not go together", name[opt->what], name[i]);
        if (is_asked[i])
            opt->what = (enum what)i;
    }
    if (opt->what != RUN && opt->t.output)
        mi_tool_misuse("--%s goes to standard output: -o does not go with it", name[opt->what]);
}

static void parse_options(struct options *opt, int argc, char **argv)
{
    const struct mi_opt table[] = {
        MI_TASK_FIRST(&opt->t),
        MI_INT('n', "new-tokens", "N", &opt->n_new, 0, INT_MAX, "generate up to N tokens"),
        MI_FLAG(0, "score", &opt->score, "generate nothing: score every given token"),
        MI_INT(0, "top", "K", &opt->top, 0, MI_RUN_MAX_TOP, "record the K most probable tokens"),
        MI_FLAG(0, "text", &opt->text, "print the text also where no terminal is"),
        MI_REAL(0, "temperature", "T", &opt->temperature, 0, 1e6, "sample; 0 takes the best"),
        MI_INT(0, "top-k", "K", &opt->top_k, 0, INT_MAX, "sample among the K best; 0: all"),
        MI_REAL(0, "top-p", "P", &opt->top_p, 0, 1, "sample among the best that reach P"),
        MI_REAL(0, "repetition-penalty", "X", &opt->penalty, 1e-3, 1e3, "penalty of tokens seen"),
        MI_LIST(0, "stop", "TEXT", &opt->stops, "end before this text (may be repeated)"),
        MI_FLAG(0, "judge", &opt->judge, "say whether the text is the target's or the foil's"),
        MI_STRING(0, "judge-command", "CMD", &opt->judge_command, "ask CMD, a line each"),
        MI_TASK_EDITS(&opt->t),
        MI_LIST(0, "variant", "LABEL=EDIT", &opt->variants,
                "run every prompt with each of these, all together (may be repeated)"),
        MI_LIST(0, "cache-from", "PLAN", &opt->caches, "with --score: past keys, values; or none"),
        MI_FLAG(0, "info", &opt->info, "say what the model is and needs"),
        MI_FLAG(0, "architectures", &opt->architectures, "list the kinds of model that can be run"),
        MI_FLAG(0, "selftest", &opt->selftest, "check what results rest on, with this model"),
        MI_FLAG(0, "tokens", &opt->tokens, "show the tokens of the prompts"),
        MI_INT(0, "batch", "N", &opt->batch, 0, 4096, "prompts under way at once; 0: chosen"),
        MI_TASK_LAST(&opt->t),
    };
    int n = (int)(sizeof table / sizeof *table), i = mi_opt_parse(table, n, argc, argv);
    struct mi_error err = {0};

    mi_opt_each_that_matters(table, n, note_option, opt);
    opt->judge = opt->judge || opt->judge_command;
    if (opt->architectures)
        return;
    check_generation(opt);
    if (opt->t.model)
        choose_answer(opt);
    if (mi_task_check(&opt->t, argc - i, argv + i, opt->what < SHOW_INFO, !isatty(STDIN_FILENO),
                      &err) < 0)
        mi_tool_misuse("%s", err.text);
    if (opt->score)
        opt->n_new = 0;
    else
        opt->t.add_generation_prompt = true; /* noted as it was given */
    opt->is_text =
        opt->text || (!opt->score && !opt->judge && !opt->t.output && isatty(STDOUT_FILENO));
}

/* ---- text on standard output -------------------------------------------------- */

struct show {
    bool is_terminal, is_single; /* is_single: no headings */
    bool has_begun;              /* the text of this item */
    char last;                   /* byte printed last */
};

static void print_bytes(struct show *show, const char *s, size_t n)
{
    if (n > 0)
        show->last = s[n - 1];
    fwrite(s, 1, n, stdout);
}

/* What could move the cursor or colour the screen is spelt out. */
static void print_safe(struct show *show, const char *s, size_t n)
{
    struct mi_buf escaped = {0};

    mi_escape_text(&escaped, s, n);
    print_bytes(show, escaped.data, escaped.len);
    mi_buf_free(&escaped);
}

static int show_text(void *self, const char *id, const char *bytes, size_t n, bool is_end,
                     struct mi_error *err)
{
    struct show *show = self;
    struct mi_buf text = {0};

    if (!show->has_begun && !show->is_single)
        printf("[%s]\n", mi_quote(id));
    show->has_begun = true;
    mi_text_repair(&text, bytes, n);
    if (show->is_terminal)
        print_safe(show, mi_buf_text(&text), text.len);
    else
        print_bytes(show, mi_buf_text(&text), text.len);
    mi_buf_free(&text);
    if (is_end) {
        fputs(show->last == '\n' ? "" : "\n", stdout);
        fputs(show->is_single ? "" : "\n", stdout);
        show->last = '\0';
        show->has_begun = false;
    }
    if ((is_end || show->is_terminal) && fflush(stdout) != 0)
        return mi_fail(err, MI_EXIT_SYS, "cannot write standard output:");
    return 0;
}

/* ---- the other answers -------------------------------------------------------- */

static int print_lines(struct mi_buf *lines, int r)
{
    fputs(r == 0 ? mi_buf_text(lines) : "", stdout);
    mi_buf_free(lines);
    return r;
}

static void print_check(void *self, const struct mi_selftest_check *check)
{
    (void)self;
    printf("%-6s %s: %s\n", check->is_passed ? "ok" : "FAILED", check->name, check->text);
    fflush(stdout);
}

static int print_tokens(struct work *w, struct mi_error *err)
{
    bool is_table = isatty(STDOUT_FILENO);
    struct mi_item item = {0};
    struct mi_buf b = {0};
    int r;

    while ((r = mi_source_next(&w->t->source, &w->t->session, &item, err)) > 0) {
        mi_buf_clear(&b);
        if (is_table) {
            mi_describe_tokens_table(&b, &item);
        } else {
            struct mi_value body = mi_describe_tokens(&item.arena, &item);

            mi_json_print(&b, &body, (struct mi_json_style){0});
        }
        puts(mi_buf_text(&b));
        mi_item_free(&item);
    }
    mi_buf_free(&b);
    return r;
}

/* ---- the run ------------------------------------------------------------------ */

static struct mi_run_options make_run_options(const struct options *opt, struct show *show)
{
    struct mi_run_options o = {
        .n_new = opt->n_new,
        .sampling = {opt->temperature, opt->top_k, opt->top_p, opt->penalty, (uint64_t)opt->t.seed},
        .stops = {opt->stops.item, opt->stops.n},
        .n_top = (int)opt->top,
        .max_memory = opt->t.memory,
        .max_items = (int)opt->batch,
        .is_flushed = opt->n_new > 0 && (!opt->t.output || strcmp(opt->t.output, "-") == 0),
        .text = opt->is_text ? show_text : NULL,
        .self = show,
    };

    return o;
}

static int open_variants(struct work *w, const struct options *opt, struct mi_error *err)
{
    struct mi_task *t = w->t;

    return mi_variants_open(&w->variants, &t->session, opt->variants.item, opt->variants.n,
                            mi_source_header(&t->source), t->other_model, t->seed, &t->arena, err);
}

static int print_plan(struct work *w, const struct options *opt, struct mi_error *err)
{
    struct mi_run_options o = make_run_options(opt, NULL);
    struct mi_plan plan;
    struct mi_buf b = {0};
    int r = opt->variants.n ? open_variants(w, opt, err) : 0;

    o.variants = opt->variants.n ? &w->variants : NULL;
    if (r == 0)
        r = mi_plan_run(&plan, &w->t->session, &w->t->source, &o, !opt->is_text, err);
    if (r == 0)
        mi_plan_print(&b, &plan);
    return print_lines(&b, r);
}

/* The edits of the run that keys and values come from: plan files; `none` and `@run` among them
 * mean what they mean as an edit. */
static int open_cache_edits(struct work *w, const struct options *opt, struct mi_error *err)
{
    const char *line[2] = {"none", "none"};
    const char **plan = mi_alloc_n((size_t)opt->caches.n, sizeof *plan);
    int n = 0, r;

    for (int i = 0; i < opt->caches.n; i++) {
        const char *name = opt->caches.item[i];

        if (strcmp(name, "@run") == 0)
            line[0] = name;
        else if (strcmp(name, "none") != 0)
            plan[n++] = name;
    }
    r = mi_editor_open(&w->cache_edits, &w->t->session, line, 2, plan, n,
                       mi_source_header(&w->t->source), opt->t.other_model, opt->t.seed, err);
    mi_free(plan);
    return r;
}

/* The stream's header carries what the edits used, so that it can be replayed alone. */
static int open_edits(struct work *w, const struct options *opt, struct mi_error *err)
{
    int r;

    if (opt->variants.n)
        return open_variants(w, opt, err);
    r = mi_task_edits(w->t, &w->edits, err);
    if (r == 0 && opt->caches.n && (r = open_cache_edits(w, opt, err)) < 0)
        r = mi_fail_in(err, "--cache-from");
    if (r < 0 || opt->is_text)
        return r;
    return mi_task_check_edits(mi_editor_bytes(&w->edits) + mi_editor_bytes(&w->cache_edits), err);
}

static int write_header(struct work *w, const struct options *opt, struct mi_error *err)
{
    int r = mi_task_header(w->t, "run", err);

    if (r < 0)
        return r;
    mi_source_set_shard(&w->t->source, &w->t->arena, &w->t->header);
    mi_header_step(&w->t->arena, &w->t->header, "mi-run", NULL, opt->given, opt->t.seed);
    mi_editor_describe(&w->edits, &w->t->arena, &w->t->header);
    if (w->variants.n)
        mi_variants_describe(&w->variants, &w->t->arena, &w->t->header);
    if (opt->caches.n)
        mi_editor_describe_cache(&w->cache_edits, &w->t->arena, &w->t->header);
    return mi_writer_header(&w->t->out, &w->t->header, err);
}

static int finish_stream(struct work *w, struct mi_error *err)
{
    struct mi_value inputs = mi_editor_inputs(&w->edits, &w->t->arena);
    struct mi_value more = mi_editor_inputs(&w->cache_edits, &w->t->arena);
    struct mi_value variants = mi_variants_inputs(&w->variants, &w->t->arena);

    mi_add_all(&w->t->arena, &inputs, &more);
    mi_add_all(&w->t->arena, &inputs, &variants);
    return mi_task_end(w->t, &inputs, err);
}

static double per_second(int64_t n, double seconds)
{
    return seconds > 0 ? (double)n / seconds : 0;
}

static void say_totals(const struct mi_run_totals *t)
{
    char usage[64];

    mi_warn("%lld prompts, %lld tokens given (%lld shared, %.1f/s), %lld generated (%.1f/s), %s",
            (long long)t->n_prompts, (long long)t->n_given, (long long)t->n_shared,
            per_second(t->n_given, t->given_s), (long long)t->n_made,
            per_second(t->n_made, t->made_s), mi_usage_text(usage));
}

static int run_prompts(struct work *w, const struct options *opt, struct mi_error *err)
{
    struct show show = {.is_terminal = isatty(STDOUT_FILENO),
                        .is_single = opt->t.prompt && !opt->variants.n};
    struct mi_run_options o = make_run_options(opt, &show);
    struct mi_run_totals totals;
    int r = open_edits(w, opt, err);

    o.cache_from = opt->caches.n ? &w->cache_edits : NULL;
    o.variants = opt->variants.n ? &w->variants : NULL;
    o.judge = opt->judge ? &w->judge : NULL;
    if (r == 0 && opt->judge)
        r = mi_judge_open(&w->judge, opt->judge_command, err);
    if (r == 0 && !opt->is_text)
        r = write_header(w, opt, err);
    if (r < 0)
        return r;
    if (mi_progress_wanted(mi_opt_quiet) && !(opt->is_text && show.is_terminal))
        mi_progress_start("prompts", 0);
    r = mi_run(&w->t->session, &w->t->source, &w->edits, &o, opt->is_text ? NULL : &w->t->out,
               &totals, err);
    mi_progress_end();
    if (r == 0)
        r = mi_judge_end(&w->judge, err);
    if (r == 0 && !opt->is_text)
        r = finish_stream(w, err);
    if (r == 0 && mi_opt_verbose)
        say_totals(&totals);
    return r;
}

static int answer(struct work *w, const struct options *opt, struct mi_error *err)
{
    struct mi_buf lines = {0};

    switch (opt->what) {
    case SHOW_TOKENS: return print_tokens(w, err);
    case SHOW_PLAN: return print_plan(w, opt, err);
    case SHOW_INFO:
        return print_lines(&lines, mi_describe_model(&lines, &w->t->session, opt->t.context, err));
    case SELFTEST: return mi_selftest(&w->t->session, NULL, print_check, NULL, err);
    default: return run_prompts(w, opt, err);
    }
}

static int list_architectures(void)
{
    struct mi_buf lines = {0};

    mi_describe_architectures(&lines);
    return print_lines(&lines, 0);
}

static int run(struct options *opt)
{
    struct work w = {.t = &opt->t};
    struct mi_error err = {0};
    int r = mi_task_open(&opt->t, opt->what == RUN && !opt->is_text, opt->what < SHOW_INFO, &err);

    if (r == 0)
        r = answer(&w, opt, &err);
    mi_judge_close(&w.judge);
    mi_editor_close(&w.edits);
    mi_editor_close(&w.cache_edits);
    mi_variants_close(&w.variants);
    mi_task_close(&opt->t);
    return r < 0 ? mi_tool_failed(&err) : r > 0 ? MI_EXIT_NO : MI_EXIT_OK;
}

int main(int argc, char **argv)
{
    struct options opt = {
        .t = {.input = "-"}, .n_new = 64, .top_p = 1, .penalty = 1, .given = {.kind = MI_MAP}};
    int status;

    mi_tool_start(&tool, argv);
    parse_options(&opt, argc, argv);
    status = opt.architectures ? list_architectures() : run(&opt);
    mi_arena_free(&opt.arena);
    return mi_tool_end(status);
}
