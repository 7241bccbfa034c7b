/* Filters for HTML and URLs: striptags, urlencode, xmlattr. */
#include "base/escape.h"
#include "text/jinja_value.h"

/* ---- references: &amp; &#38; --------------------------------------------------------------- */

/* Names that mean something without ";" too; those of U+00A0 to U+00FF in order. */
static const char latin_names[] =
    "nbsp iexcl cent pound curren yen brvbar sect uml copy ordf laquo not shy reg macr deg plusmn "
    "sup2 sup3 acute micro para middot cedil sup1 ordm raquo frac14 frac12 frac34 iquest Agrave "
    "Aacute Acirc Atilde Auml Aring AElig Ccedil Egrave Eacute Ecirc Euml Igrave Iacute Icirc Iuml "
    "ETH Ntilde Ograve Oacute Ocirc Otilde Ouml times Oslash Ugrave Uacute Ucirc Uuml Yacute THORN "
    "szlig agrave aacute acirc atilde auml aring aelig ccedil egrave eacute ecirc euml igrave "
    "iacute icirc iuml eth ntilde ograve oacute ocirc otilde ouml divide oslash ugrave uacute "
    "ucirc uuml yacute thorn yuml ";

static const struct {
    const char *name;
    unsigned char cp;
} plain_names[] = {{"amp", '&'}, {"AMP", '&'},   {"lt", '<'},    {"LT", '<'},   {"gt", '>'},
                   {"GT", '>'},  {"quot", '\"'}, {"QUOT", '\"'}, {"COPY", 169}, {"REG", 174}};

/* What bytes 0x80 to 0x9f mean to those who write numbers of them; 0: what the number says. */
static const uint16_t cp1252[32] = {0x20ac, 0,      0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021,
                                    0x02c6, 0x2030, 0x0160, 0x2039, 0x0152, 0,      0x017d, 0,
                                    0,      0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014,
                                    0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0,      0x017e, 0x0178};

static uint32_t named(const char *s, size_t len)
{
    uint32_t cp = 0xa0;

    for (size_t i = 0; i < sizeof plain_names / sizeof *plain_names; i++)
        if (strlen(plain_names[i].name) == len && memcmp(plain_names[i].name, s, len) == 0)
            return plain_names[i].cp;
    for (const char *at = latin_names; *at; at += strcspn(at, " ") + 1, cp++)
        if (strcspn(at, " ") == len && memcmp(at, s, len) == 0)
            return cp;
    return 0;
}

/* Whether a number is left out as the number of no character. */
static bool is_nothing(uint32_t cp)
{
    return (cp >= 1 && cp <= 8) || cp == 0xb || (cp >= 0xe && cp <= 0x1f) ||
           (cp >= 0x7f && cp <= 0x9f) || (cp >= 0xfdd0 && cp <= 0xfdef) || (cp & 0xfffe) == 0xfffe;
}

/* &#38; or &#x26; at s [len]: the bytes that it takes, 0 for none. */
static size_t take_number(const char *s, size_t len, char *out, size_t *n_out)
{
    bool is_hex = len > 2 && (s[2] == 'x' || s[2] == 'X');
    size_t at = is_hex ? 3 : 2, first = at;
    uint32_t cp = 0;

    for (; at < len; at++) {
        int c = (unsigned char)s[at], low = c | 32;
        int digit = c >= '0' && c <= '9'                 ? c - '0'
                    : is_hex && low >= 'a' && low <= 'f' ? low - 'a' + 10
                                                         : -1;

        if (digit < 0)
            break;
        if (cp <= 0x10ffff)
            cp = cp * (is_hex ? 16 : 10) + (uint32_t)digit;
    }
    if (at == first)
        return 0;
    at += at < len && s[at] == ';';
    if (cp >= 0x80 && cp < 0xa0 && cp1252[cp - 0x80])
        cp = cp1252[cp - 0x80];
    else if (cp == 0 || cp > 0x10ffff || (cp >= 0xd800 && cp < 0xe000))
        cp = 0xfffd;
    else if (is_nothing(cp) && !(cp >= 0x80 && cp < 0xa0 && cp != 0x7f))
        cp = UINT32_MAX;
    *n_out = cp == UINT32_MAX ? 0 : (size_t)mi_utf8_encode(cp, out);
    return at;
}

