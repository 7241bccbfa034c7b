#include "text/jinja_lex.h"

#include "base/buf.h"
#include "base/escape.h"
#include "text/jinja_value.h"
#include "text/unicode.h"

#include <errno.h>
#include <stdlib.h>

enum { MAX_BRACKETS = 120 };

struct lexer {
    struct mi_arena *arena;
    struct mi_jtokens *out;
    struct mi_error *err;
    const char *s; /* [len], newlines as \n; a NUL follows */
    size_t len, at;
    size_t counted; /* up to here newlines are in `line` */
    int line;
    bool line_starting; /* what was taken last ended in a newline, or nothing was */
    char closer[MAX_BRACKETS];
    int n_open;
};

/* ---- helpers ----------------------------------------------------------------------- */

static int line_of(struct lexer *x, size_t at)
{
    for (; x->counted < at; x->counted++)
        x->line += x->s[x->counted] == '\n';
    return x->line;
}

static int fail(struct lexer *x, size_t at, const char *what)
{
    mi_fail(x->err, MI_EXIT_DATA, "%s", what);
    return mi_fail_in(x->err, "chat template, line %d", line_of(x, at));
}

static struct mi_jtoken *add(struct lexer *x, enum mi_jtoken_kind kind, size_t at)
{
    struct mi_jtokens *o = x->out;

    o->token = mi_grow(o->token, &o->cap, o->n + 1, sizeof *o->token);
    o->token[o->n] = (struct mi_jtoken){.kind = kind, .line = line_of(x, at)};
    return &o->token[o->n++];
}

static bool has(const struct lexer *x, size_t at, const char *word)
{
    size_t n = strlen(word);

    return at <= x->len && x->len - at >= n && memcmp(x->s + at, word, n) == 0;
}

static uint32_t char_at(const struct lexer *x, size_t at, size_t *n)
{
    struct mi_jstr s = {.at = x->s, .len = x->len};

    return mi_jchar(&s, at, n);
}

