/* Python's operators. */
#include "text/jinja_value.h"

#include <math.h>

/* ---- arithmetic -------------------------------------------------------------------------- */

static const char *op_name(enum mi_jop op)
{
    static const char *const names[] = {
        "+", "-", "*", "/", "//", "%", "**", "==", "!=", "<", "<=", ">", ">=", "in", "not in"};

    return names[op];
}

static struct mi_jv bad_operands(struct mi_jrun *run, enum mi_jop op, struct mi_jv a,
                                 struct mi_jv b)
{
    if (a.kind == MI_JUNDEFINED)
        return mi_jfail_undefined(run, a);
    if (b.kind == MI_JUNDEFINED)
        return mi_jfail_undefined(run, b);
    return mi_jfail(run, "unsupported operand types for %s: '%s' and '%s'", op_name(op),
                    mi_jtype(a), mi_jtype(b));
}

static struct mi_jv too_large(struct mi_jrun *run)
{
    return mi_jfail(run, "an integer of more than 64 bits");
}

static struct mi_jv int_power(struct mi_jrun *run, int64_t a, int64_t b)
{
    int64_t r = 1;

    if (b < 0 && a == 0)
        return mi_jfail(run, "zero to a negative power");
    if (b < 0)
        return mi_jreal(pow((double)a, (double)b));
    for (; b > 0; b >>= 1) {
        if ((b & 1) && __builtin_mul_overflow(r, a, &r))
            return too_large(run);
        if (b > 1 && __builtin_mul_overflow(a, a, &a))
            return too_large(run);
    }
    return mi_jint(r);
}

static struct mi_jv int_arithmetic(struct mi_jrun *run, enum mi_jop op, int64_t a, int64_t b)
{
    int64_t r = 0;
    bool over = false;

    if ((op == MI_JDIV || op == MI_JFLOORDIV || op == MI_JMOD) && b == 0)
        return mi_jfail(run, "division by zero");
    switch (op) {
    case MI_JADD: over = __builtin_add_overflow(a, b, &r); break;
    case MI_JSUB: over = __builtin_sub_overflow(a, b, &r); break;
    case MI_JMUL: over = __builtin_mul_overflow(a, b, &r); break;
    case MI_JDIV: return mi_jreal((double)a / (double)b);
    case MI_JPOW: return int_power(run, a, b);
    default: /* // and % round down, as Python does */
        if (b == -1) {
            over = op == MI_JFLOORDIV && __builtin_sub_overflow(0, a, &r);
        } else {
            bool is_odd = a % b != 0 && (a % b < 0) != (b < 0);

            r = op == MI_JMOD ? a % b + (is_odd ? b : 0) : a / b - is_odd;
        }
    }
    return over ? too_large(run) : mi_jint(r);
}

static struct mi_jv real_arithmetic(struct mi_jrun *run, enum mi_jop op, double a, double b)
{
    double mod, div;

    if ((op == MI_JDIV || op == MI_JFLOORDIV || op == MI_JMOD) && b == 0)
        return mi_jfail(run, "division by zero");
    if (op == MI_JADD)
        return mi_jreal(a + b);
    if (op == MI_JSUB)
        return mi_jreal(a - b);
    if (op == MI_JMUL)
        return mi_jreal(a * b);
    if (op == MI_JDIV)
        return mi_jreal(a / b);
    if (op == MI_JPOW) {
        if ((a < 0 && b != floor(b)) || (a == 0 && b < 0))
            return mi_jfail(run, "a power that is no real number");
        div = pow(a, b);
        return isinf(div) && isfinite(a) && isfinite(b) ? mi_jfail(run, "a number too large")
                                                        : mi_jreal(div);
    }
    mod = fmod(a, b);
    div = (a - mod) / b;
    if (mod != 0 && (b < 0) != (mod < 0)) {
        mod += b;
        div -= 1;
    }
    if (mod == 0)
        mod = copysign(0, b);
    if (op == MI_JMOD)
        return mi_jreal(mod);
    if (div == 0)
        return mi_jreal(copysign(0, a / b));
    return mi_jreal(div - floor(div) > 0.5 ? floor(div) + 1 : floor(div));
}

/* A string or list, `times` over. */
static struct mi_jv repeat(struct mi_jrun *run, struct mi_jv v, int64_t times)
{
    struct mi_jtext t = {0};
    struct mi_jv list;

    if (v.kind == MI_JSTR) {
        for (int64_t i = 0; i < times && v.as.str->len > 0 && mi_jwork(run, 0); i++)
            mi_jadd_str(run, &t, v.as.str);
        return mi_jmarkup(run, mi_jtext_value(run, &t).as.str, v.as.str->is_markup);
    }
    list = mi_jlist(run, v.as.list->form);
    for (int64_t i = 0; i < times && v.as.list->n > 0; i++)
        for (size_t k = 0; k < v.as.list->n; k++) {
            if (!mi_jwork(run, 0))
                return list;
            mi_jpush(run, list, v.as.list->item[k]);
        }
    return list;
}