/* The same for a name. A name with ";" that is not among ours may be one of HTML's two thousand
 * others: that fails. */
static size_t take_name(struct mi_jrun *run, const char *s, size_t len, char *out, size_t *n_out)
{
    size_t n = 1, end;
    int chars = 0;
    uint32_t cp;
    bool is_plain = true;

    while (n < len && !strchr("\t\n\f <&#;", s[n]) && s[n] && chars < 32) {
        is_plain = is_plain && ((s[n] >= '0' && s[n] <= '9') || (s[n] | 32) >= 'a') &&
                   (s[n] | 32) <= 'z' && (unsigned char)s[n] < 0x80;
        n++;
        while (n < len && ((unsigned char)s[n] & 0xc0) == 0x80)
            n++;
        chars++;
    }
    if (n == 1)
        return 0;
    if (n < len && s[n] == ';' && is_plain) {
        cp = n == 5 && memcmp(s, "&apos", 5) == 0 ? '\'' : named(s + 1, n - 1);
        if (!cp && n > 2) {
            mi_jfail(run, "striptags: '%.*s;' is not supported", (int)n, s);
            return 0;
        }
        if (cp) {
            *n_out = (size_t)mi_utf8_encode(cp, out);
            return n + 1;
        }
    }
    for (end = n < 8 ? n : 8; end > 2; end--) {
        cp = named(s + 1, end - 1);
        if (cp) {
            *n_out = (size_t)mi_utf8_encode(cp, out);
            return end;
        }
    }
    return 0;
}

static struct mi_jv unescape(struct mi_jrun *run, const struct mi_jstr *s)
{
    struct mi_jtext t = {0};
    size_t done = 0;

    for (size_t i = 0; i < s->len && mi_jwork(run, 0);) {
        const char *at = memchr(s->at + i, '&', s->len - i);
        size_t n, n_out = 0;
        char out[4];

        if (!at)
            break;
        i = (size_t)(at - s->at);
        mi_jwork(run, 64 * 32);
        n = i + 1 < s->len && at[1] == '#' ? take_number(at, s->len - i, out, &n_out)
                                           : take_name(run, at, s->len - i, out, &n_out);
        if (n == 0) {
            i++;
            continue;
        }
        mi_jadd_sub(run, &t, s, done, i);
        mi_jadd_as(run, &t, out, n_out, s, i, i + n);
        done = i += n;
    }
    mi_jadd_sub(run, &t, s, done, s->len);
    return mi_jtext_value(run, &t);
}

/* ---- tags -------------------------------------------------------------------------------- */

static size_t find(struct mi_jrun *run, const struct mi_jstr *s, size_t from, const char *what)
{
    return from > s->len ? SIZE_MAX : mi_jfind(run, s, from, s->len, mi_jstr_z(run, what).as.str);
}

static struct mi_jv f_striptags(struct mi_jrun *run, struct mi_jv v, const struct mi_jargs *args)
{
    static const struct mi_jstr split = {.at = "split", .len = 5};
    const struct mi_jstr *s = mi_jto_str(run, v);
    struct mi_jtext t = {0};
    struct mi_jv words;
    size_t done = 0;

    if (!mi_jbind(run, "striptags", args, "", 0, NULL))
        return v;
    s = mi_jmarkup(run, s, false).as.str;
    while (!run->failed) {
        size_t start = find(run, s, done, "<"), end;
        bool is_comment =
            start != SIZE_MAX && s->len - start >= 4 && memcmp(s->at + start, "<!--", 4) == 0;

        if (start == SIZE_MAX)
            break;
        end = is_comment ? find(run, s, start + 4, "-->") : find(run, s, start, ">");
        if (end == SIZE_MAX)
            break;
        mi_jadd_sub(run, &t, s, done, start);
        done = end + (is_comment ? 3 : 1);
    }
    mi_jadd_sub(run, &t, s, done, s->len);
    words = mi_jentry_find(mi_jstr_methods, &split)
                ->call(run, mi_jtext_value(run, &t), &(struct mi_jargs){0});
    if (run->failed)
        return v;
    v = mi_jjoin(run, mi_jstr_z(run, " ").as.str, words.as.list);
    return run->failed ? v : unescape(run, v.as.str);
}

