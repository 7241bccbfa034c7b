/* model/forward.c: a pass from tokens to logits; see forward.h. */
#include "model/forward.h"

#include "base/mem.h"
#include "base/par.h"
#include "math/rows.h"
#include "model/pass.h"

#include <string.h>

enum { MAX_ROWS = 1 << 24 }; /* rows of a pass */

void *mi_room_for(struct mi_room *r, size_t n, size_t size)
{
    size_t bytes = n * size;

    if (bytes > r->bytes) {
        mi_free(r->at);
        r->at = mi_alloc_aligned(bytes);
        r->bytes = bytes;
    }
    return r->at;
}

bool mi_pass_wants(const struct mi_pass *p, enum mi_site site, int layer)
{
    int row = layer < 0 ? p->m->config.dims.n_layers : layer;

    return p->wants[(size_t)row * MI_SITES + (size_t)site];
}

int mi_pass_visit(struct mi_pass *p, struct mi_view *view)
{
    int rc;

    if (view->n_rows == 0 || !mi_pass_wants(p, view->site, view->layer))
        return 0;
    rc = p->hooks->at(p->hooks->self, view, p->err);
    return rc < 0 ? rc : 0;
}

int mi_pass_show(struct mi_pass *p, enum mi_site site, int layer, float *x, int n_heads,
                 int64_t width)
{
    struct mi_view view = {
        .site = site,
        .layer = layer,
        .n_rows = p->live.n,
        .row = p->live.row,
        .x = x,
        .ld = n_heads * width,
        .n_heads = n_heads,
        .ld_head = width,
        .width = width,
    };

    return mi_pass_visit(p, &view);
}

float *mi_pass_room(struct mi_pass *p, struct mi_room *room, int64_t width)
{
    int n = p->n_rows > p->logit.n ? p->n_rows : p->logit.n;

    return mi_room_for(room, (size_t)n * (size_t)width, sizeof(float));
}

void mi_pass_pick(struct mi_pass *p)
{
    size_t d = (size_t)p->m->config.dims.d_model;
    float *to = mi_room_for(&p->s->picked, (size_t)p->logit.n * d, sizeof(float));

    for (int i = 0; i < p->logit.n; i++)
        memcpy(to + (size_t)i * d, p->x + (size_t)p->logit_index[i] * d, d * sizeof(float));
    p->x = to;
    p->live = p->logit;
}

/* ---- before the blocks ---------------------------------------------------------------- */

/* Positions before the sequence's new tokens. */
static int64_t count_past(const struct mi_sequence *q)
{
    return q->cache ? q->cache->n : q->n_past;
}

/* What the caller says about shared work must hold; anything else is a mistake in the program,
 * found before memory is read. */
static int check_sharing(const struct mi_pass *p, int i, int n_layers)
{
    const struct mi_sequence *q = &p->batch[i], *b = q->before;
    bool is_fit = q->first_layer >= 0 && q->first_layer < n_layers &&
                  (i == 0 || q->first_layer >= q[-1].first_layer);

    if (q->first_layer > 0)
        is_fit = is_fit && q->resid && !q->cache;
    if (q->n_past != 0)
        is_fit = is_fit && q->n_past > 0 && !q->cache && !q->past != !b;
    if (q->n_past != 0 && q->past)
        is_fit = is_fit && q->past->n >= q->n_past && q->past->n_filled >= n_layers;
    if (q->n_past != 0 && b)
        is_fit = is_fit && b >= p->batch && b < q && !b->cache && b->first_layer == 0 &&
                 q->first_layer == 0 && b->n_past + b->n >= q->n_past;
    is_fit = is_fit && q->logit_ids == p->batch->logit_ids;
    return is_fit ? 0 : mi_fail(p->err, MI_EXIT_DATA, "sequence %d of a batch is ill-formed", i);
}

static int check_sequence(const struct mi_pass *p, int i, int n_layers)
{
    const struct mi_sequence *q = &p->batch[i];
    const struct mi_dims *d = &p->m->config.dims;
    int64_t past = count_past(q);

    if (check_sharing(p, i, n_layers) < 0)
        return -MI_EXIT_DATA;
    if (q->n < 0 || past + q->n > d->n_ctx)
        return mi_fail(p->err, MI_EXIT_DATA,
                       "%lld tokens are more than the model's context of %d%s",
                       (long long)past + q->n, d->n_ctx,
                       mi_model_may_grow(p->m) ? " (--context takes more)" : "");
    if (past > 0 && q->cache && q->cache->n_filled < n_layers)
        return mi_fail(p->err, MI_EXIT_DATA, "a cache of %d layers cannot go on through %d",
                       q->cache->n_filled, n_layers);
    for (int t = 0; t < q->n; t++)
        if (q->tokens[t] < 0 || q->tokens[t] >= d->d_vocab)
            return mi_fail(p->err, MI_EXIT_DATA, "token id %d is not in the vocabulary of %d",
                           (int)q->tokens[t], d->d_vocab);
    for (int t = 0; q->logit_ids && t < q->n_logit_ids; t++)
        if (q->logit_ids[t] < 0 || q->logit_ids[t] >= d->d_vocab)
            return mi_fail(p->err, MI_EXIT_DATA, "token id %d is not in the vocabulary of %d",
                           (int)q->logit_ids[t], d->d_vocab);
    for (int t = 0; t < q->n_logit_rows; t++)
        if (q->logit_rows[t] < 0 || q->logit_rows[t] >= q->n)
            return mi_fail(p->err, MI_EXIT_DATA, "logits of row %d of %d are asked for",
                           q->logit_rows[t], q->n);
    return 0;
}

