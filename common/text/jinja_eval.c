/* The values of expressions. */
#include "text/jinja_node.h"

/* ---- names ----------------------------------------------------------------------------- */

struct mi_jscope *mi_jscope_new(struct mi_jrun *run, struct mi_jscope *up)
{
    struct mi_jscope *s = mi_jalloc(run, sizeof *s);

    *s = (struct mi_jscope){.up = up};
    return s;
}

struct mi_jv *mi_jlook_up(struct mi_jrun *run, struct mi_jscope *scope, int64_t id)
{
    for (; scope && mi_jwork(run, 4 * scope->n); scope = scope->up)
        for (size_t i = 0; i < scope->n; i++)
            if (scope->variable[i].id == id)
                return &scope->variable[i].value;
    return NULL;
}

void mi_jbind_name(struct mi_jrun *run, struct mi_jscope *scope, int64_t id, struct mi_jv v)
{
    struct mi_jvariable *at;

    mi_jwork(run, 4 * scope->n);
    for (size_t i = 0; i < scope->n; i++) {
        if (scope->variable[i].id == id) {
            scope->variable[i].value = v;
            return;
        }
    }
    at = mi_jgrow(run, scope->variable, scope->n, 1, &scope->cap, sizeof *at);
    if (!at)
        return;
    scope->variable = at;
    scope->variable[scope->n++] = (struct mi_jvariable){id, v};
}

static void assign_member(struct mi_jrun *run, struct mi_jscope *scope, const struct mi_jnode *n,
                          struct mi_jv v)
{
    struct mi_jv *space = mi_jlook_up(run, scope, n->id);

    if (!space || space->kind != MI_JSPACE)
        mi_jfail(run, "cannot assign attribute on non-namespace object '%s'", n->name);
    else
        mi_jset(run, space->as.dict, n->value, v);
}

void mi_jassign(struct mi_jrun *run, struct mi_jscope *scope, const struct mi_jnode *target,
                struct mi_jv v)
{
    const struct mi_jlist *items;
    size_t i = 0, wanted = 0;

    if (target->kind == MI_JN_NAME) {
        mi_jbind_name(run, scope, target->id, v);
        return;
    }
    if (target->kind == MI_JN_MEMBER) {
        assign_member(run, scope, target, v);
        return;
    }
    items = mi_jiterate(run, v);
    for (const struct mi_jnode *t = target->list; t; t = t->next)
        wanted++;
    if (!run->failed && items->n != wanted)
        mi_jfail(run, "%zu values for %zu names", items->n, wanted);
    for (const struct mi_jnode *t = target->list; t && !run->failed; t = t->next)
        mi_jassign(run, scope, t, items->item[i++]);
}

/* ---- arguments -------------------------------------------------------------------------- */

static void add_map(struct mi_jrun *run, struct mi_jargs *args, struct mi_jv v)
{
    if (v.kind != MI_JDICT) {
        mi_jfail(run, "'%s' object is not a mapping", mi_jtype(v));
        return;
    }
    for (size_t i = 0; i < v.as.dict->n && !run->failed; i++) {
        struct mi_jv key = v.as.dict->pair[i].key;
        char *name;

        if (key.kind != MI_JSTR) {
            mi_jfail(run, "keywords must be strings");
            return;
        }
        name = mi_jalloc(run, 64);
        if (key.as.str->len > 63) {
            mi_jfail(run, "a keyword of more than 63 bytes");
            return;
        }
        memcpy(name, key.as.str->at, key.as.str->len);
        name[key.as.str->len] = '\0';
        mi_jargs_name(run, args, name, v.as.dict->pair[i].value);
    }
}

