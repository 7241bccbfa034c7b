#include "base/progress.h"

#include "base/opt.h"
#include "base/tool.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

static struct {
    const char *what; /* NULL while there is no work */
    int64_t total, done;
    double start, last; /* seconds */
    bool is_wanted, is_shown;
} line;

double mi_seconds(void)
{
    static double first = -1;
    struct timespec t;
    double now;

    clock_gettime(CLOCK_MONOTONIC, &t);
    now = (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
    if (first < 0)
        first = now;
    return now - first;
}

/* What getrusage says begins with the peak of the process that started this one. */
int64_t mi_peak_bytes(void)
{
    FILE *status = fopen("/proc/self/status", "r");
    struct rusage use;
    char text[256];
    long long kib = 0;

    while (status && kib == 0 && fgets(text, sizeof text, status))
        if (strncmp(text, "VmHWM:", 6) == 0)
            kib = strtoll(text + 6, NULL, 10);
    if (status)
        fclose(status);
    if (kib <= 0) {
        getrusage(RUSAGE_SELF, &use);
        kib = use.ru_maxrss;
    }
    return (int64_t)kib * 1024;
}

char *mi_usage_text(char *text)
{
    snprintf(text, 64, "%.1f s, peak %lld MiB", mi_seconds(),
             (long long)((mi_peak_bytes() + (1 << 20) - 1) >> 20));
    return text;
}

void mi_progress_clear(void)
{
    if (line.is_shown)
        fputs("\r\033[K", stderr);
    line.is_shown = false;
}

void mi_progress_start(const char *what, int64_t total)
{
    line.what = what;
    line.total = total;
    line.done = 0;
    line.start = mi_seconds();
    line.last = line.start + 1.0 - 1.0 / 6; /* the first line comes after one second */
    line.is_wanted = mi_progress_wanted(mi_opt_quiet);
}

static void draw(double now)
{
    double rate = (double)line.done / (now - line.start);

    mi_progress_clear();
    fprintf(stderr, "%s: %lld", line.what, (long long)line.done);
    if (line.total > 0) {
        /* never 100 % before it is over */
        double share = 100.0 * (double)line.done / (double)line.total;

        fprintf(stderr, " of %lld (%d %%)", (long long)line.total, share > 99 ? 99 : (int)share);
    }
    fprintf(stderr, ", %.*f/s", rate < 10 ? 1 : 0, rate);
    if (line.total > line.done && rate > 0) {
        double left = (double)(line.total - line.done) / rate;

        if (left < 120)
            fprintf(stderr, ", %.0f s left", left);
        else if (left < 7200)
            fprintf(stderr, ", %.0f min left", left / 60);
        else
            fprintf(stderr, ", %.1f h left", left / 3600);
    }
    fflush(stderr);
    line.is_shown = true;
}

void mi_progress_add(int64_t n)
{
    double now;

    line.done += n;
    if (!line.what || !line.is_wanted)
        return;
    now = mi_seconds();
    if (now - line.last < 1.0 / 6)
        return;
    line.last = now;
    draw(now);
}

void mi_progress_end(void)
{
    mi_progress_clear();
    line.what = NULL;
}
