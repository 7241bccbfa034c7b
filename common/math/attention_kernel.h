/* math/attention_kernel.h: one block of query rows over their keys and values.
 *
 * The formula and its order are those of math/rows.h. */
#ifndef MI_MATH_ATTENTION_KERNEL_H
#define MI_MATH_ATTENTION_KERNEL_H

#include "math/activation_kernel.h"
#include "math/linear_kernel.h"
#include "math/vmath_kernel.h"

#include <math.h>

enum {
    KEYS_AT_ONCE = 64, /* keys that all rows of a block use while they are in the first cache */
    HEAD_MAX = 1024,   /* wider heads take the plain loop */
};

/* The keys that row r sees: [*from, *to). */
ALWAYS_INLINE void row_range(const struct mi_attention_block *b, int r, int *from, int *to)
{
    *from = b->first + r * b->step > b->from ? b->first + r * b->step : b->from;
    *to = b->n_keys + r * b->step;
}

static void copy_padded(float *to, int padded, const float *from, int64_t ld, int rows, int d)
{
    for (int r = 0; r < rows; r++) {
        memcpy(to + r * padded, from + r * ld, (size_t)d * sizeof *to);
        memset(to + r * padded + d, 0, (size_t)(padded - d) * sizeof *to);
    }
}

/* Dot products of rows i .. i + height - 1 with keys j0 .. j1 - 1. */
static void dot_tiles(const struct mi_attention_block *b, int i, int height, int j0, int j1)
{
    const int d = b->d_head, padded = (d + 15) / 16 * 16;
    float rows[TILE_M * HEAD_MAX], keys[TILE_N * HEAD_MAX];
    struct tile t = {
        .x = b->q + i * b->ldq, .ldx = b->ldq, .steps = padded / 16, .ldy = b->lds, .first = true};

    if (d < padded) {
        copy_padded(rows, padded, t.x, b->ldq, height, d);
        t.x = rows;
        t.ldx = padded;
    }
    for (int j = j0; j < j1; j += TILE_N) {
        t.n = least(TILE_N, j1 - j);
        t.w = b->keys + j * b->ldk;
        t.ldw = b->ldk;
        if (d < padded || t.n < TILE_N) { /* the tile reads whole groups of TILE_N rows */
            copy_padded(keys, padded, t.w, b->ldk, t.n, d);
            memset(keys + t.n * padded, 0, (size_t)((TILE_N - t.n) * padded) * sizeof *keys);
            t.w = keys;
            t.ldw = padded;
        }
        t.y = b->scores + i * b->lds + j;
        tile_plain[height](&t);
    }
}

static void dot_all(const struct mi_attention_block *b, int n)
{
    if (b->d_head > HEAD_MAX) {
        for (int r = 0; r < b->rows; r++)
            for (int j = b->from; j < n; j++)
                b->scores[r * b->lds + j] =
                    run_dot(b->q + r * b->ldq, b->keys + j * b->ldk, b->d_head);
        return;
    }
    for (int j = b->from; j < n; j += KEYS_AT_ONCE)
        for (int i = 0, height; i < b->rows; i += height) {
            height = tile_height(b->rows - i);
            dot_tiles(b, i, height, j, least(n, j + KEYS_AT_ONCE));
        }
}

