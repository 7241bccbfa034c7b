#include "job/acts.h"

#include "base/escape.h"
#include "base/hash.h"
#include "base/mem.h"
#include "stream/header.h"

#include <stdlib.h>
#include <string.h>

/* ---- pairs --------------------------------------------------------------------- */

/* Per pair the prompt of each side, -1 where there is none; [pairs.n][2], positive first. */
static int list_members(const struct mi_acts *a, int64_t (*member)[2], struct mi_error *err)
{
    for (int64_t i = 0; i < a->pairs.n; i++)
        member[i][0] = member[i][1] = -1;
    for (size_t i = 0; i < a->n_prompts; i++) {
        const struct mi_acts_prompt *p = &a->prompt[i];
        int64_t *m;

        if (p->group < 0 || p->side == 0)
            continue;
        m = &member[p->pair][p->side < 0];
        if (*m >= 0)
            return mi_fail(err, MI_EXIT_DATA, "pair '%s' has two members on one side: '%s', '%s'",
                           mi_quote(a->pairs.name[p->pair]), mi_quote(a->prompt[*m].id),
                           mi_quote(p->id));
        *m = (int64_t)i;
    }
    return 0;
}

/* Names up to ten pairs that miss a member. */
static int check_members(const struct mi_acts *a, int64_t (*member)[2], struct mi_error *err)
{
    enum { SHOWN = 10 };
    struct mi_buf b = {0};
    int64_t n = 0;

    for (int64_t i = 0; i < a->pairs.n; i++) {
        if ((member[i][0] < 0) == (member[i][1] < 0))
            continue;
        if (n++ < SHOWN)
            mi_buf_addf(&b, "%s'%.30s'", n > 1 ? ", " : "", mi_quote(a->pairs.name[i]));
    }
    if (n > 0)
        mi_fail(err, MI_EXIT_DATA, "%lld pair%s a member%s: %s%s", (long long)n,
                n == 1 ? " misses" : "s miss",
                a->options.part == MI_PART_ALL ? "" : " in this part of the groups",
                mi_buf_text(&b), n > SHOWN ? ", ..." : "");
    mi_buf_free(&b);
    return n > 0 ? -MI_EXIT_DATA : 0;
}

static int check_groups(const struct mi_acts *a, int64_t (*member)[2], struct mi_error *err)
{
    for (int64_t i = 0; i < a->pairs.n; i++)
        if (member[i][0] >= 0 && member[i][1] >= 0 &&
            a->prompt[member[i][0]].group != a->prompt[member[i][1]].group)
            return mi_fail(err, MI_EXIT_DATA, "the members of pair '%s' are in two groups",
                           mi_quote(a->pairs.name[i]));
    return 0;
}

int mi_acts_check_model(const struct mi_acts *a, const struct mi_value *header, bool other_model,
                        struct mi_error *err)
{
    int r = mi_header_same_model(header, mi_reader_header(&a->reader), other_model, err);

    return r < 0 ? mi_fail_in(err, "%s: not the directions' model", mi_reader_name(&a->reader)) : 0;
}

int mi_acts_check(const struct mi_acts *a, struct mi_error *err)
{
    int64_t(*member)[2];
    int r = 0;

    if (a->n_places == 0)
        return mi_fail(err, MI_EXIT_DATA, "no rows%s%s%s",
                       a->options.part == MI_PART_ALL ? "" : " in this part of the groups",
                       a->options.at ? " at " : "", a->options.at ? mi_quote(a->options.at) : "");
    if (!a->is_paired || a->options.any_side)
        return 0;
    member = mi_alloc_n((size_t)a->pairs.n, sizeof *member);
    r = list_members(a, member, err);
    if (r == 0)
        r = check_members(a, member, err);
    if (r == 0)
        r = check_groups(a, member, err);
    mi_free(member);
    return r;
}

/* ---- joining ------------------------------------------------------------------ */

static void put_case(struct mi_cases *c, int64_t i, int64_t row, const struct mi_acts_prompt *p,
                     uint64_t unit, int64_t from_end)
{
    c->row[i] = row;
    c->side[i] = p->side;
    c->group[i] = p->group;
    c->unit[i] = unit;
    c->key[i] = mi_hash_u64(&(int64_t){from_end}, sizeof from_end, unit);
}

