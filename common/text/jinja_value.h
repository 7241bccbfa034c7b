/* text/jinja_value.h: private to the template engine: values, strings that know where their
 * bytes come from, and the run that owns them.
 *
 * Everything lives until the run ends. The first failure stays: functions go on returning
 * undefined, and loops look at run->failed. */
#ifndef MI_TEXT_JINJA_VALUE_H
#define MI_TEXT_JINJA_VALUE_H

#include "base/mem.h"
#include "text/jinja.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum mi_jkind {
    MI_JUNDEFINED,
    MI_JNONE,
    MI_JBOOL,
    MI_JINT,
    MI_JREAL,
    MI_JSTR,
    MI_JLIST,
    MI_JDICT,
    MI_JSPACE, /* a namespace; as.dict holds its attributes */
    MI_JLOOP,
    MI_JCALL, /* what can be called */
};

/* What Python would make of a sequence: all are MI_JLIST here. */
enum mi_jform {
    MI_JFORM_LIST,
    MI_JFORM_TUPLE,
    MI_JFORM_RANGE,
    MI_JFORM_KEYS,
    MI_JFORM_VALUES,
    MI_JFORM_ITEMS,
    MI_JFORM_ONCE, /* a generator: read once, from `next` on */
};

struct mi_jv {
    enum mi_jkind kind;
    union {
        bool flag;
        int64_t integer;
        double real;
        const struct mi_jstr *str;
        struct mi_jlist *list;
        struct mi_jdict *dict;
        struct mi_jloop *loop;
        const struct mi_jcall *call;
        const char *why; /* MI_JUNDEFINED: what using it says; NULL: just undefined */
    } as;
};

struct mi_jstr {
    const char *at;
    size_t len;
    const struct mi_jinja_part *part; /* [n_parts] in order, apart; ranges of `at` */
    size_t n_parts;
    bool is_ascii;
    bool is_markup; /* of safe and escape: + escapes what is added to it */
};

struct mi_jlist {
    struct mi_jv *item; /* [n] */
    size_t n, cap;
    enum mi_jform form;
    size_t next;                 /* MI_JFORM_ONCE */
    int64_t start, stop, stride; /* MI_JFORM_RANGE */
};

struct mi_jpair {
    struct mi_jv key, value;
};

struct mi_jdict {
    struct mi_jpair *pair; /* [n] in the order of insertion */
    size_t n, cap;
};

struct mi_jloop {
    struct mi_jlist *over;
    size_t index;                 /* of the item at hand */
    struct mi_jv last_changed;    /* a tuple, or undefined */
    int64_t depth0;               /* loops of the same that it is in */
    const struct mi_jnode *again; /* of a recursive one, else NULL */
    struct mi_jscope *scope;      /* where it stands */
};

/* A string that is being made. `{0}` is valid and empty. */
struct mi_jtext {
    char *data;
    size_t len, cap;
    struct mi_jinja_part *part;
    size_t n_parts, part_cap;
};

struct mi_jchunk;
struct mi_jnode;
struct mi_jscope;

struct mi_jrun {
    struct mi_jchunk *heap;
    size_t memory_left;
    int64_t steps_left;
    int depth;
    int line; /* of the node at hand */
    bool failed;
    struct mi_error *err;
    struct mi_jtext *out; /* where output goes */
    int64_t now;
};

/* ---- the run ---------------------------------------------------------------------- */

/* A small object: never NULL, also when the run has failed. */
void *mi_jalloc(struct mi_jrun *run, size_t size);
/* The array p [n] with room for `more` of `size`; *cap follows. NULL when there is no room. */
void *mi_jgrow(struct mi_jrun *run, void *p, size_t n, size_t more, size_t *cap, size_t size);
void mi_jfree_all(struct mi_jrun *run);
/* Counts work: one step and one more for each 64 bytes. False when the run has failed. */
bool mi_jwork(struct mi_jrun *run, size_t bytes);
/* False when too deep; else mi_jleave must follow. */
bool mi_jenter(struct mi_jrun *run);
void mi_jleave(struct mi_jrun *run);
/* Fails with the line before the message; returns undefined. */
struct mi_jv mi_jfail(struct mi_jrun *run, const char *fmt, ...) MI_PRINTF(2, 3);
/* Fails because v is undefined. */
struct mi_jv mi_jfail_undefined(struct mi_jrun *run, struct mi_jv v);

