/* A model file with drawn damages in it is refused in a line or read, and never harms:
 *
 *     damage_test [N]
 *
 * N damages (few by default; 100000 is the figure to reach), the same each time. */
#include "../tap.h"

#include "base/mem.h"
#include "base/progress.h"
#include "base/rng.h"
#include "job/vocabulary.h"
#include "model/forward.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { HEAD = 9000, MOST_BYTES = 1 << 20 };
#ifdef __SANITIZE_ADDRESS__
enum { IS_SANITIZED = 1 };
#else
enum { IS_SANITIZED = 0 };
#endif

struct file {
    unsigned char *bytes; /* [MOST_BYTES] */
    size_t len;
};

static struct file read_file(const char *path)
{
    struct file f = {mi_alloc(MOST_BYTES), 0};
    FILE *in = fopen(path, "rb");

    if (in) {
        f.len = fread(f.bytes, 1, MOST_BYTES, in);
        fclose(in);
    }
    return f;
}

/* Most damages hit what is parsed. */
static size_t draw_place(struct mi_rng *rng, size_t len)
{
    size_t most = mi_rng_below(rng, 5) && len > HEAD ? HEAD : len;

    return (size_t)mi_rng_below(rng, most);
}

static void put_number(struct mi_rng *rng, unsigned char *p, size_t room)
{
    static const uint64_t odd[] = {0,         1,          2,          0x7f,       0xff,
                                   0xffff,    0x7fffffff, 0x80000000, 0xffffffff, 1ull << 32,
                                   INT64_MAX, 1ull << 63, UINT64_MAX, 1ull << 60, (1ull << 61) + 1,
                                   32};
    uint64_t x = odd[mi_rng_below(rng, sizeof odd / sizeof *odd)];
    size_t n = mi_rng_below(rng, 2) ? 8 : 4;

    memcpy(p, &x, n < room ? n : room);
}

static void damage(struct mi_rng *rng, struct file *f)
{
    size_t at = draw_place(rng, f->len), from = draw_place(rng, f->len);
    size_t most = f->len - (at > from ? at : from), n = (size_t)mi_rng_below(rng, 64);

    n = n < most ? n : most;
    switch (mi_rng_below(rng, 7)) {
    case 0: f->bytes[at] ^= (unsigned char)(1u << mi_rng_below(rng, 8)); break;
    case 1: f->bytes[at] = (unsigned char)mi_rng_next(rng); break;
    case 2:
    case 3: put_number(rng, f->bytes + at, f->len - at); break;
    case 4: memmove(f->bytes + at, f->bytes + from, n); break;
    case 5: /* taken out */
        memmove(f->bytes + at, f->bytes + at + n, f->len - at - n);
        f->len -= n;
        break;
    default: f->len = mi_rng_below(rng, 4) ? f->len : at; /* cut */
    }
}

static bool is_one_line(const char *text)
{
    for (; *text; text++)
        if (iscntrl((unsigned char)*text))
            return false;
    return true;
}

/* Opens, reads the vocabulary, runs two tokens. 0: all went well; 1: refused; -1: badly. */
static int use(const struct file *f)
{
    const int32_t tokens[] = {0, 1};
    struct mi_sequence q = {.tokens = tokens, .n = 2};
    unsigned char *exact = mi_alloc(f->len); /* so that a sanitizer sees its end */
    struct mi_tokenizer t = {0};
    struct mi_forward pass = {0};
    struct mi_model m;
    struct mi_error err = {0};
    int r;

    memcpy(exact, f->bytes, f->len);
    r = mi_model_open_bytes(&m, exact, f->len, &err);
    if (r == 0)
        r = mi_vocabulary_tokenizer(&t, &m.file, &err);
    if (r == 0)
        r = mi_forward(&pass, &m, &q, 1, 1, NULL, &err);
    mi_forward_free(&pass);
    mi_tokenizer_free(&t);
    mi_model_close(&m);
    mi_free(exact);
    if (r < 0 && (err.code != MI_EXIT_DATA || !err.text[0] || !is_one_line(err.text))) {
        diag("%d '%s'", err.code, err.text);
        return -1;
    }
    return r < 0;
}

static void test_damages(const char *path, long n)
{
    struct file good = read_file(path), bad = {mi_alloc(MOST_BYTES), 0};
    long n_refused = 0, n_bad = 0;
    double slowest = 0;
    int64_t before;

    ok(good.len > HEAD && use(&good) == 0, "%s is a model", path);
    before = mi_peak_bytes();
    for (long i = 0; i < n && good.len > 0; i++) {
        struct mi_rng rng = mi_rng_make_n(0, path, (uint64_t)i);
        clock_t start = clock();
        double took;
        int r;

        memcpy(bad.bytes, good.bytes, good.len);
        bad.len = good.len;
        for (uint64_t k = 1 + mi_rng_below(&rng, 3); k > 0 && bad.len > 0; k--)
            damage(&rng, &bad);
        r = use(&bad);
        took = (double)(clock() - start) / CLOCKS_PER_SEC;
        slowest = took > slowest ? took : slowest;
        n_refused += r > 0;
        n_bad += r < 0;
    }
    ok(n_bad == 0 && n_refused > n / 10, "%ld damages: %ld refused in a line, the others read", n,
       n_refused);
    ok(slowest < 2, "the slowest took %.3f s", slowest);
    /* a sanitizer keeps what was freed */
    ok(IS_SANITIZED || mi_peak_bytes() - before < 64 << 20, "%.1f MiB more than before",
       (double)(mi_peak_bytes() - before) / (1 << 20));
    mi_free(good.bytes);
    mi_free(bad.bytes);
}

int main(int argc, char **argv)
{
    long n = IS_SANITIZED ? 300 : 4000;

    if (argc > 1)
        n = strtol(argv[1], NULL, 10);
    test_damages("fixtures/tiny/llama-mixed.gguf", n);
    test_damages("fixtures/tiny/qwen2-f16.gguf", n / 2);
    return done();
}
