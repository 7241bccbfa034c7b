/* Expressions: jinja2's grammar, whose operators bind in this order, the loosest first:
 * if-else, or, and, not, comparisons, + and -, ~, * / // %, **, signs, .x [x] (x), | and is. */
#include "base/escape.h"
#include "text/jinja_node.h"

#include <stdarg.h>

enum { MAX_DEPTH = 150 };

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

static void step(struct mi_jparser *p)
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
        step(p);
    return is;
}

bool mi_jtake_word(struct mi_jparser *p, const char *word)
{
    bool is = mi_jis_word(p, word);

    if (is)
        step(p);
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

static struct mi_jnode *unexpected(struct mi_jparser *p)
{
    char text[4];

    return mi_jparse_fail(p, "did not expect %s here", token_text(p->token, text));
}

void mi_jexpect_op(struct mi_jparser *p, int op)
{
    if (!mi_jtake_op(p, op))
        unexpected(p);
}

const char *mi_jexpect_name(struct mi_jparser *p, int64_t *id)
{
    const char *name = p->token->at;

    if (p->failed || p->token->kind != MI_JTOKEN_NAME) {
        unexpected(p);
        *id = -1;
        return "";
    }
    *id = mi_intern_add(&p->state->names, name, p->token->len);
    step(p);
    return name;
}

/* A node of an arena string; its bytes are the template's own. */
static struct mi_jv text_value(struct mi_jparser *p, const char *at, size_t len)
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

    for (; p->token->kind == MI_JTOKEN_STRING; step(p))
        len += p->token->len;
    all = mi_arena_alloc(&p->state->arena, len + 1);
    for (const struct mi_jtoken *t = first; t < p->token; t++) {
        memcpy(all + at, t->at, t->len);
        at += t->len;
    }
    n->value = text_value(p, all, len);
    return n;
}

static struct mi_jnode *parse_list(struct mi_jparser *p)
{
    struct mi_jnode *n = mi_jnode_new(p, MI_JN_LIST), **last = &n->list;

    step(p);
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

    step(p);
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

    step(p);
    if (mi_jis_op(p, ')'))
        n = mi_jnode_new(p, MI_JN_TUPLE);
    else
        n = mi_jparse_tuple(p, true, NULL);
    mi_jexpect_op(p, ')');
    return n;
}

static struct mi_jnode *parse_primary(struct mi_jparser *p)
{
    struct mi_jnode *n;

    switch (p->token->kind) {
    case MI_JTOKEN_NAME: return parse_name(p);
    case MI_JTOKEN_STRING: return parse_strings(p);
    case MI_JTOKEN_INT:
    case MI_JTOKEN_REAL:
        n = mi_jnode_new(p, MI_JN_CONST);
        n->value = p->token->kind == MI_JTOKEN_INT ? mi_jint(p->token->integer)
                                                   : mi_jreal(p->token->real);
        step(p);
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
    return unexpected(p);
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
        step(p);
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

static struct mi_jnode *parse_call(struct mi_jparser *p, struct mi_jnode *of)
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
        n->b = parse_primary(p);
        return n;
    }
    n->name = mi_jexpect_name(p, &id);
    n->value = text_value(p, n->name, strlen(n->name));
    return n;
}

static struct mi_jnode *parse_postfix(struct mi_jparser *p, struct mi_jnode *n)
{
    while (!p->failed) {
        if (mi_jtake_op(p, '.')) {
            n = parse_dot(p, n);
        } else if (mi_jtake_op(p, '[')) {
            n = parse_slice(p, n);
            mi_jexpect_op(p, ']');
        } else if (mi_jis_op(p, '(')) {
            n = parse_call(p, n);
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
    return text_value(p, name, strlen(name));
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

static struct mi_jnode *parse_test(struct mi_jparser *p, struct mi_jnode *of)
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
        n->list->a = parse_postfix(p, parse_primary(p));
    }
    if (!is_not)
        return n;
    negated = mi_jnode_new(p, MI_JN_NOT);
    negated->a = n;
    return negated;
}

/* ---- operators ------------------------------------------------------------------------- */

/* False when expressions nest too deeply; else p->depth-- must follow. */
static bool enter(struct mi_jparser *p)
{
    if (++p->depth > MAX_DEPTH)
        mi_jparse_fail(p, "expressions nest too deeply");
    return !p->failed;
}

static struct mi_jnode *parse_unary(struct mi_jparser *p, bool with_filter)
{
    struct mi_jnode *n = mi_jnode_new(p, MI_JN_NEGATIVE);
    bool minus = mi_jtake_op(p, '-'), plus = !minus && mi_jtake_op(p, '+');