void mi_jeval_args(struct mi_jrun *run, struct mi_jscope *scope, const struct mi_jnode *list,
                   struct mi_jargs *args)
{
    for (const struct mi_jnode *n = list; n && !run->failed; n = n->next) {
        struct mi_jv v = mi_jeval(run, scope, n->a);

        if (run->failed)
            return;
        if (n->op == '*') {
            const struct mi_jlist *l = mi_jiterate(run, v);

            for (size_t i = 0; i < l->n && mi_jwork(run, 0); i++)
                mi_jargs_add(run, args, l->item[i]);
        } else if (n->op) {
            add_map(run, args, v);
        } else if (n->name) {
            mi_jargs_name(run, args, n->name, v);
        } else {
            mi_jargs_add(run, args, v);
        }
    }
}

/* ---- kinds of nodes ----------------------------------------------------------------------- */

static struct mi_jv eval_name(struct mi_jrun *run, struct mi_jscope *scope,
                              const struct mi_jnode *n)
{
    const struct mi_jv *v = mi_jlook_up(run, scope, n->id);

    return v ? *v : mi_jmissing(run, "'%s' is undefined", n->name);
}

static struct mi_jv eval_sequence(struct mi_jrun *run, struct mi_jscope *scope,
                                  const struct mi_jnode *n)
{
    struct mi_jv list = mi_jlist(run, n->kind == MI_JN_TUPLE ? MI_JFORM_TUPLE : MI_JFORM_LIST);

    for (const struct mi_jnode *i = n->list; i && !run->failed; i = i->next)
        mi_jpush(run, list, mi_jeval(run, scope, i));
    return list;
}

static struct mi_jv eval_dict(struct mi_jrun *run, struct mi_jscope *scope,
                              const struct mi_jnode *n)
{
    struct mi_jv d = mi_jdict(run);

    for (const struct mi_jnode *i = n->list; i && !run->failed; i = i->next) {
        struct mi_jv key = mi_jeval(run, scope, i->a);

        mi_jset(run, d.as.dict, key, mi_jeval(run, scope, i->b));
    }
    return d;
}

static struct mi_jv eval_slice(struct mi_jrun *run, struct mi_jscope *scope,
                               const struct mi_jnode *n)
{
    struct mi_jv of = mi_jeval(run, scope, n->a);
    struct mi_jv from = n->b ? mi_jeval(run, scope, n->b) : mi_jnone();
    struct mi_jv to = n->c ? mi_jeval(run, scope, n->c) : mi_jnone();
    struct mi_jv step = n->list ? mi_jeval(run, scope, n->list) : mi_jnone();

    return run->failed ? mi_jnone() : mi_jslice(run, of, from, to, step);
}

static struct mi_jv eval_call(struct mi_jrun *run, struct mi_jscope *scope,
                              const struct mi_jnode *n)
{
    struct mi_jargs args = {0};
    struct mi_jv f = mi_jeval(run, scope, n->a);

    mi_jeval_args(run, scope, n->list, &args);
    run->line = n->line;
    return run->failed ? mi_jnone() : mi_jcall_value(run, f, &args);
}

static struct mi_jv eval_filter(struct mi_jrun *run, struct mi_jscope *scope,
                                const struct mi_jnode *n)
{
    struct mi_jargs args = {0};
    struct mi_jv v = mi_jeval(run, scope, n->a);

    mi_jeval_args(run, scope, n->list, &args);
    run->line = n->line;
    return run->failed ? mi_jnone() : mi_jfilter(run, n->value.as.str, v, &args);
}

static struct mi_jv eval_test(struct mi_jrun *run, struct mi_jscope *scope,
                              const struct mi_jnode *n)
{
    struct mi_jargs args = {0};
    struct mi_jv v = mi_jeval(run, scope, n->a);

    mi_jeval_args(run, scope, n->list, &args);
    run->line = n->line;
    return mi_jbool(!run->failed && mi_jtest(run, n->value.as.str, v, &args));
}

static struct mi_jv eval_arithmetic(struct mi_jrun *run, struct mi_jscope *scope,
                                    const struct mi_jnode *n)
{
    struct mi_jv a = mi_jeval(run, scope, n->a), b = mi_jeval(run, scope, n->b);

    run->line = n->line;
    return run->failed ? a : mi_jarithmetic(run, (enum mi_jop)n->op, a, b);
}

