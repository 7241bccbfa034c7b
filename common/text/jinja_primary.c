/* Tokens taken one by one, and what expressions are made of: names, literals, and the accesses,
 * calls, filters and tests that follow them. */
#include "base/escape.h"
#include "text/jinja_node.h"

#include <stdarg.h>

/* ---- tokens ------------------------------------------------------------------------ */

struct mi_jnode *mi_jnode_new(struct mi_jparser *p, enum mi_jnode_kind kind)
{
    struct mi_jnode *n = mi_arena_alloc(&p->state->arena, sizeof *n);

    *n = (struct mi_jnode){.kind = kind, .line = p->token->line};
    return n;
}

struct mi_jnode *mi_jparse_fail(struct mi_jparser *p, const char *fmt, ...)
{
    va_list ap;

    if (!p->failed) {
        p->failed = true;
        va_start(ap, fmt);
        mi_vfail(p->err, MI_EXIT_DATA, fmt, ap);
        va_end(ap);
        mi_fail_in(p->err, "chat template, line %d", p->token->line);
    }
    return mi_jnode_new(p, MI_JN_CONST);
}

void mi_jstep(struct mi_jparser *p)
{
    if (p->token->kind != MI_JTOKEN_END)
        p->token++;
}

bool mi_jis_op(const struct mi_jparser *p, int op)
{
    return !p->failed && p->token->kind == MI_JTOKEN_OP && p->token->op == op;
}

static bool is_word_at(const struct mi_jtoken *t, const char *word)
{
    return t->kind == MI_JTOKEN_NAME && strcmp(t->at, word) == 0;
}

bool mi_jis_word(const struct mi_jparser *p, const char *word)
{
    return !p->failed && is_word_at(p->token, word);
}

bool mi_jtake_op(struct mi_jparser *p, int op)
{
    bool is = mi_jis_op(p, op);

    if (is)
        mi_jstep(p);
    return is;
}

bool mi_jtake_word(struct mi_jparser *p, const char *word)
{
    bool is = mi_jis_word(p, word);

    if (is)
        mi_jstep(p);
    return is;
}

static const char *token_text(const struct mi_jtoken *t, char *text)
{
    switch (t->kind) {
    case MI_JTOKEN_END: return "the end of the template";
    case MI_JTOKEN_OUTPUT_END:
    case MI_JTOKEN_BLOCK_END: return "the end of the tag";
    case MI_JTOKEN_NAME: return mi_quote(t->at);
    case MI_JTOKEN_OP:
        text[0] = (char)(t->op & 0xff);
        text[1] = (char)(t->op >> 8);
        text[2] = '\0';
        return text;
    case MI_JTOKEN_TEXT:
    case MI_JTOKEN_OUTPUT:
    case MI_JTOKEN_BLOCK:
    case MI_JTOKEN_STRING:
    case MI_JTOKEN_INT:
    case MI_JTOKEN_REAL: break;
    }
    return "a value";
}

struct mi_jnode *mi_junexpected(struct mi_jparser *p)
{
    char text[4];

    return mi_jparse_fail(p, "did not expect %s here", token_text(p->token, text));
}

void mi_jexpect_op(struct mi_jparser *p, int op)
{
    if (!mi_jtake_op(p, op))
        mi_junexpected(p);
}

const char *mi_jexpect_name(struct mi_jparser *p, int64_t *id)
{
    const char *name = p->token->at;

    if (p->failed || p->token->kind != MI_JTOKEN_NAME) {
        mi_junexpected(p);
        *id = -1;
        return "";
    }
    *id = mi_intern_add(&p->state->names, name, p->token->len);
    mi_jstep(p);
    return name;
}

/* A node of an arena string; its bytes are the template's own. */
struct mi_jv mi_jtext_const(struct mi_jparser *p, const char *at, size_t len)
{
    struct mi_jstr *s = mi_arena_alloc(&p->state->arena, sizeof *s);

    *s = (struct mi_jstr){.at = at, .len = len, .is_ascii = true};
    for (size_t i = 0; i < len; i++)
        s->is_ascii = s->is_ascii && (unsigned char)at[i] < 0x80;
    return (struct mi_jv){.kind = MI_JSTR, .as.str = s};
}

/* ---- primaries ---------------------------------------------------------------------- */

static struct mi_jnode *parse_strings(struct mi_jparser *p)
{
    struct mi_jnode *n = mi_jnode_new(p, MI_JN_CONST);
    const struct mi_jtoken *first = p->token;
    size_t len = 0, at = 0;
    char *all;

    for (; p->token->kind == MI_JTOKEN_STRING; mi_jstep(p))
        len += p->token->len;
    all = mi_arena_alloc(&p->state->arena, len + 1);
    for (const struct mi_jtoken *t = first; t < p->token; t++) {
        memcpy(all + at, t->at, t->len);
        at += t->len;
    }
    n->value = mi_jtext_const(p, all, len);
    return n;
}

static struct mi_jnode *parse_list(struct mi_jparser *p)
{
    struct mi_jnode *n = mi_jnode_new(p, MI_JN_LIST), **last = &n->list;

