/* model/ends.c: what stands before the blocks and behind them, and the norms; see pass.h. */
#include "base/par.h"
#include "math/linear.h"
#include "math/rows.h"
#include "math/vmath.h"
#include "model/pass.h"

enum { EMBED_ROWS = 16 }; /* rows of one piece of parallel work */

/* ---- norms ----------------------------------------------------------------------------- */

static void weigh(const struct mi_norm *norm, float *y, int m, int64_t k)
{
    if (norm->weight)
        mi_rows_mul(y, k, y, k, m, k, norm->weight);
    if (norm->bias)
        mi_rows_bias(y, k, m, k, norm->bias);
}

int mi_pass_norm(struct mi_pass *p, enum mi_site scale_site, int layer, const struct mi_norm *norm,
                 float *h)
{
    int64_t d = p->m->config.dims.d_model;
    float *scale = mi_room_for(&p->s->scale, (size_t)p->live.n, sizeof(float));
    const float *x = p->x;
    int rc;

    if (p->m->config.row->norm == MI_NORM_LAYER) {
        mi_rows_centre(h, d, x, d, p->live.n, d);
        x = h;
    }
    mi_rms_scale(scale, x, d, p->live.n, d, p->m->config.norm_eps);
    rc = mi_pass_show(p, scale_site, layer, scale, 1, 1);
    if (rc < 0)
        return rc;
    mi_rms_normalize(h, d, x, d, p->live.n, d, scale);
    rc = mi_pass_show(p, scale_site + 1, layer, h, 1, d); /* the site `normalized` follows */
    if (rc == 0)
        weigh(norm, h, p->live.n, d);
    return rc;
}

void mi_pass_norm_rows(struct mi_pass *p, const struct mi_norm *norm, float *y, int m, int64_t k)
{
    float *scale = mi_room_for(&p->s->scale, (size_t)m, sizeof(float));

    if (p->m->config.row->norm == MI_NORM_LAYER)
        mi_rows_centre(y, k, y, k, m, k);
    mi_rms_scale(scale, y, k, m, k, p->m->config.norm_eps);
    mi_rms_normalize(y, k, y, k, m, k, scale);
    weigh(norm, y, m, k);
}

/* ---- before the blocks ---------------------------------------------------------------- */

struct embedding {
    const struct mi_model *m;
    const struct mi_matrix *table;
    const int32_t *tokens; /* [n] */
    int n;
    float *x; /* [n, D] */
};

static void embed_rows(void *ctx, int64_t i, int thread)
{
    const struct embedding *e = ctx;
    int64_t d = e->m->config.dims.d_model;

    (void)thread;
    for (int64_t r = i * EMBED_ROWS; r < (i + 1) * EMBED_ROWS && r < e->n; r++)
        mi_matrix_row(e->x + r * d, e->table, e->tokens[r]);
}

/* The site is what the tokens alone give: scaled and normed, before learned positions. */
int mi_pass_embed(struct mi_pass *p, const int32_t *tokens)
{
    const struct mi_model *m = p->m;
    int64_t d = m->config.dims.d_model;
    float *x = mi_room_for(&p->s->x, (size_t)p->n_rows * (size_t)d, sizeof(float)), *learned;
    struct embedding e = {m, &m->embedding, tokens, p->all.n, x};
    int64_t n_pieces = (p->all.n + EMBED_ROWS - 1) / EMBED_ROWS;
    int rc;

    mi_par_for(n_pieces, embed_rows, &e);
    p->x = x;
    if (m->config.embedding_scale != 1)
        mi_rows_scale(x, d, p->all.n, d, m->config.embedding_scale);
    if (m->norm_embed.weight)
        mi_pass_norm_rows(p, &m->norm_embed, x, p->all.n, d);
    rc = mi_pass_show(p, MI_SITE_EMBED, -1, x, 1, d);
    if (rc < 0 || m->config.position != MI_POSITION_LEARNED)
        return rc;
    learned = mi_pass_room(p, &p->s->h, d);
    e = (struct embedding){m, &m->positions, p->all.position, p->all.n, learned};
    mi_par_for(n_pieces, embed_rows, &e);
    mi_rows_add(x, d, learned, d, p->all.n, d);
    return 0;
}

/* ---- after the blocks ----------------------------------------------------------------- */

/* Of some tokens: a row of the unembedding each. */
static void compute_logits_of(const struct mi_model *m, const struct mi_sequence *q, const float *h,
                              int n, float *logits)
{
    int64_t d = m->config.dims.d_model;

    for (int i = 0; i < q->n_logit_ids; i++) {
        struct mi_matrix one = m->unembedding;

        one.data = (const char *)one.data + (size_t)q->logit_ids[i] * one.row_bytes;
        one.n = 1;
        mi_linear(logits + i, q->n_logit_ids, h, d, n, &one,
                  m->unembedding_bias ? m->unembedding_bias + q->logit_ids[i] : NULL);
    }
}

int mi_pass_unembed(struct mi_pass *p)
{
    const struct mi_sequence *first = p->batch;
    const struct mi_config *c = &p->m->config;
    int64_t d = c->dims.d_model, v = first->logit_ids ? first->n_logit_ids : c->dims.d_vocab;
    int n_block = p->logit.n < MI_LOGIT_ROWS ? p->logit.n : MI_LOGIT_ROWS;
    float *h, *logits;
    int rc;

    if (p->live.row != p->logit.row)
        mi_pass_pick(p);
    h = mi_room_for(&p->s->h, (size_t)p->live.n * (size_t)d, sizeof(float));
    rc = mi_pass_norm(p, MI_SITE_LN_FINAL_SCALE, -1, &p->m->norm_final, h);
    if (rc < 0 || !mi_pass_wants(p, MI_SITE_LOGITS, -1))
        return rc;
    logits = mi_room_for(&p->s->logits, (size_t)n_block * (size_t)v, sizeof(float));
    for (int r = 0; r < p->live.n && rc == 0; r += n_block) {
        int n = p->live.n - r < n_block ? p->live.n - r : n_block;
        struct mi_view view = {
            .site = MI_SITE_LOGITS,
            .layer = -1,
            .n_rows = n,
            .row = p->live.row + r,
            .x = logits,
            .ld = v,
            .n_heads = 1,
            .ld_head = v,
            .width = v,
        };

        if (first->logit_ids)
            compute_logits_of(p->m, first, h + r * d, n, logits);
        else
            mi_linear(logits, v, h + r * d, d, n, &p->m->unembedding, p->m->unembedding_bias);
        if (c->logit_scale != 1)
            mi_rows_scale(logits, v, n, v, c->logit_scale);
        if (c->logit_cap > 0)
            mi_soft_cap(logits, logits, c->logit_cap, n * v);
        rc = mi_pass_visit(p, &view);
    }
    return rc;
}
