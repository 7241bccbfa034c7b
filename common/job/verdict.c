#include "job/verdict.h"

#include "base/escape.h"
#include "base/mem.h"
#include "data/json.h"
#include "data/metric.h"
#include "job/label.h"
#include "stream/record.h"
#include "stream/verdict_record.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The scores that fit, and the gate. */
struct judging {
    const struct mi_claim *claim;
    struct mi_arena arena;
    struct mi_score_record score, control;
    int64_t n_scores, n_controls; /* how many fit */
    char *gate_claim, *gate_verdict;
    const char *reason; /* why the score has no value, where it says so; else NULL */
};

int mi_claim_check(const struct mi_claim *c, struct mi_error *err)
{
    const struct mi_metric *metric;

    if (mi_metric_need(c->metric, &metric, err) < 0)
        return mi_fail_in(err, "--metric");
    if (c->rule.kind == MI_RULE_BETWEEN && c->control)
        return mi_fail(err, MI_EXIT_USAGE, "--control goes with --above and --below");
    for (int i = 0; i < c->n_of; i++)
        if (!strchr(c->of[i], '=') || *c->of[i] == '=')
            return mi_fail(err, MI_EXIT_USAGE, "--of: '%s' is no KEY=VALUE", mi_quote(c->of[i]));
    return 0;
}

/* ---- which score ---------------------------------------------------------------- */

static bool is_key(const char *condition, const char *key)
{
    size_t n = strcspn(condition, "=");

    return strlen(key) == n && strncmp(condition, key, n) == 0;
}

static bool fits_one(const struct mi_value *body, const char *condition)
{
    size_t n = strcspn(condition, "=");
    char *key = mi_strndup(condition, n);
    const char *want = condition + n + 1;
    const struct mi_value *v = mi_get(body, key);
    struct mi_buf text = {0};
    bool fits;

    if (!v || v->kind == MI_NIL)
        fits = strcmp(want, "null") == 0;
    else
        fits = mi_field_text(&text, body, key) && strcmp(mi_buf_text(&text), want) == 0;
    mi_buf_free(&text);
    mi_free(key);
    return fits;
}

static bool fits(const struct mi_claim *c, const struct mi_value *body, bool is_control)
{
    static const char *const own[] = {"method", "run", "subspace", "variant", "draw", "reason"};

    for (int i = 0; i < c->n_of; i++) {
        bool is_own = false;

        for (size_t k = 0; is_control && k < sizeof own / sizeof *own; k++)
            is_own = is_own || is_key(c->of[i], own[k]);
        if (is_own)
            continue;
        if (!is_key(c->of[i], "control") && !fits_one(body, c->of[i]))
            return false;
    }
    return true;
}

/* Which control the claim itself speaks of: `--of control=random`; NULL for none. */
static const char *own_control(const struct mi_claim *c)
{
    for (int i = 0; i < c->n_of; i++)
        if (is_key(c->of[i], "control"))
            return strchr(c->of[i], '=') + 1;
    return NULL;
}

