/* tap.h: the whole test framework of the C tests. Prints TAP for scripts/tap-sum.awk.
 *
 *     plan(3);                            how many will run (or none of it: done() counts)
 *     ok(x == 3, "x is %d", x);
 *     near(a, b, 1e-12, "the norm");      |a - b| <= tol * max(1, |b|); NaN is never near
 *     diag("max %g", worst);
 *     return done();                      0 when all passed
 */
#ifndef MI_TESTS_TAP_H
#define MI_TESTS_TAP_H

#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

static struct {
    int planned, run, failed;
} tap;

static inline void plan(int n)
{
    setvbuf(stdout, NULL, _IOLBF, 0); /* whole lines, also when a test dies or forks */
    tap.planned = n;
    printf("1..%d\n", n);
}

__attribute__((format(printf, 1, 2))) static inline void diag(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    fputs("# ", stdout);
    vprintf(fmt, ap);
    putchar('\n');
    va_end(ap);
}

__attribute__((format(printf, 2, 0))) static inline bool tap_line(bool good, const char *fmt,
                                                                  va_list ap)
{
    tap.run++;
    tap.failed += !good;
    printf("%sok %d - ", good ? "" : "not ", tap.run);
    vprintf(fmt, ap);
    putchar('\n');
    return good;
}

__attribute__((format(printf, 2, 3))) static inline bool ok(bool good, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    tap_line(good, fmt, ap);
    va_end(ap);
    return good;
}

__attribute__((format(printf, 4, 5))) static inline bool near(double a, double b, double tol,
                                                              const char *fmt, ...)
{
    bool good = fabs(a - b) <= tol * fmax(1.0, fabs(b));
    va_list ap;

    va_start(ap, fmt);
    tap_line(good, fmt, ap);
    va_end(ap);
    if (!good)
        diag("%.17g is not %.17g within %g", a, b, tol);
    return good;
}

__attribute__((format(printf, 1, 2))) static inline void skip(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    tap.run++;
    printf("ok %d - # SKIP ", tap.run);
    vprintf(fmt, ap);
    putchar('\n');
    va_end(ap);
}

static inline int done(void)
{
    if (tap.planned == 0)
        printf("1..%d\n", tap.run);
    return tap.failed > 0 || (tap.planned && tap.run != tap.planned);
}

#endif
