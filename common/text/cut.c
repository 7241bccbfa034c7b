/* The runtime of text/pretokenizer.h. */
#include "base/escape.h"
#include "base/mem.h"
#include "text/bytemap.h"
#include "text/pretokenizer.h"
#include "text/unicode.h"

#include <string.h>

struct mi_pre_step *mi_pretokenizer_add(struct mi_pretokenizer *p, enum mi_pre_kind kind)
{
    if (p->n == MI_PRE_STEPS)
        return NULL;
    p->step[p->n] = (struct mi_pre_step){.kind = kind};
    return &p->step[p->n++];
}

static void add_cut(struct mi_cuts *cuts, size_t begin, size_t end)
{
    cuts->piece = mi_grow(cuts->piece, &cuts->cap, cuts->n + 1, sizeof *cuts->piece);
    cuts->piece[cuts->n++] = (struct mi_cut){begin, end};
}

static size_t next_char(const char *s, size_t i, size_t len, uint32_t *cp)
{
    int used = mi_utf8_decode(s + i, len - i, cp);

    return i + (used > 0 ? (size_t)used : 1);
}

/* ---- matches ---------------------------------------------------------------------- */

/* The next match at or behind `from`: 1, 0 for none, < 0 for a failure. It may be empty. */
static int find_match(struct mi_pre_step *s, const char *text, size_t len, size_t from,
                      size_t *begin, size_t *end, struct mi_error *err)
{
    if (s->kind == MI_PRE_REGEX)
        return mi_regex_find(&s->regex, text, len, from, begin, end, err);
    while (from < len) {
        uint32_t cp = 0;
        size_t next = next_char(text, from, len, &cp);

        if (s->kind == MI_PRE_CLASS
                ? s->is_match(cp)
                : len - from >= s->text_len && memcmp(text + from, s->text, s->text_len) == 0) {
            *begin = from;
            *end = s->kind == MI_PRE_CLASS ? next : from + s->text_len;
            return 1;
        }
        from = next;
    }
    return 0;
}

/* Stretches of text [len] that match, one behind the other. An empty match stands where one
 * could begin: what is before it and behind it is apart. */
static int find_matches(struct mi_pre_step *s, const char *text, size_t len, struct mi_cuts *m,
                        struct mi_error *err)
{
    size_t at = 0, last = SIZE_MAX;

    m->n = 0;
    while (at <= len) {
        size_t begin = 0, end = 0;
        int found = find_match(s, text, len, at, &begin, &end, err);

        if (found < 0)
            return found;
        if (!found)
            break;
        if (begin == end && end == last) { /* directly behind the last: try the next place */
            uint32_t cp;

            at = end < len ? next_char(text, end, len, &cp) : len + 1;
            last = SIZE_MAX;
            continue;
        }
        add_cut(m, begin, end);
        last = at = end;
    }
    return 0;
}

/* ---- what becomes of them ---------------------------------------------------------- */

/* Adds [begin, end) by the behaviour of s. *was_match: of the one before. */
static void add_piece(const struct mi_pre_step *s, size_t begin, size_t end, bool is_match,
                      bool *was_match, size_t first, struct mi_cuts *out)
{
    bool has_last = out->n > first, joins = false;

    switch (s->behaviour) {
    case MI_PRE_REMOVED:
        if (is_match)
            return;
        break;
    case MI_PRE_PREVIOUS: joins = is_match && !*was_match && has_last; break;
    case MI_PRE_RUNS: joins = is_match == *was_match && has_last; break;
    default: break;
    }
    *was_match = is_match;
    if (joins)
        out->piece[out->n - 1].end = end;
    else
        add_cut(out, begin, end);
}

/* A match that does not follow one goes to what stands behind it. */
static void join_next(struct mi_cuts *out, size_t first, const bool *is_match, size_t n)
{
    size_t to = first + n;
    bool was_match = false, has_last = false;

    for (size_t i = n; i-- > 0;) {
        struct mi_cut c = out->piece[first + i];

        if (is_match[i] && !was_match && has_last)
            out->piece[to].begin = c.begin;
        else
            out->piece[--to] = c;
        has_last = true;
        was_match = is_match[i];
    }
    memmove(out->piece + first, out->piece + to, (first + n - to) * sizeof *out->piece);
    out->n = first + (first + n - to);
}

