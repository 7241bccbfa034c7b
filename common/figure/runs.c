/* Texts of runs side by side, their tokens coloured, and how log-probabilities differ. */
#include "base/mem.h"
#include "figure/source.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { SURPRISE = 8, DIFFERENCE = 4 }; /* nats of the strongest colour */
enum { MOST_OFFSETS = 400 };

/* The run of one prompt in one stream. */
struct row {
    const struct mi_value *run, *prompt;
    const struct mi_value *tokens, *logp, *pieces; /* arrays of one length, or NULL */
    int64_t n, n_prompt;
};

/* A stream, or one variant (mi-run --variant) of a stream that holds several. */
struct column {
    const struct mi_source *s;
    const char *variant;          /* NULL: the stream as it is */
    const struct mi_value *edits; /* array of lines, or NULL */
};

const struct mi_value *mi_source_prompt(const struct mi_source *s, const char *id)
{
    int64_t k = mi_intern_find(&s->ids, id, strlen(id));

    return k < 0 ? NULL : &s->prompts.as.array.item[k];
}

static const struct mi_value *find_run(const struct mi_source *s, const char *id)
{
    for (size_t i = 0; i < s->bodies.as.array.n; i++)
        if (strcmp(mi_get_str(&s->bodies.as.array.item[i], "id", ""), id) == 0)
            return &s->bodies.as.array.item[i];
    return NULL;
}

/* The id of run i without its variant; NULL: it is another variant's. Goes into the buffer. */
static const char *id_of(const struct column *c, size_t i, struct mi_buf *b)
{
    const char *id = mi_get_str(&c->s->bodies.as.array.item[i], "id", "");
    size_t n = strlen(id), tail = c->variant ? strlen(c->variant) + 1 : 0;

    if (tail && (n < tail || id[n - tail] != '/' || strcmp(id + n - tail + 1, c->variant) != 0))
        return NULL;
    mi_buf_clear(b);
    mi_buf_add(b, id, n - tail);
    return mi_buf_text(b);
}

static struct row find_row(const struct column *c, const char *id)
{
    struct row r = {0};
    const struct mi_value *tokens, *logp, *pieces;
    struct mi_buf b = {0};

    mi_buf_add_text(&b, id);
    if (c->variant)
        mi_buf_addf(&b, "/%s", c->variant);
    r.run = find_run(c->s, mi_buf_text(&b));
    r.prompt = mi_source_prompt(c->s, mi_buf_text(&b));
    mi_buf_free(&b);
    tokens = mi_get(r.run, "tokens");
    logp = mi_get(r.run, "logp");
    pieces = mi_get(r.prompt, "pieces");
    r.n_prompt = mi_get_int(r.prompt, "n_prompt", 0);
    if (!mi_is(tokens, MI_ARRAY) || !mi_is(logp, MI_ARRAY) || !mi_is(pieces, MI_ARRAY) ||
        tokens->as.array.n != logp->as.array.n || tokens->as.array.n != pieces->as.array.n)
        return r;
    r.tokens = tokens;
    r.logp = logp;
    r.pieces = pieces;
    r.n = (int64_t)tokens->as.array.n;
    if (r.n_prompt >= r.n) /* a scored text without a continuation: all of it */
        r.n_prompt = 0;
    return r;
}

static double real_at(const struct mi_value *list, int64_t i)
{
    const struct mi_value *v = &list->as.array.item[i];

    return mi_is(v, MI_REAL) ? v->as.real : mi_is(v, MI_INT) ? (double)v->as.integer : (double)NAN;
}

static struct mi_text bytes_of(const struct mi_value *v)
{
    if (mi_is(v, MI_STR) || mi_is(v, MI_BIN))
        return (struct mi_text){v->as.bytes.at, v->as.bytes.len};
    return (struct mi_text){"", 0};
}

static bool has_same_tokens(const struct row *a, const struct row *b)
{
    return a->tokens && b->tokens && mi_value_equal(a->tokens, b->tokens);
}

/* ---- the legend ----------------------------------------------------------------------- */

