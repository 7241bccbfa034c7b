/* math/linear_kernel.h: y = W x for many rows, in the canonical order: a tile of W (at most
 * MI_TILE_ROWS rows, 1024 columns) is dequantised into cache in the order in which tile_kernel.h
 * reads it, and all rows of x go over it. */
#ifndef MI_MATH_LINEAR_KERNEL_H
#define MI_MATH_LINEAR_KERNEL_H

#include "math/few_kernel.h"
#include "math/tile_kernel.h"

/* Rows of x up to which W is packed one tile's rows at a time. */
enum { CHUNK_M = 64 };

/* ---- packing -------------------------------------------------------------------------
 * TILE_N rows make a panel: for each part of the lanes, for each group of 16 columns, VEC
 * floats of each row. */

/* Puts the 32 (or, at the end, fewer) weights from column k on of row r into its panel. */
ALWAYS_INLINE void put_packed(float *panel, int r, int k, int padded, const lanes w[2])
{
    UNROLL
    for (int g = 0; g < 2; g++) {
        if (k + 16 * g >= padded)
            return;
        UNROLL
        for (int part = 0; part < LANES_PARTS; part++) {
            int64_t step = (int64_t)part * (padded / 16) + k / 16 + g;
            vec_store(panel + (step * TILE_N + r) * VEC, lanes_part(w[g], part));
        }
    }
}

ALWAYS_INLINE void pack(const int type, float *out, const unsigned char *w, size_t row_bytes, int n,
                        int k0, int kk)
{
    const int padded = (kk + 15) / 16 * 16;
    const size_t ahead = row_bytes * (size_t)(AHEAD / (kk / 32 * group_bytes(type) + 1) + 1);
    struct unpack_state state;
    lanes y[2];

    for (int i = 0; i < n; i++, w += row_bytes) {
        float *panel = out + (int64_t)(i / TILE_N * TILE_N) * padded;
        int k = 0, group;
        for (; k + stride(type) <= kk; k += stride(type)) {
            UNROLL
            for (int g = 0; g < stride(type); g += 32) {
                const unsigned char *block = block_of(type, w, k0 + k, g, &group);
                prefetch_group(type, block + group * group_bytes(type) + ahead);
                unpack(type, block, group, &state, y);
                put_packed(panel, i % TILE_N, k + g, padded, y);
            }
        }
        if (k < kk && is_plain(type)) {
            unpack_tail(type, w + (k0 + k) * element_bytes(type), kk - k, y);
            put_packed(panel, i % TILE_N, k, padded, y);
        }
    }
    y[0] = y[1] = lanes_zero();
    for (int i = n; i % TILE_N; i++)
        for (int k = 0; k < padded; k += 32)
            put_packed(out + (int64_t)(i / TILE_N * TILE_N) * padded, i % TILE_N, k, padded, y);
}

/* ---- one function for each type ------------------------------------------------------- */

#define PACK_FUNCTION(type)                                                                    \
    static __attribute__((noinline)) void pack_##type(float *out, const unsigned char *w,      \
                                                      size_t row_bytes, int n, int k0, int kk) \
    {                                                                                          \
        pack(type, out, w, row_bytes, n, k0, kk);                                              \
    }

MI_KERNEL_EACH_TYPE(PACK_FUNCTION)

typedef void pack_function(float *out, const unsigned char *w, size_t row_bytes, int n, int k0,
                           int kk);

#define PACK_ENTRY(type) [type] = pack_##type,
static pack_function *const pack_functions[MI_KERNEL_TYPES] = {MI_KERNEL_EACH_TYPE(PACK_ENTRY)};

/* A type without kernels: some rows at a time become floats, which are packed. */
static void pack_other(const struct mi_qtype_info *t, float *out, const unsigned char *w,
                       size_t row_bytes, int n, int k0, int kk)
{
    const int padded = (kk + 15) / 16 * 16;
    float rows[TILE_N * MI_LINEAR_BLOCK];

    w += (size_t)(k0 / t->block_elements) * (size_t)t->block_bytes;
    for (int i = 0; i < n; i += TILE_N) {
        const int here = least(TILE_N, n - i);
        for (int r = 0; r < here; r++, w += row_bytes)
            t->dequantise(rows + r * kk, w, kk / t->block_elements);
        pack_MI_Q_F32(out + (int64_t)i * padded, (const unsigned char *)rows,
                      (size_t)kk * sizeof *rows, here, 0, kk);
    }
}

static void pack_rows(const struct mi_matrix *W, float *out, const unsigned char *w, int n, int k0,
                      int kk)
{
    if (mi_has_kernels(W->type))
        pack_functions[W->type](out, w, W->row_bytes, n, k0, kk);
    else
        pack_other(mi_qtype_info((int)W->type), out, w, W->row_bytes, n, k0, kk);
}

