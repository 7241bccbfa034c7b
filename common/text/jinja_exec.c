/* Statements, macros, and the whole of a rendering. */
#include "text/jinja_node.h"

/* ---- output ------------------------------------------------------------------------------ */

/* What a body prints, as a string. */
static struct mi_jv capture(struct mi_jrun *run, struct mi_jscope *scope,
                            const struct mi_jnode *body, enum mi_jend *end)
{
    struct mi_jtext *outer = run->out, t = {0};

    run->out = &t;
    *end = mi_jrun_body(run, scope, body);
    run->out = outer;
    return mi_jtext_value(run, &t);
}

static struct mi_jv through_filters(struct mi_jrun *run, struct mi_jscope *scope,
                                    const struct mi_jnode *filters, struct mi_jv v)
{
    struct mi_jargs args = {0};

    if (!filters || run->failed)
        return v;
    v = through_filters(run, scope, filters->a, v);
    mi_jeval_args(run, scope, filters->list, &args);
    return run->failed ? v : mi_jfilter(run, filters->value.as.str, v, &args);
}

/* ---- loops ------------------------------------------------------------------------------- */

static struct mi_jlist *wanted_items(struct mi_jrun *run, struct mi_jscope *scope,
                                     const struct mi_jnode *n, struct mi_jv over)
{
    struct mi_jlist *all = mi_jiterate(run, over);
    struct mi_jv kept;

    if (!n->c || run->failed)
        return all;
    kept = mi_jlist(run, MI_JFORM_LIST);
    for (size_t i = 0; i < all->n && mi_jwork(run, 0); i++) {
        struct mi_jscope *inner = mi_jscope_new(run, scope);

        mi_jassign(run, inner, n->a, all->item[i]);
        if (!run->failed && mi_jtruth(mi_jeval(run, inner, n->c)))
            mi_jpush(run, kept, all->item[i]);
    }
    return kept.as.list;
}

static enum mi_jend run_loop(struct mi_jrun *run, struct mi_jscope *scope, const struct mi_jnode *n,
                             struct mi_jv over, int64_t depth0)
{
    struct mi_jloop *loop = mi_jalloc(run, sizeof *loop);
    struct mi_jscope *inner = mi_jscope_new(run, scope);
    enum mi_jend end;
    bool went_through = false; /* a body to its end; jinja2 asks this before else */

    *loop = (struct mi_jloop){.over = wanted_items(run, scope, n, over),
                              .last_changed = mi_jundefined(NULL),
                              .depth0 = depth0,
                              .again = n->op ? n : NULL,
                              .scope = scope};
    if (run->failed)
        return MI_JEND_NORMAL;
    for (; loop->index < loop->over->n && mi_jwork(run, 0); loop->index++) {
        struct mi_jv self = {.kind = MI_JLOOP, .as.loop = loop};

        *inner = (struct mi_jscope){.up = scope, .variable = inner->variable, .cap = inner->cap};
        mi_jbind_name(run, inner, MI_JNAME_LOOP, self);
        mi_jassign(run, inner, n->a, loop->over->item[loop->index]);
        end = mi_jrun_body(run, inner, n->list);
        went_through = went_through || end == MI_JEND_NORMAL;
        if (end == MI_JEND_BREAK)
            break;
    }
    if (!went_through && !run->failed)
        return mi_jrun_body(run, mi_jscope_new(run, scope), n->other);
    return MI_JEND_NORMAL;
}

struct mi_jv mi_jloop_again(struct mi_jrun *run, const struct mi_jloop *loop,
                            const struct mi_jargs *args)
{
    struct mi_jtext *outer = run->out, t = {0};
    struct mi_jv over[1];

    if (!mi_jbind(run, "loop", args, "iterable", 1, over))
        return over[0];
    if (!loop->again)
        return mi_jfail(run, "a loop that is called must be 'recursive'");
    if (!mi_jenter(run))
        return over[0];
    run->out = &t;
    run_loop(run, loop->scope, loop->again, over[0], loop->depth0 + 1);
    run->out = outer;
    mi_jleave(run);
    return mi_jtext_value(run, &t);
}