static bool is_row(struct mi_jv v)
{
    return v.kind == MI_JLIST &&
           (v.as.list->form == MI_JFORM_LIST || v.as.list->form == MI_JFORM_TUPLE);
}

static struct mi_jv join_rows(struct mi_jrun *run, struct mi_jv a, struct mi_jv b)
{
    struct mi_jv list = mi_jlist(run, a.as.list->form);

    for (size_t i = 0; i < a.as.list->n && mi_jwork(run, 0); i++)
        mi_jpush(run, list, a.as.list->item[i]);
    for (size_t i = 0; i < b.as.list->n && mi_jwork(run, 0); i++)
        mi_jpush(run, list, b.as.list->item[i]);
    return list;
}

/* What is added to markup is escaped, unless it is markup itself. */
static struct mi_jv add_strings(struct mi_jrun *run, struct mi_jv a, struct mi_jv b)
{
    bool is_markup = a.as.str->is_markup || b.as.str->is_markup;
    struct mi_jtext t = {0};

    if (is_markup && !a.as.str->is_markup)
        a = mi_jescape(run, a.as.str);
    if (is_markup && !b.as.str->is_markup)
        b = mi_jescape(run, b.as.str);
    mi_jadd_str(run, &t, a.as.str);
    mi_jadd_str(run, &t, b.as.str);
    return mi_jmarkup(run, mi_jtext_value(run, &t).as.str, is_markup);
}

struct mi_jv mi_jarithmetic(struct mi_jrun *run, enum mi_jop op, struct mi_jv a, struct mi_jv b)
{
    int64_t i, k;
    double x, y;

    if (mi_jas_int(a, &i) && mi_jas_int(b, &k))
        return int_arithmetic(run, op, i, k);
    if (mi_jas_real(a, &x) && mi_jas_real(b, &y))
        return real_arithmetic(run, op, x, y);
    if (op == MI_JADD && a.kind == MI_JSTR && b.kind == MI_JSTR)
        return add_strings(run, a, b);
    if (op == MI_JADD && is_row(a) && is_row(b) && a.as.list->form == b.as.list->form)
        return join_rows(run, a, b);
    if (op == MI_JMUL && (a.kind == MI_JSTR || is_row(a)) && mi_jas_int(b, &k))
        return repeat(run, a, k);
    if (op == MI_JMUL && (b.kind == MI_JSTR || is_row(b)) && mi_jas_int(a, &i))
        return repeat(run, b, i);
    if (op == MI_JMOD && a.kind == MI_JSTR)
        return mi_jformat(run, a.as.str, b);
    return bad_operands(run, op, a, b);
}

struct mi_jv mi_jnegate(struct mi_jrun *run, struct mi_jv v, bool minus)
{
    int64_t i;

    if (v.kind == MI_JUNDEFINED)
        return mi_jfail_undefined(run, v);
    if (v.kind == MI_JREAL)
        return mi_jreal(minus ? -v.as.real : v.as.real);
    if (!mi_jas_int(v, &i))
        return mi_jfail(run, "bad operand type for unary %s: '%s'", minus ? "-" : "+", mi_jtype(v));
    return minus ? int_arithmetic(run, MI_JSUB, 0, i) : mi_jint(i);
}

/* ---- order ------------------------------------------------------------------------------- */

static int order_rows(struct mi_jrun *run, const char *op, const struct mi_jlist *a,
                      const struct mi_jlist *b)
{
    size_t n = a->n < b->n ? a->n : b->n;

    for (size_t i = 0; i < n && mi_jwork(run, 0); i++) {
        int r;

        if (mi_jequal(run, a->item[i], b->item[i]) || !mi_jenter(run))
            continue;
        r = mi_jorder(run, op, a->item[i], b->item[i]);
        mi_jleave(run);
        return r;
    }
    return (a->n > b->n) - (a->n < b->n);
}

int mi_jorder(struct mi_jrun *run, const char *op, struct mi_jv a, struct mi_jv b)
{
    int64_t i, k;
    double x, y;

    if (mi_jas_int(a, &i) && mi_jas_int(b, &k))
        return (i > k) - (i < k);
    if (mi_jas_real(a, &x) && mi_jas_real(b, &y))
        return (x > y) - (x < y);
    if (a.kind == MI_JSTR && b.kind == MI_JSTR)
        return mi_jcompare_str(a.as.str, b.as.str);
    if (is_row(a) && is_row(b) && a.as.list->form == b.as.list->form)
        return order_rows(run, op, a.as.list, b.as.list);
    if (a.kind == MI_JUNDEFINED || b.kind == MI_JUNDEFINED)
        mi_jfail_undefined(run, a.kind == MI_JUNDEFINED ? a : b);
    else
        mi_jfail(run, "'%s' not supported between '%s' and '%s'", op, mi_jtype(a), mi_jtype(b));
    return 0;
}

