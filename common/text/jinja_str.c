/* Methods of str: finding, splitting, joining. */
#include "text/jinja_value.h"

/* ---- shared with filters ------------------------------------------------------------------ */

struct mi_jv mi_jreplace(struct mi_jrun *run, const struct mi_jstr *s, const struct mi_jstr *old,
                         const struct mi_jstr *new, int64_t count)
{
    struct mi_jtext t = {0};
    size_t at = 0, n;

    if (count == 0)
        return (struct mi_jv){.kind = MI_JSTR, .as.str = s};
    while (count != 0 && mi_jwork(run, 0)) {
        size_t found = mi_jfind(run, s, at, s->len, old);

        if (found == SIZE_MAX)
            break;
        mi_jadd_sub(run, &t, s, at, found);
        mi_jadd_str(run, &t, new);
        at = found + old->len;
        count -= count > 0;
        if (old->len > 0)
            continue;
        if (at >= s->len) /* an empty text stands between all characters and at both ends */
            return mi_jtext_value(run, &t);
        mi_jchar(s, at, &n);
        mi_jadd_sub(run, &t, s, at, at + n);
        at += n;
    }
    mi_jadd_sub(run, &t, s, at, s->len);
    return mi_jtext_value(run, &t);
}

struct mi_jv mi_jjoin(struct mi_jrun *run, const struct mi_jstr *by, const struct mi_jlist *l)
{
    struct mi_jtext t = {0};

    for (size_t i = 0; i < l->n && mi_jwork(run, 0); i++) {
        if (i)
            mi_jadd_str(run, &t, by);
        mi_jprint(run, &t, l->item[i]);
    }
    return mi_jtext_value(run, &t);
}

/* ---- finding ------------------------------------------------------------------------------ */

/* The bytes of s that [start:end] of the arguments means; false when there is no such place. */
static bool range_of(struct mi_jrun *run, const struct mi_jstr *s, struct mi_jv start,
                     struct mi_jv end, size_t *from, size_t *to)
{
    int64_t n = mi_jn_chars(s), a = 0, b = n;

    if ((start.kind != MI_JNONE && !mi_jarg_int(run, "a method", start, &a)) ||
        (end.kind != MI_JNONE && !mi_jarg_int(run, "a method", end, &b)))
        return false;
    a = a < 0 ? (a + n < 0 ? 0 : a + n) : a;
    b = b < 0 ? (b + n < 0 ? 0 : b + n) : b > n ? n : b;
    if (a > b)
        return false;
    *from = mi_jbyte_of(s, a);
    *to = mi_jbyte_of(s, b);
    return true;
}

static bool stands_at(const struct mi_jstr *s, size_t from, size_t to, const struct mi_jstr *what,
                      bool at_end)
{
    if (to - from < what->len)
        return false;
    return memcmp(s->at + (at_end ? to - what->len : from), what->at, what->len) == 0;
}

static struct mi_jv starts_or_ends(struct mi_jrun *run, struct mi_jv self,
                                   const struct mi_jargs *args, bool at_end)
{
    const char *what = at_end ? "endswith" : "startswith";
    struct mi_jv given[3];
    const struct mi_jstr *one = NULL;
    size_t from, to;
    bool is = false;

    if (!mi_jbind(run, what, args, "_ _ _", 1, given))
        return given[0];
    if (given[0].kind != MI_JLIST || given[0].as.list->form != MI_JFORM_TUPLE) {
        if (!mi_jarg_str(run, what, given[0], &one) ||
            !range_of(run, self.as.str, given[1], given[2], &from, &to))
            return mi_jbool(false);
        return mi_jbool(stands_at(self.as.str, from, to, one, at_end));
    }
    if (!range_of(run, self.as.str, given[1], given[2], &from, &to))
        return mi_jbool(false);
    for (size_t i = 0; i < given[0].as.list->n && !is; i++)
        is = mi_jarg_str(run, what, given[0].as.list->item[i], &one) &&
             stands_at(self.as.str, from, to, one, at_end);
    return mi_jbool(is);
}

static struct mi_jv str_startswith(struct mi_jrun *run, struct mi_jv self,
                                   const struct mi_jargs *args)
{
    return starts_or_ends(run, self, args, false);
}

static struct mi_jv str_endswith(struct mi_jrun *run, struct mi_jv self,
                                 const struct mi_jargs *args)
{
    return starts_or_ends(run, self, args, true);
}

/* The first or last place of `what` as a number of characters, -1 for none. */
static int64_t find_in(struct mi_jrun *run, const char *name, struct mi_jv self,
                       const struct mi_jargs *args, bool is_last)
{
    struct mi_jv given[3];
    const struct mi_jstr *s = self.as.str, *what = NULL;
    size_t from, to, at, found;

    if (!mi_jbind(run, name, args, "_ _ _", 1, given) || !mi_jarg_str(run, name, given[0], &what) ||
        !range_of(run, s, given[1], given[2], &from, &to))
        return -1;
    mi_jwork(run, to - from);
    found = mi_jfind(run, s, from, to, what);
    for (at = found; is_last && at != SIZE_MAX && mi_jwork(run, 0);) {
        size_t n = 1;

        found = at;
        if (at >= s->len)
            break;
        mi_jchar(s, at, &n);
        at = mi_jfind(run, s, at + n, to, what);
    }
    if (found == SIZE_MAX)
        return -1;
    return mi_jn_chars(&(struct mi_jstr){.at = s->at, .len = found});
}

