/* job/selftest.c: see selftest.h. */
#include "job/selftest.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "base/par.h"
#include "base/progress.h"
#include "base/rng.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    TOKENS = 24,      /* of the sequence that is run over and over */
    SLACK = 64 << 20, /* bytes of a process without a model: libraries, buffers */
};

/* What one pass is watched for, and what is done to it. */
struct watch {
    const struct selftest *t;
    float *logits;          /* [tokens of all sequences, V] */
    const int64_t *first;   /* [sequences] the row of logits of each one's token 0 */
    float *parts[MI_SITES]; /* [L, T, D] what a site held, NULL: not kept */
    int64_t *seen;          /* [L + 1, MI_SITES] rows, NULL: not counted */
    int64_t n_bad;          /* numbers that are not finite where they must be */
    const float *last;      /* [T, D] takes the place of the last block's output */
    bool rewrites;          /* every value is written onto itself */
};

struct selftest {
    struct mi_session *s;
    struct mi_selftest_parts parts;
    const struct mi_dims *d;
    int n;                     /* tokens */
    int32_t token[2 * TOKENS]; /* [n] the sequence, then [n] another */
    float *logits;             /* [n, V] of one pass without a cache */
    float *other;              /* [n, V] of the pass that is compared with it */
    struct mi_selftest_check check;
    void (*put)(void *self, const struct mi_selftest_check *check);
    void *self;
    int n_failed;
    struct mi_error *err;
};

/* ---- watching a pass ------------------------------------------------------------------ */

static bool wants(void *self, enum mi_site site, int layer)
{
    const struct watch *w = self;

    if (w->seen || w->rewrites || (w->logits && site == MI_SITE_LOGITS))
        return true;
    if (w->last && site == MI_SITE_RESID_POST && layer == w->t->d->n_layers - 1)
        return true;
    return w->parts[site] != NULL;
}

static bool may_be_infinite(enum mi_site site, float x)
{
    return site == MI_SITE_ATTN_SCORES && isinf(x) && x < 0;
}

static void count_row(struct watch *w, const struct mi_view *v, int r)
{
    for (int h = 0; h < v->n_heads; h++) {
        const float *x = v->x + r * v->ld + h * v->ld_head;

        for (int64_t i = 0; i < v->width; i++)
            w->n_bad += !isfinite(x[i]) && !may_be_infinite(v->site, x[i]);
    }
    w->seen[(v->layer < 0 ? w->t->d->n_layers : v->layer) * MI_SITES + v->site]++;
}

static int watch_site(void *self, struct mi_view *v, struct mi_error *err)
{
    struct watch *w = self;
    const int64_t D = w->t->d->d_model, V = w->t->d->d_vocab;

    (void)err;
    for (int r = 0; r < v->n_rows; r++) {
        const struct mi_row *row = &v->row[r];
        float *x = v->x + r * v->ld;

        if (w->seen)
            count_row(w, v, r);
        if (v->site == MI_SITE_LOGITS && w->logits)
            memcpy(w->logits + ((w->first ? w->first[row->sequence] : 0) + row->position) * V, x,
                   (size_t)V * sizeof *x);
        if (w->parts[v->site])
            memcpy(w->parts[v->site] + ((int64_t)v->layer * w->t->n + row->position) * D, x,
                   (size_t)D * sizeof *x);
        if (w->last && v->site == MI_SITE_RESID_POST)
            memcpy(x, w->last + row->position * D, (size_t)D * sizeof *x);
    }
    v->is_written = w->rewrites || (w->last && v->site == MI_SITE_RESID_POST);
    return 0;
}

static int run(struct selftest *t, struct watch *w, const struct mi_sequence *batch, int n)
{
    const struct mi_hooks hooks = {w, wants, watch_site};

    w->t = t;
    return t->parts.forward(&t->s->forward, &t->s->model, batch, n, 0, &hooks, t->err);
}

