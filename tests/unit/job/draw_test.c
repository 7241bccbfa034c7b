/* Sampling against transformers' logits processors: the tokens left, and how often each. */
#include "../tap.h"

#include "job/draw.h"

#include <stdlib.h>
#include <string.h>

#include "draw_golden.h"

enum { DRAWS = 20000 };

static struct mi_sampling settings_of(const struct golden_case *c)
{
    return (struct mi_sampling){.temperature = c->temperature,
                                .top_k = c->top_k,
                                .top_p = c->top_p,
                                .repetition_penalty = c->penalty,
                                .seed = 5};
}

/* Every count within 5 standard deviations, and nothing drawn that transformers left out. */
static void check_case(int n)
{
    const struct golden_case *c = &golden_case[n];
    struct mi_sampling s = settings_of(c);
    struct mi_draw_room room = {0};
    int count[GOLDEN_V] = {0}, n_outside = 0;
    double worst = 0;

    for (int i = 0; i < DRAWS; i++)
        count[mi_draw_token(&s, golden_logits, GOLDEN_V, c->seen, c->n_seen, "a", i, &room)]++;
    for (int t = 0; t < GOLDEN_V; t++) {
        double sd = sqrt(DRAWS * c->p[t] * (1 - c->p[t])) + 0.5;

        n_outside += c->p[t] == 0 ? count[t] : 0;
        worst = fmax(worst, fabs(count[t] - DRAWS * c->p[t]) / sd);
    }
    ok(n_outside == 0, "case %d: no token that transformers leaves out (%d)", n, n_outside);
    ok(worst < 5, "case %d: frequencies agree (worst %.2f sd)", n, worst);
    mi_draw_room_free(&room);
}

static void check_greedy(void)
{
    const struct golden_case *c = &golden_case[6];
    static const float tie[] = {1, 3, 3, 2}, seen_row[] = {2.0f, 1.9f, -1.0f};
    static const int32_t seen[] = {0, 0};
    struct mi_sampling s = {.top_p = 1, .repetition_penalty = 1};
    struct mi_draw_room room = {0};
    int best = 0;

    ok(mi_draw_token(&s, tie, 4, NULL, 0, "a", 0, &room) == 1,
       "greedy: of equal ones the lower id");
    s.repetition_penalty = c->penalty;
    for (int t = 1; t < GOLDEN_V; t++)
        best = c->p[t] > c->p[best] ? t : best;
    ok(mi_draw_token(&s, golden_logits, GOLDEN_V, c->seen, c->n_seen, "a", 0, &room) == best,
       "greedy with a penalty takes transformers' best token");
    s.repetition_penalty = 1.5;
    ok(mi_draw_token(&s, seen_row, 3, seen, 2, "a", 0, &room) == 1,
       "a token seen twice is punished once, and loses its place");
    mi_draw_room_free(&room);
}

static void check_keys(void)
{
    struct mi_sampling s = {.temperature = 3, .top_p = 1, .repetition_penalty = 1, .seed = 1};
    struct mi_draw_room room = {0};
    int same = 0, same_id = 0, same_seed = 0;

    for (int i = 0; i < 200; i++) {
        int32_t a = mi_draw_token(&s, golden_logits, GOLDEN_V, NULL, 0, "a", i, &room);
        int32_t b = mi_draw_token(&s, golden_logits, GOLDEN_V, NULL, 0, "b", i, &room);
        struct mi_sampling t = s;

        same += a == mi_draw_token(&s, golden_logits, GOLDEN_V, NULL, 0, "a", i, &room);
        same_id += a == b;
        t.seed = 2;
        same_seed += a == mi_draw_token(&t, golden_logits, GOLDEN_V, NULL, 0, "a", i, &room);
    }
    ok(same == 200, "the same seed, id and step draw the same token");
    ok(same_id < 120 && same_seed < 120, "another id or seed draws anew (%d, %d of 200 equal)",
       same_id, same_seed);
    mi_draw_room_free(&room);
}

static void check_infinite(void)
{
    static const float row[] = {-INFINITY, 1, -INFINITY, 2};
    struct mi_sampling s = {.temperature = 1, .top_p = 1, .repetition_penalty = 1, .seed = 1};
    struct mi_draw_room room = {0};
    int n_bad = 0;

    for (int i = 0; i < 500; i++) {
        s.top_k = i % 3 ? 3 : 0;
        n_bad += mi_draw_token(&s, row, 4, NULL, 0, "a", i, &room) % 2 == 0;
    }
    ok(n_bad == 0, "a token with logit -infinity is never drawn");
    mi_draw_room_free(&room);
}

int main(void)
{
    plan(2 * GOLDEN_CASES + 6);
    for (int i = 0; i < GOLDEN_CASES; i++)
        check_case(i);
    check_greedy();
    check_keys();
    check_infinite();
    return done();
}
