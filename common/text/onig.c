#include "text/onig.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* \s is \p{White_Space}: PCRE2's own counts U+180E, the tokenizers do not. */
#define SPACE_SET "\\p{White_Space}"
#define WORD_SET  "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}"
/* outside of classes that engine counts the raised digits and fractions of Latin-1 too */
#define WORD     "[" WORD_SET "\\x{b2}\\x{b3}\\x{b9}\\x{bc}-\\x{be}]"
#define NOT_WORD "[^" WORD_SET "\\x{b2}\\x{b3}\\x{b9}\\x{bc}-\\x{be}]"
#define HEX_SET  "0-9A-Fa-f"

enum { MAX_LEVELS = 64 };

struct job {
    const char *s;
    size_t len, i;
    struct mi_buf *out;
    struct mi_error *err;
    int level;
    size_t open[MAX_LEVELS]; /* where the groups that are open start in `out` */
    int n_open;
    bool has_lines;   /* ^ or $ */
    bool has_nonword; /* \W in the class that is read */
};

static int fail(const struct job *j, const char *what)
{
    return mi_fail(j->err, MI_EXIT_DATA, "regular expression: %s at byte %zu", what, j->i);
}

static void add(struct job *j, const char *text)
{
    mi_buf_add_text(j->out, text);
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

/* \uNNNN at s[i] (behind the backslash). */
static bool take_code_point(struct job *j)
{
    if (j->s[j->i] != 'u' || j->len - j->i < 5)
        return false;
    for (size_t k = 1; k <= 4; k++)
        if (!is_hex(j->s[j->i + k]))
            return false;
    add(j, "\\x{");
    mi_buf_add(j->out, j->s + j->i + 1, 4);
    add(j, "}");
    j->i += 5;
    return true;
}

/* ---- classes ---------------------------------------------------------------------- */

static int take_class(struct job *j);

/* An escape inside a class: its members. */
static int take_member(struct job *j)
{
    j->i++;
    if (j->i >= j->len)
        return fail(j, "nothing behind a backslash");
    switch (j->s[j->i]) {
    case 's': add(j, SPACE_SET); break;
    case 'S': add(j, "\\P{White_Space}"); break;
    case 'w': add(j, WORD_SET); break;
    case 'h': add(j, HEX_SET); break;
    case 'W': j->has_nonword = true; break; /* no set can say it: see add_class */
    case 'H': return fail(j, "\\H in a class");
    default:
        if (take_code_point(j))
            return 0;
        mi_buf_add_char(j->out, '\\');
        mi_buf_add_char(j->out, j->s[j->i]);
        break;
    }
    j->i++;
    return 0;
}

/* [:alpha:] and its like, by the properties of Unicode. */
static int take_named(struct job *j)
{
    static const char *const names[][2] = {
        {"[:alpha:]", "\\p{Alphabetic}"}, {"[:digit:]", "\\p{Nd}"},
        {"[:space:]", SPACE_SET},         {"[:upper:]", "\\p{Uppercase}"},
        {"[:lower:]", "\\p{Lowercase}"},  {"[:alnum:]", "\\p{Alphabetic}\\p{Nd}"},
        {"[:punct:]", "\\p{P}$+<=>^`|~"}, {"[:word:]", WORD_SET},
        {"[:xdigit:]", HEX_SET},
    };

    for (size_t k = 0; k < sizeof names / sizeof names[0]; k++) {
        size_t n = strlen(names[k][0]);

        if (j->len - j->i >= n && memcmp(j->s + j->i, names[k][0], n) == 0) {
            add(j, names[k][1]);
            j->i += n;
            return 0;
        }
    }
    return fail(j, "an unknown [:name:]");
}

/* Members up to "]" or "&&". Where a whole operand is one class, it stays one: *is_whole. */
static int take_operand(struct job *j, bool is_first, bool *is_whole)
{
    size_t from = j->i;

    *is_whole = false;
    for (;; is_first = false) {
        int r = 0;

        if (j->i >= j->len)
            return fail(j, "a class without end");
        if (j->s[j->i] == ']' && !is_first)
            return 0;
        if (j->len - j->i >= 2 && memcmp(j->s + j->i, "&&", 2) == 0)
            return 0;
        if (j->s[j->i] == '\\') {
            r = take_member(j);
        } else if (j->s[j->i] == '[' && j->i + 1 < j->len && j->s[j->i + 1] == ':') {
            r = take_named(j);
        } else if (j->s[j->i] == '[') {
            bool alone = j->i == from;
            size_t before = j->out->len;

            r = take_class(j);
            if (r < 0)
                return r;
            if (alone && j->i < j->len && (j->s[j->i] == ']' || j->s[j->i] == '&')) {
                *is_whole = true;
                return 0;
            }
            if (j->out->data[before] != '[' || j->out->data[before + 1] == '^')
                return fail(j, "this class in a class");
            memmove(j->out->data + before, j->out->data + before + 1, j->out->len - before - 2);
            j->out->len -= 2;
        } else {
            mi_buf_add_char(j->out, j->s[j->i++]);
        }
        if (r < 0)
            return r;
    }
}

/* The class `one` ("[...]") where all of `ahead` hold, or its negation. */
static int add_class(struct job *j, const struct mi_buf *one, const struct mi_buf *ahead,
                     bool is_negated)
{
    bool is_set = one->data[0] == '[' && one->data[1] != '^', is_empty = one->len == 2;

    if (j->has_nonword && (!is_set || ahead->len > 0))
        return fail(j, "\\W in a class of this kind");
    if (j->has_nonword) { /* what is no word, or in the set */
        add(j, is_negated ? "(?:(?=[" WORD_SET "])" : "(?:[^" WORD_SET "]");
        if (!is_empty) {
            add(j, is_negated ? "[^" : "|[");
            mi_buf_add(j->out, one->data + 1, one->len - 1);
        } else if (is_negated) {
            add(j, "(?s:.)");
        }
        add(j, ")");
    } else if (is_negated && ahead->len == 0 && is_set) {
        add(j, "[^");
        mi_buf_add(j->out, one->data + 1, one->len - 1);
    } else {
        bool is_plain = !is_negated && ahead->len == 0;

        add(j, is_plain ? "" : is_negated ? "(?:(?!" : "(?:");
        mi_buf_add(j->out, ahead->data, ahead->len);
        mi_buf_add(j->out, one->data, one->len);
        add(j, is_plain ? "" : is_negated ? ")(?s:.))" : ")");
    }
    return 0;
}

/* [a&&b] is one of a where b looks ahead. */
static int take_class(struct job *j)
{
    struct mi_buf one = {0}, ahead = {0}, *out = j->out;
    bool is_negated, is_whole, is_first = true, outer = j->has_nonword;
    int r = 0;

    if (++j->level > MAX_LEVELS)
        return fail(j, "classes nested too deep");
    j->i++;
    is_negated = j->i < j->len && j->s[j->i] == '^';
    j->i += is_negated;
    j->has_nonword = false;
    while (r == 0) {
        struct mi_buf part = {0};

        j->out = &part;
        r = take_operand(j, is_first, &is_whole);
        if (r == 0 && is_first) {
            mi_buf_add_text(&one, is_whole ? "" : "[");
            mi_buf_add(&one, part.data, part.len);
            mi_buf_add_text(&one, is_whole ? "" : "]");
        } else if (r == 0) {
            mi_buf_add_text(&ahead, is_whole ? "(?=" : "(?=[");
            mi_buf_add(&ahead, part.data, part.len);
            mi_buf_add_text(&ahead, is_whole ? ")" : "])");
        }
        mi_buf_free(&part);
        is_first = false;
        if (r < 0 || j->s[j->i] == ']')
            break;
        j->i += 2;
    }
    j->out = out;
    j->level--;
    if (r == 0)
        r = add_class(j, &one, &ahead, is_negated);
    j->i += r == 0;
    j->has_nonword = outer;
    mi_buf_free(&one);
    mi_buf_free(&ahead);
    return r;
}

/* ---- outside of classes ----------------------------------------------------------- */

static int take_escape(struct job *j)
{
    j->i++;
    if (j->i >= j->len)
        return fail(j, "nothing behind a backslash");
    switch (j->s[j->i]) {
    case 's': add(j, SPACE_SET); break;
    case 'S': add(j, "\\P{White_Space}"); break;
    case 'w': add(j, WORD); break;
    case 'W': add(j, NOT_WORD); break;
    case 'h': add(j, "[" HEX_SET "]"); break;
    case 'H': add(j, "[^" HEX_SET "]"); break;
    case 'b': add(j, "(?:(?<=" WORD ")(?!" WORD ")|(?<!" WORD ")(?=" WORD "))"); break;
    case 'B': add(j, "(?:(?<=" WORD ")(?=" WORD ")|(?<!" WORD ")(?!" WORD "))"); break;
    default:
        if (take_code_point(j))
            return 0;
        mi_buf_add_char(j->out, '\\');
        mi_buf_add_char(j->out, j->s[j->i]);
        break;
    }
    j->i++;
    return 0;
}

/* "(" with what a "?" behind it says: Ruby's (?m) is what others call (?s). */
static int take_group(struct job *j)
{
    if (j->n_open >= MAX_LEVELS)
        return fail(j, "groups nested too deep");
    j->open[j->n_open++] = j->out->len;
    mi_buf_add_char(j->out, j->s[j->i++]);
    if (j->i >= j->len || j->s[j->i] != '?')
        return 0;
    mi_buf_add_char(j->out, j->s[j->i++]);
    while (j->i < j->len && strchr("imx-", j->s[j->i])) {
        mi_buf_add_char(j->out, j->s[j->i] == 'm' ? 's' : j->s[j->i]);
        j->i++;
    }
    return 0;
}

/* The count at s[i] "{"; {,n} starts at 0, and a "+" behind repeats it all (it is no
 * possessive one in that dialect). False where it is a plain character. */
static bool take_count(struct job *j, size_t atom)
{
    size_t end = j->i + 1, digits = 0;
    struct mi_buf tail = {0};

    while (end < j->len && ((j->s[end] >= '0' && j->s[end] <= '9') || j->s[end] == ',')) {
        digits += j->s[end] != ',';
        end++;
    }
    if (digits == 0 || end >= j->len || j->s[end] != '}')
        return false;
    add(j, j->s[j->i + 1] == ',' ? "{0" : "{");
    mi_buf_add(j->out, j->s + j->i + 1, end - j->i);
    j->i = end + 1;
    if (j->i < j->len && j->s[j->i] == '+') {
        mi_buf_add(&tail, j->out->data + atom, j->out->len - atom);
        j->out->len = atom;
        add(j, "(?:");
        mi_buf_add(j->out, tail.data, tail.len);
        add(j, ")");
        mi_buf_free(&tail);
    }
    return true;
}

static int take_all(struct job *j)
{
    size_t atom = j->out->len; /* where what a count would repeat starts */
    int r = 0;

    while (j->i < j->len && r == 0) {
        char c = j->s[j->i];
        size_t before = j->out->len;

        if (c == '{' && take_count(j, atom))
            continue;
        if (c == '\0')
            return fail(j, "a NUL");
        if (c == '\\') {
            bool is_property =
                j->i + 2 < j->len && (j->s[j->i + 1] | 0x20) == 'p' && j->s[j->i + 2] == '{';

            r = take_escape(j);
            while (r == 0 && is_property && j->i < j->len) {
                mi_buf_add_char(j->out, j->s[j->i]);
                if (j->s[j->i++] == '}')
                    break;
            }
            atom = before;
        } else if (c == '[') {
            r = take_class(j);
            atom = before;
        } else if (c == '(') {
            r = take_group(j);
        } else {
            if (c == ')' && j->n_open > 0)
                before = j->open[--j->n_open];
            j->has_lines |= c == '^' || c == '$';
            mi_buf_add_char(j->out, c);
            j->i++;
            /* the bytes of one character stand together */
            if (!strchr("*+?", c) && ((unsigned char)c & 0xc0) != 0x80)
                atom = before;
        }
    }
    return r;
}

int mi_onig_translate(struct mi_buf *out, const char *pattern, size_t len, struct mi_error *err)
{
    struct mi_buf text = {0};
    struct job j = {.s = pattern, .len = len, .out = &text, .err = err};
    int r = take_all(&j);

    if (r == 0) {
        mi_buf_add_text(out, j.has_lines ? "(?m)" : "");
        mi_buf_add(out, text.data, text.len);
    }
    mi_buf_free(&text);
    return r;
}