/* n tokens of which all logits are wanted. `row` [n] is filled with 0, 1, ... */
static struct mi_sequence sequence(const int32_t *token, int n, int *row)
{
    for (int i = 0; i < n; i++)
        row[i] = i;
    return (struct mi_sequence){.tokens = token, .n = n, .logit_rows = row, .n_logit_rows = n};
}

static int run_alone(struct selftest *t, struct watch *w, const int32_t *token, int n)
{
    int row[TOKENS];
    struct mi_sequence q = sequence(token, n, row);

    return run(t, w, &q, 1);
}

/* ---- figures --------------------------------------------------------------------------- */

static int64_t count_differing(const float *x, const float *y, int64_t n)
{
    int64_t bad = 0;

    for (int64_t i = 0; i < n; i++)
        bad += memcmp(&x[i], &y[i], sizeof *x) != 0;
    return bad;
}

/* The check is done: measured, allowed and text are filled. */
static void finish(struct selftest *t, const char *name)
{
    t->check.name = name;
    t->check.is_passed = t->check.measured <= t->check.allowed;
    t->n_failed += !t->check.is_passed;
    t->put(t->self, &t->check);
}

/* The same for logits `other` that must be those of the first pass: rows [from, n). */
static void finish_logits(struct selftest *t, const char *name, const char *how)
{
    const int64_t n = (int64_t)t->n * t->d->d_vocab, bad = count_differing(t->logits, t->other, n);

    t->check.measured = (double)bad;
    t->check.allowed = 0;
    snprintf(t->check.text, sizeof t->check.text, "%lld of %lld logits differ, %d tokens %s",
             (long long)bad, (long long)n, t->n, how);
    finish(t, name);
}

static void forget_other(struct selftest *t)
{
    memset(t->other, 0xff, (size_t)t->n * (size_t)t->d->d_vocab * sizeof *t->other);
}

/* ---- the checks ------------------------------------------------------------------------ */

static const char *const texts[] = {
    "The capital of France is Paris.",
    " leading and trailing spaces ",
    "two  spaces,   three,    four",
    "line\nline\n\nline\r\n\ttab",
    "3.14159, 1,000,000 and 0x1f",
    "don't, it's, we'll, I'VE",
    "def add(a, b):\n    return a + b\n",
    "{\"key\": [1, 2, {\"x\": null}]}",
    "na\xc3\xafve caf\xc3\xa9 \xc3\x9c"
    "ber stra\xc3\x9f"
    "e",
    "\xd0\x9c\xd0\xbe\xd1\x81\xd0\xba\xd0\xb2\xd0\xb0",
    "\xe6\x9d\xb1\xe4\xba\xac\xe3\x81\xaf\xe6\x97\xa5\xe6\x9c\xac",
    "\xed\x95\x9c\xea\xb5\xad\xec\x96\xb4 \xd8\xb9\xd8\xb1\xd8\xa8\xd9\x8a",
    "\xf0\x9f\x98\x80\xf0\x9f\x9a\x80 \xf0\x9f\x91\xa8\xe2\x80\x8d\xf0\x9f\x91\xa9",
    "e\xcc\x81 \xef\xac\x81 \xe2\x84\xab \xc2\xbd",
    "<s> </s> [INST] <|im_start|> <bos>",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "a",
    "",
};
enum { N_TEXTS = sizeof texts / sizeof *texts };

static int encode(struct selftest *t, const char *text, size_t len, struct mi_token **token,
                  size_t *n, size_t *cap)
{
    *n = 0;
    return mi_tokenizer_encode(&t->s->tokenizer, text, len, false, token, n, cap, t->err);
}

/* 0: the text came back; 1: another spelling of the same tokens did (a normaliser, or letters
 * that the vocabulary lacks); 2: another text. */
