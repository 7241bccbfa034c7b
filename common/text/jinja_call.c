/* Calls: arguments, macros, and the functions that every template has. */
#include "text/jinja_node.h"

const char mi_jabsent[] = "an argument is missing";

/* ---- arguments --------------------------------------------------------------------------- */

void mi_jargs_add(struct mi_jrun *run, struct mi_jargs *args, struct mi_jv v)
{
    struct mi_jv *at = mi_jgrow(run, args->at, args->n, 1, &args->cap, sizeof *at);

    if (!at)
        return;
    args->at = at;
    args->at[args->n++] = v;
}

void mi_jargs_name(struct mi_jrun *run, struct mi_jargs *args, const char *name, struct mi_jv v)
{
    struct mi_jnamed *at;

    mi_jwork(run, 32 * args->n_named);
    for (size_t i = 0; i < args->n_named && !run->failed; i++) {
        if (strcmp(args->named[i].name, name) == 0) {
            mi_jfail(run, "argument '%s' is given twice", name);
            return;
        }
    }
    at = mi_jgrow(run, args->named, args->n_named, 1, &args->named_cap, sizeof *at);
    if (!at)
        return;
    args->named = at;
    args->named[args->n_named++] = (struct mi_jnamed){name, v};
}

/* The place of `name` among the words of `names`, -1 for none. */
static int place_of(const char *names, const char *name)
{
    size_t len = strlen(name);

    for (int i = 0; *names; i++) {
        size_t n = strcspn(names, " ");

        if (n == len && memcmp(names, name, n) == 0 && name[0] != '_')
            return i;
        names += n + (names[n] == ' ');
    }
    return -1;
}

static size_t n_words(const char *names)
{
    size_t n = *names != '\0';

    for (; *names; names++)
        n += *names == ' ';
    return n;
}

bool mi_jbind(struct mi_jrun *run, const char *what, const struct mi_jargs *args, const char *names,
              size_t required, struct mi_jv *out)
{
    size_t n = n_words(names);

    for (size_t i = 0; i < n; i++)
        out[i] = i < args->n ? args->at[i] : mi_jundefined(mi_jabsent);
    if (args->n > n)
        mi_jfail(run, "%s: takes at most %zu argument%s", what, n, n == 1 ? "" : "s");
    for (size_t i = 0; i < args->n_named && !run->failed; i++) {
        int at = place_of(names, args->named[i].name);

        if (at < 0 || mi_jgiven(out[at]))
            mi_jfail(run, "%s: takes no argument '%.60s' here", what, args->named[i].name);
        else
            out[at] = args->named[i].value;
    }
    for (size_t i = 0; i < required && !run->failed; i++)
        if (!mi_jgiven(out[i]))
            mi_jfail(run, "%s: needs %zu argument%s", what, required, required == 1 ? "" : "s");
    return !run->failed;
}

bool mi_jarg_int(struct mi_jrun *run, const char *what, struct mi_jv v, int64_t *out)
{
    if (mi_jgiven(v) && !mi_jas_int(v, out)) {
        mi_jfail(run, "%s: wants an integer, not %s", what, mi_jtype(v));
        return false;
    }
    return !run->failed;
}

bool mi_jarg_str(struct mi_jrun *run, const char *what, struct mi_jv v, const struct mi_jstr **out)
{
    if (!mi_jgiven(v))
        return true;
    if (v.kind != MI_JSTR) {
        mi_jfail(run, "%s: wants a string, not %s", what, mi_jtype(v));
        return false;
    }
    *out = v.as.str;
    return true;
}

/* ---- calling ----------------------------------------------------------------------------- */

struct mi_jv mi_jbound(struct mi_jrun *run, const struct mi_jentry *e, struct mi_jv self)
{
    struct mi_jcall *call = mi_jalloc(run, sizeof *call);

    *call = (struct mi_jcall){.name = e->name, .call = e->call, .self = self};
    return (struct mi_jv){.kind = MI_JCALL, .as.call = call};
}

const struct mi_jentry *mi_jentry_find(const struct mi_jentry *table, const struct mi_jstr *name)
{
    for (; table->name; table++)
        if (mi_jstr_is((struct mi_jv){.kind = MI_JSTR, .as.str = name}, table->name))
            return table;
    return NULL;
}