    if (!enter(p)) {
        p->depth--;
        return n;
    }
    if (minus || plus) {
        n->kind = minus ? MI_JN_NEGATIVE : MI_JN_POSITIVE;
        n->a = parse_unary(p, false);
    } else {
        n = parse_primary(p);
    }
    n = parse_postfix(p, n);
    while (with_filter && !p->failed) {
        if (mi_jis_op(p, '|'))
            n = mi_jparse_filters(p, n, false);
        else if (mi_jtake_word(p, "is"))
            n = parse_test(p, n);
        else if (mi_jis_op(p, '('))
            n = parse_call(p, n);
        else
            break;
    }
    p->depth--;
    return n;
}

static struct mi_jnode *binary(struct mi_jparser *p, enum mi_jnode_kind kind, int op,
                               struct mi_jnode *a)
{
    struct mi_jnode *n = mi_jnode_new(p, kind);

    n->op = op;
    n->a = a;
    return n;
}

static struct mi_jnode *parse_power(struct mi_jparser *p)
{
    struct mi_jnode *n = parse_unary(p, true);

    while (mi_jtake_op(p, MI_JOP2('*', '*'))) {
        n = binary(p, MI_JN_ARITHMETIC, MI_JPOW, n);
        n->b = parse_unary(p, true);
    }
    return n;
}

static int product_op(struct mi_jparser *p)
{
    return mi_jtake_op(p, '*')                 ? MI_JMUL
           : mi_jtake_op(p, '/')               ? MI_JDIV
           : mi_jtake_op(p, MI_JOP2('/', '/')) ? MI_JFLOORDIV
           : mi_jtake_op(p, '%')               ? MI_JMOD
                                               : -1;
}

static struct mi_jnode *parse_product(struct mi_jparser *p)
{
    struct mi_jnode *n = parse_power(p);
    int op;

    while ((op = product_op(p)) >= 0) {
        n = binary(p, MI_JN_ARITHMETIC, op, n);
        n->b = parse_power(p);
    }
    return n;
}

static struct mi_jnode *parse_concat(struct mi_jparser *p)
{
    struct mi_jnode *n = parse_product(p), *all, **last;

    if (!mi_jis_op(p, '~'))
        return n;
    all = mi_jnode_new(p, MI_JN_CONCAT);
    all->list = n;
    last = &n->next;
    while (mi_jtake_op(p, '~')) {
        *last = parse_product(p);
        last = &(*last)->next;
    }
    return all;
}

static struct mi_jnode *parse_sum(struct mi_jparser *p)
{
    struct mi_jnode *n = parse_concat(p);
    bool plus;

    while ((plus = mi_jtake_op(p, '+')) || mi_jtake_op(p, '-')) {
        n = binary(p, MI_JN_ARITHMETIC, plus ? MI_JADD : MI_JSUB, n);
        n->b = parse_concat(p);
    }
    return n;
}

static int compare_op(struct mi_jparser *p)
{
    static const int ops[][2] = {
        {MI_JOP2('=', '='), MI_JEQ}, {MI_JOP2('!', '='), MI_JNE}, {MI_JOP2('<', '='), MI_JLE},
        {MI_JOP2('>', '='), MI_JGE}, {'<', MI_JLT},               {'>', MI_JGT},
    };

    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        if (mi_jtake_op(p, ops[i][0]))
            return ops[i][1];
    if (mi_jtake_word(p, "in"))
        return MI_JIN;
    if (mi_jis_word(p, "not") && is_word_at(p->token + 1, "in")) {
        step(p);
        step(p);
        return MI_JNOTIN;
    }
    return -1;
}

static struct mi_jnode *parse_comparison(struct mi_jparser *p)
{
    struct mi_jnode *n = parse_sum(p), *chain = NULL, **last = NULL;
    int op;

    while ((op = compare_op(p)) >= 0) {
        struct mi_jnode *operand = mi_jnode_new(p, MI_JN_OPERAND);

        if (!chain) {
            chain = mi_jnode_new(p, MI_JN_COMPARE);
            chain->a = n;
            last = &chain->list;
        }
        operand->op = op;
        operand->a = parse_sum(p);
        *last = operand;
        last = &operand->next;
    }
    return chain ? chain : n;
}

static struct mi_jnode *parse_not(struct mi_jparser *p)
{
    struct mi_jnode *n;