/* ---- values ----------------------------------------------------------------------- */

static inline struct mi_jv mi_jundefined(const char *why)
{
    return (struct mi_jv){.kind = MI_JUNDEFINED, .as.why = why};
}

static inline struct mi_jv mi_jnone(void)
{
    return (struct mi_jv){.kind = MI_JNONE};
}

static inline struct mi_jv mi_jbool(bool b)
{
    return (struct mi_jv){.kind = MI_JBOOL, .as.flag = b};
}

static inline struct mi_jv mi_jint(int64_t i)
{
    return (struct mi_jv){.kind = MI_JINT, .as.integer = i};
}

static inline struct mi_jv mi_jreal(double r)
{
    return (struct mi_jv){.kind = MI_JREAL, .as.real = r};
}

static inline bool mi_jis_str(struct mi_jv v)
{
    return v.kind == MI_JSTR;
}

/* An undefined value whose message is made from the format. */
struct mi_jv mi_jmissing(struct mi_jrun *run, const char *fmt, ...) MI_PRINTF(2, 3);
struct mi_jv mi_jlist(struct mi_jrun *run, enum mi_jform form);
void mi_jpush(struct mi_jrun *run, struct mi_jv list, struct mi_jv item);
struct mi_jv mi_jpair_of(struct mi_jrun *run, struct mi_jv a, struct mi_jv b); /* a tuple */
struct mi_jv mi_jdict(struct mi_jrun *run);
void mi_jset(struct mi_jrun *run, struct mi_jdict *d, struct mi_jv key, struct mi_jv value);
/* NULL: no such key. Keys that Python cannot hash fail. */
const struct mi_jv *mi_jget(struct mi_jrun *run, const struct mi_jdict *d, struct mi_jv key);
/* An integer, or a bool as one. */
bool mi_jas_int(struct mi_jv v, int64_t *out);
bool mi_jas_real(struct mi_jv v, double *out); /* integers and bools too */
bool mi_jtruth(struct mi_jv v);
bool mi_jequal(struct mi_jrun *run, struct mi_jv a, struct mi_jv b);
/* "str", "int", "dict": Python's name of the type. */
const char *mi_jtype(struct mi_jv v);
/* Everything that iterating over v gives, as a list value (v itself when it is one; a
 * generator is used up). Fails for what cannot be iterated over. */
struct mi_jlist *mi_jiterate(struct mi_jrun *run, struct mi_jv v);
bool mi_jcan_iterate(struct mi_jv v);
/* Python's len, -1 for what has none. */
int64_t mi_jlength(struct mi_jv v);
/* A variable of the caller as a value; strings keep their addresses. */
struct mi_jv mi_jfrom(struct mi_jrun *run, const struct mi_value *v,
                      const struct mi_jinja_input *in, size_t *next_source);

/* ---- strings ----------------------------------------------------------------------- */

struct mi_jv mi_jstr(struct mi_jrun *run, const char *s, size_t len); /* copies */
struct mi_jv mi_jstr_z(struct mi_jrun *run, const char *s);           /* borrows a literal */
/* The same string as markup, or as none. */
struct mi_jv mi_jmarkup(struct mi_jrun *run, const struct mi_jstr *s, bool is_markup);
struct mi_jv mi_jescape(struct mi_jrun *run, const struct mi_jstr *s); /* for HTML: markup */
/* Bytes [from, to) of s, and where they come from. */
struct mi_jv mi_jsub(struct mi_jrun *run, const struct mi_jstr *s, size_t from, size_t to);
void mi_jadd(struct mi_jrun *run, struct mi_jtext *t, const char *bytes, size_t n);
void mi_jadd_z(struct mi_jrun *run, struct mi_jtext *t, const char *s);
void mi_jadd_sub(struct mi_jrun *run, struct mi_jtext *t, const struct mi_jstr *s, size_t from,
                 size_t to);