/* ---- the table's functions ----------------------------------------------------------- */

/* One block of columns of all rows of x over rows n0 .. n1 - 1 of W, packed at `w`. */
ALWAYS_INLINE void run_tiles(const float *X, int64_t ldx, int m, float *Y, int64_t ldy,
                             const float *w, int n0, int n1, int k0, int kk,
                             const struct mi_ahead *ahead, size_t fetch, size_t *fetched)
{
    const int padded = (kk + 15) / 16 * 16, rest = kk % 16;
    struct tile t = {.ldx = ldx, .steps = kk / 16, .ldy = ldy, .first = k0 == 0};
    size_t due = *fetched;
    float tail[TILE_M * 16];

    for (int i = 0, height; i < m; i += height) {
        height = tile_height(m - i);
        t.x = X + i * ldx + k0;
        if (rest) {
            for (int r = 0; r < height; r++)
                lanes_store(tail + 16 * r, lanes_load_part(t.x + r * ldx + kk - rest, rest));
            t.x_tail = tail;
        }
        for (int n = n0; n < n1; n += TILE_N) {
            t.w = w + (int64_t)(n - n0) * padded;
            t.y = Y + i * ldy + n;
            t.n = n1 - n;
            for (due += fetch; *fetched < due && *fetched < ahead->bytes; *fetched += 64)
                __builtin_prefetch(ahead->at + *fetched, 0, 2);
            tile_packed[height](&t);
        }
    }
}

static void run_many(float *Y, int64_t ldy, const float *X, int64_t ldx, int m,
                     const struct mi_matrix *W, int n0, int n1, float *scratch,
                     const struct mi_ahead *ahead)
{
    const unsigned char *data = W->data;
    const int64_t tiles = (int64_t)((m + TILE_M - 1) / TILE_M) * ((n1 - n0 + TILE_N - 1) / TILE_N);
    const size_t fetch = ahead->bytes / (size_t)(tiles * ((W->k - 1) / MI_LINEAR_BLOCK + 1)) + 1;
    /* Few rows of x: what is packed is used while it is in the first cache. */
    const int chunk = m <= CHUNK_M ? TILE_N : n1 - n0;
    size_t fetched = 0;

    for (int n = n0; n < n1; n += chunk)
        for (int k0 = 0; k0 < W->k; k0 += MI_LINEAR_BLOCK) {
            const int kk = least(MI_LINEAR_BLOCK, W->k - k0), end = least(n + chunk, n1);
            pack_rows(W, scratch, data + (size_t)n * W->row_bytes, end - n, k0, kk);
            run_tiles(X, ldx, m, Y, ldy, scratch, n, end, k0, kk, ahead, fetch, &fetched);
        }
}

#define ROW_CASE(type)                                                                          \
    case type:                                                                                  \
        block = block_of(type, row, k / stride(type) * stride(type), k % stride(type), &group); \
        unpack(type, block, group, &state, w);                                                  \
        break;

static void run_row(float *y, const struct mi_matrix *W, int i)
{
    const unsigned char *row = (const unsigned char *)W->data + (size_t)i * W->row_bytes, *block;
    const struct mi_qtype_info *type = mi_qtype_info((int)W->type);
    struct unpack_state state;
    lanes w[2] = {lanes_zero(), lanes_zero()};
    int group = 0, k = 0;

    if (!mi_has_kernels(W->type)) {
        type->dequantise(y, row, W->k / type->block_elements);
        return;
    }
    for (; k + 32 <= W->k; k += 32) {
        switch (W->type) {
            MI_KERNEL_EACH_TYPE(ROW_CASE)
        default: break;
        }
        lanes_store(y + k, w[0]);
        lanes_store(y + k + 16, w[1]);
    }
    if (k < W->k) /* a plain type */
        type->dequantise(y + k, row + (size_t)k * (size_t)type->block_bytes, W->k - k);
}

static float run_dot(const float *x, const float *w, int64_t k)
{
    float y = 0.0f;

    for (int64_t k0 = 0; k0 < k; k0 += MI_LINEAR_BLOCK) {
        int64_t i = k0, end = k - k0 < MI_LINEAR_BLOCK ? k : k0 + MI_LINEAR_BLOCK;
        lanes c = lanes_zero();
        float s;
        for (; i + 16 <= end; i += 16)
            c = lanes_fma(lanes_load(x + i), lanes_load(w + i), c);
        if (i < end)
            c = lanes_fma(lanes_load_part(x + i, (int)(end - i)),
                          lanes_load_part(w + i, (int)(end - i)), c);
        s = lanes_sum(c);
        y = k0 ? y + s : s;
    }
    return y;
}

#endif
