#include "job/answer.h"

#include "base/escape.h"

#include <stdint.h>
#include <string.h>

/* The first place of needle in s [len] at or after `from`; len when there is none. */
static size_t find_text(const char *s, size_t len, size_t from, const char *needle)
{
    size_t n = strlen(needle);

    for (size_t i = from; i + n <= len; i++)
        if (memcmp(s + i, needle, n) == 0)
            return i;
    return len;
}

bool mi_answer_add(struct mi_answer *a, const char *piece, size_t len, const struct mi_stops *stops)
{
    size_t before = a->bytes.len, cut;

    mi_buf_add(&a->bytes, piece, len);
    cut = a->bytes.len;
    for (int i = 0; i < stops->n; i++) {
        size_t n = strlen(stops->item[i]);
        size_t from = before >= n ? before - n + 1 : 0; /* earlier ones were looked for before */
        size_t at = find_text(a->bytes.data, a->bytes.len, from, stops->item[i]);

        if (at < cut)
            cut = at;
    }
    if (cut == a->bytes.len)
        return false;
    a->bytes.len = cut;
    return true;
}

/* How many bytes at the end of s [len] are the beginning of a stop string. */
static size_t held_back(const char *s, size_t len, const struct mi_stops *stops)
{
    size_t most = 0;

    for (int i = 0; i < stops->n; i++) {
        size_t n = strlen(stops->item[i]);

        for (size_t k = n - 1 < len ? n - 1 : len; k > most; k--)
            if (memcmp(s + len - k, stops->item[i], k) == 0)
                most = k;
    }
    return most;
}

size_t mi_answer_take(struct mi_answer *a, const struct mi_stops *stops, bool is_end,
                      const char **at)
{
    size_t end = a->bytes.len, from = a->n_shown;

    if (!is_end) {
        end -= held_back(a->bytes.data, end, stops);
        if (end > from)
            end = from + mi_utf8_whole(a->bytes.data + from, end - from);
    }
    *at = a->bytes.data ? a->bytes.data + from : "";
    if (end <= from)
        return 0;
    a->n_shown = end;
    return end - from;
}

/* Bytes at s [len > 0], where no code point starts, that count as one fault: the longest
 * start of one, else a single byte. */
static size_t measure_fault(const char *s, size_t len)
{
    for (size_t n = len < 3 ? len : 3; n > 1; n--)
        if (mi_utf8_whole(s, n) == 0)
            return n;
    return 1;
}

void mi_text_repair(struct mi_buf *out, const char *s, size_t len)
{
    while (len > 0) {
        size_t n = mi_utf8_valid(s, len);

        mi_buf_add(out, s, n);
        s += n;
        len -= n;
        if (len == 0)
            break;
        n = measure_fault(s, len);
        mi_buf_add_text(out, "\xef\xbf\xbd");
        s += n;
        len -= n;
    }
}

void mi_answer_text(const struct mi_answer *a, struct mi_buf *out)
{
    mi_text_repair(out, a->bytes.data, a->bytes.len);
}

void mi_answer_free(struct mi_answer *a)
{
    mi_buf_free(&a->bytes);
    *a = (struct mi_answer){0};
}
