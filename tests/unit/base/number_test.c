/* Random numbers, digests, half-precision floats, the parallel loop. */
#include "base/cpu.h"
#include "base/half.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/par.h"
#include "base/rng.h"

#include "../tap.h"

#include <inttypes.h>
#include <string.h>

/* ---- rng -------------------------------------------------------------------- */

/* From the authors' own C program with the state 1, 2, 3, 4. */
static void test_rng_reference(void)
{
    static const uint64_t want[] = {11520u,
                                    0u,
                                    1509978240u,
                                    1215971899390074240u,
                                    1216172134540287360u,
                                    607988272756665600u,
                                    16172922978634559625u,
                                    8476171486693032832u,
                                    10595114339597558777u,
                                    2904607092377533576u};
    struct mi_rng r = {{1, 2, 3, 4}};
    bool same = true;

    for (int i = 0; i < 10; i++)
        same = same && mi_rng_next(&r) == want[i];
    ok(same, "xoshiro256** gives the published numbers");
}

static void test_rng_keys(void)
{
    struct mi_rng a = mi_rng_make(1, "bootstrap", "s1"), b = mi_rng_make(1, "bootstrap", "s1");
    struct mi_rng c = mi_rng_make(1, "bootstrap", "s2"), d = mi_rng_make(1, "sample", "s1");
    struct mi_rng e = mi_rng_make(2, "bootstrap", "s1"), f = mi_rng_make_n(1, "bootstrap", 1);
    struct mi_rng g = mi_rng_make_n(1, "bootstrap", 2);
    uint64_t x = mi_rng_next(&a);

    ok(x == mi_rng_next(&b), "equal keys give equal numbers");
    ok(x != mi_rng_next(&c) && x != mi_rng_next(&d) && x != mi_rng_next(&e), "others do not");
    ok(mi_rng_next(&f) != mi_rng_next(&g), "numbered keys differ");
    a = mi_rng_make(42, "sample", "p7");
    x = mi_rng_next(&a);
    ok(x == 0xc24000b8dfdc0916u, "the numbers stay the same for ever: %" PRIx64, x);
    a = mi_rng_make_n(42, "sample", 7);
    x = mi_rng_next(&a);
    ok(x == 0xe94faf975f6821aau, "the numbered ones too: %" PRIx64, x);
}

static void test_rng_uniform(void)
{
    struct mi_rng r = mi_rng_make(1, "test", "uniform");
    double sum = 0, squares = 0, chi = 0;
    int count[7] = {0};
    int64_t x[20], seen = 0;
    bool inside = true;

    for (int i = 0; i < 100000; i++) {
        double u = mi_rng_uniform(&r);

        inside = inside && u >= 0 && u < 1;
        sum += u;
        squares += u * u;
        count[mi_rng_below(&r, 7)]++;
    }
    for (int i = 0; i < 7; i++)
        chi += (count[i] - 1e5 / 7) * (count[i] - 1e5 / 7) / (1e5 / 7);
    ok(inside, "uniform numbers are in [0, 1)");
    near(sum / 1e5, 0.5, 0.004, "their mean is a half");
    near(squares / 1e5, 1.0 / 3, 0.004, "their mean square is a third");
    ok(chi < 22.5, "0 to 6 come equally often (chi square %.1f, 0.999 quantile 22.5)", chi);
    ok(mi_rng_below(&r, 1) == 0, "below one is zero");
    for (int i = 0; i < 20; i++)
        x[i] = i;
    mi_rng_shuffle(&r, 20, x);
    for (int i = 0; i < 20; i++)
        seen |= (int64_t)1 << x[i];
    ok(seen == (1 << 20) - 1, "a shuffle keeps everything");
    mi_rng_shuffle(&r, 0, x);
}

/* ---- hash ------------------------------------------------------------------- */

