#include "text/jinja_value.h"

#include <math.h>

/* ---- lists ------------------------------------------------------------------------ */

struct mi_jv mi_jlist(struct mi_jrun *run, enum mi_jform form)
{
    struct mi_jlist *l = mi_jalloc(run, sizeof *l);

    *l = (struct mi_jlist){.form = form};
    return (struct mi_jv){.kind = MI_JLIST, .as.list = l};
}

void mi_jpush(struct mi_jrun *run, struct mi_jv list, struct mi_jv item)
{
    struct mi_jlist *l = list.as.list;
    struct mi_jv *at = mi_jgrow(run, l->item, l->n, 1, &l->cap, sizeof *at);

    if (!at)
        return;
    l->item = at;
    l->item[l->n++] = item;
}

struct mi_jv mi_jpair_of(struct mi_jrun *run, struct mi_jv a, struct mi_jv b)
{
    struct mi_jv t = mi_jlist(run, MI_JFORM_TUPLE);

    mi_jpush(run, t, a);
    mi_jpush(run, t, b);
    return t;
}

/* ---- maps ------------------------------------------------------------------------- */

struct mi_jv mi_jdict(struct mi_jrun *run)
{
    struct mi_jdict *d = mi_jalloc(run, sizeof *d);

    *d = (struct mi_jdict){0};
    return (struct mi_jv){.kind = MI_JDICT, .as.dict = d};
}

static bool can_hash(struct mi_jv v)
{
    if (v.kind == MI_JDICT)
        return false;
    if (v.kind != MI_JLIST)
        return true;
    if (v.as.list->form != MI_JFORM_TUPLE)
        return v.as.list->form == MI_JFORM_RANGE || v.as.list->form == MI_JFORM_ONCE;
    for (size_t i = 0; i < v.as.list->n; i++)
        if (!can_hash(v.as.list->item[i]))
            return false;
    return true;
}

const struct mi_jv *mi_jget(struct mi_jrun *run, const struct mi_jdict *d, struct mi_jv key)
{
    if (!can_hash(key)) {
        mi_jfail(run, "unhashable type: '%s'", mi_jtype(key));
        return NULL;
    }
    mi_jwork(run, 4 * d->n);
    for (size_t i = 0; i < d->n && !run->failed; i++)
        if (mi_jequal(run, d->pair[i].key, key))
            return &d->pair[i].value;
    return NULL;
}

void mi_jset(struct mi_jrun *run, struct mi_jdict *d, struct mi_jv key, struct mi_jv value)
{
    struct mi_jv *old = (struct mi_jv *)mi_jget(run, d, key);
    struct mi_jpair *at;

    if (old) {
        *old = value;
        return;
    }
    at = mi_jgrow(run, d->pair, d->n, 1, &d->cap, sizeof *at);
    if (!at)
        return;
    d->pair = at;
    d->pair[d->n++] = (struct mi_jpair){key, value};
}

/* ---- looking ---------------------------------------------------------------------- */

bool mi_jas_int(struct mi_jv v, int64_t *out)
{
    if (v.kind != MI_JINT && v.kind != MI_JBOOL)
        return false;
    *out = v.kind == MI_JINT ? v.as.integer : v.as.flag;
    return true;
}

bool mi_jas_real(struct mi_jv v, double *out)
{
    int64_t i;

    if (v.kind == MI_JREAL)
        *out = v.as.real;
    else if (mi_jas_int(v, &i))
        *out = (double)i;
    else
        return false;
    return true;
}

bool mi_jtruth(struct mi_jv v)
{
    switch (v.kind) {
    case MI_JUNDEFINED:
    case MI_JNONE: return false;
    case MI_JBOOL: return v.as.flag;
    case MI_JINT: return v.as.integer != 0;
    case MI_JREAL: return v.as.real != 0;
    case MI_JSTR: return v.as.str->len > 0;
    case MI_JLIST: return v.as.list->form == MI_JFORM_ONCE || v.as.list->n > 0;
    case MI_JDICT: return v.as.dict->n > 0;
    case MI_JSPACE:
    case MI_JLOOP:
    case MI_JCALL: break;
    }
    return true;
}