static int check_batch(struct mi_pass *p, int n_layers)
{
    int64_t rows = 0, logits = 0;

    for (int i = 0; i < p->n_sequences; i++) {
        int rc = check_sequence(p, i, n_layers);

        if (rc < 0)
            return rc;
        rows += p->batch[i].n;
        logits += p->batch[i].n_logit_rows;
        p->has_cache = p->has_cache || p->batch[i].cache;
        p->has_past = p->has_past || p->batch[i].n_past > 0;
    }
    if (rows > MAX_ROWS || logits > MAX_ROWS)
        return mi_fail(p->err, MI_EXIT_DATA, "a batch of %lld tokens (limit %d)", (long long)rows,
                       MAX_ROWS);
    if (logits > 0 && n_layers < p->m->config.dims.n_layers)
        return mi_fail(p->err, MI_EXIT_DATA, "logits need all %d layers",
                       p->m->config.dims.n_layers);
    p->n_rows = p->all.n = (int)rows;
    p->logit.n = (int)logits;
    return 0;
}

/* The sequences that begin at this block become live. */
static void join(struct mi_pass *p, int layer)
{
    size_t d = (size_t)p->m->config.dims.d_model;

    for (; p->n_joined < p->n_sequences; p->n_joined++) {
        const struct mi_sequence *q = &p->batch[p->n_joined];

        if (q->first_layer > layer)
            break;
        if (layer > 0)
            memcpy(p->x + (size_t)p->all.n * d, q->resid, (size_t)q->n * d * sizeof(float));
        p->all.n += q->n;
    }
    p->live = p->all;
}

/* Which row is what; token ids side by side. */
static const int32_t *lay_out_rows(struct mi_pass *p)
{
    struct mi_forward_state *s = p->s;
    size_t n = (size_t)p->all.n, n_logit = (size_t)p->logit.n;
    int32_t *tokens = mi_room_for(&s->tokens, n, sizeof(*tokens));
    int *index = mi_room_for(&s->logit_index, n_logit, sizeof(*index));
    int *first_row = mi_room_for(&s->first_rows, (size_t)p->n_sequences, sizeof(*first_row));
    int first = 0, j = 0;

    p->all.row = mi_room_for(&s->rows, n, sizeof(*p->all.row));
    p->all.position = mi_room_for(&s->positions, n, sizeof(*p->all.position));
    p->logit.row = mi_room_for(&s->logit_rows, n_logit, sizeof(*p->logit.row));
    p->logit.position = mi_room_for(&s->logit_positions, n_logit, sizeof(*p->logit.position));
    for (int i = 0; i < p->n_sequences; i++) {
        const struct mi_sequence *q = &p->batch[i];
        int32_t past = (int32_t)count_past(q);

        first_row[i] = first;
        for (int t = 0; t < q->n; t++) {
            p->all.row[first + t] = (struct mi_row){i, t, past + t};
            p->all.position[first + t] = past + t;
            tokens[first + t] = q->tokens[t];
        }
        for (int t = 0; t < q->n_logit_rows; t++, j++) {
            index[j] = first + q->logit_rows[t];
            p->logit.row[j] = p->all.row[index[j]];
            p->logit.position[j] = p->all.position[index[j]];
        }
        first += q->n;
    }
    p->logit_index = index;
    p->first_row = first_row;
    p->all.n = 0;
    join(p, 0);
    return tokens;
}

/* Asks the hooks what they want, and from that how far the pass must go. */
static void plan(struct mi_pass *p, int n_layers)
{
    int n_all = p->m->config.dims.n_layers;
    bool *wants = mi_room_for(&p->s->wants, (size_t)(n_all + 1) * MI_SITES, sizeof(bool));
    bool needs_logits = false;

    memset(wants, 0, (size_t)(n_all + 1) * MI_SITES * sizeof(bool));
    p->wants = wants;
    p->n_layers = p->has_cache ? n_layers : 0;
    p->last_site = p->has_cache ? MI_SITE_ROT_K : 0;
    for (int site = 0; site < MI_SITES && p->hooks; site++) {
        bool is_global = mi_site_info((enum mi_site)site)->is_global;

        for (int l = is_global ? n_all : 0; l < (is_global ? n_all + 1 : n_layers); l++) {
            bool *w = &wants[l * MI_SITES + site];

            *w = mi_model_has_site(p->m, (enum mi_site)site) &&
                 p->hooks->wants(p->hooks->self, (enum mi_site)site, is_global ? -1 : l);
            if (*w && !is_global && l + 1 >= p->n_layers) {
                bool is_same = l + 1 == p->n_layers;

                p->last_site =
                    is_same && (int)p->last_site > site ? p->last_site : (enum mi_site)site;
                p->n_layers = l + 1;
            }
            if (*w && site > MI_SITE_RESID_POST)
                needs_logits = true;
        }
    }
    if (needs_logits && p->logit.n > 0) {
        p->n_layers = n_all;
        p->last_site = MI_SITES;
    }
}

