/* job/probing.h: the verbs of mi-probe: each from its inputs to the end of its output. */
#ifndef MI_JOB_PROBING_H
#define MI_JOB_PROBING_H

#include "job/effect_scores.h"
#include "job/evaluate.h"
#include "job/project.h"
#include "job/rate.h"
#include "job/spread.h"
#include "job/step.h"
#include "job/transfer.h"
#include "job/units.h"
#include "job/verdict.h"

/* What a verb needs; each looks at its own part. */
struct mi_probing {
    struct mi_step step;
    const char *probes; /* where to, NULL: not written */
    struct mi_names inputs, directions, by;
    bool other_model;
    struct mi_acts_options acts;
    struct mi_evaluate_options eval;
    struct mi_transfer_options fit;
    struct mi_units_options units;
    struct mi_project_options project;
    struct mi_effect_scores_options effects;
    struct mi_scores scores;
    struct mi_claim claim;
    enum mi_run_figure figure[MI_RUN_FIGURES];
    int n_figures;            /* of diff one */
    const struct mi_pos *pos; /* of figures over positions */
    /* out: what was done, for a summary */
    size_t n_prompts, n_places;
    int64_t n_scores;
};

int mi_probing_eval(struct mi_probing *p, struct mi_error *err) MI_MUST_USE;
int mi_probing_fit(struct mi_probing *p, struct mi_error *err) MI_MUST_USE; /* and transfer */
int mi_probing_project(struct mi_probing *p, struct mi_error *err) MI_MUST_USE;
int mi_probing_rate(struct mi_probing *p, struct mi_error *err) MI_MUST_USE;
int mi_probing_diff(struct mi_probing *p, struct mi_error *err) MI_MUST_USE;
int mi_probing_spread(struct mi_probing *p, struct mi_error *err) MI_MUST_USE;
int mi_probing_effects(struct mi_probing *p, struct mi_error *err) MI_MUST_USE;
int mi_probing_units(struct mi_probing *p, struct mi_error *err) MI_MUST_USE;
int mi_probing_verdict(struct mi_probing *p, struct mi_error *err) MI_MUST_USE;

#endif
