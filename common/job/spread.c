#include "job/spread.h"

#include "base/escape.h"
#include "base/intern.h"
#include "base/mem.h"
#include "job/label.h"
#include "stats/spread.h"
#include "stream/effect_record.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Parts that were measured in one way. */
struct set {
    struct mi_effect_record first; /* of the set; strings are copies */
    struct mi_intern parts, groups, pairs;
    double *sum;                  /* [parts, cap_groups] differences */
    size_t cap_parts, cap_groups; /* of sum */
    bool has_layers, has_heads, has_positions;
};

struct spread {
    struct mi_intern keys, prompts;
    struct set *set; /* [keys.n] */
    size_t cap;
    char **group; /* [prompts.n] */
    size_t cap_group;
    struct mi_arena arena;
};

/* ---- reading -------------------------------------------------------------------- */

static int take_prompt(struct spread *s, const struct mi_value *body, const char *group_by,
                       struct mi_error *err)
{
    const char *id = mi_get_str(body, "id", NULL);
    struct mi_buf group = {0};
    int64_t had = s->prompts.n, i;
    int r;

    if (!id)
        return mi_fail(err, MI_EXIT_DATA, "a prompt without id");
    i = mi_intern_add(&s->prompts, id, strlen(id));
    if (i < had)
        return 0;
    r = mi_group_text(&group, mi_get(body, "fields"), group_by, id, err);
    s->group = mi_grow(s->group, &s->cap_group, (size_t)i + 1, sizeof *s->group);
    s->group[i] = r < 0 ? NULL : mi_arena_dup(&s->arena, mi_buf_text(&group), group.len);
    mi_buf_free(&group);
    return r;
}

static const char *text(const char *s)
{
    return s ? s : "";
}

static const char *keep(struct spread *s, const char *t)
{
    return t ? mi_arena_dup(&s->arena, t, strlen(t)) : NULL;
}

static struct set *find_set(struct spread *s, const struct mi_effect_record *e)
{
    struct mi_buf key = {0};
    int64_t had = s->keys.n, i;
    struct set *set;

    mi_buf_addf(&key, "%d\n%s\n%s\n%s\n%s\n%s\n%s %lld\n%d %d", (int)e->place.site, e->method,
                e->metric, text(e->at), text(e->direction), text(e->to), text(e->subspace),
                (long long)e->draw, e->place.head >= 0, e->position >= 0);
    i = mi_intern_add(&s->keys, mi_buf_text(&key), key.len);
    mi_buf_free(&key);
    s->set = mi_grow(s->set, &s->cap, (size_t)i + 1, sizeof *s->set);
    set = &s->set[i];
    if (i < had)
        return set;
    *set = (struct set){.first = *e};
    set->first.method = keep(s, e->method);
    set->first.metric = keep(s, e->metric);
    set->first.at = keep(s, e->at);
    set->first.to = keep(s, e->to);
    set->first.subspace = keep(s, e->subspace);
    set->has_layers = e->place.layer >= 0;
    set->has_heads = e->place.head >= 0;
    set->has_positions = e->position >= 0;
    return set;
}

/* Room for one more part and group; what is new is 0. */
static void grow_sums(struct set *set, size_t parts, size_t groups)
{
    size_t cap_parts = set->cap_parts, cap_groups = set->cap_groups;
    double *sum;

    if (parts <= cap_parts && groups <= cap_groups)
        return;
    cap_parts = parts > cap_parts ? 2 * parts : cap_parts;
    cap_groups = groups > cap_groups ? 2 * groups : cap_groups;
    sum = mi_alloc_zero(cap_parts * cap_groups, sizeof *sum);
    for (size_t p = 0; p < set->cap_parts; p++)
        memcpy(sum + p * cap_groups, set->sum + p * set->cap_groups, set->cap_groups * sizeof *sum);
    mi_free(set->sum);
    set->sum = sum;
    set->cap_parts = cap_parts;
    set->cap_groups = cap_groups;
}

static int take_effect(struct spread *s, const struct mi_value *body, struct mi_error *err)
{
    struct mi_effect_record e;
    int64_t prompt, part, group;
    struct set *set;
    char key[96], place[48];
    int r = mi_effect_read(body, &e, err);

    if (r < 0 || !e.id || !e.has_place)
        return r;
    prompt = mi_intern_find(&s->prompts, e.id, strlen(e.id));
    if (prompt < 0 || !isfinite(e.difference))
        return mi_fail(err, MI_EXIT_DATA, "an effect on '%s' %s", mi_quote(e.id),
                       prompt < 0 ? "comes before its prompt" : "has no 'difference'");
    set = find_set(s, &e);
    snprintf(key, sizeof key, "%s %lld", mi_place_text(&e.place, place),
             e.position >= 0 ? (long long)e.offset : 0);
    part = mi_intern_add(&set->parts, key, strlen(key));
    group = mi_intern_add(&set->groups, s->group[prompt], strlen(s->group[prompt]));
    grow_sums(set, (size_t)set->parts.n, (size_t)set->groups.n);
    set->sum[(size_t)part * set->cap_groups + (size_t)group] += e.difference;
    mi_intern_add(&set->pairs, e.id, strlen(e.id));
    return 0;
}

