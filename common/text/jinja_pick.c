/* Filters that look at each item: by an attribute, a test, or their order. */
#include "text/jinja_value.h"

/* ---- attributes ------------------------------------------------------------- */

static bool is_number(const struct mi_jstr *s)
{
    for (size_t i = 0; i < s->len; i++)
        if (s->at[i] < '0' || s->at[i] > '9')
            return false;
    return s->len > 0 && s->len < 10;
}

struct mi_jv mi_jpath(struct mi_jrun *run, struct mi_jv v, struct mi_jv path)
{
    static const struct mi_jstr dot = {.at = ".", .len = 1, .is_ascii = true};
    const struct mi_jstr *s;
    size_t at = 0;

    if (!mi_jgiven(path) || path.kind == MI_JNONE)
        return v;
    if (path.kind != MI_JSTR)
        return mi_jitem(run, v, path);
    s = path.as.str;
    while (at <= s->len && !run->failed) {
        size_t end = mi_jfind(run, s, at, s->len, &dot);
        struct mi_jv part = mi_jsub(run, s, at, end == SIZE_MAX ? s->len : end);

        if (is_number(part.as.str)) {
            int64_t i = 0;

            for (size_t k = 0; k < part.as.str->len; k++)
                i = 10 * i + (part.as.str->at[k] - '0');
            part = mi_jint(i);
        }
        v = mi_jitem(run, v, part);
        if (end == SIZE_MAX)
            break;
        at = end + 1;
    }
    return v;
}

/* What items are compared by; text without its case unless that counts. */
static struct mi_jv key_of(struct mi_jrun *run, struct mi_jv v, struct mi_jv path, bool with_case)
{
    v = mi_jpath(run, v, path);
    return v.kind == MI_JSTR && !with_case ? mi_jcased(run, v.as.str, MI_JLOWER) : v;
}

/* ---- map, select ------------------------------------------------------------- */

/* args without the first n. */
static struct mi_jargs without(const struct mi_jargs *args, size_t n)
{
    struct mi_jargs rest = *args;

    if (n > 0) {
        rest.at += n;
        rest.n -= n;
    }
    return rest;
}

static struct mi_jv f_map(struct mi_jrun *run, struct mi_jv v, const struct mi_jargs *args)
{
    struct mi_jv out = mi_jlist(run, MI_JFORM_ONCE), given[2];
    const struct mi_jlist *l;
    struct mi_jargs rest;

    if (!mi_jtruth(v))
        return out;
    l = mi_jiterate(run, v);
    if (args->n == 0 && args->n_named > 0) {
        if (!mi_jbind(run, "map", args, "attribute default", 1, given))
            return out;
        for (size_t i = 0; i < l->n && mi_jwork(run, 0); i++) {
            struct mi_jv item = mi_jpath(run, l->item[i], given[0]);
            bool use =
                item.kind == MI_JUNDEFINED && mi_jgiven(given[1]) && given[1].kind != MI_JNONE;

            mi_jpush(run, out, use ? given[1] : item);
        }
        return out;
    }
    if (args->n == 0 || args->at[0].kind != MI_JSTR)
        return mi_jfail(run, "map: needs the name of a filter");
    rest = without(args, 1);
    for (size_t i = 0; i < l->n && mi_jwork(run, 0); i++)
        mi_jpush(run, out, mi_jfilter(run, args->at[0].as.str, l->item[i], &rest));
    return out;
}

static struct mi_jv choose(struct mi_jrun *run, struct mi_jv v, const struct mi_jargs *args,
                           bool by_attribute, bool wanted)
{
    struct mi_jv out = mi_jlist(run, MI_JFORM_ONCE);
    const struct mi_jlist *l;
    struct mi_jargs rest;
    size_t used = by_attribute;

    if (!mi_jtruth(v))
        return out;
    if (args->n < used)
        return mi_jfail(run, "needs the name of an attribute");
    if (args->n > used && args->at[used].kind != MI_JSTR)
        return mi_jfail(run, "needs the name of a test");
    l = mi_jiterate(run, v);
    rest = without(args, args->n > used ? used + 1 : used);
    for (size_t i = 0; i < l->n && mi_jwork(run, 0); i++) {
        struct mi_jv item = l->item[i];
        bool holds;

        if (by_attribute)
            item = mi_jpath(run, item, args->at[0]);
        holds =
            args->n > used ? mi_jtest(run, args->at[used].as.str, item, &rest) : mi_jtruth(item);
        if (holds == wanted && !run->failed)
            mi_jpush(run, out, l->item[i]);
    }
    return out;
}

static struct mi_jv f_select(struct mi_jrun *run, struct mi_jv v, const struct mi_jargs *args)
{
    return choose(run, v, args, false, true);
}

