/* Filters of text and numbers, and the way to all filters. */
#include "text/jinja_value.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- finding one --------------------------------------------------------------------------- */

static const struct mi_jentry *find(const struct mi_jstr *name)
{
    static const struct mi_jentry *const tables[] = {
        mi_jtext_filters, mi_jlist_filters, mi_jpick_filters, mi_jwrap_filters, mi_jweb_filters};
    const struct mi_jentry *e = NULL;

    for (size_t i = 0; !e && i < sizeof tables / sizeof *tables; i++)
        e = mi_jentry_find(tables[i], name);
    return e;
}

bool mi_jhas_filter(const struct mi_jstr *name)
{
    return find(name) != NULL;
}

struct mi_jv mi_jfilter(struct mi_jrun *run, const struct mi_jstr *name, struct mi_jv v,
                        const struct mi_jargs *args)
{
    const struct mi_jentry *e = find(name);

    if (!e)
        return mi_jfail(run, "no filter named '%.*s'", (int)(name->len < 60 ? name->len : 60),
                        name->at);
    mi_jwork(run, 0);
    return e->call(run, v, args);
}

/* ---- text ----------------------------------------------------------------------------------- */

static struct mi_jv cased(struct mi_jrun *run, struct mi_jv v, const struct mi_jargs *args,
                          enum mi_jcase how)
{
    return mi_jbind(run, "this filter", args, "", 0, NULL) ? mi_jcased(run, mi_jto_str(run, v), how)
                                                           : v;
}

static struct mi_jv f_upper(struct mi_jrun *run, struct mi_jv v, const struct mi_jargs *args)
{
    return cased(run, v, args, MI_JUPPER);
}

static struct mi_jv f_lower(struct mi_jrun *run, struct mi_jv v, const struct mi_jargs *args)
{
    return cased(run, v, args, MI_JLOWER);
}

static struct mi_jv f_capitalize(struct mi_jrun *run, struct mi_jv v, const struct mi_jargs *args)
{
    return cased(run, v, args, MI_JCAPITAL);
}

static struct mi_jv f_title(struct mi_jrun *run, struct mi_jv v, const struct mi_jargs *args)
{
    return cased(run, v, args, MI_JTITLE_FILTER);
}

static struct mi_jv f_string(struct mi_jrun *run, struct mi_jv v, const struct mi_jargs *args)
{
    if (!mi_jbind(run, "string", args, "", 0, NULL))
        return v;
    return (struct mi_jv){.kind = MI_JSTR, .as.str = mi_jto_str(run, v)};
}

static struct mi_jv f_trim(struct mi_jrun *run, struct mi_jv v, const struct mi_jargs *args)
{
    struct mi_jv given[1];
    const struct mi_jstr *chars = NULL;

    if (!mi_jbind(run, "trim", args, "chars", 0, given) ||
        (given[0].kind != MI_JNONE && !mi_jarg_str(run, "trim", given[0], &chars)))
        return v;
    return mi_jstrip(run, mi_jto_str(run, v), 3, chars);
}

static struct mi_jv f_replace(struct mi_jrun *run, struct mi_jv v, const struct mi_jargs *args)
{
    struct mi_jv given[3];
    int64_t count = -1;

    if (!mi_jbind(run, "replace", args, "old new count", 2, given) ||
        (given[2].kind != MI_JNONE && !mi_jarg_int(run, "replace", given[2], &count)))
        return v;
    return mi_jreplace(run, mi_jto_str(run, v), mi_jto_str(run, given[0]),
                       mi_jto_str(run, given[1]), count);
}

static struct mi_jv f_center(struct mi_jrun *run, struct mi_jv v, const struct mi_jargs *args)
{
    struct mi_jv given[1];
    const struct mi_jstr *s = mi_jto_str(run, v);
    int64_t width = 80, room, left;

    if (!mi_jbind(run, "center", args, "width", 0, given) ||
        !mi_jarg_int(run, "center", given[0], &width))
        return v;
    room = width - mi_jn_chars(s);
    left = room > 0 ? room / 2 + (room & width & 1) : 0;
    return mi_jpad(run, s, left, room > 0 ? room - left : 0, " ", 1);
}

static struct mi_jv f_format(struct mi_jrun *run, struct mi_jv v, const struct mi_jargs *args)
{
    struct mi_jv values = mi_jlist(run, MI_JFORM_TUPLE);