void mi_jadd_str(struct mi_jrun *run, struct mi_jtext *t, const struct mi_jstr *s);
/* Other bytes in place of [from, to) of s: they count as coming from there. */
void mi_jadd_as(struct mi_jrun *run, struct mi_jtext *t, const char *bytes, size_t n,
                const struct mi_jstr *s, size_t from, size_t to);
struct mi_jv mi_jtext_value(struct mi_jrun *run, struct mi_jtext *t);
int mi_jcompare_str(const struct mi_jstr *a, const struct mi_jstr *b);
bool mi_jstr_is(struct mi_jv v, const char *s);
/* The first place of `needle` in s [from, to), SIZE_MAX for none. */
size_t mi_jfind(struct mi_jrun *run, const struct mi_jstr *s, size_t from, size_t to,
                const struct mi_jstr *needle);
/* The code point at byte `at` and its length. */
uint32_t mi_jchar(const struct mi_jstr *s, size_t at, size_t *len);
int64_t mi_jn_chars(const struct mi_jstr *s);
/* Byte of character number `i` (at most the number of characters). */
size_t mi_jbyte_of(const struct mi_jstr *s, int64_t i);
bool mi_jis_space(uint32_t cp); /* Python's str.isspace */
/* Python's strip: sides 1 left, 2 right, 3 both; chars NULL: white space. */
struct mi_jv mi_jstrip(struct mi_jrun *run, const struct mi_jstr *s, int sides,
                       const struct mi_jstr *chars);

/* ---- printing ---------------------------------------------------------------------- */

void mi_jprint(struct mi_jrun *run, struct mi_jtext *t, struct mi_jv v); /* str(v) */
void mi_jrepr(struct mi_jrun *run, struct mi_jtext *t, struct mi_jv v);  /* repr(v) */
/* str(v); a string is itself. */
const struct mi_jstr *mi_jto_str(struct mi_jrun *run, struct mi_jv v);
/* Python's repr of a double into text [32]. */
void mi_jreal_text(double r, char *text);

/* ---- operators --------------------------------------------------------------------- */

enum mi_jop {
    MI_JADD,
    MI_JSUB,
    MI_JMUL,
    MI_JDIV,
    MI_JFLOORDIV,
    MI_JMOD,
    MI_JPOW,
    MI_JEQ,
    MI_JNE,
    MI_JLT,
    MI_JLE,
    MI_JGT,
    MI_JGE,
    MI_JIN,
    MI_JNOTIN,
};

struct mi_jv mi_jarithmetic(struct mi_jrun *run, enum mi_jop op, struct mi_jv a, struct mi_jv b);
struct mi_jv mi_jnegate(struct mi_jrun *run, struct mi_jv v, bool minus);
/* Of two values that Python can order: < 0, 0, > 0; fails for others. `op` for the message. */
int mi_jorder(struct mi_jrun *run, const char *op, struct mi_jv a, struct mi_jv b);
bool mi_jcompare(struct mi_jrun *run, enum mi_jop op, struct mi_jv a, struct mi_jv b);
bool mi_jcontains(struct mi_jrun *run, struct mi_jv item, struct mi_jv in);
/* v[from:to:step]; the bounds none or integers. */
struct mi_jv mi_jslice(struct mi_jrun *run, struct mi_jv v, struct mi_jv from, struct mi_jv to,
                       struct mi_jv step);
/* The item at a path of the filters' attribute: "a.b.0", an integer, or v itself for none. */
struct mi_jv mi_jpath(struct mi_jrun *run, struct mi_jv v, struct mi_jv path);
/* x.name and x[key] as jinja2 looks them up. */
struct mi_jv mi_jattribute(struct mi_jrun *run, struct mi_jv v, const struct mi_jstr *name);
struct mi_jv mi_jitem(struct mi_jrun *run, struct mi_jv v, struct mi_jv key);
/* printf's way, s % values. */
struct mi_jv mi_jformat(struct mi_jrun *run, const struct mi_jstr *s, struct mi_jv values);

/* ---- calls ------------------------------------------------------------------------- */

struct mi_jnamed {
    const char *name;
    struct mi_jv value;
};

struct mi_jargs {
    struct mi_jv *at; /* [n] */
    size_t n, cap;
    struct mi_jnamed *named; /* [n_named] */
    size_t n_named, named_cap;
};