static struct mi_jv f_reject(struct mi_jrun *run, struct mi_jv v, const struct mi_jargs *args)
{
    return choose(run, v, args, false, false);
}

static struct mi_jv f_selectattr(struct mi_jrun *run, struct mi_jv v, const struct mi_jargs *args)
{
    return choose(run, v, args, true, true);
}

static struct mi_jv f_rejectattr(struct mi_jrun *run, struct mi_jv v, const struct mi_jargs *args)
{
    return choose(run, v, args, true, false);
}

/* ---- order ------------------------------------------------------------- */

/* Pairs of key and value, merged from two sorted halves; equal ones stay in order. */
static void merge_sort(struct mi_jrun *run, struct mi_jpair *x, struct mi_jpair *scratch, size_t n,
                       bool descends)
{
    size_t half = n / 2, a = 0, b = half, out = 0;

    if (n < 2 || run->failed)
        return;
    merge_sort(run, x, scratch, half, descends);
    merge_sort(run, x + half, scratch, n - half, descends);
    while (a < half && b < n && mi_jwork(run, 0)) {
        int r = descends ? mi_jorder(run, "<", x[a].key, x[b].key)
                         : mi_jorder(run, "<", x[b].key, x[a].key);

        scratch[out++] = r < 0 ? x[b++] : x[a++];
    }
    if (run->failed)
        return;
    while (a < half)
        scratch[out++] = x[a++];
    while (b < n)
        scratch[out++] = x[b++];
    memcpy(x, scratch, n * sizeof *x);
}

/* The items of l in the order of the keys, which are those of `keys`. */
static struct mi_jv sorted(struct mi_jrun *run, const struct mi_jlist *l,
                           const struct mi_jlist *keys, bool descends)
{
    struct mi_jv out = mi_jlist(run, MI_JFORM_LIST);
    size_t cap = 0;
    struct mi_jpair *x;

    if (run->failed || l->n == 0)
        return out;
    x = mi_jgrow(run, NULL, 0, 2 * l->n, &cap, sizeof *x);
    if (!x)
        return out;
    for (size_t i = 0; i < l->n; i++)
        x[i] = (struct mi_jpair){keys->item[i], l->item[i]};
    merge_sort(run, x, x + l->n, l->n, descends);
    for (size_t i = 0; i < l->n && !run->failed; i++)
        mi_jpush(run, out, x[i].value);
    return out;
}

/* The keys of an item by "a,b.c": a list of them. */
static struct mi_jv keys_of(struct mi_jrun *run, struct mi_jv v, struct mi_jv paths, bool with_case)
{
    static const struct mi_jstr comma = {.at = ",", .len = 1, .is_ascii = true};
    struct mi_jv keys = mi_jlist(run, MI_JFORM_LIST);
    size_t at = 0;

    if (paths.kind != MI_JSTR) {
        mi_jpush(run, keys, key_of(run, v, paths, with_case));
        return keys;
    }
    while (mi_jwork(run, 0)) {
        size_t end = mi_jfind(run, paths.as.str, at, paths.as.str->len, &comma);
        size_t to = end == SIZE_MAX ? paths.as.str->len : end;

        mi_jpush(run, keys, key_of(run, v, mi_jsub(run, paths.as.str, at, to), with_case));
        if (end == SIZE_MAX)
            break;
        at = end + 1;
    }
    return keys;
}

static struct mi_jv f_sort(struct mi_jrun *run, struct mi_jv v, const struct mi_jargs *args)
{
    struct mi_jv given[3], keys = mi_jlist(run, MI_JFORM_LIST);
    const struct mi_jlist *l;

    if (!mi_jbind(run, "sort", args, "reverse case_sensitive attribute", 0, given))
        return v;
    l = mi_jiterate(run, v);
    for (size_t i = 0; i < l->n && mi_jwork(run, 0); i++)
        mi_jpush(run, keys, keys_of(run, l->item[i], given[2], mi_jtruth(given[1])));
    return sorted(run, l, keys.as.list, mi_jtruth(given[0]));
}

static struct mi_jv f_dictsort(struct mi_jrun *run, struct mi_jv v, const struct mi_jargs *args)
{
    struct mi_jv given[3], keys = mi_jlist(run, MI_JFORM_LIST), pairs = keys;
    bool by_value;

