/* mi-direction: fits directions, selects and compares them, says what they write and read. */
#include "base/escape.h"
#include "base/file.h"
#include "base/opt.h"
#include "base/par.h"
#include "base/progress.h"
#include "base/tool.h"
#include "job/attribute.h"
#include "job/compare.h"
#include "job/export.h"
#include "job/fit.h"
#include "job/fit_stat.h"
#include "job/unembed.h"
#include "stream/header.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum verb { FIT, SELECT, COMPARE, UNEMBED, ATTRIBUTE, EXPORT };

static const char *const verbs[] = {
    "fit",       "[OPTION]... [ACTS | STATS]  directions from activations of two sides",
    "select",    "[OPTION]... [DIRECTIONS]  the directions of some places or methods",
    "compare",   "[OPTION]... DIRECTIONS... cosines and principal angles between directions",
    "unembed",   "-m MODEL [OPTION]... [DIRECTIONS]  tokens and entropy, beside random directions",
    "attribute", "-d DIRECTIONS [OPTION]... [ACTS]  which heads and MLPs write a direction",
    "export",    "-o FILE [OPTION]... [DIRECTIONS]  a GGUF control vector for llama.cpp",
    NULL,
};

static const struct mi_tool tool = {
    .name = "mi-direction",
    .synopsis = "fit|select|compare|unembed|attribute|export [OPTION]... [FILE]...",
    .about = "Find the linear direction that separates two sides of activations (honest and\n"
             "dishonest, true and false), and work with such directions.",
    .examples =
        "  mi-direction fit --method pca-diff acts.mi -o honesty.mi\n"
        "  mi-direction fit --method mean-diff,shuffled --draws 20 --sides honest,untruthful \\\n"
        "      --part train acts.mi | mi-probe eval -d - --part test acts.mi | mi-report -\n"
        "  mi-direction select --method mean-diff --at resid_post:12 honesty.mi -o steer.mi\n"
        "  mi-direction unembed -m model.gguf honesty.mi | mi-report\n",
    .verbs = verbs,
};

static const char *const parts[] = {"all", "train", "test", NULL};
static const char *const pools[] = {"none", "mean", "last", NULL};

struct options {
    enum verb verb;
    const char *output, *method, *model;
    const char *const *inputs; /* [n_inputs] */
    int n_inputs;
    struct mi_acts_options acts;
    struct mi_fit_options fit;
    enum mi_method methods[MI_METHODS];
    struct mi_strings wanted_methods, directions;
    struct mi_unembed_options unembed;
    struct mi_attribute_options attribute;
    bool other_model, is_not_folded, is_scaled;
    double length;
    int part, pool;
    long threads, seed, draws, draw, n_components, n_random, n_top, bootstrap;
    struct mi_origin origin;
};

struct work {
    struct mi_writer out;
    struct mi_reader in; /* until it is known what it holds */
    struct mi_acts acts;
    struct mi_dirs dirs;
    struct mi_session session;
};

/* ---- the command line -------------------------------------------------------- */

static void take_inputs(struct options *opt, int n, char **files, int most)
{
    static const char *const standard_input[] = {"-"};
    int n_stdin = 0;

    if (n > most)
        mi_tool_misuse("too many files: '%s'", mi_quote(files[most]));
    opt->inputs = n ? (const char *const *)files : standard_input;
    opt->n_inputs = n ? n : 1;
    for (int i = 0; i < opt->directions.n; i++)
        n_stdin += strcmp(opt->directions.item[i], "-") == 0;
    for (int i = 0; i < opt->n_inputs; i++) {
        n_stdin += strcmp(opt->inputs[i], "-") == 0;
        if (opt->output && strcmp(opt->output, "-") != 0 &&
            mi_same_file(opt->inputs[i], opt->output))
            mi_tool_misuse("input and output are the same file: '%s'", mi_quote(opt->output));
    }
    if (n_stdin > 1)
        mi_tool_misuse("only one input can be standard input");
    if (n_stdin == 1 && isatty(STDIN_FILENO))
        mi_tool_misuse("expects %s: a file, or a pipe on standard input",
                       opt->verb == FIT || opt->verb == ATTRIBUTE ? "activations" : "directions");
}

