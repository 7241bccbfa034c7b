#include "job/draw.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/rng.h"
#include "job/score.h"
#include "math/vmath.h"

#include <stdbool.h>
#include <string.h>

void mi_draw_room_free(struct mi_draw_room *r)
{
    mi_free(r->logits);
    mi_free(r->weight);
    mi_free(r->order);
    *r = (struct mi_draw_room){0};
}

static void make_room(struct mi_draw_room *r, int64_t v)
{
    if (r->v >= v)
        return;
    mi_draw_room_free(r);
    r->logits = mi_alloc_n((size_t)v, sizeof *r->logits);
    r->weight = mi_alloc_n((size_t)v, sizeof *r->weight);
    r->order = mi_alloc_n((size_t)v, sizeof *r->order);
    r->v = v;
}

/* Each token that was seen is punished once, however often it was: the punished value is
 * made from the untouched logit. */
static void punish(float *punished, const float *logits, const int32_t *seen, int64_t n_seen,
                   double penalty)
{
    for (int64_t i = 0; i < n_seen; i++) {
        float l = logits[seen[i]], p = (float)penalty;

        punished[seen[i]] = l > 0 ? l / p : l * p;
    }
}

/* ---- the most probable tokens, one after another ---------------------------- */

/* A heap with the best token at its root: only those that are taken get sorted. */
static bool is_better(const float *logits, int32_t a, int32_t b)
{
    return logits[a] > logits[b] || (logits[a] == logits[b] && a < b);
}

static void sink(const float *logits, int32_t *heap, int64_t n, int64_t i)
{
    int32_t moving = heap[i];

    for (int64_t child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && is_better(logits, heap[child + 1], heap[child]))
            child++;
        if (!is_better(logits, heap[child], moving))
            break;
        heap[i] = heap[child];
    }
    heap[i] = moving;
}

/* Moves the kept tokens to the end of order [v], best last; returns how many there are. The
 * probability that top_p speaks of is that among the top_k. */
static int64_t keep_best(const struct mi_sampling *s, const struct mi_draw_room *r, int64_t v)
{
    int64_t most = s->top_k > 0 && s->top_k < v ? s->top_k : v, n = 0, kept = 0;
    double all = 0, taken = 0, part = 0;

    for (int64_t i = 0; i < v; i++) {
        r->order[i] = (int32_t)i;
        all += r->weight[i];
    }
    for (int64_t i = v / 2 - 1; i >= 0; i--)
        sink(r->logits, r->order, v, i);
    /* without top_k the whole is known, and no more is sorted than reaches top_p */
    while (n < most && !(most == v && taken >= s->top_p * all)) {
        int32_t best = r->order[0];

        n++;
        r->order[0] = r->order[v - n];
        r->order[v - n] = best;
        sink(r->logits, r->order, v - n, 0);
        taken += r->weight[best];
    }
    if (most < v)
        all = taken;
    while (kept < n && part < s->top_p * all)
        part += r->weight[r->order[v - ++kept]];
    return kept > 0 ? kept : 1;
}

/* ---- one draw --------------------------------------------------------------- */

static double draw_uniform(const struct mi_sampling *s, const char *id, int64_t step)
{
    struct mi_buf key = {0};
    struct mi_rng rng;

    mi_buf_addf(&key, "%s/%lld", id, (long long)step);
    rng = mi_rng_make(s->seed, "sample", mi_buf_text(&key));
    mi_buf_free(&key);
    return mi_rng_uniform(&rng);
}

/* weight[i] = exp((logit - max) / temperature). */
static void weigh(const struct mi_sampling *s, struct mi_draw_room *r, int64_t v)
{
    double max = (double)r->logits[mi_score_best(r->logits, v)];

    for (int64_t i = 0; i < v; i++)
        r->weight[i] = mi_exp(((double)r->logits[i] - max) / s->temperature);
}

int32_t mi_draw_token(const struct mi_sampling *s, const float *logits, int64_t v,
                      const int32_t *seen, int64_t n_seen, const char *id, int64_t step,
                      struct mi_draw_room *room)
{
    bool is_plain = s->top_k <= 0 && s->top_p >= 1;
    double sum = 0, mark, at = 0;
    int64_t n = v, last = 0;

    if (s->temperature <= 0 && s->repetition_penalty == 1)
        return mi_score_best(logits, v);
    make_room(room, v);
    memcpy(room->logits, logits, (size_t)v * sizeof *logits);
    if (s->repetition_penalty != 1)
        punish(room->logits, logits, seen, n_seen, s->repetition_penalty);
    if (s->temperature <= 0)
        return mi_score_best(room->logits, v);
    weigh(s, room, v);
    if (!is_plain)
        n = keep_best(s, room, v);
    for (int64_t i = 0; i < n; i++)
        sum += room->weight[is_plain ? i : room->order[v - 1 - i]];
    mark = draw_uniform(s, id, step) * sum;
    for (int64_t i = 0; i < n; i++) {
        int64_t token = is_plain ? i : room->order[v - 1 - i];

        if (room->weight[token] <= 0)
            continue;
        last = token;
        at += room->weight[token];
        if (mark < at)
            break;
    }
    return (int32_t)last;
}
