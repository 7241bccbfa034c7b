#include "base/opt.h"

#include "base/escape.h"
#include "base/mem.h"
#include "base/near.h"
#include "base/tool.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_OPTS = 48, STD_OPTS = 4, LONG_BASE = 256 };

bool mi_opt_quiet;
int mi_opt_verbose;

static bool was_given[MAX_OPTS];   /* by the last mi_opt_parse, in table order */
static struct mi_arena list_items; /* what the lists point into */

/* Where and how fast, not what: never in the provenance. */
static const char *const no_matter[] = {
    "output",  "threads", "quiet", "verbose",  "dry-run",    "shard",     "max-memory", "batch",
    "no-mmap", "force",   "model", "progress", "no-clobber", "color",     "no-sync",    "list",
    "info",    "limits",  "check", "resume",   "cache",      "max-record"};

static const struct option standard[STD_OPTS] = {{"quiet", no_argument, NULL, 'q'},
                                                 {"verbose", no_argument, NULL, 'v'},
                                                 {"help", no_argument, NULL, 'h'},
                                                 {"version", no_argument, NULL, 'V'}};

/* ---- values ----------------------------------------------------------------- */

static const char *skip_digits(const char *s)
{
    return s + strspn(s, "0123456789");
}

/* [-]digits: no blanks, no sign of plus, no 0x. */
static bool is_whole(const char *s)
{
    const char *end;

    s += *s == '-';
    end = skip_digits(s);
    return end > s && *end == '\0';
}

/* [-]digits[.digits][e[+-]digits], with a digit before or behind the point. */
static bool is_decimal(const char *s)
{
    const char *end;
    bool has_digit;

    s += *s == '-';
    end = skip_digits(s);
    has_digit = end > s;
    if (*end == '.') {
        s = end + 1;
        end = skip_digits(s);
        has_digit = has_digit || end > s;
    }
    if (has_digit && (*end == 'e' || *end == 'E')) {
        s = end + 1;
        s += *s == '-' || *s == '+';
        end = skip_digits(s);
        has_digit = end > s;
    }
    return has_digit && *end == '\0';
}

static void add_item(struct mi_strings *list, const char *s)
{
    const char **grown = mi_arena_alloc(&list_items, ((size_t)list->n + 1) * sizeof *grown);

    if (list->n)
        memcpy(grown, list->item, (size_t)list->n * sizeof *grown);
    grown[list->n++] = s;
    list->item = grown;
}

static MI_NORETURN void bad_choice(const struct mi_opt *o, const char *s)
{
    char text[320] = "";
    size_t used = 0;

    for (int i = 0; o->choices[i] && used < sizeof text; i++)
        used +=
            (size_t)snprintf(text + used, sizeof text - used, "%s%s", i ? ", " : "", o->choices[i]);
    mi_tool_misuse("--%s: '%s' is none of %s", o->name, mi_quote(s), text);
}

static void set_int(const struct mi_opt *o, const char *s)
{
    long v;

    errno = 0;
    v = strtol(s, NULL, 10);
    if (!is_whole(s) || errno || (double)v < o->min || (double)v > o->max)
        mi_tool_misuse("--%s: '%s' is not a whole number from %.0f to %.0f", o->name, mi_quote(s),
                       o->min, o->max);
    *(long *)o->value = v;
}

/* A number too small for a double counts as zero; one too large is refused. */
static void set_real(const struct mi_opt *o, const char *s)
{
    double v = is_decimal(s) ? strtod(s, NULL) : (double)NAN;

    if (!isfinite(v) || v < o->min || v > o->max)
        mi_tool_misuse("--%s: '%s' is not a number from %g to %g", o->name, mi_quote(s), o->min,
                       o->max);
    *(double *)o->value = v;
}

static void set_value(const struct mi_opt *o, const char *s)
{
    if (o->kind != MI_OPT_FLAG && *s == '\0')
        mi_tool_misuse("--%s: the value is empty", o->name);
    switch (o->kind) {
    case MI_OPT_FLAG: *(bool *)o->value = true; return;
    case MI_OPT_STRING: *(const char **)o->value = s; return;
    case MI_OPT_LIST: add_item(o->value, s); return;
    case MI_OPT_INT: set_int(o, s); return;
    case MI_OPT_REAL: set_real(o, s); return;
    case MI_OPT_CHOICE:
        for (int i = 0; o->choices[i]; i++)
            if (strcmp(s, o->choices[i]) == 0) {
                *(int *)o->value = i;
                return;
            }
        bad_choice(o, s);
    }
}