static struct mi_jv str_find(struct mi_jrun *run, struct mi_jv self, const struct mi_jargs *args)
{
    return mi_jint(find_in(run, "find", self, args, false));
}

static struct mi_jv str_rfind(struct mi_jrun *run, struct mi_jv self, const struct mi_jargs *args)
{
    return mi_jint(find_in(run, "rfind", self, args, true));
}

static struct mi_jv found_or_fail(struct mi_jrun *run, int64_t at)
{
    return at < 0 ? mi_jfail(run, "index: substring not found") : mi_jint(at);
}

static struct mi_jv str_index(struct mi_jrun *run, struct mi_jv self, const struct mi_jargs *args)
{
    return found_or_fail(run, find_in(run, "index", self, args, false));
}

static struct mi_jv str_rindex(struct mi_jrun *run, struct mi_jv self, const struct mi_jargs *args)
{
    return found_or_fail(run, find_in(run, "rindex", self, args, true));
}

static struct mi_jv str_count(struct mi_jrun *run, struct mi_jv self, const struct mi_jargs *args)
{
    struct mi_jv given[3];
    const struct mi_jstr *s = self.as.str, *what = NULL;
    size_t from, to;
    int64_t n = 0;

    if (!mi_jbind(run, "count", args, "_ _ _", 1, given) ||
        !mi_jarg_str(run, "count", given[0], &what) ||
        !range_of(run, s, given[1], given[2], &from, &to))
        return mi_jint(0);
    if (what->len == 0)
        return mi_jint(mi_jn_chars(&(struct mi_jstr){.at = s->at + from, .len = to - from}) + 1);
    while ((from = mi_jfind(run, s, from, to, what)) != SIZE_MAX && mi_jwork(run, 0)) {
        from += what->len;
        n++;
    }
    return mi_jint(n);
}

/* ---- splitting ---------------------------------------------------------------------------- */

/* Behind the white space, or behind what is none, from `at` on. */
static size_t skip(const struct mi_jstr *s, size_t at, bool space)
{
    size_t n;

    while (at < s->len && mi_jis_space(mi_jchar(s, at, &n)) == space)
        at += n;
    return at;
}

static void split_blank(struct mi_jrun *run, struct mi_jv list, const struct mi_jstr *s,
                        int64_t most)
{
    size_t at = skip(s, 0, true);

    while (at < s->len && mi_jwork(run, s->len - at < 4096 ? s->len - at : 4096)) {
        size_t end = skip(s, at, false);

        if (most-- == 0) {
            mi_jpush(run, list, mi_jsub(run, s, at, s->len));
            return;
        }
        mi_jpush(run, list, mi_jsub(run, s, at, end));
        at = skip(s, end, true);
    }
}

static void reverse(struct mi_jlist *l)
{
    for (size_t i = 0; i < l->n / 2; i++) {
        struct mi_jv v = l->item[i];

        l->item[i] = l->item[l->n - 1 - i];
        l->item[l->n - 1 - i] = v;
    }
}

/* The start of the character before byte `at`. */
static size_t before(const struct mi_jstr *s, size_t at)
{
    do
        at--;
    while (at > 0 && ((unsigned char)s->at[at] & 0xc0) == 0x80);
    return at;
}

static void rsplit_blank(struct mi_jrun *run, struct mi_jv list, const struct mi_jstr *s,
                         int64_t most)
{
    size_t end = s->len, n;

    while (mi_jwork(run, 0)) {
        size_t from;

        while (end > 0 && mi_jis_space(mi_jchar(s, before(s, end), &n)))
            end = before(s, end);
        if (end == 0)
            break;
        if (most-- == 0) {
            mi_jpush(run, list, mi_jsub(run, s, 0, end));
            break;
        }
        for (from = end; from > 0 && !mi_jis_space(mi_jchar(s, before(s, from), &n));)
            from = before(s, from);
        mi_jpush(run, list, mi_jsub(run, s, from, end));
        end = from;
    }
    if (!run->failed)
        reverse(list.as.list);
}

static void split_by(struct mi_jrun *run, struct mi_jv list, const struct mi_jstr *s,
                     const struct mi_jstr *by, int64_t most)
{
    size_t at = 0, found;

    while (most-- != 0 && mi_jwork(run, 0) &&
           (found = mi_jfind(run, s, at, s->len, by)) != SIZE_MAX) {
        mi_jpush(run, list, mi_jsub(run, s, at, found));
        at = found + by->len;
    }
    mi_jpush(run, list, mi_jsub(run, s, at, s->len));
}

