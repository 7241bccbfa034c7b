/* x.name and x[key]: the first looks for a method or attribute, then for an item; the second
 * the other way round. */
#include "text/jinja_value.h"

#include <stdio.h>

/* What would change a value is not to be had, as in transformers' sandbox. */
static const char *const list_changers[] = {"append", "clear",  "pop",    "reverse", "insert",
                                            "sort",   "extend", "remove", NULL};
static const char *const dict_changers[] = {"clear",      "pop",    "popitem",
                                            "setdefault", "update", NULL};

static bool is_among(const struct mi_jstr *name, const char *const *list)
{
    struct mi_jv v = {.kind = MI_JSTR, .as.str = name};

    for (; *list; list++)
        if (mi_jstr_is(v, *list))
            return true;
    return false;
}

static struct mi_jv loop_attribute(struct mi_jrun *run, struct mi_jv v, const struct mi_jstr *name,
                                   bool *found)
{
    static const char *const names[] = {"index",  "index0",   "revindex", "revindex0",
                                        "first",  "last",     "length",   "depth",
                                        "depth0", "previtem", "nextitem"};
    const struct mi_jloop *l = v.as.loop;
    int64_t i = (int64_t)l->index, n = (int64_t)l->over->n;
    size_t k = 0;

    while (k < 11 && !mi_jstr_is((struct mi_jv){.kind = MI_JSTR, .as.str = name}, names[k]))
        k++;
    *found = k < 11;
    switch (k) {
    case 0: return mi_jint(i + 1);
    case 1: return mi_jint(i);
    case 2: return mi_jint(n - i);
    case 3: return mi_jint(n - i - 1);
    case 4: return mi_jbool(i == 0);
    case 5: return mi_jbool(i + 1 >= n);
    case 6: return mi_jint(n);
    case 7: return mi_jint(l->depth0 + 1);
    case 8: return mi_jint(l->depth0);
    case 9: return i > 0 ? l->over->item[i - 1] : mi_jundefined("there is no previous item");
    case 10: return i + 1 < n ? l->over->item[i + 1] : mi_jundefined("there is no next item");
    default: break;
    }
    (void)run;
    return mi_jnone();
}

static const struct mi_jentry *method_of(struct mi_jv v, const struct mi_jstr *name)
{
    const struct mi_jentry *e;

    switch (v.kind) {
    case MI_JSTR:
        e = mi_jentry_find(mi_jstr_methods, name);
        return e ? e : mi_jentry_find(mi_jstr_methods2, name);
    case MI_JLIST: return mi_jentry_find(mi_jlist_methods, name);
    case MI_JDICT: return mi_jentry_find(mi_jdict_methods, name);
    case MI_JLOOP: return mi_jentry_find(mi_jloop_methods, name);
    default: break;
    }
    return NULL;
}

/* A method, attribute or what stands for one that is forbidden; *found false: none. */
static struct mi_jv own_attribute(struct mi_jrun *run, struct mi_jv v, const struct mi_jstr *name,
                                  bool *found)
{
    const struct mi_jv *member;
    const struct mi_jentry *e = method_of(v, name);

    *found = true;
    if (e)
        return mi_jbound(run, e, v);
    if (v.kind == MI_JSPACE) {
        member = mi_jget(run, v.as.dict, (struct mi_jv){.kind = MI_JSTR, .as.str = name});
        if (member)
            return *member;
    }
    if (v.kind == MI_JLOOP) {
        struct mi_jv of_loop = loop_attribute(run, v, name, found);

        if (*found)
            return of_loop;
    }
    if ((v.kind == MI_JLIST && v.as.list->form == MI_JFORM_LIST && is_among(name, list_changers)) ||
        (v.kind == MI_JDICT && is_among(name, dict_changers)))
        return mi_jmissing(run, "'%.*s' would change a %s, which templates may not", (int)name->len,
                           name->at, mi_jtype(v));
    *found = false;
    return mi_jnone();
}

static const char *object_name(struct mi_jv v, char *text, size_t size)
{
    if (v.kind == MI_JNONE)
        return "None";
    snprintf(text, size, "%s object", mi_jtype(v));
    return text;
}

static struct mi_jv no_attribute(struct mi_jrun *run, struct mi_jv v, const struct mi_jstr *name)
{
    char object[40];

    return mi_jmissing(run, "'%s' has no attribute '%.*s'", object_name(v, object, sizeof object),
                       (int)name->len, name->at);
}

struct mi_jv mi_jattribute(struct mi_jrun *run, struct mi_jv v, const struct mi_jstr *name)
{
    struct mi_jv found;
    const struct mi_jv *item;
    bool has;

    if (v.kind == MI_JUNDEFINED)
        return mi_jfail_undefined(run, v);
    found = own_attribute(run, v, name, &has);
    if (has || run->failed)
        return found;
    if (v.kind == MI_JDICT) {
        item = mi_jget(run, v.as.dict, (struct mi_jv){.kind = MI_JSTR, .as.str = name});
        if (item)
            return *item;
    }
    return no_attribute(run, v, name);
}

/* Element i of a string or list, counted from the end when negative. */
static struct mi_jv element(struct mi_jrun *run, struct mi_jv v, int64_t i)
{
    int64_t n = mi_jlength(v), k = i < 0 ? i + n : i;
    char object[40];
    size_t at, len;

    if (k < 0 || k >= n)
        return mi_jmissing(run, "%s has no element %lld", object_name(v, object, sizeof object),
                           (long long)i);
    if (v.kind == MI_JLIST)
        return v.as.list->item[k];
    mi_jwork(run, v.as.str->is_ascii ? 0 : v.as.str->len);
    at = mi_jbyte_of(v.as.str, k);
    mi_jchar(v.as.str, at, &len);
    return mi_jsub(run, v.as.str, at, at + len);
}

struct mi_jv mi_jitem(struct mi_jrun *run, struct mi_jv v, struct mi_jv key)
{
    const struct mi_jv *item;
    struct mi_jv found;
    bool has;
    int64_t i;

    if (v.kind == MI_JUNDEFINED)
        return mi_jfail_undefined(run, v);
    if (run->failed)
        return v;
    if (v.kind == MI_JDICT &&
        (key.kind == MI_JDICT || (key.kind == MI_JLIST && key.as.list->form == MI_JFORM_LIST)))
        return mi_jmissing(run, "such a thing is no key");
    if (v.kind == MI_JDICT) {
        item = mi_jget(run, v.as.dict, key);
        if (item)
            return *item;
    }
    if ((v.kind == MI_JSTR || (v.kind == MI_JLIST && v.as.list->form <= MI_JFORM_RANGE)) &&
        mi_jas_int(key, &i))
        return element(run, v, i);
    if (key.kind != MI_JSTR)
        return mi_jmissing(run, "the %s has no such element", mi_jtype(v));
    found = own_attribute(run, v, key.as.str, &has);
    return has || run->failed ? found : no_attribute(run, v, key.as.str);
}
