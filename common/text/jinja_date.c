/* strftime for strftime_now: the C locale's names, UTC, and "-" for no padding. */
#include "text/jinja_value.h"

#include <stdio.h>
#include <time.h>

static const char *const days[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                   "Thursday", "Friday", "Saturday"};
static const char *const months[] = {"January",   "February", "March",    "April",
                                     "May",       "June",     "July",     "August",
                                     "September", "October",  "November", "December"};

/* A number of `width` digits, padded with `pad` (0: not). */
static void add_number(struct mi_jrun *run, struct mi_jtext *t, int n, int width, char pad)
{
    char text[16];

    snprintf(text, sizeof text, pad == '0' ? "%0*d" : "%*d", pad ? width : 0, n);
    mi_jadd_z(run, t, text);
}

/* The numbers: false when `c` is none of them. */
static bool add_field(struct mi_jrun *run, struct mi_jtext *t, const struct tm *tm, char c,
                      char pad)
{
    int hour = tm->tm_hour % 12 ? tm->tm_hour % 12 : 12;

    switch (c) {
    case 'd': add_number(run, t, tm->tm_mday, 2, pad); break;
    case 'e': add_number(run, t, tm->tm_mday, 2, (char)(pad ? ' ' : 0)); break;
    case 'm': add_number(run, t, tm->tm_mon + 1, 2, pad); break;
    case 'y': add_number(run, t, tm->tm_year % 100, 2, pad); break;
    case 'Y': add_number(run, t, tm->tm_year + 1900, 4, pad); break;
    case 'H': add_number(run, t, tm->tm_hour, 2, pad); break;
    case 'I': add_number(run, t, hour, 2, pad); break;
    case 'M': add_number(run, t, tm->tm_min, 2, pad); break;
    case 'S': add_number(run, t, tm->tm_sec, 2, pad); break;
    case 'j': add_number(run, t, tm->tm_yday + 1, 3, pad); break;
    case 'u': add_number(run, t, tm->tm_wday ? tm->tm_wday : 7, 1, pad); break;
    case 'w': add_number(run, t, tm->tm_wday, 1, pad); break;
    case 'f': mi_jadd_z(run, t, "000000"); break;
    default: return false;
    }
    return true;
}

static bool add_name(struct mi_jrun *run, struct mi_jtext *t, const struct tm *tm, char c)
{
    switch (c) {
    case 'a': mi_jadd(run, t, days[tm->tm_wday], 3); break;
    case 'A': mi_jadd_z(run, t, days[tm->tm_wday]); break;
    case 'b':
    case 'h': mi_jadd(run, t, months[tm->tm_mon], 3); break;
    case 'B': mi_jadd_z(run, t, months[tm->tm_mon]); break;
    case 'p': mi_jadd_z(run, t, tm->tm_hour < 12 ? "AM" : "PM"); break;
    case 'n': mi_jadd_z(run, t, "\n"); break;
    case 't': mi_jadd_z(run, t, "\t"); break;
    case '%': mi_jadd_z(run, t, "%"); break;
    case 'Z':
    case 'z': break; /* the clock has no zone */
    default: return false;
    }
    return true;
}

/* Directives that stand for several. */
static const char *longer(char c)
{
    return c == 'F'               ? "%Y-%m-%d"
           : c == 'D' || c == 'x' ? "%m/%d/%y"
           : c == 'T' || c == 'X' ? "%H:%M:%S"
           : c == 'R'             ? "%H:%M"
           : c == 'r'             ? "%I:%M:%S %p"
           : c == 'c'             ? "%a %b %e %H:%M:%S %Y"
                                  : NULL;
}

static void add_all(struct mi_jrun *run, struct mi_jtext *t, const struct tm *tm, const char *s,
                    size_t len)
{
    for (size_t i = 0; i < len && mi_jwork(run, 0); i++) {
        bool bare;
        const char *more;

        if (s[i] != '%' || i + 1 == len) {
            mi_jadd(run, t, s + i, 1);
            continue;
        }
        bare = s[i + 1] == '-' && i + 2 < len;
        i += bare ? 2 : 1;
        more = longer(s[i]);
        if (more)
            add_all(run, t, tm, more, strlen(more));
        else if (!add_field(run, t, tm, s[i], (char)(bare ? 0 : '0')) &&
                 !add_name(run, t, tm, s[i]))
            mi_jfail(run, "strftime_now: '%%%c' is not supported", s[i]);
    }
}

struct mi_jv mi_jstrftime(struct mi_jrun *run, const struct mi_jstr *format)
{
    time_t now = (time_t)run->now;
    struct tm tm;
    struct mi_jtext t = {0};

    if (!gmtime_r(&now, &tm))
        return mi_jfail(run, "strftime_now: the clock is beyond all years");
    add_all(run, &t, &tm, format->at, format->len);
    return mi_jtext_value(run, &t);
}
