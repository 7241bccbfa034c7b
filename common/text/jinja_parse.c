/* Statements. */
#include "base/escape.h"
#include "text/jinja_node.h"

enum { MAX_BLOCKS = 60 };

static void expect(struct mi_jparser *p, enum mi_jtoken_kind kind)
{
    if (p->failed)
        return;
    if (p->token->kind != kind) {
        mi_jparse_fail(p, "expected the end of the tag");
        return;
    }
    p->token++;
}

/* "endfor": the tag that must follow a body; its "%}" is left. */
static void close_body(struct mi_jparser *p, const char *word)
{
    if (!mi_jtake_word(p, word))
        mi_jparse_fail(p, "expected '%s'", word);
}

/* What stands up to the tag `end`, which is taken. */
static struct mi_jnode *parse_block(struct mi_jparser *p, const char *end)
{
    const char *const ends[] = {end, NULL};
    struct mi_jnode *body = mi_jparse_body(p, ends);

    close_body(p, end);
    return body;
}

/* ---- the statements ------------------------------------------------------------------ */

static struct mi_jnode *parse_for(struct mi_jparser *p)
{
    static const char *const ends[] = {"endfor", "else", NULL};
    struct mi_jnode *n = mi_jnode_new(p, MI_JN_FOR);

    n->a = mi_jparse_target(p, false, "in");
    if (!mi_jtake_word(p, "in"))
        mi_jparse_fail(p, "expected 'in'");
    n->b = mi_jparse_tuple(p, false, "recursive");
    if (mi_jtake_word(p, "if"))
        n->c = mi_jparse_expression(p);
    n->op = mi_jtake_word(p, "recursive");
    p->loops++;
    n->list = mi_jparse_body(p, ends);
    p->loops--;
    if (mi_jtake_word(p, "else"))
        n->other = parse_block(p, "endfor");
    else
        close_body(p, "endfor");
    return n;
}

static struct mi_jnode *parse_if(struct mi_jparser *p)
{
    static const char *const ends[] = {"elif", "else", "endif", NULL};
    struct mi_jnode *n = mi_jnode_new(p, MI_JN_IF), *branch = n;

    for (;;) {
        branch->a = mi_jparse_tuple(p, false, NULL);
        branch->list = mi_jparse_body(p, ends);
        if (!mi_jtake_word(p, "elif"))
            break;
        branch->other = mi_jnode_new(p, MI_JN_IF);
        branch = branch->other;
    }
    if (mi_jtake_word(p, "else"))
        branch->other = parse_block(p, "endif");
    else
        close_body(p, "endif");
    return n;
}

static struct mi_jnode *parse_set(struct mi_jparser *p)
{
    struct mi_jnode *n = mi_jnode_new(p, MI_JN_SET);

    n->a = mi_jparse_target(p, true, NULL);
    if (mi_jtake_op(p, '=')) {
        n->b = mi_jparse_tuple(p, true, NULL);
        return n;
    }
    n->kind = MI_JN_SET_BLOCK;
    n->b = mi_jparse_filters(p, NULL, false);
    n->list = parse_block(p, "endset");
    return n;
}

static struct mi_jnode *parse_params(struct mi_jparser *p)
{
    struct mi_jnode *first = NULL, **last = &first;
    bool has_default = false;

    mi_jexpect_op(p, '(');
    while (!p->failed && !mi_jis_op(p, ')')) {
        struct mi_jnode *param;

        if (first)
            mi_jexpect_op(p, ',');
        param = mi_jnode_new(p, MI_JN_PARAM);
        param->name = mi_jexpect_name(p, &param->id);
        if (mi_jtake_op(p, '=')) {
            param->a = mi_jparse_expression(p);
            has_default = true;
        } else if (has_default) {
            mi_jparse_fail(p, "a parameter without a default behind one with it");
        }
        *last = param;
        last = &param->next;
    }
    mi_jexpect_op(p, ')');
    return first;
}

/* The body of a macro or call; break and continue do not reach out of it. */
static struct mi_jnode *parse_macro_body(struct mi_jparser *p, struct mi_jnode *n, const char *end)
{
    unsigned uses = p->uses;
    int loops = p->loops;

