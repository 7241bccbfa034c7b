#include "data/pull.h"

#include "base/escape.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_NUMBER = 400 }; /* characters of a number that means anything */

static int refuse(struct mi_pull *p, const char *what)
{
    return mi_fail(p->err, MI_EXIT_DATA, "JSON: %s (byte %zu)", what, p->at);
}

static int skip_blanks(struct mi_pull *p)
{
    while (p->at < p->len && (p->text[p->at] == ' ' || p->text[p->at] == '\n' ||
                              p->text[p->at] == '\r' || p->text[p->at] == '\t'))
        p->at++;
    return p->at < p->len ? (unsigned char)p->text[p->at] : -1;
}

void mi_pull_init(struct mi_pull *p, const char *text, size_t len, struct mi_error *err)
{
    *p = (struct mi_pull){.text = text, .len = len, .err = err};
}

void mi_pull_free(struct mi_pull *p)
{
    mi_buf_free(&p->key_text);
    mi_buf_free(&p->string_text);
}

bool mi_pull_is(const struct mi_pull_string *s, const char *text)
{
    return s->len == strlen(text) && memcmp(s->at, text, s->len) == 0;
}

int mi_pull_peek(struct mi_pull *p)
{
    int c = skip_blanks(p);

    switch (c) {
    case '{': return MI_PULL_OBJECT;
    case '[': return MI_PULL_ARRAY;
    case '"': return MI_PULL_STRING;
    case 't': return MI_PULL_TRUE;
    case 'f': return MI_PULL_FALSE;
    case 'n': return MI_PULL_NULL;
    case -1: return refuse(p, "the text ends where a value is due");
    default: break;
    }
    if (c == '-' || (c >= '0' && c <= '9'))
        return MI_PULL_NUMBER;
    return refuse(p, "no value starts here");
}

int mi_pull_enter(struct mi_pull *p, char bracket)
{
    if (skip_blanks(p) != bracket)
        return refuse(p, bracket == '{' ? "an object is due" : "an array is due");
    if (p->level == MI_PULL_LEVELS)
        return refuse(p, "nested deeper than 64");
    p->open[p->level] = bracket;
    p->has_some[p->level++] = false;
    p->at++;
    return 0;
}

/* ---- strings ------------------------------------------------------------------ */

/* Four hexadecimal digits at p->at, or -1. */
static int32_t take_hex4(struct mi_pull *p)
{
    int32_t x = 0;

    if (p->len - p->at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        int c = (unsigned char)p->text[p->at + (size_t)i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;

        if (digit < 0)
            return -1;
        x = x * 16 + digit;
    }
    p->at += 4;
    return x;
}

/* What follows \u: one unit, or a pair of surrogates. */
static int take_unicode(struct mi_pull *p, struct mi_buf *out)
{
    int32_t c = take_hex4(p), low;
    char bytes[4];

    if (c >= 0xd800 && c < 0xdc00) {
        if (p->len - p->at < 2 || p->text[p->at] != '\\' || p->text[p->at + 1] != 'u')
            return refuse(p, "half a surrogate pair");
        p->at += 2;
        low = take_hex4(p);
        if (low < 0xdc00 || low > 0xdfff)
            return refuse(p, "half a surrogate pair");
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
    } else if (c < 0 || (c >= 0xdc00 && c <= 0xdfff)) {
        return refuse(p, c < 0 ? "\\u without four hexadecimal digits" : "half a surrogate pair");
    }
    mi_buf_add(out, bytes, (size_t)mi_utf8_encode((uint32_t)c, bytes));
    return 0;
}

static int take_escape(struct mi_pull *p, struct mi_buf *out)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    int c = ++p->at < p->len ? (unsigned char)p->text[p->at] : 0;
    const char *hit = c ? strchr(from, c) : NULL;

    p->at++;
    if (c == 'u')
        return take_unicode(p, out);
    if (!hit)
        return refuse(p, "unknown escape");
    mi_buf_add_char(out, to[hit - from]);
    return 0;
}

/* The string at the quote p->at; `out` is used only where there are escapes. */
static int read_string(struct mi_pull *p, struct mi_buf *out, struct mi_pull_string *s)
{
    size_t from = ++p->at; /* what is not yet copied */
    bool has_escapes = false;

    mi_buf_clear(out);
    for (;;) {
        int c = p->at < p->len ? (unsigned char)p->text[p->at] : -1;
        int rc;

        if (c < 0x20)
            return refuse(p, c < 0 ? "the text ends inside a string" : "a control character");
        if (c == '"' || c == '\\') {
            if (mi_utf8_valid(p->text + from, p->at - from) != p->at - from)
                return refuse(p, "not UTF-8");
            has_escapes = has_escapes || c == '\\';
            if (has_escapes)
                mi_buf_add(out, p->text + from, p->at - from);
        }
        if (c == '"') {
            *s = has_escapes ? (struct mi_pull_string){out->data, out->len}
                             : (struct mi_pull_string){p->text + from, p->at - from};
            p->at++;
            return 0;
        }
        if (c != '\\') {
            p->at++;
            continue;
        }
        rc = take_escape(p, out);
        if (rc < 0)
            return rc;
        from = p->at;
    }
}

int mi_pull_take_string(struct mi_pull *p, struct mi_pull_string *s)
{
    return skip_blanks(p) == '"' ? read_string(p, &p->string_text, s)
                                 : refuse(p, "a string is due");
}