/* ---- help ------------------------------------------------------------------- */

static void print_line(const struct mi_opt *o)
{
    char left[64];

    snprintf(left, sizeof left, "%c%c%s--%s%s%s", o->letter ? '-' : ' ',
             o->letter ? o->letter : ' ', o->letter ? ", " : "  ", o->name, o->arg ? "=" : "",
             o->arg ? o->arg : "");
    printf("  %-26s %s", left, o->help);
    if (o->kind == MI_OPT_INT) {
        printf(" [%ld]", *(long *)o->value);
    } else if (o->kind == MI_OPT_REAL) {
        printf(" [%g]", *(double *)o->value);
    } else if (o->kind == MI_OPT_STRING && *(const char **)o->value) {
        printf(" [%s]", *(const char **)o->value);
    } else if (o->kind == MI_OPT_CHOICE) {
        for (int i = 0; o->choices[i]; i++)
            printf("%s%s", i ? "|" : " (", o->choices[i]);
        /* an index below zero means that nothing is chosen beforehand */
        printf(*(int *)o->value >= 0 ? ") [%s]" : ")",
               *(int *)o->value >= 0 ? o->choices[*(int *)o->value] : "");
    }
    putchar('\n');
}

static MI_NORETURN void print_help(const struct mi_opt *table, int n)
{
    mi_tool_help_head();
    puts("\nOptions:");
    for (int i = 0; i < n; i++)
        print_line(&table[i]);
    printf("  %-26s %s\n  %-26s %s\n  %-26s %s\n  %-26s %s\n", "-q, --quiet", "no progress line",
           "-v, --verbose", "say more on standard error", "-h, --help", "show this help",
           "-V, --version", "show the version");
    mi_tool_help_tail();
}

/* ---- parsing ---------------------------------------------------------------- */

/* `token` is "--word" or "--word=value" and no option of ours. */
static MI_NORETURN void unknown_long(const char *token, const struct option *longs)
{
    const char *names[MAX_OPTS + STD_OPTS];
    char word[64], text[320];
    int n = 0;

    for (; longs[n].name; n++)
        names[n] = longs[n].name;
    snprintf(word, sizeof word, "%.*s", (int)strcspn(token + 2, "="), token + 2);
    if (*mi_near_names(word, names, n, text, sizeof text))
        mi_tool_misuse("unknown option '--%s'; is %s meant?", mi_quote(word), text);
    mi_tool_misuse("unknown option '--%s'", mi_quote(word));
}

/* What getopt_long calls '?' is three things; argv[optind - 1] is not always
 * the token at fault (not so inside a cluster such as -ab). */
static MI_NORETURN void bad_option(int c, char **argv, const struct mi_opt *table,
                                   const struct option *longs)
{
    const char *token = argv[optind - 1];
    const char letter[2] = {(char)optopt, '\0'};

    if (c == ':' && optopt >= LONG_BASE)
        mi_tool_misuse("option '--%s' needs a value", table[optopt - LONG_BASE].name);
    if (c == ':')
        mi_tool_misuse("option '-%s' needs a value", mi_quote(letter));
    if (optopt == 0)
        unknown_long(token, longs);
    if (strncmp(token, "--", 2) == 0)
        mi_tool_misuse("option '%s' takes no value", mi_quote(token));
    mi_tool_misuse("unknown option '-%s'", mi_quote(letter));
}

/* getopt_long takes any unique beginning for the name: then a script breaks on the day
 * a longer option joins. So the name must be whole. */
static void refuse_abbreviation(char **argv, const char *name, const struct option *longs)
{
    const char *token = argv[optind - 1];

    if (optarg && optarg == token && optind >= 2) /* the value stands by itself */
        token = argv[optind - 2];
    if (strncmp(token + 2, name, strlen(name)) != 0 || strcspn(token + 2, "=") != strlen(name))
        unknown_long(token, longs);
}

