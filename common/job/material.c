#include "job/material.h"

#include "base/escape.h"
#include "base/hash.h"
#include "base/mem.h"
#include "job/item.h"
#include "stream/reader.h"

#include <string.h>

/* ---- reading ------------------------------------------------------------------ */

static bool is_wanted(const struct mi_places *wanted, const struct mi_place *p)
{
    for (size_t i = 0; i < wanted->n; i++)
        if (wanted->item[i].site == p->site && wanted->item[i].layer == p->layer)
            return true;
    return false;
}

/* What a join needs of a prompt. */
static struct mi_value short_prompt(struct mi_arena *a, const struct mi_value *body)
{
    static const char *const keys[] = {"pair", "side"};
    const struct mi_value *fields = mi_get(body, "fields");
    struct mi_value p = mi_map(), f = mi_map();

    mi_set(a, &p, "id", mi_str_dup(a, mi_get_str(body, "id", "")));
    for (size_t i = 0; i < 2; i++) {
        const char *text = mi_scalar_text(a, mi_get(fields, keys[i]));

        if (text)
            mi_set(a, &f, keys[i], mi_str(text));
    }
    mi_set(a, &p, "fields", f);
    return p;
}

static int take_prompt(struct mi_material *m, const struct mi_value *body, struct mi_error *err)
{
    const char *id = mi_get_str(body, "id", NULL);
    const struct mi_value *fields = mi_get(body, "fields");
    int64_t n = m->ids.n;

    if (!id)
        return mi_fail(err, MI_EXIT_DATA, "a prompt record without an id");
    if (mi_intern_add(&m->ids, id, strlen(id)) < n)
        return mi_fail(err, MI_EXIT_DATA, "prompt '%s' stands there twice", mi_quote(id));
    m->prompt = mi_grow(m->prompt, &m->cap_prompts, (size_t)n + 1, sizeof *m->prompt);
    m->prompt[n] = (struct mi_material_prompt){
        .pair = mi_get_str(fields, "pair", NULL),
        .side = mi_get_str(fields, "side", NULL),
        .first = m->n_acts,
    };
    return 0;
}

static int take_act(struct mi_material *m, const struct mi_value *body, struct mi_error *err)
{
    struct mi_act_record *act;
    int64_t prompt;

    m->act = mi_grow(m->act, &m->cap_acts, m->n_acts + 1, sizeof *m->act);
    act = &m->act[m->n_acts];
    if (mi_act_read(&m->arena, body, act, err) < 0)
        return err->code ? -err->code : -MI_EXIT_DATA;
    prompt = mi_intern_find(&m->ids, act->id, strlen(act->id));
    if (prompt < 0 || prompt != m->ids.n - 1)
        return mi_fail(err, MI_EXIT_DATA, "activations of '%s' do not follow their prompt",
                       mi_quote(act->id));
    m->n_acts++;
    m->prompt[prompt].n++;
    return 0;
}

/* One record of ours, in the arena already. */
static int take(struct mi_material *m, const char *kind, const struct mi_value *body,
                struct mi_error *err)
{
    int r = 0;

    if (strcmp(kind, "dir") == 0) {
        m->dir = mi_grow(m->dir, &m->cap_dirs, m->n_dirs + 1, sizeof *m->dir);
        r = mi_dir_read(body, &m->dir[m->n_dirs], err);
        m->n_dirs += r == 0;
    } else if (strcmp(kind, "stat") == 0) {
        m->stat = mi_grow(m->stat, &m->cap_stats, m->n_stats + 1, sizeof *m->stat);
        m->stat[m->n_stats++] = body;
    } else if (strcmp(kind, "prompt") == 0) {
        r = take_prompt(m, body, err);
    } else if (strcmp(kind, "act") == 0) {
        r = take_act(m, body, err);
    }
    return r;
}

/* The part of a foreign record that is kept: a copy, or nil. */
static struct mi_value keep(struct mi_material *m, const struct mi_record *rec,
                            const struct mi_places *wanted)
{
    struct mi_error ignored = {0};
    struct mi_value body = mi_map();
    struct mi_place p;

    if (strcmp(rec->kind, "prompt") == 0)
        return short_prompt(&m->arena, rec->body);
    if (strcmp(rec->kind, "dir") == 0)
        return mi_value_copy(&m->arena, rec->body);
    if (strcmp(rec->kind, "stat") == 0) {
        for (size_t i = 0; i < rec->body->as.map.n; i++) {
            const struct mi_member *member = &rec->body->as.map.member[i];

            /* only the mean is used here: second moments would fill the memory */
            if (strcmp(member->key, "second") != 0 && strcmp(member->key, "nodes") != 0)
                mi_set_dup(&m->arena, &body, member->key, mi_value_copy(&m->arena, &member->value));
        }
        return body;
    }
    if (strcmp(rec->kind, "act") == 0 && mi_place_get(rec->body, &p, &ignored) == 0 &&
        is_wanted(wanted, &p))
        return mi_value_copy(&m->arena, rec->body);
    return mi_nil();
}

