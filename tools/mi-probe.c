/* mi-probe: how well directions and probes tell two sides of activations apart. */
#include "base/escape.h"
#include "base/file.h"
#include "base/opt.h"
#include "base/par.h"
#include "base/progress.h"
#include "base/tool.h"
#include "job/evaluate.h"
#include "stream/header.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

static const char *const verbs[] = {
    "eval", "-d DIRECTIONS [OPTION]... [ACTS]   accuracy and AUROC of directions, with controls",
    NULL,
};

static const struct mi_tool tool = {
    .name = "mi-probe",
    .synopsis = "eval -d DIRECTIONS [OPTION]... [ACTS]",
    .about = "Evaluate directions on activations that they were not fitted on: accuracy, AUROC,\n"
             "intervals by resampling groups, beside random and shuffled directions.",
    .examples = "  mi-probe eval -d honesty.mi acts-test.mi | mi-report -\n"
                "  mi-probe eval -d honesty.mi --part test --fraction 0.5 acts.mi -o scores.mi\n",
    .verbs = verbs,
};

static const char *const parts[] = {"all", "train", "test", NULL};
static const char *const pools[] = {"none", "mean", "last", NULL};

struct options {
    const char *input, *output, *metrics;
    struct mi_strings directions;
    struct mi_acts_options acts;
    struct mi_evaluate_options eval;
    bool other_model;
    int part, pool;
    long threads, seed, bootstrap, n_random, n_permuted;
    struct mi_origin origin;
};

/* Everything that is open; every closer accepts the zero value. */
struct work {
    struct mi_writer out;
    struct mi_acts acts;
    struct mi_dirs dirs;
};

/* ---- the command line -------------------------------------------------------- */

static void check_options(struct options *opt)
{
    struct mi_error err = {0};
    int n_stdin = strcmp(opt->input, "-") == 0;

    if (opt->directions.n == 0)
        mi_tool_misuse("-d names the directions");
    for (int i = 0; i < opt->directions.n; i++) {
        n_stdin += strcmp(opt->directions.item[i], "-") == 0;
        if (opt->output && mi_same_file(opt->directions.item[i], opt->output))
            mi_tool_misuse("input and output are the same file: '%s'", mi_quote(opt->output));
    }
    if (n_stdin > 1)
        mi_tool_misuse("only one input can be standard input");
    if (n_stdin == 1 && isatty(STDIN_FILENO))
        mi_tool_misuse("expects activations: a file, or a pipe on standard input");
    if (opt->output && mi_same_file(opt->input, opt->output))
        mi_tool_misuse("input and output are the same file: '%s'", mi_quote(opt->output));
    if (opt->metrics && mi_evaluate_metrics(opt->eval.wants, opt->metrics, &err) < 0)
        mi_tool_misuse("--metric: %s", err.text);
}

static void parse_eval(struct options *opt, int argc, char **argv)
{
    const struct mi_opt table[] = {
        MI_LIST('d', "directions", "FILE", &opt->directions, "directions (may be repeated)"),
        MI_STRING('o', "output", "FILE", &opt->output, "write score records here"),
        MI_STRING(0, "sides", "POS,NEG", &opt->acts.sides, "sides, if not as in the directions"),
        MI_STRING(0, "at", "PLACES", &opt->acts.at, "evaluate at these places only"),
        MI_STRING(0, "group-by", "FIELD", &opt->acts.group_by, "field that makes the groups"),
        MI_CHOICE(0, "part", "PART", &opt->part, parts, "groups to take"),
        MI_REAL(0, "fraction", "X", &opt->acts.share, 0, 1, "share of groups in part train"),
        MI_CHOICE(0, "pool", "HOW", &opt->pool, pools, "one row a prompt"),
        MI_STRING(0, "metric", "LIST", &opt->metrics, "accuracy, pair_accuracy, auroc (all)"),
        MI_INT(0, "bootstrap", "N", &opt->bootstrap, 0, 1000000, "replicates; 0: no intervals"),
        MI_REAL(0, "level", "X", &opt->eval.level, 0.5, 0.9999, "level of the intervals"),
        MI_INT(0, "random", "N", &opt->n_random, 0, 10000, "random directions as a control"),
        MI_INT(0, "permuted", "N", &opt->n_permuted, 0, 10000, "shuffles of the sides as a control"),
        MI_FLAG(0, "allow-leak", &opt->eval.allow_leak, "accept groups that were fitted on"),
        MI_FLAG(0, "other-model", &opt->other_model, "accept a model as wide as this"),
        MI_INT('s', "seed", "N", &opt->seed, 0, LONG_MAX, "seed of all draws"),
        MI_INT('j', "threads", "N", &opt->threads, 0, MI_PAR_MAX, "threads; 0: as allowed"),
    };
    int n = (int)(sizeof table / sizeof *table), i = mi_opt_parse(table, n, argc, argv);

    if (argc - i > 1)
        mi_tool_misuse("too many files: '%s'", mi_quote(argv[i + 1]));
    if (i < argc)
        opt->input = argv[i];
    check_options(opt);
    mi_opt_each_that_matters(table, n, mi_origin_option, &opt->origin);
    opt->acts.part = (enum mi_part)opt->part;
    opt->acts.pool = (enum mi_pool)opt->pool;
    opt->acts.seed = opt->eval.seed = (uint64_t)opt->seed;
    opt->eval.n_bootstrap = (int32_t)opt->bootstrap;
    opt->eval.n_random = (int)opt->n_random;
    opt->eval.n_permuted = (int)opt->n_permuted;
    mi_par_set((int)opt->threads);
}