    if (args->n && args->n_named)
        return mi_jfail(run, "format: positional or named arguments, not both");
    for (size_t i = 0; i < args->n; i++)
        mi_jpush(run, values, args->at[i]);
    if (args->n_named)
        values = mi_jdict(run);
    for (size_t i = 0; i < args->n_named; i++)
        mi_jset(run, values.as.dict, mi_jstr_z(run, args->named[i].name), args->named[i].value);
    return mi_jformat(run, mi_jto_str(run, v), values);
}

/* Lines as splitlines has them, of s and a newline behind it. */
static const struct mi_jlist *lines_of(struct mi_jrun *run, const struct mi_jstr *s)
{
    static const struct mi_jstr name = {.at = "splitlines", .len = 10};
    struct mi_jtext t = {0};

    mi_jadd_str(run, &t, s);
    mi_jadd_z(run, &t, "\n");
    return mi_jentry_find(mi_jstr_methods, &name)
        ->call(run, mi_jtext_value(run, &t), &(struct mi_jargs){0})
        .as.list;
}

static struct mi_jv f_indent(struct mi_jrun *run, struct mi_jv v, const struct mi_jargs *args)
{
    struct mi_jv given[3], by = mi_jstr_z(run, "");
    int64_t width = 4;
    const struct mi_jlist *lines;
    struct mi_jtext t = {0};

    if (!mi_jbind(run, "indent", args, "width first blank", 0, given))
        return v;
    if (v.kind != MI_JSTR)
        return v.kind == MI_JUNDEFINED ? mi_jfail_undefined(run, v)
                                       : mi_jfail(run, "indent: no string but %s", mi_jtype(v));
    if (given[0].kind == MI_JSTR)
        by = given[0];
    else if (mi_jarg_int(run, "indent", given[0], &width))
        by = mi_jpad(run, by.as.str, width, 0, " ", 1);
    lines = lines_of(run, v.as.str);
    if (run->failed)
        return v;
    if (mi_jtruth(given[1]))
        mi_jadd_str(run, &t, by.as.str);
    for (size_t i = 0; i < lines->n && mi_jwork(run, 0); i++) {
        if (i)
            mi_jadd_z(run, &t, "\n");
        if (i && (lines->item[i].as.str->len > 0 || mi_jtruth(given[2])))
            mi_jadd_str(run, &t, by.as.str);
        mi_jadd_str(run, &t, lines->item[i].as.str);
    }
    return mi_jmarkup(run, mi_jtext_value(run, &t).as.str, v.as.str->is_markup);
}

static struct mi_jv f_truncate(struct mi_jrun *run, struct mi_jv v, const struct mi_jargs *args)
{
    struct mi_jv given[4];
    const struct mi_jstr *s, *end = mi_jstr_z(run, "...").as.str;
    int64_t length = 255, leeway = 5, keep, n;
    size_t to;
    struct mi_jtext t = {0};

    if (!mi_jbind(run, "truncate", args, "length killwords end leeway", 0, given) ||
        !mi_jarg_int(run, "truncate", given[0], &length) ||
        !mi_jarg_str(run, "truncate", given[2], &end) ||
        (given[3].kind != MI_JNONE && !mi_jarg_int(run, "truncate", given[3], &leeway)))
        return v;
    keep = length - mi_jn_chars(end);
    if (keep < 0 || leeway < 0)
        return mi_jfail(run, "truncate: the length is less than the end's");
    n = mi_jlength(v);
    if (n >= 0 && (length > INT32_MAX || leeway > INT32_MAX || n <= length + leeway))
        return v;
    if (v.kind != MI_JSTR)
        return mi_jfail(run, "truncate: no string but %s", mi_jtype(v));
    s = v.as.str;
    to = mi_jbyte_of(s, keep);
    for (size_t at = to; !mi_jtruth(given[1]) && at-- > 0;) {
        if (s->at[at] != ' ')
            continue;
        to = at;
        break;
    }
    mi_jadd_sub(run, &t, s, 0, to);
    mi_jadd_str(run, &t, end);
    return mi_jtext_value(run, &t);
}

static struct mi_jv f_escape(struct mi_jrun *run, struct mi_jv v, const struct mi_jargs *args)
{
    const struct mi_jstr *s = mi_jto_str(run, v);

    if (!mi_jbind(run, "escape", args, "", 0, NULL) || s->is_markup)
        return v;
    return mi_jescape(run, s);
}

static struct mi_jv f_forceescape(struct mi_jrun *run, struct mi_jv v, const struct mi_jargs *args)
{
    if (!mi_jbind(run, "forceescape", args, "", 0, NULL))
        return v;
    return mi_jescape(run, mi_jto_str(run, v));
}

