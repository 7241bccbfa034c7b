#include "stats/cases.h"

#include "base/hash.h"
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

/* A unit, what it drew, and its side: its own, then the one it is given. With pairs the side
 * says whether the unit stays (+1) or is swapped (-1). */
struct ticket {
    uint64_t unit, draw;
    int8_t side;
};

static int compare_unit(const void *a, const void *b)
{
    const struct ticket *x = a, *y = b;

    return (x->unit > y->unit) - (x->unit < y->unit);
}

static int compare_draw(const void *a, const void *b)
{
    const struct ticket *x = a, *y = b;

    return x->draw != y->draw ? (x->draw > y->draw) - (x->draw < y->draw) : compare_unit(a, b);
}

/* Positive units first, each side in the order of its draws. */
static int compare_side_draw(const void *a, const void *b)
{
    const struct ticket *x = a, *y = b;

    return x->side != y->side ? y->side - x->side : compare_draw(a, b);
}

/* The units of s, distinct, with their draws, in the order of the draws. */
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

        t[i].draw = mi_rng_next(&rng);
    }
    qsort(t, (size_t)n, sizeof *t, compare_draw);
    return n;
}

/* With pairs: half of the units, or each by its own coin, are swapped. */
static void draw_swaps(struct ticket *t, int64_t n, bool is_balanced)
{
    for (int64_t i = 0; i < n; i++) {
        bool is_swapped = is_balanced ? i < n / 2 : t[i].draw >> 63;

        t[i].side = is_swapped ? -1 : 1;
    }
}

/* Without pairs: the first n_pos units of the random order become positive; balanced, the
 * first of each side, by its share. */
static void draw_sides(struct ticket *t, int64_t n, bool is_balanced)
{
    int64_t n_pos = 0, kept;

    for (int64_t i = 0; i < n; i++)
        n_pos += t[i].side > 0;
    if (!is_balanced) {
        for (int64_t i = 0; i < n; i++)
            t[i].side = i < n_pos ? 1 : -1;
        return;
    }
    qsort(t, (size_t)n, sizeof *t, compare_side_draw);
    kept = n ? (n_pos * n_pos + n / 2) / n : 0; /* of the positive ones, rounded */
    for (int64_t i = 0; i < n; i++)
        t[i].side = i < kept || (i >= n_pos && i < 2 * n_pos - kept) ? 1 : -1;
}

static void give_sides(struct mi_cases *to, struct ticket *t, int64_t n)
{
    qsort(t, (size_t)n, sizeof *t, compare_unit);
    for (int64_t i = 0; i < to->n; i++) {
        struct ticket want = {.unit = to->unit[i]}, *found;

        found = bsearch(&want, t, (size_t)n, sizeof *t, compare_unit);
        if (!to->is_paired) {
            to->side[i] = found->side;
        } else if (i % 2 == 0 && found->side < 0) {
            int64_t row = to->row[i];

            to->row[i] = to->row[i + 1];
            to->row[i + 1] = row;
        }
    }
}

void mi_cases_shuffle(struct mi_cases *to, const struct mi_cases *s, uint64_t seed, int draw,
                      bool is_balanced)
{
    struct ticket *t = mi_alloc_n((size_t)s->n, sizeof *t);
    char purpose[32];
    int64_t n;

    snprintf(purpose, sizeof purpose, "shuffled %d", draw);
    mi_cases_init(to, s->n);
    to->n_groups = s->n_groups;
    to->is_paired = s->is_paired;
    for (int64_t i = 0; i < s->n; i++)
        copy_row(to, i, s, i);
    n = list_units(t, s, seed, purpose);
    if (s->is_paired)
        draw_swaps(t, n, is_balanced);
    else
        draw_sides(t, n, is_balanced);
    give_sides(to, t, n);
    mi_free(t);
}

void mi_cases_unpair(struct mi_cases *to, const struct mi_cases *s)
{
    mi_cases_init(to, s->n);
    to->n_groups = s->n_groups;
    for (int64_t i = 0; i < s->n; i++) {
        uint64_t member[2] = {s->unit[i], s->side[i] > 0};

        copy_row(to, i, s, i);
        if (s->is_paired)
            to->unit[i] = mi_hash_u64(member, sizeof member, 0);
    }
}

/* ---- splitting --------------------------------------------------------------- */

bool mi_in_train(uint64_t seed, const char *group, double share)
{
    struct mi_rng rng = mi_rng_make(seed, "split", group);

    return mi_rng_uniform(&rng) < share;
}