/* The file without folder and ending. */
static void add_name(struct mi_buf *b, const char *name)
{
    const char *slash = strrchr(name, '/'), *dot;

    name = slash ? slash + 1 : name;
    dot = strrchr(name, '.');
    mi_buf_add(b, name, dot && dot > name ? (size_t)(dot - name) : strlen(name));
}

/* An edit with its digests cut to eight digits: what they name stands in the provenance. */
static void add_edit(struct mi_buf *b, struct mi_text text)
{
    enum { DIGEST = 32, SHOWN = 8 };

    for (size_t i = 0; i < text.len;) {
        size_t n = 0;

        while (i + n < text.len && memchr("0123456789abcdef", text.at[i + n], 16))
            n++;
        mi_buf_add(b, text.at + i, n == DIGEST ? SHOWN : n ? n : 1);
        if (n == DIGEST)
            mi_buf_add_text(b, "...");
        i += n ? n : 1;
    }
}

/* An option of the step that made the stream, or NULL. */
static const char *find_option(const struct mi_source *s, const char *name)
{
    const struct mi_value *steps = mi_get(&s->header, "provenance");

    if (!mi_is(steps, MI_ARRAY) || steps->as.array.n == 0)
        return NULL;
    return mi_get_str(mi_get(&steps->as.array.item[steps->as.array.n - 1], "options"), name, NULL);
}

/* "A, plain: add resid_post:10-20 ... @ all", or "A, plain: no edits". */
static void add_legend(struct mi_page *p, const struct column *c, int n)
{
    for (int i = 0; i < n; i++) {
        const struct mi_value *edits = c[i].edits;
        struct mi_buf b = {0};

        mi_buf_addf(&b, "%c, ", 'A' + i % 26);
        if (c[i].variant)
            mi_buf_add_text(&b, c[i].variant);
        else
            add_name(&b, c[i].s->name);
        mi_buf_add_text(&b, ": ");
        if (!mi_is(edits, MI_ARRAY) || edits->as.array.n == 0)
            mi_buf_add_text(&b, "no edits");
        for (size_t k = 0; mi_is(edits, MI_ARRAY) && k < edits->as.array.n; k++) {
            struct mi_text text = bytes_of(&edits->as.array.item[k]);

            mi_buf_add_text(&b, k ? "; " : "");
            add_edit(&b, text);
        }
        if (find_option(c[i].s, "cache-from"))
            mi_buf_addf(&b, "; keys and values from: %s", find_option(c[i].s, "cache-from"));
        mi_page_say(p, MI_PART_NOTE, b.data, b.len);
        mi_buf_free(&b);
    }
}

/* ---- transcripts ------------------------------------------------------------------------ */

static const char *tip_of(struct mi_page *p, const struct row *r, int64_t t, double base)
{
    const struct mi_value *rank = mi_get(r->run, "rank"), *entropy = mi_get(r->run, "entropy");
    struct mi_buf b = {0};
    double logp = real_at(r->logp, t);
    const char *text;

    if (isnan(logp))
        return NULL;
    mi_buf_addf(&b, "log-probability %.3f (p = %.3g)", logp, exp(logp));
    if (!isnan(base))
        mi_buf_addf(&b, ", %+.3f to A", logp - base);
    if (mi_is(rank, MI_ARRAY) && (int64_t)rank->as.array.n == r->n && !isnan(real_at(rank, t)))
        mi_buf_addf(&b, ", rank %.0f", real_at(rank, t));
    if (mi_is(entropy, MI_ARRAY) && (int64_t)entropy->as.array.n == r->n &&
        !isnan(real_at(entropy, t)))
        mi_buf_addf(&b, ", entropy %.3f", real_at(entropy, t));
    text = mi_arena_dup(&p->arena, b.data, b.len);
    mi_buf_free(&b);
    return text;
}

/* Tokens of the continuation: by surprise, or by the difference to the first run when that
 * has the same tokens. */