/* ---- macros ------------------------------------------------------------------------------ */

static struct mi_jv macro_value(struct mi_jrun *run, struct mi_jscope *scope,
                                const struct mi_jnode *n)
{
    struct mi_jcall *call = mi_jalloc(run, sizeof *call);

    *call = (struct mi_jcall){.name = n->name, .macro = n, .scope = scope};
    return (struct mi_jv){.kind = MI_JCALL, .as.call = call};
}

/* The argument of this name, which is taken off; NULL: none. */
static const struct mi_jv *take_named(struct mi_jrun *run, struct mi_jargs *args, const char *name)
{
    mi_jwork(run, 32 * args->n_named);
    for (size_t i = 0; i < args->n_named && !run->failed; i++) {
        if (args->named[i].name && strcmp(args->named[i].name, name) == 0) {
            args->named[i].name = NULL;
            return &args->named[i].value;
        }
    }
    return NULL;
}

/* varargs, kwargs and caller, where the body speaks of them. */
static void bind_special(struct mi_jrun *run, struct mi_jscope *scope, const struct mi_jcall *call,
                         struct mi_jargs *args, size_t n_params, bool has_caller)
{
    const struct mi_jnode *m = call->macro;
    struct mi_jv rest = mi_jlist(run, MI_JFORM_TUPLE), named = mi_jdict(run);

    if ((m->uses & MI_JUSE_CALLER) && !has_caller) {
        const struct mi_jv *caller = take_named(run, args, "caller");

        mi_jbind_name(run, scope, MI_JNAME_CALLER,
                      caller ? *caller : mi_jundefined("No caller defined"));
    }
    for (size_t i = n_params; i < args->n; i++)
        mi_jpush(run, rest, args->at[i]);
    for (size_t i = 0; i < args->n_named; i++)
        if (args->named[i].name)
            mi_jset(run, named.as.dict, mi_jstr_z(run, args->named[i].name), args->named[i].value);
    if (m->uses & MI_JUSE_VARARGS)
        mi_jbind_name(run, scope, MI_JNAME_VARARGS, rest);
    else if (rest.as.list->n > 0)
        mi_jfail(run, "a macro takes not more than %zu argument(s)", n_params);
    if (m->uses & MI_JUSE_KWARGS)
        mi_jbind_name(run, scope, MI_JNAME_KWARGS, named);
    else if (named.as.dict->n > 0)
        mi_jfail(run, "a macro takes no keyword argument '%.*s'",
                 (int)named.as.dict->pair[0].key.as.str->len,
                 named.as.dict->pair[0].key.as.str->at);
}

static void bind_params(struct mi_jrun *run, struct mi_jscope *scope, const struct mi_jcall *call,
                        const struct mi_jargs *given)
{
    struct mi_jargs args = *given;
    size_t n = 0;
    bool has_caller = false;

    args.named = NULL;
    args.n_named = args.named_cap = 0;
    for (size_t i = 0; i < given->n_named; i++)
        mi_jargs_name(run, &args, given->named[i].name, given->named[i].value);
    for (const struct mi_jnode *p = call->macro->params; p && !run->failed; p = p->next, n++) {
        const struct mi_jv *v = n < args.n ? &args.at[n] : take_named(run, &args, p->name);

        has_caller = has_caller || p->id == MI_JNAME_CALLER;
        if (v)
            mi_jbind_name(run, scope, p->id, *v);
        else if (p->a)
            mi_jbind_name(run, scope, p->id, mi_jeval(run, scope, p->a));
        else
            mi_jbind_name(run, scope, p->id,
                          mi_jmissing(run, "parameter '%s' was not provided", p->name));
    }
    bind_special(run, scope, call, &args, n, has_caller);
}

