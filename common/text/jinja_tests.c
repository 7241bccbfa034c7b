/* Tests: x is NAME. */
#include "text/jinja_value.h"

enum test {
    DEFINED,
    UNDEFINED,
    NONE,
    BOOLEAN,
    TRUE,
    FALSE,
    INTEGER,
    REAL,
    NUMBER,
    STRING,
    MAPPING,
    SEQUENCE,
    ITERABLE,
    CALLABLE,
    ODD,
    EVEN,
    DIVISIBLE,
    SAME,
    ESCAPED,
    LOWER,
    UPPER,
    FILTER,
    TEST,
    COMPARES, /* from here on: an enum mi_jop behind it */
};

static const struct {
    const char *name;
    int test;
} tests[] = {
    {"defined", DEFINED},
    {"undefined", UNDEFINED},
    {"none", NONE},
    {"boolean", BOOLEAN},
    {"true", TRUE},
    {"false", FALSE},
    {"integer", INTEGER},
    {"float", REAL},
    {"number", NUMBER},
    {"string", STRING},
    {"mapping", MAPPING},
    {"sequence", SEQUENCE},
    {"iterable", ITERABLE},
    {"callable", CALLABLE},
    {"odd", ODD},
    {"even", EVEN},
    {"divisibleby", DIVISIBLE},
    {"sameas", SAME},
    {"escaped", ESCAPED},
    {"lower", LOWER},
    {"upper", UPPER},
    {"filter", FILTER},
    {"test", TEST},
    {"in", COMPARES + MI_JIN},
    {"eq", COMPARES + MI_JEQ},
    {"equalto", COMPARES + MI_JEQ},
    {"==", COMPARES + MI_JEQ},
    {"ne", COMPARES + MI_JNE},
    {"!=", COMPARES + MI_JNE},
    {"lt", COMPARES + MI_JLT},
    {"lessthan", COMPARES + MI_JLT},
    {"<", COMPARES + MI_JLT},
    {"le", COMPARES + MI_JLE},
    {"<=", COMPARES + MI_JLE},
    {"gt", COMPARES + MI_JGT},
    {"greaterthan", COMPARES + MI_JGT},
    {">", COMPARES + MI_JGT},
    {"ge", COMPARES + MI_JGE},
    {">=", COMPARES + MI_JGE},
};

static int find(const struct mi_jstr *name)
{
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
        if (mi_jstr_is((struct mi_jv){.kind = MI_JSTR, .as.str = name}, tests[i].name))
            return tests[i].test;
    return -1;
}

bool mi_jhas_test(const struct mi_jstr *name)
{
    return find(name) >= 0;
}

/* v % n == 0, or rest 1 for odd. */
static bool divides(struct mi_jrun *run, struct mi_jv v, struct mi_jv n, int64_t rest)
{
    struct mi_jv r = mi_jarithmetic(run, MI_JMOD, v, n);

    return !run->failed && mi_jequal(run, r, mi_jint(rest));
}

static bool is_same(struct mi_jv a, struct mi_jv b)
{
    if (a.kind != b.kind)
        return false;
    switch (a.kind) {
    case MI_JUNDEFINED: return false;
    case MI_JNONE: return true;
    case MI_JBOOL: return a.as.flag == b.as.flag;
    case MI_JINT: return a.as.integer == b.as.integer;
    case MI_JREAL: return false;
    case MI_JSTR: /* Python has one empty string */
        return a.as.str == b.as.str || (a.as.str->len == 0 && b.as.str->len == 0);
    case MI_JLIST: return a.as.list == b.as.list;
    case MI_JDICT:
    case MI_JSPACE: return a.as.dict == b.as.dict;
    case MI_JLOOP: return a.as.loop == b.as.loop;
    case MI_JCALL: break;
    }
    return a.as.call == b.as.call;
}

static bool is_sequence(struct mi_jv v)
{
    return v.kind == MI_JSTR || v.kind == MI_JDICT ||
           (v.kind == MI_JLIST && v.as.list->form <= MI_JFORM_RANGE) || v.kind == MI_JUNDEFINED;
}

static bool one_value(struct mi_jrun *run, enum test test, struct mi_jv v)
{
    switch (test) {
    case DEFINED: return v.kind != MI_JUNDEFINED;
    case UNDEFINED: return v.kind == MI_JUNDEFINED;
    case NONE: return v.kind == MI_JNONE;
    case BOOLEAN: return v.kind == MI_JBOOL;
    case TRUE: return v.kind == MI_JBOOL && v.as.flag;
    case FALSE: return v.kind == MI_JBOOL && !v.as.flag;
    case INTEGER: return v.kind == MI_JINT;
    case REAL: return v.kind == MI_JREAL;
    case NUMBER: return v.kind == MI_JINT || v.kind == MI_JREAL || v.kind == MI_JBOOL;
    case STRING: return v.kind == MI_JSTR;
    case MAPPING: return v.kind == MI_JDICT;
    case SEQUENCE: return is_sequence(v);
    case ITERABLE: return mi_jcan_iterate(v);
    case CALLABLE: return v.kind == MI_JCALL || v.kind == MI_JLOOP || v.kind == MI_JUNDEFINED;
    case ODD: return divides(run, v, mi_jint(2), 1);
    case EVEN: return divides(run, v, mi_jint(2), 0);
    case ESCAPED: return v.kind == MI_JSTR && v.as.str->is_markup;
    case LOWER: return mi_jhas_case(run, mi_jto_str(run, v), false);
    case UPPER: return mi_jhas_case(run, mi_jto_str(run, v), true);
    case FILTER: return v.kind == MI_JSTR && mi_jhas_filter(v.as.str);
    case TEST: return v.kind == MI_JSTR && mi_jhas_test(v.as.str);
    default: break;
    }
    return false;
}

bool mi_jtest(struct mi_jrun *run, const struct mi_jstr *name, struct mi_jv v,
              const struct mi_jargs *args)
{
    int test = find(name);
    bool takes_one = test >= COMPARES || test == DIVISIBLE || test == SAME;
    struct mi_jv given[1];

    if (test < 0) {
        mi_jfail(run, "no test named '%.*s'", (int)(name->len < 60 ? name->len : 60), name->at);
        return false;
    }
    if (!mi_jbind(run, "this test", args, takes_one ? "_" : "", takes_one, given))
        return false;
    if (test == DIVISIBLE)
        return divides(run, v, given[0], 0);
    if (test == SAME)
        return is_same(v, given[0]);
    if (test >= COMPARES)
        return mi_jcompare(run, (enum mi_jop)(test - COMPARES), v, given[0]);
    return one_value(run, (enum test)test, v);
}