/* Bodies are referred to by address, so they are put apart one by one. */
static int add(struct mi_material *m, const char *kind, struct mi_value body, struct mi_error *err)
{
    struct mi_value *own = mi_arena_alloc(&m->arena, sizeof *own);
    struct mi_value pair = mi_array();

    *own = body;
    mi_push(&m->arena, &pair, mi_str_dup(&m->arena, kind));
    mi_push(&m->arena, &pair, body);
    mi_push(&m->arena, &m->records, pair);
    return take(m, kind, own, err);
}

int mi_material_read(struct mi_material *m, const char *path, const struct mi_places *wanted,
                     struct mi_error *err)
{
    struct mi_reader reader;
    struct mi_record rec;
    struct mi_digest digest;
    int r = mi_reader_open(&reader, path, err);

    *m = (struct mi_material){.records = mi_array(), .inputs = mi_array()};
    if (r < 0)
        return r;
    m->name = mi_strdup(path);
    m->header = mi_value_copy(&m->arena, mi_reader_header(&reader));
    while ((r = mi_reader_next(&reader, &rec, err)) > 0) {
        struct mi_value body = keep(m, &rec, wanted);

        if (body.kind == MI_NIL)
            continue;
        r = add(m, rec.kind, body, err);
        if (r < 0) {
            mi_reader_blame(&reader, err);
            break;
        }
    }
    if (r == 0) {
        const struct mi_value *up = mi_get(mi_reader_end(&reader), "inputs");

        digest = mi_reader_digest(&reader);
        mi_digest_text(&digest, m->digest);
        if (mi_is(up, MI_ARRAY))
            m->inputs = mi_value_copy(&m->arena, up);
    }
    mi_reader_close(&reader);
    if (r < 0)
        mi_material_free(m);
    return r;
}

int mi_material_replay(struct mi_material *m, const char *digest, const struct mi_value *records,
                       struct mi_error *err)
{
    int r = 0;

    *m = (struct mi_material){.records = mi_array(), .inputs = mi_array()};
    m->name = mi_strdup(digest);
    for (size_t i = 0; i < 32 && digest[i]; i++)
        m->digest[i] = digest[i];
    for (size_t i = 0; r == 0 && mi_is(records, MI_ARRAY) && i < records->as.array.n; i++) {
        const struct mi_value *pair = &records->as.array.item[i];

        if (pair->kind != MI_ARRAY || pair->as.array.n != 2 ||
            pair->as.array.item[0].kind != MI_STR || pair->as.array.item[1].kind != MI_MAP)
            r = mi_fail(err, MI_EXIT_DATA, "the header's material %s makes no sense", m->digest);
        else
            r = add(m,
                    mi_arena_dup(&m->arena, pair->as.array.item[0].as.bytes.at,
                                 pair->as.array.item[0].as.bytes.len),
                    mi_value_copy(&m->arena, &pair->as.array.item[1]), err);
    }
    if (r < 0)
        mi_material_free(m);
    return r;
}

/* ---- looking up ---------------------------------------------------------------- */

/* How well a direction fits a place: 0 not at all, 1 by layer and head, 2 by site too. */
static int fit_of(const struct mi_place *have, const struct mi_place *at)
{
    if (have->layer != at->layer || (have->head >= 0 && have->head != at->head))
        return 0;
    return 1 + (have->site == at->site) + 2 * (have->head == at->head);
}

int mi_material_dirs(const struct mi_material *m, const struct mi_place *at,
                     const struct mi_dir_record **dir, struct mi_error *err)
{
    int best = m->n_dirs == 1 ? 0 : 1, n = 0;
    char text[48];

    for (size_t i = 0; i < m->n_dirs; i++) {
        int fit = fit_of(&m->dir[i].place, at);

        if (m->n_dirs > 1 && fit < best)
            continue;
        if (fit > best)
            n = 0;
        best = fit;
        dir[n++] = &m->dir[i];
    }
    if (m->n_dirs == 0)
        return mi_fail(err, MI_EXIT_DATA, "'%s' holds no directions", mi_quote(m->name));
    if (n == 0)
        return mi_fail(err, MI_EXIT_DATA, "'%s' has no direction for %s", mi_quote(m->name),
                       mi_place_text(at, text));
    return n;
}