static struct mi_jv f_safe(struct mi_jrun *run, struct mi_jv v, const struct mi_jargs *args)
{
    if (!mi_jbind(run, "safe", args, "", 0, NULL))
        return v;
    return mi_jmarkup(run, mi_jto_str(run, v), true);
}

static struct mi_jv f_wordcount(struct mi_jrun *run, struct mi_jv v, const struct mi_jargs *args)
{
    static const struct mi_jstr name = {.at = "isalnum", .len = 7};
    const struct mi_jentry *is_word = mi_jentry_find(mi_jstr_methods2, &name);
    const struct mi_jstr *s = mi_jto_str(run, v);
    int64_t count = 0;
    bool inside = false;

    if (!mi_jbind(run, "wordcount", args, "", 0, NULL))
        return v;
    for (size_t i = 0, n = 0; i < s->len && mi_jwork(run, 0); i += n) {
        bool is = mi_jchar(s, i, &n) == '_' ||
                  mi_jtruth(is_word->call(run, mi_jsub(run, s, i, i + n), &(struct mi_jargs){0}));

        count += is && !inside;
        inside = is;
    }
    return mi_jint(count);
}

/* ---- numbers -------------------------------------------------------------------------------- */

/* Python's int or float of a text: blanks around it, single underscores between digits. */
static bool clean_number(const struct mi_jstr *s, char *text, size_t size)
{
    size_t n = 0;

    for (size_t i = 0; i < s->len; i++) {
        char c = s->at[i];
        bool between = i > 0 && i + 1 < s->len && s->at[i - 1] >= '0' && s->at[i + 1] >= '0' &&
                       s->at[i - 1] != '_' && s->at[i + 1] != '_';

        if (c == '_' && !between)
            return false;
        if (c == '_')
            continue;
        if (n + 1 == size || c == '\0' || (unsigned char)c >= 0x80 || c == '(')
            return false;
        text[n++] = c;
    }
    text[n] = '\0';
    return n > 0;
}

static bool parse_int(struct mi_jrun *run, const struct mi_jstr *s, int64_t base, int64_t *out)
{
    char text[80], *end, *digits = text;

    s = mi_jstrip(run, s, 3, NULL).as.str;
    if (!clean_number(s, text, sizeof text) || base < 0 || base == 1 || base > 36)
        return false;
    digits += *digits == '-' || *digits == '+';
    if (mi_jis_space((unsigned char)*digits) || *digits == '-' || *digits == '+')
        return false;
    if (digits[0] == '0' && (digits[1] | 32) == (base == 8 ? 'o' : base == 2 ? 'b' : '\n'))
        memmove(digits, digits + 2, strlen(digits) - 1);
    errno = 0;
    *out = strtoll(text, &end, (int)base);
    if (errno == ERANGE)
        mi_jfail(run, "an integer of more than 64 bits");
    return end > digits && *end == '\0' && !run->failed;
}

static bool parse_real(struct mi_jrun *run, const struct mi_jstr *s, double *out)
{
    char text[400], *end;

    s = mi_jstrip(run, s, 3, NULL).as.str;
    if (!clean_number(s, text, sizeof text) || strpbrk(text, "xXpP"))
        return false;
    *out = strtod(text, &end);
    return end > text && *end == '\0';
}

static struct mi_jv real_to_int(struct mi_jrun *run, double r, struct mi_jv otherwise)
{
    if (!isfinite(r))
        return otherwise;
    if (fabs(r) >= 9.2e18)
        return mi_jfail(run, "an integer of more than 64 bits");
    return mi_jint((int64_t)r);
}

static struct mi_jv f_int(struct mi_jrun *run, struct mi_jv v, const struct mi_jargs *args)
{
    struct mi_jv given[2], otherwise;
    int64_t base = 10, i;
    double r;

    if (!mi_jbind(run, "int", args, "default base", 0, given) ||
        !mi_jarg_int(run, "int", given[1], &base))
        return v;
    otherwise = mi_jgiven(given[0]) ? given[0] : mi_jint(0);
    if (v.kind == MI_JUNDEFINED)
        return mi_jfail_undefined(run, v);
    if (mi_jas_int(v, &i))
        return mi_jint(i);
    if (v.kind == MI_JREAL)
        return isinf(v.as.real) ? mi_jfail(run, "int: infinite")
                                : real_to_int(run, v.as.real, otherwise);
    if (v.kind != MI_JSTR)
        return otherwise;
    if (parse_int(run, v.as.str, base, &i))
        return mi_jint(i);
    return parse_real(run, v.as.str, &r) ? real_to_int(run, r, otherwise) : otherwise;
}

