#include "job/probing.h"

#include "base/escape.h"
#include "stream/header.h"

/* ---- activations ------------------------------------------------------------------ */

static int finish_acts(struct mi_probing *p, struct mi_acts *acts, struct mi_writer *out, int r,
                       struct mi_error *err)
{
    if (r == 0)
        mi_origin_input(&p->step.origin, &acts->reader);
    p->n_prompts = acts->n_prompts;
    p->n_places = acts->n_places;
    r = mi_step_finish(&p->step, out, r, err);
    mi_acts_close(acts);
    return r;
}

/* Reads directions and opens activations of the same model. */
static int open_both(struct mi_probing *p, struct mi_dirs *dirs, struct mi_acts *acts,
                     struct mi_error *err)
{
    int r = mi_dirs_read_all(dirs, p->directions.item, p->directions.n, p->acts.at, p->other_model,
                             &p->step.origin, err);

    if (r == 0 && !p->acts.any_side)
        r = mi_dirs_sides(dirs, p->acts.sides, &p->acts.sides, err);
    if (r == 0)
        r = mi_acts_open(acts, p->inputs.item[0], &p->acts, err);
    if (r == 0)
        r = mi_acts_check_model(acts, &dirs->header, p->other_model, err);
    return r;
}

int mi_probing_eval(struct mi_probing *p, struct mi_error *err)
{
    struct mi_writer out = {0};
    struct mi_acts acts = {0};
    struct mi_dirs dirs = {0};
    int r = mi_writer_open(&out, p->step.output, err);

    if (r == 0)
        r = open_both(p, &dirs, &acts, err);
    if (r == 0)
        r = mi_step_begin(&p->step, &out, mi_reader_header(&acts.reader), &dirs.header, "score",
                          err);
    if (r == 0)
        r = mi_evaluate(&acts, &dirs, &p->eval, &out, &p->n_scores, err);
    r = finish_acts(p, &acts, &out, r, err);
    mi_dirs_free(&dirs);
    return r;
}

int mi_probing_project(struct mi_probing *p, struct mi_error *err)
{
    struct mi_writer out = {0};
    struct mi_acts acts = {0};
    struct mi_dirs dirs = {0};
    int r = mi_writer_open(&out, p->step.output, err);

    mi_project_acts(&p->acts, &out);
    if (r == 0)
        r = open_both(p, &dirs, &acts, err);
    if (r == 0)
        r = mi_step_begin(&p->step, &out, mi_reader_header(&acts.reader), &dirs.header, "score",
                          err);
    if (r == 0)
        r = mi_project(&acts, &dirs, &p->project, &out, &p->n_scores, err);
    r = finish_acts(p, &acts, &out, r, err);
    mi_dirs_free(&dirs);
    return r;
}

int mi_probing_fit(struct mi_probing *p, struct mi_error *err)
{
    struct mi_writer out = {0}, probes = {0};
    struct mi_acts acts = {0};
    int r = mi_writer_open(&out, p->step.output, err);

    if (r == 0)
        r = mi_acts_open(&acts, p->inputs.item[0], &p->acts, err);
    if (r == 0 && p->probes)
        r = mi_writer_open(&probes, p->probes, err);
    if (r == 0)
        r = mi_step_begin(&p->step, &out, mi_reader_header(&acts.reader), NULL, "score", err);
    if (r == 0 && p->probes)
        r = mi_step_begin(&p->step, &probes, mi_reader_header(&acts.reader), NULL, "dir", err);
    if (r == 0)
        r = mi_transfer(&acts, &p->fit, &out, p->probes ? &probes : NULL, &p->n_scores, err);
    if (r == 0 && p->probes) {
        mi_origin_input(&p->step.origin, &acts.reader);
        r = mi_writer_end(&probes, &p->step.origin.inputs, err);
    }
    r = finish_acts(p, &acts, &out, r, err);
    mi_writer_close(&probes);
    return r;
}

int mi_probing_units(struct mi_probing *p, struct mi_error *err)
{
    struct mi_writer out = {0};
    struct mi_acts acts = {0};
    int r = mi_writer_open(&out, p->step.output, err);

    p->scores.out = &out;
    if (r == 0)
        r = mi_acts_open(&acts, p->inputs.item[0], &p->acts, err);
    if (r == 0)
        r = mi_step_begin(&p->step, &out, mi_reader_header(&acts.reader), NULL, "score", err);
    if (r == 0)
        r = mi_units(&acts, &p->units, &p->scores, err);
    p->n_scores = p->scores.n;
    return finish_acts(p, &acts, &out, r, err);
}

/* ---- runs --------------------------------------------------------------------------- */

static struct mi_runs_options runs_options(const struct mi_probing *p)
{
    return (struct mi_runs_options){
        .group_by = p->acts.group_by, .by = p->by.item, .n_by = p->by.n, .pos = p->pos};
}