bool mi_jcontains(struct mi_jrun *run, struct mi_jv item, struct mi_jv in)
{
    const struct mi_jlist *l;

    if (in.kind == MI_JSTR) {
        if (item.kind != MI_JSTR) {
            mi_jfail(run, "'in <string>' requires string as left operand, not %s", mi_jtype(item));
            return false;
        }
        mi_jwork(run, in.as.str->len);
        return mi_jfind(run, in.as.str, 0, in.as.str->len, item.as.str) != SIZE_MAX;
    }
    if (in.kind == MI_JDICT)
        return mi_jget(run, in.as.dict, item) != NULL;
    l = mi_jiterate(run, in);
    for (size_t i = 0; i < l->n && !run->failed; i++)
        if (mi_jequal(run, l->item[i], item))
            return true;
    return false;
}

bool mi_jcompare(struct mi_jrun *run, enum mi_jop op, struct mi_jv a, struct mi_jv b)
{
    double x, y;
    int r;

    switch (op) {
    case MI_JEQ: return mi_jequal(run, a, b);
    case MI_JNE: return !mi_jequal(run, a, b);
    case MI_JIN: return mi_jcontains(run, a, b);
    case MI_JNOTIN: return !mi_jcontains(run, a, b);
    default: break;
    }
    if (mi_jas_real(a, &x) && mi_jas_real(b, &y) && (isnan(x) || isnan(y)))
        return false;
    r = mi_jorder(run, op_name(op), a, b);
    return op == MI_JLT ? r < 0 : op == MI_JLE ? r <= 0 : op == MI_JGT ? r > 0 : r >= 0;
}

/* ---- places ------------------------------------------------------------------------------ */

/* The bounds that Python's slice has on n things. */
static bool slice_bounds(struct mi_jrun *run, struct mi_jv from, struct mi_jv to, struct mi_jv step,
                         int64_t n, int64_t *begin, int64_t *end, int64_t *by)
{
    struct mi_jv given[3] = {from, to, step};
    int64_t value[3] = {0, 0, 1};

    for (int i = 0; i < 3; i++) {
        if (given[i].kind == MI_JUNDEFINED)
            mi_jfail_undefined(run, given[i]);
        else if (given[i].kind != MI_JNONE && !mi_jas_int(given[i], &value[i]))
            mi_jfail(run, "slice indices must be integers or none");
    }
    if (!run->failed && value[2] == 0)
        mi_jfail(run, "slice step cannot be zero");
    if (run->failed)
        return false;
    *by = value[2];
    for (int i = 0; i < 2; i++) {
        int64_t low = *by < 0 ? -1 : 0, high = *by < 0 ? n - 1 : n;
        int64_t v = value[i];

        if (given[i].kind == MI_JNONE)
            v = (i == 0) == (*by < 0) ? high : low;
        else if (v < 0)
            v = v < -n ? low : v + n;
        value[i] = v < low ? low : v > high ? high : v;
    }
    *begin = value[0];
    *end = value[1];
    return true;
}

static struct mi_jv slice_str(struct mi_jrun *run, const struct mi_jstr *s, int64_t begin,
                              int64_t end, int64_t by)
{
    struct mi_jtext t = {0};

    if (by == 1) {
        size_t from = mi_jbyte_of(s, begin);

        mi_jwork(run, s->len);
        return mi_jsub(run, s, from, end > begin ? mi_jbyte_of(s, end) : from);
    }
    for (int64_t i = begin; by > 0 ? i < end : i > end;) {
        size_t at = mi_jbyte_of(s, i), n;

        if (!mi_jwork(run, s->is_ascii ? 0 : s->len))
            break;
        mi_jchar(s, at, &n);
        mi_jadd_sub(run, &t, s, at, at + n);
        if (__builtin_add_overflow(i, by, &i))
            break;
    }
    return mi_jmarkup(run, mi_jtext_value(run, &t).as.str, s->is_markup);
}

struct mi_jv mi_jslice(struct mi_jrun *run, struct mi_jv v, struct mi_jv from, struct mi_jv to,
                       struct mi_jv step)
{
    int64_t begin, end, by;
    struct mi_jv list;
    enum mi_jform form;

    if (v.kind == MI_JUNDEFINED)
        return mi_jfail_undefined(run, v);
    if (v.kind != MI_JSTR && !is_row(v) &&
        !(v.kind == MI_JLIST && v.as.list->form == MI_JFORM_RANGE))
        return mi_jfail(run, "'%s' object cannot be sliced", mi_jtype(v));
    if (!slice_bounds(run, from, to, step, mi_jlength(v), &begin, &end, &by))
        return v;
    if (v.kind == MI_JSTR)
        return slice_str(run, v.as.str, begin, end, by);
    form = v.as.list->form;
    list = mi_jlist(run, form);
    if (form == MI_JFORM_RANGE) {
        const struct mi_jlist *l = v.as.list;

        list.as.list->start = l->start + begin * l->stride;
        list.as.list->stop = l->start + end * l->stride;
        list.as.list->stride = l->stride * by;
    }
    for (int64_t i = begin; (by > 0 ? i < end : i > end) && mi_jwork(run, 0);) {
        mi_jpush(run, list, v.as.list->item[i]);
        if (__builtin_add_overflow(i, by, &i))
            break;
    }
    return list;
}
