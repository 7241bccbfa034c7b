#include "data/pos.h"

#include "base/buf.h"
#include "base/escape.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/* ---- parsing ------------------------------------------------------------------ */

static int fail_item(const char *s, size_t n, struct mi_error *err)
{
    return mi_fail(err, MI_EXIT_USAGE,
                   "'%.*s' is no position: write last, -2, 3, 2:5, all, prompt, gen, gen:0:4, "
                   "role:NAME, role:NAME:K, turn:K, span:NAME or /regex/",
                   (int)(n > 80 ? 80 : n), s);
}

/* A whole number of at most nine digits; returns what follows, or NULL. */
static const char *scan_number(const char *s, const char *end, int64_t *out)
{
    bool is_negative = s < end && *s == '-';
    const char *p = s + is_negative, *first = p;
    int64_t v = 0;

    while (p < end && *p >= '0' && *p <= '9' && p - first < 9)
        v = 10 * v + (*p++ - '0');
    if (p == first || (p < end && *p >= '0' && *p <= '9'))
        return NULL;
    *out = is_negative ? -v : v;
    return p;
}

/* "K", "A:B", "A:", ":B" or ":" into a range, ends as written; false when it is none. */
static bool scan_range(const char *s, const char *end, struct mi_pos_item *it, bool *is_index)
{
    const char *p = s;

    *is_index = false;
    it->has_from = it->has_to = false;
    if (p < end && *p != ':') {
        p = scan_number(p, end, &it->from);
        if (!p)
            return false;
        it->has_from = true;
        if (p == end) {
            *is_index = true;
            return true;
        }
    }
    if (p == end || *p++ != ':')
        return false;
    if (p < end) {
        p = scan_number(p, end, &it->to);
        it->has_to = p != NULL;
    }
    return p == end;
}

/* "gen", "gen:0:4", "gen:-1": an index k becomes the range k:k+1 (-1: to the end). */
static bool scan_gen(const char *s, const char *end, struct mi_pos_item *it)
{
    bool is_index;

    it->kind = MI_POS_GEN;
    if (s == end)
        return true;
    if (*s != ':' || !scan_range(s + 1, end, it, &is_index))
        return false;
    if (is_index) {
        it->to = it->from + 1;
        it->has_to = it->from != -1;
    }
    return true;
}

/* "user", "user:0" or "user:-1" of a role; "0" or "-1" of a turn, which has no name. */
static bool scan_turn(const char *s, const char *end, bool is_named, struct mi_pos_item *it)
{
    const char *number, *name_end = end;

    it->kind = MI_POS_ROLE;
    if (is_named) {
        for (number = end; number > s && number[-1] != ':';)
            number--;
        if (number > s && scan_number(number, end, &it->from) == end) {
            it->has_from = true;
            name_end = number - 1;
        }
        it->name = mi_strndup(s, (size_t)(name_end - s));
        return name_end > s;
    }
    it->has_from = true;
    return scan_number(s, end, &it->from) == end;
}

static struct mi_pos_item *add_item(struct mi_pos *p, enum mi_pos_kind kind)
{
    p->item = mi_realloc_n(p->item, p->n + 1, sizeof *p->item);
    p->item[p->n] = (struct mi_pos_item){.kind = kind};
    return &p->item[p->n++];
}

static bool is_word(const char *s, size_t n, const char *word)
{
    return strlen(word) == n && memcmp(s, word, n) == 0;
}

static int add_regex(struct mi_pos *p, const char *s, size_t n, struct mi_error *err)
{
    struct mi_pos_item *it = add_item(p, MI_POS_REGEX);
    char *pattern = it->name = mi_strndup(s + 1, n - 2), *to = pattern;

    /* "\/" is a slash; every other escape is the pattern's own. */
    for (const char *from = pattern; *from; *to++ = *from++) {
        if (from[0] == '\\' && from[1] == '/')
            from++;
        else if (from[0] == '\\' && from[1])
            *to++ = *from++;
    }
    *to = '\0';
    if (!*pattern)
        return mi_fail(err, MI_EXIT_USAGE, "'//' is no position: the pattern is empty");
    return mi_regex_compile(&it->regex, pattern, err);
}