static void advance_caches(const struct mi_pass *p)
{
    for (int i = 0; i < p->n_sequences; i++) {
        struct mi_cache *c = p->batch[i].cache;

        if (!c)
            continue;
        if (c->n == 0 || c->n_filled > p->n_layers)
            c->n_filled = p->n_layers;
        c->n += p->batch[i].n;
    }
}

static bool uses_rotary(const struct mi_model *m, int which)
{
    for (int i = 0; i < m->config.dims.n_layers; i++)
        if (m->config.layer[i].rotary == which)
            return true;
    return false;
}

struct forward_call {
    struct mi_pass *p;
    const int32_t *tokens;
    int rc;
};

static void run_pass(void *ctx)
{
    struct forward_call *call = ctx;
    struct mi_pass *p = call->p;
    int rc = mi_pass_embed(p, call->tokens);

    for (int l = 0; l < p->n_layers && rc == 0; l++) {
        if (p->n_joined < p->n_sequences)
            join(p, l);
        if (p->live.n > 0)
            rc = mi_pass_block(p, l);
    }
    if (rc == 0 && p->last_site == MI_SITES)
        rc = mi_pass_unembed(p);
    call->rc = rc;
}

int mi_forward(struct mi_forward *f, const struct mi_model *m, const struct mi_sequence *batch,
               int n_sequences, int n_layers, const struct mi_hooks *hooks, struct mi_error *err)
{
    struct mi_pass p = {
        .m = m, .batch = batch, .n_sequences = n_sequences, .hooks = hooks, .err = err};
    struct forward_call call = {.p = &p};
    int64_t last = 0;
    int rc;

    if (n_layers <= 0 || n_layers > m->config.dims.n_layers)
        n_layers = m->config.dims.n_layers;
    rc = check_batch(&p, n_layers);
    if (rc < 0 || p.n_rows == 0)
        return rc;
    if (!f->state)
        f->state = mi_alloc_zero(1, sizeof(*f->state));
    p.s = f->state;
    call.tokens = lay_out_rows(&p);
    plan(&p, n_layers);
    for (int i = 0; i < p.n_rows; i++)
        last = p.all.position[i] > last ? p.all.position[i] : last;
    for (int i = 0; i < 2; i++)
        if (uses_rotary(m, i))
            mi_model_rope(m, i, &p.s->rope[i], last + 1);
    for (int i = 0; i < n_sequences; i++)
        if (batch[i].cache)
            mi_cache_reserve(batch[i].cache, batch[i].cache->n + batch[i].n);
    mi_par_crew(run_pass, &call);
    if (call.rc == 0)
        advance_caches(&p);
    return call.rc;
}

size_t mi_forward_bytes(const struct mi_model *m, int n_rows, int64_t n_ctx)
{
    const struct mi_dims *d = &m->config.dims;
    size_t heads = (size_t)d->n_heads * (size_t)d->d_head;
    size_t kv = (size_t)d->n_kv_heads * (size_t)d->d_head, model = (size_t)d->d_model;
    size_t row = 5 * model + 2 * heads + 2 * kv + 2 * (size_t)d->d_mlp + 16;
    size_t block = n_rows < MI_LOGIT_ROWS ? (size_t)n_rows : MI_LOGIT_ROWS;

    if (m->config.n_experts > 0)
        row += 2 * model + 2 * (size_t)(m->config.d_expert + m->config.d_shared) +
               (size_t)m->config.n_experts;
    return sizeof(float) * ((size_t)n_rows * row + block * (size_t)d->d_vocab +
                            (size_t)n_ctx * (size_t)m->config.rotary[0].n_rot);
}

void mi_forward_free(struct mi_forward *f)
{
    struct mi_forward_state *s = f->state;

    if (s) {
        /* clang-format off */
        struct mi_room *const rooms[] = {
            &s->x, &s->h, &s->out, &s->q, &s->k,
            &s->v, &s->z, &s->gate, &s->up, &s->scale,
            &s->picked, &s->logits, &s->scores, &s->result, &s->result_before,
            &s->rows, &s->positions, &s->tokens, &s->logit_rows, &s->logit_positions,
            &s->logit_index, &s->jobs, &s->result_tiles, &s->wants, &s->mlp,
            &s->routes, &s->gathered, &s->mixed, &s->gathered_rows, &s->picked_h,
            &s->key_runs, &s->first_rows,
        };
        /* clang-format on */

        for (size_t i = 0; i < sizeof(rooms) / sizeof(rooms[0]); i++)
            mi_free(rooms[i]->at);
        mi_rope_free(&s->rope[0]);
        mi_rope_free(&s->rope[1]);
        mi_free(s);
    }
    f->state = NULL;
}
