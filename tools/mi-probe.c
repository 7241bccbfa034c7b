/* mi-probe: figures of directions, probes, units, runs and sweeps; verdicts on claims. */
#include "base/bytes.h"
#include "base/escape.h"
#include "base/file.h"
#include "base/opt.h"
#include "base/par.h"
#include "base/progress.h"
#include "base/tool.h"
#include "job/probing.h"
#include "job/survey.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum verb { EVAL, PROJECT, FIT, TRANSFER, RATE, DIFF, SPREAD, EFFECTS, UNITS, VERDICT };

static const char *const verbs[] = {
    "eval",     "-d DIRECTIONS [OPTION]... [ACTS]  directions on activations they have not seen",
    "project",  "-d DIRECTIONS [OPTION]... [ACTS]  every token's projection on the directions",
    "fit",      "[OPTION]... [ACTS]   a probe on some of the groups, evaluated on the others",
    "transfer", "--by FIELD [OPTION]... [ACTS]   probes of each domain, evaluated on each",
    "rate",     "[OPTION]... [RUN]...  how often texts say the target, the foil, neither",
    "diff",     "--metric NAME [OPTION]... RUN RUN  the first run minus the second, by prompt",
    "spread",   "[OPTION]... [SWEEP]  over how many parts the effects of a sweep are spread",
    "effects",  "[OPTION]... [SWEEP]  the effects of a sweep over all pairs, as scores",
    "units",    "[OPTION]... [ACTS]  single units that go with the side",
    "verdict",  "--claim NAME --metric ID --above X [OPTION]... [SCORES]  what scores say of it",
    NULL,
};

static const struct mi_tool tool = {
    .name = "mi-probe",
    .synopsis = "VERB [OPTION]... [FILE]...",
    .about = "Evaluate directions and probes on activations that they were not fitted on, count\n"
             "what runs say, compare runs, and judge claims: every figure with an interval by\n"
             "resampling groups, beside its controls.",
    .examples = "  mi-probe eval -d honesty.mi acts-test.mi | mi-report -\n"
                "  mi-probe transfer --by topic --method mass-mean acts.mi -o matrix.mi\n"
                "  mi-probe rate --by side run.mi -o rate.mi\n"
                "  mi-probe verdict --claim lies --metric rate_foil --of side=untruthful \\\n"
                "      --above 0.5 rate.mi -o lies.mi\n",
    .verbs = verbs,
};

/* What was given, until it is made into what the verbs need. */
struct options {
    enum verb verb;
    const char *metric, *method, *by, *pos, *between, *max_memory;
    struct mi_strings directions, of, gates, controls;
    double above, below;
    int part, pool;
    bool is_scaled, is_raw, dry_run;
    long threads, seed, bootstrap, n_random, n_permuted, n_draws, n_top;
    struct mi_pos positions;
    struct mi_arena arena;
    struct mi_probing p;
};

/* ---- the command line -------------------------------------------------------- */

enum {
    E = 1 << EVAL,
    P = 1 << PROJECT,
    F = 1 << FIT | 1 << TRANSFER,
    R = 1 << RATE,
    D = 1 << DIFF,
    S = 1 << SPREAD,
    N = 1 << EFFECTS,
    U = 1 << UNITS,
    V = 1 << VERDICT,
    G = E | F | R | D | S | U, /* those that draw intervals */
    ALL = G | P | N | V,
};