/* One item s [n] of the list. */
static int add_text(struct mi_pos *p, const char *s, size_t n, struct mi_error *err)
{
    struct mi_pos_item it = {0};
    bool is_index;

    if (n >= 2 && s[0] == '/' && s[n - 1] == '/')
        return add_regex(p, s, n, err);
    if (is_word(s, n, "prompt") || is_word(s, n, "all")) {
        add_item(p, MI_POS_RANGE);
        if (s[0] == 'a')
            add_item(p, MI_POS_GEN);
        return 0;
    }
    if (is_word(s, n, "last")) {
        it = (struct mi_pos_item){.kind = MI_POS_INDEX, .has_from = true, .from = -1};
    } else if (n > 5 && memcmp(s, "span:", 5) == 0) {
        it.kind = MI_POS_SPAN;
        it.name = mi_strndup(s + 5, n - 5);
    } else if (n > 5 && (memcmp(s, "role:", 5) == 0 || memcmp(s, "turn:", 5) == 0)) {
        if (!scan_turn(s + 5, s + n, s[0] == 'r', &it)) {
            mi_free(it.name);
            return fail_item(s, n, err);
        }
    } else if (n >= 3 && memcmp(s, "gen", 3) == 0) {
        if (!scan_gen(s + 3, s + n, &it))
            return fail_item(s, n, err);
    } else {
        if (!scan_range(s, s + n, &it, &is_index))
            return fail_item(s, n, err);
        it.kind = is_index ? MI_POS_INDEX : MI_POS_RANGE;
    }
    *add_item(p, it.kind) = it;
    return 0;
}

/* Length of the item at s: to the next comma, or of a regex to its closing slash. */
static size_t item_length(const char *s)
{
    size_t n = 1;

    if (*s != '/')
        return strcspn(s, ",");
    while (s[n] && s[n] != '/')
        n += s[n] == '\\' && s[n + 1] ? 2 : 1;
    return s[n] ? n + 1 : n;
}

int mi_pos_parse(struct mi_pos *p, const char *text, struct mi_error *err)
{
    *p = (struct mi_pos){0};
    for (const char *s = text;;) {
        size_t n = item_length(s);
        int status =
            n && (!s[n] || s[n] == ',') ? add_text(p, s, n, err) : fail_item(s, strlen(s), err);

        if (status < 0) {
            mi_pos_free(p);
            return status;
        }
        if (!s[n])
            break;
        s += n + 1;
    }
    p->text = mi_strdup(text);
    return 0;
}

void mi_pos_free(struct mi_pos *p)
{
    for (size_t i = 0; i < p->n; i++) {
        mi_free(p->item[i].name);
        mi_regex_free(&p->item[i].regex);
    }
    mi_free(p->item);
    mi_free(p->text);
    *p = (struct mi_pos){0};
}

/* ---- resolving ---------------------------------------------------------------- */

/* Marks tokens begin..end-1; returns how many there are inside the sequence. */
static int64_t mark(unsigned char *is_in, int64_t n, int64_t begin, int64_t end)
{
    if (begin < 0)
        begin = 0;
    if (end > n)
        end = n;
    for (int64_t i = begin; i < end; i++)
        is_in[i] = 1;
    return end > begin ? end - begin : 0;
}

/* The tokens of an index or range, counted in the prompt. */
static int prompt_range(const struct mi_pos_item *it, int64_t n_prompt, int64_t *begin,
                        int64_t *end, struct mi_error *err)
{
    int64_t from = it->has_from ? it->from : 0, to = it->has_to ? it->to : n_prompt;
    int64_t worst;

    if (from < 0)
        from += n_prompt;
    if (to < 0)
        to += n_prompt;
    if (it->kind == MI_POS_INDEX)
        to = from + 1;
    *begin = from;
    *end = to;
    worst = from < 0 || from > n_prompt ? it->from : it->to;
    if (it->kind == MI_POS_INDEX && (from < 0 || to > n_prompt))
        return mi_fail(err, MI_EXIT_DATA, "position %lld is outside the prompt of %lld tokens",
                       (long long)it->from, (long long)n_prompt);
    if (from < 0 || to > n_prompt || from > n_prompt || to < 0)
        return mi_fail(err, MI_EXIT_DATA,
                       "position %lld of a range is outside the prompt of %lld tokens",
                       (long long)worst, (long long)n_prompt);
    if (from >= to && (it->has_from || it->has_to))
        return mi_fail(err, MI_EXIT_DATA, "an empty range of positions in a prompt of %lld tokens",
                       (long long)n_prompt);
    return 0;
}

/* Generated tokens are counted from n_prompt; what is not there is not an error, since
 * a run may stop early. */
