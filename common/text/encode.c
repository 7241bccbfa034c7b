#include "text/encode.h"

#include "base/escape.h"
#include "base/mem.h"

#include <string.h>

/* A piece of a content that the user wrote, in the text that the model sees. */
struct content {
    size_t begin, end;   /* bytes of the text */
    size_t offset;       /* of `written` where the piece begins */
    const char *written; /* the whole content as it stands in the prompt */
    size_t len;
    size_t message; /* its number among the user's */
};

struct job {
    const struct mi_tokenizer *t;
    const struct mi_encode_options *o;
    const struct mi_prompt *p;
    struct mi_encoded *out;
    struct mi_rendering r; /* the text; segments of a conversation */
    struct content *content;
    size_t n_contents, content_cap;
    struct mi_text_range *marked;
    size_t n_marked, marked_cap;
    struct mi_token *token;
    size_t n, cap;
    struct mi_token *joint; /* of the text with a continuation */
    size_t n_joint, joint_cap;
};

/* ---- the text --------------------------------------------------------------------- */

static void add_content(struct job *j, struct content c)
{
    j->content = mi_grow(j->content, &j->content_cap, j->n_contents + 1, sizeof *j->content);
    j->content[j->n_contents++] = c;
}

/* A range where control tokens count; it grows the one before when they touch. */
static void add_marked(struct job *j, size_t begin, size_t end)
{
    if (j->n_marked > 0 && j->marked[j->n_marked - 1].end == begin) {
        j->marked[j->n_marked - 1].end = end;
        return;
    }
    j->marked = mi_grow(j->marked, &j->marked_cap, j->n_marked + 1, sizeof *j->marked);
    j->marked[j->n_marked++] = (struct mi_text_range){begin, end};
}

/* The conversation m [n], whose first `ours` messages the user did not write. */
static int render(struct job *j, const struct mi_message *m, size_t n, size_t ours,
                  struct mi_error *err)
{
    struct mi_chat_template chat;
    int r;

    if (!j->o->chat)
        return mi_fail(err, MI_EXIT_DATA,
                       "messages need a chat template; choose --template raw, %s, or a file",
                       mi_chat_names);
    chat = *j->o->chat;
    chat.no_bos = j->o->no_bos;
    r = mi_chat_render(&chat, m, n, true, j->o->add_generation_prompt, &j->r, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < j->r.n; i++) {
        const struct mi_segment *s = &j->r.segment[i];

        if (s->message == SIZE_MAX)
            add_marked(j, s->begin, s->end);
        else if (s->message >= ours)
            add_content(j, (struct content){s->begin, s->end, s->offset, m[s->message].content,
                                            m[s->message].len, s->message - ours});
    }
    return 0;
}

static int render_messages(struct job *j, const struct mi_message *m, size_t n,
                           struct mi_error *err)
{
    struct mi_message *all;

    if (!j->o->system || strcmp(m[0].role, "system") == 0)
        return render(j, m, n, 0, err);
    all = mi_arena_alloc(&j->out->arena, (n + 1) * sizeof *all);
    all[0] = (struct mi_message){"system", j->o->system, strlen(j->o->system)};
    memcpy(all + 1, m, n * sizeof *m);
    return render(j, all, n + 1, 1, err);
}

static int make_text(struct job *j, struct mi_error *err)
{
    const struct mi_prompt *p = j->p;

    if (p->messages) {
        if (p->n_messages == 0)
            return mi_fail(err, MI_EXIT_DATA, "a conversation without messages");
        return render_messages(j, p->messages, p->n_messages, err);
    }
    if (j->o->is_chat) {
        struct mi_message user = {"user", p->text, p->text_len};
        int r = render_messages(j, &user, 1, err);

        if (r < 0)
            return r;
    } else {
        mi_buf_add(&j->r.text, p->text, p->text_len);
        add_content(j, (struct content){0, p->text_len, 0, p->text, p->text_len, 0});
    }
    if (j->o->parse_special) {
        j->n_marked = 0;
        add_marked(j, 0, j->r.text.len);
    }
    return 0;
}

/* ---- tokens ------------------------------------------------------------------------ */

