/* model/attend.c: attention of a layer, sequence by sequence, and what its heads write;
 * see pass.h. */
#include "base/par.h"
#include "math/linear.h"
#include "math/rows.h"
#include "model/pass.h"

#include <string.h>

enum {
    RESULT_NUMBERS = 1 << 22, /* of one block of hook_result */
    RESULT_TILE = 32,         /* outputs of one piece of parallel work */
};

/* Where the positions before a sequence's new tokens lie: its ancestors' rows, the first
 * ancestor's first. Writes from run[0] on (NULL: counts only); returns how many. */
static int find_past(const struct mi_pass *p, int layer, const struct mi_sequence *q,
                     struct mi_key_run *run)
{
    int64_t width = (int64_t)p->m->config.dims.n_kv_heads * p->m->config.dims.d_head;
    int64_t left = q->n_past;
    int n = 0, at;

    for (const struct mi_sequence *s = q; s && s->n_past > 0 && !s->cache; s = s->before)
        n++;
    at = n;
    for (const struct mi_sequence *s = q; run && at > 0; s = s->before) {
        const struct mi_sequence *b = s->before;
        int64_t earlier = b && b->n_past < left ? b->n_past : b ? left : 0;
        int64_t row = b ? p->first_row[b - p->batch] * width : 0;

        run[--at] = (struct mi_key_run){
            .keys = b ? (const float *)p->s->k.at + row : s->past->layer_keys[layer],
            .values = b ? (const float *)p->s->v.at + row : s->past->layer_values[layer],
            .n = left - earlier,
        };
        left = earlier;
    }
    return n;
}

/* Fills in the job of `n_q` live rows from `live_row` on, which are the tokens from `index` on
 * of sequence `i`. */
static struct mi_attention make_job(const struct mi_pass *p, int layer, int i, int index,
                                    int live_row, int n_q)
{
    const struct mi_config *c = &p->m->config;
    const struct mi_dims *d = &c->dims;
    int64_t hk = (int64_t)d->n_heads * d->d_head, kvk = (int64_t)d->n_kv_heads * d->d_head;
    const struct mi_cache *cache = p->batch[i].cache;
    const float *q = p->s->q.at, *k = p->s->k.at, *v = p->s->v.at;
    float *z = p->s->z.at;
    struct mi_attention a = {
        .n_q = n_q,
        .n_past = (int)(cache ? cache->n : p->batch[i].n_past) + index,
        .n_heads = d->n_heads,
        .n_kv_heads = d->n_kv_heads,
        .d_head = d->d_head,
        .window = c->layer[layer].window,
        .scale = c->attention_scale,
        .cap = c->score_cap,
        .slope = p->m->alibi,
        .sink = p->m->block[layer].sinks,
        .q = q + live_row * hk,
        .keys = cache ? cache->layer_keys[layer] : k + p->first_row[i] * kvk,
        .values = cache ? cache->layer_values[layer] : v + p->first_row[i] * kvk,
        .ldq = hk,
        .ldk = kvk,
        .ldv = kvk,
        .ldz = hk,
        .z = z + live_row * hk,
    };

    return a;
}

/* One job for each run of neighbouring live rows. Returns how many. */
static int make_jobs(struct mi_pass *p, int layer, struct mi_attention **out)
{
    struct mi_attention *job = mi_room_for(&p->s->jobs, (size_t)p->live.n, sizeof(*job));
    const struct mi_row *row = p->live.row;
    struct mi_key_run *run = NULL;
    int n_jobs = 0, n_runs = 0, last = -1;

    for (int i = 0; p->has_past && i < p->n_joined; i++)
        n_runs += find_past(p, layer, &p->batch[i], NULL);
    if (n_runs)
        run = mi_room_for(&p->s->key_runs, (size_t)n_runs, sizeof(*run));
    n_runs = 0;
    for (int r = 0, n; r < p->live.n; r += n) {
        for (n = 1; r + n < p->live.n && row[r + n].sequence == row[r].sequence &&
                    row[r + n].index == row[r].index + n;)
            n++;
        job[n_jobs] = make_job(p, layer, row[r].sequence, row[r].index, r, n);
        if (run && row[r].sequence != last) {
            run += n_runs;
            n_runs = find_past(p, layer, &p->batch[row[r].sequence], run);
        }
        job[n_jobs].run = run;
        job[n_jobs++].n_runs = n_runs;
        last = row[r].sequence;
    }
    *out = job;
    return n_jobs;
}

static int show_keys(struct mi_pass *p, enum mi_site site, int layer, const struct mi_attention *a,
                     int first_row, float *scores)
{
    int64_t n_keys = (int64_t)a->n_past + a->n_q;
    struct mi_view view = {
        .site = site,
        .layer = layer,
        .n_rows = a->n_q,
        .row = p->live.row + first_row,
        .x = scores,
        .ld = n_keys,
        .n_heads = a->n_heads,
        .ld_head = a->n_q * n_keys,
        .width = n_keys,
    };

    return mi_pass_visit(p, &view);
}

