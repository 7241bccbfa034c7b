#include "text/normaliser.h"

#include "base/escape.h"
#include "base/mem.h"

#include <string.h>

/* A text may become so many times longer, and a little more. */
enum { GROWTH = 32, SPARE = 64 * 1024 };

static size_t decode(const struct mi_traced *t, size_t i, uint32_t *cp)
{
    int used = mi_utf8_decode(t->at + i, t->len - i, cp);

    return used > 0 ? (size_t)used : 1;
}

static void put_char(struct mi_tracing *w, uint32_t cp, struct mi_origin from)
{
    char bytes[4];

    mi_tracing_put(w, bytes, (size_t)mi_utf8_encode(cp, bytes), from);
}

/* ---- forms and cases ------------------------------------------------------------ */

static bool is_ascii(const struct mi_traced *t)
{
    for (size_t i = 0; i < t->len; i++)
        if (t->at[i] & 0x80)
            return false;
    return true;
}

/* Piece by piece, so that places can be traced back: what a change touches is all from there. */
static void run_form(struct mi_normaliser *n, const struct mi_normal_step *s,
                     const struct mi_traced *in, struct mi_tracing *w)
{
    for (size_t i = 0; i < in->len;) {
        size_t end = i;
        uint32_t cp = 0;

        do {
            end += decode(in, end, &cp);
            if (end < in->len)
                (void)decode(in, end, &cp);
        } while (end < in->len && !mi_form_starts(cp, s->form));
        mi_buf_clear(&n->scratch);
        mi_normal_form(&n->scratch, in->at + i, end - i, s->form);
        if (n->scratch.len == end - i && memcmp(n->scratch.data, in->at + i, end - i) == 0)
            mi_tracing_copy(w, in, i, end);
        else
            mi_tracing_put(w, n->scratch.data, n->scratch.len, mi_traced_range(in, i, end));
        i = end;
    }
}

/* What one character becomes, or nothing: the steps that look at no neighbours. */
static void map_char(const struct mi_normal_step *s, const struct mi_traced *in, size_t i,
                     size_t end, uint32_t cp, struct mi_tracing *w)
{
    uint32_t lower[3];
    int n;

    switch (s->kind) {
    case MI_NORMAL_LOWER:
        n = mi_to_lower(cp, lower);
        if (n == 1 && lower[0] == cp)
            break;
        for (int k = 0; k < n; k++)
            put_char(w, lower[k], mi_traced_range(in, i, end));
        return;
    case MI_NORMAL_ACCENTS:
        if (s->is_nonspacing ? mi_is_nonspacing(cp) : mi_is_mark(cp))
            return;
        break;
    case MI_NORMAL_NMT:
        if ((cp >= 1 && cp <= 8) || cp == 0xb || (cp >= 0xe && cp <= 0x1f) || cp == 0x7f ||
            cp == 0x8f || cp == 0x9f)
            return;
        if (cp != 9 && cp != 10 && cp != 12 && cp != 13 && cp != 0x1680 &&
            !(cp >= 0x200b && cp <= 0x200f) && cp != 0x2028 && cp != 0x2029 && cp != 0x2581 &&
            cp != 0xfeff && cp != 0xfffd)
            break;
        put_char(w, ' ', mi_traced_range(in, i, end));
        return;
    case MI_NORMAL_CLEAN:
        if (cp == 0 || cp == 0xfffd ||
            (mi_is_control(cp) && cp != '\t' && cp != '\n' && cp != '\r'))
            return;
        if (!mi_is_space(cp))
            break;
        put_char(w, ' ', mi_traced_range(in, i, end));
        return;
    default: break;
    }
    mi_tracing_copy(w, in, i, end);
}

static bool is_ideograph(uint32_t cp)
{
    return (cp >= 0x4e00 && cp <= 0x9fff) || (cp >= 0x3400 && cp <= 0x4dbf) ||
           (cp >= 0x20000 && cp <= 0x2a6df) || (cp >= 0x2a700 && cp <= 0x2b73f) ||
           (cp >= 0x2b740 && cp <= 0x2b81f) || (cp >= 0x2b920 && cp <= 0x2ceaf) ||
           (cp >= 0xf900 && cp <= 0xfaff) || (cp >= 0x2f800 && cp <= 0x2fa1f);
}