static struct mi_jv f_xmlattr(struct mi_jrun *run, struct mi_jv v, const struct mi_jargs *args)
{
    struct mi_jv given[1];
    struct mi_jtext t = {0};

    if (!mi_jbind(run, "xmlattr", args, "autospace", 0, given))
        return v;
    if (v.kind != MI_JDICT)
        return v.kind == MI_JUNDEFINED ? mi_jfail_undefined(run, v)
                                       : mi_jfail(run, "xmlattr: no map but %s", mi_jtype(v));
    for (size_t i = 0; i < v.as.dict->n && mi_jwork(run, 0); i++) {
        struct mi_jpair p = v.as.dict->pair[i];
        const struct mi_jstr *value;

        if (p.value.kind == MI_JNONE || p.value.kind == MI_JUNDEFINED)
            continue;
        if (p.key.kind != MI_JSTR)
            return mi_jfail(run, "xmlattr: a name that is no string but %s", mi_jtype(p.key));
        for (size_t k = 0; k < p.key.as.str->len; k++)
            if (p.key.as.str->at[k] && strchr(" \t\n\r\f\v/>=", p.key.as.str->at[k]))
                return mi_jfail(run, "xmlattr: a name with a blank, '/', '>' or '='");
        if (t.len > 0 || !mi_jgiven(given[0]) || mi_jtruth(given[0]))
            mi_jadd_z(run, &t, " ");
        value = mi_jto_str(run, p.value);
        mi_jadd_str(run, &t, mi_jescape(run, p.key.as.str).as.str);
        mi_jadd_z(run, &t, "=\"");
        mi_jadd_str(run, &t, value->is_markup ? value : mi_jescape(run, value).as.str);
        mi_jadd_z(run, &t, "\"");
    }
    return mi_jtext_value(run, &t);
}

/* ---- URLs -------------------------------------------------------------------------------- */

/* In a query "/" is quoted too, and a space is "+". */
static void quote(struct mi_jrun *run, struct mi_jtext *t, const struct mi_jstr *s, bool in_query)
{
    static const char hex[] = "0123456789ABCDEF";

    mi_jwork(run, s->len);
    for (size_t i = 0; i < s->len && !run->failed; i++) {
        unsigned char c = (unsigned char)s->at[i];
        char code[3] = {'%', hex[c >> 4], hex[c & 15]};

        if ((c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') ||
            (c && strchr("_.-~", c)) || (c == '/' && !in_query))
            mi_jadd_sub(run, t, s, i, i + 1);
        else if (c == ' ' && in_query)
            mi_jadd_as(run, t, "+", 1, s, i, i + 1);
        else
            mi_jadd_as(run, t, code, 3, s, i, i + 1);
    }
}

static struct mi_jv f_urlencode(struct mi_jrun *run, struct mi_jv v, const struct mi_jargs *args)
{
    static const struct mi_jstr items = {.at = "items", .len = 5};
    const struct mi_jlist *pairs;
    struct mi_jtext t = {0};

    if (!mi_jbind(run, "urlencode", args, "", 0, NULL))
        return v;
    if (v.kind == MI_JSTR || !mi_jcan_iterate(v)) {
        quote(run, &t, mi_jto_str(run, v), false);
        return mi_jtext_value(run, &t);
    }
    if (v.kind == MI_JDICT)
        v = mi_jentry_find(mi_jdict_methods, &items)->call(run, v, &(struct mi_jargs){0});
    pairs = mi_jiterate(run, v);
    for (size_t i = 0; i < pairs->n && mi_jwork(run, 0); i++) {
        const struct mi_jlist *pair = mi_jiterate(run, pairs->item[i]);

        if (!run->failed && pair->n != 2)
            return mi_jfail(run, "urlencode: an item that is no pair");
        if (run->failed)
            break;
        if (i)
            mi_jadd_z(run, &t, "&");
        quote(run, &t, mi_jto_str(run, pair->item[0]), true);
        mi_jadd_z(run, &t, "=");
        quote(run, &t, mi_jto_str(run, pair->item[1]), true);
    }
    return mi_jtext_value(run, &t);
}

const struct mi_jentry mi_jweb_filters[] = {
    {"striptags", f_striptags}, {"urlencode", f_urlencode}, {"xmlattr", f_xmlattr}, {NULL, NULL}};