static int round_trip(struct selftest *t, const char *text)
{
    struct mi_token *there = NULL, *again = NULL;
    size_t n = 0, cap = 0, n_again = 0, cap_again = 0;
    struct mi_buf back = {0};
    int32_t *ids = NULL;
    int r = encode(t, text, strlen(text), &there, &n, &cap);

    if (r == 0) {
        ids = mi_alloc_n(n, sizeof *ids);
        for (size_t i = 0; i < n; i++)
            ids[i] = there[i].id;
        t->parts.decode(&t->s->tokenizer, ids, n, &back);
        if (strcmp(mi_buf_text(&back), text) != 0) {
            r = encode(t, mi_buf_text(&back), back.len, &again, &n_again, &cap_again);
            r = r < 0 || n != n_again;
            for (size_t i = 0; i < n && !r; i++)
                r = there[i].id != again[i].id;
            r = r ? 2 : 1;
        }
    }
    mi_free(ids);
    mi_free(there);
    mi_free(again);
    mi_buf_free(&back);
    return r < 0 ? 2 : r;
}

static int check_tokens(struct selftest *t)
{
    int n[3] = {0};

    for (int i = 0; i < N_TEXTS; i++)
        n[round_trip(t, texts[i])]++;
    t->check.measured = n[2];
    t->check.allowed = 0;
    snprintf(t->check.text, sizeof t->check.text,
             "%d of %d texts change on the way there and back, %d are respelt", n[2], N_TEXTS,
             n[1]);
    finish(t, "tokens");
    return 0;
}

/* Rows that a place must have been visited with. Of the sites that no model lacks, all
 * layers; others may not exist in this one. */
static bool is_complete(const struct selftest *t, enum mi_site site, int64_t rows)
{
    switch (site) {
    case MI_SITE_EMBED:
    case MI_SITE_RESID_PRE:
    case MI_SITE_Z:
    case MI_SITE_ATTN_OUT:
    case MI_SITE_MLP_OUT:
    case MI_SITE_RESID_POST:
    case MI_SITE_LOGITS: return rows == t->n;
    default: return rows == t->n || rows == 0;
    }
}

static int check_sites(struct selftest *t)
{
    const int L = t->d->n_layers;
    int64_t *seen = mi_alloc_zero((size_t)(L + 1) * MI_SITES, sizeof *seen);
    struct watch w = {.logits = t->logits, .seen = seen};
    int n_sites = 0, n_places = 0, n_bad = 0;
    int r = run_alone(t, &w, t->token, t->n);

    for (int site = 0; site < MI_SITES; site++) {
        bool is_global = mi_site_info((enum mi_site)site)->is_global, is_there = false;

        for (int layer = is_global ? L : 0; layer < (is_global ? L + 1 : L); layer++) {
            int64_t rows = seen[layer * MI_SITES + site];

            n_bad += !is_complete(t, (enum mi_site)site, rows);
            n_places += rows > 0;
            is_there = is_there || rows > 0;
        }
        n_sites += is_there;
    }
    mi_free(seen);
    if (r < 0)
        return r;
    t->check.measured = (double)(n_bad + w.n_bad);
    t->check.allowed = 0;
    snprintf(t->check.text, sizeof t->check.text,
             "%d sites, %d places; %d not visited once a token, %lld numbers not finite", n_sites,
             n_places, n_bad, (long long)w.n_bad);
    finish(t, "sites");
    return 0;
}

/* Over a cache: one token, a few, then the rest. */
static int check_cache(struct selftest *t)
{
    struct mi_cache cache = {0};
    struct watch w = {.logits = t->other};
    int r = 0;

    forget_other(t);
    mi_cache_init(&cache, &t->s->model, t->n);
    for (int at = 0, step = 1; at < t->n && r == 0; at += step, step = at < 8 ? 7 : t->n) {
        int row[TOKENS], n = t->n - at < step ? t->n - at : step;
        struct mi_sequence q = sequence(t->token + at, n, row);

        q.cache = &cache;
        step = n;
        r = run(t, &w, &q, 1);
    }
    mi_cache_free(&cache);
    if (r == 0)
        finish_logits(t, "cache", "in passes of 1, 7 and the rest");
    return r;
}