struct mi_jv mi_jcall_value(struct mi_jrun *run, struct mi_jv f, const struct mi_jargs *args)
{
    if (f.kind == MI_JUNDEFINED)
        return mi_jfail_undefined(run, f);
    if (f.kind == MI_JLOOP)
        return mi_jloop_again(run, f.as.loop, args);
    if (f.kind != MI_JCALL)
        return mi_jfail(run, "'%s' object is not callable", mi_jtype(f));
    mi_jwork(run, 0);
    return f.as.call->call ? f.as.call->call(run, f.as.call->self, args)
                           : mi_jcall_macro(run, f.as.call, args);
}

/* ---- functions --------------------------------------------------------------------------- */

enum { MOST_RANGE = 100000 }; /* as jinja2's sandbox has it */

static struct mi_jv call_range(struct mi_jrun *run, struct mi_jv self, const struct mi_jargs *args)
{
    struct mi_jv given[3], list = mi_jlist(run, MI_JFORM_RANGE);
    struct mi_jlist *l = list.as.list;

    (void)self;
    if (!mi_jbind(run, "range", args, "_ _ _", 1, given))
        return list;
    l->stride = 1;
    mi_jarg_int(run, "range", given[0], mi_jgiven(given[1]) ? &l->start : &l->stop);
    mi_jarg_int(run, "range", given[1], &l->stop);
    mi_jarg_int(run, "range", given[2], &l->stride);
    if (!run->failed && l->stride == 0)
        return mi_jfail(run, "range: the third argument is zero");
    for (int64_t i = l->start; (l->stride > 0 ? i < l->stop : i > l->stop) && mi_jwork(run, 0);) {
        mi_jpush(run, list, mi_jint(i));
        if (l->n > MOST_RANGE)
            return mi_jfail(run, "range: more than %d values", (int)MOST_RANGE);
        if (__builtin_add_overflow(i, l->stride, &i))
            break;
    }
    return list;
}

static struct mi_jv make_map(struct mi_jrun *run, const char *what, const struct mi_jargs *args)
{
    struct mi_jv d = mi_jdict(run);

    if (args->n > 1)
        return mi_jfail(run, "%s: takes at most 1 argument", what);
    if (args->n == 1 && args->at[0].kind == MI_JDICT) {
        const struct mi_jdict *from = args->at[0].as.dict;

        for (size_t i = 0; i < from->n && !run->failed; i++)
            mi_jset(run, d.as.dict, from->pair[i].key, from->pair[i].value);
    } else if (args->n == 1) {
        const struct mi_jlist *from = mi_jiterate(run, args->at[0]);

        for (size_t i = 0; i < from->n && !run->failed; i++) {
            const struct mi_jlist *pair = mi_jiterate(run, from->item[i]);

            if (!run->failed && pair->n != 2)
                return mi_jfail(run, "%s: an item that is no pair", what);
            if (!run->failed)
                mi_jset(run, d.as.dict, pair->item[0], pair->item[1]);
        }
    }
    for (size_t i = 0; i < args->n_named && !run->failed; i++)
        mi_jset(run, d.as.dict, mi_jstr_z(run, args->named[i].name), args->named[i].value);
    return d;
}

static struct mi_jv call_dict(struct mi_jrun *run, struct mi_jv self, const struct mi_jargs *args)
{
    (void)self;
    return make_map(run, "dict", args);
}

static struct mi_jv call_namespace(struct mi_jrun *run, struct mi_jv self,
                                   const struct mi_jargs *args)
{
    struct mi_jv v = make_map(run, "namespace", args);

    (void)self;
    if (!run->failed)
        v.kind = MI_JSPACE;
    return v;
}

static struct mi_jv call_raise(struct mi_jrun *run, struct mi_jv self, const struct mi_jargs *args)
{
    struct mi_jv given[1];
    const struct mi_jstr *s;

    (void)self;
    if (!mi_jbind(run, "raise_exception", args, "message", 1, given))
        return given[0];
    s = mi_jto_str(run, given[0]);
    return mi_jfail(run, "%.*s", (int)(s->len < 400 ? s->len : 400), s->at);
}

static struct mi_jv call_strftime(struct mi_jrun *run, struct mi_jv self,
                                  const struct mi_jargs *args)
{
    struct mi_jv given[1];
    const struct mi_jstr *s = NULL;

    (void)self;
    if (!mi_jbind(run, "strftime_now", args, "format", 1, given) ||
        !mi_jarg_str(run, "strftime_now", given[0], &s))
        return given[0];
    return mi_jstrftime(run, s);
}

