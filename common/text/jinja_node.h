/* text/jinja_node.h: private to the template engine: what a template parses to. */
#ifndef MI_TEXT_JINJA_NODE_H
#define MI_TEXT_JINJA_NODE_H

#include "base/intern.h"
#include "text/jinja_lex.h"
#include "text/jinja_value.h"

enum mi_jnode_kind {
    /* expressions */
    MI_JN_CONST,     /* value */
    MI_JN_NAME,      /* id */
    MI_JN_TUPLE,     /* list */
    MI_JN_LIST,      /* list */
    MI_JN_DICT,      /* list of MI_JN_PAIR */
    MI_JN_PAIR,      /* a: b */
    MI_JN_ATTRIBUTE, /* a.value */
    MI_JN_ITEM,      /* a[b] */
    MI_JN_SLICE,     /* a[b:c:list] */
    MI_JN_CALL,      /* a(list) */
    MI_JN_FILTER,    /* a|value(list); a NULL: what the block gives */
    MI_JN_TEST,      /* a is value(list) */
    MI_JN_ARG,       /* a; value: its name, or none; op: '*' or '**' */
    MI_JN_NOT,
    MI_JN_NEGATIVE,
    MI_JN_POSITIVE,
    MI_JN_ARITHMETIC, /* a op b */
    MI_JN_AND,
    MI_JN_OR,
    MI_JN_CONCAT,  /* list */
    MI_JN_COMPARE, /* a, list of MI_JN_OPERAND */
    MI_JN_OPERAND, /* op a */
    MI_JN_CHOICE,  /* b if a else c (or NULL) */
    MI_JN_MEMBER,  /* id.value, to assign to */
    /* statements */
    MI_JN_TEXT,         /* value */
    MI_JN_OUTPUT,       /* list */
    MI_JN_FOR,          /* for a in b if c: list, else other */
    MI_JN_IF,           /* if a: list, else other */
    MI_JN_SET,          /* a = b */
    MI_JN_SET_BLOCK,    /* a = list, through the filters b */
    MI_JN_MACRO,        /* id, params, list */
    MI_JN_CALL_BLOCK,   /* call a, params, list */
    MI_JN_FILTER_BLOCK, /* list through the filters b */
    MI_JN_WITH,         /* params (MI_JN_SET), list */
    MI_JN_SCOPE,        /* list, in a scope of its own */
    MI_JN_BREAK,
    MI_JN_CONTINUE,
    MI_JN_PARAM, /* id = a (or NULL) */
};

struct mi_jnode {
    enum mi_jnode_kind kind;
    int line;
    int op;           /* enum mi_jop, or as said above; of a loop 1: recursive */
    int64_t id;       /* of a name */
    const char *name; /* its spelling */
    struct mi_jv value;
    struct mi_jnode *a, *b, *c;
    struct mi_jnode *list, *other, *params; /* first of those that follow by `next` */
    struct mi_jnode *next;
    unsigned uses; /* of a macro: enum mi_juse */
};

/* Special names that the body of a macro speaks of. */
enum mi_juse { MI_JUSE_CALLER = 1, MI_JUSE_VARARGS = 2, MI_JUSE_KWARGS = 4 };

/* Names that mean something to the engine have these numbers in every template. */
enum mi_jname { MI_JNAME_LOOP, MI_JNAME_CALLER, MI_JNAME_VARARGS, MI_JNAME_KWARGS };

struct mi_jinja_state {
    struct mi_arena arena;
    struct mi_intern names;
    struct mi_jnode *body;
};

/* ---- parsing ----------------------------------------------------------------------- */

struct mi_jparser {
    struct mi_jinja_state *state;
    const struct mi_jtoken *token; /* at hand */
    struct mi_error *err;
    int depth;
    int loops; /* that are open: for break and continue */
    unsigned uses;
    bool failed;
};

struct mi_jnode *mi_jnode_new(struct mi_jparser *p, enum mi_jnode_kind kind);
/* The first failure stays; a node is returned all the same, so that parsing goes on to an end. */
struct mi_jnode *mi_jparse_fail(struct mi_jparser *p, const char *fmt, ...) MI_PRINTF(2, 3);
bool mi_jis_op(const struct mi_jparser *p, int op);
bool mi_jis_word(const struct mi_jparser *p, const char *word);
bool mi_jtake_op(struct mi_jparser *p, int op);
bool mi_jtake_word(struct mi_jparser *p, const char *word);
void mi_jexpect_op(struct mi_jparser *p, int op);
/* A name, and its number in the table of names. */
const char *mi_jexpect_name(struct mi_jparser *p, int64_t *id);
/* What stands here belongs nowhere. */
struct mi_jnode *mi_junexpected(struct mi_jparser *p);
void mi_jstep(struct mi_jparser *p); /* to the next token */
/* A text of the template's own; borrowed. */
struct mi_jv mi_jtext_const(struct mi_jparser *p, const char *at, size_t len);
struct mi_jnode *mi_jparse_primary(struct mi_jparser *p);
/* What follows `n`: .x [x] (x); the arguments of a call; a test, behind its "is". */
struct mi_jnode *mi_jparse_postfix(struct mi_jparser *p, struct mi_jnode *n);
struct mi_jnode *mi_jparse_call(struct mi_jparser *p, struct mi_jnode *of);
struct mi_jnode *mi_jparse_test(struct mi_jparser *p, struct mi_jnode *of);
struct mi_jnode *mi_jparse_expression(struct mi_jparser *p);
/* One expression, or several with commas between: a tuple. */
struct mi_jnode *mi_jparse_tuple(struct mi_jparser *p, bool with_choice, const char *end_word);
/* What may stand before "=" or "in". */
struct mi_jnode *mi_jparse_target(struct mi_jparser *p, bool with_member, const char *end_word);
struct mi_jnode *mi_jparse_filters(struct mi_jparser *p, struct mi_jnode *of, bool is_inline);
struct mi_jnode *mi_jparse_body(struct mi_jparser *p, const char *const *ends);

/* ---- running ----------------------------------------------------------------------- */

struct mi_jvariable {
    int64_t id;
    struct mi_jv value;
};

struct mi_jscope {
    struct mi_jscope *up;
    struct mi_jvariable *variable; /* [n] */
    size_t n, cap;
};

struct mi_jv *mi_jlook_up(struct mi_jrun *run, struct mi_jscope *scope, int64_t id);
void mi_jbind_name(struct mi_jrun *run, struct mi_jscope *scope, int64_t id, struct mi_jv v);
struct mi_jscope *mi_jscope_new(struct mi_jrun *run, struct mi_jscope *up);

struct mi_jv mi_jeval(struct mi_jrun *run, struct mi_jscope *scope, const struct mi_jnode *n);
void mi_jeval_args(struct mi_jrun *run, struct mi_jscope *scope, const struct mi_jnode *list,
                   struct mi_jargs *args);
void mi_jassign(struct mi_jrun *run, struct mi_jscope *scope, const struct mi_jnode *target,
                struct mi_jv v);

/* How a body ended. */
enum mi_jend { MI_JEND_NORMAL, MI_JEND_BREAK, MI_JEND_CONTINUE };
enum mi_jend mi_jrun_body(struct mi_jrun *run, struct mi_jscope *scope, const struct mi_jnode *n);
struct mi_jv mi_jloop_again(struct mi_jrun *run, const struct mi_jloop *loop,
                            const struct mi_jargs *args);
struct mi_jv mi_jcall_macro(struct mi_jrun *run, const struct mi_jcall *call,
                            const struct mi_jargs *args);

#endif