/* ---- eval --------------------------------------------------------------------- */

static int open_inputs(struct work *w, struct options *opt, struct mi_error *err)
{
    int r = 0;

    for (int i = 0; i < opt->directions.n && r == 0; i++)
        r = mi_dirs_read(&w->dirs, opt->directions.item[i], opt->acts.at, opt->other_model,
                         &opt->origin, err);
    if (r == 0 && w->dirs.n == 0)
        r = mi_fail(err, MI_EXIT_DATA, "'%s': no directions%s%s",
                    mi_quote(opt->directions.item[0]), opt->acts.at ? " at " : "",
                    opt->acts.at ? mi_quote(opt->acts.at) : "");
    if (r == 0)
        r = mi_dirs_sides(&w->dirs, opt->acts.sides, &opt->acts.sides, err);
    if (r == 0)
        r = mi_acts_open(&w->acts, opt->input, &opt->acts, err);
    if (r == 0)
        r = mi_header_same_model(&w->dirs.header, mi_reader_header(&w->acts.reader),
                                 opt->other_model, err);
    return r;
}

static int eval(struct work *w, struct options *opt, struct mi_error *err)
{
    struct mi_value header;
    int64_t n = 0;
    int r = mi_writer_open(&w->out, opt->output, err);

    if (r < 0 || (r = open_inputs(w, opt, err)) < 0)
        return r;
    header = mi_origin_header(&opt->origin, mi_reader_header(&w->acts.reader), &w->dirs.header,
                              "score", tool.name, "eval", opt->seed);
    if ((r = mi_writer_header(&w->out, &header, err)) < 0 ||
        (r = mi_evaluate(&w->acts, &w->dirs, &opt->eval, &w->out, &n, err)) < 0)
        return r;
    mi_origin_input(&opt->origin, &w->acts.reader);
    r = mi_writer_end(&w->out, &opt->origin.inputs, err);
    if (r == 0 && mi_opt_verbose) {
        char usage[64];

        mi_warn("%zu prompts, %zu places, %lld scores, %s", w->acts.n_prompts, w->acts.n_places,
                (long long)n, mi_usage_text(usage));
    }
    return r;
}

static int run(struct options *opt)
{
    struct work w = {0};
    struct mi_error err = {0};
    int r = eval(&w, opt, &err);

    mi_writer_close(&w.out);
    mi_acts_close(&w.acts);
    mi_dirs_free(&w.dirs);
    mi_origin_free(&opt->origin);
    return r < 0 ? mi_tool_failed(&err) : MI_EXIT_OK;
}

int main(int argc, char **argv)
{
    struct options opt = {
        .input = "-",
        .acts = {.share = 0.5},
        .eval = {.level = 0.95, .wants = {true, true, true}},
        .seed = 1,
        .bootstrap = 1000,
        .n_random = 20,
        .n_permuted = 20,
    };

    mi_tool_start(&tool, argv);
    mi_tool_verb(argc, argv);
    parse_eval(&opt, argc - 1, argv + 1);
    return mi_tool_end(run(&opt));
}
