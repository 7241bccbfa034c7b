#include "base/bytes.h"

#include "base/escape.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
