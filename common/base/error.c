#include "base/error.h"

#include "base/escape.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Formats into a buffer of its own first: the arguments may point into err->text. */
int mi_vfail(struct mi_error *err, int code, const char *fmt, va_list ap)
{
    int system = errno;
    char raw[sizeof err->text];
    size_t len = strlen(fmt), n;

    if (!err)
        return -code;
    vsnprintf(raw, sizeof raw, fmt, ap);
    n = strlen(raw);
    if (len && fmt[len - 1] == ':')
        snprintf(raw + n, sizeof raw - n, " %s", strerror(system));
    mi_escape(err->text, sizeof err->text, raw, strlen(raw));
    err->code = code;
    return -code;
}

int mi_fail(struct mi_error *err, int code, const char *fmt, ...)
{
    va_list ap;
    int r;

    va_start(ap, fmt);
    r = mi_vfail(err, code, fmt, ap);
    va_end(ap);
    return r;
}

int mi_fail_in(struct mi_error *err, const char *fmt, ...)
{
    char raw[2 * sizeof err->text];
    va_list ap;
    size_t n;

    if (!err)
        return -MI_EXIT_DATA;
    va_start(ap, fmt);
    vsnprintf(raw, sizeof err->text, fmt, ap);
    va_end(ap);
    n = strlen(raw);
    snprintf(raw + n, sizeof raw - n, ": %s", err->text);
    mi_escape(err->text, sizeof err->text, raw, strlen(raw));
    return -err->code;
}
