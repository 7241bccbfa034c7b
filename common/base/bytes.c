#include "base/bytes.h"

#include "base/escape.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int mi_bytes_parse(const char *text, int64_t *out, struct mi_error *err)
{
    static const char units[] = "KMGT";
    size_t digits = strspn(text, "0123456789."), n = digits;
    const char *unit = text[n] ? strchr(units, text[n]) : NULL;
    double value;
    char *end;

    if (unit)
        n += strncmp(text + n + 1, "iB", 2) == 0 ? 3 : text[n + 1] == 'B' ? 2 : 1;
    value = strtod(text, &end);
    if (unit)
        value *= (double)(INT64_C(1) << 10 * (unit - units + 1));
    if (digits == 0 || end != text + digits || text[n] != '\0' || value < 1 || value > 0x1p62)
        return mi_fail(err, MI_EXIT_USAGE, "'%s' is no amount of memory; write 512M or 4G",
                       mi_quote(text));
    *out = (int64_t)value;
    return 0;
}

char *mi_bytes_text(double bytes, char *text)
{
    static const char *const unit[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
    int i = 0;

    while (bytes >= 1023.95 && i < 5) {
        bytes /= 1024;
        i++;
    }
    snprintf(text, 24, i ? "%.1f %s" : "%.0f %s", bytes, unit[i]);
    return text;
}

/* A number from a small text file of the system, behind `key` ("" when it stands alone);
 * -1 when there is none. */
static int64_t read_number(const char *path, const char *key)
{
    FILE *f = fopen(path, "re");
    char line[256];
    int64_t value = -1;

    while (f && value < 0 && fgets(line, sizeof line, f)) {
        size_t n = strlen(key);
        char *end;

        if (strncmp(line, key, n) != 0)
            continue;
        value = strtoll(line + n, &end, 10);
        if (end == line + n) /* "max": no limit */
            break;
    }
    if (f)
        fclose(f);
    return value > 0 ? value : -1;
}

int64_t mi_bytes_available(void)
{
    int64_t kib = read_number("/proc/meminfo", "MemAvailable:");
    int64_t limit = read_number("/sys/fs/cgroup/memory.max", "");
    int64_t bytes = kib > 0 ? kib * 1024 : -1;

    if (bytes < 0) {
        long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);

        bytes = pages > 0 && size > 0 ? (int64_t)pages * size : INT64_MAX;
    }
    if (limit > 0 && limit < bytes)
        bytes = limit;
    return bytes > 0 ? bytes : 1;
}
