/* "%s %d" % values, and "{} {name}".format(values). */
#include "text/jinja_value.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

/* ---- printf's way -------------------------------------------------------------------------- */

struct spec {
    bool left, zero, plus, blank, hash;
    int width, precision; /* -1: none */
    char kind;
};

static int read_number(const struct mi_jstr *s, size_t *at)
{
    int n = 0;

    for (; *at < s->len && s->at[*at] >= '0' && s->at[*at] <= '9' && n < 100000; ++*at)
        n = 10 * n + (s->at[*at] - '0');
    return n;
}

/* What stands behind a "%" at *at. */
static struct spec read_spec(const struct mi_jstr *s, size_t *at)
{
    struct spec p = {.precision = -1};

    for (; *at < s->len && strchr("-0+ #", s->at[*at]) && s->at[*at]; ++*at) {
        p.left = p.left || s->at[*at] == '-';
        p.zero = p.zero || s->at[*at] == '0';
        p.plus = p.plus || s->at[*at] == '+';
        p.blank = p.blank || s->at[*at] == ' ';
        p.hash = p.hash || s->at[*at] == '#';
    }
    p.width = read_number(s, at);
    if (*at < s->len && s->at[*at] == '.') {
        ++*at;
        p.precision = read_number(s, at);
    }
    if (*at < s->len)
        p.kind = s->at[(*at)++];
    return p;
}

static void add_padded(struct mi_jrun *run, struct mi_jtext *t, const struct spec *p,
                       const struct mi_jstr *s)
{
    int64_t room = p->width - mi_jn_chars(s);

    mi_jadd_str(run, t, mi_jpad(run, s, p->left ? 0 : room, p->left ? room : 0, " ", 1).as.str);
}

/* Digits with sign and zeros. */
static void add_digits(struct mi_jrun *run, struct mi_jtext *t, const struct spec *p, bool minus,
                       const char *digits)
{
    struct mi_jtext all = {0};
    const char *sign = minus ? "-" : p->plus ? "+" : p->blank ? " " : "";
    int64_t n = (int64_t)(strlen(sign) + strlen(digits));

    mi_jadd_z(run, &all, sign);
    for (; p->zero && !p->left && n < p->width && mi_jwork(run, 0); n++)
        mi_jadd_z(run, &all, "0");
    mi_jadd_z(run, &all, digits);
    add_padded(run, t, p, mi_jtext_value(run, &all).as.str);
}

static void add_int(struct mi_jrun *run, struct mi_jtext *t, const struct spec *p, struct mi_jv v)
{
    char digits[32];
    int64_t i = 0;
    uint64_t u;

    if (p->hash || p->precision >= 0) {
        mi_jfail(run, "%%%c: '#' and a precision are not supported for integers", p->kind);
        return;
    }
    if (v.kind == MI_JREAL && strchr("diu", p->kind) && fabs(v.as.real) < 9e18) {
        i = (int64_t)v.as.real;
    } else if (v.kind == MI_JREAL && strchr("diu", p->kind) && isfinite(v.as.real)) {
        mi_jfail(run, "%%%c: an integer of more than 64 bits", p->kind);
        return;
    } else if (!mi_jas_int(v, &i)) {
        mi_jfail(run, "%%%c: a number is required, not %s", p->kind, mi_jtype(v));
        return;
    }
    u = i < 0 ? 0 - (uint64_t)i : (uint64_t)i;
    snprintf(digits, sizeof digits,
             p->kind == 'x'   ? "%" PRIx64
             : p->kind == 'X' ? "%" PRIX64
             : p->kind == 'o' ? "%" PRIo64
                              : "%" PRIu64,
             u);
    add_digits(run, t, p, i < 0, digits);
}

static void add_real(struct mi_jrun *run, struct mi_jtext *t, const struct spec *p, struct mi_jv v)
{
    char digits[512];
    double r;
    int precision = p->precision < 0 ? 6 : p->precision;

    if (!mi_jas_real(v, &r) || precision > 100) {
        mi_jfail(run, "%%%c: a number is required, not %s", p->kind, mi_jtype(v));
        return;
    }
    switch (p->kind) {
    case 'f':
    case 'F': snprintf(digits, sizeof digits, "%.*f", precision, fabs(r)); break;
    case 'e': snprintf(digits, sizeof digits, "%.*e", precision, fabs(r)); break;
    case 'E': snprintf(digits, sizeof digits, "%.*E", precision, fabs(r)); break;
    case 'g': snprintf(digits, sizeof digits, "%.*g", precision, fabs(r)); break;
    default: snprintf(digits, sizeof digits, "%.*G", precision, fabs(r)); break;
    }
    add_digits(run, t, p, signbit(r), digits);
}

static void add_text(struct mi_jrun *run, struct mi_jtext *t, const struct spec *p, struct mi_jv v)
{
    struct mi_jtext made = {0};
    const struct mi_jstr *s;

    if (p->kind == 's')
        mi_jprint(run, &made, v);
    else
        mi_jrepr(run, &made, v);
    s = mi_jtext_value(run, &made).as.str;
    if (p->precision >= 0 && p->precision < mi_jn_chars(s))
        s = mi_jsub(run, s, 0, mi_jbyte_of(s, p->precision)).as.str;
    add_padded(run, t, p, s);
}

