/* Filters of lists and maps. */
#include "text/jinja_value.h"

/* ---- one value from many ------------------------------------------------------------- */

static struct mi_jv f_default(struct mi_jrun *run, struct mi_jv v, const struct mi_jargs *args)
{
    struct mi_jv given[2];

    if (!mi_jbind(run, "default", args, "default_value boolean", 0, given))
        return v;
    if (v.kind != MI_JUNDEFINED && (mi_jtruth(v) || !mi_jtruth(given[1])))
        return v;
    return mi_jgiven(given[0]) ? given[0] : mi_jstr_z(run, "");
}

static struct mi_jv f_length(struct mi_jrun *run, struct mi_jv v, const struct mi_jargs *args)
{
    int64_t n = mi_jlength(v);

    if (!mi_jbind(run, "length", args, "", 0, NULL))
        return v;
    return n < 0 ? mi_jfail(run, "object of type '%s' has no length", mi_jtype(v)) : mi_jint(n);
}

static struct mi_jv f_first(struct mi_jrun *run, struct mi_jv v, const struct mi_jargs *args)
{
    struct mi_jlist *l;

    if (!mi_jbind(run, "first", args, "", 0, NULL))
        return v;
    if (v.kind == MI_JLIST && v.as.list->form == MI_JFORM_ONCE) {
        l = v.as.list;
        return l->next < l->n ? l->item[l->next++] : mi_jundefined("No first item");
    }
    l = mi_jiterate(run, v);
    return l->n ? l->item[0] : mi_jundefined("No first item, sequence was empty.");
}

static struct mi_jv f_last(struct mi_jrun *run, struct mi_jv v, const struct mi_jargs *args)
{
    struct mi_jlist *l;

    if (!mi_jbind(run, "last", args, "", 0, NULL))
        return v;
    if (mi_jlength(v) < 0 || v.kind == MI_JLOOP)
        return mi_jfail(run, "'%s' object is not reversible", mi_jtype(v));
    if (v.kind == MI_JSTR && v.as.str->len > 0)
        return mi_jitem(run, v, mi_jint(-1));
    l = mi_jiterate(run, v);
    return l->n ? l->item[l->n - 1] : mi_jundefined("No last item, sequence was empty.");
}

static struct mi_jv f_sum(struct mi_jrun *run, struct mi_jv v, const struct mi_jargs *args)
{
    struct mi_jv given[2], sum;
    const struct mi_jlist *l;

    if (!mi_jbind(run, "sum", args, "attribute start", 0, given))
        return v;
    sum = mi_jgiven(given[1]) ? given[1] : mi_jint(0);
    if (sum.kind == MI_JSTR)
        return mi_jfail(run, "sum: strings cannot be summed");
    l = mi_jiterate(run, v);
    for (size_t i = 0; i < l->n && mi_jwork(run, 0); i++)
        sum = mi_jarithmetic(run, MI_JADD, sum, mi_jpath(run, l->item[i], given[0]));
    return sum;
}

static struct mi_jv f_join(struct mi_jrun *run, struct mi_jv v, const struct mi_jargs *args)
{
    struct mi_jv given[2], picked = mi_jlist(run, MI_JFORM_LIST);
    const struct mi_jlist *l;

    if (!mi_jbind(run, "join", args, "d attribute", 0, given))
        return v;
    l = mi_jiterate(run, v);
    for (size_t i = 0; i < l->n && mi_jwork(run, 0); i++)
        mi_jpush(run, picked, mi_jpath(run, l->item[i], given[1]));
    return run->failed ? v : mi_jjoin(run, mi_jto_str(run, given[0]), picked.as.list);
}

/* ---- many from many ------------------------------------------------------------- */

static struct mi_jv f_list(struct mi_jrun *run, struct mi_jv v, const struct mi_jargs *args)
{
    struct mi_jv list = mi_jlist(run, MI_JFORM_LIST);
    const struct mi_jlist *l;

    if (!mi_jbind(run, "list", args, "", 0, NULL))
        return v;
    l = mi_jiterate(run, v);
    for (size_t i = 0; i < l->n && mi_jwork(run, 0); i++)
        mi_jpush(run, list, l->item[i]);
    return list;
}

static struct mi_jv f_reverse(struct mi_jrun *run, struct mi_jv v, const struct mi_jargs *args)
{
    struct mi_jv list = mi_jlist(run, MI_JFORM_ONCE);
    const struct mi_jlist *l;

