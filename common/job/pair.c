#include "job/pair.h"

#include "base/escape.h"
#include "base/mem.h"
#include "job/label.h"

#include <stdio.h>
#include <string.h>

/* ---- pairs ----------------------------------------------------------------------- */

void mi_pair_free(struct mi_pair *p)
{
    mi_item_free(&p->base);
    mi_item_free(&p->source);
    *p = (struct mi_pair){0};
}

int mi_pairs_init(struct mi_pairs *p, struct mi_source *from, const char *sides,
                  struct mi_error *err)
{
    *p = (struct mi_pairs){.from = from};
    return mi_sides_parse(p->side, sides, err);
}

static int take_next(struct mi_pairs *p, struct mi_session *s, struct mi_error *err)
{
    int r = p->has_next ? 1 : mi_source_next(p->from, s, &p->next, err);

    p->has_next = r > 0;
    return r;
}

/* The item is on the side that its field says. */
static int put(struct mi_pairs *p, struct mi_pair *out, bool has[2], struct mi_error *err)
{
    int side, r = mi_side_of(&side, &p->next.prompt.fields, p->side, err);

    if (r < 0)
        return mi_fail_in(err, "prompt '%s'", mi_quote(p->next.prompt.id));
    if (has[side < 0])
        return mi_fail(err, MI_EXIT_DATA, "prompt '%s': its pair has side '%s' twice",
                       mi_quote(p->next.prompt.id), mi_quote(p->side[side < 0]));
    has[side < 0] = true;
    *(side < 0 ? &out->source : &out->base) = p->next;
    p->next = (struct mi_item){0};
    p->has_next = false;
    return 0;
}

static int join(struct mi_pairs *p, struct mi_session *s, struct mi_pair *out, struct mi_error *err)
{
    int64_t unit = p->next.unit;
    bool has[2] = {false, false};
    char id[128];
    int r = 1;

    snprintf(id, sizeof id, "%s", mi_quote(p->next.prompt.id));
    while (r > 0 && p->next.unit == unit && p->has_next) {
        r = put(p, out, has, err);
        if (r == 0)
            r = take_next(p, s, err);
    }
    if (r < 0)
        return r;
    out->has_source = has[1];
    if (!has[0] || !has[1])
        return mi_fail(err, MI_EXIT_DATA, "prompt '%s': its pair lacks the side '%s'", id,
                       mi_quote(p->side[has[0] ? 1 : 0]));
    return 1;
}

static void set_group(struct mi_pair *p)
{
    p->group = mi_item_field(&p->base, "group");
    if (!p->group)
        p->group = mi_item_field(&p->base, "pair");
    if (!p->group)
        p->group = p->base.prompt.id;
}

static int next_pair(struct mi_pairs *p, struct mi_session *s, struct mi_pair *out,
                     struct mi_error *err)
{
    int r = take_next(p, s, err);

    if (r <= 0)
        return r;
    if (!p->is_alone && mi_item_field(&p->next, "pair"))
        return join(p, s, out, err);
    if (p->needs_source)
        return mi_fail(err, MI_EXIT_DATA,
                       "prompt '%s' has no field 'pair': patching needs a base and a source",
                       mi_quote(p->next.prompt.id));
    out->base = p->next;
    p->next = (struct mi_item){0};
    p->has_next = false;
    return 1;
}

int mi_pairs_next(struct mi_pairs *p, struct mi_session *s, struct mi_pair *out,
                  struct mi_error *err)
{
    int r;

    *out = (struct mi_pair){0};
    r = next_pair(p, s, out, err);
    if (r > 0)
        set_group(out);
    else
        mi_pair_free(out);
    return r;
}

void mi_pairs_free(struct mi_pairs *p)
{
    if (p->has_next)
        mi_item_free(&p->next);
    mi_free(p->side[0]);
    mi_free(p->side[1]);
    *p = (struct mi_pairs){0};
}

/* ---- alignment ------------------------------------------------------------------- */

static int64_t resolve(const struct mi_pos *pos, const struct mi_item *item, int64_t **out,
                       size_t *cap, struct mi_error *err)
{
    struct mi_pos_tokens t = mi_item_tokens(item);
    int64_t n;

    t.n_tokens = t.n_prompt;
    n = mi_pos_resolve(pos, &t, out, cap, err);
    if (n == 0)
        n = mi_fail(err, MI_EXIT_DATA, "no token at '%s'", pos->text);
    return n < 0 ? mi_fail_in(err, "prompt '%s'", mi_quote(item->prompt.id)) : n;
}

/* Both lists keep their last `n`. */
static void keep_last(int64_t *x, int64_t had, int64_t n)
{
    memmove(x, x + (had - n), (size_t)n * sizeof *x);
}

int mi_align(struct mi_alignment *a, const struct mi_pos *pos, enum mi_align kind,
             const struct mi_item *base, const struct mi_item *source, struct mi_error *err)
{
    int64_t n_source;

    mi_alignment_free(a);
    a->n = resolve(pos, base, &a->base, &a->cap_base, err);
    if (a->n < 0 || !source)
        return a->n < 0 ? (int)a->n : 0;
    n_source = resolve(pos, source, &a->source, &a->cap_source, err);
    if (n_source < 0)
        return (int)n_source;
    if (kind == MI_ALIGN_MEAN) {
        a->mean = a->source;
        a->n_mean = n_source;
        a->source = NULL;
        return 0;
    }
    if (kind == MI_ALIGN_SPAN && n_source != a->n)
        return mi_fail(err, MI_EXIT_DATA,
                       "prompt '%s' has %lld tokens at '%s', its source has %lld (--align end or "
                       "mean takes such pairs)",
                       mi_quote(base->prompt.id), (long long)a->n, pos->text, (long long)n_source);
    if (n_source < a->n) {
        keep_last(a->base, a->n, n_source);
        a->n = n_source;
    }
    keep_last(a->source, n_source, a->n);
    return 0;
}

void mi_alignment_free(struct mi_alignment *a)
{
    mi_free(a->base);
    mi_free(a->source);
    mi_free(a->mean);
    *a = (struct mi_alignment){0};
}