/* Matches m and what lies between them, as pieces of text that begins at `base`. */
static void add_matches(const struct mi_pre_step *s, const struct mi_cuts *m, size_t len,
                        size_t base, struct mi_cuts *out)
{
    size_t done = 0, first = out->n, k = 0;
    bool was_match = false;
    bool *is_match = s->behaviour == MI_PRE_NEXT ? mi_alloc_n(2 * m->n + 1, 1) : NULL;

    for (size_t i = 0; i <= m->n; i++) {
        struct mi_cut c = i < m->n ? m->piece[i] : (struct mi_cut){len, len};

        if (c.begin > done) {
            if (is_match)
                is_match[k++] = s->is_inverted;
            add_piece(s, base + done, base + c.begin, s->is_inverted, &was_match, first, out);
        }
        if (i < m->n) {
            if (is_match)
                is_match[k++] = !s->is_inverted;
            add_piece(s, base + c.begin, base + c.end, !s->is_inverted, &was_match, first, out);
        }
        done = c.end;
    }
    if (is_match)
        join_next(out, first, is_match, k);
    mi_free(is_match);
    k = first; /* empty ones were there for their effect on neighbours */
    for (size_t i = first; i < out->n; i++) {
        if (out->piece[i].end > out->piece[i].begin)
            out->piece[k++] = out->piece[i];
    }
    out->n = k;
}

/* ---- steps that are no matches ------------------------------------------------------- */

static void cut_length(const struct mi_pre_step *s, const char *text, size_t len, size_t base,
                       struct mi_cuts *out)
{
    for (size_t i = 0, end; i < len; i = end) {
        uint32_t cp;

        end = i;
        for (size_t k = 0; k < s->length && end < len; k++)
            end = next_char(text, end, len, &cp);
        add_cut(out, base + i, base + end);
    }
}

/* \w of the engine whose expressions those are. */
static bool is_word(uint32_t cp)
{
    if (cp == 0x200c || cp == 0x200d)
        return false;
    return mi_is_word(cp) || cp == 0xb2 || cp == 0xb3 || cp == 0xb9 || (cp >= 0xbc && cp <= 0xbe);
}

/* Cuts inside runs of digits where a multiple of three is left, and around them. */
static void cut_thousands(const struct mi_pre_step *s, const char *text, size_t len, size_t base,
                          struct mi_cuts *out)
{
    size_t done = 0, i = 0;

    while (i < len) {
        uint32_t cp = 0;
        size_t end = i, n = 0, next = next_char(text, i, len, &cp);

        if (!s->is_match(cp)) {
            i = next;
            continue;
        }
        for (; end < len; end = next, n++) {
            next = next_char(text, end, len, &cp);
            if (!s->is_match(cp))
                break;
        }
        if (s->is_whole && end < len && is_word(cp)) {
            i = end;
            continue;
        }
        for (bool is_first = true; n > 0; n--, is_first = false) {
            if (i > done && (n % 3 == 0 || (is_first && !s->is_inverted))) {
                add_cut(out, base + done, base + i);
                done = i;
            }
            i = next_char(text, i, len, &cp);
        }
        if (!s->is_inverted) {
            add_cut(out, base + done, base + end);
            done = end;
        }
    }
    if (done < len)
        add_cut(out, base + done, base + len);
}

static int cut_piece(struct mi_pretokenizer *p, struct mi_pre_step *s, const char *text, size_t len,
                     size_t base, struct mi_cuts *out, struct mi_error *err)
{
    int r = 0;

    switch (s->kind) {
    case MI_PRE_WRITTEN:
        for (size_t i = 0, end; i < len; i = end) {
            end = s->split(text, i, len);
            add_cut(out, base + i, base + end);
        }
        break;
    case MI_PRE_LENGTH: cut_length(s, text, len, base, out); break;
    case MI_PRE_THOUSANDS: cut_thousands(s, text, len, base, out); break;
    default:
        r = find_matches(s, text, len, &p->matches, err);
        if (r == 0)
            add_matches(s, &p->matches, len, base, out);
        break;
    }
    return r;
}

/* The same for a piece whose bytes the step sees as a character each. */
static int cut_bytes(struct mi_pretokenizer *p, struct mi_pre_step *s, const char *text, size_t len,
                     size_t base, struct mi_cuts *out, struct mi_error *err)
{
    size_t k = 0;
    int r;

    mi_buf_clear(&p->view);
    p->place = mi_grow(p->place, &p->place_cap, 2 * len + 1, sizeof *p->place);
    for (size_t i = 0; i < len; i++) {
        char c[4];
        int n = mi_utf8_encode(mi_bytemap_char((unsigned char)text[i]), c);

        for (int j = 0; j < n; j++)
            p->place[k++] = (uint32_t)i;
        mi_buf_add(&p->view, c, (size_t)n);
    }
    p->place[k] = (uint32_t)len;
    p->seen.n = 0;
    r = cut_piece(p, s, p->view.data, p->view.len, 0, &p->seen, err);
    for (size_t i = 0; i < p->seen.n && r == 0; i++)
        add_cut(out, base + p->place[p->seen.piece[i].begin],
                base + p->place[p->seen.piece[i].end]);
    return r;
}

