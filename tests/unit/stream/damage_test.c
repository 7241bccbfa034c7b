/* Every truncation, every flipped bit, many other damages: a reader either refuses or
 * reads what was written, never something else. */
#include "craft.h"
#include "golden.h"

#include "base/mem.h"
#include "base/par.h"
#include "base/rng.h"

#include "../tap.h"

enum { RANDOM_DAMAGES = 100000, MAX_FRAMES = 16, MAX_RECORDS = 64, THREADS = 3 };

/* A golden stream and what reading it gives. */
struct whole {
    struct mi_buf bytes;
    struct mi_digest record[MAX_RECORDS]; /* of each record's canonical bytes */
    int n_records;
    struct mi_digest end;         /* of the end record's */
    size_t frame[MAX_FRAMES + 1]; /* where each frame begins; the last is the end */
    int n_frames;
};

struct tally {
    long tried, refused, same, wrong, early, unnamed, unlike;
};

static struct mi_digest digest_of(const char *kind, const struct mi_value *body, uint64_t sequence)
{
    static struct mi_buf b; /* kept: this runs half a million times */

    mi_buf_clear(&b);
    mi_codec_put(&b, sequence, kind, body, false);
    return mi_hash_bytes(b.data, b.len);
}

static bool digest_is(const struct mi_digest *a, struct mi_digest b)
{
    return memcmp(a->byte, b.byte, sizeof b.byte) == 0;
}

static void load(struct whole *w, const char *name)
{
    struct mi_reader r = {0};
    struct mi_record rec;
    struct mi_error err = {0};
    size_t at = MI_MAGIC_SIZE;

    golden_load(&w->bytes, name, "mi");
    if (mi_reader_open_bytes(&r, w->bytes.data, w->bytes.len, name, &err) == 0) {
        w->record[w->n_records++] = digest_of("header", mi_reader_header(&r), 0);
        while (mi_reader_next(&r, &rec, &err) > 0)
            w->record[w->n_records++] = digest_of(rec.kind, rec.body, rec.sequence);
    }
    if (err.code)
        printf("Bail out! %s\n", err.text);
    w->end = digest_of("end", mi_reader_end(&r), 0);
    mi_reader_close(&r);
    w->frame[w->n_frames++] = 0;
    while (at < w->bytes.len) {
        struct mi_frame_scan s = {0};

        w->frame[w->n_frames++] = at;
        if (mi_frame_next(&s, (unsigned char *)w->bytes.data + at, w->bytes.len - at, 1 << 20,
                          NULL) < 1)
            break; /* the seek table */
        at += s.need;
    }
    w->frame[w->n_frames] = w->bytes.len;
}

/* Says a reader that decodes record after record the same, at the same record? */
static bool is_alike(const void *bytes, size_t n, int n_records, const struct mi_error *err)
{
    struct mi_reader r = {0};
    struct mi_record rec;
    struct mi_error alone = {0};
    int i = 1;

    if (mi_reader_open_bytes(&r, bytes, n, "d", &alone) == 0)
        while (mi_reader_next(&r, &rec, &alone) > 0)
            i++;
    mi_reader_close(&r);
    return i == n_records && strcmp(alone.text, err->text) == 0;
}

/* Reads bytes [n], which were `w` before they were damaged. `is_prefix`: also what was
 * given out before the damage was found must be right. */
static void judge(struct tally *t, const struct whole *w, const void *bytes, size_t n,
                  bool is_prefix)
{
    struct mi_reader r = {0};
    struct mi_record rec;
    struct mi_error err = {0};
    bool is_right = true;
    int status, i = 1;

    t->tried++;
    status = mi_reader_open_bytes(&r, bytes, n, "d", &err);
    if (status == 0) {
        mi_reader_ahead(&r);
        is_right = digest_is(&w->record[0], digest_of("header", mi_reader_header(&r), 0));
        while ((status = mi_reader_next(&r, &rec, &err)) > 0) {
            is_right = is_right && i < w->n_records &&
                       digest_is(&w->record[i], digest_of(rec.kind, rec.body, rec.sequence));
            i++;
        }
    }
    if (status < 0) {
        t->refused++;
        t->wrong += status != -MI_EXIT_DATA;
        t->early += is_prefix && !is_right;
        t->unnamed +=
            !strstr(err.text, "byte") && !strstr(err.text, "record") && !strstr(err.text, "empty");
    } else if (is_right && i == w->n_records &&
               digest_is(&w->end, digest_of("end", mi_reader_end(&r), 0))) {
        t->same++;
    } else {
        t->wrong++;
    }
    mi_reader_close(&r);
    if (t->tried % 4 == 0)
        t->unlike += !is_alike(bytes, n, i, &err);
}

static void report(const struct tally *t, const char *name, const char *what, bool may_be_same)
{
    ok(t->wrong == 0 && t->early == 0 && t->unlike == 0 && t->unnamed * 100 <= t->tried &&
           t->tried > 0 && (may_be_same || t->same == 0),
       "%s, %s: %ld tried, %ld refused, %ld read the same, %ld wrong, %ld messages without a "
       "place, %ld other ones without reading ahead",
       name, what, t->tried, t->refused, t->same, t->wrong + t->early, t->unnamed, t->unlike);
}

static void cut_everywhere(const struct whole *w, const char *name)
{
    struct tally t = {0};

    for (size_t n = 0; n < w->bytes.len; n++)
        judge(&t, w, w->bytes.data, n, true);
    report(&t, name, "every truncation", false);
}

