#include "data/edit.h"

#include "base/near.h"
#include "data/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What an operation takes, and what it cannot do without. */
static const struct {
    const char *name;
    bool has_directions; /* a direction after the sites */
    bool has_from;       /* `from FILE` */
    bool has_factor;     /* `* NUMBER` */
    bool needs_factor;
    bool has_scale;  /* `scale` after the number */
    bool has_bounds; /* LO HI */
    bool has_align;
} ops[MI_EDIT_OPS] = {
    [MI_EDIT_ADD] = {.name = "add", .has_directions = true, .has_factor = true, .has_scale = true},
    [MI_EDIT_PROJECT_OUT] = {.name = "project-out", .has_directions = true},
    [MI_EDIT_SET] = {.name = "set", .has_directions = true, .has_factor = true, .has_scale = true},
    [MI_EDIT_ZERO] = {.name = "zero"},
    [MI_EDIT_SCALE] = {.name = "scale", .has_factor = true, .needs_factor = true},
    [MI_EDIT_CLAMP] = {.name = "clamp", .has_bounds = true},
    [MI_EDIT_MEAN_ABLATE] = {.name = "mean-ablate", .has_from = true},
    [MI_EDIT_NOISE] = {.name = "noise", .has_factor = true, .needs_factor = true},
    [MI_EDIT_PATCH] = {.name = "patch", .has_from = true, .has_align = true},
    [MI_EDIT_SWAP] = {.name = "swap", .has_directions = true, .has_from = true, .has_align = true},
    [MI_EDIT_FREEZE] = {.name = "freeze"},
};

static const char *const aligns[] = {"end", "span", "mean", NULL};

/* ---- words -------------------------------------------------------------------- */