static size_t skip_space(const struct lexer *x, size_t at)
{
    size_t n;

    while (at < x->len && mi_jis_space(char_at(x, at, &n)))
        at += n;
    return at;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Behind the end of a tag that closes at `at` with `close`; 0 when none does. */
static size_t tag_end(const struct lexer *x, size_t at, const char *close)
{
    bool is_block = close[0] != '}';

    if (x->s[at] == '-' && has(x, at + 1, close))
        return skip_space(x, at + 3);
    if (is_block && x->s[at] == '+' && has(x, at + 1, close))
        return at + 3;
    if (!has(x, at, close))
        return 0;
    return at + 2 + (is_block && x->s[at + 2] == '\n');
}

static void moved_to(struct lexer *x, size_t at)
{
    x->line_starting = at > x->at ? x->s[at - 1] == '\n' : x->line_starting;
    x->at = at;
}

/* ---- inside tags -------------------------------------------------------------------- */

static int lex_string(struct lexer *x)
{
    size_t begin = x->at + 1, end = begin;
    struct mi_buf b = {0};
    struct mi_jtoken *t;
    bool good;

    while (end < x->len && x->s[end] != x->s[x->at])
        end += x->s[end] == '\\' ? 2 : 1;
    if (end >= x->len)
        return fail(x, x->at, "a string that does not end");
    good = mi_junescape(&b, x->s + begin, end - begin);
    if (good) {
        t = add(x, MI_JTOKEN_STRING, x->at);
        t->at = mi_arena_dup(x->arena, b.len ? b.data : "", b.len);
        t->len = b.len;
    }
    mi_buf_free(&b);
    if (!good)
        return fail(x, x->at, "an escape in a string that is not valid");
    moved_to(x, end + 1);
    return 0;
}

/* Behind digits with single underscores between them; `at` when there is none. */
static size_t skip_digits(const struct lexer *x, size_t at)
{
    while (is_digit(x->s[at]) ||
           (x->s[at] == '_' && is_digit(x->s[at - 1]) && is_digit(x->s[at + 1])))
        at++;
    return at;
}

/* Behind a number with a point or an exponent; 0 when there is none here. */
static size_t real_end(const struct lexer *x)
{
    size_t end = skip_digits(x, x->at), exp;
    bool is_real = false;

    if (x->at > 0 && x->s[x->at - 1] == '.')
        return 0;
    if (x->s[end] == '.' && is_digit(x->s[end + 1])) {
        end = skip_digits(x, end + 1);
        is_real = true;
    }
    if (x->s[end] == 'e' || x->s[end] == 'E') {
        exp = end + 1 + (x->s[end + 1] == '+' || x->s[end + 1] == '-');
        if (is_digit(x->s[exp]))
            return skip_digits(x, exp);
    }
    return is_real ? end : 0;
}

static size_t integer_end(const struct lexer *x, int *base)
{
    size_t at = x->at;
    char c = (char)(x->s[at] == '0' ? x->s[at + 1] | 32 : 0);

    *base = c == 'b' ? 2 : c == 'o' ? 8 : c == 'x' ? 16 : 10;
    if (*base != 10) {
        static const char digits[] = "0123456789abcdef";
        size_t end = at + 2;

        for (;;) {
            size_t d = end + (x->s[end] == '_');
            char low = (char)(x->s[d] >= 'A' && x->s[d] <= 'F' ? x->s[d] | 32 : x->s[d]);
            const char *place = low ? strchr(digits, low) : NULL;

            if (!place || place - digits >= *base)
                break;
            end = d + 1;
        }
        if (end > at + 2)
            return end;
        *base = 10;
        return at + 1;
    }
    if (x->s[at] != '0')
        return skip_digits(x, at);
    while (x->s[at] == '0' || (x->s[at] == '_' && x->s[at + 1] == '0'))
        at++;
    return at;
}

static int lex_number(struct lexer *x)
{
    size_t end = real_end(x);
    int base = 10;
    bool is_real = end > 0;
    struct mi_jtoken *t;
    char *digits;
    size_t n = 0, from = x->at;

    if (!is_real)
        end = integer_end(x, &base);
    if (base != 10)
        from += 2;
    digits = mi_arena_alloc(x->arena, end - from + 1);
    for (size_t i = from; i < end; i++)
        if (x->s[i] != '_')
            digits[n++] = x->s[i];
    digits[n] = '\0';
    t = add(x, is_real ? MI_JTOKEN_REAL : MI_JTOKEN_INT, x->at);
    errno = 0;
    if (is_real)
        t->real = strtod(digits, NULL);
    else
        t->integer = strtoll(digits, NULL, base);
    if (!is_real && errno)
        return fail(x, x->at, "an integer of more than 64 bits");
    moved_to(x, end);
    return 0;
}

static size_t name_end(const struct lexer *x, size_t at)
{
    size_t n;

    while (at < x->len) {
        uint32_t cp = char_at(x, at, &n);

        if (cp != '_' && !mi_is_letter(cp) && !mi_is_number(cp))
            break;
        at += n;
    }
    return at;
}

static int lex_operator(struct lexer *x)
{
    static const char *const two[] = {"//", "**", "==", "!=", ">=", "<=", NULL};
    static const char one[] = "+-/*%~[](){}><=.:|,;";
    char c = x->s[x->at];
    int op = c && strchr(one, c) ? c : 0;
    size_t n = 1;

    for (int i = 0; two[i]; i++) {
        if (has(x, x->at, two[i])) {
            op = MI_JOP2(two[i][0], two[i][1]);
            n = 2;
        }
    }
    if (!op)
        return fail(x, x->at, "a character that belongs into no expression");
    if (op == '(' || op == '[' || op == '{') {
        if (x->n_open == MAX_BRACKETS)
            return fail(x, x->at, "brackets nest too deeply");
        x->closer[x->n_open++] = (char)(op == '(' ? ')' : op + 2);
    } else if (op == ')' || op == ']' || op == '}') {
        if (x->n_open == 0 || x->closer[--x->n_open] != op)
            return fail(x, x->at, "brackets that do not match");
    }
    add(x, MI_JTOKEN_OP, x->at)->op = op;
    moved_to(x, x->at + n);
    return 0;
}

/* From behind "{{" or "{%" to behind its end. */
static int lex_tag(struct lexer *x, bool is_output)
{
    size_t start = x->at;

    x->n_open = 0;
    for (;;) {
        size_t end, n;
        char c;
        int r;

        moved_to(x, skip_space(x, x->at));
        if (x->at >= x->len)
            return fail(x, start, "a tag that does not end");
        end = x->n_open ? 0 : tag_end(x, x->at, is_output ? "}}" : "%}");
        if (end) {
            add(x, is_output ? MI_JTOKEN_OUTPUT_END : MI_JTOKEN_BLOCK_END, x->at);
            moved_to(x, end);
            return 0;
        }
        c = x->s[x->at];
        n = name_end(x, x->at) - x->at;
        if (is_digit(c)) {
            r = lex_number(x);
        } else if (c == '\'' || c == '"') {
            r = lex_string(x);
        } else if (n > 0) {
            struct mi_jtoken *t = add(x, MI_JTOKEN_NAME, x->at);

            t->at = mi_arena_dup(x->arena, x->s + x->at, n);
            t->len = n;
            moved_to(x, x->at + n);
            r = 0;
        } else {
            r = lex_operator(x);
        }
        if (r < 0)
            return r;
    }
}

/* ---- between tags -------------------------------------------------------------------- */

static size_t strip_end(const struct lexer *x, size_t begin, size_t end)
{
    while (end > begin) {
        size_t at = end - 1, n;

        while (at > begin && ((unsigned char)x->s[at] & 0xc0) == 0x80)
            at--;
        if (!mi_jis_space(char_at(x, at, &n)))
            break;
        end = at;
    }
    return end;
}

/* Text [x->at, end) before a tag with this sign ('-', '+' or another). */
static void add_text(struct lexer *x, size_t end, char sign, bool is_output)
{
    size_t begin = x->at, line;
    struct mi_jtoken *t;

    if (sign == '-') {
        end = strip_end(x, begin, end);
    } else if (sign != '+' && !is_output) {
        for (line = end; line > begin && x->s[line - 1] != '\n'; line--)
            ;
        if ((line > begin || x->line_starting) && skip_space(x, line) >= end)
            end = line;
    }
    if (end == begin)
        return;
    t = add(x, MI_JTOKEN_TEXT, begin);
    t->at = mi_arena_dup(x->arena, x->s + begin, end - begin);
    t->len = end - begin;
}

static size_t sign_length(const struct lexer *x, size_t at)
{
    return x->s[at] == '-' || x->s[at] == '+';
}

/* Behind "{% word %}" that opens at `at`; 0 when another tag stands there. */
static size_t word_tag(const struct lexer *x, size_t at, const char *word, bool is_end)
{
    if (!has(x, at, "{%"))
        return 0;
    at += 2;
    at = skip_space(x, at + sign_length(x, at));
    if (!has(x, at, word))
        return 0;
    at = skip_space(x, at + strlen(word));
    if (is_end)
        return tag_end(x, at, "%}");
    if (x->s[at] == '-' && has(x, at + 1, "%}"))
        return skip_space(x, at + 3);
    return has(x, at, "%}") ? at + 2 : 0;
}

static int lex_raw(struct lexer *x)
{
    for (size_t at = x->at; at < x->len; at++) {
        size_t end = word_tag(x, at, "endraw", true);

        if (!end)
            continue;
        add_text(x, at, x->s[at + 2], false);
        moved_to(x, end);
        return 0;
    }
    return fail(x, x->at, "a raw block that does not end");
}

static int lex_comment(struct lexer *x)
{
    for (size_t at = x->at; at < x->len; at++) {
        size_t end = tag_end(x, at, "#}");

        if (end) {
            moved_to(x, end);
            return 0;
        }
    }
    return fail(x, x->at, "a comment that does not end");
}

static int lex_all(struct lexer *x)
{
    while (x->at < x->len) {
        size_t tag = x->at, raw;
        char kind, sign;
        int r;

        while (tag < x->len &&
               !(x->s[tag] == '{' &&
                 (x->s[tag + 1] == '{' || x->s[tag + 1] == '%' || x->s[tag + 1] == '#')))
            tag++;
        kind = tag < x->len ? x->s[tag + 1] : '\0';
        sign = tag < x->len ? x->s[tag + 2] : '+';
        raw = kind == '%' ? word_tag(x, tag, "raw", false) : 0;
        add_text(x, tag, sign, kind == '{');
        if (!kind)
            break;
        moved_to(x, raw ? raw : tag + 2 + sign_length(x, tag + 2));
        if (raw) {
            r = lex_raw(x);
        } else if (kind == '#') {
            r = lex_comment(x);
        } else {
            add(x, kind == '{' ? MI_JTOKEN_OUTPUT : MI_JTOKEN_BLOCK, tag);
            r = lex_tag(x, kind == '{');
        }
        if (r < 0)
            return r;
    }
    return 0;
}

int mi_jlex(struct mi_arena *a, const char *source, size_t len, struct mi_jtokens *out,
            struct mi_error *err)
{
    struct lexer x = {.arena = a, .out = out, .err = err, .line = 1, .line_starting = true};
    char *s = mi_arena_alloc(a, len + 4);
    int r;

    *out = (struct mi_jtokens){0};
    for (size_t i = 0; i < len; i++) {
        if (source[i] == '\r' && i + 1 < len && source[i + 1] == '\n')
            continue;
        s[x.len++] = (char)(source[i] == '\r' ? '\n' : source[i]);
    }
    if (x.len > 0 && s[x.len - 1] == '\n')
        x.len--;
    memset(s + x.len, 0, 4);
    x.s = s;
    r = lex_all(&x);
    add(&x, MI_JTOKEN_END, x.len);
    return r;
}
