/* math/attention.c: cuts attention into blocks; the kernels do them. */
#include "base/mem.h"
#include "base/par.h"
#include "math/kernels.h"
#include "math/rows.h"

#include <math.h>
#include <string.h>

/* Query rows in a block: they share the keys that are in cache. */
enum { BLOCK_ROWS = 24 };

/* One new token (decoding) takes the heads that share keys together; else a block is one
 * head's rows. */
static bool heads_together(const struct mi_attention *a)
{
    return a->n_q == 1;
}

static int64_t count_blocks(const struct mi_attention *a)
{
    if (heads_together(a))
        return a->n_kv_heads;
    return (int64_t)a->n_heads * ((a->n_q + BLOCK_ROWS - 1) / BLOCK_ROWS);
}

/* Block i of a: its operands and *head, *row, the head and query row it starts with. */
static struct mi_attention_block make_block(const struct mi_attention *a, int64_t i, int *head,
                                            int *row)
{
    const int group = a->n_heads / a->n_kv_heads, blocks = (a->n_q + BLOCK_ROWS - 1) / BLOCK_ROWS;
    struct mi_attention_block b = {
        .d_head = a->d_head, .scale = a->scale, .cap = a->cap, .step = 1};

    if (heads_together(a)) {
        *head = (int)i * group;
        *row = 0;
        b.rows = group;
        b.step = 0;
        b.ldq = b.ldz = a->d_head;
    } else {
        /* the last blocks see the most keys: they start first */
        *head = (int)(i / blocks);
        *row = (blocks - 1 - (int)(i % blocks)) * BLOCK_ROWS;
        b.rows = a->n_q - *row < BLOCK_ROWS ? a->n_q - *row : BLOCK_ROWS;
        b.ldq = a->ldq;
        b.ldz = a->ldz;
    }
    b.slope = a->slope ? a->slope + *head : NULL;
    b.sink = a->sink ? a->sink + *head : NULL;
    b.n_keys = a->n_past + *row + 1;
    b.first = a->window > 0 ? b.n_keys - a->window : INT32_MIN / 2; /* before any key */
    b.q = a->q + *row * a->ldq + (int64_t)*head * a->d_head;
    b.z = a->z ? a->z + *row * a->ldz + (int64_t)*head * a->d_head : NULL;
    b.keys = a->keys + (int64_t)(*head / group) * a->d_head;
    b.values = a->values ? a->values + (int64_t)(*head / group) * a->d_head : NULL;
    b.ldk = a->ldk;
    b.ldv = a->ldv;
    return b;
}

static int last_key(const struct mi_attention_block *b)
{
    return b->n_keys + (b->rows - 1) * b->step;
}

static size_t gathered(const struct mi_attention *a, const struct mi_attention_block *b)
{
    return a->n_runs ? 2 * (size_t)last_key(b) * (size_t)a->d_head : 0;
}

static float *gather_run(float *to, const float *from, int64_t ld, int64_t n, int width)
{
    for (int64_t i = 0; i < n; i++, to += width)
        memcpy(to, from + i * ld, (size_t)width * sizeof *to);
    return to;
}

/* Puts the head's keys and values, which lie in several places, side by side: room [gathered]. */
static void gather(const struct mi_attention *a, struct mi_attention_block *b, int head,
                   float *room)
{
    const int64_t n = last_key(b),
                  skip = (int64_t)(head / (a->n_heads / a->n_kv_heads)) * a->d_head;
    float *k = room + (int64_t)b->from * a->d_head, *v = k + n * a->d_head;
    int64_t at = 0;

    if (!a->n_runs)
        return;
    for (int i = 0; i <= a->n_runs; i++) {
        const struct mi_key_run own = {a->keys, a->values, n - at};
        const struct mi_key_run *run = i < a->n_runs ? &a->run[i] : &own;
        int64_t from = at < b->from ? b->from - at : 0, to = run->n < n - at ? run->n : n - at;

        if (from < to) {
            k = gather_run(k, run->keys + from * a->ldk + skip, a->ldk, to - from, a->d_head);
            v = gather_run(v, run->values + from * a->ldv + skip, a->ldv, to - from, a->d_head);
        }
        at += run->n;
    }
    b->keys = room;
    b->values = room + n * a->d_head;
    b->ldk = b->ldv = a->d_head;
}

/* ---- without listeners ------------------------------------------------------------------ */

struct attention_work {
    const struct mi_attention *a;
    const int64_t *start; /* [n + 1] the first task of each sequence */
    int n;
    const struct mi_kernels *kernels;
};