    p->uses = 0;
    p->loops = 0;
    n->list = parse_block(p, end);
    n->uses = p->uses;
    p->loops = loops;
    p->uses = uses | n->uses;
    return n;
}

static struct mi_jnode *parse_macro(struct mi_jparser *p)
{
    struct mi_jnode *n = mi_jnode_new(p, MI_JN_MACRO);

    n->name = mi_jexpect_name(p, &n->id);
    n->params = parse_params(p);
    return parse_macro_body(p, n, "endmacro");
}

static struct mi_jnode *parse_call_block(struct mi_jparser *p)
{
    struct mi_jnode *n = mi_jnode_new(p, MI_JN_CALL_BLOCK);

    if (mi_jis_op(p, '('))
        n->params = parse_params(p);
    n->a = mi_jparse_expression(p);
    if (!p->failed && n->a->kind != MI_JN_CALL)
        mi_jparse_fail(p, "expected a call");
    return parse_macro_body(p, n, "endcall");
}

static struct mi_jnode *parse_filter_block(struct mi_jparser *p)
{
    struct mi_jnode *n = mi_jnode_new(p, MI_JN_FILTER_BLOCK);

    n->b = mi_jparse_filters(p, NULL, true);
    n->list = parse_block(p, "endfilter");
    return n;
}

static struct mi_jnode *parse_with(struct mi_jparser *p)
{
    struct mi_jnode *n = mi_jnode_new(p, MI_JN_WITH), **last = &n->params;

    while (!p->failed && p->token->kind != MI_JTOKEN_BLOCK_END) {
        struct mi_jnode *set;

        if (n->params)
            mi_jexpect_op(p, ',');
        set = mi_jnode_new(p, MI_JN_SET);
        set->a = mi_jparse_target(p, false, NULL);
        mi_jexpect_op(p, '=');
        set->b = mi_jparse_expression(p);
        *last = set;
        last = &set->next;
    }
    n->list = parse_block(p, "endwith");
    return n;
}

static struct mi_jnode *parse_print(struct mi_jparser *p)
{
    struct mi_jnode *n = mi_jnode_new(p, MI_JN_OUTPUT), **last = &n->list;

    while (!p->failed && p->token->kind != MI_JTOKEN_BLOCK_END) {
        if (n->list)
            mi_jexpect_op(p, ',');
        *last = mi_jparse_expression(p);
        last = &(*last)->next;
    }
    return n;
}

static struct mi_jnode *parse_generation(struct mi_jparser *p)
{
    return parse_macro_body(p, mi_jnode_new(p, MI_JN_SCOPE), "endgeneration");
}

static struct mi_jnode *parse_jump(struct mi_jparser *p, enum mi_jnode_kind kind)
{
    if (p->loops == 0)
        return mi_jparse_fail(p, "break and continue belong into a loop");
    return mi_jnode_new(p, kind);
}

static struct mi_jnode *parse_break(struct mi_jparser *p)
{
    return parse_jump(p, MI_JN_BREAK);
}

static struct mi_jnode *parse_continue(struct mi_jparser *p)
{
    return parse_jump(p, MI_JN_CONTINUE);
}

static const struct {
    const char *word;
    struct mi_jnode *(*parse)(struct mi_jparser *p);
} statements[] = {
    {"for", parse_for},
    {"if", parse_if},
    {"set", parse_set},
    {"macro", parse_macro},
    {"call", parse_call_block},
    {"filter", parse_filter_block},
    {"with", parse_with},
    {"print", parse_print},
    {"break", parse_break},
    {"continue", parse_continue},
    {"generation", parse_generation},
};

static const char *const refused[] = {"include", "import",     "from", "extends",
                                      "block",   "autoescape", "do",   "trans"};

static struct mi_jnode *parse_statement(struct mi_jparser *p)
{
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++)
        if (mi_jtake_word(p, statements[i].word))
            return statements[i].parse(p);
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        if (mi_jis_word(p, refused[i]))
            return mi_jparse_fail(p, "'%s' is not supported", refused[i]);
    if (p->token->kind != MI_JTOKEN_NAME)
        return mi_jparse_fail(p, "expected the name of a tag");
    return mi_jparse_fail(p, "the tag '%s' is unknown or in the wrong place",
                          mi_quote(p->token->at));
}

