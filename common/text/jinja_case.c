/* Methods of str: case, kinds of characters, padding, parts, and both ways to format. */
#include "base/escape.h"
#include "text/jinja_value.h"
#include "text/unicode.h"

/* ---- case --------------------------------------------------------------------------------- */

/* Sigma at the end of a word has a lower case of its own. */
static bool is_final_sigma(const struct mi_jstr *s, size_t at, size_t n, bool after_cased)
{
    size_t len;

    return after_cased &&
           (at + n >= s->len || mi_case_of(mi_jchar(s, at + n, &len)) == MI_CASE_NONE);
}

static void add_cased(struct mi_jrun *run, struct mi_jtext *t, const struct mi_jstr *s, size_t at,
                      size_t n, enum mi_jcase how, bool after_cased)
{
    uint32_t cp = mi_jchar(s, at, &(size_t){0}), out[3];
    int count = how == MI_JUPPER   ? mi_to_upper(cp, out)
                : how == MI_JTITLE ? mi_to_title(cp, out)
                                   : mi_to_lower(cp, out);
    char bytes[12];
    int len = 0;

    if (how == MI_JLOWER && cp == 0x3a3)
        out[0] = is_final_sigma(s, at, n, after_cased) ? 0x3c2 : 0x3c3;
    for (int i = 0; i < count; i++)
        len += mi_utf8_encode(out[i], bytes + len);
    mi_jadd_as(run, t, bytes, (size_t)len, s, at, at + n);
}

/* What separates words for the title filter: -, blanks and opening brackets. */
static bool begins_word(uint32_t cp)
{
    return cp == '-' || cp == '(' || cp == '{' || cp == '[' || cp == '<' || mi_jis_space(cp);
}

struct mi_jv mi_jcased(struct mi_jrun *run, const struct mi_jstr *s, enum mi_jcase how)
{
    struct mi_jtext t = {0};
    bool after_cased = false, at_start = true;

    for (size_t at = 0, n = 0; at < s->len && mi_jwork(run, 0); at += n) {
        uint32_t cp = mi_jchar(s, at, &n);
        enum mi_letter_case now = mi_case_of(cp);
        enum mi_jcase as = how;

        if (how == MI_JCAPITAL)
            as = at == 0 ? MI_JTITLE : MI_JLOWER;
        else if (how == MI_JTITLE)
            as = after_cased ? MI_JLOWER : MI_JTITLE;
        else if (how == MI_JTITLE_FILTER)
            as = at_start ? MI_JUPPER : MI_JLOWER;
        else if (how == MI_JSWAP)
            as = now == MI_CASE_UPPER ? MI_JLOWER : MI_JUPPER;
        add_cased(run, &t, s, at, n, as, after_cased);
        after_cased = now != MI_CASE_NONE;
        at_start = begins_word(cp);
    }
    return mi_jmarkup(run, mi_jtext_value(run, &t).as.str, s->is_markup && how != MI_JTITLE_FILTER);
}

static struct mi_jv cased(struct mi_jrun *run, struct mi_jv self, const struct mi_jargs *args,
                          enum mi_jcase how)
{
    return mi_jbind(run, "this method", args, "", 0, NULL) ? mi_jcased(run, self.as.str, how)
                                                           : self;
}

#define CASED(name, how)                                                                          \
    static struct mi_jv name(struct mi_jrun *run, struct mi_jv self, const struct mi_jargs *args) \
    {                                                                                             \
        return cased(run, self, args, how);                                                       \
    }

CASED(str_upper, MI_JUPPER)
CASED(str_lower, MI_JLOWER)
CASED(str_capitalize, MI_JCAPITAL)
CASED(str_title, MI_JTITLE)
CASED(str_swapcase, MI_JSWAP)

/* ---- stripping ---------------------------------------------------------------------------- */

static struct mi_jv strip(struct mi_jrun *run, struct mi_jv self, const struct mi_jargs *args,
                          int sides)
{
    struct mi_jv given[1];
    const struct mi_jstr *chars = NULL;

    if (!mi_jbind(run, "strip", args, "_", 0, given) ||
        (given[0].kind != MI_JNONE && !mi_jarg_str(run, "strip", given[0], &chars)))
        return self;
    return mi_jstrip(run, self.as.str, sides, chars);
}

static struct mi_jv str_strip(struct mi_jrun *run, struct mi_jv self, const struct mi_jargs *args)
{
    return strip(run, self, args, 3);
}

static struct mi_jv str_lstrip(struct mi_jrun *run, struct mi_jv self, const struct mi_jargs *args)
{
    return strip(run, self, args, 1);
}

static struct mi_jv str_rstrip(struct mi_jrun *run, struct mi_jv self, const struct mi_jargs *args)
{
    return strip(run, self, args, 2);
}

