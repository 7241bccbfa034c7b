/* math/kernels_avx2.c: the kernels in AVX2, FMA and F16C. */
#if defined(__x86_64__)
#include "math/kernel_table.h"
#else
typedef int no_kernels_here; /* a translation unit may not be empty */
#endif
