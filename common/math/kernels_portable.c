/* math/kernels_portable.c: the kernels in plain C, for every machine. */
#include "math/kernel_table.h"