struct mi_jv mi_jcall_macro(struct mi_jrun *run, const struct mi_jcall *call,
                            const struct mi_jargs *args)
{
    struct mi_jscope *scope = mi_jscope_new(run, call->scope);
    struct mi_jv v = mi_jundefined(NULL);
    enum mi_jend end;

    bind_params(run, scope, call, args);
    if (!mi_jenter(run))
        return v;
    v = capture(run, scope, call->macro->list, &end);
    mi_jleave(run);
    return v;
}

static void run_call_block(struct mi_jrun *run, struct mi_jscope *scope, const struct mi_jnode *n)
{
    struct mi_jargs args = {0};
    struct mi_jv f = mi_jeval(run, scope, n->a->a), v;

    mi_jeval_args(run, scope, n->a->list, &args);
    mi_jargs_name(run, &args, "caller", macro_value(run, scope, n));
    if (run->failed)
        return;
    v = mi_jcall_value(run, f, &args);
    if (!run->failed)
        mi_jprint(run, run->out, v);
}

/* ---- statements -------------------------------------------------------------------------- */

static void run_output(struct mi_jrun *run, struct mi_jscope *scope, const struct mi_jnode *n)
{
    for (const struct mi_jnode *i = n->list; i && !run->failed; i = i->next) {
        struct mi_jv v = mi_jeval(run, scope, i);

        if (!run->failed)
            mi_jprint(run, run->out, v);
    }
}

/* The values are all made before the first name is bound. */
static enum mi_jend run_with(struct mi_jrun *run, struct mi_jscope *scope, const struct mi_jnode *n)
{
    struct mi_jscope *inner = mi_jscope_new(run, scope);
    struct mi_jv values = mi_jlist(run, MI_JFORM_LIST);
    size_t i = 0;

    for (const struct mi_jnode *s = n->params; s && !run->failed; s = s->next)
        mi_jpush(run, values, mi_jeval(run, scope, s->b));
    for (const struct mi_jnode *s = n->params; s && !run->failed; s = s->next)
        mi_jassign(run, inner, s->a, values.as.list->item[i++]);
    return mi_jrun_body(run, inner, n->list);
}

static enum mi_jend run_captured(struct mi_jrun *run, struct mi_jscope *scope,
                                 const struct mi_jnode *n)
{
    enum mi_jend end;
    struct mi_jv v = capture(run, mi_jscope_new(run, scope), n->list, &end);

    v = through_filters(run, scope, n->b, v);
    if (run->failed || end != MI_JEND_NORMAL)
        return end;
    if (n->kind == MI_JN_SET_BLOCK)
        mi_jassign(run, scope, n->a, v);
    else
        mi_jprint(run, run->out, v);
    return end;
}

static enum mi_jend run_node(struct mi_jrun *run, struct mi_jscope *scope, const struct mi_jnode *n)
{
    struct mi_jv v;

    switch (n->kind) {
    case MI_JN_TEXT: mi_jadd_str(run, run->out, n->value.as.str); break;
    case MI_JN_OUTPUT: run_output(run, scope, n); break;
    case MI_JN_FOR: return run_loop(run, scope, n, mi_jeval(run, scope, n->b), 0);
    case MI_JN_IF:
        v = mi_jeval(run, scope, n->a);
        return mi_jrun_body(run, scope, mi_jtruth(v) ? n->list : n->other);
    case MI_JN_SET:
        v = mi_jeval(run, scope, n->b);
        if (!run->failed)
            mi_jassign(run, scope, n->a, v);
        break;
    case MI_JN_SET_BLOCK:
    case MI_JN_FILTER_BLOCK: return run_captured(run, scope, n);
    case MI_JN_MACRO: mi_jbind_name(run, scope, n->id, macro_value(run, scope, n)); break;
    case MI_JN_CALL_BLOCK: run_call_block(run, scope, n); break;
    case MI_JN_WITH: return run_with(run, scope, n);
    case MI_JN_SCOPE: return mi_jrun_body(run, mi_jscope_new(run, scope), n->list);
    case MI_JN_BREAK: return MI_JEND_BREAK;
    case MI_JN_CONTINUE: return MI_JEND_CONTINUE;
    default: break; /* no statement; the parser makes none here */
    }
    return MI_JEND_NORMAL;
}