static void parse_fit(struct options *opt, int argc, char **argv)
{
    const struct mi_opt table[] = {
        MI_STRING(0, "method", "LIST", &opt->method,
                  "mean-diff, pca-diff, pca-diff-uncentred, "
                  "pca-center, mass-mean, logistic, random, shuffled"),
        MI_STRING('o', "output", "FILE", &opt->output, "write directions here"),
        MI_STRING(0, "sides", "POS,NEG", &opt->acts.sides, "sides; without: label 1 and 0"),
        MI_STRING(0, "at", "PLACES", &opt->acts.at, "fit at these places only"),
        MI_STRING(0, "group-by", "FIELD", &opt->acts.group_by, "field that makes the groups"),
        MI_CHOICE(0, "part", "PART", &opt->part, parts, "groups to take"),
        MI_REAL(0, "fraction", "X", &opt->acts.share, 0, 1, "share of groups in part train"),
        MI_CHOICE(0, "pool", "HOW", &opt->pool, pools, "one row a prompt"),
        MI_INT(0, "components", "K", &opt->n_components, 1, 1000, "vectors of the PCA methods"),
        MI_INT(0, "draws", "N", &opt->draws, 1, 10000, "directions of each control"),
        MI_REAL(0, "l2", "X", &opt->fit.l2, 1e-9, 1e9, "penalty of the logistic regression"),
        MI_REAL(0, "rtol", "X", &opt->fit.rtol, 0, 1, "least eigenvalue that mass-mean keeps"),
        MI_INT('s', "seed", "N", &opt->seed, 0, LONG_MAX, "seed of all draws"),
        MI_INT('j', "threads", "N", &opt->threads, 0, MI_PAR_MAX, "threads; 0: as allowed"),
    };
    int n = (int)(sizeof table / sizeof *table), i = mi_opt_parse(table, n, argc, argv);
    struct mi_error err = {0};

    take_inputs(opt, argc - i, argv + i, 1);
    opt->fit.n_methods = mi_methods_parse(opt->methods, opt->method, &err);
    if (opt->fit.n_methods < 0)
        mi_tool_misuse("--method: %s", err.text);
    mi_opt_each_that_matters(table, n, mi_origin_option, &opt->origin);
    opt->fit.methods = opt->methods;
    opt->fit.draws = (int)opt->draws;
    opt->fit.n_components = (int)opt->n_components;
    opt->fit.seed = opt->acts.seed = (uint64_t)opt->seed;
    opt->acts.part = (enum mi_part)opt->part;
    opt->acts.pool = (enum mi_pool)opt->pool;
    mi_par_set((int)opt->threads);
}

static void parse_select(struct options *opt, int argc, char **argv)
{
    const struct mi_opt table[] = {
        MI_LIST(0, "method", "NAME", &opt->wanted_methods, "of this method (may be repeated)"),
        MI_STRING(0, "at", "PLACES", &opt->acts.at, "at these places"),
        MI_INT(0, "draw", "N", &opt->draw, -1, 10000, "of controls: this draw; -1: all"),
        MI_STRING('o', "output", "FILE", &opt->output, "write directions here"),
    };
    int n = (int)(sizeof table / sizeof *table), i = mi_opt_parse(table, n, argc, argv);

    take_inputs(opt, argc - i, argv + i, 1);
    mi_opt_each_that_matters(table, n, mi_origin_option, &opt->origin);
}

static void parse_compare(struct options *opt, int argc, char **argv)
{
    const struct mi_opt table[] = {
        MI_STRING(0, "at", "PLACES", &opt->acts.at, "at these places"),
        MI_FLAG(0, "other-model", &opt->other_model, "accept a model as wide as this"),
        MI_STRING('o', "output", "FILE", &opt->output, "write score records here"),
    };
    int n = (int)(sizeof table / sizeof *table), i = mi_opt_parse(table, n, argc, argv);

    take_inputs(opt, argc - i, argv + i, 64);
    mi_opt_each_that_matters(table, n, mi_origin_option, &opt->origin);
}

