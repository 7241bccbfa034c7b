/* A model's file with drawn damages in it is refused in a line or read, and never harms:
 *
 *     damage_test [N]
 *
 * N damages of each kind of file (few by default; 100000 is the figure to reach), the same each
 * time. Each may take two seconds of processor time, and all of them 64 MiB. */
#include "../tap.h"

#include "base/mem.h"
#include "base/progress.h"
#include "base/rng.h"
#include "job/vocabulary.h"
#include "model/forward.h"
#include "model/safetensors.h"
#include "text/tokenizer_json.h"

#include <ctype.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MOST_BYTES = 1 << 20 };
#ifdef __SANITIZE_ADDRESS__
enum { IS_SANITIZED = 1 };
#else
enum { IS_SANITIZED = 0 };
#endif

struct file {
    unsigned char *bytes; /* [MOST_BYTES] */
    size_t len, head;     /* so much of it is parsed */
};

/* 0: all went well; a negative code: refused, as the error says. */
typedef int (*use_fn)(const unsigned char *bytes, size_t len, struct mi_error *err);

static struct file read_file(const char *path)
{
    struct file f = {mi_alloc(MOST_BYTES), 0, 0};
    FILE *in = fopen(path, "rb");

    if (in) {
        f.len = fread(f.bytes, 1, MOST_BYTES, in);
        fclose(in);
    }
    return f;
}

/* Most damages hit what is parsed. */
static size_t draw_place(struct mi_rng *rng, const struct file *f)
{
    size_t most = mi_rng_below(rng, 5) && f->len > f->head ? f->head : f->len;

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

/* So that a text stays one, and mostly one that parses. */
static void put_letter(struct mi_rng *rng, unsigned char *p)
{
    static const char odd[] = "0123456789-.eE\"\\[]{},: /*unft\x01\x7f";
    char digit = (char)('0' + mi_rng_below(rng, 10));
    char letter = odd[mi_rng_below(rng, sizeof odd - 1)];

    *p = (unsigned char)(isdigit(*p) ? digit : letter);
}

static void damage(struct mi_rng *rng, struct file *f)
{
    size_t at = draw_place(rng, f), from = draw_place(rng, f);
    size_t most = f->len - (at > from ? at : from), n = (size_t)mi_rng_below(rng, 64);

    n = n < most ? n : most;
    switch (mi_rng_below(rng, 9)) {
    case 0: f->bytes[at] ^= (unsigned char)(1u << mi_rng_below(rng, 8)); break;
    case 1: f->bytes[at] = (unsigned char)mi_rng_next(rng); break;
    case 2:
    case 3: put_number(rng, f->bytes + at, f->len - at); break;
    case 4: memmove(f->bytes + at, f->bytes + from, n); break;
    case 5: /* taken out */
        memmove(f->bytes + at, f->bytes + at + n, f->len - at - n);
        f->len -= n;
        break;
    case 6:
    case 7: put_letter(rng, f->bytes + at); break;
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

/* Opens, reads the vocabulary, runs two tokens. */
static int use_gguf(const unsigned char *bytes, size_t len, struct mi_error *err)
{
    const int32_t tokens[] = {0, 1};
    struct mi_sequence q = {.tokens = tokens, .n = 2};
    struct mi_tokenizer t = {0};
    struct mi_forward pass = {0};
    struct mi_model m;
    int r = mi_model_open_bytes(&m, bytes, len, err);

    if (r == 0)
        r = mi_vocabulary_tokenizer(&t, &m.file, err);
    if (r == 0)
        r = mi_forward(&pass, &m, &q, 1, 1, NULL, err);
    mi_forward_free(&pass);
    mi_tokenizer_free(&t);
    mi_model_close(&m);
    return r;
}

/* Opens, and looks at each byte of each tensor. */
static int use_safetensors(const unsigned char *bytes, size_t len, struct mi_error *err)
{
    struct mi_safetensors s;
    unsigned sum = 0;
    int r = mi_safetensors_open_bytes(&s, bytes, len, err);

    for (size_t i = 0; r == 0 && i < s.n_tensors; i++)
        for (uint64_t k = 0; k < s.tensor[i].n_bytes; k++)
            sum += ((const unsigned char *)s.tensor[i].data)[k];
    if (r == 0 && sum == UINT_MAX)
        diag("each byte was seen");
    mi_safetensors_close(&s);
    return r;
}

/* Opens, and reads a text of many scripts with and without control tokens. */
static int use_tokenizer(const unsigned char *bytes, size_t len, struct mi_error *err)
{
    static const char text[] =
        "The caf\xc3\xa9 <s>12 345</s>\n\n  \xe4\xb8\xad\xe6\x96\x87 x\xcc\x81!";
    struct mi_tokenizer t = {0};
    struct mi_token *out = NULL;
    size_t n = 0, cap = 0;
    int r = mi_tokenizer_open_json(&t, (const char *)bytes, len, NULL, 0, err);

    for (int special = 0; r == 0 && special < 2; special++)
        r = mi_tokenizer_encode(&t, text, sizeof text - 1, special, &out, &n, &cap, err);
    mi_free(out);
    mi_tokenizer_free(&t);
    return r;
}

/* 0: read; 1: refused as is due; -1: badly. */
static int try_it(use_fn use, const struct file *f)
{
    unsigned char *exact = mi_alloc(f->len); /* so that a sanitizer sees its end */
    struct mi_error err = {0};
    int r;

    memcpy(exact, f->bytes, f->len);
    r = use(exact, f->len, &err);
    mi_free(exact);
    if (r < 0 && (err.code != MI_EXIT_DATA || !err.text[0] || !is_one_line(err.text))) {
        diag("%d '%s'", err.code, err.text);
        return -1;
    }
    return r < 0;
}

static void test_damages(use_fn use, const char *path, size_t head, long n)
{
    struct file good = read_file(path), bad = {mi_alloc(MOST_BYTES), 0, head};
    long n_refused = 0, n_bad = 0;
    double slowest = 0;
    int64_t before;

    ok(good.len > 0 && try_it(use, &good) == 0, "%s is read as it is", path);
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
        r = try_it(use, &bad);
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
    static const char *const tokenizers[] = {"bpe-suffix",    "bytes-kimi", "spm-gemma",
                                             "spm-metaspace", "unigram-t5", "wordpiece"};
    enum { N_TOKENIZERS = sizeof tokenizers / sizeof tokenizers[0] };
    long n = IS_SANITIZED ? 300 : 4000;
    char path[64];

    if (argc > 1)
        n = strtol(argv[1], NULL, 10);
    test_damages(use_gguf, "fixtures/tiny/llama-mixed.gguf", 9000, n);
    test_damages(use_gguf, "fixtures/tiny/qwen2-f16.gguf", 9000, n / 2);
    test_damages(use_safetensors, "fixtures/architectures/llama/model.safetensors", 2000, n);
    for (size_t i = 0; i < N_TOKENIZERS; i++) {
        snprintf(path, sizeof path, "fixtures/tokenizers/%s.json", tokenizers[i]);
        test_damages(use_tokenizer, path, SIZE_MAX, n / N_TOKENIZERS + 1);
    }
    return done();
}
