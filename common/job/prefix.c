#include "job/prefix.h"

#include <string.h>

/* Positions of f whose work another flight spares it. The row of the last one in common
 * is computed again: what follows it differs. So is that of the prompt's last token, which
 * continuations begin at. */
static int64_t count_common(const struct mi_flight *f, const struct mi_flight *g)
{
    int64_t most = f->item.prompt.n_prompt, n = 0;

    if (g->n_given < most)
        most = g->n_given;
    while (n < most && f->main.tokens[n] == g->main.tokens[n])
        n++;
    n--;
    if (f->n_untouched < n)
        n = f->n_untouched;
    return g->edits && g->n_untouched < n ? g->n_untouched : n;
}

static void copy_scores(struct mi_flight *f, const struct mi_flight *g, int64_t n)
{
    size_t count = (size_t)n + 1, n_top = count * (size_t)f->n_top;
    struct mi_strand *to = &f->main;
    const struct mi_strand *from = &g->main;

    memcpy(to->logp, from->logp, count * sizeof *to->logp);
    memcpy(to->entropy, from->entropy, count * sizeof *to->entropy);
    memcpy(to->rank, from->rank, count * sizeof *to->rank);
    memcpy(to->top_token, from->top_token, n_top * sizeof *to->top_token);
    memcpy(to->top_logp, from->top_logp, n_top * sizeof *to->top_logp);
}

bool mi_prefix_take(struct mi_flight *const *flight, size_t i, const struct mi_model *m)
{
    struct mi_flight *f = flight[i];
    const struct mi_flight *best = NULL;
    int64_t n = MI_PREFIX_LEAST - 1;

    for (size_t j = 0; j < i; j++) {
        int64_t common = flight[j]->is_done ? 0 : count_common(f, flight[j]);

        if (common > n) {
            n = common;
            best = flight[j];
        }
    }
    if (!best)
        return true;
    if (best->main.n_fed < n)
        return false;
    mi_flight_open(f, m);
    mi_cache_copy(&f->main.cache, &best->main.cache, n);
    copy_scores(f, best, n);
    f->main.n_fed = f->n_shared = n;
    return true;
}
