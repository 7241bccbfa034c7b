#include "job/run_state.h"

#include "base/escape.h"
#include "base/mem.h"
#include "base/par.h"
#include "base/progress.h"
#include "job/prefix.h"
#include "job/score.h"
#include "math/rows.h"

#include <math.h>
#include <string.h>

/* ---- looking at logits ------------------------------------------------------ */

struct look {
    struct mi_run_state *run;
    const struct mi_view *view;
};

/* Scores of token t of the main strand, which is known or was just chosen. */
static bool score_main(struct mi_flight *f, const float *logits, int64_t v, double normalizer,
                       int64_t t)
{
    struct mi_token_score score = mi_score_token(logits, v, normalizer, f->main.tokens[t]);

    f->main.logp[t] = score.logp;
    f->main.entropy[t] = score.entropy;
    f->main.rank[t] = score.rank;
    if (f->n_top > 0)
        mi_score_top(logits, v, normalizer, f->n_top, f->main.top_token + t * f->n_top,
                     f->main.top_logp + t * f->n_top);
    return isfinite(score.logp) && isfinite(score.entropy);
}

/* Token t of a continuation; of the first one the row is the prompt's last. */
static bool score_continuation(struct mi_strand *s, const float *logits, double normalizer,
                               int64_t t)
{
    if (s->n == 0)
        return true;
    s->logp[t] = (double)logits[s->tokens[t]] - normalizer;
    return isfinite(s->logp[t]);
}

static bool is_generating(const struct mi_flight *f)
{
    return f->n_new > 0 && !f->stop;
}

/* The row of token t - 1 says what t is. */
static bool look_at_main(struct look *l, struct mi_flight *f, const float *logits, int64_t v,
                         double normalizer, int64_t t, int thread)
{
    struct mi_run_state *run = l->run;
    bool is_good = true;

    if (t == f->item.prompt.n_prompt)
        is_good = score_continuation(&f->target, logits, normalizer, t) &&
                  score_continuation(&f->foil, logits, normalizer, t);
    if (t == f->main.n && is_generating(f)) {
        int64_t step = t - f->item.prompt.n_prompt;

        f->main.tokens[t] = mi_draw_token(&run->o->sampling, logits, v, f->main.tokens, t,
                                          f->item.prompt.id, step, &run->room[thread]);
        f->has_chosen = true;
    } else if (t == f->main.n) {
        if (f->n_top > 0)
            mi_score_top(logits, v, normalizer, f->n_top, f->next_token, f->next_logp);
        f->has_next = f->n_top > 0;
        return is_good;
    }
    return (run->out ? score_main(f, logits, v, normalizer, t) : true) && is_good;
}

static void look_at_row(void *ctx, int64_t i, int thread)
{
    struct look *l = ctx;
    const struct mi_row *row = &l->view->row[i];
    const float *logits = l->view->x + i * l->view->ld;
    struct mi_strand *s = l->run->strand[row->sequence];
    struct mi_flight *f = l->run->owner[row->sequence];
    double normalizer = mi_log_normalizer(logits, l->view->width);
    int64_t t = row->position + 1;

    if (!isfinite(normalizer))
        l->run->is_bad[i] = true;
    else if (s == &f->main)
        l->run->is_bad[i] = !look_at_main(l, f, logits, l->view->width, normalizer, t, thread);
    else
        l->run->is_bad[i] = !score_continuation(s, logits, normalizer, t);
}

static int look_at_logits(struct mi_run_state *run, const struct mi_view *view,
                          struct mi_error *err)
{
    struct look l = {run, view};

    memset(run->is_bad, 0, (size_t)view->n_rows * sizeof *run->is_bad);
    mi_par_for(view->n_rows, look_at_row, &l);
    for (int i = 0; i < view->n_rows; i++)
        if (run->is_bad[i])
            return mi_fail(err, MI_EXIT_DATA,
                           "prompt '%s': what follows token %d has no finite log-probability",
                           mi_quote(run->owner[view->row[i].sequence]->id),
                           (int)view->row[i].position);
    return 0;
}

