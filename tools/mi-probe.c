/* mi-probe: how well directions and probes tell two sides of activations apart. */
#include "base/escape.h"
#include "base/file.h"
#include "base/opt.h"
#include "base/par.h"
#include "base/progress.h"
#include "base/tool.h"
#include "job/evaluate.h"
#include "job/transfer.h"
#include "stream/header.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

enum verb { EVAL, FIT, TRANSFER };

static const char *const verbs[] = {
    "eval",     "-d DIRECTIONS [OPTION]... [ACTS]  directions on activations they have not seen",
    "fit",      "[OPTION]... [ACTS]   a probe on some of the groups, evaluated on the others",
    "transfer", "--by FIELD [OPTION]... [ACTS]   probes of each domain, evaluated on each",
    NULL,
};

static const struct mi_tool tool = {
    .name = "mi-probe",
    .synopsis = "eval|fit|transfer [OPTION]... [ACTS]",
    .about = "Evaluate directions and probes on activations that they were not fitted on:\n"
             "accuracy, AUROC, intervals by resampling groups, beside random directions and\n"
             "shuffled sides.",
    .examples = "  mi-probe eval -d honesty.mi acts-test.mi | mi-report -\n"
                "  mi-probe eval -d honesty.mi --part test --fraction 0.5 acts.mi -o scores.mi\n"
                "  mi-probe fit --method logistic acts.mi | mi-report\n"
                "  mi-probe transfer --by topic --method mass-mean acts.mi -o matrix.mi\n",
    .verbs = verbs,
};

static const char *const parts[] = {"all", "train", "test", NULL};
static const char *const pools[] = {"none", "mean", "last", NULL};

struct options {
    enum verb verb;
    const char *input, *output, *metrics, *method, *probes;
    struct mi_strings directions;
    struct mi_acts_options acts;
    struct mi_evaluate_options eval;
    struct mi_transfer_options fit;
    bool other_model;
    int part, pool;
    long threads, seed, bootstrap, n_random, n_permuted, n_draws;
    struct mi_origin origin;
};

/* Everything that is open; every closer accepts the zero value. */
struct work {
    struct mi_writer out, probes;
    struct mi_acts acts;
    struct mi_dirs dirs;
};

/* ---- the command line -------------------------------------------------------- */

static void check_options(struct options *opt)
{
    struct mi_error err = {0};
    int n_stdin = strcmp(opt->input, "-") == 0;

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

/* What all verbs do after their table was read; i is the first operand. */
static void finish_options(struct options *opt, const struct mi_opt *table, int n, int i, int argc,
                           char **argv)
{
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
    mi_par_set((int)opt->threads);
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
        MI_INT(0, "permuted", "N", &opt->n_permuted, 0, 10000,
               "shuffles of the sides as a control"),
        MI_FLAG(0, "allow-leak", &opt->eval.allow_leak, "accept groups that were fitted on"),
        MI_FLAG(0, "other-model", &opt->other_model, "accept a model as wide as this"),
        MI_INT('s', "seed", "N", &opt->seed, 0, LONG_MAX, "seed of all draws"),
        MI_INT('j', "threads", "N", &opt->threads, 0, MI_PAR_MAX, "threads; 0: as allowed"),
    };
    int n = (int)(sizeof table / sizeof *table), i = mi_opt_parse(table, n, argc, argv);

    if (opt->directions.n == 0)
        mi_tool_misuse("-d names the directions");
    finish_options(opt, table, n, i, argc, argv);
    opt->eval.n_random = (int)opt->n_random;
    opt->eval.n_permuted = (int)opt->n_permuted;
}

/* fit and transfer: the same table but for --by. */
static void parse_fit(struct options *opt, int argc, char **argv)
{
    const struct mi_opt table[] = {
        MI_STRING(0, "by", "FIELD", &opt->acts.domain_by, "field that makes the domains"),
        MI_STRING(0, "method", "NAME", &opt->method, "as of mi-direction fit"),
        MI_STRING('o', "output", "FILE", &opt->output, "write score records here"),
        MI_STRING(0, "probes", "FILE", &opt->probes, "write the fitted directions here"),
        MI_STRING(0, "sides", "POS,NEG", &opt->acts.sides, "sides; without: label 1 and 0"),
        MI_STRING(0, "at", "PLACES", &opt->acts.at, "at these places only"),
        MI_STRING(0, "group-by", "FIELD", &opt->acts.group_by, "field that makes the groups"),
        MI_REAL(0, "fraction", "X", &opt->acts.share, 0.01, 0.99, "share of groups that fit"),
        MI_CHOICE(0, "pool", "HOW", &opt->pool, pools, "one row a prompt"),
        MI_STRING(0, "metric", "LIST", &opt->metrics, "accuracy, pair_accuracy, auroc (all)"),
        MI_REAL(0, "l2", "X", &opt->fit.l2, 1e-9, 1e9, "penalty of the logistic regression"),
        MI_REAL(0, "rtol", "X", &opt->fit.rtol, 0, 1, "least eigenvalue that mass-mean keeps"),
        MI_INT(0, "bootstrap", "N", &opt->bootstrap, 0, 1000000, "replicates; 0: no intervals"),
        MI_REAL(0, "level", "X", &opt->eval.level, 0.5, 0.9999, "level of the intervals"),
        MI_INT(0, "draws", "N", &opt->n_draws, 0, 10000, "draws of each control"),
        MI_INT('s', "seed", "N", &opt->seed, 0, LONG_MAX, "seed of all draws"),
        MI_INT('j', "threads", "N", &opt->threads, 0, MI_PAR_MAX, "threads; 0: as allowed"),
    };
    int skip = opt->verb == FIT, n = (int)(sizeof table / sizeof *table) - skip;
    int i = mi_opt_parse(table + skip, n, argc, argv), method;
    struct mi_error err = {0};

    if (opt->verb == TRANSFER && !opt->acts.domain_by)
        mi_tool_misuse("--by names the field that makes the domains");
    method = mi_method_find(opt->method, &err);
    if (method < 0)
        mi_tool_misuse("--method: %s", err.text);
    if (mi_method_info((enum mi_method)method)->is_control)
        mi_tool_misuse("--method: '%s' is a control, which comes by itself", opt->method);
    if (opt->probes && opt->output && mi_same_file(opt->probes, opt->output))
        mi_tool_misuse("--probes and --output are the same file: '%s'", mi_quote(opt->output));
    if (opt->probes && strcmp(opt->probes, "-") == 0 &&
        (!opt->output || strcmp(opt->output, "-") == 0))
        mi_tool_misuse("--probes and --output are both standard output");
    finish_options(opt, table + skip, n, i, argc, argv);
    opt->fit.method = (enum mi_method)method;
    opt->fit.share = opt->acts.share;
    opt->fit.seed = (uint64_t)opt->seed;
    opt->fit.n_bootstrap = (int32_t)opt->bootstrap;
    opt->fit.level = opt->eval.level;
    opt->fit.n_draws = (int)opt->n_draws;
    memcpy(opt->fit.wants, opt->eval.wants, sizeof opt->fit.wants);
}