static void test_hash(void)
{
    struct mi_hash h;
    struct mi_digest d = mi_hash_bytes("", 0), e;
    unsigned char data[5000];
    char text[33];

    ok(strcmp(mi_digest_text(&d, text), "99aa06d3014798d86001c324468d497f") == 0,
       "XXH3-128 of nothing: %s", text);
    d = mi_hash_bytes("a", 1);
    ok(strcmp(mi_digest_text(&d, text), "a96faf705af16834e6c632b61e964e1f") == 0,
       "XXH3-128 of 'a': %s", text);
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (unsigned char)(i * 7 + i / 256);
    mi_hash_init(&h);
    for (size_t i = 0; i < sizeof data; i += 50)
        mi_hash_add(&h, data + i, 50);
    d = mi_hash_value(&h);
    e = mi_hash_bytes(data, sizeof data);
    ok(memcmp(&d, &e, sizeof d) == 0, "in pieces as at once");
    mi_hash_add(&h, "more", 4);
    e = mi_hash_value(&h);
    ok(memcmp(&d, &e, sizeof d) != 0, "more bytes change it");
    mi_hash_free(&h);
    ok(mi_hash_u64("a", 1, 0) == 0xe6c632b61e964e1fu, "XXH3-64 of 'a'");
}

/* ---- half ------------------------------------------------------------------- */

static uint32_t bits(float f)
{
    uint32_t u;

    memcpy(&u, &f, 4);
    return u;
}

/* The value by definition, in double. */
static double half_value(uint16_t h)
{
    int exp = h >> 10 & 31, man = h & 1023;
    double v = exp ? ldexp(1024 + man, exp - 25) : ldexp(man, -24);

    return h & 0x8000 ? -v : v;
}

static void test_half_exact(void)
{
    int wrong = 0, lost = 0, nan = 0;

    for (uint32_t h = 0; h < 65536; h++) {
        float f = mi_f16_to_f32((uint16_t)h);

        if ((h >> 10 & 31) == 31) {
            nan += (h & 1023) ? !isnan(f) || !(mi_f32_to_f16(f) & 1023)
                              : !isinf(f) || mi_f32_to_f16(f) != h;
            continue;
        }
        wrong += (double)f != half_value((uint16_t)h) || (signbit(f) != 0) != (h >> 15 == 1);
        lost += mi_f32_to_f16(f) != h;
    }
    ok(wrong == 0, "all 65536 halves widen to their value (%d do not)", wrong);
    ok(lost == 0, "and narrow back (%d do not)", lost);
    ok(nan == 0, "infinities and NaN stay what they are (%d do not)", nan);
}

/* Between each two neighbours: below, at and above the middle. */
static void test_half_rounding(void)
{
    int bad = 0;

    for (uint32_t h = 0; h < 0x7c00; h++) {
        double a = half_value((uint16_t)h),
               b = h == 0x7bff ? 65536.0 : half_value((uint16_t)(h + 1));
        float mid = (float)((a + b) / 2);
        uint16_t even = (uint16_t)(h & 1 ? h + 1 : h);

        bad += mi_f32_to_f16(mid) != even || mi_f32_to_f16(-mid) != (even | 0x8000);
        bad += mi_f32_to_f16(nextafterf(mid, 0)) != h;
        bad += mi_f32_to_f16(nextafterf(mid, INFINITY)) != h + 1;
    }
    ok(bad == 0, "every midpoint goes to even, its neighbours to the nearest (%d do not)", bad);
    ok(mi_f32_to_f16(65520.0f) == 0x7c00 && mi_f32_to_f16(65519.99f) == 0x7bff, "overflow");
    ok(mi_f32_to_f16(1e-10f) == 0 && mi_f32_to_f16(-1e-10f) == 0x8000, "underflow keeps the sign");
}

static void test_bfloat(void)
{
    int bad = 0;

    for (uint32_t h = 0; h < 65536; h++) {
        float f = mi_bf16_to_f32((uint16_t)h);

        bad += bits(f) != h << 16;
        bad += isnan(f) ? !isnan(mi_bf16_to_f32(mi_f32_to_bf16(f))) : mi_f32_to_bf16(f) != h;
        if ((h & 0x7f80) != 0x7f80) { /* finite: the middle, and a bit to either side */
            uint32_t u = h << 16 | 0x8000;
            float mid, less, more;

            memcpy(&mid, &u, 4);
            u--;
            memcpy(&less, &u, 4);
            u += 2;
            memcpy(&more, &u, 4);
            bad += mi_f32_to_bf16(mid) != ((h & 1) ? h + 1 : h);
            bad += mi_f32_to_bf16(less) != h || mi_f32_to_bf16(more) != h + 1;
        }
    }
    ok(bad == 0, "bfloat16 both ways (%d wrong)", bad);
}