static bool wants_site(void *self, enum mi_site site, int layer)
{
    const struct mi_run_state *run = self;

    for (int i = 0; i < run->n_now; i++)
        if (mi_editor_wants(run->now[i], site, layer))
            return true;
    return site == MI_SITE_LOGITS;
}

/* The edits of n rows from `first` on, whose sequences have the same. */
static int edit_rows(struct mi_run_state *run, struct mi_view *view, int first, int n,
                     struct mi_error *err)
{
    int sequence = view->row[first].sequence, r;
    struct mi_editor *edits = run->edits_of[sequence];
    struct mi_view part = *view;

    if (!edits || !mi_editor_wants(edits, view->site, view->layer))
        return 0;
    part.row += first;
    part.x += first * view->ld;
    part.n_rows = n;
    part.is_written = false;
    r = mi_editor_apply(edits, &part, run->item, err);
    view->is_written |= part.is_written;
    if (r < 0 && run->owner[sequence]->variant)
        r = mi_fail_in(err, "variant '%s'", mi_quote(run->owner[sequence]->variant));
    return r;
}

static int visit_site(void *self, struct mi_view *view, struct mi_error *err)
{
    struct mi_run_state *run = self;
    int r = 0;

    for (int first = 0, n; run->n_now && first < view->n_rows && r == 0; first += n) {
        const struct mi_editor *edits = run->edits_of[view->row[first].sequence];

        for (n = 1;
             first + n < view->n_rows && run->edits_of[view->row[first + n].sequence] == edits;)
            n++;
        r = edit_rows(run, view, first, n, err);
    }
    if (r == 0 && view->site == MI_SITE_LOGITS)
        r = look_at_logits(run, view, err);
    return r;
}

/* ---- one pass --------------------------------------------------------------- */

/* Does anybody want to know what follows token t of the main strand? */
static bool wants_logits(const struct mi_run_state *run, const struct mi_flight *f, int64_t t)
{
    if (t + 1 == f->main.n && is_generating(f))
        return true;
    if (!run->out)
        return false;
    return t + 1 < f->main.n || f->n_top > 0 ||
           (t + 1 == f->item.prompt.n_prompt && (f->target.n > 0 || f->foil.n > 0));
}

static void note_edits(struct mi_run_state *run, struct mi_editor *edits)
{
    for (int i = 0; i < run->n_now; i++)
        if (run->now[i] == edits)
            return;
    if (!edits)
        return;
    run->now = mi_grow(run->now, &run->now_cap, (size_t)run->n_now + 1, sizeof *run->now);
    run->now[run->n_now++] = edits;
}

/* item NULL: the strand's twin. */
static struct mi_sequence *add_sequence(struct mi_run_state *run, struct mi_flight *f,
                                        struct mi_strand *s, const struct mi_item *item,
                                        int64_t first, int64_t n)
{
    size_t at = (size_t)run->n_sequences++;

    run->sequence = mi_grow(run->sequence, &run->sequence_cap, at + 1, sizeof *run->sequence);
    run->strand = mi_grow(run->strand, &run->strand_cap, at + 1, sizeof *run->strand);
    run->owner = mi_grow(run->owner, &run->owner_cap, at + 1, sizeof *run->owner);
    run->item = mi_grow(run->item, &run->item_cap, at + 1, sizeof *run->item);
    run->edits_of = mi_grow(run->edits_of, &run->edits_cap, at + 1, sizeof *run->edits_of);
    run->strand[at] = s;
    run->owner[at] = f;
    run->item[at] = item;
    run->edits_of[at] = run->o->cache_from && !run->is_step ? run->cache_edits : f->edits;
    note_edits(run, run->edits_of[at]);
    run->sequence[at] = (struct mi_sequence){.tokens = s->tokens + first,
                                             .n = (int)n,
                                             .cache = item ? &s->cache : &s->twin,
                                             .logit_rows = run->logit_row + run->n_logit_rows};
    run->n_rows += (int)n;
    return &run->sequence[at];
}