    mi_jstep(p);
    while (!p->failed && !mi_jis_op(p, ']')) {
        if (n->list)
            mi_jexpect_op(p, ',');
        if (mi_jis_op(p, ']'))
            break;
        *last = mi_jparse_expression(p);
        last = &(*last)->next;
    }
    mi_jexpect_op(p, ']');
    return n;
}

static struct mi_jnode *parse_dict(struct mi_jparser *p)
{
    struct mi_jnode *n = mi_jnode_new(p, MI_JN_DICT), **last = &n->list;

    mi_jstep(p);
    while (!p->failed && !mi_jis_op(p, '}')) {
        struct mi_jnode *pair;

        if (n->list)
            mi_jexpect_op(p, ',');
        if (mi_jis_op(p, '}'))
            break;
        pair = mi_jnode_new(p, MI_JN_PAIR);
        pair->a = mi_jparse_expression(p);
        mi_jexpect_op(p, ':');
        pair->b = mi_jparse_expression(p);
        *last = pair;
        last = &pair->next;
    }
    mi_jexpect_op(p, '}');
    return n;
}

static struct mi_jnode *parse_name(struct mi_jparser *p)
{
    static const char *const words[] = {"true", "True", "false", "False", "none", "None"};
    struct mi_jnode *n = mi_jnode_new(p, MI_JN_CONST);

    for (int i = 0; i < 6; i++) {
        if (mi_jtake_word(p, words[i])) {
            n->value = i < 4 ? mi_jbool(i < 2) : mi_jnone();
            return n;
        }
    }
    n->kind = MI_JN_NAME;
    n->name = mi_jexpect_name(p, &n->id);
    p->uses |= strcmp(n->name, "caller") == 0 ? MI_JUSE_CALLER : 0;
    p->uses |= strcmp(n->name, "varargs") == 0 ? MI_JUSE_VARARGS : 0;
    p->uses |= strcmp(n->name, "kwargs") == 0 ? MI_JUSE_KWARGS : 0;
    return n;
}

static struct mi_jnode *parse_parentheses(struct mi_jparser *p)
{
    struct mi_jnode *n;

    mi_jstep(p);
    if (mi_jis_op(p, ')'))
        n = mi_jnode_new(p, MI_JN_TUPLE);
    else
        n = mi_jparse_tuple(p, true, NULL);
    mi_jexpect_op(p, ')');
    return n;
}

struct mi_jnode *mi_jparse_primary(struct mi_jparser *p)
{
    struct mi_jnode *n;

    switch (p->token->kind) {
    case MI_JTOKEN_NAME: return parse_name(p);
    case MI_JTOKEN_STRING: return parse_strings(p);
    case MI_JTOKEN_INT:
    case MI_JTOKEN_REAL:
        n = mi_jnode_new(p, MI_JN_CONST);
        n->value =
            p->token->kind == MI_JTOKEN_INT ? mi_jint(p->token->integer) : mi_jreal(p->token->real);
        mi_jstep(p);
        return n;
    case MI_JTOKEN_OP:
        if (mi_jis_op(p, '('))
            return parse_parentheses(p);
        if (mi_jis_op(p, '['))
            return parse_list(p);
        if (mi_jis_op(p, '{'))
            return parse_dict(p);
        break;
    case MI_JTOKEN_END:
    case MI_JTOKEN_TEXT:
    case MI_JTOKEN_OUTPUT:
    case MI_JTOKEN_OUTPUT_END:
    case MI_JTOKEN_BLOCK:
    case MI_JTOKEN_BLOCK_END: break;
    }
    return mi_junexpected(p);
}

/* ---- what follows a primary ----------------------------------------------------------- */

static struct mi_jnode *parse_arg(struct mi_jparser *p)
{
    struct mi_jnode *arg = mi_jnode_new(p, MI_JN_ARG);

    if (mi_jtake_op(p, '*')) {
        arg->op = '*';
    } else if (mi_jtake_op(p, MI_JOP2('*', '*'))) {
        arg->op = MI_JOP2('*', '*');
    } else if (p->token->kind == MI_JTOKEN_NAME && p->token[1].kind == MI_JTOKEN_OP &&
               p->token[1].op == '=') {
        arg->name = mi_jexpect_name(p, &arg->id);
        mi_jstep(p);
    }
    arg->a = mi_jparse_expression(p);
    return arg;
}

/* "(" arguments ")": positional ones, then *list, named ones and **map. */
static struct mi_jnode *parse_args(struct mi_jparser *p)
{
    struct mi_jnode *first = NULL, **last = &first;
    int order = 0; /* 1: a named one was there, 2: "*", 3: "**" */

    mi_jexpect_op(p, '(');
    while (!p->failed && !mi_jis_op(p, ')')) {
        struct mi_jnode *arg;
        bool good;

        if (first)
            mi_jexpect_op(p, ',');
        if (mi_jis_op(p, ')'))
            break;
        arg = parse_arg(p);
        good = arg->op == '*' ? order < 2 : arg->op ? order < 3 : arg->name ? order < 3 : order < 1;
        if (!good)
            mi_jparse_fail(p, "an argument in the wrong place");
        order = arg->op == '*' ? 2 : arg->op ? 3 : arg->name && order < 1 ? 1 : order;
        *last = arg;
        last = &arg->next;
    }
    mi_jexpect_op(p, ')');
    return first;
}