static void parse_unembed(struct options *opt, int argc, char **argv)
{
    const struct mi_opt table[] = {
        MI_STRING('m', "model", "FILE", &opt->model, "the model (GGUF)"),
        MI_STRING(0, "at", "PLACES", &opt->acts.at, "directions at these places"),
        MI_STRING('o', "output", "FILE", &opt->output, "write score records here"),
        MI_INT('k', "top", "K", &opt->n_top, 1, 1000, "tokens at each end"),
        MI_INT(0, "random", "N", &opt->n_random, 0, 100000, "random directions to compare with"),
        MI_FLAG(0, "no-fold", &opt->is_not_folded, "without the weight of the final norm"),
        MI_FLAG(0, "other-model", &opt->other_model, "accept a model as wide as this"),
        MI_INT('s', "seed", "N", &opt->seed, 0, LONG_MAX, "seed of all draws"),
        MI_INT('j', "threads", "N", &opt->threads, 0, MI_PAR_MAX, "threads; 0: as allowed"),
    };
    int n = (int)(sizeof table / sizeof *table), i = mi_opt_parse(table, n, argc, argv);

    if (!opt->model)
        mi_tool_misuse("-m names the model");
    take_inputs(opt, argc - i, argv + i, 1);
    mi_opt_each_that_matters(table, n, mi_origin_option, &opt->origin);
    opt->unembed = (struct mi_unembed_options){(uint64_t)opt->seed, (int)opt->n_random,
                                               (int)opt->n_top, !opt->is_not_folded};
    mi_par_set((int)opt->threads);
}

static void parse_attribute(struct options *opt, int argc, char **argv)
{
    const struct mi_opt table[] = {
        MI_LIST('d', "directions", "FILE", &opt->directions, "directions (may be repeated)"),
        MI_STRING('m', "model", "FILE", &opt->model, "the model (GGUF), to read z by its weights"),
        MI_STRING(0, "at", "PLACES", &opt->acts.at, "directions at these places"),
        MI_STRING('o', "output", "FILE", &opt->output, "write score records here"),
        MI_STRING(0, "sides", "POS,NEG", &opt->acts.sides, "sides, if not as in the directions"),
        MI_STRING(0, "group-by", "FIELD", &opt->acts.group_by, "field that makes the groups"),
        MI_CHOICE(0, "part", "PART", &opt->part, parts, "groups to take"),
        MI_REAL(0, "fraction", "X", &opt->acts.share, 0, 1, "share of groups in part train"),
        MI_INT(0, "bootstrap", "N", &opt->bootstrap, 0, 1000000, "replicates; 0: no intervals"),
        MI_REAL(0, "level", "X", &opt->attribute.level, 0.5, 0.9999, "level of the intervals"),
        MI_REAL(0, "max-error", "X", &opt->attribute.most_error, 0, 1e9, "refuse a worse sum"),
        MI_FLAG(0, "other-model", &opt->other_model, "accept a model as wide as this"),
        MI_INT('s', "seed", "N", &opt->seed, 0, LONG_MAX, "seed of all draws"),
        MI_INT('j', "threads", "N", &opt->threads, 0, MI_PAR_MAX, "threads; 0: as allowed"),
    };
    int n = (int)(sizeof table / sizeof *table), i = mi_opt_parse(table, n, argc, argv);

    if (opt->directions.n == 0)
        mi_tool_misuse("-d names the directions");
    take_inputs(opt, argc - i, argv + i, 1);
    mi_opt_each_that_matters(table, n, mi_origin_option, &opt->origin);
    opt->acts.part = (enum mi_part)opt->part;
    opt->acts.seed = opt->attribute.seed = (uint64_t)opt->seed;
    opt->attribute.n_bootstrap = (int32_t)opt->bootstrap;
    mi_par_set((int)opt->threads);
}

static void parse_export(struct options *opt, int argc, char **argv)
{
    const struct mi_opt table[] = {
        MI_STRING('o', "output", "FILE", &opt->output, "write the control vector here"),
        MI_STRING(0, "at", "PLACES", &opt->acts.at, "directions at these places"),
        MI_REAL(0, "length", "X", &opt->length, -1e6, 1e6, "length of each vector"),
        MI_FLAG(0, "scaled", &opt->is_scaled, "count the length in each direction's scale"),
    };
    int i = mi_opt_parse(table, (int)(sizeof table / sizeof *table), argc, argv);

    take_inputs(opt, argc - i, argv + i, 1);
    if ((!opt->output || strcmp(opt->output, "-") == 0) && isatty(STDOUT_FILENO))
        mi_tool_misuse("a GGUF file does not go to a terminal: name it with -o");
}

/* ---- the verbs ---------------------------------------------------------------- */

static int begin(struct work *w, struct options *opt, const struct mi_value *from,
                 const char *content, struct mi_error *err)
{
    struct mi_value header = mi_origin_header(&opt->origin, from, &w->dirs.header, content,
                                              tool.name, verbs[2 * opt->verb], opt->seed);

    return mi_writer_header(&w->out, &header, err);
}