/* The ids of a `tokens` prompt; their pieces make the text. */
static int take_tokens(struct job *j, struct mi_error *err)
{
    for (size_t i = 0; i < j->p->n_tokens; i++) {
        int32_t id = j->p->tokens[i];
        struct mi_bytes piece = mi_tokenizer_piece(j->t, id);
        size_t begin = j->r.text.len;

        if (id < 0 || (size_t)id >= mi_tokenizer_size(j->t))
            return mi_fail(err, MI_EXIT_DATA, "token %zu is %ld; the vocabulary has %zu", i,
                           (long)id, mi_tokenizer_size(j->t));
        mi_buf_add(&j->r.text, piece.at, piece.len);
        j->token = mi_grow(j->token, &j->cap, j->n + 1, sizeof *j->token);
        j->token[j->n++] = (struct mi_token){id, (uint32_t)begin, (uint32_t)j->r.text.len};
        if (j->r.text.len >= INT32_MAX)
            return mi_fail(err, MI_EXIT_DATA, "the text of the tokens is too long");
    }
    add_content(j, (struct content){0, j->r.text.len, 0, j->r.text.data, j->r.text.len, 0});
    return 0;
}

static int encode(struct job *j, const char *text, size_t len, struct mi_token **out, size_t *n,
                  size_t *cap, struct mi_error *err)
{
    *n = 0;
    /* behind given tokens no text begins */
    if (j->p->tokens)
        return mi_tokenizer_encode_more(j->t, text, len, j->marked, j->n_marked, out, n, cap, err);
    return mi_tokenizer_encode_marked(j->t, text, len, j->marked, j->n_marked, out, n, cap, err);
}

static int32_t *ids_of(struct job *j, const struct mi_token *from, size_t n)
{
    int32_t *ids = mi_arena_alloc(&j->out->arena, n * sizeof *ids);

    for (size_t i = 0; i < n; i++)
        ids[i] = from[i].id;
    return ids;
}

/* Of the tokens of text and continuation together: how many are the prompt's. */
static int split_joint(const struct job *j, const char *name, size_t *n_prompt,
                       struct mi_error *err)
{
    size_t border = j->r.text.len, k = 0;

    while (k < j->n_joint && j->joint[k].begin < border)
        k++;
    *n_prompt = k;
    if (k > 0 && j->joint[k - 1].end > border) {
        struct mi_bytes piece = mi_tokenizer_piece(j->t, j->joint[k - 1].id);
        char shown[80];

        return mi_fail(err, MI_EXIT_DATA,
                       "the token '%s' would span the end of the prompt and the start of '%s': "
                       "move the border (a space belongs to the word behind it)",
                       mi_escape(shown, sizeof shown, piece.at, piece.len), name);
    }
    return k < j->n_joint ? 0 : mi_fail(err, MI_EXIT_DATA, "'%s' has no tokens", name);
}

/* Tokens of the continuation `s` of the prompt. The first one may change the prompt's own last
 * tokens (*settled false); the next must leave them. */
static int continue_with(struct job *j, const char *name, const char *s, int32_t **ids, int64_t *n,
                         bool *settled, struct mi_error *err)
{
    struct mi_buf text = {0};
    size_t k = 0;
    int r;

    if (!j->p->tokens)
        mi_buf_add(&text, j->r.text.data, j->r.text.len);
    mi_buf_add_text(&text, s);
    r = encode(j, text.data, text.len, &j->joint, &j->n_joint, &j->joint_cap, err);
    mi_buf_free(&text);
    if (r < 0)
        return mi_fail_in(err, "'%s'", name);
    if (j->p->tokens) {
        if (j->n_joint == 0)
            return mi_fail(err, MI_EXIT_DATA, "'%s' has no tokens", name);
    } else {
        bool same;

        r = split_joint(j, name, &k, err);
        if (r < 0)
            return r;
        same = k == j->n;
        for (size_t i = 0; i < k && same; i++)
            same = j->joint[i].id == j->token[i].id;
        if (!same && *settled)
            return mi_fail(err, MI_EXIT_DATA,
                           "before 'target' and 'foil' the prompt has different tokens");
        if (!same) {
            j->token = mi_grow(j->token, &j->cap, k, sizeof *j->token);
            memcpy(j->token, j->joint, k * sizeof *j->token);
            j->n = k;
        }
        *settled = true;
    }
    *ids = ids_of(j, j->joint + k, j->n_joint - k);
    *n = (int64_t)(j->n_joint - k);
    return 0;
}

static int make_tokens(struct job *j, struct mi_error *err)
{
    struct mi_encoded *out = j->out;
    bool settled = false;
    int r;

    if (j->p->tokens) {
        r = take_tokens(j, err);
    } else {
        r = make_text(j, err);
        if (r == 0)
            r = encode(j, j->r.text.data, j->r.text.len, &j->token, &j->n, &j->cap, err);
    }
    if (r == 0 && j->p->target)
        r = continue_with(j, "target", j->p->target, &out->target, &out->n_target, &settled, err);
    if (r == 0 && j->p->foil)
        r = continue_with(j, "foil", j->p->foil, &out->foil, &out->n_foil, &settled, err);
    return r;
}

/* ---- spans ------------------------------------------------------------------------- */

/* The first token that ends behind byte `at`, or that begins at or behind it. Both only grow
 * along the tokens. */
