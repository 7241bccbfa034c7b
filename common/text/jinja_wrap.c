/* The filter wordwrap: chunks and lines as Python's textwrap makes them. */
#include "text/jinja_value.h"
#include "text/unicode.h"

/* ---- chunks ------------------------------------------------------------------------------ */

/* A stretch of the line that is not cut, unless it is too long for any line. */
struct chunk {
    size_t from, to; /* bytes */
    size_t solid;    /* behind the last that is no white space */
    int64_t n;       /* characters */
};

struct chunks {
    struct chunk *at; /* [n] */
    size_t n, cap;
};

static bool is_blank(uint32_t cp)
{
    return (cp >= '\t' && cp <= '\r') || cp == ' ';
}

static bool is_word(uint32_t cp)
{
    return cp == '_' || mi_is_letter(cp) || mi_is_number(cp);
}

static bool is_letter(uint32_t cp)
{
    return is_word(cp) && !mi_is_decimal(cp);
}

/* Letters and what may stand at the end of a word before a dash. */
static bool ends_word(uint32_t cp)
{
    return is_word(cp) || (cp > 0 && cp < 0x80 && strchr("!\"'&.,?", (int)cp));
}

/* The character at byte i, 0 behind the end; *next: the byte behind it. */
static uint32_t char_at(const struct mi_jstr *s, size_t i, size_t *next)
{
    size_t n;
    uint32_t cp;

    *next = i;
    if (i >= s->len)
        return 0;
    cp = mi_jchar(s, i, &n);
    *next = i + n;
    return cp;
}

/* Two dashes or more at i with a word behind them: the byte where that starts, or 0. */
static size_t dash_end(const struct mi_jstr *s, size_t i)
{
    size_t at = i, next;

    while (at < s->len && s->at[at] == '-')
        at++;
    return at >= i + 2 && is_word(char_at(s, at, &next)) ? at : 0;
}

/* A letter, or a dash and a letter, and one more behind: good-for, but not -5. */
static bool goes_on(const struct mi_jstr *s, size_t i)
{
    size_t next;

    if (!is_letter(char_at(s, i, &next)))
        return false;
    if (next < s->len && s->at[next] == '-')
        next++;
    return is_letter(char_at(s, next, &next));
}

/* The character before byte *i, which goes there; 0 before the first. */
static uint32_t char_before(const struct mi_jstr *s, size_t *i)
{
    size_t next;

    if (*i == 0)
        return 0;
    while (--*i > 0 && ((unsigned char)s->at[*i] & 0xc0) == 0x80)
        ;
    return char_at(s, *i, &next);
}

/* Two letters stand before byte i, or a letter, a dash and a letter. */
static bool may_part(const struct mi_jstr *s, size_t i)
{
    uint32_t cp;

    if (!is_letter(char_before(s, &i)))
        return false;
    cp = char_before(s, &i);
    return is_letter(cp) || (cp == '-' && is_letter(char_before(s, &i)));
}

static bool follows_word(const struct mi_jstr *s, size_t i)
{
    return ends_word(char_before(s, &i));
}

static size_t word_end(struct mi_jrun *run, const struct mi_jstr *s, size_t from, bool at_hyphens)
{
    size_t i = from;

    for (size_t next; i < s->len && mi_jwork(run, 0); i = next) {
        uint32_t cp = char_at(s, i, &next);

        if (is_blank(cp))
            break;
        if (cp != '-' || i == from || !at_hyphens)
            continue;
        if (may_part(s, i) && goes_on(s, next))
            return next;
        if (follows_word(s, i) && dash_end(s, i))
            break;
    }
    return i;
}

static void add_chunk(struct mi_jrun *run, struct chunks *c, const struct mi_jstr *s, size_t from,
                      size_t to)
{
    struct chunk *at = mi_jgrow(run, c->at, c->n, 1, &c->cap, sizeof *at), k = {from, to, from, 0};

    if (!at)
        return;
    c->at = at;
    for (size_t i = from; i < to && mi_jwork(run, 0); k.n++)
        if (!mi_jis_space(char_at(s, i, &i)))
            k.solid = i;
    c->at[c->n++] = k;
}

static void split(struct mi_jrun *run, const struct mi_jstr *s, bool at_hyphens, struct chunks *c)
{
    for (size_t i = 0, end; i < s->len && mi_jwork(run, 0); i = end) {
        end = i;
        while (end < s->len && is_blank((unsigned char)s->at[end]))
            end++;
        if (end == i && at_hyphens && s->at[i] == '-' && follows_word(s, i) && dash_end(s, i))
            end = dash_end(s, i);
        if (end == i)
            end = word_end(run, s, i, at_hyphens);
        if (!run->failed)
            add_chunk(run, c, s, i, end);
    }
}

/* ---- lines ------------------------------------------------------------------------------- */

struct wrap {
    const struct mi_jstr *s, *by;
    int64_t width;
    bool breaks_words, at_hyphens;
};

