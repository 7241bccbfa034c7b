/* mi-patch: what a change to one part of a run does to its figures. */
#include "base/bytes.h"
#include "base/escape.h"
#include "base/opt.h"
#include "base/par.h"
#include "base/progress.h"
#include "base/tool.h"
#include "job/material.h"
#include "job/pace.h"
#include "job/sweep.h"
#include "job/task.h"
#include "stream/header.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const modes[] = {"denoise", "noise", NULL};
static const char *const ablations[] = {"none", "zero", "mean", "resample", NULL};
static const char *const alignments[] = {"end", "span", "mean", NULL};

struct options {
    struct mi_task t;
    const char *pos, *metric_pos, *sides, *from, *paths, *along, *across;
    struct mi_strings at, metrics, variants;
    bool together, aggregate;
    long batch, bootstrap;
    double level;
    int mode, ablate, align;
    /* made from them */
    struct mi_pos positions, metric_positions;
};

/* Everything that is open; every closer accepts the zero value. */
struct work {
    struct mi_task *t;
    struct mi_measures measures;
    struct mi_material means, directions;
    struct mi_sweep_options sweep;
};

static const struct mi_tool tool = {
    .name = "mi-patch",
    .synopsis =
        "-m MODEL --at SITES --metric LIST [OPTION]... [PAIRS]\n"
        "       mi-patch -m MODEL --variant LABEL=EDIT... --metric LIST [OPTION]... [PROMPTS]",
    .about =
        "Change one part of a model's run at a time, and write what that does to the figures:\n"
        "put the values of a source prompt into the run of a base prompt (patching; with --along\n"
        "and --across a part of them), take values away (--ablate), follow a path (--paths), or "
        "apply edits (--variant).",
    .examples =
        "  mi-patch -m model.gguf --at 'resid_post:*' --pos all --metric logit_diff pairs.jsonl\n"
        "  mi-patch -m model.gguf --at 'z:*.*' --together --metric logp,kl --aggregate "
        "pairs.jsonl\n"
        "  mi-patch -m model.gguf --along honesty.mi --together --metric logp pairs.jsonl\n"
        "  mi-patch -m model.gguf --at 'z:*.*' --paths 'k:5.*' --metric logit_diff pairs.jsonl\n"
        "  mi-patch -m model.gguf --variant '2=add resid_post:9 d.mi * 2' --metric kl texts\n",
};

/* ---- the command line -------------------------------------------------------- */

static void check_kind(const struct options *opt)
{
    if (opt->variants.n > 0 && (opt->at.n > 0 || opt->ablate || opt->paths))
        mi_tool_misuse("--variant says itself what is changed: --at, --ablate and --paths do not "
                       "go with it");
    if (opt->along && opt->across)
        mi_tool_misuse("--along and --across are two things");
    if ((opt->along || opt->across) && (opt->ablate || opt->variants.n > 0 || opt->paths))
        mi_tool_misuse("--along and --across patch: --ablate, --variant and --paths do not go with "
                       "them");
    if (opt->variants.n == 0 && opt->at.n == 0 && !opt->along && !opt->across)
        mi_tool_misuse("--at names the sites to change (or --variant the edits)");
    if (opt->paths && opt->ablate)
        mi_tool_misuse("--paths and --ablate are two things");
    if ((opt->ablate || opt->variants.n > 0) && opt->mode)
        mi_tool_misuse("--mode noise exchanges base and source; there is none to exchange");
    if ((strcmp(ablations[opt->ablate], "mean") == 0) != (opt->from != NULL))
        mi_tool_misuse("--ablate mean and --from FILE (its statistics) go together");
    if (strcmp(ablations[opt->ablate], "resample") == 0 && opt->t.shard)
        mi_tool_misuse("--ablate resample draws from all prompts: --shard does not go with it");
    if (opt->aggregate && opt->t.shard)
        mi_tool_misuse("--aggregate needs all pairs: --shard does not go with it");
    if (opt->together && (opt->paths || opt->variants.n > 0))
        mi_tool_misuse("--together is of --at alone");
}

