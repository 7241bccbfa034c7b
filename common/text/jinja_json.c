/* tojson as transformers defines it: json.dumps without HTML escapes, and with text as it is. */
#include "text/jinja_value.h"

#include <math.h>
#include <stdio.h>

struct style {
    bool ascii, sorts;
    const struct mi_jstr *indent; /* NULL: all on one line */
    const struct mi_jstr *between, *colon;
};

static void write_value(struct mi_jrun *run, struct mi_jtext *t, const struct style *s,
                        struct mi_jv v, int level);

/* ---- scalars ----------------------------------------------------------------------------- */

static void write_char(struct mi_jrun *run, struct mi_jtext *t, const struct style *style,
                       const struct mi_jstr *s, size_t at, size_t n, uint32_t cp)
{
    static const char plain[] = "\"\\\n\r\t\f\b", letters[] = "\"\\nrtfb";
    const char *known = cp && cp < 0x80 ? strchr(plain, (int)cp) : NULL;
    char text[16];

    if (known)
        snprintf(text, sizeof text, "\\%c", letters[known - plain]);
    else if (cp >= 0x10000 && style->ascii)
        snprintf(text, sizeof text, "\\u%04x\\u%04x", (unsigned)(0xd7c0 + (cp >> 10)),
                 (unsigned)(0xdc00 + (cp & 0x3ff)));
    else if (cp < 0x20 || (style->ascii && cp > 0x7e))
        snprintf(text, sizeof text, "\\u%04x", (unsigned)cp);
    else {
        mi_jadd_sub(run, t, s, at, at + n);
        return;
    }
    mi_jadd_as(run, t, text, strlen(text), s, at, at + n);
}

static void write_str(struct mi_jrun *run, struct mi_jtext *t, const struct style *style,
                      const struct mi_jstr *s)
{
    mi_jadd_z(run, t, "\"");
    for (size_t i = 0, n = 0; i < s->len && mi_jwork(run, 0); i += n) {
        uint32_t cp = mi_jchar(s, i, &n);

        write_char(run, t, style, s, i, n, cp);
    }
    mi_jadd_z(run, t, "\"");
}

static void write_scalar(struct mi_jrun *run, struct mi_jtext *t, struct mi_jv v)
{
    if (v.kind == MI_JNONE)
        mi_jadd_z(run, t, "null");
    else if (v.kind == MI_JBOOL)
        mi_jadd_z(run, t, v.as.flag ? "true" : "false");
    else if (v.kind == MI_JREAL && !isfinite(v.as.real))
        mi_jadd_z(run, t, isnan(v.as.real) ? "NaN" : v.as.real < 0 ? "-Infinity" : "Infinity");
    else
        mi_jrepr(run, t, v);
}

/* ---- collections ------------------------------------------------------------------------- */

static void new_line(struct mi_jrun *run, struct mi_jtext *t, const struct style *s, int level)
{
    if (!s->indent)
        return;
    mi_jadd_z(run, t, "\n");
    for (int i = 0; i < level && !run->failed; i++)
        mi_jadd_str(run, t, s->indent);
}

static void write_key(struct mi_jrun *run, struct mi_jtext *t, const struct style *s,
                      struct mi_jv key)
{
    if (key.kind == MI_JSTR) {
        write_str(run, t, s, key.as.str);
        return;
    }
    if (key.kind > MI_JREAL || key.kind == MI_JUNDEFINED) {
        mi_jfail(run, "keys of JSON must be strings, numbers, bool or none, not %s", mi_jtype(key));
        return;
    }
    mi_jadd_z(run, t, "\"");
    write_scalar(run, t, key);
    mi_jadd_z(run, t, "\"");
}

/* The pairs of d in the order of their keys. */
static const struct mi_jdict *sorted(struct mi_jrun *run, const struct mi_jdict *d)
{
    struct mi_jdict *s = mi_jdict(run).as.dict;

    for (size_t i = 0; i < d->n && !run->failed; i++) {
        size_t k = s->n;

        mi_jset(run, s, d->pair[i].key, d->pair[i].value);
        if (run->failed)
            break;
        for (; k > 0 && mi_jwork(run, 0) &&
               mi_jorder(run, "<", d->pair[i].key, s->pair[k - 1].key) < 0;
             k--)
            s->pair[k] = s->pair[k - 1];
        s->pair[k] = d->pair[i];
    }
    return s;
}