enum mi_jend mi_jrun_body(struct mi_jrun *run, struct mi_jscope *scope, const struct mi_jnode *n)
{
    enum mi_jend end = MI_JEND_NORMAL;

    if (!mi_jenter(run))
        return end;
    for (; n && end == MI_JEND_NORMAL && mi_jwork(run, 0); n = n->next) {
        run->line = n->line;
        end = run_node(run, scope, n);
    }
    mi_jleave(run);
    return end;
}

/* ---- the whole --------------------------------------------------------------------------- */

enum { MOST_STEPS = 6 * 1000 * 1000, MOST_MEMORY = 40 << 20 };

/* Bytes of the strings in v. */
static size_t size_of(const struct mi_value *v)
{
    size_t n = 64;

    if (v->kind == MI_STR)
        n += v->as.bytes.len;
    for (size_t i = 0; v->kind == MI_ARRAY && i < v->as.array.n; i++)
        n += size_of(&v->as.array.item[i]);
    for (size_t i = 0; v->kind == MI_MAP && i < v->as.map.n; i++)
        n += strlen(v->as.map.member[i].key) + size_of(&v->as.map.member[i].value);
    return n;
}

static void bind_outside(struct mi_jrun *run, const struct mi_jinja_state *state,
                         struct mi_jscope *scope, const struct mi_jinja_input *in)
{
    size_t next_source = 0;

    for (const struct mi_jentry *e = mi_jglobals; e->name; e++) {
        int64_t id = mi_intern_find(&state->names, e->name, strlen(e->name));

        if (id >= 0)
            mi_jbind_name(run, scope, id, mi_jbound(run, e, mi_jnone()));
    }
    for (size_t i = 0; in->variables && i < in->variables->as.map.n; i++) {
        const struct mi_member *m = &in->variables->as.map.member[i];
        int64_t id = mi_intern_find(&state->names, m->key, strlen(m->key));

        if (id >= 0)
            mi_jbind_name(run, scope, id, mi_jfrom(run, &m->value, in, &next_source));
    }
}

int mi_jinja_render(const struct mi_jinja *j, const struct mi_jinja_input *in,
                    struct mi_jinja_output *out, struct mi_error *err)
{
    size_t size = in->variables ? size_of(in->variables) : 0;
    struct mi_jtext text = {0};
    struct mi_jrun run = {
        .memory_left = MOST_MEMORY + 8 * size,
        .steps_left = MOST_STEPS + (int64_t)size,
        .err = err,
        .out = &text,
        .now = in->now,
    };
    struct mi_jscope *outside = mi_jscope_new(&run, NULL);

    mi_buf_clear(&out->text);
    out->n = 0;
    bind_outside(&run, j->state, outside, in);
    mi_jrun_body(&run, mi_jscope_new(&run, outside), j->state->body);
    if (!run.failed) {
        mi_buf_add(&out->text, text.data, text.len);
        out->part = mi_grow(out->part, &out->cap, text.n_parts + 1, sizeof *out->part);
        if (text.n_parts)
            memcpy(out->part, text.part, text.n_parts * sizeof *out->part);
        out->n = text.n_parts;
    }
    mi_jfree_all(&run);
    return run.failed ? -MI_EXIT_DATA : 0;
}

void mi_jinja_output_free(struct mi_jinja_output *out)
{
    mi_buf_free(&out->text);
    mi_free(out->part);
    *out = (struct mi_jinja_output){0};
}