static void run_chars(const struct mi_normal_step *s, const struct mi_traced *in,
                      struct mi_tracing *w)
{
    for (size_t i = 0, end; i < in->len; i = end) {
        struct mi_origin from;
        uint32_t cp = 0;

        end = i + decode(in, i, &cp);
        if (s->kind != MI_NORMAL_CHINESE || !is_ideograph(cp)) {
            map_char(s, in, i, end, cp, w);
            continue;
        }
        from = mi_traced_range(in, i, end);
        mi_tracing_put(w, " ", 1, (struct mi_origin){from.from, from.from});
        mi_tracing_copy(w, in, i, end);
        mi_tracing_put(w, " ", 1, (struct mi_origin){from.to, from.to});
    }
}

/* ---- ends ------------------------------------------------------------------------ */

static struct mi_traced strip(const struct mi_normal_step *s, const struct mi_traced *in)
{
    size_t begin = 0, end = 0, last;
    uint32_t cp = 0;

    while (s->left && begin < in->len) {
        size_t used = decode(in, begin, &cp);

        if (!mi_is_space(cp))
            break;
        begin += used;
    }
    last = begin;
    for (end = begin; end < in->len;) {
        end += decode(in, end, &cp);
        if (!mi_is_space(cp))
            last = end;
    }
    return mi_traced_slice(in, begin, s->right ? last : in->len);
}

static void run_prepend(const struct mi_normal_step *s, const struct mi_traced *in,
                        struct mi_tracing *w)
{
    struct mi_origin o = mi_traced_origin(in, 0);

    mi_tracing_put(w, s->to, s->to_len, (struct mi_origin){o.from, o.from});
    mi_tracing_copy(w, in, 0, in->len);
}

/* ---- replacing ------------------------------------------------------------------- */

static int find(struct mi_normal_step *s, const struct mi_traced *in, size_t from, size_t *begin,
                size_t *end, struct mi_error *err)
{
    if (s->regex.code)
        return mi_regex_find(&s->regex, in->at, in->len, from, begin, end, err);
    while (from + s->what_len <= in->len) {
        const char *at = memchr(in->at + from, s->what[0], in->len - s->what_len - from + 1);

        if (!at)
            break;
        from = (size_t)(at - in->at);
        if (memcmp(at, s->what, s->what_len) == 0) {
            *begin = from;
            *end = from + s->what_len;
            return 1;
        }
        from++;
    }
    return 0;
}

static int run_replace(struct mi_normal_step *s, const struct mi_traced *in, struct mi_tracing *w,
                       struct mi_error *err)
{
    size_t done = 0, at = 0;

    while (at < in->len) {
        size_t begin = 0, end = 0;
        int found = find(s, in, at, &begin, &end, err);

        if (found < 0)
            return found;
        if (!found)
            break;
        if (end == begin) { /* nothing to replace: go on behind the next character */
            uint32_t cp;

            at = end < in->len ? end + decode(in, end, &cp) : in->len;
            continue;
        }
        mi_tracing_copy(w, in, done, begin);
        mi_tracing_put(w, s->to, s->to_len, mi_traced_range(in, begin, end));
        done = at = end;
    }
    mi_tracing_copy(w, in, done, in->len);
    return 0;
}

/* ---- maps of characters ---------------------------------------------------------- */

/* Short graphemes as a whole when they are mapped, else character by character; in both cases
 * what the shortest mapped prefix says stands for all of it. That is what is done with such a
 * map in a tokenizer.json. */
static void run_charmap(const struct mi_normal_step *s, const struct mi_traced *in,
                        struct mi_tracing *w)
{
    for (size_t i = 0, end; i < in->len; i = end) {
        const char *to = "";
        size_t used = 0, len = 0;

        end = i + mi_grapheme(in->at + i, in->len - i);
        if (end - i < 6 &&
            mi_charmap_find(&s->charmap, in->at + i, end - i, true, &used, &to, &len)) {
            mi_tracing_put(w, to, len, mi_traced_range(in, i, end));
            continue;
        }
        for (size_t k = i, next; k < end; k = next) {
            uint32_t cp;

            next = k + decode(in, k, &cp);
            if (mi_charmap_find(&s->charmap, in->at + k, next - k, true, &used, &to, &len))
                mi_tracing_put(w, to, len, mi_traced_range(in, k, next));
            else
                mi_tracing_copy(w, in, k, next);
        }
    }
}

