/* base/cpu.h: which instruction set the kernels use.
 *
 * All of them give the same bits; the choice is one of speed. MI_ISA=portable,
 * avx2 or avx512 in the environment (read by base/tool.c) narrows it for tests. */
#ifndef MI_BASE_CPU_H
#define MI_BASE_CPU_H

enum mi_isa { MI_ISA_PORTABLE, MI_ISA_AVX2, MI_ISA_AVX512 };

enum mi_isa mi_cpu_isa(void);  /* the best that is there, or what was set */
enum mi_isa mi_cpu_best(void); /* what this processor can do */
/* -1: no such name; -2: this processor cannot. */
int mi_cpu_set_isa(const char *name);
const char *mi_isa_name(enum mi_isa isa);

#endif