/* The line, and the word in hand. */
struct scan {
    const char *rest;   /* what follows the word */
    struct mi_buf word; /* without quotes; empty at the end of the line */
    bool is_quoted;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void skip_blanks(struct scan *s)
{
    while (is_blank(*s->rest))
        s->rest++;
}

/* A word in double quotes; a backslash takes the next character as it is. */
static int next_quoted(struct scan *s, struct mi_error *err)
{
    const char *p = s->rest + 1;

    for (; *p && *p != '"'; p++) {
        if (*p == '\\' && p[1])
            p++;
        mi_buf_add_char(&s->word, *p);
    }
    if (!*p)
        return mi_fail(err, MI_EXIT_USAGE, "a quote is not closed: %.80s", s->rest);
    s->rest = p + 1;
    s->is_quoted = true;
    mi_buf_text(&s->word);
    return 0;
}

/* Moves on to the next word; '*' and '@' are words of their own where they begin one. */
static int next_word(struct scan *s, struct mi_error *err)
{
    const char *from;

    mi_buf_clear(&s->word);
    s->is_quoted = false;
    skip_blanks(s);
    if (*s->rest == '"')
        return next_quoted(s, err);
    from = s->rest;
    if (*from == '*' || *from == '@')
        s->rest++;
    else
        while (*s->rest && !is_blank(*s->rest))
            s->rest++;
    mi_buf_add(&s->word, from, (size_t)(s->rest - from));
    mi_buf_text(&s->word);
    return 0;
}

/* Positions are one word, but a /regex/ in them may hold blanks. */
static void next_positions(struct scan *s)
{
    const char *from;
    bool in_regex = false;

    mi_buf_clear(&s->word);
    skip_blanks(s);
    for (from = s->rest; *s->rest && (in_regex || !is_blank(*s->rest)); s->rest++) {
        if (*s->rest == '/')
            in_regex = !in_regex;
        else if (in_regex && *s->rest == '\\' && s->rest[1])
            s->rest++;
    }
    mi_buf_add(&s->word, from, (size_t)(s->rest - from));
    mi_buf_text(&s->word);
}

static bool is_word(const struct scan *s, const char *word)
{
    return !s->is_quoted && strcmp(s->word.data, word) == 0;
}

static bool is_end(const struct scan *s)
{
    return s->word.len == 0 && !s->is_quoted;
}

static int read_number(const char *s, double *out, const char *what, struct mi_error *err)
{
    char *end = NULL;

    if (*s && s[strspn(s, "0123456789+-.eE")] == '\0')
        *out = strtod(s, &end);
    if (!end || end == s || *end || !isfinite(*out))
        return mi_fail(err, MI_EXIT_USAGE, "%s: '%.60s' is no number", what, s);
    return 0;
}

/* ---- one line ----------------------------------------------------------------- */

static int read_op(struct mi_edit *e, struct scan *s, struct mi_error *err)
{
    const char *names[MI_EDIT_OPS];
    char near[128];

    for (int i = 0; i < MI_EDIT_OPS; i++) {
        names[i] = ops[i].name;
        if (is_word(s, names[i])) {
            e->op = (enum mi_edit_op)i;
            return 0;
        }
    }
    mi_near_names(s->word.data, names, MI_EDIT_OPS, near, sizeof near);
    if (*near)
        return mi_fail(err, MI_EXIT_USAGE, "no operation '%.60s'; did you mean %s?", s->word.data,
                       near);
    return mi_fail(err, MI_EXIT_USAGE,
                   "no operation '%.60s'; there are add, project-out, set, zero, scale, clamp, "
                   "mean-ablate, noise, patch, swap and freeze",
                   s->word.data);
}

static int read_file_word(char **out, struct scan *s, const char *after, struct mi_error *err)
{
    if (s->word.len == 0 || is_word(s, "*") || is_word(s, "@") || is_word(s, "from"))
        return mi_fail(err, MI_EXIT_USAGE, "%s: a file is missing", after);
    *out = mi_strndup(s->word.data, s->word.len);
    return 0;
}

/* What stands between the sites and the clauses: a direction, or the bounds of clamp. */
static int read_operand(struct mi_edit *e, struct scan *s, struct mi_error *err)
{
    const char *name = ops[e->op].name;
    int status = 0;

    if (ops[e->op].has_directions) {
        status = read_file_word(&e->directions, s, name, err);
        return status < 0 ? status : next_word(s, err);
    }
    if (!ops[e->op].has_bounds)
        return 0;
    if ((status = read_number(s->word.data, &e->lo, "clamp: the lower bound", err)) < 0 ||
        (status = next_word(s, err)) < 0 ||
        (status = read_number(s->word.data, &e->hi, "clamp: the upper bound", err)) < 0)
        return status;
    if (e->lo > e->hi)
        return mi_fail(err, MI_EXIT_USAGE, "clamp: the lower bound is above the upper one");
    return next_word(s, err);
}

/* "proj(FILE) > NUMBER at PLACE" after `when`. */
static int read_condition(struct mi_edit *e, struct scan *s, const struct mi_dims *dims,
                          struct mi_error *err)
{
    static const char form[] = "a condition is: when proj(FILE) > NUMBER at SITE";
    struct mi_places places = {0};
    const char *open, *close;
    int status;