int mi_probing_rate(struct mi_probing *p, struct mi_error *err)
{
    struct mi_runs_options o = runs_options(p);
    struct mi_writer out = {0};
    struct mi_runs runs = {0};
    int r = mi_writer_open(&out, p->step.output, err);

    p->scores.out = &out;
    for (int i = 0; i < p->inputs.n && r == 0; i++)
        r = mi_runs_read(&runs, p->inputs.item[i], &o, p->figure, p->n_figures, &p->step.origin,
                         err);
    if (r == 0)
        r = mi_step_begin(&p->step, &out, &runs.header, NULL, "score", err);
    if (r == 0)
        r = mi_rate(&runs, p->figure, p->n_figures, p->pos ? p->pos->text : NULL, &p->scores, err);
    p->n_prompts = runs.n;
    p->n_scores = p->scores.n;
    mi_runs_free(&runs);
    return mi_step_finish(&p->step, &out, r, err);
}

int mi_probing_diff(struct mi_probing *p, struct mi_error *err)
{
    struct mi_runs_options o = runs_options(p);
    struct mi_writer out = {0};
    struct mi_runs runs[2] = {0};
    int r = mi_writer_open(&out, p->step.output, err);

    p->scores.out = &out;
    for (int i = 0; i < 2 && r == 0; i++)
        r = mi_runs_read(&runs[i], p->inputs.item[i], &o, p->figure, 1, &p->step.origin, err);
    if (r == 0 &&
        (r = mi_header_same_model(&runs[0].header, &runs[1].header, p->other_model, err)) < 0)
        mi_fail_in(err, "'%s'", mi_quote(p->inputs.item[1]));
    if (r == 0)
        r = mi_step_begin(&p->step, &out, &runs[0].header, &runs[1].header, "score", err);
    if (r == 0)
        r = mi_diff(&runs[0], &runs[1], *p->figure, p->pos ? p->pos->text : NULL, &p->scores, err);
    p->n_prompts = runs[0].n;
    p->n_scores = p->scores.n;
    for (int i = 0; i < 2; i++)
        mi_runs_free(&runs[i]);
    return mi_step_finish(&p->step, &out, r, err);
}

/* ---- sweeps, scores ------------------------------------------------------------------- */

int mi_probing_spread(struct mi_probing *p, struct mi_error *err)
{
    struct mi_writer out = {0};
    struct mi_reader in = {0};
    int r = mi_writer_open(&out, p->step.output, err);

    p->scores.out = &out;
    if (r == 0)
        r = mi_reader_open(&in, p->inputs.item[0], err);
    if (r == 0)
        r = mi_step_begin(&p->step, &out, mi_reader_header(&in), NULL, "score", err);
    if (r == 0)
        r = mi_spread(&in, p->acts.group_by, &p->scores, err);
    if (r == 0)
        mi_origin_input(&p->step.origin, &in);
    p->n_scores = p->scores.n;
    mi_reader_close(&in);
    return mi_step_finish(&p->step, &out, r, err);
}

/* The seed of the header's last step, whose draws made the intervals. */
static uint64_t seed_of(const struct mi_value *header)
{
    const struct mi_value *steps = mi_get(header, "provenance");
    size_t n = mi_is(steps, MI_ARRAY) ? steps->as.array.n : 0;

    return n ? (uint64_t)mi_get_int(&steps->as.array.item[n - 1], "seed", 0) : 0;
}

int mi_probing_effects(struct mi_probing *p, struct mi_error *err)
{
    struct mi_writer out = {0};
    struct mi_reader in = {0};
    int r = mi_writer_open(&out, p->step.output, err);

    p->scores.out = &out;
    if (r == 0)
        r = mi_reader_open(&in, p->inputs.item[0], err);
    if (r == 0) {
        p->scores.seed = seed_of(mi_reader_header(&in));
        p->step.seed = (int64_t)p->scores.seed;
        r = mi_step_begin(&p->step, &out, mi_reader_header(&in), NULL, "score", err);
    }
    if (r == 0)
        r = mi_effect_scores(&in, &p->effects, &p->scores, err);
    if (r == 0)
        mi_origin_input(&p->step.origin, &in);
    p->n_scores = p->scores.n;
    mi_reader_close(&in);
    return mi_step_finish(&p->step, &out, r, err);
}

int mi_probing_verdict(struct mi_probing *p, struct mi_error *err)
{
    struct mi_writer out = {0};
    struct mi_reader in = {0};
    int r = mi_writer_open(&out, p->step.output, err);

    if (r == 0)
        r = mi_reader_open(&in, p->inputs.item[0], err);
    if (r == 0)
        r = mi_step_begin(&p->step, &out, mi_reader_header(&in), NULL, "verdict", err);
    if (r == 0)
        r = mi_verdict_judge(&in, &p->claim, &p->step.origin, &out, err);
    if (r == 0)
        mi_origin_input(&p->step.origin, &in);
    mi_reader_close(&in);
    return mi_step_finish(&p->step, &out, r, err);
}