/* The place in a chunk too long where a line ends that has room for `room` characters. */
static void cut(struct mi_jrun *run, const struct wrap *w, const struct chunk *c, int64_t room,
                struct chunk *head)
{
    int64_t n = 0, best = 0;
    size_t i = c->from, best_at = c->from;
    bool others = false; /* than dashes */

    *head = (struct chunk){c->from, c->from, c->from, 0};
    for (; i < c->to && n < room && mi_jwork(run, 0); n++) {
        uint32_t cp = char_at(w->s, i, &i);

        if (cp == '-' && others) {
            best = n + 1;
            best_at = i;
        }
        others = others || cp != '-';
        if (!mi_jis_space(cp))
            head->solid = i;
    }
    head->to = i;
    head->n = n;
    if (w->at_hyphens && best > 0 && c->n > room) {
        head->to = best_at;
        head->n = best;
    }
}

static void wrap_line(struct mi_jrun *run, const struct wrap *w, struct chunks *c,
                      struct mi_jv lines)
{
    size_t k = 0;

    while (k < c->n && mi_jwork(run, 0)) {
        size_t from, to, last_len = 0, n = 0;
        int64_t length = 0;
        bool last_blank = false;

        if (c->at[k].solid <= c->at[k].from && lines.as.list->n > 0)
            k++;
        if (k == c->n)
            break;
        from = to = c->at[k].from;
        for (; k < c->n && length + c->at[k].n <= w->width; k++, n++) {
            to = c->at[k].to;
            length += c->at[k].n;
            last_len = c->at[k].to - c->at[k].from;
            last_blank = c->at[k].solid <= c->at[k].from;
        }
        if (k < c->n && c->at[k].n > w->width && (w->breaks_words || n == 0)) {
            struct chunk head = c->at[k];

            if (w->breaks_words)
                cut(run, w, &c->at[k], w->width - length, &head);
            c->at[k].from = to = head.to;
            c->at[k].n -= head.n;
            last_len = head.to - head.from;
            last_blank = head.solid <= head.from;
            n++;
            k += !w->breaks_words;
        }
        if (n > 0 && last_blank) {
            to -= last_len;
            n--;
        }
        if (n > 0) {
            struct mi_jv line = mi_jsub(run, w->s, from, to);

            /* markup joins what it has escaped */
            mi_jpush(run, lines, w->by->is_markup ? mi_jescape(run, line.as.str) : line);
        }
    }
}

static struct mi_jv f_wordwrap(struct mi_jrun *run, struct mi_jv v, const struct mi_jargs *args)
{
    static const struct mi_jstr name = {.at = "splitlines", .len = 10};
    struct mi_jv given[4], wrapped = mi_jlist(run, MI_JFORM_LIST);
    const struct mi_jstr *by = mi_jstr_z(run, "\n").as.str;
    const struct mi_jlist *lines;
    struct wrap w = {NULL, NULL, 79, true, true};

    if (!mi_jbind(run, "wordwrap", args, "width break_long_words wrapstring break_on_hyphens", 0,
                  given) ||
        !mi_jarg_int(run, "wordwrap", given[0], &w.width) ||
        (given[2].kind != MI_JNONE && !mi_jarg_str(run, "wordwrap", given[2], &by)))
        return v;
    if (v.kind != MI_JSTR)
        return v.kind == MI_JUNDEFINED ? mi_jfail_undefined(run, v)
                                       : mi_jfail(run, "wordwrap: no string but %s", mi_jtype(v));
    w.by = by;
    w.breaks_words = !mi_jgiven(given[1]) || mi_jtruth(given[1]);
    w.at_hyphens = !mi_jgiven(given[3]) || mi_jtruth(given[3]);
    lines = mi_jentry_find(mi_jstr_methods, &name)->call(run, v, &(struct mi_jargs){0}).as.list;
    for (size_t i = 0; !run->failed && i < lines->n; i++) {
        struct mi_jv part = mi_jlist(run, MI_JFORM_LIST);
        struct chunks c = {0};

        if (w.width <= 0)
            return mi_jfail(run, "wordwrap: a width below 1");
        w.s = mi_jmarkup(run, lines->item[i].as.str, false).as.str;
        /* only True itself makes textwrap look for hyphens; others count where words are cut */
        split(run, w.s, !mi_jgiven(given[3]) || (given[3].kind == MI_JBOOL && w.at_hyphens), &c);
        wrap_line(run, &w, &c, part);
        if (!run->failed)
            mi_jpush(run, wrapped, mi_jjoin(run, by, part.as.list));
    }
    v = run->failed ? v : mi_jjoin(run, by, wrapped.as.list);
    return by->is_markup && !run->failed ? mi_jmarkup(run, v.as.str, true) : v;
}

const struct mi_jentry mi_jwrap_filters[] = {{"wordwrap", f_wordwrap}, {NULL, NULL}};
