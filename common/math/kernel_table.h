/* math/kernel_table.h: the kernels of one instruction set, and the table that names them.
 * Private to math; each kernels_*.c includes it once. */
#include "math/activation_kernel.h"
#include "math/attention_kernel.h"
#include "math/linear_kernel.h"
#include "math/samples_kernel.h"
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
    .activate = {[MI_ACTIVATION_SILU] = run_silu_mul,
                 [MI_ACTIVATION_GELU] = run_gelu_mul,
                 [MI_ACTIVATION_GELU_TANH] = run_gelu_tanh_mul,
                 [MI_ACTIVATION_RELU] = run_relu_mul,
                 [MI_ACTIVATION_RELU2] = run_relu2_mul},
    .tanh_n = run_tanh_n,
    .cap = run_cap,
    .exp_sum = run_exp_sum,
    .top = run_top,
    .divide = run_divide,
    .attend = run_attend,
    .scores = run_scores,
    .mix = run_mix,
    .row_dots = run_row_dots,
    .row_sums = run_row_sums,
    .logit = run_logit,
    .gram = run_gram,
};