static int check_batch(struct selftest *t)
{
    const int before = t->n > 5 ? 5 : t->n, after = t->n > 11 ? 11 : t->n;
    const int64_t V = t->d->d_vocab, first[] = {t->n, 0, t->n + before};
    float *all = mi_alloc_n((size_t)(t->n + before + after) * (size_t)V, sizeof *all);
    struct watch w = {.logits = all, .first = first};
    int row[3][TOKENS], r;
    struct mi_sequence q[3] = {sequence(t->token + t->n, before, row[0]),
                               sequence(t->token, t->n, row[1]),
                               sequence(t->token + t->n, after, row[2])};

    forget_other(t);
    r = run(t, &w, q, 3);
    if (r == 0) {
        memcpy(t->other, all, (size_t)t->n * (size_t)V * sizeof *all);
        finish_logits(t, "batch", "between two other sequences");
    }
    mi_free(all);
    return r;
}

static int check_threads(struct selftest *t)
{
    static const int threads[] = {1, 3};
    const int now = mi_par_threads();
    int r = 0;

    forget_other(t);
    for (int i = 0; i < 2 && r == 0; i++) {
        struct watch w = {.logits = t->other};

        if (i && count_differing(t->logits, t->other, (int64_t)t->n * t->d->d_vocab))
            break;
        mi_par_set(threads[i]);
        r = run_alone(t, &w, t->token, t->n);
    }
    mi_par_set(now);
    if (r == 0)
        finish_logits(t, "threads", "with one thread and with three");
    return r;
}

/* The last residual stream of the sequence, put into a run on other tokens. */
static int check_lens(struct selftest *t)
{
    const size_t size = (size_t)t->d->n_layers * (size_t)t->n * (size_t)t->d->d_model;
    float *stream = mi_alloc_n(size, sizeof *stream);
    struct watch keep = {.parts = {[MI_SITE_RESID_POST] = stream}};
    struct watch put = {.logits = t->other};
    int r = run_alone(t, &keep, t->token, t->n);

    forget_other(t);
    put.last = stream + (int64_t)(t->d->n_layers - 1) * t->n * t->d->d_model;
    if (r == 0)
        r = run_alone(t, &put, t->token + t->n, t->n);
    mi_free(stream);
    if (r == 0)
        finish_logits(t, "lens", "of the last residual stream in a run on others");
    return r;
}

/* The rounding of 2 L additions of floats: each at most half a unit of the sum so far. */
static void measure_sum(struct selftest *t, float *const part[MI_SITES], int64_t i, double *error,
                        double *bound)
{
    const int64_t layer = (int64_t)t->n * t->d->d_model, last = (t->d->n_layers - 1) * layer;
    double sum = (double)part[MI_SITE_RESID_PRE][i];

    *bound = 0;
    for (int64_t at = i; at <= last + i; at += layer) {
        sum += (double)part[MI_SITE_ATTN_OUT][at];
        *bound += 0x1p-24 * fabs(sum);
        sum += (double)part[MI_SITE_MLP_OUT][at];
        *bound += 0x1p-24 * fabs(sum);
    }
    *error = fabs(sum - (double)part[MI_SITE_RESID_POST][last + i]);
}

static int check_decomposition(struct selftest *t)
{
    static const enum mi_site site[] = {MI_SITE_RESID_PRE, MI_SITE_ATTN_OUT, MI_SITE_MLP_OUT,
                                        MI_SITE_RESID_POST};
    const int64_t n = (int64_t)t->n * t->d->d_model;
    double worst = 0, error, bound, largest = 0;
    struct watch w = {0};
    int r;

    for (int i = 0; i < 4; i++)
        w.parts[site[i]] = mi_alloc_zero((size_t)n * (size_t)t->d->n_layers, sizeof(float));
    r = run_alone(t, &w, t->token, t->n);
    for (int64_t i = 0; i < n && r == 0; i++) {
        measure_sum(t, w.parts, i, &error, &bound);
        largest = error > largest ? error : largest;
        /* a third of a percent more: the bound is formed from sums without rounding */
        error = bound > 0 ? error / (1.003 * bound) : error > 0 ? HUGE_VAL : 0;
        worst = error > worst || isnan(error) ? error : worst;
    }
    for (int i = 0; i < 4; i++)
        mi_free(w.parts[site[i]]);
    if (r < 0)
        return r;
    t->check.measured = worst;
    t->check.allowed = 1;
    snprintf(t->check.text, sizeof t->check.text,
             "%d parts sum to the last residual stream within %.2g, %.2g of what rounding allows",
             2 * t->d->n_layers + 1, largest, worst);
    finish(t, "decomposition");
    return 0;
}

