/* job/crossed.c: scores tokens over the keys and values of a run under other edits.
 *
 * A flight first feeds all its tokens under o->cache_from (filling): the caches then hold what
 * that run left. Then each token t goes through the model alone (a step), under the run's own
 * edits, over the cache cut to its first t positions. Steps go from the last token to the
 * first, so that a step's own key and value stand where no later step looks, and one cache
 * serves both runs. A step costs a pass over the weights; the flights share it. */
#include "job/run_state.h"

/* Where a strand's own tokens begin: a continuation's prompt belongs to the main strand. */
static int64_t own_tokens(const struct mi_flight *f, const struct mi_strand *s)
{
    return s == &f->main ? 0 : f->item.prompt.n_prompt;
}

static bool is_filled(const struct mi_flight *f)
{
    return f->main.n_fed >= f->n_given && f->target.n_fed >= f->target.n - 1 &&
           f->foil.n_fed >= f->foil.n - 1;
}

/* The caches are full. The last token of a continuation predicts nothing that is asked for. */
static void begin_steps(struct mi_flight *f)
{
    f->is_filled = true;
    f->main.n_left = f->n_given;
    f->target.n_left = f->target.is_open ? f->target.n - 1 - f->item.prompt.n_prompt : 0;
    f->foil.n_left = f->foil.is_open ? f->foil.n - 1 - f->item.prompt.n_prompt : 0;
}

static void add_step(struct mi_run_state *run, struct mi_flight *f, struct mi_strand *s)
{
    int64_t t = own_tokens(f, s) + s->n_left - 1;

    if (s->n_left <= 0 || run->n_rows == run->max_rows)
        return;
    mi_cache_truncate(&s->cache, t);
    mi_pass_add(run, f, s, t, 1, true);
}

void mi_crossed_plan(struct mi_run_state *run)
{
    run->is_step = true;
    for (size_t i = 0; i < run->n; i++)
        run->is_step = run->is_step && (run->flight[i]->is_done || run->flight[i]->is_filled);
    for (size_t i = 0; i < run->n; i++) {
        struct mi_flight *f = run->flight[i];

        if (f->is_done || f->is_filled != run->is_step)
            continue;
        if (!run->is_step) {
            mi_pass_feed(run, f, false);
            continue;
        }
        add_step(run, f, &f->main);
        add_step(run, f, &f->target);
        add_step(run, f, &f->foil);
    }
}

void mi_crossed_settle(struct mi_run_state *run)
{
    for (int i = 0; i < run->n_sequences; i++) {
        if (run->is_step)
            run->strand[i]->n_left--;
        else
            run->strand[i]->n_fed += run->sequence[i].n;
    }
    for (size_t i = 0; i < run->n; i++) {
        struct mi_flight *f = run->flight[i];

        if (f->is_done)
            continue;
        if (!f->is_filled && is_filled(f))
            begin_steps(f);
        if (f->is_filled && f->main.n_left + f->target.n_left + f->foil.n_left == 0)
            mi_pass_settle(run, f);
    }
}