static bool is_same(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static int take_score(struct judging *j, const struct mi_value *body, struct mi_error *err)
{
    const struct mi_claim *c = j->claim;
    struct mi_score_record s;
    struct mi_value copy;
    int r = mi_score_read(body, &s, err);

    if (r < 0 || strcmp(s.metric, c->metric) != 0)
        return r;
    if (is_same(s.control, own_control(c)) && fits(c, body, false) && j->n_scores++ == 0) {
        copy = mi_value_copy(&j->arena, body);
        r = mi_score_read(&copy, &j->score, err);
        j->reason = isnan(j->score.value) ? mi_get_str(&copy, "reason", NULL) : NULL;
    }
    if (r == 0 && c->control && is_same(s.control, c->control) && fits(c, body, true) &&
        j->n_controls++ == 0) {
        copy = mi_value_copy(&j->arena, body);
        r = mi_score_read(&copy, &j->control, err);
    }
    return r;
}

static int check_count(const struct judging *j, const char *name, const char *what, int64_t n,
                       struct mi_error *err)
{
    if (n == 1)
        return 0;
    if (n == 0)
        return mi_fail(err, MI_EXIT_DATA, "%s: no %sscore '%s' fits%s", name, what,
                       mi_quote(j->claim->metric), j->claim->n_of ? " --of" : "");
    return mi_fail(err, MI_EXIT_DATA, "%s: %lld %sscores '%s' fit; --of chooses one", name,
                   (long long)n, what, mi_quote(j->claim->metric));
}

static int read_scores(struct judging *j, struct mi_reader *in, struct mi_error *err)
{
    const char *content = mi_get_str(mi_reader_header(in), "content", "");
    struct mi_record rec;
    int r = 0;

    if (strcmp(content, "score") != 0) {
        mi_fail(err, MI_EXIT_DATA, "holds '%s' records, not scores", mi_quote(content));
        return mi_reader_blame(in, err);
    }
    while (r == 0 && (r = mi_reader_next(in, &rec, err)) > 0) {
        bool is_score = strcmp(rec.kind, "score") == 0;

        r = is_score && take_score(j, rec.body, err) < 0 ? mi_reader_blame(in, err) : 0;
    }
    if (r == 0)
        r = check_count(j, mi_reader_name(in), "", j->n_scores, err);
    if (r == 0 && j->claim->control)
        r = check_count(j, mi_reader_name(in), "control ", j->n_controls, err);
    return r;
}

/* ---- the gate ------------------------------------------------------------------- */

/* Keeps the first verdict, and then the first that is not supported. */
static void take_gate(struct judging *j, const struct mi_verdict_record *v)
{
    if (j->gate_claim &&
        (strcmp(j->gate_verdict, "supported") != 0 || strcmp(v->verdict, "supported") == 0))
        return;
    j->gate_claim = mi_arena_dup(&j->arena, v->claim, strlen(v->claim));
    j->gate_verdict = mi_arena_dup(&j->arena, v->verdict, strlen(v->verdict));
}

static int read_gate(struct judging *j, const char *path, struct mi_origin *origin,
                     struct mi_error *err)
{
    struct mi_reader in = {0};
    struct mi_record rec;
    int64_t n = 0;
    int r = mi_reader_open(&in, path, err);

    while (r == 0 && (r = mi_reader_next(&in, &rec, err)) > 0) {
        struct mi_verdict_record v;

        r = 0;
        if (strcmp(rec.kind, "verdict") != 0)
            continue;
        if (mi_verdict_read(rec.body, &v, err) < 0)
            r = mi_reader_blame(&in, err);
        else
            take_gate(j, &v);
        n++;
    }
    if (r == 0 && n == 0)
        r = mi_fail(err, MI_EXIT_DATA, "%s: no verdict in it", mi_reader_name(&in));
    if (r == 0)
        mi_origin_input(origin, &in);
    mi_reader_close(&in);
    return r;
}

/* ---- the verdict ---------------------------------------------------------------- */

/* The margin moves to where the control came, when that is further. */
static int move_margin(const struct judging *j, struct mi_rule *rule, struct mi_error *err)
{
    const struct mi_score_record *c = &j->control;
    bool is_above = rule->kind == MI_RULE_ABOVE;
    double reached = is_above ? c->hi : c->lo;

    if (isnan(reached))
        return mi_fail(err, MI_EXIT_DATA, "the control '%s' has no interval", j->claim->control);
    if (is_above ? reached > rule->hi : reached < rule->lo)
        rule->lo = rule->hi = reached;
    return 0;
}

static int take_interval(struct judging *j, struct mi_error *err)
{
    struct mi_score_record *s = &j->score;

    if (j->reason)
        return 0;
    if (j->claim->is_exact)
        s->lo = s->hi = s->value;
    if (isnan(s->lo) || isnan(s->hi))
        return mi_fail(err, MI_EXIT_DATA,
                       "the score '%s' has no interval (a figure without sampling error: --exact)",
                       mi_quote(j->claim->metric));
    return 0;
}

static const char *say_refuted(struct judging *j, const struct mi_rule *rule)
{
    struct mi_buf b = {0};
    const char *text;

    mi_buf_addf(&b, "an interval of %s wholly ", j->claim->metric);
    if (rule->kind == MI_RULE_BETWEEN) {
        mi_buf_add_text(&b, "below ");
        mi_json_real(&b, rule->lo);
        mi_buf_add_text(&b, " or above ");
        mi_json_real(&b, rule->hi);
    } else {
        mi_buf_add_text(&b, rule->kind == MI_RULE_ABOVE ? "below " : "above ");
        mi_json_real(&b, rule->lo);
    }
    text = mi_arena_dup(&j->arena, mi_buf_text(&b), b.len);
    mi_buf_free(&b);
    return text;
}

static int put_verdict(struct judging *j, const struct mi_rule *rule, struct mi_writer *out,
                       struct mi_error *err)
{
    const struct mi_claim *c = j->claim;
    bool is_none = j->reason != NULL;
    bool is_shut = j->gate_verdict && strcmp(j->gate_verdict, "supported") != 0;
    struct mi_verdict_record v = {
        .claim = c->name,
        .value = j->score.value,
        .lo = j->score.lo,
        .hi = j->score.hi,
        .margin_lo = rule->lo,
        .margin_hi = rule->hi,
        .rule = mi_rule_name(rule->kind),
        .gate_claim = j->gate_claim,
        .gate_verdict = j->gate_verdict,
        .metric = c->metric,
        .of = j->score.of,
        .n = j->score.n,
        .refuted_by = c->refuted_by ? c->refuted_by : say_refuted(j, rule),
    };
    enum mi_verdict verdict = is_shut || is_none ? MI_UNDETERMINED : mi_verdict(rule, v.lo, v.hi);
    struct mi_value body;

    v.verdict = mi_verdict_name(verdict);
    if (is_shut)
        v.why = "the gate is not supported";
    else if (is_none)
        v.why = j->reason;
    else if (verdict == MI_UNDETERMINED)
        v.why = "the interval contains the margin";
    body = mi_verdict_body(&j->arena, &v);
    return mi_writer_put(out, "verdict", &body, err);
}

int mi_verdict_judge(struct mi_reader *scores, const struct mi_claim *c, struct mi_origin *origin,
                     struct mi_writer *out, struct mi_error *err)
{
    struct judging j = {.claim = c};
    struct mi_rule rule = c->rule;
    int r = read_scores(&j, scores, err);

    for (int i = 0; i < c->n_gate && r == 0; i++)
        r = read_gate(&j, c->gate[i], origin, err);
    if (r == 0)
        r = take_interval(&j, err);
    if (r == 0 && c->control && !j.reason)
        r = move_margin(&j, &rule, err);
    if (r == 0)
        r = put_verdict(&j, &rule, out, err);
    mi_arena_free(&j.arena);
    return r;
}