static int check_patch(struct selftest *t)
{
    struct watch w = {.logits = t->other, .rewrites = true};
    int r;

    forget_other(t);
    r = run_alone(t, &w, t->token, t->n);
    if (r == 0)
        finish_logits(t, "patch", "with every site written onto itself");
    return r;
}

/* The longest batch above has 40 rows; three logit blocks were kept. */
static int check_memory(struct selftest *t)
{
    const struct mi_model *m = &t->s->model;
    const double rows = 2 * t->n + 16, kept = 4.0 * t->d->d_model * t->d->n_layers * t->n;
    double foretold = (double)m->n_bytes + (double)mi_cache_bytes(m, t->n);
    char text[3][24];

    foretold += (double)mi_forward_bytes(m, (int)rows, t->n);
    foretold += sizeof(float) * ((rows + t->n) * t->d->d_vocab + kept);
    foretold += 512.0 * (double)mi_tokenizer_size(&t->s->tokenizer); /* a token and its merge */
    t->check.measured = (double)t->parts.peak();
    t->check.allowed = foretold + SLACK;
    snprintf(t->check.text, sizeof t->check.text, "peak %s, foretold %s (file %s)",
             mi_bytes_text(t->check.measured, text[0]), mi_bytes_text(t->check.allowed, text[1]),
             mi_bytes_text((double)m->n_bytes, text[2]));
    finish(t, "memory");
    return 0;
}

/* ---- all of them ----------------------------------------------------------------------- */

static void draw_tokens(struct selftest *t)
{
    struct mi_rng rng = mi_rng_make(0, "selftest", "tokens");

    t->n = t->d->n_ctx < TOKENS ? t->d->n_ctx : TOKENS;
    for (int i = 0; i < 2 * t->n; i++)
        t->token[i] = (int32_t)mi_rng_below(&rng, (uint64_t)t->d->d_vocab);
}

int mi_selftest(struct mi_session *s, const struct mi_selftest_parts *parts,
                void (*put)(void *self, const struct mi_selftest_check *check), void *self,
                struct mi_error *err)
{
    static int (*const check[MI_SELFTEST_CHECKS])(struct selftest *) = {
        check_tokens, check_sites, check_cache,         check_batch, check_threads,
        check_lens,   check_patch, check_decomposition, check_memory};
    struct selftest t = {.s = s, .d = &s->model.config.dims, .put = put, .self = self, .err = err};
    size_t size;
    int r = 0;

    if (parts)
        t.parts = *parts;
    t.parts.forward = t.parts.forward ? t.parts.forward : mi_forward;
    t.parts.decode = t.parts.decode ? t.parts.decode : mi_tokenizer_decode;
    t.parts.peak = t.parts.peak ? t.parts.peak : mi_peak_bytes;
    draw_tokens(&t);
    size = (size_t)t.n * (size_t)t.d->d_vocab;
    t.logits = mi_alloc_n(size, sizeof *t.logits);
    t.other = mi_alloc_n(size, sizeof *t.other);
    for (int i = 0; i < MI_SELFTEST_CHECKS && r == 0; i++)
        r = check[i](&t);
    mi_free(t.logits);
    mi_free(t.other);
    return r < 0 ? r : t.n_failed;
}
