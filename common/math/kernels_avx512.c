/* math/kernels_avx512.c: the kernels in AVX-512 F, BW, DQ and VL. */
#if defined(__x86_64__)
#include "math/kernel_table.h"
#else
typedef int no_kernels_here; /* a translation unit may not be empty */
#endif