    if (!mi_jbind(run, "reverse", args, "", 0, NULL))
        return v;
    if (v.kind == MI_JSTR)
        return mi_jslice(run, v, mi_jnone(), mi_jnone(), mi_jint(-1));
    if (v.kind == MI_JLIST && v.as.list->form == MI_JFORM_ONCE)
        list.as.list->form = MI_JFORM_LIST;
    l = mi_jiterate(run, v);
    for (size_t i = l->n; i-- > 0 && mi_jwork(run, 0);)
        mi_jpush(run, list, l->item[i]);
    return list;
}

static struct mi_jv f_items(struct mi_jrun *run, struct mi_jv v, const struct mi_jargs *args)
{
    struct mi_jv list = mi_jlist(run, MI_JFORM_ONCE);

    if (!mi_jbind(run, "items", args, "", 0, NULL) || v.kind == MI_JUNDEFINED)
        return list;
    if (v.kind != MI_JDICT)
        return mi_jfail(run, "items: no map but %s", mi_jtype(v));
    for (size_t i = 0; i < v.as.dict->n && mi_jwork(run, 0); i++)
        mi_jpush(run, list, mi_jpair_of(run, v.as.dict->pair[i].key, v.as.dict->pair[i].value));
    return list;
}

static struct mi_jv f_batch(struct mi_jrun *run, struct mi_jv v, const struct mi_jargs *args)
{
    struct mi_jv given[2], out = mi_jlist(run, MI_JFORM_ONCE), row = mi_jnone();
    const struct mi_jlist *l;
    int64_t size = 1;

    if (!mi_jbind(run, "batch", args, "linecount fill_with", 1, given) ||
        !mi_jarg_int(run, "batch", given[0], &size))
        return v;
    if (size < 1)
        return mi_jfail(run, "batch: a size below 1");
    l = mi_jiterate(run, v);
    for (size_t i = 0; i < l->n && mi_jwork(run, 0); i++) {
        if (row.kind == MI_JNONE || (int64_t)row.as.list->n == size) {
            row = mi_jlist(run, MI_JFORM_LIST);
            mi_jpush(run, out, row);
        }
        mi_jpush(run, row, l->item[i]);
    }
    while (row.kind == MI_JLIST && mi_jgiven(given[1]) && given[1].kind != MI_JNONE &&
           (int64_t)row.as.list->n < size && mi_jwork(run, 0))
        mi_jpush(run, row, given[1]);
    return out;
}

static struct mi_jv f_slice(struct mi_jrun *run, struct mi_jv v, const struct mi_jargs *args)
{
    struct mi_jv given[2], out = mi_jlist(run, MI_JFORM_ONCE);
    const struct mi_jlist *l;
    int64_t slices = 1;
    size_t at = 0;

    if (!mi_jbind(run, "slice", args, "slices fill_with", 1, given) ||
        !mi_jarg_int(run, "slice", given[0], &slices))
        return v;
    if (slices < 1)
        return mi_jfail(run, "slice: fewer than 1");
    l = mi_jiterate(run, v);
    for (int64_t k = 0; k < slices && mi_jwork(run, 0); k++) {
        struct mi_jv row = mi_jlist(run, MI_JFORM_LIST);
        size_t more = (size_t)k < l->n % (size_t)slices;

        for (size_t i = l->n / (size_t)slices + more; i > 0 && mi_jwork(run, 0); i--)
            mi_jpush(run, row, l->item[at++]);
        if (mi_jgiven(given[1]) && given[1].kind != MI_JNONE && !more)
            mi_jpush(run, row, given[1]);
        mi_jpush(run, out, row);
    }
    return out;
}

static struct mi_jv f_attr(struct mi_jrun *run, struct mi_jv v, const struct mi_jargs *args)
{
    struct mi_jv given[1];

    if (!mi_jbind(run, "attr", args, "name", 1, given))
        return v;
    if (v.kind == MI_JDICT) /* attributes only, no items */
        return mi_jattribute(run, mi_jdict(run), mi_jto_str(run, given[0]));
    return mi_jattribute(run, v, mi_jto_str(run, given[0]));
}

const struct mi_jentry mi_jlist_filters[] = {
    {"default", f_default}, {"d", f_default},       {"length", f_length}, {"count", f_length},
    {"first", f_first},     {"last", f_last},       {"sum", f_sum},       {"join", f_join},
    {"list", f_list},       {"reverse", f_reverse}, {"items", f_items},   {"batch", f_batch},
    {"slice", f_slice},     {"attr", f_attr},       {NULL, NULL},
};
