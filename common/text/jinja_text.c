/* Strings whose parts know where they come from. */
#include "base/escape.h"
#include "text/jinja_value.h"
#include "text/unicode.h"

/* ---- made ------------------------------------------------------------------------- */

static bool is_ascii(const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)s[i] >= 0x80)
            return false;
    return true;
}

static struct mi_jv string_of(struct mi_jrun *run, struct mi_jstr s)
{
    struct mi_jstr *made = mi_jalloc(run, sizeof *made);

    *made = s;
    return (struct mi_jv){.kind = MI_JSTR, .as.str = made};
}

struct mi_jv mi_jstr(struct mi_jrun *run, const char *s, size_t len)
{
    struct mi_jtext t = {0};

    mi_jadd(run, &t, s, len);
    return mi_jtext_value(run, &t);
}

struct mi_jv mi_jstr_z(struct mi_jrun *run, const char *s)
{
    size_t len = strlen(s);

    return string_of(run, (struct mi_jstr){.at = s, .len = len, .is_ascii = is_ascii(s, len)});
}

struct mi_jv mi_jsub(struct mi_jrun *run, const struct mi_jstr *s, size_t from, size_t to)
{
    struct mi_jtext t = {0};

    if (from == 0 && to == s->len)
        return (struct mi_jv){.kind = MI_JSTR, .as.str = s};
    if (s->n_parts == 0) /* the bytes are shared */
        return string_of(
            run, (struct mi_jstr){.at = s->at + from,
                                  .len = to - from,
                                  .is_ascii = s->is_ascii || is_ascii(s->at + from, to - from),
                                  .is_markup = s->is_markup});
    mi_jadd_sub(run, &t, s, from, to);
    return mi_jmarkup(run, mi_jtext_value(run, &t).as.str, s->is_markup);
}

struct mi_jv mi_jmarkup(struct mi_jrun *run, const struct mi_jstr *s, bool is_markup)
{
    struct mi_jstr same = *s;

    if (s->is_markup == is_markup)
        return (struct mi_jv){.kind = MI_JSTR, .as.str = s};
    same.is_markup = is_markup;
    return string_of(run, same);
}

struct mi_jv mi_jescape(struct mi_jrun *run, const struct mi_jstr *s)
{
    static const char marks[] = "&<>'\"";
    static const char *const names[] = {"&amp;", "&lt;", "&gt;", "&#39;", "&#34;"};
    struct mi_jtext t = {0};
    size_t plain = 0;

    for (size_t i = 0; i < s->len && mi_jwork(run, 0); i++) {
        const char *at = s->at[i] ? strchr(marks, s->at[i]) : NULL;

        if (!at)
            continue;
        mi_jadd_sub(run, &t, s, plain, i);
        mi_jadd_as(run, &t, names[at - marks], strlen(names[at - marks]), s, i, i + 1);
        plain = i + 1;
    }
    mi_jadd_sub(run, &t, s, plain, s->len);
    return mi_jmarkup(run, mi_jtext_value(run, &t).as.str, true);
}

struct mi_jv mi_jtext_value(struct mi_jrun *run, struct mi_jtext *t)
{
    struct mi_jstr s = {
        .at = t->len ? t->data : "", .len = t->len, .part = t->part, .n_parts = t->n_parts};

    s.is_ascii = is_ascii(s.at, s.len);
    return string_of(run, s);
}

/* ---- added to ---------------------------------------------------------------------- */

void mi_jadd(struct mi_jrun *run, struct mi_jtext *t, const char *bytes, size_t n)
{
    char *data;

    if (n == 0 || !mi_jwork(run, n))
        return;
    data = mi_jgrow(run, t->data, t->len, n, &t->cap, 1);
    if (!data)
        return;
    t->data = data;
    memcpy(t->data + t->len, bytes, n);
    t->len += n;
}

void mi_jadd_z(struct mi_jrun *run, struct mi_jtext *t, const char *s)
{
    mi_jadd(run, t, s, strlen(s));
}

static void add_part(struct mi_jrun *run, struct mi_jtext *t, struct mi_jinja_part p)
{
    struct mi_jinja_part *last = t->n_parts ? &t->part[t->n_parts - 1] : NULL, *at;

    if (p.begin >= p.end)
        return;
    if (last && last->end == p.begin && last->source == p.source &&
        last->offset + (last->end - last->begin) == p.offset) {
        last->end = p.end;
        return;
    }
    at = mi_jgrow(run, t->part, t->n_parts, 1, &t->part_cap, sizeof *at);
    if (!at)
        return;
    t->part = at;
    t->part[t->n_parts++] = p;
}

/* The first part of s that ends behind byte `at`. */
static size_t first_part(const struct mi_jstr *s, size_t at)
{
    size_t lo = 0, hi = s->n_parts;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;

        if (s->part[mid].end > at)
            hi = mid;
        else
            lo = mid + 1;
    }
    return lo;
}