/* Statistics know neither groups nor positions. */
static int fit_stats(struct work *w, struct options *opt, struct mi_error *err)
{
    int64_t n;
    int r;

    if (opt->part || opt->pool || opt->acts.group_by)
        return mi_fail(err, MI_EXIT_USAGE,
                       "--part, --pool and --group-by need activations, not "
                       "statistics");
    if ((r = begin(w, opt, mi_reader_header(&w->in), "dir", err)) < 0 ||
        (r = mi_fit_stat(&w->in, opt->acts.sides, opt->acts.at, &opt->fit, &w->out, &n, err)) < 0)
        return r;
    mi_origin_input(&opt->origin, &w->in);
    return 0;
}

static int fit(struct work *w, struct options *opt, struct mi_error *err)
{
    int64_t n;
    int r = mi_acts_check_options(&opt->acts, err);

    if (r < 0 || (r = mi_reader_open(&w->in, opt->inputs[0], err)) < 0)
        return r;
    if (strcmp(mi_get_str(mi_reader_header(&w->in), "content", ""), "stat") == 0)
        return fit_stats(w, opt, err);
    if ((r = mi_acts_open_reader(&w->acts, &w->in, &opt->acts, err)) < 0 ||
        (r = begin(w, opt, mi_reader_header(&w->acts.reader), "dir", err)) < 0 ||
        (r = mi_fit(&w->acts, &opt->fit, &w->out, &n, err)) < 0)
        return r;
    mi_origin_input(&opt->origin, &w->acts.reader);
    if (mi_opt_verbose) {
        char usage[64];

        mi_warn("%zu prompts, %zu places, %lld groups, %lld directions, %s", w->acts.n_prompts,
                w->acts.n_places, (long long)w->acts.groups.n, (long long)n, mi_usage_text(usage));
    }
    return 0;
}

static int read_dirs(struct work *w, struct options *opt, const char *const *paths, int n,
                     struct mi_error *err)
{
    int r = 0;

    for (int i = 0; i < n && r == 0; i++)
        r = mi_dirs_read(&w->dirs, paths[i], opt->acts.at, opt->other_model, &opt->origin, err);
    if (r == 0 && w->dirs.n == 0)
        r = mi_fail(err, MI_EXIT_DATA, "'%s': no directions%s%s", mi_quote(paths[0]),
                    opt->acts.at ? " at " : "", opt->acts.at ? mi_quote(opt->acts.at) : "");
    return r;
}

static bool is_selected(const struct options *opt, const struct mi_dir *d)
{
    bool is_named = opt->wanted_methods.n == 0;

    for (int i = 0; i < opt->wanted_methods.n; i++)
        is_named = is_named || strcmp(opt->wanted_methods.item[i], d->rec.method) == 0;
    return is_named &&
           (opt->draw < 0 || !d->control || mi_get_int(&d->rec.extra, "draw", 0) == opt->draw);
}

static int select_dirs(struct work *w, struct options *opt, struct mi_error *err)
{
    int64_t n = 0;
    int r = read_dirs(w, opt, opt->inputs, opt->n_inputs, err);

    if (r < 0 || (r = begin(w, opt, &w->dirs.header, "dir", err)) < 0)
        return r;
    for (size_t i = 0; i < w->dirs.n && r == 0; i++)
        if (is_selected(opt, &w->dirs.item[i])) {
            r = mi_writer_put(&w->out, "dir", w->dirs.item[i].body, err);
            n++;
        }
    if (r == 0 && n == 0)
        r = mi_fail(err, MI_EXIT_NO, "'%s': no direction fits", mi_quote(opt->inputs[0]));
    return r;
}

static int compare(struct work *w, struct options *opt, struct mi_error *err)
{
    int r = read_dirs(w, opt, opt->inputs, opt->n_inputs, err);

    if (r < 0 || (r = begin(w, opt, &w->dirs.header, "score", err)) < 0)
        return r;
    return mi_compare(&w->dirs, &w->out, err);
}

/* Opens the weights and checks that `with` speaks of them. */
static int open_model(struct work *w, struct options *opt, const struct mi_value *with,
                      struct mi_error *err)
{
    struct mi_session_options o = {.model = opt->model};
    struct mi_arena arena = {0};
    struct mi_value header = mi_header_new(&arena, "dir");
    int r = mi_session_open(&w->session, &o, err);