static int parse(struct options *opt, int argc, char **argv)
{
    static const char *const parts[] = {"all", "train", "test", NULL};
    static const char *const pools[] = {"none", "mean", "last", NULL};
    struct mi_probing *p = &opt->p;
    const struct mi_verb_opt rows[] = {
        {1 << TRANSFER, MI_STRING(0, "by", "FIELD", &opt->by, "field that makes the domains")},
        {R | D, MI_STRING(0, "by", "FIELDS", &opt->by, "one figure for each value of them")},
        {F, MI_STRING(0, "method", "NAME", &opt->method, "as of mi-direction fit")},
        {E | P,
         MI_LIST('d', "directions", "FILE", &opt->directions, "directions (may be repeated)")},
        {ALL ^ V, MI_STRING('o', "output", "FILE", &p->step.output, "write score records here")},
        {V, MI_STRING('o', "output", "FILE", &p->step.output, "write the verdict record here")},
        {F, MI_STRING(0, "probes", "FILE", &p->probes, "write the fitted directions here")},
        {E, MI_STRING(0, "sides", "POS,NEG", &p->acts.sides, "sides, if not as fitted")},
        {F | U, MI_STRING(0, "sides", "POS,NEG", &p->acts.sides, "without: label 1 and 0")},
        {E | P | F | U, MI_STRING(0, "at", "PLACES", &p->acts.at, "at these places only")},
        {P, MI_STRING(0, "mean", "PLACES", &p->project.mean, "and the mean over these layers")},
        {P, MI_FLAG(0, "scaled", &opt->is_scaled, "count in the distance of the sides")},
        {P, MI_FLAG(0, "raw", &opt->is_raw, "do not take the threshold off")},
        {P, MI_FLAG(0, "controls", &p->project.with_controls, "control directions as well")},
        {G | P, MI_STRING(0, "group-by", "FIELD", &p->acts.group_by, "what makes the groups")},
        {E | P | U, MI_CHOICE(0, "part", "PART", &opt->part, parts, "groups to take")},
        {E | P | U, MI_REAL(0, "fraction", "X", &p->acts.share, 0, 1, "share of groups in train")},
        {F, MI_REAL(0, "fraction", "X", &p->acts.share, 0.01, 0.99, "share of groups that fit")},
        {E | F | U, MI_CHOICE(0, "pool", "HOW", &opt->pool, pools, "one row a prompt")},
        {E | F, MI_STRING(0, "metric", "LIST", &opt->metric, "accuracy, pair_accuracy, auroc")},
        {R, MI_STRING(0, "metric", "LIST", &opt->metric, "as of diff; the default is judged_...")},
        {D,
         MI_STRING(0, "metric", "NAME", &opt->metric,
                   "logp, entropy, repetition, target_logp, foil_logp, logp_margin, judged_target, "
                   "judged_foil, judged_neither")},
        {R | D, MI_STRING(0, "pos", "POSITIONS", &opt->pos, "tokens of logp, entropy, repetition")},
        {V, MI_STRING(0, "claim", "NAME", &p->claim.name, "what is claimed")},
        {V, MI_STRING(0, "metric", "ID", &p->claim.metric, "the figure that the claim is about")},
        {ALL ^ V, MI_LIST(0, "of", "KEY=VALUE", &opt->of, "a key for every record")},
        {V, MI_LIST(0, "of", "KEY=VALUE", &opt->of, "of the score that has this key")},
        {V, MI_REAL(0, "above", "X", &opt->above, -1e300, 1e300, "claims: more than X")},
        {V, MI_REAL(0, "below", "X", &opt->below, -1e300, 1e300, "claims: less than X")},
        {V, MI_STRING(0, "between", "LO,HI", &opt->between, "claims: between the two")},
        {N, MI_FLAG(0, "complement", &p->effects.is_complement, "1 - effect: completeness")},
        {N, MI_LIST(0, "control", "NAME=PATTERN", &opt->controls,
                    "variants of these labels are one control (may be repeated)")},
        {V, MI_STRING(0, "control", "NAME", &p->claim.control, "and beyond this control")},
        {V, MI_FLAG(0, "exact", &p->claim.is_exact, "the figure has no sampling error")},
        {V, MI_LIST(0, "gate", "FILE", &opt->gates, "verdicts that must be supported first")},
        {V, MI_STRING(0, "refuted-by", "TEXT", &p->claim.refuted_by, "in words, for the report")},
        {F, MI_REAL(0, "l2", "X", &p->fit.l2, 1e-9, 1e9, "penalty of logistic regression")},
        {F, MI_REAL(0, "rtol", "X", &p->fit.rtol, 0, 1, "least eigenvalue mass-mean keeps")},
        {G, MI_INT(0, "bootstrap", "N", &opt->bootstrap, 0, 1000000, "replicates; 0: none")},
        {G, MI_REAL(0, "level", "X", &p->eval.level, 0.5, 0.9999, "of the intervals")},
        {E, MI_INT(0, "random", "N", &opt->n_random, 0, 10000, "random directions as a control")},
        {E | U, MI_INT(0, "permuted", "N", &opt->n_permuted, 0, 10000, "shuffles of the sides")},
        {F, MI_INT(0, "draws", "N", &opt->n_draws, 0, 10000, "draws of each control")},
        {F | U,
         MI_STRING(0, "max-memory", "SIZE", &opt->max_memory, "refuse to hold more, e.g. 4G")},
        {U, MI_INT('k', "top", "K", &opt->n_top, 1, 10000000, "units to list")},
        {E, MI_FLAG(0, "allow-leak", &p->eval.allow_leak, "accept groups that were fitted on")},
        {E | P, MI_FLAG(0, "other-model", &p->other_model, "accept a model as wide as this")},
        {G | P, MI_INT('s', "seed", "N", &opt->seed, 0, LONG_MAX, "seed of all draws")},
        {ALL, MI_FLAG(0, "dry-run", &opt->dry_run, "say what would be computed")},
        {ALL, MI_INT('j', "threads", "N", &opt->threads, 0, MI_PAR_MAX, "threads; 0: as allowed")},
    };
    struct mi_opt table[sizeof rows / sizeof *rows];
    int n = mi_opt_of_verb(table, rows, (int)(sizeof rows / sizeof *rows), (int)opt->verb);
    int i = mi_opt_parse(table, n, argc, argv);

    mi_opt_each_that_matters(table, n, mi_origin_option, &p->step.origin);
    mi_par_set((int)opt->threads);
    return i;
}

