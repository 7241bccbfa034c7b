/* math/kernel_table.h: the kernels of one instruction set, and the table that names them.
 * Private to math; each kernels_*.c includes it once. */
#include "math/attention_kernel.h"
#include "math/linear_kernel.h"
#include "math/vmath_kernel.h"

const struct mi_kernels KERNEL(mi_kernels) = {
    .few_max = FEW_MAX,
    .few_max_slow = FEW_MAX_SLOW,
    .tile_n = TILE_N,
    .few = run_few,
    .many = run_many,
    .row = run_row,
    .dot = run_dot,
    .exp_n = run_exp_n,
    .silu_mul = run_silu_mul,
    .exp_sum = run_exp_sum,
    .top = run_top,
    .divide = run_divide,
    .attend = run_attend,
    .scores = run_scores,
    .mix = run_mix,
};
