#include "base/cpu.h"

#include <string.h>

static const char *const names[] = {"portable", "avx2", "avx512"};
static int chosen = -1; /* what mi_cpu_set_isa said */

const char *mi_isa_name(enum mi_isa isa)
{
    return names[isa];
}

enum mi_isa mi_cpu_best(void)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    /* F16C is there wherever AVX2 is; clang 14 has no name for it here. */
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma"))
        return MI_ISA_PORTABLE;
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
        return MI_ISA_AVX512;
    return MI_ISA_AVX2;
#else
    return MI_ISA_PORTABLE;
#endif
}

enum mi_isa mi_cpu_isa(void)
{
    static int best = -1;

    if (chosen >= 0)
        return (enum mi_isa)chosen;
    if (best < 0)
        best = (int)mi_cpu_best();
    return (enum mi_isa)best;
}

int mi_cpu_set_isa(const char *name)
{
    for (int i = 0; i <= (int)MI_ISA_AVX512; i++)
        if (strcmp(name, names[i]) == 0) {
            if (i > (int)mi_cpu_best())
                return -2;
            chosen = i;
            return 0;
        }
    return -1;
}