static struct mi_jv eval_concat(struct mi_jrun *run, struct mi_jscope *scope,
                                const struct mi_jnode *n)
{
    struct mi_jtext t = {0};

    for (const struct mi_jnode *i = n->list; i && !run->failed; i = i->next)
        mi_jprint(run, &t, mi_jeval(run, scope, i));
    return mi_jtext_value(run, &t);
}

static struct mi_jv eval_comparison(struct mi_jrun *run, struct mi_jscope *scope,
                                    const struct mi_jnode *n)
{
    struct mi_jv left = mi_jeval(run, scope, n->a);
    bool holds = true;

    for (const struct mi_jnode *o = n->list; o && holds && !run->failed; o = o->next) {
        struct mi_jv right = mi_jeval(run, scope, o->a);

        run->line = o->line;
        holds = !run->failed && mi_jcompare(run, (enum mi_jop)o->op, left, right);
        left = right;
    }
    return mi_jbool(holds);
}

static struct mi_jv eval_choice(struct mi_jrun *run, struct mi_jscope *scope,
                                const struct mi_jnode *n)
{
    if (mi_jtruth(mi_jeval(run, scope, n->a)))
        return mi_jeval(run, scope, n->b);
    if (n->c)
        return mi_jeval(run, scope, n->c);
    return mi_jundefined("an inline if without else was false");
}

static struct mi_jv eval_node(struct mi_jrun *run, struct mi_jscope *scope,
                              const struct mi_jnode *n)
{
    struct mi_jv v;

    switch (n->kind) {
    case MI_JN_CONST: return n->value;
    case MI_JN_NAME: return eval_name(run, scope, n);
    case MI_JN_TUPLE:
    case MI_JN_LIST: return eval_sequence(run, scope, n);
    case MI_JN_DICT: return eval_dict(run, scope, n);
    case MI_JN_ATTRIBUTE:
        v = mi_jeval(run, scope, n->a);
        return run->failed ? v : mi_jattribute(run, v, n->value.as.str);
    case MI_JN_ITEM:
        v = mi_jeval(run, scope, n->a);
        return run->failed ? v : mi_jitem(run, v, mi_jeval(run, scope, n->b));
    case MI_JN_SLICE: return eval_slice(run, scope, n);
    case MI_JN_CALL: return eval_call(run, scope, n);
    case MI_JN_FILTER: return eval_filter(run, scope, n);
    case MI_JN_TEST: return eval_test(run, scope, n);
    case MI_JN_NOT: return mi_jbool(!mi_jtruth(mi_jeval(run, scope, n->a)));
    case MI_JN_NEGATIVE:
    case MI_JN_POSITIVE:
        v = mi_jeval(run, scope, n->a);
        return run->failed ? v : mi_jnegate(run, v, n->kind == MI_JN_NEGATIVE);
    case MI_JN_ARITHMETIC: return eval_arithmetic(run, scope, n);
    case MI_JN_AND:
        v = mi_jeval(run, scope, n->a);
        return mi_jtruth(v) ? mi_jeval(run, scope, n->b) : v;
    case MI_JN_OR:
        v = mi_jeval(run, scope, n->a);
        return mi_jtruth(v) ? v : mi_jeval(run, scope, n->b);
    case MI_JN_CONCAT: return eval_concat(run, scope, n);
    case MI_JN_COMPARE: return eval_comparison(run, scope, n);
    case MI_JN_CHOICE: return eval_choice(run, scope, n);
    default: break; /* no expression; the parser makes none here */
    }
    return mi_jnone();
}

struct mi_jv mi_jeval(struct mi_jrun *run, struct mi_jscope *scope, const struct mi_jnode *n)
{
    struct mi_jv v = mi_jundefined(NULL);

    if (!n || !mi_jwork(run, 0) || !mi_jenter(run))
        return v;
    run->line = n->line;
    v = eval_node(run, scope, n);
    mi_jleave(run);
    return v;
}