static void gen_range(const struct mi_pos_item *it, int64_t n_prompt, int64_t n_tokens,
                      int64_t *begin, int64_t *end)
{
    int64_t from = it->has_from ? it->from : 0;

    *begin = from < 0 ? n_tokens + from : n_prompt + from;
    *end = !it->has_to ? n_tokens : it->to < 0 ? n_tokens + it->to : n_prompt + it->to;
    if (*begin < n_prompt)
        *begin = n_prompt;
}

/* Is span i of the list what the item says: by name, and by number among those of the name? */
static bool is_meant(const struct mi_pos_item *it, const struct mi_span *list, size_t n, size_t i)
{
    int64_t number = 0, count = 0;

    if (it->name && strcmp(list[i].name, it->name) != 0)
        return false;
    if (!it->has_from)
        return true;
    for (size_t j = 0; j < n; j++)
        if (!it->name || strcmp(list[j].name, it->name) == 0) {
            number += j < i;
            count++;
        }
    return number == (it->from < 0 ? it->from + count : it->from);
}

static int fail_name(const struct mi_pos_item *it, const struct mi_span *list, size_t n,
                     struct mi_error *err)
{
    const char *what = it->kind == MI_POS_ROLE ? "role" : "span";
    struct mi_buf b = {0};

    for (size_t i = 0; i < n; i++) {
        size_t before = 0;

        while (before < i && strcmp(list[before].name, list[i].name) != 0)
            before++;
        if (before == i && b.len < 200)
            mi_buf_addf(&b, "%s'%.40s'", b.len ? ", " : "", list[i].name);
    }
    if (it->has_from)
        mi_fail(err, MI_EXIT_DATA,
                "no turn %lld%s%.60s with tokens in this prompt; it has %zu, of %s",
                (long long)it->from, it->name ? " of role " : "", it->name ? it->name : "", n,
                n ? mi_buf_text(&b) : "none");
    else
        mi_fail(err, MI_EXIT_DATA, "no %s '%.60s' with tokens in this prompt; it has %s", what,
                it->name, n ? mi_buf_text(&b) : "none");
    mi_buf_free(&b);
    return -MI_EXIT_DATA;
}

static int mark_named(unsigned char *is_in, const struct mi_pos_item *it,
                      const struct mi_pos_tokens *t, struct mi_error *err)
{
    const struct mi_span *list = it->kind == MI_POS_ROLE ? t->roles : t->spans;
    size_t n = it->kind == MI_POS_ROLE ? t->n_roles : t->n_spans;
    int64_t found = 0;

    for (size_t i = 0; i < n; i++)
        if (is_meant(it, list, n, i))
            found += mark(is_in, t->n_tokens, list[i].begin, list[i].end);
    return found ? 0 : fail_name(it, list, n, err);
}

/* The text of all tokens; bytes that are not UTF-8 (a token may end inside a character)
 * become '?', so that offsets stay. */
static void join_pieces(const struct mi_pos_tokens *t, struct mi_buf *text)
{
    for (int64_t i = 0; i < t->n_tokens; i++)
        mi_buf_add(text, t->piece[i], t->piece_len[i]);
    for (size_t at = 0; at < text->len; at++) {
        at += mi_utf8_valid(text->data + at, text->len - at);
        if (at < text->len)
            text->data[at] = '?';
    }
}

/* Marks the tokens that overlap bytes begin..end-1; *token and *offset walk along. */
static void mark_bytes(unsigned char *is_in, const struct mi_pos_tokens *t, size_t begin,
                       size_t end, int64_t *token, size_t *offset)
{
    while (*token < t->n_tokens && *offset + t->piece_len[*token] <= begin)
        *offset += t->piece_len[(*token)++];
    for (size_t at = *offset, i = (size_t)*token; i < (size_t)t->n_tokens && at < end; i++) {
        if (t->piece_len[i])
            is_in[i] = 1;
        at += t->piece_len[i];
    }
}

static int mark_regex(unsigned char *is_in, struct mi_pos_item *it, const struct mi_pos_tokens *t,
                      struct mi_error *err)
{
    struct mi_buf text = {0};
    size_t from = 0, begin = 0, end = 0, offset = 0;
    int64_t token = 0;
    bool is_found = false;
    int status = 0;