static void check_values(struct options *opt)
{
    struct mi_error err = {0};

    if (mi_pos_parse(&opt->positions, opt->pos, &err) < 0)
        mi_tool_misuse("--pos: %s", err.text);
    if (mi_pos_parse(&opt->metric_positions, opt->metric_pos, &err) < 0)
        mi_tool_misuse("--metric-pos: %s", err.text);
    if (mi_measures_check(opt->metrics.item, opt->metrics.n, &err) < 0)
        mi_tool_misuse("--metric: %s", err.text);
    for (int i = 0; i < opt->at.n; i++)
        if (mi_places_check(opt->at.item[i], &err) < 0)
            mi_tool_misuse("--at: %s", err.text);
    if (opt->paths && mi_places_check(opt->paths, &err) < 0)
        mi_tool_misuse("--paths: %s", err.text);
}

static void parse_options(struct options *opt, int argc, char **argv)
{
    const struct mi_opt table[] = {
        MI_TASK_FIRST(&opt->t),
        MI_LIST(0, "at", "SITES", &opt->at, "what to change, as resid_post:* (may be repeated)"),
        MI_STRING(0, "pos", "POSITIONS", &opt->pos, "where: all, last, -2, span:NAME, ..."),
        MI_LIST(0, "metric", "LIST", &opt->metrics,
                "logit_diff, prob_diff, logp, kl, proj:FILE@SITE"),
        MI_STRING(0, "metric-pos", "POSITIONS", &opt->metric_pos, "where kl and proj are read"),
        MI_STRING(0, "sides", "BASE,SOURCE", &opt->sides, "the two sides of a pair"),
        MI_CHOICE(0, "mode", "MODE", &opt->mode, modes, "which of them is changed: base or source"),
        MI_CHOICE(0, "align", "KIND", &opt->align, alignments, "how unequal prompts match"),
        MI_FLAG(0, "together", &opt->together, "change all positions at once"),
        MI_STRING(0, "along", "FILE", &opt->along, "patch the part along these directions only"),
        MI_STRING(0, "across", "FILE", &opt->across, "patch all but the part along them"),
        MI_CHOICE(0, "ablate", "KIND", &opt->ablate, ablations, "take values away instead"),
        MI_STRING(0, "from", "FILE", &opt->from, "statistics for --ablate mean"),
        MI_LIST(0, "variant", "LABEL=EDIT", &opt->variants,
                "apply an edit to each prompt (may be repeated)"),
        MI_STRING(0, "paths", "SITES", &opt->paths, "follow paths from --at to these receivers"),
        MI_FLAG(0, "aggregate", &opt->aggregate, "add the effects over all pairs, with intervals"),
        MI_INT(0, "bootstrap", "N", &opt->bootstrap, 0, 1000000, "replicates; 0: no intervals"),
        MI_REAL(0, "level", "X", &opt->level, 0.5, 0.9999, "level of the intervals"),
        MI_INT(0, "batch", "ROWS", &opt->batch, 0, 1 << 20, "tokens of a pass; 0: chosen"),
        MI_TASK_LAST(&opt->t),
    };
    int n = (int)(sizeof table / sizeof *table), i = mi_opt_parse(table, n, argc, argv);
    struct mi_error err = {0};

    if (mi_task_check(&opt->t, argc - i, argv + i, true, !isatty(STDIN_FILENO), &err) < 0)
        mi_tool_misuse("%s", err.text);
    check_kind(opt);
    check_values(opt);
}

/* ---- what is asked for --------------------------------------------------------- */

static enum mi_sweep_kind kind_of(const struct options *opt)
{
    static const enum mi_sweep_kind of[] = {MI_SWEEP_PATCH, MI_SWEEP_ZERO, MI_SWEEP_MEAN,
                                            MI_SWEEP_RESAMPLE};

    return opt->variants.n > 0 ? MI_SWEEP_EDIT : opt->paths ? MI_SWEEP_PATH : of[opt->ablate];
}