    skip_blanks(s);
    open = s->rest;
    close = strncmp(open, "proj(", 5) == 0 ? strchr(open, ')') : NULL;
    while (close && !strchr("<>", close[1 + strspn(close + 1, " \t")])) /* a name may hold ')' */
        close = strchr(close + 1, ')');
    if (!close || close == open + 5)
        return mi_fail(err, MI_EXIT_USAGE, "%s", form);
    e->when.source = mi_strndup(open + 5, (size_t)(close - open - 5));
    s->rest = close + 1;
    if ((status = next_word(s, err)) < 0)
        return status;
    e->when.is_less = is_word(s, "<");
    if (!e->when.is_less && !is_word(s, ">"))
        return mi_fail(err, MI_EXIT_USAGE, "%s", form);
    if ((status = next_word(s, err)) < 0 ||
        (status = read_number(s->word.data, &e->when.threshold, "when", err)) < 0 ||
        (status = next_word(s, err)) < 0)
        return status;
    if (!is_word(s, "at"))
        return mi_fail(err, MI_EXIT_USAGE, "%s", form);
    if ((status = next_word(s, err)) < 0 ||
        (status = mi_places_parse(&places, s->word.data, dims, err)) < 0)
        return status;
    if (places.n == 1)
        e->when.at = places.item[0];
    else
        status = mi_fail(err, MI_EXIT_USAGE, "when: '%.60s' is more than one place", s->word.data);
    mi_places_free(&places);
    return status;
}

static int fail_clause(const struct mi_edit *e, const struct scan *s, struct mi_error *err)
{
    return mi_fail(err, MI_EXIT_USAGE, "%s: '%.60s' does not belong here", ops[e->op].name,
                   s->word.data);
}

/* "* NUMBER [scale]" */
static int read_factor(struct mi_edit *e, struct scan *s, struct mi_error *err)
{
    int status;

    if (!ops[e->op].has_factor)
        return mi_fail(err, MI_EXIT_USAGE, "%s takes no '* NUMBER'", ops[e->op].name);
    if ((status = next_word(s, err)) < 0 ||
        (status = read_number(s->word.data, &e->factor, ops[e->op].name, err)) < 0 ||
        (status = next_word(s, err)) < 0)
        return status;
    if (!is_word(s, "scale"))
        return 0;
    if (!ops[e->op].has_scale)
        return fail_clause(e, s, err);
    e->in_scale = true;
    return next_word(s, err);
}

static int read_align(struct mi_edit *e, struct scan *s, struct mi_error *err)
{
    int status = next_word(s, err);

    if (status < 0)
        return status;
    if (!ops[e->op].has_align)
        return mi_fail(err, MI_EXIT_USAGE, "%s takes no 'align'", ops[e->op].name);
    for (int i = 0; aligns[i]; i++)
        if (is_word(s, aligns[i])) {
            e->align = (enum mi_align)i;
            return next_word(s, err);
        }
    return mi_fail(err, MI_EXIT_USAGE, "align: '%.60s' is none of end, span, mean", s->word.data);
}

/* Which clauses were read: each at most once. */
enum { HAS_FACTOR = 1, HAS_FROM = 2, HAS_AT = 4, HAS_ALIGN = 8, HAS_WHEN = 16 };

static int clause_of(const struct scan *s)
{
    static const struct {
        const char *word;
        int bit;
    } clauses[] = {{"*", HAS_FACTOR},
                   {"from", HAS_FROM},
                   {"@", HAS_AT},
                   {"align", HAS_ALIGN},
                   {"when", HAS_WHEN}};

    for (size_t i = 0; i < sizeof clauses / sizeof *clauses; i++)
        if (is_word(s, clauses[i].word))
            return clauses[i].bit;
    return 0;
}

static int read_clause(struct mi_edit *e, struct scan *s, int clause, const struct mi_dims *dims,
                       struct mi_error *err)
{
    int status;

    switch (clause) {
    case HAS_FACTOR: return read_factor(e, s, err);
    case HAS_FROM:
        if (!ops[e->op].has_from)
            return mi_fail(err, MI_EXIT_USAGE, "%s takes no 'from'", ops[e->op].name);
        if ((status = next_word(s, err)) < 0 ||
            (status = read_file_word(&e->source, s, "from", err)) < 0)
            return status;
        return next_word(s, err);
    case HAS_AT:
        next_positions(s);
        status = mi_pos_parse(&e->pos, s->word.data, err);
        return status < 0 ? status : next_word(s, err);
    case HAS_ALIGN: return read_align(e, s, err);
    default:
        status = read_condition(e, s, dims, err);
        return status < 0 ? status : next_word(s, err);
    }
}

static int read_clauses(struct mi_edit *e, struct scan *s, const struct mi_dims *dims,
                        struct mi_error *err)
{
    const char *name = ops[e->op].name;
    int seen = 0;

    while (!is_end(s)) {
        int clause = clause_of(s), status;

        if (clause == 0 || (seen & clause))
            return fail_clause(e, s, err);
        seen |= clause;
        status = read_clause(e, s, clause, dims, err);
        if (status < 0)
            return status;
    }
    if (ops[e->op].needs_factor && !(seen & HAS_FACTOR))
        return mi_fail(err, MI_EXIT_USAGE, "%s needs '* NUMBER'", name);
    if (e->op == MI_EDIT_NOISE && e->factor < 0)
        return mi_fail(err, MI_EXIT_USAGE, "noise: a standard deviation below 0");
    if (ops[e->op].has_from && !(seen & HAS_FROM))
        return mi_fail(err, MI_EXIT_USAGE, "%s needs 'from FILE'", name);
    return seen & HAS_AT ? 0 : mi_pos_parse(&e->pos, "all", err);
}

static int read_line(struct mi_edit *e, struct scan *s, const struct mi_dims *dims,
                     struct mi_error *err)
{
    int status;