/* ---- steps that change text ----------------------------------------------------------- */

/* Spaces become s->text; one stands before each piece that wants it. */
static void put_metaspace(const struct mi_pre_step *s, const struct mi_traced *in, size_t begin,
                          size_t end, enum mi_start start, struct mi_tracing *w)
{
    bool starts = end - begin >= s->text_len && memcmp(in->at + begin, s->text, s->text_len) == 0;
    struct mi_origin o = mi_traced_origin(in, begin);
    bool wants = s->scheme == MI_PRE_ALWAYS ||
                 (s->scheme == MI_PRE_FIRST && start == MI_START_FIRST && begin == 0);

    if (wants && !starts && in->at[begin] != ' ' && !(start == MI_START_CONTINUED && begin == 0))
        mi_tracing_put(w, s->text, s->text_len, (struct mi_origin){o.from, o.from});
    for (size_t i = begin; i < end; i++) {
        if (in->at[i] == ' ')
            mi_tracing_put(w, s->text, s->text_len, mi_traced_origin(in, i));
        else
            mi_tracing_copy(w, in, i, i + 1);
    }
}

static void put_space(const struct mi_traced *in, size_t begin, size_t end, enum mi_start start,
                      struct mi_tracing *w)
{
    struct mi_origin o = mi_traced_origin(in, begin);

    if (in->at[begin] != ' ' && !(start == MI_START_CONTINUED && begin == 0))
        mi_tracing_put(w, " ", 1, (struct mi_origin){o.from, o.from});
    mi_tracing_copy(w, in, begin, end);
}

/* Each piece of `cuts` written anew, and the cuts moved. */
static struct mi_traced change(const struct mi_pre_step *s, const struct mi_traced *in,
                               enum mi_start start, struct mi_cuts *cuts, struct mi_tracing *w)
{
    mi_tracing_clear(w);
    for (size_t i = 0; i < cuts->n; i++) {
        struct mi_cut *c = &cuts->piece[i];
        size_t from = w->text.len;

        if (s->kind == MI_PRE_METASPACE)
            put_metaspace(s, in, c->begin, c->end, start, w);
        else
            put_space(in, c->begin, c->end, start, w);
        *c = (struct mi_cut){from, w->text.len};
    }
    return mi_tracing_view(w);
}

/* ---- the whole ---------------------------------------------------------------------- */

static int run_step(struct mi_pretokenizer *p, struct mi_pre_step *s, const struct mi_traced *in,
                    bool by_bytes, struct mi_cuts *cuts, struct mi_error *err)
{
    struct mi_cuts before = *cuts;
    int r = 0;

    *cuts = p->before;
    p->before = before;
    cuts->n = 0;
    for (size_t k = 0; k < before.n && r == 0; k++) {
        struct mi_cut c = before.piece[k];
        const char *text = in->at + c.begin;
        size_t len = c.end - c.begin;

        r = by_bytes ? cut_bytes(p, s, text, len, c.begin, cuts, err)
                     : cut_piece(p, s, text, len, c.begin, cuts, err);
    }
    return r;
}

int mi_pretokenizer_run(struct mi_pretokenizer *p, struct mi_traced in, enum mi_start start,
                        struct mi_traced *out, struct mi_cuts *cuts, struct mi_error *err)
{
    bool by_bytes = false;
    int r = 0, next = 0;

    cuts->n = 0;
    *out = in;
    if (in.len == 0)
        return 0;
    add_cut(cuts, 0, in.len);
    for (int i = 0; i < p->n && r == 0; i++) {
        struct mi_pre_step *s = &p->step[i];

        if (s->kind == MI_PRE_BYTES) {
            by_bytes = true;
            continue;
        }
        if (s->kind == MI_PRE_SPACE || s->kind == MI_PRE_METASPACE) {
            in = change(s, &in, start, cuts, &p->trace[next]);
            next = !next;
        }
        if (s->kind != MI_PRE_SPACE && !(s->kind == MI_PRE_METASPACE && s->is_whole))
            r = run_step(p, s, &in, by_bytes, cuts, err);
    }
    *out = in;
    return r;
}

void mi_pretokenizer_close(struct mi_pretokenizer *p)
{
    for (int i = 0; i < MI_PRE_STEPS; i++)
        mi_regex_free(&p->step[i].regex);
    mi_cuts_free(&p->before);
    mi_cuts_free(&p->matches);
    mi_cuts_free(&p->seen);
    mi_tracing_free(&p->trace[0]);
    mi_tracing_free(&p->trace[1]);
    mi_buf_free(&p->view);
    mi_free(p->place);
    *p = (struct mi_pretokenizer){0};
}

void mi_cuts_free(struct mi_cuts *cuts)
{
    mi_free(cuts->piece);
    *cuts = (struct mi_cuts){0};
}