static int open_variants(struct work *w, const struct options *opt, struct mi_error *err)
{
    struct mi_sweep_options *o = &w->sweep;
    int r = 0;

    o->variant = mi_arena_alloc(&w->t->arena, (size_t)opt->variants.n * sizeof *o->variant + 1);
    for (int i = 0; i < opt->variants.n && r == 0; i++) {
        struct mi_sweep_variant *v = &o->variant[i];

        r = mi_sweep_variant_parse(v, opt->variants.item[i], &w->t->arena, err);
        for (int k = 0; k < i && r == 0; k++)
            if (strcmp(o->variant[k].label, v->label) == 0)
                r = mi_fail(err, MI_EXIT_USAGE, "two variants are called '%s'", mi_quote(v->label));
        if (r < 0)
            break;
        o->n_variants = i + 1;
        r = mi_editor_open(&v->edits, &w->t->session, &v->line, 1, NULL, 0,
                           mi_source_header(&w->t->source), opt->t.other_model, opt->t.seed, err);
        if (r == 0 && mi_editor_has_twins(&v->edits))
            r = mi_fail(err, MI_EXIT_USAGE, "freeze is of mi-run and mi-capture");
        if (r < 0)
            r = mi_fail_in(err, "variant '%s'", mi_quote(v->label));
    }
    return r;
}

static int open_means(struct work *w, const struct options *opt, struct mi_error *err)
{
    struct mi_places none = {0};
    int r;

    if (!opt->from)
        return 0;
    r = mi_material_read(&w->means, opt->from, &none, err);
    if (r == 0 &&
        mi_header_same_model(&w->means.header, &w->t->header, opt->t.other_model, err) < 0)
        r = mi_fail_in(err, "'%s'", mi_quote(opt->from));
    if (r == 0 && mi_is(mi_get(&w->means.header, "shard"), MI_MAP))
        r = mi_fail(err, MI_EXIT_DATA, "'%s' is one shard of the statistics; merge them first",
                    mi_quote(opt->from));
    w->sweep.means = &w->means;
    return r;
}

/* Without --at every place that the file has a direction for is changed. */
static int open_directions(struct work *w, const struct options *opt, struct mi_error *err)
{
    const char *path = opt->along ? opt->along : opt->across;
    const struct mi_dims *dims = &w->t->session.model.config.dims;
    struct mi_material *m = &w->directions;
    struct mi_places none = {0};
    char text[48];
    int r;

    if (!path)
        return 0;
    r = mi_material_read(m, path, &none, err);
    if (r == 0 && mi_header_same_model(&m->header, &w->t->header, opt->t.other_model, err) < 0)
        r = mi_fail_in(err, "'%s'", mi_quote(path));
    for (size_t i = 0; i < m->n_dirs && opt->at.n == 0 && r == 0; i++)
        r = mi_places_parse(&w->sweep.places, mi_place_text(&m->dir[i].place, text), dims, err);
    w->sweep.directions = m;
    w->sweep.is_across = opt->across != NULL;
    w->sweep.effects.method = opt->across ? "across" : "along";
    return r;
}

static int choose(struct work *w, const struct options *opt, struct mi_error *err)
{
    static const enum mi_align align[] = {MI_ALIGN_END, MI_ALIGN_SPAN, MI_ALIGN_MEAN};
    const struct mi_dims *dims = &w->t->session.model.config.dims;
    struct mi_sweep_options *o = &w->sweep;
    int r = 0;

    *o = (struct mi_sweep_options){
        .kind = kind_of(opt),
        .pos = &opt->positions,
        .align = align[opt->align],
        .sides = opt->sides,
        .is_noise = opt->mode == 1,
        .is_together = opt->together,
        .seed = (uint64_t)opt->t.seed,
        .max_memory = opt->t.memory,
        .max_rows = (int)opt->batch,
        .effects = {.aggregate = opt->aggregate,
                    .n_bootstrap = (int32_t)opt->bootstrap,
                    .level = opt->level,
                    .seed = (uint64_t)opt->t.seed},
    };
    o->effects.method = mi_sweep_names[o->kind];
    for (int i = 0; i < opt->at.n && r == 0; i++)
        if ((r = mi_places_parse(&o->places, opt->at.item[i], dims, err)) < 0)
            r = mi_fail_in(err, "--at");
    if (r == 0 && opt->paths && (r = mi_places_parse(&o->receivers, opt->paths, dims, err)) < 0)
        r = mi_fail_in(err, "--paths");
    if (r == 0)
        r = open_directions(w, opt, err);
    if (r == 0)
        r = mi_sweep_check(o, dims, err);
    if (r == 0)
        r = open_variants(w, opt, err);
    if (r == 0)
        r = open_means(w, opt, err);
    if (r == 0)
        r = mi_measures_open(&w->measures, opt->metrics.item, opt->metrics.n,
                             &opt->metric_positions, &w->t->session, &w->t->header,
                             opt->t.other_model, err);
    return r;
}

