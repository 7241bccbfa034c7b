/* job/reading.c: figures of one run; see measure.h. */
#include "base/escape.h"
#include "base/mem.h"
#include "job/measure.h"
#include "math/linear.h"
#include "math/rows.h"
#include "math/vmath.h"

#include <math.h>
#include <string.h>

/* ---- subjects -------------------------------------------------------------------- */

static int find_difference(struct mi_subject *s, const struct mi_item *asks, struct mi_error *err)
{
    int64_t c = 0;

    if (!asks->target || !asks->foil)
        return mi_fail(err, MI_EXIT_DATA, "there is no %s to compare logits of",
                       asks->target ? "foil" : "target");
    while (c < asks->n_target && c < asks->n_foil && asks->target[c] == asks->foil[c])
        c++;
    if (c == asks->n_target || c == asks->n_foil)
        return mi_fail(err, MI_EXIT_DATA,
                       "target and foil differ in no token: one begins with the other");
    s->diff_row = s->n_prompt - 1 + c;
    s->diff_target = asks->target[c];
    s->diff_foil = asks->foil[c];
    return 0;
}

static bool reads_row(const struct mi_subject *s, const struct mi_measures *m, int64_t t)
{
    if (t == s->diff_row || (m->needs_logp && t >= s->n_prompt - 1))
        return true;
    for (int64_t k = 0; m->needs_kl && k < s->n_pos; k++)
        if (s->pos[k] == t)
            return true;
    return false;
}

static int lay_out(struct mi_subject *s, const struct mi_measures *m, const struct mi_item *asks,
                   struct mi_error *err)
{
    struct mi_pos_tokens tokens = mi_item_tokens(s->item);
    int64_t n_more = 0;
    int r;

    tokens.n_tokens = s->n_prompt = s->item->prompt.n_prompt;
    s->diff_row = -1;
    if (m->needs_diff && (r = find_difference(s, asks, err)) < 0)
        return r;
    if (m->needs_diff)
        n_more = s->diff_row - (s->n_prompt - 1);
    if (m->needs_logp && !asks->target)
        return mi_fail(err, MI_EXIT_DATA, "there is no target, whose logp is asked for");
    s->target = asks->target;
    s->n_target = m->needs_logp ? asks->n_target : 0;
    if (s->n_target > 0 && s->n_target - 1 > n_more)
        n_more = s->n_target - 1;
    s->n_pos = mi_pos_resolve(m->pos, &tokens, &s->pos, &s->cap_pos, err);
    if (s->n_pos < 0)
        return (int)s->n_pos;
    if (s->n_pos == 0)
        return mi_fail(err, MI_EXIT_DATA, "no token at the metric's positions '%s'", m->pos->text);
    s->n = s->n_prompt + n_more;
    s->tokens = mi_alloc_n((size_t)s->n, sizeof *s->tokens);
    memcpy(s->tokens, s->item->prompt.tokens, (size_t)s->n_prompt * sizeof *s->tokens);
    if (n_more)
        memcpy(s->tokens + s->n_prompt, asks->target, (size_t)n_more * sizeof *s->tokens);
    s->logit_row = mi_alloc_n((size_t)s->n, sizeof *s->logit_row);
    for (int64_t t = 0; t < s->n; t++)
        if (reads_row(s, m, t))
            s->logit_row[s->n_logit_rows++] = (int)t;
    return 0;
}

int mi_subject_init(struct mi_subject *s, const struct mi_measures *m, const struct mi_item *item,
                    const struct mi_item *asks, struct mi_error *err)
{
    mi_subject_free(s);
    s->item = item;
    return lay_out(s, m, asks, err) < 0 ? mi_fail_in(err, "prompt '%s'", mi_quote(item->prompt.id))
                                        : 0;
}

void mi_subject_free(struct mi_subject *s)
{
    mi_free(s->tokens);
    mi_free(s->pos);
    mi_free(s->logit_row);
    *s = (struct mi_subject){0};
}

/* ---- readings -------------------------------------------------------------------- */

static double *unknown(int64_t n)
{
    double *x = mi_alloc_n((size_t)n + 1, sizeof *x);

    for (int64_t i = 0; i < n; i++)
        x[i] = (double)NAN;
    return x;
}

void mi_reading_init(struct mi_reading *r, const struct mi_measures *m, const struct mi_subject *s,
                     const struct mi_reading *reference, int64_t d_vocab)
{
    *r = (struct mi_reading){
        .measures = m,
        .subject = s,
        .reference = reference,
        .diff = {(double)NAN, (double)NAN},
        .diff_normalizer = (double)NAN,
        .logp = unknown(s->n_target),
        .kl = unknown(s->n_pos),
        .projection = unknown(m->n * s->n_pos),
    };
    if (m->needs_kl && !reference) {
        r->logits = mi_alloc_n((size_t)(s->n_pos * d_vocab), sizeof *r->logits);
        r->normalizer = unknown(s->n_pos);
    }
}

void mi_reading_begin(struct mi_reading *r, int64_t start)
{
    const struct mi_subject *s = r->subject;

    for (int64_t k = 0; k < s->n_pos && s->pos[k] < start; k++) {
        r->kl[k] = 0;
        for (int i = 0; i < r->measures->n; i++)
            r->projection[i * s->n_pos + k] = r->reference->projection[i * s->n_pos + k];
    }
}

