/* mi-direction: fits directions, selects and compares them, says what they write and read. */
#include "base/bytes.h"
#include "base/escape.h"
#include "base/opt.h"
#include "base/par.h"
#include "base/progress.h"
#include "base/tool.h"
#include "job/directing.h"
#include "job/survey.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum verb { FIT, SELECT, COMPARE, UNEMBED, ATTRIBUTE, SPLIT, EXPORT };

static const char *const verbs[] = {
    "fit",       "[OPTION]... [ACTS | STATS]  directions from activations of two sides",
    "select",    "[OPTION]... [DIRECTIONS]  the directions of some places or methods",
    "compare",   "[OPTION]... DIRECTIONS... cosines and principal angles between directions",
    "unembed",   "-m MODEL [OPTION]... [DIRECTIONS]  tokens and entropy, beside random directions",
    "attribute", "-d DIRECTIONS [OPTION]... [ACTS]  which heads and MLPs write a direction",
    "split",     "-m MODEL [OPTION]... [DIRECTIONS]  what the site's read-out sees, and what not",
    "export",    "-o FILE [OPTION]... [DIRECTIONS]  a GGUF control vector for llama.cpp",
    NULL,
};

static const struct mi_tool tool = {
    .name = "mi-direction",
    .synopsis = "fit|select|compare|unembed|attribute|split|export [OPTION]... [FILE]...",
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

/* What was given, until it is made into what the verbs need. */
struct options {
    enum verb verb;
    const char *method, *max_memory;
    struct mi_strings wanted_methods, directions;
    enum mi_method methods[MI_METHODS];
    bool is_not_folded, dry_run;
    int part, pool;
    long threads, seed, draws, draw, n_components, n_random, n_top, bootstrap;
    struct mi_directing d;
};

/* ---- the command line -------------------------------------------------------- */

enum {
    F = 1 << FIT,
    S = 1 << SELECT,
    C = 1 << COMPARE,
    U = 1 << UNEMBED,
    A = 1 << ATTRIBUTE,
    W = 1 << SPLIT,
    X = 1 << EXPORT,
};

static int parse(struct options *opt, int argc, char **argv)
{
    static const char *const parts[] = {"all", "train", "test", NULL};
    static const char *const pools[] = {"none", "mean", "last", NULL};
    struct mi_directing *d = &opt->d;
    const struct mi_verb_opt rows[] = {
        {F, MI_STRING(0, "method", "LIST", &opt->method,
                      "mean-diff, pca-diff, pca-diff-uncentred, "
                      "pca-center, mass-mean, logistic, random, shuffled")},
        {S, MI_LIST(0, "method", "NAME", &opt->wanted_methods, "of this method (may be repeated)")},
        {A, MI_LIST('d', "directions", "FILE", &opt->directions, "directions (may be repeated)")},
        {U | W,
         MI_STRING('m', "model", "PATH", &d->model, "the model: a GGUF file or a directory")},
        {A, MI_STRING('m', "model", "PATH", &d->model, "the model, to read z by its weights")},
        {F | S | W, MI_STRING('o', "output", "FILE", &d->step.output, "write directions here")},
        {C | U | A, MI_STRING('o', "output", "FILE", &d->step.output, "write score records here")},
        {X, MI_STRING('o', "output", "FILE", &d->step.output, "write the control vector here")},
        {S | C | U | A | W | X, MI_STRING(0, "at", "PLACES", &d->acts.at, "those at these places")},
        {F, MI_STRING(0, "sides", "POS,NEG", &d->acts.sides, "sides; without: label 1 and 0")},
        {A, MI_STRING(0, "sides", "POS,NEG", &d->acts.sides, "sides, if not as fitted")},
        {F, MI_STRING(0, "at", "PLACES", &d->acts.at, "fit at these places only")},
        {F, MI_STRING(0, "max-memory", "SIZE", &opt->max_memory, "refuse to hold more, e.g. 4G")},
        {F | A, MI_STRING(0, "group-by", "FIELD", &d->acts.group_by, "what makes the groups")},
        {F | A, MI_CHOICE(0, "part", "PART", &opt->part, parts, "groups to take")},
        {F | A, MI_REAL(0, "fraction", "X", &d->acts.share, 0, 1, "share of groups in train")},
        {F, MI_CHOICE(0, "pool", "HOW", &opt->pool, pools, "one row a prompt")},
        {F, MI_INT(0, "components", "K", &opt->n_components, 1, 1000, "vectors of PCA methods")},
        {F, MI_INT(0, "draws", "N", &opt->draws, 1, 10000, "directions of each control")},
        {F, MI_REAL(0, "l2", "X", &d->fit.l2, 1e-9, 1e9, "penalty of the logistic regression")},
        {F, MI_REAL(0, "rtol", "X", &d->fit.rtol, 0, 1, "least eigenvalue mass-mean keeps")},
        {W, MI_REAL(0, "rtol", "X", &d->rtol, 0, 1, "least singular value of the read-out")},
        {S, MI_INT(0, "draw", "N", &opt->draw, -1, 10000, "of controls: this draw; -1: all")},
        {A, MI_INT(0, "bootstrap", "N", &opt->bootstrap, 0, 1000000, "replicates; 0: none")},
        {A, MI_REAL(0, "level", "X", &d->attribute.level, 0.5, 0.9999, "of the intervals")},
        {A, MI_REAL(0, "max-error", "X", &d->attribute.most_error, 0, 1e9, "refuse a worse sum")},
        {U, MI_INT('k', "top", "K", &opt->n_top, 1, 1000, "tokens at each end")},
        {U, MI_INT(0, "random", "N", &opt->n_random, 0, 100000, "random directions beside it")},
        {U, MI_FLAG(0, "no-fold", &opt->is_not_folded, "without the weight of the final norm")},
        {C | U | A | W,
         MI_FLAG(0, "other-model", &d->other_model, "accept a model as wide as this")},
        {X, MI_REAL(0, "length", "X", &d->length, -1e6, 1e6, "length of each vector")},
        {X, MI_FLAG(0, "scaled", &d->is_scaled, "count the length in each direction's scale")},
        {F | S | C | U | A | W | X,
         MI_FLAG(0, "dry-run", &opt->dry_run, "say what would be computed")},
        {F | U | A, MI_INT('s', "seed", "N", &opt->seed, 0, LONG_MAX, "seed of all draws")},
        {F | U | A | W,
         MI_INT('j', "threads", "N", &opt->threads, 0, MI_PAR_MAX, "threads; 0: as allowed")},
    };
    struct mi_opt table[sizeof rows / sizeof *rows];
    int n = mi_opt_of_verb(table, rows, (int)(sizeof rows / sizeof *rows), (int)opt->verb);
    int i = mi_opt_parse(table, n, argc, argv);

    mi_opt_each_that_matters(table, n, mi_origin_option, &d->step.origin);
    mi_par_set((int)opt->threads);
    return i;
}

static void check_inputs(struct options *opt, int n, char **files)
{
    static const char *const standard_input[] = {"-"};
    int most = opt->verb == COMPARE ? 64 : 1;
    struct mi_directing *d = &opt->d;
    struct mi_tool_io io = {.output = d->step.output, .is_dry_run = opt->dry_run};

    if (n > most)
        mi_tool_misuse("too many files: '%s'", mi_quote(files[most]));
    d->inputs = (struct mi_names){n ? (const char *const *)files : standard_input, n ? n : 1};
    d->directions = (struct mi_names){opt->directions.item, opt->directions.n};
    d->methods = (struct mi_names){opt->wanted_methods.item, opt->wanted_methods.n};
    for (int i = 0; i < d->inputs.n; i++)
        mi_tool_input(&io, d->inputs.item[i]);
    for (int i = 0; i < d->directions.n; i++)
        mi_tool_input(&io, d->directions.item[i]);
}

static void check_options(struct options *opt)
{
    struct mi_directing *d = &opt->d;
    struct mi_error err = {0};

    if ((opt->verb == UNEMBED || opt->verb == SPLIT) && !d->model)
        mi_tool_misuse("-m names the model");
    if (opt->verb == ATTRIBUTE && opt->directions.n == 0)
        mi_tool_misuse("-d names the directions");
    if (opt->verb == EXPORT && (!d->step.output || strcmp(d->step.output, "-") == 0) &&
        isatty(STDOUT_FILENO))
        mi_tool_misuse("a GGUF file does not go to a terminal: name it with -o");
    d->fit.n_methods = mi_methods_parse(opt->methods, opt->method, &err);
    if (d->fit.n_methods < 0)
        mi_tool_misuse("--method: %s", err.text);
    if (opt->max_memory && mi_bytes_parse(opt->max_memory, &d->fit.max_memory, &err) < 0)
        mi_tool_misuse("--max-memory: %s", err.text);
}

/* The same numbers under the names of each verb's options. */
static void finish_options(struct options *opt)
{
    struct mi_directing *d = &opt->d;

    d->step.tool = tool.name;
    d->step.verb = verbs[2 * opt->verb];
    d->step.seed = opt->seed;
    d->draw = opt->draw;
    d->acts.part = (enum mi_part)opt->part;
    d->acts.pool = (enum mi_pool)opt->pool;
    d->acts.seed = d->fit.seed = d->attribute.seed = (uint64_t)opt->seed;
    d->fit.methods = opt->methods;
    d->fit.draws = (int)opt->draws;
    d->fit.n_components = (int)opt->n_components;
    d->unembed = (struct mi_unembed_options){(uint64_t)opt->seed, (int)opt->n_random,
                                             (int)opt->n_top, !opt->is_not_folded};
    d->attribute.n_bootstrap = (int32_t)opt->bootstrap;
}

/* ---- the run ------------------------------------------------------------------------ */

/* Reads all inputs, says what is in them and what would be made of it. */
static int print_plan(const struct options *opt, struct mi_error *err)
{
    const struct mi_directing *d = &opt->d;
    struct mi_acts_options acts = d->acts;
    struct mi_survey s = {0};
    struct mi_buf b = {0};
    int64_t n_a_place = 0;
    int r;

    acts.any_side = opt->verb != FIT;
    acts.at = opt->verb == ATTRIBUTE ? NULL : acts.at; /* of the directions, not of the rows */
    r = mi_survey_streams(&s, &d->directions, &d->acts, err);
    if (r == 0)
        r = mi_survey_streams(&s, &d->inputs, &acts, err);
    for (int i = 0; i < d->fit.n_methods; i++)
        n_a_place += mi_method_info(opt->methods[i])->is_control ? opt->draws : 1;
    if (r == 0) {
        mi_survey_print(&b, &s);
        if (opt->verb == FIT && s.n_places)
            mi_survey_line(&b, "fits", "%lld directions at each place, %lld in all",
                           (long long)n_a_place, (long long)(n_a_place * s.n_places));
        if (opt->verb == UNEMBED)
            mi_survey_line(&b, "random", "%ld directions a place", opt->n_random);
        if (opt->verb == ATTRIBUTE)
            mi_survey_line(&b, "replicates", "%ld", opt->bootstrap);
        fputs(mi_buf_text(&b), stdout);
    }
    mi_buf_free(&b);
    mi_survey_free(&s);
    return r;
}

static int run(struct options *opt)
{
    static int (*const verb[])(struct mi_directing *, struct mi_error *) = {
        mi_directing_fit,       mi_directing_select, mi_directing_compare, mi_directing_unembed,
        mi_directing_attribute, mi_directing_split,  mi_directing_export};
    const struct mi_directing *d = &opt->d;
    struct mi_error err = {0};
    char usage[64];
    int r = opt->dry_run ? print_plan(opt, &err) : verb[opt->verb](&opt->d, &err);

    if (r == 0 && !opt->dry_run && mi_opt_verbose && opt->verb == FIT && d->n_places)
        mi_warn("%zu prompts, %zu places, %lld groups, %lld directions, %s", d->n_prompts,
                d->n_places, (long long)d->n_groups, (long long)d->n_dirs, mi_usage_text(usage));
    mi_origin_free(&opt->d.step.origin);
    return r < 0 ? mi_tool_failed(&err) : MI_EXIT_OK;
}

int main(int argc, char **argv)
{
    struct options opt = {
        .method = "mean-diff",
        .draws = 20,
        .draw = -1,
        .n_random = 100,
        .n_top = 10,
        .bootstrap = 1000,
        .n_components = 1,
        .seed = 1,
        .d = {.acts = {.share = 0.5},
              .fit = {.l2 = 0.01, .rtol = 1e-6},
              .attribute = {.level = 0.95, .most_error = 1e-3},
              .length = 1,
              .rtol = 1e-6},
    };
    int i;

    mi_tool_start(&tool, argv);
    opt.verb = (enum verb)mi_tool_verb(argc, argv);
    i = parse(&opt, argc - 1, argv + 1);
    check_options(&opt);
    check_inputs(&opt, argc - 1 - i, argv + 1 + i);
    finish_options(&opt);
    return mi_tool_end(run(&opt));
}