static void rsplit_by(struct mi_jrun *run, struct mi_jv list, const struct mi_jstr *s,
                      const struct mi_jstr *by, int64_t most)
{
    size_t end = s->len, at = end;

    while (most != 0 && at >= by->len && mi_jwork(run, 0)) {
        if (memcmp(s->at + at - by->len, by->at, by->len) != 0) {
            at--;
            continue;
        }
        mi_jpush(run, list, mi_jsub(run, s, at, end));
        end = at -= by->len;
        most--;
    }
    mi_jpush(run, list, mi_jsub(run, s, 0, end));
    if (!run->failed)
        reverse(list.as.list);
}

static struct mi_jv split(struct mi_jrun *run, struct mi_jv self, const struct mi_jargs *args,
                          bool from_right)
{
    struct mi_jv given[2], list = mi_jlist(run, MI_JFORM_LIST);
    const struct mi_jstr *by = NULL;
    int64_t most = -1;

    if (!mi_jbind(run, "split", args, "sep maxsplit", 0, given))
        return list;
    if (given[0].kind != MI_JNONE)
        mi_jarg_str(run, "split", given[0], &by);
    mi_jarg_int(run, "split", given[1], &most);
    if (by && by->len == 0)
        mi_jfail(run, "split: an empty separator");
    if (run->failed)
        return list;
    if (by)
        (from_right ? rsplit_by : split_by)(run, list, self.as.str, by, most);
    else
        (from_right ? rsplit_blank : split_blank)(run, list, self.as.str, most);
    return list;
}

static struct mi_jv str_split(struct mi_jrun *run, struct mi_jv self, const struct mi_jargs *args)
{
    return split(run, self, args, false);
}

static struct mi_jv str_rsplit(struct mi_jrun *run, struct mi_jv self, const struct mi_jargs *args)
{
    return split(run, self, args, true);
}

static bool ends_line(uint32_t cp)
{
    return (cp >= '\n' && cp <= '\r') || (cp >= 0x1c && cp <= 0x1e) || cp == 0x85 || cp == 0x2028 ||
           cp == 0x2029;
}

static struct mi_jv str_splitlines(struct mi_jrun *run, struct mi_jv self,
                                   const struct mi_jargs *args)
{
    struct mi_jv given[1], list = mi_jlist(run, MI_JFORM_LIST);
    const struct mi_jstr *s = self.as.str;
    size_t begin = 0, n;

    if (!mi_jbind(run, "splitlines", args, "keepends", 0, given))
        return list;
    for (size_t at = 0; at < s->len && mi_jwork(run, 0);) {
        uint32_t cp = mi_jchar(s, at, &n);
        size_t end = at;

        at += n;
        if (!ends_line(cp))
            continue;
        if (cp == '\r' && at < s->len && s->at[at] == '\n')
            at++;
        mi_jpush(run, list, mi_jsub(run, s, begin, mi_jtruth(given[0]) ? at : end));
        begin = at;
    }
    if (begin < s->len)
        mi_jpush(run, list, mi_jsub(run, s, begin, s->len));
    return list;
}

/* ---- the rest ----------------------------------------------------------------------------- */

static struct mi_jv str_replace(struct mi_jrun *run, struct mi_jv self, const struct mi_jargs *args)
{
    struct mi_jv given[3];
    const struct mi_jstr *old = NULL, *new = NULL;
    int64_t count = -1;

    if (!mi_jbind(run, "replace", args, "_ _ count", 2, given) ||
        !mi_jarg_str(run, "replace", given[0], &old) ||
        (!self.as.str->is_markup && !mi_jarg_str(run, "replace", given[1], &new)) ||
        !mi_jarg_int(run, "replace", given[2], &count))
        return given[0];
    if (self.as.str->is_markup) { /* takes anything, as text */
        new = mi_jto_str(run, given[1]);
        new = new->is_markup ? new : mi_jescape(run, new).as.str;
    }
    return mi_jmarkup(run, mi_jreplace(run, self.as.str, old, new, count).as.str,
                      self.as.str->is_markup);
}

static struct mi_jv str_join(struct mi_jrun *run, struct mi_jv self, const struct mi_jargs *args)
{
    struct mi_jv given[1];
    const struct mi_jlist *l;
    const struct mi_jstr *s = NULL;

    if (!mi_jbind(run, "join", args, "_", 1, given))
        return given[0];
    l = mi_jiterate(run, given[0]);
    for (size_t i = 0; i < l->n && !run->failed; i++)
        mi_jarg_str(run, "join", l->item[i], &s);
    if (self.as.str->is_markup)
        return mi_jfail(run, "joining with markup is not supported");
    return run->failed ? given[0] : mi_jjoin(run, self.as.str, l);
}

const struct mi_jentry mi_jstr_methods[] = {
    {"startswith", str_startswith},
    {"endswith", str_endswith},
    {"find", str_find},
    {"rfind", str_rfind},
    {"index", str_index},
    {"rindex", str_rindex},
    {"count", str_count},
    {"split", str_split},
    {"rsplit", str_rsplit},
    {"splitlines", str_splitlines},
    {"replace", str_replace},
    {"join", str_join},
    {NULL, NULL},
};