struct mi_jnode *mi_jparse_call(struct mi_jparser *p, struct mi_jnode *of)
{
    struct mi_jnode *n = mi_jnode_new(p, MI_JN_CALL);

    n->a = of;
    n->list = parse_args(p);
    return n;
}

static struct mi_jnode *parse_slice(struct mi_jparser *p, struct mi_jnode *of)
{
    struct mi_jnode *n = mi_jnode_new(p, MI_JN_ITEM);

    n->a = of;
    if (!mi_jis_op(p, ':'))
        n->b = mi_jparse_expression(p);
    if (!mi_jtake_op(p, ':'))
        return n;
    n->kind = MI_JN_SLICE;
    if (!mi_jis_op(p, ':') && !mi_jis_op(p, ']'))
        n->c = mi_jparse_expression(p);
    if (mi_jtake_op(p, ':') && !mi_jis_op(p, ']'))
        n->list = mi_jparse_expression(p);
    return n;
}

static struct mi_jnode *parse_dot(struct mi_jparser *p, struct mi_jnode *of)
{
    struct mi_jnode *n = mi_jnode_new(p, MI_JN_ATTRIBUTE);
    int64_t id;

    n->a = of;
    if (p->token->kind == MI_JTOKEN_INT) {
        n->kind = MI_JN_ITEM;
        n->b = mi_jparse_primary(p);
        return n;
    }
    n->name = mi_jexpect_name(p, &id);
    n->value = mi_jtext_const(p, n->name, strlen(n->name));
    return n;
}

struct mi_jnode *mi_jparse_postfix(struct mi_jparser *p, struct mi_jnode *n)
{
    while (!p->failed) {
        if (mi_jtake_op(p, '.')) {
            n = parse_dot(p, n);
        } else if (mi_jtake_op(p, '[')) {
            n = parse_slice(p, n);
            mi_jexpect_op(p, ']');
        } else if (mi_jis_op(p, '(')) {
            n = mi_jparse_call(p, n);
        } else {
            break;
        }
    }
    return n;
}

static struct mi_jv dotted_name(struct mi_jparser *p)
{
    int64_t id;
    const char *name = mi_jexpect_name(p, &id);

    while (mi_jtake_op(p, '.')) {
        const char *more = mi_jexpect_name(p, &id);
        size_t n = strlen(name), m = strlen(more);
        char *both = mi_arena_alloc(&p->state->arena, n + m + 2);

        memcpy(both, name, n);
        both[n] = '.';
        memcpy(both + n + 1, more, m + 1);
        name = both;
    }
    return mi_jtext_const(p, name, strlen(name));
}

struct mi_jnode *mi_jparse_filters(struct mi_jparser *p, struct mi_jnode *of, bool is_inline)
{
    while (is_inline || mi_jtake_op(p, '|')) {
        struct mi_jnode *n = mi_jnode_new(p, MI_JN_FILTER);

        n->a = of;
        n->value = dotted_name(p);
        if (mi_jis_op(p, '('))
            n->list = parse_args(p);
        of = n;
        is_inline = false;
    }
    return of;
}

/* A test may be followed by one value that is its argument. */
static bool starts_argument(const struct mi_jparser *p)
{
    switch (p->token->kind) {
    case MI_JTOKEN_STRING:
    case MI_JTOKEN_INT:
    case MI_JTOKEN_REAL: return true;
    case MI_JTOKEN_OP: return mi_jis_op(p, '[') || mi_jis_op(p, '{');
    case MI_JTOKEN_NAME:
        return !mi_jis_word(p, "else") && !mi_jis_word(p, "or") && !mi_jis_word(p, "and");
    case MI_JTOKEN_END:
    case MI_JTOKEN_TEXT:
    case MI_JTOKEN_OUTPUT:
    case MI_JTOKEN_OUTPUT_END:
    case MI_JTOKEN_BLOCK:
    case MI_JTOKEN_BLOCK_END: break;
    }
    return false;
}

struct mi_jnode *mi_jparse_test(struct mi_jparser *p, struct mi_jnode *of)
{
    struct mi_jnode *n = mi_jnode_new(p, MI_JN_TEST), *negated;
    bool is_not = mi_jtake_word(p, "not");

    n->a = of;
    n->value = dotted_name(p);
    if (mi_jis_op(p, '(')) {
        n->list = parse_args(p);
    } else if (!p->failed && starts_argument(p)) {
        if (mi_jis_word(p, "is"))
            return mi_jparse_fail(p, "two tests with 'is' in a row");
        n->list = mi_jnode_new(p, MI_JN_ARG);
        n->list->a = mi_jparse_postfix(p, mi_jparse_primary(p));
    }
    if (!is_not)
        return n;
    negated = mi_jnode_new(p, MI_JN_NOT);
    negated->a = n;
    return negated;
}
