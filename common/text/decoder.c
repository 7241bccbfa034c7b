#include "text/decoder.h"

#include <string.h>

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool starts_with(const char *s, size_t len, const char *text, size_t n)
{
    return len >= n && memcmp(s, text, n) == 0;
}

static void replace(const struct mi_decode_step *d, const char *s, size_t len, struct mi_buf *out)
{
    for (size_t i = 0; i < len;) {
        if (d->text_len > 0 && starts_with(s + i, len - i, d->text, d->text_len)) {
            mi_buf_add(out, d->to, d->to_len);
            i += d->text_len;
        } else {
            mi_buf_add_char(out, s[i++]);
        }
    }
}

static void strip(const struct mi_decode_step *d, const char *s, size_t len, struct mi_buf *out)
{
    const size_t n = d->text_len;

    for (size_t k = 0; k < d->start && n > 0 && starts_with(s, len, d->text, n); k++) {
        s += n;
        len -= n;
    }
    for (size_t k = 0; k < d->stop && n > 0 && len >= n; k++) {
        if (memcmp(s + len - n, d->text, n) != 0)
            break;
        len -= n;
    }
    mi_buf_add(out, s, len);
}

static void run(const struct mi_decode_step *d, const char *s, size_t len, struct mi_buf *out)
{
    switch (d->kind) {
    case MI_DECODE_REPLACE: replace(d, s, len, out); break;
    case MI_DECODE_STRIP: strip(d, s, len, out); break;
    case MI_DECODE_BYTES:
        if (len == 6 && memcmp(s, "<0x", 3) == 0 && s[5] == '>' && digit(s[3]) >= 0 &&
            digit(s[4]) >= 0)
            mi_buf_add_char(out, (char)(digit(s[3]) << 4 | digit(s[4])));
        else
            mi_buf_add(out, s, len);
        break;
    case MI_DECODE_WORDPIECE:
        if (starts_with(s, len, d->text, d->text_len)) {
            mi_buf_add(out, s + d->text_len, len - d->text_len);
        } else {
            mi_buf_add_char(out, ' ');
            mi_buf_add(out, s, len);
        }
        break;
    case MI_DECODE_SUFFIX:
        if (d->text_len > 0 && len >= d->text_len &&
            memcmp(s + len - d->text_len, d->text, d->text_len) == 0) {
            mi_buf_add(out, s, len - d->text_len);
            mi_buf_add_char(out, ' ');
        } else {
            mi_buf_add(out, s, len);
        }
        break;
    }
}

void mi_decoder_token(const struct mi_decoder *d, const char *s, size_t len, struct mi_buf *out)
{
    struct mi_buf now = {0}, next = {0};

    if (d->n == 0) {
        mi_buf_add(out, s, len);
        return;
    }
    if (d->n == 1) {
        run(&d->step[0], s, len, out);
        return;
    }
    mi_buf_add(&now, s, len);
    for (int i = 0; i < d->n; i++) {
        struct mi_buf old = now;

        mi_buf_clear(&next);
        run(&d->step[i], now.data ? now.data : "", now.len, &next);
        now = next;
        next = old;
    }
    mi_buf_add(out, now.data, now.len);
    mi_buf_free(&now);
    mi_buf_free(&next);
}
