#include "text/split.h"

#include "base/escape.h"
#include "text/unicode.h"

#include <stdbool.h>

enum kind { SPACE, LETTER, NUMBER, OTHER, END };

/* Kind of the code point at s[i] and where the next one starts. */
static enum kind look(const char *s, size_t i, size_t len, size_t *next)
{
    uint32_t cp = 0;
    int used;

    if (i >= len)
        return END;
    used = mi_utf8_decode(s + i, len - i, &cp);
    *next = i + (used > 0 ? (size_t)used : 1);
    if (mi_is_letter(cp))
        return LETTER;
    if (mi_is_number(cp))
        return NUMBER;
    return mi_is_space(cp) ? SPACE : OTHER;
}

/* Behind the run of `kind` that goes on at s[i]. */
static size_t run_end(const char *s, size_t i, size_t len, enum kind kind)
{
    size_t next = i;

    while (look(s, i, len, &next) == kind)
        i = next;
    return i;
}

/* \s+(?!\S)|\s+ : a run of space leaves its last character to the word behind it. */
static size_t space_end(const char *s, size_t i, size_t len)
{
    size_t next = i, last = i, first = i;

    while (look(s, i, len, &next) == SPACE) {
        last = i;
        i = next;
    }
    return i == len || last == first ? i : last;
}

static bool is_newline(char c)
{
    return c == '\r' || c == '\n';
}

/* Behind the last line end of the run of space at s[i]; i where it has none. */
static size_t newline_end(const char *s, size_t i, size_t len)
{
    size_t next = i, found = i;

    while (look(s, i, len, &next) == SPACE) {
        if (is_newline(s[i]))
            found = next;
        i = next;
    }
    return found;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

/* Length of 's 't 're 've 'm 'll 'd at s[i], 0 for none. Without case the long s, which folds
 * to s, counts too. */
static size_t contraction(const char *s, size_t i, size_t len, bool any_case)
{
    char a, b;

    if (s[i] != '\'' || i + 1 >= len)
        return 0;
    a = any_case ? lower(s[i + 1]) : s[i + 1];
    if (a == 's' || a == 't' || a == 'm' || a == 'd')
        return 2;
    if (i + 2 >= len)
        return 0;
    if (any_case && s[i + 1] == '\xc5' && s[i + 2] == '\xbf')
        return 3;
    b = any_case ? lower(s[i + 2]) : s[i + 2];
    return (a == 'r' && b == 'e') || (a == 'v' && b == 'e') || (a == 'l' && b == 'l') ? 3 : 0;
}

size_t mi_split_gpt2(const char *s, size_t i, size_t len)
{
    size_t next = i, behind = i, n = contraction(s, i, len, false);
    enum kind kind;

    if (n)
        return i + n;
    kind = look(s, i, len, &next);
    if (s[i] == ' ') {
        enum kind word = look(s, next, len, &behind);

        if (word != SPACE && word != END)
            return run_end(s, behind, len, word);
    }
    return kind == SPACE ? space_end(s, i, len) : run_end(s, next, len, kind);
}

/* Behind at most `most` numbers. */
static size_t number_end(const char *s, size_t i, size_t len, int most)
{
    size_t next = i;

    while (most-- > 0 && look(s, i, len, &next) == NUMBER)
        i = next;
    return i;
}

static size_t split_modern(const char *s, size_t i, size_t len, int numbers)
{
    size_t next = i, behind = i, n = contraction(s, i, len, true);
    enum kind kind, word;

    if (n)
        return i + n;
    kind = look(s, i, len, &next);
    if (kind == LETTER)
        return run_end(s, next, len, LETTER);
    if (kind == NUMBER)
        return number_end(s, i, len, numbers);
    word = look(s, next, len, &behind);
    if (word == LETTER && !is_newline(s[i]))
        return run_end(s, behind, len, LETTER);
    if (kind == OTHER || (s[i] == ' ' && word == OTHER)) {
        i = run_end(s, next, len, OTHER);
        while (i < len && is_newline(s[i]))
            i++;
        return i;
    }
    n = newline_end(s, i, len);
    return n > i ? n : space_end(s, i, len);
}

size_t mi_split_llama3(const char *s, size_t i, size_t len)
{
    return split_modern(s, i, len, 3);
}

size_t mi_split_qwen2(const char *s, size_t i, size_t len)
{
    return split_modern(s, i, len, 1);
}

size_t mi_split_digits(const char *s, size_t i, size_t len)
{
    size_t next = i;

    if (look(s, i, len, &next) == NUMBER)
        return next;
    while (i < len) {
        enum kind kind = look(s, i, len, &next);

        if (kind == NUMBER)
            break;
        i = next;
    }
    return i;
}