static size_t first_token(const struct job *j, size_t at, bool by_end)
{
    size_t lo = 0, hi = j->n;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;

        if (by_end ? j->token[mid].end > at : j->token[mid].begin >= at)
            hi = mid;
        else
            lo = mid + 1;
    }
    return lo;
}

/* Tokens that overlap bytes [begin, end); `shift` stand before the first. */
static struct mi_span tokens_over(const struct job *j, const char *name, size_t begin, size_t end,
                                  int64_t shift)
{
    int64_t first = (int64_t)first_token(j, begin, true),
            last = (int64_t)first_token(j, end, false);

    return (struct mi_span){name, first + shift, (last > first ? last : first) + shift};
}

/* The next place of needle [n] in s [from, len), or SIZE_MAX. */
static size_t find_bytes(const char *s, size_t from, size_t len, const char *needle, size_t n)
{
    while (from + n <= len) {
        const char *at = memchr(s + from, needle[0], len - n - from + 1);

        if (!at)
            break;
        from = (size_t)(at - s);
        if (memcmp(at, needle, n) == 0)
            return from;
        from++;
    }
    return SIZE_MAX;
}

/* Where the pieces of content i that lie together end; *next follows them. */
static size_t content_end(const struct job *j, size_t i, size_t *next)
{
    const struct content *c = j->content;

    for (*next = i + 1; *next < j->n_contents && c[*next].begin == c[*next - 1].end &&
                        c[*next].message == c[i].message;)
        ++*next;
    return c[*next - 1].end;
}

static int find_needle(const struct job *j, const struct mi_named_range *span, size_t *begin,
                       size_t *end, struct mi_error *err)
{
    size_t n = strlen(span->needle), found = 0;

    for (size_t i = 0, next = 0; i < j->n_contents; i = next) {
        size_t at = j->content[i].begin, stop = content_end(j, i, &next);

        while ((at = find_bytes(j->r.text.data, at, stop, span->needle, n)) != SIZE_MAX) {
            if (found++ == 0) {
                *begin = at;
                *end = at + n;
            }
            at++;
        }
    }
    if (found == 1)
        return 0;
    if (found == 0)
        return mi_fail(err, MI_EXIT_DATA, "span '%s': its text '%s' is not in the prompt",
                       mi_quote(span->name), mi_quote(span->needle));
    return mi_fail(err, MI_EXIT_DATA,
                   "span '%s': its text '%s' is in %zu places; write a range [begin, end]",
                   mi_quote(span->name), mi_quote(span->needle), found);
}

/* Byte of the character number `at` of s [len]; SIZE_MAX where there is none. */
static size_t byte_of(const char *s, size_t len, int64_t at)
{
    size_t i = 0;

    for (; at > 0 && i < len; at--) {
        uint32_t cp;
        int used = mi_utf8_decode(s + i, len - i, &cp);

        if (used <= 0)
            return SIZE_MAX;
        i += (size_t)used;
    }
    return at == 0 ? i : SIZE_MAX;
}

/* The byte of the text where byte `at` of the last content stands; as an end, behind the byte
 * before it. SIZE_MAX: the template has dropped it. */
static size_t place_of(const struct job *j, size_t at, bool is_end)
{
    size_t last = j->content[j->n_contents - 1].message;

    for (size_t i = j->n_contents; i-- > 0 && j->content[i].message == last;) {
        const struct content *c = &j->content[i];
        size_t end = c->offset + (c->end - c->begin);

        if (is_end ? at > c->offset && at <= end : at >= c->offset && at < end)
            return c->begin + (at - c->offset);
    }
    return SIZE_MAX;
}

static int find_range(const struct job *j, const struct mi_named_range *span, size_t *begin,
                      size_t *end, struct mi_error *err)
{
    const struct content *c = j->n_contents > 0 ? &j->content[j->n_contents - 1] : NULL;
    size_t from, to;
    bool good;

    if (!c || (j->p->messages && c->message + 1 < j->p->n_messages))
        return mi_fail(err, MI_EXIT_DATA, "span '%s': the last content is empty",
                       mi_quote(span->name));
    from = byte_of(c->written, c->len, span->begin);
    to = byte_of(c->written, c->len, span->end);
    good = from != SIZE_MAX && to != SIZE_MAX;
    *begin = good ? place_of(j, from, false) : SIZE_MAX;
    *end = good ? place_of(j, to, true) : SIZE_MAX;
    /* the template may have changed or moved what lies between */
    good = *begin != SIZE_MAX && *end != SIZE_MAX && *end - *begin == to - from &&
           memcmp(j->r.text.data + *begin, c->written + from, to - from) == 0;
    if (good)
        return 0;
    return mi_fail(err, MI_EXIT_DATA, "span '%s': characters %lld to %lld are not in the text",
                   mi_quote(span->name), (long long)span->begin, (long long)span->end);
}