    if ((status = next_word(s, err)) < 0 || (status = read_op(e, s, err)) < 0 ||
        (status = next_word(s, err)) < 0)
        return status;
    if (is_end(s) || is_word(s, "@") || is_word(s, "*"))
        return mi_fail(err, MI_EXIT_USAGE, "%s: which sites? as resid_post:9", ops[e->op].name);
    if ((status = mi_places_parse(&e->places, s->word.data, dims, err)) < 0)
        return status;
    e->sites = mi_strdup(s->word.data);
    if ((status = next_word(s, err)) < 0 || (status = read_operand(e, s, err)) < 0)
        return status;
    return read_clauses(e, s, dims, err);
}

static void free_edit(struct mi_edit *e)
{
    mi_places_free(&e->places);
    mi_pos_free(&e->pos);
    mi_free(e->sites);
    mi_free(e->directions);
    mi_free(e->source);
    mi_free(e->when.source);
}

int mi_edits_parse(struct mi_edits *list, const char *line, const struct mi_dims *dims,
                   struct mi_error *err)
{
    struct mi_edit e = {.factor = 1};
    struct scan s = {.rest = line};
    int status = read_line(&e, &s, dims, err);

    mi_buf_free(&s.word);
    if (status < 0) {
        free_edit(&e);
        return status;
    }
    list->item = mi_realloc_n(list->item, list->n + 1, sizeof e);
    list->item[list->n++] = e;
    return 0;
}

int mi_edits_parse_plan(struct mi_edits *list, const char *text, size_t len, const char *name,
                        const struct mi_dims *dims, struct mi_error *err)
{
    int number = 0, status = 0;

    for (size_t at = 0; at < len && status == 0; number++) {
        const char *end = memchr(text + at, '\n', len - at);
        size_t n = end ? (size_t)(end - text) - at : len - at;
        char *line = mi_strndup(text + at, n), *first = line + strspn(line, " \t\r");

        if (strlen(line) != n)
            status = mi_fail(err, MI_EXIT_USAGE, "a NUL byte");
        else if (*first && *first != '#')
            status = mi_edits_parse(list, first, dims, err);
        if (status < 0)
            status = mi_fail_in(err, "'%.100s': line %d", name, number + 1);
        mi_free(line);
        at += n + 1;
    }
    return status;
}

/* ---- printing ----------------------------------------------------------------- */

static void print_file(struct mi_buf *b, const char *path)
{
    if (*path && !strpbrk(path, " \t\r\n\"\\") && *path != '*' && *path != '@') {
        mi_buf_add_text(b, path);
        return;
    }
    mi_buf_add_char(b, '"');
    for (; *path; path++) {
        if (*path == '"' || *path == '\\')
            mi_buf_add_char(b, '\\');
        mi_buf_add_char(b, *path);
    }
    mi_buf_add_char(b, '"');
}

static void print_number(struct mi_buf *b, const char *before, double number)
{
    mi_buf_add_text(b, before);
    mi_json_real(b, number);
}

void mi_edit_print(struct mi_buf *b, const struct mi_edit *e, const char *directions,
                   const char *source, const char *when_source)
{
    char place[48];

    mi_buf_addf(b, "%s %s", ops[e->op].name, e->sites);
    if (e->directions) {
        mi_buf_add_char(b, ' ');
        print_file(b, directions ? directions : e->directions);
    }
    if (e->source) {
        mi_buf_add_text(b, " from ");
        print_file(b, source ? source : e->source);
    }
    if (ops[e->op].has_bounds) {
        print_number(b, " ", e->lo);
        print_number(b, " ", e->hi);
    }
    if (ops[e->op].has_factor)
        print_number(b, " * ", e->factor);
    if (e->in_scale)
        mi_buf_add_text(b, " scale");
    mi_buf_addf(b, " @ %s", e->pos.text);
    if (ops[e->op].has_align)
        mi_buf_addf(b, " align %s", aligns[e->align]);
    if (e->when.source) {
        mi_buf_addf(b, " when proj(%s) %c", when_source ? when_source : e->when.source,
                    e->when.is_less ? '<' : '>');
        print_number(b, " ", e->when.threshold);
        mi_buf_addf(b, " at %s", mi_place_text(&e->when.at, place));
    }
}

void mi_edits_free(struct mi_edits *list)
{
    for (size_t i = 0; i < list->n; i++)
        free_edit(&list->item[i]);
    mi_free(list->item);
    *list = (struct mi_edits){0};
}