    if (!mi_jbind(run, "dictsort", args, "case_sensitive by reverse", 0, given))
        return v;
    by_value = mi_jstr_is(given[1], "value");
    if (mi_jgiven(given[1]) && !by_value && !mi_jstr_is(given[1], "key"))
        return mi_jfail(run, "dictsort: by key or value");
    if (v.kind != MI_JDICT)
        return mi_jfail(run, "dictsort: no map but %s", mi_jtype(v));
    pairs = mi_jlist(run, MI_JFORM_LIST);
    for (size_t i = 0; i < v.as.dict->n && mi_jwork(run, 0); i++) {
        const struct mi_jpair *p = &v.as.dict->pair[i];

        mi_jpush(run, pairs, mi_jpair_of(run, p->key, p->value));
        mi_jpush(run, keys,
                 key_of(run, by_value ? p->value : p->key, mi_jnone(), mi_jtruth(given[0])));
    }
    return sorted(run, pairs.as.list, keys.as.list, mi_jtruth(given[2]));
}

static struct mi_jv f_unique(struct mi_jrun *run, struct mi_jv v, const struct mi_jargs *args)
{
    struct mi_jv given[2], out = mi_jlist(run, MI_JFORM_ONCE), seen = mi_jdict(run);
    const struct mi_jlist *l;

    if (!mi_jbind(run, "unique", args, "case_sensitive attribute", 0, given))
        return v;
    l = mi_jiterate(run, v);
    for (size_t i = 0; i < l->n && mi_jwork(run, 0); i++) {
        struct mi_jv key = key_of(run, l->item[i], given[1], mi_jtruth(given[0]));

        if (mi_jget(run, seen.as.dict, key))
            continue;
        mi_jset(run, seen.as.dict, key, mi_jnone());
        mi_jpush(run, out, l->item[i]);
    }
    return out;
}

static struct mi_jv extreme(struct mi_jrun *run, struct mi_jv v, const struct mi_jargs *args,
                            bool largest)
{
    struct mi_jv given[2], best = mi_jnone();
    const struct mi_jlist *l;
    size_t at = 0;

    if (!mi_jbind(run, largest ? "max" : "min", args, "case_sensitive attribute", 0, given))
        return v;
    l = mi_jiterate(run, v);
    for (size_t i = 0; i < l->n && mi_jwork(run, 0); i++) {
        struct mi_jv key = key_of(run, l->item[i], given[1], mi_jtruth(given[0]));

        if (i == 0 ||
            (largest ? mi_jorder(run, ">", key, best) > 0 : mi_jorder(run, "<", key, best) < 0)) {
            best = key;
            at = i;
        }
    }
    return l->n ? l->item[at] : mi_jundefined("No aggregated item, sequence was empty.");
}

static struct mi_jv f_min(struct mi_jrun *run, struct mi_jv v, const struct mi_jargs *args)
{
    return extreme(run, v, args, false);
}

static struct mi_jv f_max(struct mi_jrun *run, struct mi_jv v, const struct mi_jargs *args)
{
    return extreme(run, v, args, true);
}

static struct mi_jv group_key(struct mi_jrun *run, struct mi_jv v, const struct mi_jv given[3],
                              bool with_case)
{
    struct mi_jv key = mi_jpath(run, v, given[0]);

    if (key.kind == MI_JUNDEFINED && mi_jgiven(given[1]) && given[1].kind != MI_JNONE)
        key = given[1];
    return key_of(run, key, mi_jnone(), with_case);
}

static struct mi_jv f_groupby(struct mi_jrun *run, struct mi_jv v, const struct mi_jargs *args)
{
    struct mi_jv given[3], keys = mi_jlist(run, MI_JFORM_LIST), out = mi_jlist(run, MI_JFORM_LIST);
    struct mi_jv all, group = keys, last = mi_jnone();
    const struct mi_jlist *l;
    bool with_case;

    if (!mi_jbind(run, "groupby", args, "attribute default case_sensitive", 1, given))
        return v;
    with_case = mi_jtruth(given[2]);
    l = mi_jiterate(run, v);
    for (size_t i = 0; i < l->n && mi_jwork(run, 0); i++)
        mi_jpush(run, keys, group_key(run, l->item[i], given, with_case));
    all = sorted(run, l, keys.as.list, false);
    for (size_t i = 0; i < all.as.list->n && mi_jwork(run, 0); i++) {
        struct mi_jv item = all.as.list->item[i], key = group_key(run, item, given, with_case);

        if (i == 0 || !mi_jequal(run, key, last)) {
            group = mi_jlist(run, MI_JFORM_LIST);
            mi_jpush(run, out, mi_jpair_of(run, group_key(run, item, given, true), group));
        }
        mi_jpush(run, group, item);
        last = key;
    }
    return out;
}

const struct mi_jentry mi_jpick_filters[] = {
    {"map", f_map},
    {"select", f_select},
    {"reject", f_reject},
    {"selectattr", f_selectattr},
    {"rejectattr", f_rejectattr},
    {"sort", f_sort},
    {"dictsort", f_dictsort},
    {"unique", f_unique},
    {"min", f_min},
    {"max", f_max},
    {"groupby", f_groupby},
    {NULL, NULL},
};
