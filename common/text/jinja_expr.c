/* Expressions: jinja2's grammar, whose operators bind in this order, the loosest first:
 * if-else, or, and, not, comparisons, + and -, ~, * / // %, **, signs, .x [x] (x), | and is. */
#include "text/jinja_node.h"

enum { MAX_DEPTH = 150 };

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
        n = mi_jparse_primary(p);
    }
    n = mi_jparse_postfix(p, n);
    while (with_filter && !p->failed) {
        if (mi_jis_op(p, '|'))
            n = mi_jparse_filters(p, n, false);
        else if (mi_jtake_word(p, "is"))
            n = mi_jparse_test(p, n);
        else if (mi_jis_op(p, '('))
            n = mi_jparse_call(p, n);
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

/* "not in" is one operator. */
static bool next_is_in(const struct mi_jparser *p)
{
    return p->token[1].kind == MI_JTOKEN_NAME && strcmp(p->token[1].at, "in") == 0;
}

static int compare_op(struct mi_jparser *p)
{
    static const int ops[][2] = {
        {MI_JOP2('=', '='), MI_JEQ},
        {MI_JOP2('!', '='), MI_JNE},
        {MI_JOP2('<', '='), MI_JLE},
        {MI_JOP2('>', '='), MI_JGE},
        {'<', MI_JLT},
        {'>', MI_JGT},
    };

    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        if (mi_jtake_op(p, ops[i][0]))
            return ops[i][1];
    if (mi_jtake_word(p, "in"))
        return MI_JIN;
    if (mi_jis_word(p, "not") && next_is_in(p)) {
        mi_jstep(p);
        mi_jstep(p);
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
    mi_jstep(p);
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
    n->value = mi_jtext_const(p, name, strlen(name));
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
    return mi_jparse_primary(p);
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
    return n->list ? n->list : mi_junexpected(p);
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