/* Operands, directions, gates and probes: at most one is standard input. */
static void check_files(struct options *opt, int n, char **files)
{
    static const char *const standard_input[] = {"-"};
    struct mi_probing *p = &opt->p;
    const struct mi_strings *const lists[] = {&opt->directions, &opt->gates};
    int most = opt->verb == RATE ? INT_MAX : opt->verb == DIFF ? 2 : 1;
    struct mi_tool_io io = {.output = p->step.output, .is_dry_run = opt->dry_run};

    if (n > most)
        mi_tool_misuse("too many files: '%s'", mi_quote(files[most]));
    if (opt->verb == DIFF && n < 2)
        mi_tool_misuse("diff needs two runs");
    p->inputs = (struct mi_names){n ? (const char *const *)files : standard_input, n ? n : 1};
    for (int i = 0; i < p->inputs.n; i++)
        mi_tool_input(&io, p->inputs.item[i]);
    for (int l = 0; l < 2; l++)
        for (int i = 0; i < lists[l]->n; i++)
            mi_tool_input(&io, lists[l]->item[i]);
    if (p->probes && p->step.output && mi_same_file(p->probes, p->step.output))
        mi_tool_misuse("--probes and --output are the same file: '%s'", mi_quote(p->step.output));
    if (p->probes && strcmp(p->probes, "-") == 0 &&
        (!p->step.output || strcmp(p->step.output, "-") == 0))
        mi_tool_misuse("--probes and --output are both standard output");
}

static void check_runs(struct options *opt)
{
    struct mi_probing *p = &opt->p;
    struct mi_error err = {0};
    bool is_over = false;

    if (opt->by && (p->by.n = mi_runs_fields(&opt->arena, opt->by, &p->by.item, &err)) < 0)
        mi_tool_misuse("--by: %s", err.text);
    if (opt->verb == DIFF && !opt->metric)
        mi_tool_misuse("--metric names what is compared");
    if (!opt->metric)
        opt->metric = "judged_target,judged_foil,judged_neither";
    if ((p->n_figures = mi_run_figures_parse(p->figure, opt->metric, &err)) < 0)
        mi_tool_misuse("--metric: %s", err.text);
    if (opt->verb == DIFF && p->n_figures > 1)
        mi_tool_misuse("--metric: diff compares one figure");
    for (int i = 0; i < p->n_figures; i++)
        is_over = is_over || mi_run_figure_has_positions(p->figure[i]);
    if (opt->pos && !is_over)
        mi_tool_misuse("--pos means nothing for '%s'", mi_quote(opt->metric));
    if (is_over && mi_pos_parse(&opt->positions, opt->pos ? opt->pos : "gen", &err) < 0)
        mi_tool_misuse("--pos: %s", err.text);
    p->pos = is_over ? &opt->positions : NULL;
}

