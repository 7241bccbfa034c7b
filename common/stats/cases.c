#include "stats/cases.h"

#include "base/mem.h"
#include "base/rng.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void mi_cases_init(struct mi_cases *s, int64_t n)
{
    *s = (struct mi_cases){.n = n};
    s->row = mi_alloc_n((size_t)n, sizeof *s->row);
    s->side = mi_alloc_n((size_t)n, sizeof *s->side);
    s->group = mi_alloc_n((size_t)n, sizeof *s->group);
    s->unit = mi_alloc_n((size_t)n, sizeof *s->unit);
    s->key = mi_alloc_n((size_t)n, sizeof *s->key);
}

void mi_cases_free(struct mi_cases *s)
{
    mi_free(s->row);
    mi_free(s->side);
    mi_free(s->group);
    mi_free(s->unit);
    mi_free(s->key);
    *s = (struct mi_cases){0};
}

int64_t mi_cases_count(const struct mi_cases *s, int side)
{
    int64_t n = 0;

    for (int64_t i = 0; i < s->n; i++)
        n += s->side[i] == side;
    return n;
}

static void copy_row(struct mi_cases *to, int64_t k, const struct mi_cases *s, int64_t i)
{
    to->row[k] = s->row[i];
    to->side[k] = s->side[i];
    to->group[k] = s->group[i];
    to->unit[k] = s->unit[i];
    to->key[k] = s->key[i];
}

void mi_cases_part(struct mi_cases *to, const struct mi_cases *s, const unsigned char *keep)
{
    int64_t n = 0;

    mi_cases_init(to, s->n);
    to->n_groups = s->n_groups;
    to->is_paired = s->is_paired;
    for (int64_t i = 0; i < s->n; i++)
        if (keep[s->group[i]])
            copy_row(to, n++, s, i);
    to->n = n;
}

/* ---- shuffling --------------------------------------------------------------- */

/* A unit without pair, with its two ranks. */
struct ticket {
    uint64_t unit, giver, taker; /* digest; keys of the two orders */
    int8_t side;                 /* its own, then the one it is given */
};

static int compare_unit(const void *a, const void *b)
{
    const struct ticket *x = a, *y = b;

    return (x->unit > y->unit) - (x->unit < y->unit);
}

static int compare_giver(const void *a, const void *b)
{
    const struct ticket *x = a, *y = b;

    return x->giver != y->giver ? (x->giver > y->giver) - (x->giver < y->giver)
                                : compare_unit(a, b);
}

static int compare_taker(const void *a, const void *b)
{
    const struct ticket *x = a, *y = b;

    return x->taker != y->taker ? (x->taker > y->taker) - (x->taker < y->taker)
                                : compare_unit(a, b);
}

/* The units of s, distinct, ascending by digest, with their draws. */
static int64_t list_units(struct ticket *t, const struct mi_cases *s, uint64_t seed,
                          const char *purpose)
{
    int64_t n = 0;

    for (int64_t i = 0; i < s->n; i++)
        t[i] = (struct ticket){.unit = s->unit[i], .side = s->side[i]};
    qsort(t, (size_t)s->n, sizeof *t, compare_unit);
    for (int64_t i = 0; i < s->n; i++)
        if (i == 0 || t[i].unit != t[n - 1].unit)
            t[n++] = t[i];
    for (int64_t i = 0; i < n; i++) {
        struct mi_rng rng = mi_rng_make_n(seed, purpose, t[i].unit);

        t[i].giver = mi_rng_next(&rng);
        t[i].taker = mi_rng_next(&rng);
    }
    return n;
}

/* The unit at rank r of one random order takes the side of the unit at rank r of another. */
static void permute_sides(struct mi_cases *to, uint64_t seed, const char *purpose)
{
    struct ticket *t = mi_alloc_n((size_t)to->n, sizeof *t), *found, want = {0};
    int8_t *given = mi_alloc_n((size_t)to->n, 1);
    int64_t n = list_units(t, to, seed, purpose);

    qsort(t, (size_t)n, sizeof *t, compare_giver);
    for (int64_t i = 0; i < n; i++)
        given[i] = t[i].side;
    qsort(t, (size_t)n, sizeof *t, compare_taker);
    for (int64_t i = 0; i < n; i++)
        t[i].side = given[i];
    qsort(t, (size_t)n, sizeof *t, compare_unit);
    for (int64_t i = 0; i < to->n; i++) {
        want.unit = to->unit[i];
        found = bsearch(&want, t, (size_t)n, sizeof *t, compare_unit);
        to->side[i] = found->side;
    }
    mi_free(given);
    mi_free(t);
}

void mi_cases_shuffle(struct mi_cases *to, const struct mi_cases *s, uint64_t seed, int draw)
{
    char purpose[32];

    snprintf(purpose, sizeof purpose, "shuffled %d", draw);
    mi_cases_init(to, s->n);
    to->n_groups = s->n_groups;
    to->is_paired = s->is_paired;
    for (int64_t i = 0; i < s->n; i++)
        copy_row(to, i, s, i);
    if (!s->is_paired) {
        permute_sides(to, seed, purpose);
        return;
    }
    for (int64_t i = 0; i + 1 < s->n; i += 2) {
        struct mi_rng rng = mi_rng_make_n(seed, purpose, s->unit[i]);

        if (mi_rng_next(&rng) >> 63) {
            to->row[i] = s->row[i + 1];
            to->row[i + 1] = s->row[i];
        }
    }
}

/* ---- splitting --------------------------------------------------------------- */

bool mi_in_train(uint64_t seed, const char *group, double share)
{
    struct mi_rng rng = mi_rng_make(seed, "split", group);

    return mi_rng_uniform(&rng) < share;
}