void mi_pass_add(struct mi_run_state *run, struct mi_flight *f, struct mi_strand *s, int64_t first,
                 int64_t n, bool with_scores)
{
    int64_t room = (run->max_rows - run->n_rows) / (f->is_twinned ? 2 : 1);
    struct mi_sequence *q;

    if (n > room)
        n = room;
    if (n <= 0)
        return;
    if (f->is_twinned)
        add_sequence(run, f, s, NULL, first, n);
    q = add_sequence(run, f, s, &s->view, first, n);
    for (int i = 0; i < q->n && with_scores; i++)
        if (s != &f->main || wants_logits(run, f, first + i))
            run->logit_row[run->n_logit_rows + q->n_logit_rows++] = i;
    run->n_logit_rows += q->n_logit_rows;
    run->n_made_rows += s == &f->main && first >= f->n_given ? q->n : 0;
}

void mi_pass_feed(struct mi_run_state *run, struct mi_flight *f, bool with_scores)
{
    const struct mi_model *m = &run->session->model;

    mi_flight_open(f, m);
    mi_strand_reserve(&f->main, 1, f->n_top);
    mi_pass_add(run, f, &f->main, f->main.n_fed, mi_flight_pending(f), with_scores);
    if (!run->out)
        return;
    mi_flight_branch(f, m);
    if (f->target.is_open)
        mi_pass_add(run, f, &f->target, f->target.n_fed, f->target.n - 1 - f->target.n_fed,
                    with_scores);
    if (f->foil.is_open)
        mi_pass_add(run, f, &f->foil, f->foil.n_fed, f->foil.n - 1 - f->foil.n_fed, with_scores);
}

static void plan_pass(struct mi_run_state *run)
{
    const struct mi_model *m = &run->session->model;

    for (size_t i = 0; i < run->n; i++) {
        struct mi_flight *f = run->flight[i];

        if (f->is_done)
            continue;
        if (!f->main.is_open && !f->is_twinned && !mi_prefix_take(run->flight, i, m))
            continue;
        mi_pass_feed(run, f, true);
    }
}

void mi_pass_settle(struct mi_run_state *run, struct mi_flight *f)
{
    mi_flight_settle(f, run->session, &run->o->stops);
    if (f->is_done) {
        run->n_live--;
        run->cache_bytes -= (int64_t)f->bytes;
    }
}

/* Those that wait take what the pass computed before its owners are done with it. */
static void share_prefixes(struct mi_run_state *run)
{
    for (size_t i = 0; i < run->n; i++) {
        const struct mi_flight *f = run->flight[i];

        if (!f->is_done && !f->main.is_open && !f->is_twinned)
            (void)mi_prefix_take(run->flight, i, &run->session->model);
    }
}

static void settle_pass(struct mi_run_state *run)
{
    for (int i = 0; i < run->n_sequences; i++)
        if (run->item[i])
            run->strand[i]->n_fed += run->sequence[i].n;
    share_prefixes(run);
    for (size_t i = 0; i < run->n; i++)
        if (!run->flight[i]->is_done)
            mi_pass_settle(run, run->flight[i]);
}

static void count_time(struct mi_run_state *run, double seconds)
{
    double share = run->n_rows ? (double)run->n_made_rows / run->n_rows : 0;

    run->totals->made_s += seconds * share;
    run->totals->given_s += seconds * (1 - share);
}

int mi_run_pass(struct mi_run_state *run, struct mi_error *err)
{
    struct mi_hooks hooks = {.self = run, .wants = wants_site, .at = visit_site};
    bool is_crossed = run->o->cache_from != NULL;
    double start = mi_seconds();
    int r;

    run->n_now = run->n_sequences = run->n_rows = run->n_made_rows = run->n_logit_rows = 0;
    (is_crossed ? mi_crossed_plan : plan_pass)(run);
    r = mi_forward(&run->session->forward, &run->session->model, run->sequence, run->n_sequences, 0,
                   &hooks, err);
    if (r < 0)
        return r;
    count_time(run, mi_seconds() - start);
    (is_crossed ? mi_crossed_settle : settle_pass)(run);
    return 0;
}