static int take_record(struct spread *s, const struct mi_record *rec, const char *group_by,
                       struct mi_error *err)
{
    if (strcmp(rec->kind, "prompt") == 0)
        return take_prompt(s, rec->body, group_by, err);
    return strcmp(rec->kind, "effect") == 0 ? take_effect(s, rec->body, err) : 0;
}

/* ---- figures -------------------------------------------------------------------- */

enum { RATIO, REACH_50, REACH_80, REACH_90, FIGURES };

static const struct {
    const char *metric;
    double share;
} figures[FIGURES] = {{"participation_ratio", 0},
                      {"components_50", 0.5},
                      {"components_80", 0.8},
                      {"components_90", 0.9}};

struct figure {
    const struct set *set;
    int which;
    double *e; /* [parts] scratch */
};

/* The mean's divisor, the number of pairs, is common to all parts and cancels. */
static double compute(void *ctx, const int32_t *count)
{
    const struct figure *f = ctx;
    const struct set *set = f->set;
    int64_t n = set->parts.n;

    for (int64_t p = 0; p < n; p++) {
        const double *sum = set->sum + (size_t)p * set->cap_groups;

        f->e[p] = 0;
        for (int64_t g = 0; g < set->groups.n; g++)
            f->e[p] += (count ? count[g] : 1) * sum[g];
    }
    if (f->which == RATIO)
        return mi_participation_ratio(f->e, n);
    mi_spread_sort(f->e, n);
    return mi_parts_to_reach(f->e, n, figures[f->which].share);
}

static struct mi_value describe(struct mi_arena *a, const struct set *set)
{
    const struct mi_effect_record *e = &set->first;
    struct mi_value of = mi_map();
    struct mi_buf over = {0};

    mi_buf_addf(&over, "%s%s%s", set->has_layers ? ", layer" : "", set->has_heads ? ", head" : "",
                set->has_positions ? ", position" : "");
    mi_set(a, &of, "site", mi_str(mi_site_info(e->place.site)->name));
    mi_set(a, &of, "over",
           mi_str_dup(a, over.len > 2 ? mi_buf_text(&over) + 2 : "")); /* without the first ", " */
    mi_set(a, &of, "method", mi_str(e->method));
    mi_set(a, &of, "subject", mi_str(e->metric));
    mi_set(a, &of, "at", e->at ? mi_str(e->at) : mi_nil());
    if (e->subspace) {
        mi_set(a, &of, "subspace", mi_str(e->subspace));
        mi_set(a, &of, "draw", e->draw >= 0 ? mi_int(e->draw) : mi_nil());
    }
    mi_set(a, &of, "to", e->to ? mi_str(e->to) : mi_nil());
    mi_set(a, &of, "pairs", mi_int(set->pairs.n));
    mi_set(a, &of, "groups", mi_int(set->groups.n));
    mi_buf_free(&over);
    return of;
}

static int put_set(struct mi_scores *s, const struct set *set, struct mi_error *err)
{
    struct figure f = {.set = set, .e = mi_alloc_n((size_t)set->parts.n, sizeof *f.e)};
    struct mi_resamples boot = {0};
    struct mi_arena a = {0};
    struct mi_value of = describe(&a, set);
    int r =
        mi_scores_resample(s, &boot, set->groups.n, mi_site_info(set->first.place.site)->name, err);

    for (f.which = 0; f.which < FIGURES && r == 0; f.which++) {
        struct mi_interval i = {(double)NAN, (double)NAN};
        struct mi_figure out = {.value = compute(&f, NULL), .n = set->parts.n};

        if (boot.n)
            i = mi_bootstrap(&boot, s->level, compute, &f);
        out.lo = i.lo;
        out.hi = i.hi;
        r = mi_scores_put(s, &of, figures[f.which].metric, &out, NULL, err);
    }
    mi_resamples_free(&boot);
    mi_arena_free(&a);
    mi_free(f.e);
    return r;
}

/* ---- the whole ------------------------------------------------------------------ */

static void free_spread(struct spread *s)
{
    for (int64_t i = 0; i < s->keys.n; i++) {
        mi_intern_free(&s->set[i].parts);
        mi_intern_free(&s->set[i].groups);
        mi_intern_free(&s->set[i].pairs);
        mi_free(s->set[i].sum);
    }
    mi_free(s->set);
    mi_free(s->group);
    mi_intern_free(&s->keys);
    mi_intern_free(&s->prompts);
    mi_arena_free(&s->arena);
}

int mi_spread(struct mi_reader *in, const char *group_by, struct mi_scores *scores,
              struct mi_error *err)
{
    struct spread s = {0};
    struct mi_record rec;
    int r = 0;

    while (r == 0 && (r = mi_reader_next(in, &rec, err)) > 0)
        r = take_record(&s, &rec, group_by, err) < 0 ? mi_reader_blame(in, err) : 0;
    if (r == 0 && s.keys.n == 0)
        r = mi_fail(err, MI_EXIT_DATA, "%s: no effects of single pairs at a site",
                    mi_reader_name(in));
    for (int64_t i = 0; i < s.keys.n && r == 0; i++)
        r = put_set(scores, &s.set[i], err);
    free_spread(&s);
    return r;
}