static void write_dict(struct mi_jrun *run, struct mi_jtext *t, const struct style *s,
                       const struct mi_jdict *d, int level)
{
    if (s->sorts)
        d = sorted(run, d);
    mi_jadd_z(run, t, "{");
    for (size_t i = 0; i < d->n && !run->failed; i++) {
        if (i)
            mi_jadd_str(run, t, s->between);
        new_line(run, t, s, level + 1);
        write_key(run, t, s, d->pair[i].key);
        mi_jadd_str(run, t, s->colon);
        write_value(run, t, s, d->pair[i].value, level + 1);
    }
    if (d->n)
        new_line(run, t, s, level);
    mi_jadd_z(run, t, "}");
}

static void write_list(struct mi_jrun *run, struct mi_jtext *t, const struct style *s,
                       const struct mi_jlist *l, int level)
{
    mi_jadd_z(run, t, "[");
    for (size_t i = 0; i < l->n && !run->failed; i++) {
        if (i)
            mi_jadd_str(run, t, s->between);
        new_line(run, t, s, level + 1);
        write_value(run, t, s, l->item[i], level + 1);
    }
    if (l->n)
        new_line(run, t, s, level);
    mi_jadd_z(run, t, "]");
}

static void write_value(struct mi_jrun *run, struct mi_jtext *t, const struct style *s,
                        struct mi_jv v, int level)
{
    if (!mi_jwork(run, 0) || !mi_jenter(run))
        return;
    if (v.kind == MI_JSTR)
        write_str(run, t, s, v.as.str);
    else if (v.kind == MI_JDICT)
        write_dict(run, t, s, v.as.dict, level);
    else if (v.kind == MI_JLIST && v.as.list->form <= MI_JFORM_TUPLE)
        write_list(run, t, s, v.as.list, level);
    else if (v.kind != MI_JUNDEFINED && v.kind < MI_JSTR)
        write_scalar(run, t, v);
    else
        mi_jfail(run, "a value of type %s has no JSON", mi_jtype(v));
    mi_jleave(run);
}

/* ---- the filter -------------------------------------------------------------------------- */

static const struct mi_jstr *literal(struct mi_jrun *run, const char *s)
{
    return mi_jstr_z(run, s).as.str;
}

static void read_indent(struct mi_jrun *run, struct style *s, struct mi_jv v)
{
    struct mi_jtext t = {0};
    int64_t n;

    if (v.kind == MI_JSTR) {
        s->indent = v.as.str;
    } else if (mi_jas_int(v, &n)) {
        for (; n > 0 && !run->failed; n--)
            mi_jadd_z(run, &t, " ");
        s->indent = mi_jtext_value(run, &t).as.str;
    } else if (v.kind != MI_JNONE) {
        mi_jfail(run, "tojson: indent is no number");
    }
}

struct mi_jv mi_jtojson(struct mi_jrun *run, struct mi_jv v, const struct mi_jargs *args)
{
    struct style s = {0};
    struct mi_jv given[4];
    struct mi_jtext t = {0};

    if (!mi_jbind(run, "tojson", args, "ensure_ascii indent separators sort_keys", 0, given))
        return v;
    s.ascii = mi_jtruth(given[0]);
    s.sorts = mi_jtruth(given[3]);
    if (mi_jgiven(given[1]))
        read_indent(run, &s, given[1]);
    s.between = literal(run, s.indent ? "," : ", ");
    s.colon = literal(run, ": ");
    if (mi_jgiven(given[2]) && given[2].kind != MI_JNONE) {
        const struct mi_jlist *l = mi_jiterate(run, given[2]);

        if (run->failed || l->n != 2 || l->item[0].kind != MI_JSTR || l->item[1].kind != MI_JSTR)
            return mi_jfail(run, "tojson: separators are two strings");
        s.between = l->item[0].as.str;
        s.colon = l->item[1].as.str;
    }
    write_value(run, &t, &s, v, 0);
    return mi_jtext_value(run, &t);
}
