/* str and repr, as Python prints values. */
#include "base/escape.h"
#include "text/jinja_value.h"
#include "text/unicode.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- numbers ----------------------------------------------------------------------------- */

/* The fewest digits that read back to r, with a point or an exponent. */
void mi_jreal_text(double r, char *text)
{
    char digits[32], *e;
    int precision = 0, exponent, n;

    if (!isfinite(r)) {
        strcpy(text, isnan(r) ? "nan" : r < 0 ? "-inf" : "inf");
        return;
    }
    do {
        snprintf(digits, sizeof digits, "%.*e", precision, r);
    } while (strtod(digits, NULL) != r && precision++ < 17);
    e = strchr(digits, 'e');
    exponent = (int)strtol(e + 1, NULL, 10);
    if (exponent < -4 || exponent >= 16) {
        snprintf(text, 32, "%.*se%c%02d", (int)(e - digits), digits, exponent < 0 ? '-' : '+',
                 abs(exponent));
        return;
    }
    n = precision - exponent;
    snprintf(text, 32, "%.*f", n > 0 ? n : 0, r);
    if (n <= 0)
        strcat(text, ".0");
}

static void print_number(struct mi_jrun *run, struct mi_jtext *t, struct mi_jv v)
{
    char text[32];

    if (v.kind == MI_JREAL)
        mi_jreal_text(v.as.real, text);
    else
        snprintf(text, sizeof text, "%" PRId64, v.as.integer);
    mi_jadd_z(run, t, text);
}

/* ---- strings ----------------------------------------------------------------------------- */

static void repr_char(struct mi_jrun *run, struct mi_jtext *t, const struct mi_jstr *s, size_t at,
                      size_t n, uint32_t cp, char quote)
{
    static const char plain[] = "\\\n\r\t", letters[] = "\\nrt";
    const char *known = cp && cp < 0x80 ? strchr(plain, (int)cp) : NULL;
    char text[12];

    if (known || cp == (uint32_t)quote)
        snprintf(text, sizeof text, "\\%c", known ? letters[known - plain] : quote);
    else if (mi_is_printable(cp)) {
        mi_jadd_sub(run, t, s, at, at + n);
        return;
    } else {
        snprintf(text, sizeof text,
                 cp < 0x100     ? "\\x%02x"
                 : cp < 0x10000 ? "\\u%04x"
                                : "\\U%08x",
                 (unsigned)cp);
    }
    mi_jadd_as(run, t, text, strlen(text), s, at, at + n);
}

static void repr_str(struct mi_jrun *run, struct mi_jtext *t, const struct mi_jstr *s)
{
    bool has_single = s->len && memchr(s->at, '\'', s->len);
    bool has_double = s->len && memchr(s->at, '"', s->len);
    char quote = has_single && !has_double ? '"' : '\'';

    if (s->is_markup)
        mi_jadd_z(run, t, "Markup(");
    mi_jadd(run, t, &quote, 1);
    for (size_t i = 0, n = 0; i < s->len && mi_jwork(run, 0); i += n) {
        uint32_t cp = mi_jchar(s, i, &n);

        repr_char(run, t, s, i, n, cp, quote);
    }
    mi_jadd(run, t, &quote, 1);
    if (s->is_markup)
        mi_jadd_z(run, t, ")");
}

/* ---- collections ------------------------------------------------------------------------- */