static void add_tokens(struct mi_page *p, struct mi_words *w, const struct row *r,
                       const struct row *base)
{
    struct mi_token *token;

    if (!r->tokens)
        return;
    w->n_tokens = r->n - r->n_prompt;
    token = mi_arena_alloc(&p->arena, (size_t)w->n_tokens * sizeof *token);
    for (int64_t i = 0; i < w->n_tokens; i++) {
        int64_t t = r->n_prompt + i;
        double logp = real_at(r->logp, t), other = base ? real_at(base->logp, t) : (double)NAN;
        struct mi_text piece = bytes_of(&r->pieces->as.array.item[t]);

        piece.at = mi_arena_dup(&p->arena, piece.at, piece.len);
        token[i] = (struct mi_token){piece, base ? logp - other : -logp, tip_of(p, r, t, other)};
    }
    w->token = token;
    w->is_difference = base != NULL;
    w->scale = base ? DIFFERENCE : SURPRISE;
}

static struct mi_text copy_prompt(struct mi_page *p, const struct mi_value *prompt)
{
    const struct mi_value *pieces = mi_get(prompt, "pieces");
    int64_t n = mi_get_int(prompt, "n_prompt", 0);
    struct mi_buf b = {0};
    struct mi_text text;

    for (int64_t i = 0; mi_is(pieces, MI_ARRAY) && i < n && i < (int64_t)pieces->as.array.n; i++) {
        struct mi_text piece = bytes_of(&pieces->as.array.item[i]);

        mi_buf_add(&b, piece.at, piece.len);
    }
    text = (struct mi_text){mi_arena_dup(&p->arena, b.data ? b.data : "", b.len), b.len};
    mi_buf_free(&b);
    return text;
}

/* The runs of one prompt in columns; a run that lacks it has an empty one. */
static void add_texts(struct mi_page *p, const struct column *c, int n, const char *id)
{
    struct mi_transcript *t = mi_arena_alloc(&p->arena, sizeof *t);
    struct row first = find_row(&c[0], id);

    *t = (struct mi_transcript){.id = mi_arena_dup(&p->arena, id, strlen(id)),
                                .prompt = copy_prompt(p, first.prompt),
                                .n = n};
    t->column = mi_arena_alloc(&p->arena, (size_t)n * sizeof *t->column);
    for (int i = 0; i < n; i++) {
        struct row r = find_row(&c[i], id);
        struct mi_text text = bytes_of(mi_get(r.run, "text"));
        char label[2] = {(char)('A' + i % 26), '\0'};

        t->column[i] =
            (struct mi_words){.label = n > 1 ? mi_arena_dup(&p->arena, label, 1) : NULL,
                              .text = {mi_arena_dup(&p->arena, text.at, text.len), text.len}};
        add_tokens(p, &t->column[i], &r, i && has_same_tokens(&first, &r) ? &first : NULL);
    }
    mi_page_texts(p, t);
}

/* ---- one text under several conditions -------------------------------------------------- */

struct sums {
    double sum[MOST_OFFSETS], square[MOST_OFFSETS];
    int64_t n[MOST_OFFSETS];
    int64_t longest, n_texts;
};

/* logp_t of a stream less that of the first, by offset in the continuation. */
static void add_up(struct sums *u, const struct column *base, const struct column *c)
{
    struct mi_buf text = {0};

    for (size_t i = 0; i < base->s->bodies.as.array.n; i++) {
        const char *id = id_of(base, i, &text);
        struct row a = {0}, b = {0};

        if (id) {
            a = find_row(base, id);
            b = find_row(c, id);
        }
        if (!has_same_tokens(&a, &b))
            continue;
        u->n_texts++;
        for (int64_t k = 0; k < a.n - a.n_prompt && k < MOST_OFFSETS; k++) {
            double d = real_at(b.logp, a.n_prompt + k) - real_at(a.logp, a.n_prompt + k);

            if (isnan(d))
                continue;
            u->sum[k] += d;
            u->square[k] += d * d;
            u->n[k]++;
            u->longest = k + 1 > u->longest ? k + 1 : u->longest;
        }
    }
    mi_buf_free(&text);
}