/* Soft-cap, and ALiBi: slope (key - query), of row r's scores s[from .. to - 1]. */
static void bend_scores(const struct mi_attention_block *b, int r, float *s, int from, int to)
{
    static const float count[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    const lanes up = lanes_load(count);
    lanes slope;

    if (b->cap > 0)
        run_cap(s + from, s + from, b->cap, to - from);
    if (!b->slope)
        return;
    slope = lanes_set1(b->slope[b->step ? 0 : r]);
    for (int j = from; j < to; j += 16) {
        lanes away = lanes_add(lanes_set1((float)(j - (to - 1))), up);
        lanes bias = lanes_mul(slope, away);
        if (j + 16 <= to)
            lanes_store(s + j, lanes_add(lanes_load(s + j), bias));
        else
            lanes_store_part(s + j, lanes_add(lanes_load_part(s + j, to - j), bias), to - j);
    }
}

/* scores [rows, from .. n - 1] with -infinity where a row does not see the key. */
static void run_scores(const struct mi_attention_block *b)
{
    const int n = b->n_keys + (b->rows - 1) * b->step;
    const lanes scale = lanes_set1(b->scale);
    int from, to;

    dot_all(b, n);
    for (int r = 0; r < b->rows; r++) {
        float *s = b->scores + r * b->lds;
        int j;
        row_range(b, r, &from, &to);
        for (j = b->from; j < from; j++)
            s[j] = -INFINITY;
        for (; j + 16 <= to; j += 16)
            lanes_store(s + j, lanes_mul(lanes_load(s + j), scale));
        for (; j < to; j++)
            s[j] = s[j] * b->scale;
        if (b->cap > 0 || b->slope)
            bend_scores(b, r, s, from, to);
        for (; j < n; j++)
            s[j] = -INFINITY;
    }
}

/* ---- z = p v ------------------------------------------------------------------------- */

/* z [R, columns] for 16 C columns, or for the `part` < 16 columns that are left. Rows see
 * `step` keys more, one after the other: a triangle that is unrolled behind the full rows. */
ALWAYS_INLINE void mix_columns(const int R, const int C, const int part,
                               const struct mi_attention_block *b, int i, int column)
{
    const int to = b->n_keys + i * b->step;
    const float *p = b->scores + i * b->lds, *v = b->values + column;
    lanes z[TILE_M_MAX][MIX_LANES], x[MIX_LANES];

    UNROLL
    for (int r = 0; r < R; r++)
        UNROLL
    for (int c = 0; c < C; c++)
        z[r][c] = lanes_zero();
    for (int j = b->from; j < to; j++) {
        UNROLL
        for (int c = 0; c < C; c++)
            x[c] =
                part ? lanes_load_part(v + j * b->ldv, part) : lanes_load(v + j * b->ldv + 16 * c);
        UNROLL
        for (int r = 0; r < R; r++)
            UNROLL
        for (int c = 0; c < C; c++)
            z[r][c] = lanes_fma(lanes_set1(p[r * b->lds + j]), x[c], z[r][c]);
    }
    if (b->step) {
        UNROLL
        for (int t = 1; t < R; t++) {
            const int j = to + t - 1;
            UNROLL
            for (int c = 0; c < C; c++)
                x[c] = part ? lanes_load_part(v + j * b->ldv, part)
                            : lanes_load(v + j * b->ldv + 16 * c);
            UNROLL
            for (int r = t; r < R; r++)
                UNROLL
            for (int c = 0; c < C; c++)
                z[r][c] = lanes_fma(lanes_set1(p[r * b->lds + j]), x[c], z[r][c]);
        }
    }
    UNROLL
    for (int r = 0; r < R; r++)
        UNROLL
    for (int c = 0; c < C; c++) {
        float *out = b->z + (i + r) * b->ldz + column + 16 * c;
        if (part)
            lanes_store_part(out, z[r][c], part);
        else
            lanes_store(out, z[r][c]);
    }
}

ALWAYS_INLINE void mix_rows(const int R, const struct mi_attention_block *b, int i)
{
    int c = 0;

    for (; c + 16 * MIX_LANES <= b->d_head; c += 16 * MIX_LANES)
        mix_columns(R, MIX_LANES, 0, b, i, c);
    for (; c + 16 <= b->d_head; c += 16)
        mix_columns(R, 1, 0, b, i, c);
    if (c < b->d_head)
        mix_columns(R, 1, b->d_head - c, b, i, c);
}

#define MIX_CASE(R) \
    case R: mix_rows(R, b, i); break;

static void run_mix(const struct mi_attention_block *b)
{
    for (int i = 0, height; i < b->rows; i += height) {
        height = tile_height(b->rows - i);
        switch (height) {
            MIX_CASE(1)
            MIX_CASE(2)
#if TILE_M_MAX >= 4
            MIX_CASE(3)
            MIX_CASE(4)
#endif
#if TILE_M_MAX >= 6
            MIX_CASE(5)
            MIX_CASE(6)
#endif
        }
    }
}

static void run_attend(const struct mi_attention_block *b)
{
    int from, to;

    run_scores(b);
    for (int r = 0; r < b->rows; r++) {
        const float *sink = b->sink ? b->sink + (b->step ? 0 : r) : NULL;
        float *s = b->scores + r * b->lds + b->from, top, sum, none;
        row_range(b, r, &from, &to);
        top = run_top(s, to - b->from);
        if (sink && *sink > top)
            top = *sink;
        sum = run_exp_sum(s, s, top, to - b->from, b->from);
        if (sink)
            sum += run_exp_sum(&none, sink, top, 1, 0);
        run_divide(s, s, sum, to - b->from);
    }
    run_mix(b);
}

#endif