static void add_value(struct mi_jrun *run, struct mi_jtext *t, const struct spec *p, struct mi_jv v)
{
    if (p->kind == 's' || p->kind == 'r')
        add_text(run, t, p, v);
    else if (p->kind && strchr("diuxXo", p->kind))
        add_int(run, t, p, v);
    else if (p->kind && strchr("fFeEgG", p->kind))
        add_real(run, t, p, v);
    else
        mi_jfail(run, "a format with '%%' that is not supported");
}

/* "(name)" behind the "%" at *at: its value among `values`. */
static struct mi_jv named_value(struct mi_jrun *run, const struct mi_jstr *s, size_t *at,
                                struct mi_jv values)
{
    size_t begin = *at + 1, end = begin;
    const struct mi_jv *v;

    while (end < s->len && s->at[end] != ')')
        end++;
    if (end == s->len || values.kind != MI_JDICT)
        return mi_jfail(run, "a format with a name needs a map");
    *at = end + 1;
    v = mi_jget(run, values.as.dict, mi_jsub(run, s, begin, end));
    return v ? *v : mi_jfail(run, "a format names a key that is not there");
}

struct mi_jv mi_jformat(struct mi_jrun *run, const struct mi_jstr *s, struct mi_jv values)
{
    bool is_tuple = values.kind == MI_JLIST && values.as.list->form == MI_JFORM_TUPLE;
    size_t n = is_tuple ? values.as.list->n : 1, used = 0;
    bool named = values.kind == MI_JDICT || (values.kind == MI_JLIST && !is_tuple);
    struct mi_jtext t = {0};

    if (s->is_markup)
        return mi_jfail(run, "a format that is markup is not supported");
    for (size_t at = 0; at < s->len && mi_jwork(run, 0);) {
        size_t end = at;
        struct mi_jv v = mi_jnone();
        bool has_name;
        struct spec p;

        while (end < s->len && s->at[end] != '%')
            end++;
        mi_jadd_sub(run, &t, s, at, end);
        at = end + 1;
        if (end == s->len)
            break;
        has_name = at < s->len && s->at[at] == '(';
        if (has_name) {
            v = named_value(run, s, &at, values);
            named = true;
        }
        p = read_spec(s, &at);
        if (p.kind == '%') {
            mi_jadd_z(run, &t, "%");
            continue;
        }
        if (!has_name && used == n)
            return mi_jfail(run, "not enough arguments for a format");
        if (!has_name)
            v = is_tuple ? values.as.list->item[used] : values;
        used += !has_name;
        if (!run->failed)
            add_value(run, &t, &p, v);
    }
    if (used < n && !named)
        mi_jfail(run, "not all arguments of a format were used");
    return mi_jtext_value(run, &t);
}

/* ---- str.format ----------------------------------------------------------------------------- */

/* What the field `name` stands for; *next counts those without a name. */
static struct mi_jv field_value(struct mi_jrun *run, const struct mi_jargs *args,
                                const struct mi_jstr *name, size_t *next)
{
    size_t at = 0, i = 0;

    if (name->len == 0)
        i = (*next)++;
    else if (name->at[0] >= '0' && name->at[0] <= '9') {
        i = (size_t)read_number(name, &at);
        if (at < name->len)
            return mi_jfail(run, "format: a field that is not supported");
    } else {
        for (size_t k = 0; k < args->n_named; k++)
            if (mi_jstr_is((struct mi_jv){.kind = MI_JSTR, .as.str = name}, args->named[k].name))
                return args->named[k].value;
        return mi_jfail(run, "format: a field that is not given, or not supported");
    }
    return i < args->n ? args->at[i] : mi_jfail(run, "format: too few arguments");
}

struct mi_jv mi_jstr_format(struct mi_jrun *run, struct mi_jv self, const struct mi_jargs *args)
{
    const struct mi_jstr *s = self.as.str;
    struct mi_jtext t = {0};
    size_t next = 0;

    if (s->is_markup)
        return mi_jfail(run, "a format that is markup is not supported");
    for (size_t at = 0; at < s->len && mi_jwork(run, 0);) {
        size_t end = at;
        char c = s->at[at];

        if ((c == '{' || c == '}') && at + 1 < s->len && s->at[at + 1] == c) {
            mi_jadd(run, &t, &c, 1);
            at += 2;
            continue;
        }
        if (c != '{' && c != '}') {
            mi_jadd_sub(run, &t, s, at, at + 1);
            at++;
            continue;
        }
        while (end < s->len && s->at[end] != '}')
            end++;
        if (c == '}' || end == s->len)
            return mi_jfail(run, "format: a brace without its other");
        mi_jprint(run, &t, field_value(run, args, mi_jsub(run, s, at + 1, end).as.str, &next));
        at = end + 1;
    }
    return mi_jtext_value(run, &t);
}