void mi_jadd_sub(struct mi_jrun *run, struct mi_jtext *t, const struct mi_jstr *s, size_t from,
                 size_t to)
{
    size_t base = t->len;

    mi_jadd(run, t, s->at + from, to - from);
    for (size_t i = first_part(s, from); i < s->n_parts && s->part[i].begin < to; i++) {
        struct mi_jinja_part p = s->part[i];
        size_t cut = p.begin < from ? from - p.begin : 0;

        if (!mi_jwork(run, 0))
            return;
        p.begin += cut;
        p.offset += cut;
        if (p.end > to)
            p.end = to;
        p.begin = base + (p.begin - from);
        p.end = base + (p.end - from);
        add_part(run, t, p);
    }
}

void mi_jadd_str(struct mi_jrun *run, struct mi_jtext *t, const struct mi_jstr *s)
{
    mi_jadd_sub(run, t, s, 0, s->len);
}

void mi_jadd_as(struct mi_jrun *run, struct mi_jtext *t, const char *bytes, size_t n,
                const struct mi_jstr *s, size_t from, size_t to)
{
    size_t base = t->len, i = first_part(s, from);

    mi_jadd(run, t, bytes, n);
    if (i < s->n_parts && s->part[i].begin < to) {
        struct mi_jinja_part p = s->part[i];
        size_t offset = p.offset + (from > p.begin ? from - p.begin : 0);

        add_part(run, t, (struct mi_jinja_part){base, base + n, p.source, offset});
    }
}

/* ---- looked at ---------------------------------------------------------------------- */

int mi_jcompare_str(const struct mi_jstr *a, const struct mi_jstr *b)
{
    size_t n = a->len < b->len ? a->len : b->len;
    int r = memcmp(a->at, b->at, n); /* the order of UTF-8 is that of code points */

    return r ? r : (a->len > b->len) - (a->len < b->len);
}

bool mi_jstr_is(struct mi_jv v, const char *s)
{
    return v.kind == MI_JSTR && v.as.str->len == strlen(s) &&
           memcmp(v.as.str->at, s, v.as.str->len) == 0;
}

size_t mi_jfind(struct mi_jrun *run, const struct mi_jstr *s, size_t from, size_t to,
                const struct mi_jstr *needle)
{
    if (needle->len == 0)
        return from <= to ? from : SIZE_MAX;
    while (from + needle->len <= to) {
        const char *at = memchr(s->at + from, needle->at[0], to - needle->len - from + 1);

        if (!at)
            break;
        from = (size_t)(at - s->at);
        if (!mi_jwork(run, needle->len))
            break;
        if (memcmp(at, needle->at, needle->len) == 0)
            return from;
        from++;
    }
    return SIZE_MAX;
}

uint32_t mi_jchar(const struct mi_jstr *s, size_t at, size_t *len)
{
    uint32_t cp = (unsigned char)s->at[at];
    int n = cp < 0x80 ? 1 : mi_utf8_decode(s->at + at, s->len - at, &cp);

    *len = n > 0 ? (size_t)n : 1;
    return cp;
}

static bool starts_char(char c)
{
    return ((unsigned char)c & 0xc0) != 0x80;
}

int64_t mi_jn_chars(const struct mi_jstr *s)
{
    int64_t n = 0;

    if (s->is_ascii)
        return (int64_t)s->len;
    for (size_t i = 0; i < s->len; i++)
        n += starts_char(s->at[i]);
    return n;
}

size_t mi_jbyte_of(const struct mi_jstr *s, int64_t i)
{
    size_t at = 0;

    if (s->is_ascii)
        return (size_t)i;
    while (at < s->len && i > 0) {
        at++;
        while (at < s->len && !starts_char(s->at[at]))
            at++;
        i--;
    }
    return at;
}

bool mi_jis_space(uint32_t cp)
{
    return mi_is_space(cp) || (cp >= 0x1c && cp <= 0x1f);
}

static bool is_stripped(uint32_t cp, const struct mi_jstr *chars)
{
    if (!chars)
        return mi_jis_space(cp);
    for (size_t i = 0, n = 0; i < chars->len; i += n)
        if (mi_jchar(chars, i, &n) == cp)
            return true;
    return false;
}

struct mi_jv mi_jstrip(struct mi_jrun *run, const struct mi_jstr *s, int sides,
                       const struct mi_jstr *chars)
{
    size_t from = 0, to = s->len, n;

    while ((sides & 1) && from < to && mi_jwork(run, chars ? chars->len : 0) &&
           is_stripped(mi_jchar(s, from, &n), chars))
        from += n;
    while ((sides & 2) && from < to && mi_jwork(run, chars ? chars->len : 0)) {
        size_t at = to - 1;

        while (at > from && !starts_char(s->at[at]))
            at--;
        if (!is_stripped(mi_jchar(s, at, &n), chars))
            break;
        to = at;
    }
    return mi_jsub(run, s, from, to);
}