int mi_pass_attend(struct mi_pass *p, int layer)
{
    struct mi_attention *job;
    int n_jobs = make_jobs(p, layer, &job), first_row = 0, rc = 0;

    if (!mi_pass_wants(p, MI_SITE_ATTN_SCORES, layer) &&
        !mi_pass_wants(p, MI_SITE_PATTERN, layer)) {
        mi_attention(job, n_jobs);
        return 0;
    }
    for (int i = 0; i < n_jobs && rc == 0; i++) {
        const struct mi_attention *a = &job[i];
        size_t n_keys = (size_t)a->n_past + (size_t)a->n_q;
        float *scores =
            mi_room_for(&p->s->scores, n_keys * (size_t)a->n_q, (size_t)a->n_heads * sizeof(float));

        mi_attention_scores(a, scores);
        rc = show_keys(p, MI_SITE_ATTN_SCORES, layer, a, first_row, scores);
        if (rc == 0) {
            mi_attention_pattern(a, scores);
            rc = show_keys(p, MI_SITE_PATTERN, layer, a, first_row, scores);
        }
        if (rc == 0)
            mi_attention_mix(a, scores);
        first_row += a->n_q;
    }
    return rc;
}

/* ---- hook_result ----------------------------------------------------------------------- */

/* result[r, h, d] = sum_k z[r, h, k] W_O[d, h K + k] for some rows. */
struct head_outputs {
    const struct mi_matrix *o;
    const float *z;  /* [n, H * K] */
    float *result;   /* [n, H, D] */
    float **weights; /* [threads] each [RESULT_TILE, H * K] */
    int n, n_heads, d_head;
};

/* Blocks of quantised rows need not end where heads do: rows are unpacked whole. */
static void compute_tile(void *ctx, int64_t i, int thread)
{
    const struct head_outputs *w = ctx;
    int d0 = (int)i * RESULT_TILE, d_model = w->o->n;
    int n = d_model - d0 < RESULT_TILE ? d_model - d0 : RESULT_TILE;
    int64_t hk = w->o->k;
    float *tile = w->weights[thread];

    for (int j = 0; j < n; j++)
        mi_matrix_row(tile + j * hk, w->o, d0 + j);
    for (int h = 0; h < w->n_heads; h++)
        mi_dots(w->result + (int64_t)h * d_model + d0, (int64_t)w->n_heads * d_model,
                w->z + h * w->d_head, hk, w->n, tile + h * w->d_head, hk, n, w->d_head);
}

static void compute_result(struct mi_forward_state *s, const struct head_outputs *w)
{
    float *weights[MI_PAR_MAX];
    size_t n_threads = (size_t)mi_par_threads(), n = (size_t)RESULT_TILE * (size_t)w->o->k;
    float *all = mi_room_for(&s->result_tiles, n * n_threads, sizeof(float));
    struct head_outputs work = *w;

    for (size_t i = 0; i < n_threads; i++)
        weights[i] = all + i * n;
    work.weights = weights;
    mi_par_for((w->o->n + RESULT_TILE - 1) / RESULT_TILE, compute_tile, &work);
}

/* out[r, d] += new - old of each head that differs, in the order of heads. */
static void apply_change(const struct head_outputs *w, const float *before, float *out)
{
    int64_t d_model = w->o->n;

    for (int r = 0; r < w->n; r++)
        for (int h = 0; h < w->n_heads; h++) {
            int64_t at = ((int64_t)r * w->n_heads + h) * d_model;

            for (int64_t d = 0; d < d_model; d++)
                if (w->result[at + d] != before[at + d])
                    out[r * d_model + d] += w->result[at + d] - before[at + d];
        }
}

int mi_pass_result(struct mi_pass *p, int layer, float *out)
{
    const struct mi_dims *d = &p->m->config.dims;
    int64_t hk = (int64_t)d->n_heads * d->d_head, hd = (int64_t)d->n_heads * d->d_model;
    const float *z = p->s->z.at;
    float by = p->m->config.has_post_norm ? 1 : p->m->config.residual_scale;
    int n_block = RESULT_NUMBERS / hd < 1 ? 1 : (int)(RESULT_NUMBERS / hd), rc = 0;
    float *result, *before;

    if (!mi_pass_wants(p, MI_SITE_RESULT, layer))
        return 0;
    n_block = n_block < p->live.n ? n_block : p->live.n;
    result = mi_room_for(&p->s->result, (size_t)n_block * (size_t)hd, sizeof(float));
    before = mi_room_for(&p->s->result_before, (size_t)n_block * (size_t)hd, sizeof(float));
    for (int r = 0; r < p->live.n && rc == 0; r += n_block) {
        struct head_outputs w = {.o = &p->m->block[layer].o,
                                 .z = z + r * hk,
                                 .result = result,
                                 .n = p->live.n - r < n_block ? p->live.n - r : n_block,
                                 .n_heads = d->n_heads,
                                 .d_head = d->d_head};
        struct mi_view view = {
            .site = MI_SITE_RESULT,
            .layer = layer,
            .n_rows = w.n,
            .row = p->live.row + r,
            .x = result,
            .ld = hd,
            .n_heads = d->n_heads,
            .ld_head = d->d_model,
            .width = d->d_model,
        };

        compute_result(p->s, &w);
        if (by != 1)
            mi_rows_scale(result, hd, w.n, hd, by);
        memcpy(before, result, (size_t)w.n * (size_t)hd * sizeof(float));
        rc = mi_pass_visit(p, &view);
        if (rc == 0 && view.is_written)
            apply_change(&w, before, out + (int64_t)r * d->d_model);
    }
    return rc;
}