static void flip_everything(const struct whole *w, const char *name)
{
    struct tally t = {0};
    char *b = w->bytes.data;

    for (size_t i = 0; i < 8 * w->bytes.len; i++) {
        b[i / 8] = (char)(b[i / 8] ^ 1 << i % 8);
        judge(&t, w, b, w->bytes.len, true);
        b[i / 8] = (char)(b[i / 8] ^ 1 << i % 8);
    }
    report(&t, name, "every single-bit flip", true);
}

/* Every byte set to 00 and FF, left out, and doubled. */
static void change_every_byte(const struct whole *w, const char *name)
{
    struct tally t = {0};
    size_t n = w->bytes.len;
    char *b = mi_alloc(n + 1);

    for (size_t i = 0; i < n; i++) {
        for (int set = 0; set < 2; set++) {
            memcpy(b, w->bytes.data, n);
            b[i] = (char)(set ? 0xff : 0);
            judge(&t, w, b, n, true);
        }
        memcpy(b, w->bytes.data, i);
        memcpy(b + i, w->bytes.data + i + 1, n - i - 1);
        judge(&t, w, b, n - 1, true);
        memcpy(b, w->bytes.data, i + 1);
        memcpy(b + i + 1, w->bytes.data + i, n - i);
        judge(&t, w, b, n + 1, true);
    }
    report(&t, name, "every byte 00, FF, left out, doubled", true);
    mi_free(b);
}

static void add_frame(struct mi_buf *out, const struct whole *w, int i)
{
    mi_buf_add(out, w->bytes.data + w->frame[i], w->frame[i + 1] - w->frame[i]);
}

/* Frames swapped in pairs, dropped, repeated. */
static void rearrange_frames(const struct whole *w, const char *name)
{
    struct tally t = {0};
    struct mi_buf b = {0};

    for (int i = 0; i < w->n_frames; i++)
        for (int j = i; j < w->n_frames; j++)
            for (int how = 0; how < 3; how++) {
                if (how == 0 && i == j)
                    continue;
                mi_buf_clear(&b);
                for (int k = 0; k < w->n_frames; k++) {
                    if (how == 0)
                        add_frame(&b, w, k == i ? j : k == j ? i : k);
                    else if (how == 1 && (k < i || k > j)) /* frames i to j are lost */
                        add_frame(&b, w, k);
                    else if (how == 2)
                        add_frame(&b, w, k);
                    if (how == 2 && k == j)
                        add_frame(&b, w, i);
                }
                judge(&t, w, b.data, b.len, false);
            }
    report(&t, name, "frames swapped, dropped, repeated", false);
    mi_buf_free(&b);
}

/* One random damage of b [*n], which has room for twice as much. */
static void damage(struct mi_rng *r, char *b, size_t *n, const struct whole *other)
{
    size_t at = mi_rng_below(r, *n), len, from;

    switch (mi_rng_below(r, 6)) {
    case 0: /* a burst of up to 64 bits */
        len = mi_rng_below(r, 64) + 1;
        for (size_t i = at * 8; i < at * 8 + len && i < *n * 8; i++)
            b[i / 8] = (char)(b[i / 8] ^ (int)(mi_rng_next(r) & 1) << i % 8);
        break;
    case 1: /* a lost sector */
        at = at / 512 * 512;
        memset(b + at, 0, *n - at < 512 ? *n - at : 512);
        break;
    case 2: /* the end of another stream */
        from = mi_rng_below(r, other->bytes.len);
        len = other->bytes.len - from < *n ? other->bytes.len - from : *n;
        memcpy(b + at, other->bytes.data + from, len);
        *n = at + len;
        break;
    case 3: /* a piece moved */
        len = mi_rng_below(r, *n - at) + 1;
        from = mi_rng_below(r, *n - len + 1);
        memmove(b + at, b + from, len);
        break;
    case 4: /* random bytes */
        for (uint64_t k = mi_rng_below(r, 32) + 1; k > 0; k--)
            b[mi_rng_below(r, *n)] = (char)mi_rng_next(r);
        break;
    default: /* a piece lost, the rest moves up */
        len = mi_rng_below(r, *n - at) + 1;
        memmove(b + at, b + at + len, *n - at - len);
        *n -= len;
    }
}

static void damage_at_random(const struct whole *w)
{
    const uint64_t seed = 20240229;
    struct mi_rng r = mi_rng_make(seed, "damage", "stream");
    struct tally t = {0};

    diag("seed %llu", (unsigned long long)seed);
    for (int i = 0; i < RANDOM_DAMAGES; i++) {
        const struct whole *one = &w[i % GOLDENS];
        size_t n = one->bytes.len;
        char *b = mi_alloc(4 * n + 4);

        memcpy(b, one->bytes.data, n);
        for (uint64_t k = mi_rng_below(&r, 3) + 1; k > 0 && n > 1 && n < 2 * one->bytes.len; k--)
            damage(&r, b, &n, &w[mi_rng_below(&r, GOLDENS)]);
        judge(&t, one, b, n, false);
        mi_free(b);
    }
    report(&t, "all", "random damages", true);
}

int main(void)
{
    static struct whole w[GOLDENS];

    plan(4 * GOLDENS + 1);
    mi_par_set(THREADS);
    for (int i = 0; i < GOLDENS; i++)
        load(&w[i], golden_names[i]);
    for (int i = 0; i < GOLDENS; i++) {
        cut_everywhere(&w[i], golden_names[i]);
        flip_everything(&w[i], golden_names[i]);
        change_every_byte(&w[i], golden_names[i]);
        rearrange_frames(&w[i], golden_names[i]);
    }
    damage_at_random(w);
    return done();
}