typedef struct mi_jv (*mi_jfunction)(struct mi_jrun *run, struct mi_jv self,
                                     const struct mi_jargs *args);

struct mi_jentry {
    const char *name;
    mi_jfunction call;
};

struct mi_jcall {
    const char *name;
    mi_jfunction call; /* NULL: a macro */
    struct mi_jv self;
    const struct mi_jnode *macro;
    struct mi_jscope *scope; /* where the macro was made */
};

/* What stands for an argument that was not given. */
extern const char mi_jabsent[];
static inline bool mi_jgiven(struct mi_jv v)
{
    return v.kind != MI_JUNDEFINED || v.as.why != mi_jabsent;
}

void mi_jargs_add(struct mi_jrun *run, struct mi_jargs *args, struct mi_jv v);
void mi_jargs_name(struct mi_jrun *run, struct mi_jargs *args, const char *name, struct mi_jv v);
/* Puts the arguments into out by `names` ("old new count"; "_" has no name to call it by); the
 * first `required` must be there; of others that are absent mi_jgiven is false. */
bool mi_jbind(struct mi_jrun *run, const char *what, const struct mi_jargs *args, const char *names,
              size_t required, struct mi_jv *out);
/* The arguments as Python's types: false after a failure. Absent ones leave *out alone. */
bool mi_jarg_int(struct mi_jrun *run, const char *what, struct mi_jv v, int64_t *out);
bool mi_jarg_str(struct mi_jrun *run, const char *what, struct mi_jv v, const struct mi_jstr **out);
struct mi_jv mi_jbound(struct mi_jrun *run, const struct mi_jentry *e, struct mi_jv self);
const struct mi_jentry *mi_jentry_find(const struct mi_jentry *table, const struct mi_jstr *name);
struct mi_jv mi_jcall_value(struct mi_jrun *run, struct mi_jv f, const struct mi_jargs *args);

struct mi_jv mi_jfilter(struct mi_jrun *run, const struct mi_jstr *name, struct mi_jv v,
                        const struct mi_jargs *args);
bool mi_jtest(struct mi_jrun *run, const struct mi_jstr *name, struct mi_jv v,
              const struct mi_jargs *args);
bool mi_jhas_filter(const struct mi_jstr *name);
bool mi_jhas_test(const struct mi_jstr *name);

/* Tables that end in a NULL name. */
extern const struct mi_jentry mi_jstr_methods[], mi_jstr_methods2[], mi_jlist_methods[],
    mi_jdict_methods[], mi_jloop_methods[], mi_jglobals[];
extern const struct mi_jentry mi_jtext_filters[], mi_jlist_filters[], mi_jpick_filters[],
    mi_jwrap_filters[], mi_jweb_filters[];

/* strftime of the run's clock, in English and UTC. */
struct mi_jv mi_jstrftime(struct mi_jrun *run, const struct mi_jstr *format);
/* JSON as transformers' tojson writes it. */
struct mi_jv mi_jtojson(struct mi_jrun *run, struct mi_jv v, const struct mi_jargs *args);

/* Case and parts of str that filters use too. */
enum mi_jcase { MI_JUPPER, MI_JLOWER, MI_JCAPITAL, MI_JTITLE, MI_JTITLE_FILTER, MI_JSWAP };
struct mi_jv mi_jcased(struct mi_jrun *run, const struct mi_jstr *s, enum mi_jcase how);
bool mi_jhas_case(struct mi_jrun *run, const struct mi_jstr *s, bool upper); /* isupper, islower */
struct mi_jv mi_jpad(struct mi_jrun *run, const struct mi_jstr *s, int64_t left, int64_t right,
                     const char *fill, size_t fill_len);
struct mi_jv mi_jstr_format(struct mi_jrun *run, struct mi_jv self, const struct mi_jargs *args);
struct mi_jv mi_jreplace(struct mi_jrun *run, const struct mi_jstr *s, const struct mi_jstr *old,
                         const struct mi_jstr *new, int64_t count);
struct mi_jv mi_jjoin(struct mi_jrun *run, const struct mi_jstr *by, const struct mi_jlist *l);

#endif