/* ---- kinds of characters ------------------------------------------------------------------- */

enum kind { ALPHA, DIGIT, ALNUM, SPACE, ASCII };

static bool is_of(uint32_t cp, enum kind kind)
{
    switch (kind) {
    case ALPHA: return mi_is_letter(cp);
    case DIGIT: return mi_is_number(cp);
    case ALNUM: return mi_is_letter(cp) || mi_is_number(cp);
    case SPACE: return mi_jis_space(cp);
    case ASCII: break;
    }
    return cp < 0x80;
}

static struct mi_jv all_are(struct mi_jrun *run, struct mi_jv self, const struct mi_jargs *args,
                            enum kind kind)
{
    const struct mi_jstr *s = self.as.str;
    bool all = s->len > 0 || kind == ASCII;

    if (!mi_jbind(run, "this method", args, "", 0, NULL))
        return self;
    for (size_t i = 0, n = 0; all && i < s->len && mi_jwork(run, 0); i += n)
        all = is_of(mi_jchar(s, i, &n), kind);
    return mi_jbool(all);
}

#define ALL_ARE(name, kind)                                                                       \
    static struct mi_jv name(struct mi_jrun *run, struct mi_jv self, const struct mi_jargs *args) \
    {                                                                                             \
        return all_are(run, self, args, kind);                                                    \
    }

ALL_ARE(str_isalpha, ALPHA)
ALL_ARE(str_isdigit, DIGIT)
ALL_ARE(str_isalnum, ALNUM)
ALL_ARE(str_isspace, SPACE)
ALL_ARE(str_isascii, ASCII)

bool mi_jhas_case(struct mi_jrun *run, const struct mi_jstr *s, bool upper)
{
    bool any = false;

    for (size_t i = 0, n = 0; i < s->len && mi_jwork(run, 0); i += n) {
        enum mi_letter_case c = mi_case_of(mi_jchar(s, i, &n));

        if (c == MI_CASE_TITLE || c == (upper ? MI_CASE_LOWER : MI_CASE_UPPER))
            return false;
        any = any || c != MI_CASE_NONE;
    }
    return any;
}

static struct mi_jv str_isupper(struct mi_jrun *run, struct mi_jv self, const struct mi_jargs *args)
{
    return mi_jbool(mi_jbind(run, "isupper", args, "", 0, NULL) &&
                    mi_jhas_case(run, self.as.str, true));
}

static struct mi_jv str_islower(struct mi_jrun *run, struct mi_jv self, const struct mi_jargs *args)
{
    return mi_jbool(mi_jbind(run, "islower", args, "", 0, NULL) &&
                    mi_jhas_case(run, self.as.str, false));
}

/* ---- padding ------------------------------------------------------------------------------- */

struct mi_jv mi_jpad(struct mi_jrun *run, const struct mi_jstr *s, int64_t left, int64_t right,
                     const char *fill, size_t fill_len)
{
    struct mi_jtext t = {0};

    for (; left > 0 && mi_jwork(run, 0); left--)
        mi_jadd(run, &t, fill, fill_len);
    mi_jadd_str(run, &t, s);
    for (; right > 0 && mi_jwork(run, 0); right--)
        mi_jadd(run, &t, fill, fill_len);
    return mi_jmarkup(run, mi_jtext_value(run, &t).as.str, s->is_markup);
}

enum side { LEFT, RIGHT, BOTH };

static struct mi_jv pad(struct mi_jrun *run, struct mi_jv self, const struct mi_jargs *args,
                        enum side text_at)
{
    struct mi_jv given[2];
    const struct mi_jstr *fill = mi_jstr_z(run, " ").as.str;
    int64_t width = 0, room, left;

    if (!mi_jbind(run, "this method", args, "_ _", 1, given) ||
        !mi_jarg_int(run, "this method", given[0], &width) ||
        !mi_jarg_str(run, "this method", given[1], &fill))
        return self;
    if (mi_jn_chars(fill) != 1)
        return mi_jfail(run, "the fill must be one character");
    room = width - mi_jn_chars(self.as.str);
    if (width < 0 || room <= 0)
        return self;
    left = text_at == LEFT ? 0 : text_at == RIGHT ? room : room / 2 + (room & width & 1);
    return mi_jpad(run, self.as.str, left, room - left, fill->at, fill->len);
}

static struct mi_jv str_ljust(struct mi_jrun *run, struct mi_jv self, const struct mi_jargs *args)
{
    return pad(run, self, args, LEFT);
}

static struct mi_jv str_rjust(struct mi_jrun *run, struct mi_jv self, const struct mi_jargs *args)
{
    return pad(run, self, args, RIGHT);
}

static struct mi_jv str_center(struct mi_jrun *run, struct mi_jv self, const struct mi_jargs *args)
{
    return pad(run, self, args, BOTH);
}