static void add_curve(struct mi_chart *c, const struct sums *u, const char *label)
{
    struct mi_series *line = mi_chart_series(c, label);

    for (int64_t k = 0; k < u->longest && k < c->n_x; k++) {
        double n = (double)u->n[k], mean = u->sum[k] / n;
        double variance = n > 1 ? (u->square[k] - n * mean * mean) / (n - 1) : (double)NAN;
        double half = 1.96 * sqrt((variance > 0 ? variance : 0) / n);

        if (u->n[k] == 0)
            continue;
        line->y[k] = mean;
        if (u->n[k] > 1) {
            line->lo[k] = mean - half;
            line->hi[k] = mean + half;
        }
    }
}

static void add_curves(struct mi_page *p, const struct column *column, int n)
{
    struct sums *u = mi_alloc_zero((size_t)n, sizeof *u);
    struct mi_chart *c = mi_chart_new(&p->arena, MI_CHART_LINES);
    int64_t longest = 0, n_texts = 0;
    char text[32];

    for (int i = 1; i < n; i++) {
        add_up(&u[i], &column[0], &column[i]);
        longest = u[i].longest > longest ? u[i].longest : longest;
        n_texts = u[i].n_texts > n_texts ? u[i].n_texts : n_texts;
    }
    for (int64_t k = 0; k < longest; k++) {
        snprintf(text, sizeof text, "%lld", (long long)k);
        mi_chart_x(c, text);
    }
    for (int i = 1; i < n && longest > 0; i++) {
        snprintf(text, sizeof text, "%c", 'A' + i % 26);
        if (u[i].n_texts)
            add_curve(c, &u[i], text);
    }
    if (longest > 0) {
        c->title = "log-probability of each token, less that under A (nats)";
        c->x_title = "token of the continuation";
        mi_page_sayf(p, MI_PART_ASIDE,
                     "mean over %lld texts that both scored; bands are 1.96 standard errors",
                     (long long)n_texts);
        mi_page_chart(p, c);
    }
    mi_free(u);
}

static bool has_runs(const struct column *c)
{
    struct mi_buf text = {0};
    bool is_found = false;

    for (size_t i = 0; i < c->s->bodies.as.array.n && !is_found; i++)
        is_found = id_of(c, i, &text) != NULL;
    mi_buf_free(&text);
    return is_found;
}

/* The streams, or of the only one the variants that are in it. */
static struct column *make_columns(struct mi_page *p, const struct mi_source *const *s, int *n)
{
    const struct mi_value *variants = *n == 1 ? mi_get(&s[0]->header, "variants") : NULL;
    size_t most = mi_is(variants, MI_MAP) ? variants->as.map.n : 0, count = 0;
    struct column *c = mi_arena_alloc(&p->arena, (most + (size_t)*n) * sizeof *c);

    for (size_t i = 0; i < most; i++) {
        const struct mi_member *m = &variants->as.map.member[i];

        c[count] = (struct column){s[0], m->key, mi_get(&m->value, "edits")};
        count += has_runs(&c[count]);
    }
    for (int i = 0; i < *n && (count == 0 || *n > 1); i++)
        c[count++] = (struct column){s[i], NULL, mi_get(mi_get(&s[i]->header, "edits"), "edits")};
    *n = (int)count;
    return c;
}

void mi_figure_runs(struct mi_page *p, const struct mi_source *const *s, int n, int n_texts)
{
    struct column *c = make_columns(p, s, &n);
    struct mi_buf text = {0};
    size_t count = 0, most = n_texts ? (size_t)n_texts : SIZE_MAX;

    if (n > 1) {
        add_legend(p, c, n);
        add_curves(p, c, n);
    }
    for (size_t i = 0; i < s[0]->bodies.as.array.n; i++) {
        const char *id = id_of(&c[0], i, &text);

        if (id && count++ < most)
            add_texts(p, c, n, id);
    }
    if (count > most)
        mi_page_sayf(p, MI_PART_NOTE, "(%zu of %zu texts)", most, count);
    mi_buf_free(&text);
}