/* ---- bodies --------------------------------------------------------------------------- */

static struct mi_jnode *parse_text(struct mi_jparser *p)
{
    struct mi_jnode *n = mi_jnode_new(p, MI_JN_TEXT);
    struct mi_jstr *s = mi_arena_alloc(&p->state->arena, sizeof *s);

    *s = (struct mi_jstr){.at = p->token->at, .len = p->token->len};
    n->value = (struct mi_jv){.kind = MI_JSTR, .as.str = s};
    p->token++;
    return n;
}

static struct mi_jnode *parse_output(struct mi_jparser *p)
{
    struct mi_jnode *n = mi_jnode_new(p, MI_JN_OUTPUT);

    p->token++;
    n->list = mi_jparse_tuple(p, true, NULL);
    expect(p, MI_JTOKEN_OUTPUT_END);
    return n;
}

static bool is_end(const struct mi_jparser *p, const char *const *ends)
{
    for (; ends && *ends; ends++)
        if (mi_jis_word(p, *ends))
            return true;
    return false;
}

/* Nodes up to a tag that begins with one of `ends` (NULL: to the end of the template), whose
 * word is at hand afterwards. */
static struct mi_jnode *parse_nodes(struct mi_jparser *p, const char *const *ends)
{
    struct mi_jnode *first = NULL, **last = &first;

    while (!p->failed) {
        if (p->token->kind == MI_JTOKEN_END) {
            if (ends)
                mi_jparse_fail(p, "the template ends before '%s'", ends[0]);
            return first;
        }
        if (p->token->kind == MI_JTOKEN_TEXT) {
            *last = parse_text(p);
        } else if (p->token->kind == MI_JTOKEN_OUTPUT) {
            *last = parse_output(p);
        } else {
            expect(p, MI_JTOKEN_BLOCK);
            if (is_end(p, ends))
                return first;
            *last = parse_statement(p);
            expect(p, MI_JTOKEN_BLOCK_END);
        }
        last = &(*last)->next;
    }
    return first;
}

struct mi_jnode *mi_jparse_body(struct mi_jparser *p, const char *const *ends)
{
    struct mi_jnode *first = NULL;

    mi_jtake_op(p, ':');
    expect(p, MI_JTOKEN_BLOCK_END);
    p->depth++;
    if (p->depth > MAX_BLOCKS)
        mi_jparse_fail(p, "blocks nest too deeply");
    else
        first = parse_nodes(p, ends);
    p->depth--;
    return first;
}

int mi_jinja_parse(struct mi_jinja *j, const char *source, size_t len, struct mi_error *err)
{
    static const char *const names[] = {"loop", "caller", "varargs", "kwargs"};
    struct mi_jtokens tokens = {0};
    struct mi_jparser p = {.err = err};
    int r = 0;

    j->state = NULL;
    if (len > MI_JINJA_MAX_SOURCE)
        return mi_fail(err, MI_EXIT_DATA, "a chat template of more than %d bytes",
                       (int)MI_JINJA_MAX_SOURCE);
    if (mi_utf8_valid(source, len) < len)
        return mi_fail(err, MI_EXIT_DATA, "the chat template is not UTF-8");
    j->state = mi_alloc_zero(1, sizeof *j->state);
    p.state = j->state;
    for (int i = 0; i < 4; i++) /* as enum mi_jname has them */
        mi_intern_add(&j->state->names, names[i], strlen(names[i]));
    r = mi_jlex(&j->state->arena, source, len, &tokens, err);
    if (r == 0) {
        p.token = tokens.token;
        j->state->body = parse_nodes(&p, NULL);
        if (p.failed)
            r = -MI_EXIT_DATA;
    }
    mi_free(tokens.token);
    if (r < 0)
        mi_jinja_free(j);
    return r;
}

void mi_jinja_free(struct mi_jinja *j)
{
    if (!j->state)
        return;
    mi_intern_free(&j->state->names);
    mi_arena_free(&j->state->arena);
    mi_free(j->state);
    j->state = NULL;
}