const struct mi_dir_record *mi_material_dir(const struct mi_material *m, const struct mi_place *at,
                                            struct mi_error *err)
{
    const struct mi_dir_record **dir = mi_alloc_n(m->n_dirs, sizeof *dir), *first = NULL;
    int n = mi_material_dirs(m, at, dir, err);
    char text[48];

    if (n == 1)
        first = dir[0];
    else if (n > 1)
        mi_fail(err, MI_EXIT_DATA, "'%s' has %d directions for %s; keep one (mi-direction select)",
                mi_quote(m->name), n, mi_place_text(at, text));
    mi_free(dir);
    return first;
}

int mi_material_mean(struct mi_material *m, const struct mi_place *at, int64_t n, float *mean,
                     struct mi_error *err)
{
    const struct mi_value *found = NULL, *v;
    struct mi_tensor t;
    struct mi_place p = {0};
    int64_t count, from = 0;
    char text[48];

    mi_place_text(at, text);
    for (size_t i = 0; i < m->n_stats; i++) {
        if (mi_place_get(m->stat[i], &p, err) < 0)
            return mi_fail_in(err, "'%s'", mi_quote(m->name));
        if (p.site != at->site || p.layer != at->layer || (p.head >= 0 && p.head != at->head))
            continue;
        if (mi_get(m->stat[i], "class") && mi_get(m->stat[i], "class")->kind != MI_NIL)
            return mi_fail(err, MI_EXIT_DATA, "'%s' has means by class; reduce without --by",
                           mi_quote(m->name));
        found = m->stat[i];
        if (p.head == at->head)
            break;
    }
    v = mi_get(found, "mean");
    if (!mi_is(v, MI_TENSOR))
        return mi_fail(err, MI_EXIT_DATA, "'%s' has no mean for %s", mi_quote(m->name), text);
    t = v->as.tensor;
    count = mi_tensor_count(&t);
    if (mi_place_get(found, &p, err) < 0)
        return -MI_EXIT_DATA;
    if (p.head < 0 && at->head >= 0) { /* one head's part of all */
        from = n * at->head;
        count = from + n <= count ? n : -1;
    }
    if (count != n)
        return mi_fail(err, MI_EXIT_DATA, "'%s': the mean for %s is not %lld wide",
                       mi_quote(m->name), text, (long long)n);
    for (int64_t i = 0; i < n; i++)
        mean[i] = (float)mi_tensor_at(&t, from + i);
    return 0;
}

int64_t mi_material_prompt(const struct mi_material *m, const char *id, const char *pair,
                           const char *side, struct mi_error *err)
{
    int64_t any = -1, other = -1, n_any = 0, n_other = 0;

    for (int64_t i = 0; pair && i < m->ids.n; i++) {
        const struct mi_material_prompt *p = &m->prompt[i];

        if (!p->pair || strcmp(p->pair, pair) != 0)
            continue;
        any = i;
        n_any++;
        if (side && p->side && strcmp(p->side, side) != 0) {
            other = i;
            n_other++;
        }
    }
    if (n_other == 1)
        return other;
    if (n_any == 1)
        return any;
    if (n_any > 1)
        return mi_fail(err, MI_EXIT_DATA,
                       "'%s' has %lld prompts of pair '%s' and no single one of another side",
                       mi_quote(m->name), (long long)n_any, mi_quote(pair));
    any = mi_intern_find(&m->ids, id, strlen(id));
    if (any < 0)
        mi_fail(err, MI_EXIT_DATA, "'%s' has nothing for prompt '%s'", mi_quote(m->name),
                mi_quote(id));
    return any;
}

const struct mi_act_record *mi_material_act(const struct mi_material *m, int64_t prompt,
                                            const struct mi_place *at, struct mi_error *err)
{
    const struct mi_material_prompt *p = &m->prompt[prompt];
    const struct mi_act_record *all = NULL;
    char text[48];

    for (size_t i = p->first; i < p->first + p->n; i++) {
        const struct mi_act_record *a = &m->act[i];

        if (a->place.site != at->site || a->place.layer != at->layer)
            continue;
        if (a->place.head == at->head)
            return a;
        if (a->place.head < 0)
            all = a;
    }
    if (!all)
        mi_fail(err, MI_EXIT_DATA, "'%s' has no activations at %s of prompt '%s'",
                mi_quote(m->name), mi_place_text(at, text), mi_quote(m->ids.name[prompt]));
    return all;
}

void mi_material_free(struct mi_material *m)
{
    mi_free(m->name);
    mi_free(m->dir);
    mi_free(m->stat);
    mi_free(m->act);
    mi_free(m->prompt);
    mi_intern_free(&m->ids);
    mi_arena_free(&m->arena);
    *m = (struct mi_material){0};
}