/* ---- containers --------------------------------------------------------------- */

int mi_pull_next(struct mi_pull *p)
{
    bool is_object, *has_some;
    int c = skip_blanks(p), rc;

    if (p->level == 0)
        return refuse(p, "no container is open");
    is_object = p->open[p->level - 1] == '{';
    has_some = &p->has_some[p->level - 1];
    if (c == (is_object ? '}' : ']')) {
        p->at++;
        p->level--;
        return 0;
    }
    if (*has_some) {
        if (c != ',')
            return refuse(p, "',' or the end of a container is due");
        p->at++;
        c = skip_blanks(p);
    }
    *has_some = true;
    if (!is_object)
        return c == ']' ? refuse(p, "a comma before the end") : 1;
    if (c != '"')
        return refuse(p, "a key is due");
    rc = read_string(p, &p->key_text, &p->key);
    if (rc < 0)
        return rc;
    if (skip_blanks(p) != ':')
        return refuse(p, "':' is due");
    p->at++;
    return 1;
}

int mi_pull_end(struct mi_pull *p)
{
    return skip_blanks(p) < 0 ? 0 : refuse(p, "something follows the value");
}

/* ---- scalars ------------------------------------------------------------------ */

static size_t count_digits(const struct mi_pull *p, size_t at)
{
    size_t n = 0;

    while (at + n < p->len && p->text[at + n] >= '0' && p->text[at + n] <= '9')
        n++;
    return n;
}

/* Length of the number at p->at by JSON's grammar, 0 where there is none. */
static size_t measure_number(const struct mi_pull *p)
{
    size_t at = p->at, n;

    at += at < p->len && p->text[at] == '-';
    n = count_digits(p, at);
    if (n == 0 || (n > 1 && p->text[at] == '0'))
        return 0;
    at += n;
    if (at < p->len && p->text[at] == '.') {
        n = count_digits(p, at + 1);
        if (n == 0)
            return 0;
        at += 1 + n;
    }
    if (at < p->len && (p->text[at] == 'e' || p->text[at] == 'E')) {
        at++;
        at += at < p->len && (p->text[at] == '+' || p->text[at] == '-');
        n = count_digits(p, at);
        if (n == 0)
            return 0;
        at += n;
    }
    return at - p->at;
}

static int take_number(struct mi_pull *p, char *text)
{
    size_t n;

    skip_blanks(p);
    n = measure_number(p);
    if (n == 0 || n >= MAX_NUMBER)
        return refuse(p, n ? "a number of too many digits" : "a number is due");
    memcpy(text, p->text + p->at, n);
    text[n] = 0;
    return (int)n;
}

int mi_pull_take_u64(struct mi_pull *p, uint64_t *u)
{
    char text[MAX_NUMBER];
    int n = take_number(p, text);

    if (n < 0)
        return n;
    if (strspn(text, "0123456789") != (size_t)n)
        return refuse(p, "a whole number from 0 is due");
    errno = 0;
    *u = strtoull(text, NULL, 10);
    if (errno)
        return refuse(p, "a number beyond 64 bits");
    p->at += (size_t)n;
    return 0;
}

int mi_pull_take_real(struct mi_pull *p, double *r)
{
    char text[MAX_NUMBER];
    int n = take_number(p, text);

    if (n < 0)
        return n;
    *r = strtod(text, NULL);
    if (!isfinite(*r))
        return refuse(p, "a number beyond double precision");
    p->at += (size_t)n;
    return 0;
}

static int take_word(struct mi_pull *p, const char *word)
{
    size_t n = strlen(word);

    if (p->len - p->at < n || memcmp(p->text + p->at, word, n) != 0)
        return refuse(p, "no value starts here");
    p->at += n;
    return 0;
}

int mi_pull_take_flag(struct mi_pull *p, bool *flag)
{
    int c = skip_blanks(p);

    if (c != 't' && c != 'f')
        return refuse(p, "true or false is due");
    *flag = c == 't';
    return take_word(p, *flag ? "true" : "false");
}

/* ---- anything ----------------------------------------------------------------- */

static int skip_scalar(struct mi_pull *p, int kind)
{
    struct mi_pull_string s;
    size_t n;
    double r;

    switch (kind) {
    case MI_PULL_STRING: return mi_pull_take_string(p, &s);
    case MI_PULL_NUMBER:
        n = count_digits(p, p->at);
        if (n == 0 || n > 15 || p->at + n == p->len || !strchr(",]} \r\n\t", p->text[p->at + n]) ||
            p->text[p->at] == '0')
            return mi_pull_take_real(p, &r);
        p->at += n; /* a plain one is finite */
        return 0;
    case MI_PULL_TRUE: return take_word(p, "true");
    case MI_PULL_FALSE: return take_word(p, "false");
    default: return take_word(p, "null");
    }
}

int mi_pull_skip(struct mi_pull *p)
{
    int floor = p->level, rc, kind;

    do {
        kind = mi_pull_peek(p);
        if (kind < 0)
            return kind;
        rc = kind == MI_PULL_OBJECT  ? mi_pull_enter(p, '{')
             : kind == MI_PULL_ARRAY ? mi_pull_enter(p, '[')
                                     : skip_scalar(p, kind);
        if (rc < 0)
            return rc;
        while (p->level > floor && (rc = mi_pull_next(p)) == 0)
            ;
        if (rc < 0)
            return rc;
    } while (p->level > floor);
    return 0;
}