    if (!t->piece)
        return mi_fail(err, MI_EXIT_DATA, "'/%.60s/' needs the text of the tokens", it->name);
    join_pieces(t, &text);
    mi_buf_text(&text);
    while (from <= text.len &&
           (status = mi_regex_find(&it->regex, text.data, text.len, from, &begin, &end, err)) > 0) {
        if (end > begin) {
            mark_bytes(is_in, t, begin, end, &token, &offset);
            is_found = true;
            from = end;
        } else { /* an empty match marks nothing: go on after the next character */
            for (from = end + 1; from < text.len && (text.data[from] & 0xc0) == 0x80;)
                from++;
        }
    }
    mi_buf_free(&text);
    if (status < 0)
        return status;
    return is_found
               ? 0
               : mi_fail(err, MI_EXIT_DATA, "'/%.60s/' matches nothing in this prompt", it->name);
}

static int mark_item(unsigned char *is_in, struct mi_pos_item *it, const struct mi_pos_tokens *t,
                     struct mi_error *err)
{
    int64_t begin, end;
    int status;

    switch (it->kind) {
    case MI_POS_INDEX:
    case MI_POS_RANGE:
        status = prompt_range(it, t->n_prompt, &begin, &end, err);
        if (status == 0)
            mark(is_in, t->n_tokens, begin, end);
        return status;
    case MI_POS_GEN:
        gen_range(it, t->n_prompt, t->n_tokens, &begin, &end);
        mark(is_in, t->n_tokens, begin, end);
        return 0;
    case MI_POS_ROLE:
    case MI_POS_SPAN: return mark_named(is_in, it, t, err);
    case MI_POS_REGEX: return mark_regex(is_in, it, t, err);
    }
    return 0;
}

int64_t mi_pos_resolve(const struct mi_pos *p, const struct mi_pos_tokens *t, int64_t **out,
                       size_t *cap, struct mi_error *err)
{
    unsigned char *is_in = mi_alloc_zero((size_t)t->n_tokens + 1, 1);
    int64_t n = 0;
    int status = 0;

    for (size_t i = 0; i < p->n && status == 0; i++)
        status = mark_item(is_in, &p->item[i], t, err);
    if (status == 0) {
        *out = mi_grow(*out, cap, (size_t)t->n_tokens + 1, sizeof **out);
        for (int64_t i = 0; i < t->n_tokens; i++)
            if (is_in[i])
                (*out)[n++] = i;
    }
    mi_free(is_in);
    return status < 0 ? status : n;
}

/* ---- while a run is growing --------------------------------------------------- */

static bool covers_named(const struct mi_pos_item *it, const struct mi_span *list, size_t n,
                         int64_t index)
{
    for (size_t i = 0; i < n; i++)
        if (index >= list[i].begin && index < list[i].end && is_meant(it, list, n, i))
            return true;
    return false;
}

static bool covers_regex(struct mi_pos_item *it, const struct mi_pos_tokens *t, int64_t index)
{
    unsigned char *is_in = mi_alloc_zero((size_t)t->n_tokens + 1, 1);
    bool covers = mark_regex(is_in, it, t, NULL) == 0 && index < t->n_tokens && is_in[index];

    mi_free(is_in);
    return covers;
}

static bool item_covers(struct mi_pos_item *it, const struct mi_pos_tokens *t, int64_t index)
{
    int64_t begin, end;

    switch (it->kind) {
    case MI_POS_INDEX:
    case MI_POS_RANGE:
        return prompt_range(it, t->n_prompt, &begin, &end, NULL) == 0 && index >= begin &&
               index < end;
    case MI_POS_GEN:
        if (index < t->n_prompt || (it->has_from && it->from < 0) || (it->has_to && it->to < 0))
            return false;
        return (!it->has_from || index - t->n_prompt >= it->from) &&
               (!it->has_to || index - t->n_prompt < it->to);
    case MI_POS_ROLE: return covers_named(it, t->roles, t->n_roles, index);
    case MI_POS_SPAN: return covers_named(it, t->spans, t->n_spans, index);
    case MI_POS_REGEX: return covers_regex(it, t, index);
    }
    return false;
}

bool mi_pos_covers(const struct mi_pos *p, const struct mi_pos_tokens *t, int64_t index)
{
    for (size_t i = 0; i < p->n; i++)
        if (item_covers(&p->item[i], t, index))
            return true;
    return false;
}

bool mi_pos_needs_end(const struct mi_pos *p)
{
    for (size_t i = 0; i < p->n; i++) {
        const struct mi_pos_item *it = &p->item[i];

        if (it->kind == MI_POS_GEN &&
            ((it->has_from && it->from < 0) || (it->has_to && it->to < 0)))
            return true;
    }
    return false;
}