#define SPACE "\xe2\x96\x81" /* ▁ */

/* One mapped stretch [i, end) of SentencePiece's own normalising. */
struct piece_state {
    bool has_prefix, in_word;
};

static void put_piece(const struct mi_normal_step *s, struct piece_state *p, const char *text,
                      size_t n, struct mi_origin from, struct mi_tracing *w)
{
    for (size_t k = 0; k < n; k++) {
        if (text[k] == ' ') {
            p->in_word = false;
            if (s->right)
                mi_tracing_put(w, SPACE, 3, from);
            continue;
        }
        if (!p->in_word) {
            p->in_word = true;
            if ((s->left && !p->has_prefix) || !s->right) {
                mi_tracing_put(w, SPACE, 3, (struct mi_origin){from.from, from.from});
                p->has_prefix = true;
            }
        }
        mi_tracing_put(w, text + k, 1, from);
    }
}

/* The longest mapped prefix at each place. A run of spaces is one, and one stands before the
 * text. */
static void run_piece(const struct mi_normal_step *s, const struct mi_traced *in, bool continued,
                      struct mi_tracing *w)
{
    struct piece_state p = {continued, continued && in->len > 0 && in->at[0] != ' '};

    for (size_t i = 0, end; i < in->len; i = end) {
        const char *to = "";
        size_t used = 0, len = 0;
        uint32_t cp;

        if (mi_charmap_find(&s->charmap, in->at + i, in->len - i, false, &used, &to, &len)) {
            /* a prefix that ends inside a character is from a lying map */
            end = i + used;
            while (end < in->len && ((unsigned char)in->at[end] & 0xc0) == 0x80)
                end++;
            put_piece(s, &p, to, len, mi_traced_range(in, i, end), w);
        } else {
            end = i + decode(in, i, &cp);
            put_piece(s, &p, in->at + i, end - i, mi_traced_range(in, i, end), w);
        }
    }
}

/* ---- the whole ------------------------------------------------------------------- */

static bool is_idle(const struct mi_normal_step *s, const struct mi_traced *in, bool continued)
{
    if (in->len == 0)
        return true;
    switch (s->kind) {
    case MI_NORMAL_FORM:
    case MI_NORMAL_ACCENTS:
    case MI_NORMAL_CHINESE: return is_ascii(in);
    case MI_NORMAL_PREPEND: return continued;
    default: return false;
    }
}

int mi_normaliser_run(struct mi_normaliser *n, struct mi_traced in, bool continued,
                      struct mi_traced *out, struct mi_error *err)
{
    const size_t most = in.len > SIZE_MAX / (2 * GROWTH) ? SIZE_MAX : GROWTH * in.len + SPARE;
    int r = 0, next = 0;

    for (int i = 0; i < n->n && r == 0; i++) {
        struct mi_normal_step *s = &n->step[i];
        struct mi_tracing *w = &n->trace[next];

        if (is_idle(s, &in, continued))
            continue;
        if (s->kind == MI_NORMAL_STRIP) {
            in = strip(s, &in);
            continue;
        }
        next = !next;
        mi_tracing_clear(w);
        w->most = most;
        switch (s->kind) {
        case MI_NORMAL_FORM: run_form(n, s, &in, w); break;
        case MI_NORMAL_REPLACE: r = run_replace(s, &in, w, err); break;
        case MI_NORMAL_PREPEND: run_prepend(s, &in, w); break;
        case MI_NORMAL_CHARMAP: run_charmap(s, &in, w); break;
        case MI_NORMAL_PIECE: run_piece(s, &in, continued, w); break;
        default: run_chars(s, &in, w); break;
        }
        if (r == 0 && w->is_over)
            r = mi_fail(err, MI_EXIT_DATA, "normalizer: %zu bytes of text became more than %zu",
                        in.len, most);
        in = mi_tracing_view(w);
    }
    *out = in;
    return r;
}

void mi_normaliser_free(struct mi_normaliser *n)
{
    for (int i = 0; i < MI_NORMAL_STEPS; i++) {
        mi_regex_free(&n->step[i].regex);
        mi_charmap_free(&n->step[i].charmap);
    }
    mi_tracing_free(&n->trace[0]);
    mi_tracing_free(&n->trace[1]);
    mi_buf_free(&n->scratch);
    *n = (struct mi_normaliser){0};
}
