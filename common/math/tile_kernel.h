/* math/tile_kernel.h: the tile of accumulators that all matrix products are made of.
 *
 * A tile is R <= TILE_M rows of x times TILE_N rows of W over at most 1024 elements of k.
 * Its accumulators live in registers; a part of the lanes is worked through before the
 * next (lanes.h), and the sums of the lanes go to y. */
#ifndef MI_MATH_TILE_KERNEL_H
#define MI_MATH_TILE_KERNEL_H

#include "math/lanes.h"

struct tile {
    const float *x; /* rows ldx apart */
    int64_t ldx;
    const float *w; /* packed (linear_kernel.h), or plain rows ldw apart */
    int64_t ldw;
    int steps;           /* whole groups of 16 along k */
    const float *x_tail; /* of packed w: one more group, [rows, 16] zero padded, or NULL */
    float *y;
    int64_t ldy;
    int n;      /* columns of y that exist */
    bool first; /* y starts with this block's sums, or they are added to it */
};

ALWAYS_INLINE void put_sums(float *y, four s, int n, bool first)
{
    four old;

    if (n >= 4) {
        if (!first) {
            memcpy(&old, y, sizeof old);
            s = old + s;
        }
        memcpy(y, &s, sizeof s);
        return;
    }
    if (n == 3) { /* the AVX2 tile's width */
        old = (four){0};
        if (!first) {
            memcpy(&old, y, 2 * sizeof *y);
            old[2] = y[2];
            s = old + s;
        }
        memcpy(y, &s, 2 * sizeof *y);
        y[2] = s[2];
        return;
    }
    for (int j = 0; j < n; j++)
        y[j] = first ? s[j] : y[j] + s[j];
}

/* c[i][j] += x[i] w[j] for one group of 16 */
ALWAYS_INLINE void tile_step(const int R, const float *x, int64_t ldx, const float *w, int64_t ldw,
                             vec c[TILE_M][TILE_N])
{
    vec b[TILE_N];

    UNROLL
    for (int j = 0; j < TILE_N; j++) {
        b[j] = vec_load(w + j * ldw);
        VEC_KEEP(b[j]);
    }
    UNROLL
    for (int i = 0; i < R; i++) {
        vec a = vec_load(x + i * ldx);
        VEC_KEEP(a);
        UNROLL
        for (int j = 0; j < TILE_N; j++)
            c[i][j] = vec_fma(a, b[j], c[i][j]);
    }
}

ALWAYS_INLINE void tile_part(const int R, const bool packed, const struct tile *t, int part,
                             vec c[TILE_M][TILE_N])
{
    const int64_t ldx = t->ldx, ldw = packed ? VEC : t->ldw, step = packed ? TILE_N * VEC : 16;
    const float *x = t->x + part * VEC, *w = t->w + part * VEC;

    if (packed)
        w = t->w + (int64_t)part * (t->steps + (t->x_tail != NULL)) * step;
    UNROLL
    for (int i = 0; i < R; i++)
        UNROLL
    for (int j = 0; j < TILE_N; j++)
        c[i][j] = vec_zero();
    for (int s = 0; s < t->steps; s++, x += 16, w += step)
        tile_step(R, x, ldx, w, ldw, c);
    if (packed && t->x_tail)
        tile_step(R, t->x_tail + part * VEC, 16, w, VEC, c);
}

ALWAYS_INLINE void tile_run(const int R, const bool packed, const struct tile *t)
{
    vec c[TILE_M][TILE_N], z[SUM_ROWS][4];
    float earlier[TILE_M][TILE_N][VEC] __attribute__((aligned(64)));
    four sums[SUM_ROWS];

    _Static_assert(TILE_N <= 4 && LANES_PARTS <= 2, "one group of four sums, one fold of parts");
    tile_part(R, packed, t, 0, c);
    if (LANES_PARTS == 2) {
        UNROLL
        for (int i = 0; i < R; i++)
            UNROLL
        for (int j = 0; j < TILE_N; j++)
            vec_store(earlier[i][j], c[i][j]);
        tile_part(R, packed, t, 1, c);
        UNROLL
        for (int i = 0; i < R; i++)
            UNROLL
        for (int j = 0; j < TILE_N; j++)
            c[i][j] = vec_add(vec_load(earlier[i][j]), c[i][j]);
    }
    UNROLL
    for (int g = 0; g < R; g += SUM_ROWS) {
        UNROLL
        for (int i = 0; i < SUM_ROWS; i++)
            UNROLL
        for (int j = 0; j < 4; j++)
            z[i][j] = g + i < R && j < TILE_N ? c[g + i][j] : vec_zero();
#ifdef HAS_PAIR_SUMS
        if (R - g <= 2)
            vec_pair_sums(sums, z[0], z[1]);
        else
#endif
            vec_sums(sums, z);
        UNROLL
        for (int i = 0; i < SUM_ROWS; i++)
            if (g + i < R)
                put_sums(t->y + (g + i) * t->ldy, sums[i], t->n < TILE_N ? t->n : TILE_N, t->first);
    }
}

#define TILE_FUNCTIONS(R)                                                       \
    static __attribute__((noinline)) void tile_packed_##R(const struct tile *t) \
    {                                                                           \
        tile_run(R, true, t);                                                   \
    }                                                                           \
    static __attribute__((noinline)) void tile_plain_##R(const struct tile *t)  \
    {                                                                           \
        tile_run(R, false, t);                                                  \
    }

typedef void tile_function(const struct tile *t);

TILE_FUNCTIONS(1)
TILE_FUNCTIONS(2)
#if TILE_M_MAX >= 4
TILE_FUNCTIONS(3)
TILE_FUNCTIONS(4)
#endif
#if TILE_M_MAX >= 6
TILE_FUNCTIONS(5)
TILE_FUNCTIONS(6)
#endif

static tile_function *const tile_packed[] = {
    NULL,          tile_packed_1, tile_packed_2,
#if TILE_M_MAX >= 4
    tile_packed_3, tile_packed_4,
#endif
#if TILE_M_MAX >= 6
    tile_packed_5, tile_packed_6,
#endif
};

static tile_function *const tile_plain[] = {
    NULL,         tile_plain_1, tile_plain_2,
#if TILE_M_MAX >= 4
    tile_plain_3, tile_plain_4,
#endif
#if TILE_M_MAX >= 6
    tile_plain_5, tile_plain_6,
#endif
};

/* Rows of the next tile when `left` are left: all tiles of a run about equally high. */
ALWAYS_INLINE int tile_height(int left)
{
    int tiles = (left + TILE_M - 1) / TILE_M;

    return (left + tiles - 1) / tiles;
}

#endif