    if (!mi_jis_word(p, "not"))
        return parse_comparison(p);
    n = mi_jnode_new(p, MI_JN_NOT);
    step(p);
    if (enter(p))
        n->a = parse_not(p);
    p->depth--;
    return n;
}

static struct mi_jnode *parse_and(struct mi_jparser *p)
{
    struct mi_jnode *n = parse_not(p);

    while (mi_jtake_word(p, "and")) {
        n = binary(p, MI_JN_AND, 0, n);
        n->b = parse_not(p);
    }
    return n;
}

static struct mi_jnode *parse_or(struct mi_jparser *p)
{
    struct mi_jnode *n = parse_and(p);

    while (mi_jtake_word(p, "or")) {
        n = binary(p, MI_JN_OR, 0, n);
        n->b = parse_and(p);
    }
    return n;
}

struct mi_jnode *mi_jparse_expression(struct mi_jparser *p)
{
    struct mi_jnode *n = mi_jnode_new(p, MI_JN_CONST);

    if (enter(p)) {
        n = parse_or(p);
        while (mi_jtake_word(p, "if")) {
            struct mi_jnode *choice = mi_jnode_new(p, MI_JN_CHOICE);

            choice->b = n;
            choice->a = parse_or(p);
            if (mi_jtake_word(p, "else"))
                choice->c = mi_jparse_expression(p);
            n = choice;
        }
    }
    p->depth--;
    return n;
}

/* ---- several ---------------------------------------------------------------------------- */

static bool is_tuple_end(const struct mi_jparser *p, const char *end_word)
{
    return p->token->kind == MI_JTOKEN_OUTPUT_END || p->token->kind == MI_JTOKEN_BLOCK_END ||
           mi_jis_op(p, ')') || (end_word && mi_jis_word(p, end_word));
}

static struct mi_jnode *parse_member(struct mi_jparser *p)
{
    struct mi_jnode *n = mi_jnode_new(p, MI_JN_MEMBER);
    const char *name;
    int64_t id;

    n->name = mi_jexpect_name(p, &n->id);
    mi_jexpect_op(p, '.');
    name = mi_jexpect_name(p, &id);
    n->value = text_value(p, name, strlen(name));
    return n;
}

enum tuple_of { OF_EXPRESSIONS, OF_CONDITIONS, OF_TARGETS, OF_MEMBERS };

static struct mi_jnode *parse_one(struct mi_jparser *p, enum tuple_of what)
{
    if (what == OF_EXPRESSIONS)
        return mi_jparse_expression(p);
    if (what == OF_CONDITIONS)
        return parse_or(p);
    if (what == OF_MEMBERS && p->token->kind == MI_JTOKEN_NAME &&
        p->token[1].kind == MI_JTOKEN_OP && p->token[1].op == '.')
        return parse_member(p);
    return parse_primary(p);
}

static struct mi_jnode *parse_several(struct mi_jparser *p, enum tuple_of what,
                                      const char *end_word)
{
    struct mi_jnode *n = mi_jnode_new(p, MI_JN_TUPLE), **last = &n->list;
    bool is_tuple = false;

    while (!p->failed) {
        if (n->list)
            mi_jexpect_op(p, ',');
        if (is_tuple_end(p, end_word))
            break;
        *last = parse_one(p, what);
        last = &(*last)->next;
        if (!mi_jis_op(p, ','))
            break;
        is_tuple = true;
    }
    if (is_tuple)
        return n;
    return n->list ? n->list : unexpected(p);
}

struct mi_jnode *mi_jparse_tuple(struct mi_jparser *p, bool with_choice, const char *end_word)
{
    return parse_several(p, with_choice ? OF_EXPRESSIONS : OF_CONDITIONS, end_word);
}

static void check_target(struct mi_jparser *p, const struct mi_jnode *n)
{
    bool good = n->kind == MI_JN_NAME || n->kind == MI_JN_MEMBER || n->kind == MI_JN_TUPLE;

    for (const struct mi_jnode *i = n->kind == MI_JN_TUPLE ? n->list : NULL; i; i = i->next)
        check_target(p, i);
    if (!good)
        mi_jparse_fail(p, "this cannot be assigned to");
}

struct mi_jnode *mi_jparse_target(struct mi_jparser *p, bool with_member, const char *end_word)
{
    struct mi_jnode *n = parse_several(p, with_member ? OF_MEMBERS : OF_TARGETS, end_word);

    if (!p->failed)
        check_target(p, n);
    return n;
}