static int make_spans(struct job *j, int64_t shift, struct mi_error *err)
{
    struct mi_encoded *out = j->out;
    size_t n = j->p->n_spans, begin = 0, end = 0;

    out->spans = mi_arena_alloc(&out->arena, n * sizeof *out->spans);
    for (size_t i = 0; i < n; i++) {
        const struct mi_named_range *span = &j->p->spans[i];
        const char *name = mi_arena_dup(&out->arena, span->name, strlen(span->name));
        int r = span->needle ? find_needle(j, span, &begin, &end, err)
                             : find_range(j, span, &begin, &end, err);

        if (r < 0)
            return r;
        out->spans[i] = tokens_over(j, name, begin, end, shift);
        if (out->spans[i].begin == out->spans[i].end)
            return mi_fail(err, MI_EXIT_DATA, "span '%s' has no tokens", mi_quote(name));
    }
    out->n_spans = n;
    return 0;
}

/* Does segment s go on with the content that `last` is of? */
static bool goes_on(const struct mi_segment *last, const struct mi_segment *s)
{
    return last && last->message == s->message && last->offset < s->offset;
}

/* The content of a turn is one span, also where the template puts something into it. */
static void make_roles(struct job *j, int64_t shift)
{
    struct mi_encoded *out = j->out;
    const struct mi_segment *last = NULL;
    bool is_added = false;
    size_t begin = 0;

    out->roles = mi_arena_alloc(&out->arena, j->r.n * sizeof *out->roles);
    for (size_t i = 0; i < j->r.n; i++) {
        const struct mi_segment *s = &j->r.segment[i];
        struct mi_span turn;

        if (s->is_marker)
            continue;
        if (!goes_on(last, s))
            begin = s->begin;
        else if (is_added)
            out->n_roles--;
        last = s;
        turn = tokens_over(j, mi_arena_dup(&out->arena, s->role, strlen(s->role)), begin, s->end,
                           shift);
        is_added = turn.end > turn.begin;
        if (is_added)
            out->roles[out->n_roles++] = turn;
    }
}

/* ---- the whole --------------------------------------------------------------------- */

/* `before` [n_before] go before the text's own tokens. */
static void write_tokens(struct job *j, const int32_t *before, size_t n_before)
{
    struct mi_encoded *out = j->out;
    size_t n = j->n + n_before;

    out->n_tokens = (int64_t)n;
    out->tokens = mi_arena_alloc(&out->arena, n * sizeof *out->tokens);
    out->piece = mi_arena_alloc(&out->arena, n * sizeof *out->piece);
    out->piece_len = mi_arena_alloc(&out->arena, n * sizeof *out->piece_len);
    out->offset = mi_arena_alloc(&out->arena, n * sizeof *out->offset);
    for (size_t i = 0; i < n; i++) {
        const struct mi_token *from = i < n_before ? NULL : &j->token[i - n_before];
        struct mi_bytes piece;

        out->tokens[i] = from ? from->id : before[i];
        out->offset[i] = from ? (int64_t)from->begin : -1;
        piece = mi_tokenizer_piece(j->t, out->tokens[i]);
        out->piece[i] = piece.at;
        out->piece_len[i] = piece.len;
    }
    out->text = mi_arena_dup(&out->arena, j->r.text.data, j->r.text.len);
    out->text_len = j->r.text.len;
}

int mi_encode(const struct mi_tokenizer *t, const struct mi_encode_options *o,
              const struct mi_prompt *p, struct mi_encoded *out, struct mi_error *err)
{
    struct job j = {.t = t, .o = o, .p = p, .out = out};
    struct mi_arena arena = out->arena;
    int r;

    mi_arena_reset(&arena);
    *out = (struct mi_encoded){.arena = arena};
    r = make_tokens(&j, err);
    if (r == 0) {
        size_t n = 0;
        const int32_t *before = mi_tokenizer_prefix(t, &n);

        /* a template may have written it */
        if (n > 0 && (o->no_bos || p->tokens || (j.n > 0 && j.token[0].id == before[0])))
            n = 0;
        write_tokens(&j, before, n);
        make_roles(&j, (int64_t)n);
        r = make_spans(&j, (int64_t)n, err);
    }
    mi_rendering_free(&j.r);
    mi_free(j.content);
    mi_free(j.marked);
    mi_free(j.token);
    mi_free(j.joint);
    return r;
}

void mi_encoded_free(struct mi_encoded *e)
{
    mi_arena_free(&e->arena);
    *e = (struct mi_encoded){0};
}