static struct mi_jv f_float(struct mi_jrun *run, struct mi_jv v, const struct mi_jargs *args)
{
    struct mi_jv given[1];
    double r;

    if (!mi_jbind(run, "float", args, "default", 0, given))
        return v;
    if (v.kind == MI_JUNDEFINED)
        return mi_jfail_undefined(run, v);
    if (mi_jas_real(v, &r) || (v.kind == MI_JSTR && parse_real(run, v.as.str, &r)))
        return mi_jreal(r);
    return mi_jgiven(given[0]) ? given[0] : mi_jreal(0);
}

static struct mi_jv f_abs(struct mi_jrun *run, struct mi_jv v, const struct mi_jargs *args)
{
    int64_t i;

    if (!mi_jbind(run, "abs", args, "", 0, NULL))
        return v;
    if (v.kind == MI_JREAL)
        return mi_jreal(fabs(v.as.real));
    if (mi_jas_int(v, &i))
        return i < 0 ? mi_jnegate(run, v, true) : mi_jint(i);
    return mi_jfail(run, "abs: no number but %s", mi_jtype(v));
}

static struct mi_jv f_round(struct mi_jrun *run, struct mi_jv v, const struct mi_jargs *args)
{
    struct mi_jv given[2];
    int64_t precision = 0;
    double r, power;
    bool up;
    char text[400];

    if (!mi_jbind(run, "round", args, "precision method", 0, given) ||
        !mi_jarg_int(run, "round", given[0], &precision))
        return v;
    up = mi_jstr_is(given[1], "ceil");
    if (mi_jgiven(given[1]) && !up && !mi_jstr_is(given[1], "floor") &&
        !mi_jstr_is(given[1], "common"))
        return mi_jfail(run, "round: the method is common, ceil or floor");
    if (!mi_jas_real(v, &r))
        return v.kind == MI_JUNDEFINED ? mi_jfail_undefined(run, v)
                                       : mi_jfail(run, "round: no number but %s", mi_jtype(v));
    if (precision < 0 || precision > 60)
        return mi_jfail(run, "round: a precision of 0 to 60 is supported");
    if (!mi_jgiven(given[1]) || mi_jstr_is(given[1], "common")) {
        if (v.kind != MI_JREAL)
            return v.kind == MI_JBOOL ? mi_jint(v.as.flag) : v;
        snprintf(text, sizeof text, "%.*f", (int)precision, r);
        return mi_jreal(isfinite(r) ? strtod(text, NULL) : r);
    }
    power = pow(10, (double)precision);
    return mi_jreal(((up ? ceil(r * power) : floor(r * power)) + 0.0) / power); /* no -0.0 */
}

static struct mi_jv f_filesizeformat(struct mi_jrun *run, struct mi_jv v,
                                     const struct mi_jargs *args)
{
    struct mi_jv given[1];
    double r, base, unit;
    char text[64];
    int i = 0;

    if (!mi_jbind(run, "filesizeformat", args, "binary", 0, given))
        return v;
    if (!mi_jas_real(v, &r) && !(v.kind == MI_JSTR && parse_real(run, v.as.str, &r)))
        return mi_jfail(run, "filesizeformat: no number");
    base = mi_jtruth(given[0]) ? 1024 : 1000;
    if (r == 1 || r < base) {
        snprintf(text, sizeof text, r == 1 ? "1 Byte" : "%.0f Bytes", trunc(r));
        return mi_jstr(run, text, strlen(text));
    }
    for (unit = base * base; r >= unit && i < 7; i++)
        unit *= base;
    snprintf(text, sizeof text, "%.1f %c%sB", base * r / unit,
             base > 1000 ? "KMGTPEZY"[i] : "kMGTPEZY"[i], base > 1000 ? "i" : "");
    return mi_jstr(run, text, strlen(text));
}

const struct mi_jentry mi_jtext_filters[] = {
    {"upper", f_upper},
    {"lower", f_lower},
    {"capitalize", f_capitalize},
    {"title", f_title},
    {"string", f_string},
    {"safe", f_safe},
    {"trim", f_trim},
    {"replace", f_replace},
    {"center", f_center},
    {"format", f_format},
    {"indent", f_indent},
    {"truncate", f_truncate},
    {"e", f_escape},
    {"escape", f_escape},
    {"forceescape", f_forceescape},
    {"wordcount", f_wordcount},
    {"int", f_int},
    {"float", f_float},
    {"abs", f_abs},
    {"round", f_round},
    {"filesizeformat", f_filesizeformat},
    {"tojson", mi_jtojson},
    {NULL, NULL},
};
