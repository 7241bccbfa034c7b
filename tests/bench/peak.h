/* peak.h: what the machine can do: multiply-adds a second, and reading of memory. */
#ifndef MI_BENCH_PEAK_H
#define MI_BENCH_PEAK_H

#include "base/cpu.h"

#include <math.h>
#include <stddef.h>
#include <string.h>
#include <time.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

static volatile float peak_sink;

/* One thread is timed by its own processor time, which leaves out what others take of it. */
static clockid_t peak_clock_id = CLOCK_THREAD_CPUTIME_ID;

static inline double peak_clock(void)
{
    struct timespec t;

    clock_gettime(peak_clock_id, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

#if defined(__x86_64__)
/* Twelve independent chains hide the latency of the instruction. */
#define PEAK_FUNCTION(name, isa, vector, constraint, set, fma, width)               \
    __attribute__((noinline, target(isa))) static double name(long n)               \
    {                                                                               \
        vector a[12], b = set(0.999f), c = set(0.001f);                             \
        _Pragma("GCC unroll 12") for (int i = 0; i < 12; i++) a[i] = set((float)i); \
        for (long k = 0; k < n; k++) {                                              \
            _Pragma("GCC unroll 12") for (int i = 0; i < 12; i++)                   \
            {                                                                       \
                a[i] = fma(a[i], b, c);                                             \
                __asm__ volatile("" : "+" constraint(a[i]));                        \
            }                                                                       \
        }                                                                           \
        _Pragma("GCC unroll 12") for (int i = 0; i < 12; i++) peak_sink += a[i][0]; \
        return (double)n * 12 * 2 * width;                                          \
    }
PEAK_FUNCTION(peak_avx2, "avx2,fma", __m256, "x", _mm256_set1_ps, _mm256_fmadd_ps, 8)
PEAK_FUNCTION(peak_avx512, "avx512f", __m512, "v", _mm512_set1_ps, _mm512_fmadd_ps, 16)
#endif

/* Multiply-adds for about half a millisecond; returns how many operations they were. */
static inline double peak_work(enum mi_isa isa)
{
    float x = 0.5f;

#if defined(__x86_64__)
    if (isa == MI_ISA_AVX512)
        return peak_avx512(200000);
    if (isa == MI_ISA_AVX2)
        return peak_avx2(200000);
#endif
    (void)isa;
    for (int i = 0; i < 100000; i++)
        x = fmaf(x, 0.999f, 0.001f);
    peak_sink += x;
    return 2e5;
}

/* Reads every line of p, prefetched as the kernels prefetch. */
static inline void peak_read(const unsigned char *p, size_t n)
{
#if defined(__x86_64__)
    __m128i s[4] = {_mm_setzero_si128(), _mm_setzero_si128(), _mm_setzero_si128(),
                    _mm_setzero_si128()};

    for (size_t i = 0; i + 64 <= n; i += 64) {
        _mm_prefetch((const char *)p + i + 4096, _MM_HINT_T0);
        for (int j = 0; j < 4; j++)
            s[j] = _mm_add_epi64(s[j], _mm_load_si128((const void *)(p + i + 16 * j)));
    }
    s[0] = _mm_add_epi64(_mm_add_epi64(s[0], s[1]), _mm_add_epi64(s[2], s[3]));
    peak_sink += (float)_mm_cvtsi128_si32(s[0]);
#else
    unsigned long long s = 0, u;

    for (size_t i = 0; i + 8 <= n; i += 8) {
        memcpy(&u, p + i, 8);
        s += u;
    }
    peak_sink += (float)s;
#endif
}

#endif