/* ---- par -------------------------------------------------------------------- */

struct sum {
    int64_t *part;
    int most; /* threads */
    int bad;
};

static void add_square(void *ctx, int64_t i, int thread)
{
    struct sum *s = ctx;

    s->part[i] = i * i;
    if (thread < 0 || thread >= s->most)
        s->bad = 1;
}

static void nested(void *ctx, int64_t i, int thread)
{
    struct sum *s = ctx, own = {s->part + 10 * i, s->most, 0};

    (void)thread;
    mi_par_for(10, add_square, &own);
    if (own.bad)
        s->bad = 1;
}

/* Many short loops, one after the other: each sees what the one before it wrote. */
static void run_loops(void *ctx)
{
    struct sum *s = ctx;

    for (int i = 0; i < 1000; i++) {
        memset(s->part, 0, 1000 * sizeof *s->part);
        mi_par_for(i, add_square, s);
        for (int j = 0; j < 1000; j++)
            s->bad |= s->part[j] != (j < i ? (int64_t)j * j : 0);
    }
    mi_par_for(100, nested, s);
    s->bad |= s->part[999] != 81;
}

static void run_crew(void *ctx, int64_t i, int thread)
{
    struct sum *s = ctx, own = {s->part + 1000 * i, s->most, 0};

    (void)thread;
    mi_par_crew(run_loops, &own);
    if (own.bad)
        s->bad = 1;
}

static void test_crew(void)
{
    static int64_t part[4000];
    struct sum s = {part, 0, 0};

    for (int k = 1; k <= 7; k += 2) {
        mi_par_set(k);
        s.most = mi_par_threads();
        mi_par_crew(run_loops, &s);
        ok(!s.bad, "a crew of %d: loops one after the other", s.most);
    }
    run_crew(&s, 0, 0);
    mi_par_for(4, run_crew, &s);
    ok(!s.bad, "crews inside tasks are plain calls");
    mi_par_set(0);
}

static void test_par(void)
{
    int64_t part[1000];
    struct sum s = {part, 0, 0};

    for (int k = 1; k <= 7; k += 2) {
        int64_t total = 0;

        mi_par_set(k);
        s.most = mi_par_threads();
        memset(part, 0, sizeof part);
        mi_par_for(1000, add_square, &s);
        for (int i = 0; i < 1000; i++)
            total += part[i];
        ok(total == 332833500 && !s.bad, "%d threads: every task once", s.most);
    }
    memset(part, 0, sizeof part);
    mi_par_for(100, nested, &s);
    ok(part[999] == 81 && part[5] == 25 && !s.bad, "a loop inside a loop");
    mi_par_for(0, add_square, &s);
    mi_par_set(0);
    ok(mi_par_threads() >= 1 && mi_par_threads() <= MI_PAR_MAX, "automatic: %d threads",
       mi_par_threads());
    ok(!mi_par_is_starting(), "no threads are being started now");
}

static void test_cpu(void)
{
    enum mi_isa best = mi_cpu_best();

    ok(mi_cpu_isa() == best, "the best instruction set is taken: %s", mi_isa_name(best));
    ok(mi_cpu_set_isa("sse9") == -1, "an unknown one is refused");
    ok(mi_cpu_set_isa("portable") == 0 && mi_cpu_isa() == MI_ISA_PORTABLE, "portable is there");
    ok(mi_cpu_set_isa("avx512") == (best == MI_ISA_AVX512 ? 0 : -2), "one that is not there");
}

int main(void)
{
    plan(40);
    test_rng_reference();
    test_rng_keys();
    test_rng_uniform();
    test_hash();
    test_half_exact();
    test_half_rounding();
    test_bfloat();
    test_par();
    test_crew();
    test_cpu();
    return done();
}