static void check_claim(struct options *opt)
{
    struct mi_claim *c = &opt->p.claim;
    struct mi_error err = {0};

    if (!c->name || !*c->name || !c->metric)
        mi_tool_misuse("--claim names the claim, --metric the figure that it is about");
    if (!isnan(opt->above) + !isnan(opt->below) + (opt->between != NULL) != 1)
        mi_tool_misuse("one of --above, --below and --between says what is claimed");
    c->rule = (struct mi_rule){MI_RULE_ABOVE, opt->above, opt->above};
    if (!isnan(opt->below))
        c->rule = (struct mi_rule){MI_RULE_BELOW, opt->below, opt->below};
    if (opt->between && mi_rule_between(&c->rule, opt->between, &err) < 0)
        mi_tool_misuse("--between: %s", err.text);
    c->of = opt->of.item;
    c->n_of = opt->of.n;
    c->gate = opt->gates.item;
    c->n_gate = opt->gates.n;
    if (mi_claim_check(c, &err) < 0)
        mi_tool_misuse("%s", err.text);
}

static void check_effects(struct options *opt)
{
    struct mi_effect_control *c =
        mi_arena_alloc(&opt->arena, (size_t)opt->controls.n * sizeof *c + 1);
    struct mi_error err = {0};

    for (int i = 0; i < opt->controls.n; i++)
        if (mi_effect_control_parse(&c[i], opt->controls.item[i], &opt->arena, &err) < 0)
            mi_tool_misuse("--control: %s", err.text);
    opt->p.effects.control = c;
    opt->p.effects.n_controls = opt->controls.n;
}

/* Options of activations. */
static void check_acts(struct options *opt)
{
    struct mi_error err = {0};
    int method = mi_method_find(opt->method, &err);

    if (opt->verb == TRANSFER && !opt->by)
        mi_tool_misuse("--by names the field that makes the domains");
    if ((opt->verb == EVAL || opt->verb == PROJECT) && opt->directions.n == 0)
        mi_tool_misuse("-d names the directions");
    if (opt->is_raw && opt->is_scaled)
        mi_tool_misuse("--raw and --scaled exclude each other");
    if (method < 0)
        mi_tool_misuse("--method: %s", err.text);
    if (mi_method_info((enum mi_method)method)->is_control)
        mi_tool_misuse("--method: '%s' is a control, which comes by itself", opt->method);
    if (opt->metric && mi_evaluate_metrics(opt->p.eval.wants, opt->metric, &err) < 0)
        mi_tool_misuse("--metric: %s", err.text);
    opt->p.fit.method = (enum mi_method)method;
    opt->p.acts.domain_by = opt->by;
    opt->p.acts.part = (enum mi_part)opt->part;
    opt->p.acts.pool = (enum mi_pool)opt->pool;
    opt->p.directions = (struct mi_names){opt->directions.item, opt->directions.n};
}

/* The same numbers under the names of each verb's options. */
static void finish_options(struct options *opt)
{
    struct mi_probing *p = &opt->p;
    struct mi_error err = {0};

    if (opt->max_memory && mi_bytes_parse(opt->max_memory, &p->fit.max_memory, &err) < 0)
        mi_tool_misuse("--max-memory: %s", err.text);
    p->units.max_memory = p->fit.max_memory;
    p->step.tool = tool.name;
    p->step.verb = verbs[2 * opt->verb];
    p->step.seed = opt->seed;
    p->acts.seed = p->eval.seed = p->fit.seed = p->scores.seed = (uint64_t)opt->seed;
    p->project.seed = (uint64_t)opt->seed;
    p->project.kind = opt->is_raw      ? MI_PROJECTION_RAW
                      : opt->is_scaled ? MI_PROJECTION_SCALED
                                       : MI_PROJECTION_SIGNED;
    p->eval.n_bootstrap = p->fit.n_bootstrap = p->scores.n_bootstrap = (int32_t)opt->bootstrap;
    p->fit.level = p->scores.level = p->eval.level;
    p->fit.share = p->acts.share;
    p->fit.n_draws = (int)opt->n_draws;
    p->eval.n_random = (int)opt->n_random;
    p->eval.n_permuted = p->units.n_permuted = (int)opt->n_permuted;
    p->units.n_top = opt->n_top;
    memcpy(p->fit.wants, p->eval.wants, sizeof p->fit.wants);
    for (int i = 0; opt->verb != VERDICT && i < opt->of.n; i++)
        if (mi_scores_key(&opt->arena, &p->scores.of, opt->of.item[i], &err) < 0)
            mi_tool_misuse("--of: %s", err.text);
    p->eval.of = p->fit.of = p->project.of = p->scores.of;
}