    if (r == 0)
        r = mi_session_header(&w->session, &arena, &header, err);
    if (r == 0 && (r = mi_header_same_model(&header, with, opt->other_model, err)) < 0)
        mi_fail_in(err, "'%s'", mi_quote(opt->model));
    if (r == 0)
        mi_origin_file(&opt->origin, "model", &w->session.model.digest);
    mi_arena_free(&arena);
    return r;
}

static int unembed(struct work *w, struct options *opt, struct mi_error *err)
{
    int r = read_dirs(w, opt, opt->inputs, opt->n_inputs, err);

    if (r < 0 || (r = open_model(w, opt, &w->dirs.header, err)) < 0 ||
        (r = begin(w, opt, &w->dirs.header, "score", err)) < 0)
        return r;
    r = mi_unembed(&w->session, &w->dirs, &opt->unembed, &w->out, err);
    return r < 0 ? r : mi_model_unchanged(&w->session.model, err);
}

static int attribute(struct work *w, struct options *opt, struct mi_error *err)
{
    struct mi_acts_options acts = opt->acts;
    int r = read_dirs(w, opt, opt->directions.item, opt->directions.n, err);

    acts.at = NULL; /* of the directions, not of the parts */
    if (r < 0 || (r = mi_dirs_sides(&w->dirs, acts.sides, &acts.sides, err)) < 0 ||
        (r = mi_acts_open(&w->acts, opt->inputs[0], &acts, err)) < 0 ||
        (r = mi_header_same_model(&w->dirs.header, mi_reader_header(&w->acts.reader),
                                  opt->other_model, err)) < 0 ||
        (opt->model && (r = open_model(w, opt, &w->dirs.header, err)) < 0))
        return r;
    r = begin(w, opt, mi_reader_header(&w->acts.reader), "score", err);
    if (r == 0)
        r = mi_attribute(&w->acts, &w->dirs, opt->model ? &w->session : NULL, &opt->attribute,
                         &w->out, err);
    if (r == 0 && opt->model)
        r = mi_model_unchanged(&w->session.model, err);
    if (r == 0)
        mi_origin_input(&opt->origin, &w->acts.reader);
    return r;
}

/* Not a stream: the file says by itself what it is. */
static int export(struct work *w, struct options *opt, struct mi_error *err)
{
    struct mi_out out = {0};
    struct mi_buf b = {0};
    int r = mi_out_open(&out, opt->output, err);

    if (r == 0)
        r = read_dirs(w, opt, opt->inputs, opt->n_inputs, err);
    if (r == 0)
        r = mi_export_control_vector(&b, &w->dirs, opt->length, opt->is_scaled, err);
    if (r == 0)
        r = mi_out_write(&out, b.data, b.len, err);
    if (r == 0)
        r = mi_out_commit(&out, err);
    mi_out_close(&out);
    mi_buf_free(&b);
    return r;
}

static int run(struct options *opt)
{
    static int (*const verb[])(struct work *, struct options *, struct mi_error *) = {
        fit, select_dirs, compare, unembed, attribute, export};
    struct work w = {0};
    struct mi_error err = {0};
    bool is_stream = opt->verb != EXPORT;
    int r = is_stream ? mi_writer_open(&w.out, opt->output, &err) : 0;

    if (r == 0)
        r = verb[opt->verb](&w, opt, &err);
    if (r == 0 && is_stream)
        r = mi_writer_end(&w.out, &opt->origin.inputs, &err);
    mi_writer_close(&w.out);
    mi_reader_close(&w.in);
    mi_acts_close(&w.acts);
    mi_dirs_free(&w.dirs);
    mi_session_close(&w.session);
    mi_origin_free(&opt->origin);
    return r < 0 ? mi_tool_failed(&err) : MI_EXIT_OK;
}

int main(int argc, char **argv)
{
    static void (*const parse[])(struct options *, int, char **) = {
        parse_fit, parse_select, parse_compare, parse_unembed, parse_attribute, parse_export};
    struct options opt = {
        .method = "mean-diff",
        .acts = {.share = 0.5},
        .fit = {.l2 = 0.01, .rtol = 1e-6},
        .draws = 20,
        .draw = -1,
        .length = 1,
        .n_random = 100,
        .n_top = 10,
        .bootstrap = 1000,
        .attribute = {.level = 0.95, .most_error = 1e-3},
        .n_components = 1,
        .seed = 1,
    };

    mi_tool_start(&tool, argv);
    opt.verb = (enum verb)mi_tool_verb(argc, argv);
    parse[opt.verb](&opt, argc - 1, argv + 1);
    return mi_tool_end(run(&opt));
}