/* ---- header and end ------------------------------------------------------------ */

/* The metrics as they are in the records: places and digests, no paths. */
static struct mi_value metric_lines(const struct work *w, struct mi_arena *a)
{
    struct mi_buf b = {0};
    struct mi_value v;

    for (int i = 0; i < w->measures.n; i++) {
        const struct mi_measure *q = &w->measures.item[i];

        mi_buf_addf(&b, "%s%s", i ? "," : "", q->metric->id);
        if (q->kind == MI_MEASURE_PROJECTION)
            mi_buf_addf(&b, ":%s@%s", q->digest, q->at_text);
    }
    v = mi_text_dup(a, mi_buf_text(&b), b.len);
    mi_buf_free(&b);
    return v;
}

/* What decides the result, as it was resolved: a default that is written out is the same
 * work. Sites stand in the header itself. */
static struct mi_value resolved_options(struct work *w, const struct options *opt)
{
    struct mi_arena *a = &w->t->arena;
    struct mi_value map = mi_map();
    bool is_edit = w->sweep.kind == MI_SWEEP_EDIT;
    char text[64];

    mi_set_text(a, &map, "method", w->sweep.effects.method);
    mi_set(a, &map, "metric", metric_lines(w, a));
    mi_set_text(a, &map, "metric-pos", opt->metric_positions.text);
    mi_set_text(a, &map, "pos", is_edit ? NULL : opt->positions.text);
    mi_set_text(a, &map, "sides", is_edit ? NULL : opt->sides);
    mi_set_text(a, &map, "mode", is_edit ? NULL : modes[opt->mode]);
    mi_set_text(a, &map, "align", is_edit ? NULL : alignments[opt->align]);
    mi_set_text(a, &map, "together", opt->together ? "true" : NULL);
    mi_set_text(a, &map, "paths", opt->paths);
    mi_set_text(a, &map, "directions", w->sweep.directions ? w->directions.digest : NULL);
    if (opt->aggregate) {
        snprintf(text, sizeof text, "%ld replicates, level %.17g", opt->bootstrap, opt->level);
        mi_set_text(a, &map, "aggregate", text);
    }
    mi_task_note(w->t, &map);
    return map;
}

/* Each variant as "LABEL=EDIT", files named by digest. */
static struct mi_value variant_lines(struct work *w)
{
    struct mi_arena *a = &w->t->arena;
    struct mi_value list = mi_array();

    for (int i = 0; i < w->sweep.n_variants; i++) {
        const struct mi_sweep_variant *v = &w->sweep.variant[i];
        struct mi_value map = mi_editor_header(&v->edits, a);
        const struct mi_value *lines = mi_get(&map, "edits");
        struct mi_buf b = {0};

        mi_buf_addf(&b, "%s=", v->label);
        if (mi_is(lines, MI_ARRAY) && lines->as.array.n)
            mi_buf_add_text(&b, lines->as.array.item[0].as.bytes.at);
        mi_push(a, &list, mi_text_dup(a, mi_buf_text(&b), b.len));
        mi_buf_free(&b);
    }
    return list;
}

static int write_header(struct work *w, const struct options *opt, struct mi_error *err)
{
    struct mi_arena *a = &w->t->arena;
    struct mi_value sites = mi_array();
    char text[48];

    for (size_t i = 0; i < w->sweep.places.n; i++)
        mi_push(a, &sites, mi_str_dup(a, mi_place_text(&w->sweep.places.item[i], text)));
    mi_set(a, &w->t->header, "sites", sites);
    mi_source_set_shard(&w->t->source, a, &w->t->header);
    mi_header_step(a, &w->t->header, "mi-patch", NULL, resolved_options(w, opt), opt->t.seed);
    if (w->sweep.n_variants)
        mi_header_step_edits(a, &w->t->header, variant_lines(w));
    return mi_writer_header(&w->t->out, &w->t->header, err);
}

static void add_material(struct mi_arena *a, struct mi_value *list, const char *name,
                         const struct mi_material *m)
{
    struct mi_value one = mi_map();

    mi_add_all(a, list, &m->inputs);
    mi_set(a, &one, "name", mi_str(name));
    mi_set(a, &one, "digest", mi_str_dup(a, m->digest));
    mi_push(a, list, one);
}

