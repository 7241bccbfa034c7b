/* math/lanes.h: sixteen floats side by side, the unit of the canonical order.
 *
 * The kernels (*_kernel.h) are written once, in terms of what is listed here, and
 * compiled once for each instruction set: kernels_portable.c, kernels_avx2.c and
 * kernels_avx512.c. Every operation below is one IEEE operation a lane, rounded once,
 * so all three give the same bits.
 *
 *   lanes                      16 floats
 *   lanes_zero, _set1, _load, _load_part (n < 16, zeros after them), _store, _store_part
 *   lanes_add, _sub, _mul, _div, _fma (a b + c)
 *   lanes_max, _min            a > b ? a : b, a < b ? a : b: a NaN in b stays
 *   lanes_sum                  the canonical fold: j += j + 8, then + 4, + 2, + 1
 *   lanes_top                  the largest lane
 *   lanes_times_pow2(p, t)     p 2^n where t = LANES_MAGIC + n; rounds once
 *
 *   vec                        VEC floats: what one register holds. LANES_PARTS of them
 *                              make 16 lanes; the tile kernel works through one part after
 *                              the other, so that its accumulators fit the registers.
 *   vec_zero, _load, _store, _add, _fma, lanes_part(a, part)
 *   VEC_KEEP(v)                keeps v in a register: without it gcc 12 folds a shared load
 *                              back into each multiply-add that uses it
 *   TILE_M, TILE_N             rows of x and of W in one tile of accumulators
 *   SUM_ROWS, vec_sums         sums of the lanes of SUM_ROWS x 4 vectors at once
 *   lanes_vec                  lanes as vec_sums takes them: the parts added
 *   MIX_LANES                  columns / 16 of the tile that mixes values (attention_kernel.h)
 *   FEW_PASS, FEW_MAX(_SLOW)   the few-rows kernel: rows of x in one pass, rows it is good for
 *   FEW_ROWS(m)                and rows of W that it works on at once
 *   KERNEL(name)               name with the instruction set's suffix
 */
#ifndef MI_MATH_LANES_H
#define MI_MATH_LANES_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Kernels are made by inlining with constant arguments, and loops over the registers of a
 * tile must be unrolled whole. Not so under the sanitizers, whose checks of every access
 * would make the compiler run for minutes. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MI_IS_SANITIZED
#elif defined(__has_feature) /* clang says it so */
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define MI_IS_SANITIZED
#endif
#endif
#ifdef MI_IS_SANITIZED
#define ALWAYS_INLINE static __attribute__((noinline, unused))
#define UNROLL
#else
#define ALWAYS_INLINE static inline __attribute__((always_inline))
#define UNROLL        _Pragma("GCC unroll 16")
#endif

/* Adding it leaves the nearest integer in the low bits. */
#define LANES_MAGIC 12582912.0f
enum { LANES_MAGIC_BITS = 0x4b400000 };

/* Four sums of a row, as they go to memory. */
typedef float four __attribute__((vector_size(16)));

#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__) && defined(__AVX512VL__)
#include "math/lanes_avx512.h"
#elif defined(__AVX2__) && defined(__FMA__) && defined(__F16C__)
#include "math/lanes_avx2.h"
#else
#include "math/lanes_portable.h"
#endif

#endif