static void join_alone(const struct mi_acts *a, const struct mi_acts_place *place,
                       struct mi_cases *c)
{
    int64_t n = 0;

    for (size_t i = 0; i < a->n_prompts; i++) {
        const struct mi_acts_prompt *p = &a->prompt[i];
        struct mi_acts_range range = i < place->cap ? place->range[i] : (struct mi_acts_range){0};
        uint64_t unit = mi_hash_u64(p->id, strlen(p->id), 0);

        for (int64_t k = 0; k < range.n; k++)
            put_case(c, n++, range.first + k, p, unit, range.n - 1 - k);
    }
    c->n = n;
}

static struct mi_acts_range range_of(const struct mi_acts_place *place, int64_t prompt)
{
    return (size_t)prompt < place->cap ? place->range[prompt] : (struct mi_acts_range){0};
}

static int join_pairs(const struct mi_acts *a, const struct mi_acts_place *place,
                      int64_t (*member)[2], struct mi_cases *c, int64_t *left_out,
                      struct mi_error *err)
{
    int64_t n = 0;
    char text[48];

    for (int64_t i = 0; i < a->pairs.n; i++) {
        struct mi_acts_range pos, neg;
        uint64_t unit = mi_hash_u64(a->pairs.name[i], a->pairs.len[i], 1);
        int64_t common;

        if (member[i][0] < 0)
            continue;
        pos = range_of(place, member[i][0]);
        neg = range_of(place, member[i][1]);
        if (pos.n == 0 || neg.n == 0)
            return mi_fail(err, MI_EXIT_DATA, "pair '%s' has no rows of '%s' at %s",
                           mi_quote(a->pairs.name[i]), mi_quote(a->prompt[member[i][pos.n > 0]].id),
                           mi_place_text(&place->place, text));
        common = pos.n < neg.n ? pos.n : neg.n;
        *left_out += pos.n + neg.n - 2 * common;
        for (int64_t k = common - 1; k >= 0; k--, n += 2) {
            put_case(c, n, pos.first + pos.n - 1 - k, &a->prompt[member[i][0]], unit, k);
            put_case(c, n + 1, neg.first + neg.n - 1 - k, &a->prompt[member[i][1]], unit, k);
        }
    }
    c->n = n;
    return 0;
}

int mi_acts_cases(const struct mi_acts *a, int64_t place, struct mi_cases *cases,
                  int64_t *n_left_out, struct mi_error *err)
{
    const struct mi_acts_place *p = &a->place[place];
    int64_t(*member)[2], left_out = 0;
    int r;

    mi_cases_init(cases, p->n_rows);
    cases->n_groups = (int32_t)a->groups.n;
    if (n_left_out)
        *n_left_out = 0;
    if (!a->is_paired || a->options.any_side) {
        join_alone(a, p, cases);
        return 0;
    }
    cases->is_paired = true;
    member = mi_alloc_n((size_t)a->pairs.n, sizeof *member);
    r = list_members(a, member, err);
    if (r == 0)
        r = join_pairs(a, p, member, cases, &left_out, err);
    mi_free(member);
    if (n_left_out)
        *n_left_out = left_out;
    if (r < 0) {
        mi_cases_free(cases);
        return mi_fail_in(err, "%s", mi_reader_name(&a->reader));
    }
    return 0;
}

/* ---- groups ------------------------------------------------------------------- */

int64_t mi_group_digest(const char *name, size_t len)
{
    return (int64_t)mi_hash_u64(name, len, 0);
}

static int compare_digest(const void *x, const void *y)
{
    int64_t a = *(const int64_t *)x, b = *(const int64_t *)y;

    return (a > b) - (a < b);
}

int64_t mi_acts_group_digests(const struct mi_acts *a, const unsigned char *keep, int64_t *d)
{
    int64_t n = 0;

    for (int64_t i = 0; i < a->groups.n; i++)
        if (!keep || keep[i])
            d[n++] = mi_group_digest(a->groups.name[i], a->groups.len[i]);
    qsort(d, (size_t)n, sizeof *d, compare_digest);
    return n;
}