/* ---- the run ------------------------------------------------------------------------ */

/* Reads all inputs, says what is in them and what would be made of it. */
static int print_plan(struct options *opt, struct mi_error *err)
{
    const struct mi_probing *p = &opt->p;
    const struct mi_names gates = {opt->gates.item, opt->gates.n};
    struct mi_acts_options acts = p->acts;
    struct mi_survey s = {0};
    struct mi_buf b = {0};
    int64_t n_own;
    int r;

    acts.any_side = opt->verb == EVAL || opt->verb == PROJECT; /* the directions name theirs */
    r = mi_survey_streams(&s, &p->directions, &acts, err);
    if (r == 0)
        r = mi_survey_streams(&s, &p->inputs, &acts, err);
    if (r == 0)
        r = mi_survey_streams(&s, &gates, NULL, err);
    if (r == 0) {
        mi_survey_print(&b, &s);
        n_own = s.n_dirs - s.n_controls;
        if (opt->verb == EVAL)
            mi_survey_line(&b, "controls", "%ld random, %ld permuted draws for each of %lld",
                           s.n_controls ? 0 : opt->n_random, opt->n_permuted, (long long)n_own);
        if (opt->verb == FIT || opt->verb == TRANSFER)
            mi_survey_line(&b, "controls", "%ld random, %ld shuffled draws a fit", opt->n_draws,
                           opt->n_draws);
        if (opt->verb != VERDICT && opt->verb != PROJECT && opt->verb != EFFECTS)
            mi_survey_line(&b, "replicates", "%ld", opt->bootstrap);
        fputs(mi_buf_text(&b), stdout);
    }
    mi_buf_free(&b);
    mi_survey_free(&s);
    return r;
}

static int run(struct options *opt)
{
    static int (*const verb[])(struct mi_probing *, struct mi_error *) = {
        mi_probing_eval,  mi_probing_project, mi_probing_fit,    mi_probing_fit,
        mi_probing_rate,  mi_probing_diff,    mi_probing_spread, mi_probing_effects,
        mi_probing_units, mi_probing_verdict};
    const struct mi_probing *p = &opt->p;
    struct mi_error err = {0};
    char usage[64];
    int r = opt->dry_run ? print_plan(opt, &err) : verb[opt->verb](&opt->p, &err);

    if (r == 0 && mi_opt_verbose && !opt->dry_run)
        mi_warn("%zu prompts, %zu places, %lld scores, %s", p->n_prompts, p->n_places,
                (long long)p->n_scores, mi_usage_text(usage));
    mi_scores_free(&opt->p.scores);
    mi_origin_free(&opt->p.step.origin);
    mi_pos_free(&opt->positions);
    mi_arena_free(&opt->arena);
    return r < 0 ? mi_tool_failed(&err) : MI_EXIT_OK;
}

int main(int argc, char **argv)
{
    struct options opt = {
        .p = {.acts = {.share = 0.5},
              .eval = {.level = 0.95, .wants = {true, true, true}},
              .fit = {.l2 = 0.01, .rtol = 1e-6}},
        .above = (double)NAN,
        .below = (double)NAN,
        .seed = 1,
        .bootstrap = 1000,
        .n_random = 20,
        .n_permuted = 20,
        .n_draws = 5,
        .n_top = 20,
        .method = "logistic",
    };
    int i;

    mi_tool_start(&tool, argv);
    opt.verb = (enum verb)mi_tool_verb(argc, argv);
    i = 1 + parse(&opt, argc - 1, argv + 1);
    check_files(&opt, argc - i, argv + i);
    (opt.verb == VERDICT                    ? check_claim
     : opt.verb == EFFECTS                  ? check_effects
     : opt.verb == RATE || opt.verb == DIFF ? check_runs
                                            : check_acts)(&opt);
    finish_options(&opt);
    return mi_tool_end(run(&opt));
}