/* The two forms that getopt_long wants; shorts [2 * (MAX_OPTS + STD_OPTS) + 2]. */
static void fill_tables(const struct mi_opt *table, int n, struct option *longs, char *shorts)
{
    char *p = shorts + strlen(strcpy(shorts, ":qvhV"));

    for (int i = 0; i < n; i++) {
        longs[i] = (struct option){table[i].name, table[i].arg ? required_argument : no_argument,
                                   NULL, LONG_BASE + i};
        if (table[i].letter) {
            *p++ = table[i].letter;
            if (table[i].arg)
                *p++ = ':';
        }
    }
    *p = '\0';
    for (int i = 0; i < STD_OPTS; i++)
        longs[n + i] = standard[i];
}

int mi_opt_of_verb(struct mi_opt *to, const struct mi_verb_opt *rows, int n, int verb)
{
    int k = 0;

    for (int i = 0; i < n; i++)
        if (rows[i].verbs >> verb & 1)
            to[k++] = rows[i].opt;
    return k;
}

int mi_opt_parse(const struct mi_opt *table, int n, int argc, char **argv)
{
    struct option longs[MAX_OPTS + STD_OPTS + 1] = {{0}};
    char shorts[2 * (MAX_OPTS + STD_OPTS) + 2];
    int c, at = -1; /* at: where in longs, when the long form was used */

    if (n > MAX_OPTS)
        mi_die(MI_EXIT_USAGE, "%d options in a table for %d", n, (int)MAX_OPTS);
    fill_tables(table, n, longs, shorts);
    memset(was_given, 0, sizeof was_given);
    opterr = 0;
    optind = 1;
    for (; (c = getopt_long(argc, argv, shorts, longs, &at)) != -1; at = -1) {
        int i = c - LONG_BASE;

        if (at >= 0 && c != '?' && c != ':')
            refuse_abbreviation(argv, longs[at].name, longs);
        if (c == 'q') {
            mi_opt_quiet = true;
        } else if (c == 'v') {
            mi_opt_verbose++;
        } else if (c == 'h') {
            print_help(table, n);
        } else if (c == 'V') {
            mi_tool_version();
        } else if (c == '?' || c == ':') {
            bad_option(c, argv, table, longs);
        } else {
            for (i = i < 0 ? 0 : i; c < LONG_BASE && table[i].letter != c;)
                i++;
            set_value(&table[i], optarg);
            was_given[i] = true;
        }
    }
    return optind;
}

/* ---- provenance ------------------------------------------------------------- */

static bool can_matter(const char *name)
{
    for (size_t i = 0; i < sizeof no_matter / sizeof *no_matter; i++)
        if (strcmp(name, no_matter[i]) == 0)
            return false;
    return true;
}

/* A short decimal that reads back as v, so that 1e1 and 10 are one option. */
static void print_real(char *text, size_t size, double v)
{
    for (int digits = 6; digits <= 17; digits++) {
        snprintf(text, size, "%.*g", digits, v);
        if (strtod(text, NULL) == v)
            return;
    }
}

static void tell(const struct mi_opt *o,
                 void (*each)(void *ctx, const char *name, const char *value), void *ctx)
{
    const struct mi_strings *list = o->value;
    char text[64];

    switch (o->kind) {
    case MI_OPT_FLAG: each(ctx, o->name, "true"); return;
    case MI_OPT_STRING: each(ctx, o->name, *(const char **)o->value); return;
    case MI_OPT_CHOICE: each(ctx, o->name, o->choices[*(int *)o->value]); return;
    case MI_OPT_INT:
        snprintf(text, sizeof text, "%ld", *(long *)o->value);
        each(ctx, o->name, text);
        return;
    case MI_OPT_REAL:
        print_real(text, sizeof text, *(double *)o->value);
        each(ctx, o->name, text);
        return;
    case MI_OPT_LIST:
        for (int i = 0; i < list->n; i++)
            each(ctx, o->name, list->item[i]);
        return;
    }
}

void mi_opt_each_that_matters(const struct mi_opt *table, int n,
                              void (*each)(void *ctx, const char *name, const char *value),
                              void *ctx)
{
    for (int i = 0; i < n; i++)
        if (was_given[i] && can_matter(table[i].name))
            tell(&table[i], each, ctx);
}