/* ---- the verbs --------------------------------------------------------------------- */

static int open_inputs(struct work *w, struct options *opt, struct mi_error *err)
{
    int r = 0;

    for (int i = 0; i < opt->directions.n && r == 0; i++)
        r = mi_dirs_read(&w->dirs, opt->directions.item[i], opt->acts.at, opt->other_model,
                         &opt->origin, err);
    if (r == 0 && w->dirs.n == 0)
        r = mi_fail(err, MI_EXIT_DATA, "'%s': no directions%s%s", mi_quote(opt->directions.item[0]),
                    opt->acts.at ? " at " : "", opt->acts.at ? mi_quote(opt->acts.at) : "");
    if (r == 0)
        r = mi_dirs_sides(&w->dirs, opt->acts.sides, &opt->acts.sides, err);
    if (r == 0)
        r = mi_acts_open(&w->acts, opt->input, &opt->acts, err);
    if (r == 0)
        r = mi_header_same_model(&w->dirs.header, mi_reader_header(&w->acts.reader),
                                 opt->other_model, err);
    return r;
}

static int begin(struct work *w, struct options *opt, struct mi_writer *out, const char *content,
                 struct mi_error *err)
{
    struct mi_value header =
        mi_origin_header(&opt->origin, mi_reader_header(&w->acts.reader), &w->dirs.header, content,
                         tool.name, verbs[2 * opt->verb], opt->seed);

    return mi_writer_header(out, &header, err);
}

static int eval(struct work *w, struct options *opt, int64_t *n, struct mi_error *err)
{
    int r = open_inputs(w, opt, err);

    if (r < 0 || (r = begin(w, opt, &w->out, "score", err)) < 0)
        return r;
    return mi_evaluate(&w->acts, &w->dirs, &opt->eval, &w->out, n, err);
}

static int fit(struct work *w, struct options *opt, int64_t *n, struct mi_error *err)
{
    int r = mi_acts_open(&w->acts, opt->input, &opt->acts, err);

    if (r == 0 && opt->probes)
        r = mi_writer_open(&w->probes, opt->probes, err);
    if (r < 0 || (r = begin(w, opt, &w->out, "score", err)) < 0 ||
        (opt->probes && (r = begin(w, opt, &w->probes, "dir", err)) < 0))
        return r;
    return mi_transfer(&w->acts, &opt->fit, &w->out, opt->probes ? &w->probes : NULL, n, err);
}

static int finish(struct work *w, struct options *opt, int64_t n, struct mi_error *err)
{
    char usage[64];
    int r = 0;

    mi_origin_input(&opt->origin, &w->acts.reader);
    if (opt->probes)
        r = mi_writer_end(&w->probes, &opt->origin.inputs, err);
    if (r == 0)
        r = mi_writer_end(&w->out, &opt->origin.inputs, err);
    if (r == 0 && mi_opt_verbose)
        mi_warn("%zu prompts, %zu places, %lld scores, %s", w->acts.n_prompts, w->acts.n_places,
                (long long)n, mi_usage_text(usage));
    return r;
}

static int run(struct options *opt)
{
    struct work w = {0};
    struct mi_error err = {0};
    int64_t n = 0;
    int r = mi_writer_open(&w.out, opt->output, &err);

    if (r == 0)
        r = opt->verb == EVAL ? eval(&w, opt, &n, &err) : fit(&w, opt, &n, &err);
    if (r == 0)
        r = finish(&w, opt, n, &err);
    mi_writer_close(&w.out);
    mi_writer_close(&w.probes);
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
        .n_draws = 5,
        .method = "logistic",
        .fit = {.l2 = 0.01, .rtol = 1e-6},
    };

    mi_tool_start(&tool, argv);
    opt.verb = (enum verb)mi_tool_verb(argc, argv);
    (opt.verb == EVAL ? parse_eval : parse_fit)(&opt, argc - 1, argv + 1);
    return mi_tool_end(run(&opt));
}