const struct mi_jentry mi_jglobals[] = {
    {"range", call_range},           {"dict", call_dict},
    {"namespace", call_namespace},   {"raise_exception", call_raise},
    {"strftime_now", call_strftime}, {NULL, NULL},
};

/* ---- loop.cycle, loop.changed ------------------------------------------------------------- */

static struct mi_jv loop_cycle(struct mi_jrun *run, struct mi_jv self, const struct mi_jargs *args)
{
    if (args->n == 0 || args->n_named > 0)
        return mi_jfail(run, "cycle: no items for cycling given");
    return args->at[self.as.loop->index % args->n];
}

static struct mi_jv loop_changed(struct mi_jrun *run, struct mi_jv self,
                                 const struct mi_jargs *args)
{
    struct mi_jv now = mi_jlist(run, MI_JFORM_TUPLE);

    for (size_t i = 0; i < args->n; i++)
        mi_jpush(run, now, args->at[i]);
    if (mi_jequal(run, now, self.as.loop->last_changed))
        return mi_jbool(false);
    self.as.loop->last_changed = now;
    return mi_jbool(true);
}

const struct mi_jentry mi_jloop_methods[] = {
    {"cycle", loop_cycle}, {"changed", loop_changed}, {NULL, NULL}};

/* ---- methods of lists and maps ------------------------------------------------------------ */

static struct mi_jv list_count(struct mi_jrun *run, struct mi_jv self, const struct mi_jargs *args)
{
    struct mi_jv given[1];
    int64_t n = 0;

    if (!mi_jbind(run, "count", args, "_", 1, given))
        return given[0];
    for (size_t i = 0; i < self.as.list->n && !run->failed; i++)
        n += mi_jequal(run, self.as.list->item[i], given[0]);
    return mi_jint(n);
}

static struct mi_jv list_index(struct mi_jrun *run, struct mi_jv self, const struct mi_jargs *args)
{
    struct mi_jv given[1];

    if (!mi_jbind(run, "index", args, "_", 1, given))
        return given[0];
    for (size_t i = 0; i < self.as.list->n && !run->failed; i++)
        if (mi_jequal(run, self.as.list->item[i], given[0]))
            return mi_jint((int64_t)i);
    return mi_jfail(run, "index: the list has no such item");
}

static struct mi_jv list_copy(struct mi_jrun *run, struct mi_jv self, const struct mi_jargs *args)
{
    return mi_jbind(run, "copy", args, "", 0, NULL) ? self : mi_jnone();
}

const struct mi_jentry mi_jlist_methods[] = {
    {"count", list_count}, {"index", list_index}, {"copy", list_copy}, {NULL, NULL}};

static struct mi_jv view(struct mi_jrun *run, struct mi_jv self, const struct mi_jargs *args,
                         enum mi_jform form)
{
    struct mi_jv list = mi_jlist(run, form);
    const struct mi_jdict *d = self.as.dict;

    if (!mi_jbind(run, "this method", args, "", 0, NULL))
        return list;
    for (size_t i = 0; i < d->n && mi_jwork(run, 0); i++)
        mi_jpush(run, list,
                 form == MI_JFORM_KEYS     ? d->pair[i].key
                 : form == MI_JFORM_VALUES ? d->pair[i].value
                                           : mi_jpair_of(run, d->pair[i].key, d->pair[i].value));
    return list;
}

static struct mi_jv dict_keys(struct mi_jrun *run, struct mi_jv self, const struct mi_jargs *args)
{
    return view(run, self, args, MI_JFORM_KEYS);
}

static struct mi_jv dict_values(struct mi_jrun *run, struct mi_jv self, const struct mi_jargs *args)
{
    return view(run, self, args, MI_JFORM_VALUES);
}

static struct mi_jv dict_items(struct mi_jrun *run, struct mi_jv self, const struct mi_jargs *args)
{
    return view(run, self, args, MI_JFORM_ITEMS);
}

static struct mi_jv dict_get(struct mi_jrun *run, struct mi_jv self, const struct mi_jargs *args)
{
    struct mi_jv given[2];
    const struct mi_jv *v;

    if (!mi_jbind(run, "get", args, "_ _", 1, given))
        return given[0];
    v = mi_jget(run, self.as.dict, given[0]);
    return v ? *v : mi_jgiven(given[1]) ? given[1] : mi_jnone();
}

const struct mi_jentry mi_jdict_methods[] = {
    {"get", dict_get},       {"items", dict_items}, {"keys", dict_keys},
    {"values", dict_values}, {"copy", list_copy},   {NULL, NULL},
};