int64_t mi_jlength(struct mi_jv v)
{
    switch (v.kind) {
    case MI_JUNDEFINED: return 0;
    case MI_JSTR: return mi_jn_chars(v.as.str);
    case MI_JLIST: return v.as.list->form == MI_JFORM_ONCE ? -1 : (int64_t)v.as.list->n;
    case MI_JDICT: return (int64_t)v.as.dict->n;
    case MI_JLOOP: return (int64_t)v.as.loop->over->n;
    case MI_JNONE:
    case MI_JBOOL:
    case MI_JINT:
    case MI_JREAL:
    case MI_JSPACE:
    case MI_JCALL: break;
    }
    return -1;
}

static const char *list_type(enum mi_jform form)
{
    static const char *const names[] = {
        [MI_JFORM_LIST] = "list",          [MI_JFORM_TUPLE] = "tuple",
        [MI_JFORM_RANGE] = "range",        [MI_JFORM_KEYS] = "dict_keys",
        [MI_JFORM_VALUES] = "dict_values", [MI_JFORM_ITEMS] = "dict_items",
        [MI_JFORM_ONCE] = "generator",
    };

    return names[form];
}

const char *mi_jtype(struct mi_jv v)
{
    static const char *const names[] = {
        [MI_JUNDEFINED] = "Undefined", [MI_JNONE] = "NoneType",
        [MI_JBOOL] = "bool",           [MI_JINT] = "int",
        [MI_JREAL] = "float",          [MI_JSTR] = "str",
        [MI_JDICT] = "dict",           [MI_JSPACE] = "Namespace",
        [MI_JLOOP] = "LoopContext",    [MI_JCALL] = "function",
    };

    return v.kind == MI_JLIST ? list_type(v.as.list->form) : names[v.kind];
}

/* ---- equality --------------------------------------------------------------------- */

/* Python compares an integer and a float exactly. */
static bool same_number(struct mi_jv a, struct mi_jv b)
{
    int64_t i = 0, k = 0;
    double x, y;
    bool a_int = mi_jas_int(a, &i), b_int = mi_jas_int(b, &k);

    if (a_int && b_int)
        return i == k;
    if (!mi_jas_real(a, &x) || !mi_jas_real(b, &y) || !(x == y))
        return false;
    if (!a_int && !b_int)
        return true;
    return fabs(x) < 9.2e18 && (a_int ? (int64_t)y == i : (int64_t)x == k);
}

static bool same_lists(struct mi_jrun *run, const struct mi_jlist *a, const struct mi_jlist *b)
{
    if (a == b)
        return true;
    if (a->form != b->form || a->n != b->n || a->form == MI_JFORM_ONCE ||
        a->form == MI_JFORM_VALUES)
        return false;
    for (size_t i = 0; i < a->n && !run->failed; i++)
        if (!mi_jequal(run, a->item[i], b->item[i]))
            return false;
    return true;
}

static bool same_dicts(struct mi_jrun *run, const struct mi_jdict *a, const struct mi_jdict *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n && !run->failed; i++) {
        const struct mi_jv *v = mi_jget(run, b, a->pair[i].key);

        if (!v || !mi_jequal(run, a->pair[i].value, *v))
            return false;
    }
    return true;
}

static bool same_kind(struct mi_jrun *run, struct mi_jv a, struct mi_jv b)
{
    switch (a.kind) {
    case MI_JUNDEFINED:
    case MI_JNONE: return true;
    case MI_JSTR:
        mi_jwork(run, a.as.str->len);
        return a.as.str->len == b.as.str->len &&
               memcmp(a.as.str->at, b.as.str->at, a.as.str->len) == 0;
    case MI_JLIST: return same_lists(run, a.as.list, b.as.list);
    case MI_JDICT: return same_dicts(run, a.as.dict, b.as.dict);
    case MI_JSPACE: return a.as.dict == b.as.dict;
    case MI_JLOOP: return a.as.loop == b.as.loop;
    case MI_JCALL: return a.as.call == b.as.call;
    case MI_JBOOL:
    case MI_JINT:
    case MI_JREAL: break;
    }
    return same_number(a, b);
}