static struct mi_jv str_zfill(struct mi_jrun *run, struct mi_jv self, const struct mi_jargs *args)
{
    const struct mi_jstr *s = self.as.str;
    struct mi_jv given[1];
    struct mi_jtext t = {0};
    int64_t width = 0;
    size_t sign = s->len > 0 && (s->at[0] == '-' || s->at[0] == '+');

    if (!mi_jbind(run, "zfill", args, "_", 1, given) ||
        !mi_jarg_int(run, "zfill", given[0], &width))
        return self;
    mi_jadd_sub(run, &t, s, 0, sign);
    for (int64_t n = mi_jn_chars(s); n < width && mi_jwork(run, 0); n++)
        mi_jadd(run, &t, "0", 1);
    mi_jadd_sub(run, &t, s, sign, s->len);
    return mi_jmarkup(run, mi_jtext_value(run, &t).as.str, s->is_markup);
}

/* ---- parts --------------------------------------------------------------------------------- */

static struct mi_jv partition(struct mi_jrun *run, struct mi_jv self, const struct mi_jargs *args,
                              bool is_last)
{
    const struct mi_jstr *s = self.as.str, *by = NULL;
    struct mi_jv given[1], t = mi_jlist(run, MI_JFORM_TUPLE), none = mi_jsub(run, s, 0, 0);
    size_t found, at;

    if (!mi_jbind(run, "partition", args, "_", 1, given) ||
        !mi_jarg_str(run, "partition", given[0], &by))
        return self;
    if (by->len == 0)
        return mi_jfail(run, "partition: an empty separator");
    found = mi_jfind(run, s, 0, s->len, by);
    for (at = found; is_last && at != SIZE_MAX && mi_jwork(run, 0);) {
        found = at;
        at = mi_jfind(run, s, at + 1, s->len, by);
    }
    if (found == SIZE_MAX) {
        mi_jpush(run, t, is_last ? none : self);
        mi_jpush(run, t, none);
        mi_jpush(run, t, is_last ? self : none);
        return t;
    }
    mi_jpush(run, t, mi_jsub(run, s, 0, found));
    mi_jpush(run, t, mi_jsub(run, s, found, found + by->len));
    mi_jpush(run, t, mi_jsub(run, s, found + by->len, s->len));
    return t;
}

static struct mi_jv str_partition(struct mi_jrun *run, struct mi_jv self,
                                  const struct mi_jargs *args)
{
    return partition(run, self, args, false);
}

static struct mi_jv str_rpartition(struct mi_jrun *run, struct mi_jv self,
                                   const struct mi_jargs *args)
{
    return partition(run, self, args, true);
}

static struct mi_jv remove_fix(struct mi_jrun *run, struct mi_jv self, const struct mi_jargs *args,
                               bool at_end)
{
    const struct mi_jstr *s = self.as.str, *fix = NULL;
    struct mi_jv given[1];

    if (!mi_jbind(run, "this method", args, "_", 1, given) ||
        !mi_jarg_str(run, "this method", given[0], &fix))
        return self;
    if (fix->len > s->len ||
        memcmp(s->at + (at_end ? s->len - fix->len : 0), fix->at, fix->len) != 0)
        return self;
    return at_end ? mi_jsub(run, s, 0, s->len - fix->len) : mi_jsub(run, s, fix->len, s->len);
}

static struct mi_jv str_removeprefix(struct mi_jrun *run, struct mi_jv self,
                                     const struct mi_jargs *args)
{
    return remove_fix(run, self, args, false);
}

static struct mi_jv str_removesuffix(struct mi_jrun *run, struct mi_jv self,
                                     const struct mi_jargs *args)
{
    return remove_fix(run, self, args, true);
}

const struct mi_jentry mi_jstr_methods2[] = {
    {"upper", str_upper},
    {"lower", str_lower},
    {"capitalize", str_capitalize},
    {"title", str_title},
    {"swapcase", str_swapcase},
    {"strip", str_strip},
    {"lstrip", str_lstrip},
    {"rstrip", str_rstrip},
    {"isalpha", str_isalpha},
    {"isdigit", str_isdigit},
    {"isdecimal", str_isdigit},
    {"isnumeric", str_isdigit},
    {"isalnum", str_isalnum},
    {"isspace", str_isspace},
    {"isascii", str_isascii},
    {"isupper", str_isupper},
    {"islower", str_islower},
    {"ljust", str_ljust},
    {"rjust", str_rjust},
    {"center", str_center},
    {"zfill", str_zfill},
    {"partition", str_partition},
    {"rpartition", str_rpartition},
    {"removeprefix", str_removeprefix},
    {"removesuffix", str_removesuffix},
    {"format", mi_jstr_format},
    {NULL, NULL},
};
