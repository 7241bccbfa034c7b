/* job/measure.h: the figures of a run: parsed, then read off the logits and sites of a pass.
 *
 *     logit_diff        logit(target) - logit(foil), first token in which they differ
 *     prob_diff         p(target) - p(foil), the same token
 *     logp              of the whole target, summed over its tokens
 *     kl                sum p log(p / q) against the base run, mean over the metric positions
 *     proj:FILE@SITE    projection on the direction for SITE, mean over the metric positions;
 *                       written as `projection`; a SITE of several places gives one figure each
 *
 * The target and the foil are the base prompt's, for every run that is compared with it. A
 * figure of a run depends on the run alone, in one order of operations. */
#ifndef MI_JOB_MEASURE_H
#define MI_JOB_MEASURE_H

#include "data/metric.h"
#include "data/pos.h"
#include "job/source.h"

enum mi_measure_kind {
    MI_MEASURE_LOGIT_DIFF,
    MI_MEASURE_PROB_DIFF,
    MI_MEASURE_LOGP,
    MI_MEASURE_KL,
    MI_MEASURE_PROJECTION,
};

struct mi_measure {
    enum mi_measure_kind kind;
    const struct mi_metric *metric;
    /* of a projection */
    struct mi_place at;
    char at_text[48], digest[33];
    float *v; /* [width] all heads of the place, or its one */
    int64_t width;
};

/* `{0}` is empty. */
struct mi_measures {
    struct mi_measure *item; /* [n] */
    int n;
    size_t cap;
    const struct mi_pos *pos; /* the metric positions */
    bool needs_diff, needs_logp, needs_kl;
    struct mi_arena arena;
    struct mi_value inputs; /* array of {name, digest}: the directions' streams */
};

/* lists: each "logit_diff,kl,proj:d.mi@resid_post:12". MI_EXIT_USAGE: an unknown or unfit
 * metric; MI_EXIT_DATA: a direction that does not fit. `header` is the session's. */
int mi_measures_open(struct mi_measures *m, const char *const *lists, int n,
                     const struct mi_pos *pos, const struct mi_session *s,
                     const struct mi_value *header, bool other_model,
                     struct mi_error *err) MI_MUST_USE;
/* The names alone, before anything is opened. */
int mi_measures_check(const char *const *lists, int n, struct mi_error *err) MI_MUST_USE;
bool mi_measures_want(const struct mi_measures *m, enum mi_site site, int layer);
/* Are the logits of the subject's own two tokens (diff_target, diff_foil) all that is read? */
bool mi_measures_need_two_logits(const struct mi_measures *m);
void mi_measures_free(struct mi_measures *m);

/* A prompt with the tokens of the continuation that its figures need. */
struct mi_subject {
    const struct mi_item *item;
    int32_t *tokens; /* [n] prompt, then what the figures read of the target */
    int64_t n, n_prompt;
    const int32_t *target; /* [n_target] */
    int64_t n_target;
    int64_t diff_row; /* row whose logits tell target from foil; -1: not wanted */
    int32_t diff_target, diff_foil;
    int64_t *pos; /* [n_pos] metric positions, ascending */
    int64_t n_pos;
    size_t cap_pos;
    int *logit_row; /* [n_logit_rows] ascending positions whose logits are read */
    int n_logit_rows;
};
/* `asks` has the target and foil (the base item). Frees what the struct held. */
int mi_subject_init(struct mi_subject *s, const struct mi_measures *m, const struct mi_item *item,
                    const struct mi_item *asks, struct mi_error *err) MI_MUST_USE;
void mi_subject_free(struct mi_subject *s);

/* What a run showed. */
struct mi_reading {
    const struct mi_measures *measures;
    const struct mi_subject *subject;
    const struct mi_reading *reference; /* of kl; NULL: this run is the base */
    double diff[2];                     /* logits; log-probs are those less the normalizer */
    double diff_normalizer;
    double *logp;       /* [n_target] */
    double *kl;         /* [n_pos] */
    double *projection; /* [n, n_pos] */
    float *logits;      /* [n_pos, V] of a base run with kl */
    double *normalizer; /* [n_pos] */
};
void mi_reading_init(struct mi_reading *r, const struct mi_measures *m, const struct mi_subject *s,
                     const struct mi_reading *reference, int64_t d_vocab);
/* Of a changed run of the reference's subject, before `start` of which nothing changes: those
 * figures are the reference's. */
void mi_reading_begin(struct mi_reading *r, int64_t start);
/* One row of logits [v] at a position: of the vocabulary, or (ids not NULL) of these tokens, the
 * two that are read among them. Rows may come from several threads. */
void mi_reading_logits(struct mi_reading *r, int64_t position, const float *logits,
                       const int32_t *ids, int64_t v);
/* Rows first .. first + n - 1 of a view, which belong to this run. */
void mi_reading_site(struct mi_reading *r, const struct mi_view *view, int first, int n);
/* The figures into value [measures n]. MI_EXIT_DATA when one is not finite. */
int mi_reading_values(const struct mi_reading *r, double *value, struct mi_error *err) MI_MUST_USE;
void mi_reading_free(struct mi_reading *r);

#endif