bool mi_jequal(struct mi_jrun *run, struct mi_jv a, struct mi_jv b)
{
    bool same;

    if (!mi_jwork(run, 0))
        return false;
    if (a.kind != b.kind)
        return same_number(a, b);
    if (!mi_jenter(run))
        return false;
    same = same_kind(run, a, b);
    mi_jleave(run);
    return same;
}

/* ---- iterating -------------------------------------------------------------------- */

bool mi_jcan_iterate(struct mi_jv v)
{
    return v.kind == MI_JUNDEFINED || v.kind == MI_JSTR || v.kind == MI_JLIST ||
           v.kind == MI_JDICT || v.kind == MI_JLOOP;
}

/* What a generator has left; it is empty afterwards. */
static struct mi_jlist *rest_of(struct mi_jrun *run, struct mi_jlist *l)
{
    struct mi_jv rest = mi_jlist(run, MI_JFORM_LIST);

    for (; l->next < l->n && !run->failed; l->next++)
        mi_jpush(run, rest, l->item[l->next]);
    return rest.as.list;
}

struct mi_jlist *mi_jiterate(struct mi_jrun *run, struct mi_jv v)
{
    struct mi_jv list;

    if (v.kind == MI_JLIST && v.as.list->form != MI_JFORM_ONCE)
        return v.as.list;
    if (v.kind == MI_JLIST)
        return rest_of(run, v.as.list);
    list = mi_jlist(run, MI_JFORM_LIST);
    if (v.kind == MI_JSTR) {
        v = mi_jmarkup(run, v.as.str, false); /* characters of markup are none */
        for (size_t i = 0, n = 0; i < v.as.str->len && mi_jwork(run, 0); i += n) {
            mi_jchar(v.as.str, i, &n);
            mi_jpush(run, list, mi_jsub(run, v.as.str, i, i + n));
        }
    } else if (v.kind == MI_JDICT) {
        for (size_t i = 0; i < v.as.dict->n && mi_jwork(run, 0); i++)
            mi_jpush(run, list, v.as.dict->pair[i].key);
    } else if (v.kind != MI_JUNDEFINED) {
        mi_jfail(run, "'%s' object is not iterable", mi_jtype(v));
    }
    return list.as.list;
}

/* ---- from outside ----------------------------------------------------------------- */

static struct mi_jv from_text(struct mi_jrun *run, const struct mi_value *v,
                              const struct mi_jinja_input *in, size_t *next_source)
{
    struct mi_jv made = mi_jstr(run, v->as.bytes.at, v->as.bytes.len);
    struct mi_jinja_part *part;

    if (*next_source >= in->n_sources || in->source[*next_source] != v->as.bytes.at)
        return made;
    part = mi_jalloc(run, sizeof *part);
    *part = (struct mi_jinja_part){0, v->as.bytes.len, (*next_source)++, 0};
    if (part->end > 0) {
        struct mi_jstr *s = (struct mi_jstr *)made.as.str;

        s->part = part;
        s->n_parts = 1;
    }
    return made;
}

struct mi_jv mi_jfrom(struct mi_jrun *run, const struct mi_value *v,
                      const struct mi_jinja_input *in, size_t *next_source)
{
    struct mi_jv made;

    switch (v->kind) {
    case MI_BOOL: return mi_jbool(v->as.flag);
    case MI_INT: return mi_jint(v->as.integer);
    case MI_REAL: return mi_jreal(v->as.real);
    case MI_STR: return from_text(run, v, in, next_source);
    case MI_ARRAY:
        made = mi_jlist(run, MI_JFORM_LIST);
        for (size_t i = 0; i < v->as.array.n && !run->failed; i++)
            mi_jpush(run, made, mi_jfrom(run, &v->as.array.item[i], in, next_source));
        return made;
    case MI_MAP:
        made = mi_jdict(run);
        for (size_t i = 0; i < v->as.map.n && !run->failed; i++) {
            const char *key = v->as.map.member[i].key;

            mi_jset(run, made.as.dict, mi_jstr(run, key, strlen(key)),
                    mi_jfrom(run, &v->as.map.member[i].value, in, next_source));
        }
        return made;
    case MI_NIL:
    case MI_BIN:
    case MI_TENSOR: break;
    }
    return mi_jnone();
}