static void repr_list(struct mi_jrun *run, struct mi_jtext *t, const struct mi_jlist *l)
{
    static const char *const open[] = {"[",           "(", NULL, "dict_keys([", "dict_values([",
                                       "dict_items(["};
    static const char *const close[] = {"]", ")", NULL, "])", "])", "])"};
    char text[96];

    if (l->form == MI_JFORM_ONCE) {
        mi_jfail(run, "a generator cannot be printed; use the list filter");
        return;
    }
    if (l->form == MI_JFORM_RANGE) {
        int n = snprintf(text, sizeof text, "range(%" PRId64 ", %" PRId64, l->start, l->stop);

        if (l->stride != 1)
            n += snprintf(text + n, sizeof text - (size_t)n, ", %" PRId64, l->stride);
        snprintf(text + n, sizeof text - (size_t)n, ")");
        mi_jadd_z(run, t, text);
        return;
    }
    mi_jadd_z(run, t, open[l->form]);
    for (size_t i = 0; i < l->n && !run->failed; i++) {
        if (i)
            mi_jadd_z(run, t, ", ");
        mi_jrepr(run, t, l->item[i]);
    }
    if (l->form == MI_JFORM_TUPLE && l->n == 1)
        mi_jadd_z(run, t, ",");
    mi_jadd_z(run, t, close[l->form]);
}

static void repr_dict(struct mi_jrun *run, struct mi_jtext *t, const struct mi_jdict *d)
{
    mi_jadd_z(run, t, "{");
    for (size_t i = 0; i < d->n && !run->failed; i++) {
        if (i)
            mi_jadd_z(run, t, ", ");
        mi_jrepr(run, t, d->pair[i].key);
        mi_jadd_z(run, t, ": ");
        mi_jrepr(run, t, d->pair[i].value);
    }
    mi_jadd_z(run, t, "}");
}

static void repr_loop(struct mi_jrun *run, struct mi_jtext *t, const struct mi_jloop *l)
{
    char text[64];

    snprintf(text, sizeof text, "<LoopContext %zu/%zu>", l->index + 1, l->over->n);
    mi_jadd_z(run, t, text);
}

static void repr_call(struct mi_jrun *run, struct mi_jtext *t, const struct mi_jcall *c)
{
    if (c->call || !c->macro) {
        mi_jfail(run, "a function cannot be printed");
        return;
    }
    mi_jadd_z(run, t, c->name ? "<Macro '" : "<Macro anonymous");
    mi_jadd_z(run, t, c->name ? c->name : "");
    mi_jadd_z(run, t, c->name ? "'>" : ">");
}

void mi_jrepr(struct mi_jrun *run, struct mi_jtext *t, struct mi_jv v)
{
    if (!mi_jwork(run, 0) || !mi_jenter(run))
        return;
    switch (v.kind) {
    case MI_JUNDEFINED: mi_jadd_z(run, t, "Undefined"); break;
    case MI_JNONE: mi_jadd_z(run, t, "None"); break;
    case MI_JBOOL: mi_jadd_z(run, t, v.as.flag ? "True" : "False"); break;
    case MI_JINT:
    case MI_JREAL: print_number(run, t, v); break;
    case MI_JSTR: repr_str(run, t, v.as.str); break;
    case MI_JLIST: repr_list(run, t, v.as.list); break;
    case MI_JDICT: repr_dict(run, t, v.as.dict); break;
    case MI_JSPACE:
        mi_jadd_z(run, t, "<Namespace ");
        repr_dict(run, t, v.as.dict);
        mi_jadd_z(run, t, ">");
        break;
    case MI_JLOOP: repr_loop(run, t, v.as.loop); break;
    case MI_JCALL: repr_call(run, t, v.as.call); break;
    }
    mi_jleave(run);
}

void mi_jprint(struct mi_jrun *run, struct mi_jtext *t, struct mi_jv v)
{
    if (run->failed)
        return;
    if (v.kind == MI_JSTR)
        mi_jadd_str(run, t, v.as.str);
    else if (v.kind != MI_JUNDEFINED)
        mi_jrepr(run, t, v);
}

const struct mi_jstr *mi_jto_str(struct mi_jrun *run, struct mi_jv v)
{
    struct mi_jtext t = {0};

    if (v.kind == MI_JSTR)
        return v.as.str;
    mi_jprint(run, &t, v);
    return mi_jtext_value(run, &t).as.str;
}