static int64_t index_of(const struct mi_subject *s, int64_t position)
{
    int64_t lo = 0, hi = s->n_pos;

    while (lo < hi) {
        int64_t mid = (lo + hi) / 2;

        if (s->pos[mid] < position)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < s->n_pos && s->pos[lo] == position ? lo : -1;
}

/* sum p log(p / q) over the vocabulary: log-probs in double, one order. Rounding may leave a
 * hair below 0, where the two are all but equal. */
static double divergence(const float *p, double p_normalizer, const float *q, double q_normalizer,
                         int64_t v)
{
    double sum = 0;

    for (int64_t i = 0; i < v; i++) {
        double log_p = (double)p[i] - p_normalizer;
        double weight = mi_exp(log_p);

        if (weight > 0)
            sum += weight * (log_p - ((double)q[i] - q_normalizer));
    }
    return sum > 0 ? sum : sum <= 0 ? 0 : (double)NAN;
}

/* Metric positions of another prompt match the base's from the end. */
static void read_divergence(struct mi_reading *r, int64_t k, const float *logits, int64_t v,
                            double normalizer)
{
    const struct mi_reading *base = r->reference;
    int64_t other;

    if (!base) {
        memcpy(r->logits + k * v, logits, (size_t)v * sizeof *logits);
        r->normalizer[k] = normalizer;
        r->kl[k] = 0;
        return;
    }
    other = k + base->subject->n_pos - r->subject->n_pos;
    if (other >= 0)
        r->kl[k] =
            divergence(base->logits + other * v, base->normalizer[other], logits, normalizer, v);
}

/* Of some tokens: the two whose difference is asked for are there. */
static void read_two(struct mi_reading *r, const float *logits, const int32_t *ids, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        if (ids[i] == r->subject->diff_target)
            r->diff[0] = (double)logits[i];
        if (ids[i] == r->subject->diff_foil)
            r->diff[1] = (double)logits[i];
    }
}

void mi_reading_logits(struct mi_reading *r, int64_t position, const float *logits,
                       const int32_t *ids, int64_t v)
{
    const struct mi_subject *s = r->subject;
    int64_t t = position - (s->n_prompt - 1), k = index_of(s, position);
    double normalizer;

    if (ids) {
        if (position == s->diff_row)
            read_two(r, logits, ids, v);
        return;
    }
    normalizer = mi_log_normalizer(logits, v);
    if (position == s->diff_row) {
        r->diff[0] = (double)logits[s->diff_target];
        r->diff[1] = (double)logits[s->diff_foil];
        r->diff_normalizer = normalizer;
    }
    if (t >= 0 && t < s->n_target)
        r->logp[t] = (double)logits[s->target[t]] - normalizer;
    if (r->measures->needs_kl && k >= 0)
        read_divergence(r, k, logits, v, normalizer);
}

static double project(const struct mi_measure *q, const struct mi_view *view, const float *x)
{
    float *all;
    double p;

    if (q->at.head >= 0)
        return (double)mi_dot(x + q->at.head * view->ld_head, q->v, q->width);
    if (view->n_heads == 1 || view->ld_head == view->width)
        return (double)mi_dot(x, q->v, q->width);
    all = mi_alloc_n((size_t)q->width, sizeof *all);
    for (int h = 0; h < view->n_heads; h++)
        memcpy(all + h * view->width, x + h * view->ld_head, (size_t)view->width * sizeof *all);
    p = (double)mi_dot(all, q->v, q->width);
    mi_free(all);
    return p;
}

void mi_reading_site(struct mi_reading *r, const struct mi_view *view, int first, int n)
{
    for (int i = 0; i < r->measures->n; i++) {
        const struct mi_measure *q = &r->measures->item[i];

        if (q->kind != MI_MEASURE_PROJECTION || q->at.site != view->site ||
            q->at.layer != view->layer)
            continue;
        for (int row = first; row < first + n; row++) {
            int64_t k = index_of(r->subject, view->row[row].position);

            if (k >= 0)
                r->projection[i * r->subject->n_pos + k] =
                    project(q, view, view->x + row * view->ld);
        }
    }
}

static double mean(const double *x, int64_t from, int64_t n)
{
    double sum = 0;

    for (int64_t i = from; i < n; i++)
        sum += x[i];
    return sum / (double)(n - from);
}

static double value_of(const struct mi_reading *r, int i)
{
    const struct mi_subject *s = r->subject;
    int64_t surplus = r->reference ? s->n_pos - r->reference->subject->n_pos : 0;
    double sum = 0;

    switch (r->measures->item[i].kind) {
    case MI_MEASURE_LOGIT_DIFF: return r->diff[0] - r->diff[1];
    case MI_MEASURE_PROB_DIFF:
        return mi_exp(r->diff[0] - r->diff_normalizer) - mi_exp(r->diff[1] - r->diff_normalizer);
    case MI_MEASURE_LOGP:
        for (int64_t t = 0; t < s->n_target; t++)
            sum += r->logp[t];
        return sum;
    case MI_MEASURE_KL: return mean(r->kl, surplus > 0 ? surplus : 0, s->n_pos);
    default: return mean(r->projection + i * s->n_pos, 0, s->n_pos);
    }
}

int mi_reading_values(const struct mi_reading *r, double *value, struct mi_error *err)
{
    for (int i = 0; i < r->measures->n; i++) {
        value[i] = value_of(r, i);
        if (!isfinite(value[i]))
            return mi_fail(err, MI_EXIT_DATA, "prompt '%s': %s is not finite",
                           mi_quote(r->subject->item->prompt.id), r->measures->item[i].metric->id);
    }
    return 0;
}

void mi_reading_free(struct mi_reading *r)
{
    mi_free(r->logp);
    mi_free(r->kl);
    mi_free(r->projection);
    mi_free(r->logits);
    mi_free(r->normalizer);
    *r = (struct mi_reading){0};
}