static void attend_task(void *ctx, int64_t task, int thread)
{
    const struct attention_work *w = ctx;
    int low = 0, high = w->n, head, row;
    struct mi_attention_block b;
    size_t n_scores;

    (void)thread;
    while (high - low > 1) { /* the last sequence that starts at or before the task */
        int middle = low + (high - low) / 2;
        if (w->start[middle] <= task)
            low = middle;
        else
            high = middle;
    }
    b = make_block(&w->a[low], task - w->start[low], &head, &row);
    if (b.first > 0)
        b.from = b.first / 16 * 16;
    b.lds = (last_key(&b) + 15) / 16 * 16;
    n_scores = (size_t)b.rows * (size_t)b.lds;
    b.scores = mi_math_scratch(n_scores + gathered(&w->a[low], &b));
    gather(&w->a[low], &b, head, b.scores + n_scores);
    w->kernels->attend(&b);
}

void mi_attention(const struct mi_attention *a, int n)
{
    struct attention_work w = {a, NULL, n, mi_kernels()};
    int64_t *start;

    if (n <= 0)
        return;
    w.start = start = mi_alloc_n((size_t)n + 1, sizeof *start);
    start[0] = 0;
    for (int i = 0; i < n; i++)
        start[i + 1] = start[i] + count_blocks(&a[i]);
    mi_par_for(start[n], attend_task, &w);
    mi_free(start);
}

/* ---- the stages apart ------------------------------------------------------------------- */

struct stage_work {
    const struct mi_attention *a;
    float *scores;
    const struct mi_kernels *kernels;
};

static float *score_row(const struct stage_work *w, int head, int row)
{
    int64_t n_keys = w->a->n_past + w->a->n_q;

    return w->scores + ((int64_t)head * w->a->n_q + row) * n_keys;
}

static void scores_task(void *ctx, int64_t task, int thread)
{
    const struct stage_work *w = ctx;
    int head, row, n;
    struct mi_attention_block b = make_block(w->a, task, &head, &row);

    (void)thread;
    b.scores = score_row(w, head, row);
    b.lds = w->a->n_past + w->a->n_q;
    gather(w->a, &b, head, mi_math_scratch(gathered(w->a, &b)));
    w->kernels->scores(&b);
    n = last_key(&b);
    for (int r = 0; r < b.rows; r++)
        for (int64_t j = n; j < b.lds; j++)
            b.scores[r * b.lds + j] = -INFINITY;
}

void mi_attention_scores(const struct mi_attention *a, float *scores)
{
    struct stage_work w = {a, scores, mi_kernels()};

    mi_par_for(count_blocks(a), scores_task, &w);
}

static void pattern_task(void *ctx, int64_t task, int thread)
{
    const struct stage_work *w = ctx;
    const int head = (int)(task / w->a->n_q), row = (int)(task % w->a->n_q);
    float *s = score_row(w, head, row), top, sum, none;
    int n = w->a->n_past + row + 1;

    (void)thread;
    top = w->kernels->top(s, n);
    if (w->a->sink && w->a->sink[head] > top)
        top = w->a->sink[head];
    sum = w->kernels->exp_sum(s, s, top, n, 0);
    if (w->a->sink)
        sum += w->kernels->exp_sum(&none, w->a->sink + head, top, 1, 0);
    w->kernels->divide(s, s, sum, n);
    for (; n < w->a->n_past + w->a->n_q; n++)
        s[n] = 0.0f;
}

void mi_attention_pattern(const struct mi_attention *a, float *scores_to_pattern)
{
    struct stage_work w = {a, scores_to_pattern, mi_kernels()};

    mi_par_for((int64_t)a->n_heads * a->n_q, pattern_task, &w);
}

static void mix_task(void *ctx, int64_t task, int thread)
{
    const struct stage_work *w = ctx;
    int head, row;
    struct mi_attention_block b = make_block(w->a, task, &head, &row);

    (void)thread;
    b.scores = score_row(w, head, row);
    b.lds = w->a->n_past + w->a->n_q;
    gather(w->a, &b, head, mi_math_scratch(gathered(w->a, &b)));
    w->kernels->mix(&b);
}

void mi_attention_mix(const struct mi_attention *a, const float *pattern)
{
    /* The kernel only reads it; the block's member also serves as its scratch. */
    struct stage_work w = {a, (float *)(uintptr_t)pattern, mi_kernels()};

    mi_par_for(count_blocks(a), mix_task, &w);
}