static int finish_stream(struct work *w, struct mi_error *err)
{
    struct mi_arena *a = &w->t->arena;
    struct mi_value inputs = mi_array();

    mi_add_all(a, &inputs, &w->measures.inputs);
    if (w->sweep.means)
        add_material(a, &inputs, "stat", &w->means);
    if (w->sweep.directions)
        add_material(a, &inputs, "dir", &w->directions);
    for (int i = 0; i < w->sweep.n_variants; i++) {
        struct mi_value more = mi_editor_inputs(&w->sweep.variant[i].edits, a);

        mi_add_all(a, &inputs, &more);
    }
    return mi_task_end(w->t, &inputs, err);
}

/* ---- the sweep ------------------------------------------------------------------ */

static void print_plan(const struct mi_sweep_totals *t, const struct mi_model *m)
{
    char peak[24];
    double pace = mi_pace(m);

    printf("pairs        %lld\nruns         %lld\nunchanged    %lld\ntokens       %lld\n"
           "FLOPs        %.4g\npeak memory  %s\n"
           "time         about %.2g s (products run at %.3g GFLOP/s now)\n",
           (long long)t->n_pairs, (long long)t->n_runs, (long long)t->n_same, (long long)t->n_rows,
           t->flops, mi_bytes_text(t->peak, peak), t->flops / (0.8 * pace), pace * 1e-9);
}

static void say_totals(const struct mi_sweep_totals *t, double seconds)
{
    char usage[64];

    mi_warn("%lld pairs, %lld runs (%lld more change nothing), %lld tokens (%.1f/s), "
            "%lld effects (%lld refused), %s",
            (long long)t->n_pairs, (long long)t->n_runs, (long long)t->n_same, (long long)t->n_rows,
            seconds > 0 ? (double)t->n_rows / seconds : 0.0, (long long)t->n_effects,
            (long long)t->n_refused, mi_usage_text(usage));
}

static int sweep(struct work *w, const struct options *opt, struct mi_error *err)
{
    struct mi_writer *out = opt->t.dry_run ? NULL : &w->t->out;
    struct mi_sweep_totals totals;
    double start = mi_seconds();
    int r = out ? write_header(w, opt, err) : 0;

    if (r < 0)
        return r;
    if (out && mi_progress_wanted(mi_opt_quiet))
        mi_progress_start("pairs", 0);
    r = mi_sweep(&w->t->session, &w->t->source, &w->measures, &w->sweep, out, &totals, err);
    mi_progress_end();
    if (r == 0 && !out)
        print_plan(&totals, &w->t->session.model);
    if (r == 0 && out)
        r = finish_stream(w, err);
    if (r == 0 && out && mi_opt_verbose)
        say_totals(&totals, mi_seconds() - start);
    return r;
}

static void close_all(struct work *w)
{
    for (int i = 0; i < w->sweep.n_variants; i++)
        mi_editor_close(&w->sweep.variant[i].edits);
    mi_places_free(&w->sweep.places);
    mi_places_free(&w->sweep.receivers);
    mi_material_free(&w->means);
    mi_material_free(&w->directions);
    mi_measures_free(&w->measures);
    mi_task_close(w->t);
}

static int run(struct options *opt)
{
    struct work w = {.t = &opt->t};
    struct mi_error err = {0};
    int r = mi_task_open(&opt->t, !opt->t.dry_run, true, &err);

    if (r == 0)
        r = mi_task_header(&opt->t, "effect", &err);
    if (r == 0)
        r = choose(&w, opt, &err);
    if (r == 0)
        r = sweep(&w, opt, &err);
    close_all(&w);
    return r < 0 ? mi_tool_failed(&err) : MI_EXIT_OK;
}

int main(int argc, char **argv)
{
    struct options opt = {
        .t = {.input = "-"},
        .pos = "all",
        .metric_pos = "last",
        .sides = "base,source",
        .bootstrap = 1000,
        .level = 0.95,
    };
    int status;

    mi_tool_start(&tool, argv);
    parse_options(&opt, argc, argv);
    status = run(&opt);
    mi_pos_free(&opt.positions);
    mi_pos_free(&opt.metric_positions);
    return mi_tool_end(status);
}
