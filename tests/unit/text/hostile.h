/* hostile.h: how long runs of one thing take a tokenizer: at most a second a MiB, and twice the
 * text about 2.3 times as long. In processor time, on a stack of SMALL_STACK bytes; what is over
 * is measured again, up to MOST_TRIES times, as other work on the machine costs time, too. What
 * fails is more than 3: caches and memory make no more of linear work, and a step that is
 * quadratic makes 4. Sanitizers slow all down, five times, and keep freed memory, so that their
 * ratio says nothing. */
#ifndef MI_TESTS_TEXT_HOSTILE_H
#define MI_TESTS_TEXT_HOSTILE_H

#include "../tap.h"
#include "base/mem.h"
#include "text/tokenizer.h"

#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { SMALL_STACK = 256 << 10, HOSTILE_BYTES = 256 << 10, MOST_TRIES = 8 };
#ifdef __SANITIZE_ADDRESS__
enum { HOSTILE_SLOWER = 5 };
#else
enum { HOSTILE_SLOWER = 1 };
#endif

static inline double cpu_seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Seconds for `len` bytes of the unit. */
static inline double time_of(const struct mi_tokenizer *t, const char *unit, size_t len)
{
    size_t width = strlen(unit), k = len / width, n = 0, cap = 0;
    char *s = mi_alloc(k * width);
    struct mi_token *got = NULL;
    struct mi_error err = {0};
    double start;

    for (size_t i = 0; i < k; i++)
        memcpy(s + i * width, unit, width);
    start = cpu_seconds();
    if (mi_tokenizer_encode(t, s, k * width, true, &got, &n, &cap, &err) < 0)
        diag("%s", err.text);
    start = cpu_seconds() - start;
    mi_free(got);
    mi_free(s);
    return start;
}

static inline void test_hostile(const struct mi_tokenizer *t, const char *name)
{
    static const char *const units[] = {"a",
                                        " ",
                                        "\n",
                                        "\xcc\x81",
                                        "e\xcc\x81\xcc\xa3",
                                        "\xe4\xb8\xad",
                                        "1",
                                        "'",
                                        "<",
                                        " \n",
                                        "<|im_",
                                        " the",
                                        "A.",
                                        "\t ",
                                        "'s",
                                        "\t",
                                        "\xcc\x81\xcc\xa7",
                                        "<right> ",
                                        "ab",
                                        "e\xcc\x81",
                                        " <le ",
                                        "A. ",
                                        "\xe2\x96\x81"};
    double worst = 0, ratio = 0;
    size_t slowest = 0, steepest = 0;

    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        double one = 1e9, two = 1e9;

        for (int k = 0; k < MOST_TRIES && (k == 0 || (one > 0.01 && two > 2.3 * one)); k++) {
            one = fmin(one, time_of(t, units[i], HOSTILE_BYTES));
            two = fmin(two, time_of(t, units[i], 2 * HOSTILE_BYTES));
        }
        if (two > worst) {
            worst = two;
            slowest = i;
        }
        /* shorter times say nothing of the text */
        if (one > 0.01 && two / one > ratio) {
            ratio = two / one;
            steepest = i;
        }
    }
    worst *= (double)(1 << 20) / (2 * HOSTILE_BYTES);
    ok(worst <= HOSTILE_SLOWER, "%s: a MiB of one thing takes %.2f s at most (thing %zu)", name,
       worst, slowest);
    ok(ratio <= 3 || HOSTILE_SLOWER > 1, "%s: twice the text takes %.2f times as long (thing %zu)",
       name, ratio, steepest);
}

#endif
