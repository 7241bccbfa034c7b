/* math/rows.h: what a transformer does to rows between its matrices.
 *
 * Sums over a row are in the canonical order of math/linear.h (16 lanes, blocks of
 * 1024), so every function gives the same bits on every instruction set. All work on
 * packed rows; parallel over rows where it pays. */
#ifndef MI_MATH_ROWS_H
#define MI_MATH_ROWS_H

#include <stdbool.h>
#include <stdint.h>

/* scale[m] = sqrt(mean_k x[m, k]^2 + eps): what RMSNorm divides by. */
void mi_rms_scale(float *scale, const float *x, int64_t ldx, int m, int64_t k, float eps);
/* y[m, k] = x[m, k] / scale[m]: the normalised value, before the learned weight. */
void mi_rms_normalize(float *y, int64_t ldy, const float *x, int64_t ldx, int m, int64_t k,
                      const float *scale);
/* y[m, k] *= w[k], or y = x * w. In place allowed. */
void mi_rows_mul(float *y, int64_t ldy, const float *x, int64_t ldx, int m, int64_t k,
                 const float *w);
/* y[m, k] += x[m, k]. */
void mi_rows_add(float *y, int64_t ldy, const float *x, int64_t ldx, int m, int64_t k);

/* y[m, k] = x[m, k] - mean_k x[m, k]. In place allowed. */
void mi_rows_centre(float *y, int64_t ldy, const float *x, int64_t ldx, int m, int64_t k);
/* y[m, k] *= by; y[m, k] = min(max(y, -most), most); y[m, k] += w[k]. */
void mi_rows_scale(float *y, int64_t ldy, int m, int64_t k, float by);
void mi_rows_clamp(float *y, int64_t ldy, int m, int64_t k, float most);
void mi_rows_bias(float *y, int64_t ldy, int m, int64_t k, const float *w);
/* Softmax over each row, in place; the sum in the canonical order. */
void mi_rows_softmax(float *y, int64_t ldy, int m, int64_t k);

/* Rotary position embedding of the first n_rot coordinates of each head: in pairs
 * (i, i + n_rot / 2) ("NEOX" layout), or of neighbours (2i, 2i + 1). */
struct mi_rope {
    int n_rot;      /* rotated coordinates of a head, even */
    bool is_paired; /* neighbours */
    int64_t n_pos;  /* rows of the tables */
    float *cosine;  /* [n_pos, n_rot / 2] */
    float *sine;
};
/* Angle pos * step[i], i < n_rot / 2, in double; cos and sin times `magnitude`, rounded once.
 * Keeps is_paired. A table grows by being made again. */
void mi_rope_init(struct mi_rope *r, int n_rot, int64_t n_pos, const double *step,
                  double magnitude);
void mi_rope_free(struct mi_rope *r);
/* Rotates y [m, n_heads, d_head] in place; row r stands at position pos[r]. */
void mi_rope_apply(float *y, int64_t ldy, int m, int n_heads, int d_head, const int32_t *pos,
                   const struct mi_rope *r);

/* Causal attention of one sequence's query rows over its keys and values.
 *
 *     s[h, i, j] = scale * dot(q[i, h, :], k[j, h / group, :])    j <= i + n_past, and
 *                                                        i + n_past - j < window (0: all)
 *     s is soft-capped, then ALiBi is added, where the model has them
 *     p = softmax over j;   z[i, h, :] = sum_j p[h, i, j] v[j, h / group, :]
 *
 * One formula whether or not anybody listens: keys in tiles on an absolute grid of 16
 * positions, the running maximum of the whole row first, exp, the sum in the canonical
 * order over j, then p = e / sum, then z as a chain of fused multiply-adds over j from 0.
 * The bits of row i depend on its own q and on the keys and values before it only: not on
 * n_past, the number of query rows, or who else is in the batch.
 *
 * Keys and values may lie in several places: first those of run[0], run[1] ..., then `keys` and
 * `values`, which then begin behind them. n_past counts them all.
 *
 * q [n_q, H, K] rows ldq apart; keys [n_past + n_q, KV, K] rows ldk apart, values likewise
 * ldv; z [n_q, H, K] rows ldz apart (may not overlap q). */
struct mi_key_run {
    const float *keys, *values; /* rows ldk and ldv apart, as those of the attention */
    int64_t n;
};
struct mi_attention {
    int n_q, n_past, n_heads, n_kv_heads, d_head, window;
    float scale;
    float cap;          /* soft-cap of the scores: cap tanh(s / cap); 0: none */
    const float *slope; /* [H] ALiBi: slope[h] (j - i - n_past) is added; NULL: none */
    const float *sink;  /* [H] one score more in the sum of each row, of no key; NULL: none */
    const float *q, *keys, *values;
    int64_t ldq, ldk, ldv, ldz;
    float *z;
    const struct mi_key_run *run;
    int n_runs;
};
/* Without listeners: parallel over (sequence, head, block of rows) of all a[n]. */
void mi_attention(const struct mi_attention *a, int n);
/* The three stages apart, for hooks: scores s [H, n_q, n_past + n_q] with -INFINITY where
 * masked; pattern in place; z from the pattern. Together the same bits as mi_attention. */
void mi_attention_scores(const struct mi_attention *a, float *scores);
void mi_attention_pattern(const struct mi_attention *a, float *scores_to_pattern);
void mi_attention_mix(const struct mi_attention *a, const float *pattern);

/* log p[token] for the n tokens asked, from logits [v]: x - max - log(sum exp(x - max)),
 * the sum in the canonical order; in double after the float exps are summed. Returns the
 * log of the normaliser (so that log p = logit - that). */
double mi_log_normalizer(const float *logits, int64_t v);

#endif
