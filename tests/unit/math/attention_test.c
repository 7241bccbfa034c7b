/* Attention against double, and its promise: the bits of a row depend on its own query and
 * on the keys and values before it only. */
#include "base/par.h"
#include "math/rows.h"

#include "../tap.h"
#include "data.h"

/* One sequence of T tokens with everything it needs. */
struct sequence {
    int T, heads, kv_heads, d, window;
    float cap;
    const float *slope, *sink;
    float *q, *k, *v, *z;
};

static struct sequence make_sequence(int T, int heads, int kv_heads, int d, int window)
{
    struct sequence s = {.T = T, .heads = heads, .kv_heads = kv_heads, .d = d, .window = window};

    s.q = data_floats((int64_t)T * heads * d);
    s.k = data_floats((int64_t)T * kv_heads * d);
    s.v = data_floats((int64_t)T * kv_heads * d);
    s.z = data_floats((int64_t)T * heads * d);
    return s;
}

static void free_sequence(struct sequence *s)
{
    free(s->q), free(s->k), free(s->v), free(s->z);
}

/* Query rows past .. past + n - 1. */
static struct mi_attention part_of(const struct sequence *s, int past, int n, float *z)
{
    int64_t ldq = (int64_t)s->heads * s->d, ldk = (int64_t)s->kv_heads * s->d;

    return (struct mi_attention){
        .n_q = n,
        .n_past = past,
        .n_heads = s->heads,
        .n_kv_heads = s->kv_heads,
        .d_head = s->d,
        .window = s->window,
        .scale = 0.7f / sqrtf((float)s->d),
        .cap = s->cap,
        .slope = s->slope,
        .sink = s->sink,
        .q = s->q + past * ldq,
        .keys = s->k,
        .values = s->v,
        .ldq = ldq,
        .ldk = ldk,
        .ldv = ldk,
        .ldz = ldq,
        .z = z + past * ldq,
    };
}

static bool sees(const struct sequence *s, int i, int j)
{
    return j <= i && (s->window == 0 || i - j < s->window);
}

/* The largest error of z relative to the largest |v|. */
static double error_against_double(const struct sequence *s)
{
    double *p = malloc((size_t)s->T * sizeof *p), worst = 0;

    for (int h = 0; h < s->heads; h++)
        for (int i = 0; i < s->T; i++) {
            const float *q = s->q + ((int64_t)i * s->heads + h) * s->d;
            int kv = h / (s->heads / s->kv_heads);
            double sum = 0, top = -HUGE_VAL;
            for (int j = 0; j < s->T; j++) {
                const float *k = s->k + ((int64_t)j * s->kv_heads + kv) * s->d;
                p[j] = 0;
                for (int c = 0; c < s->d; c++)
                    p[j] += (double)q[c] * (double)k[c];
                p[j] *= (double)(0.7f / sqrtf((float)s->d));
                if (s->cap > 0)
                    p[j] = (double)s->cap * tanh(p[j] / (double)s->cap);
                if (s->slope)
                    p[j] += (double)s->slope[h] * (j - i);
                if (sees(s, i, j))
                    top = fmax(top, p[j]);
            }
            for (int j = 0; j < s->T; j++) {
                p[j] = sees(s, i, j) ? exp(p[j] - top) : 0;
                sum += p[j];
            }
            if (s->sink)
                sum += exp((double)s->sink[h] - top);
            for (int c = 0; c < s->d; c++) {
                double z = 0;
                for (int j = 0; j < s->T; j++)
                    z += p[j] / sum * (double)s->v[((int64_t)j * s->kv_heads + kv) * s->d + c];
                worst = fmax(worst, fabs(z - (double)s->z[((int64_t)i * s->heads + h) * s->d + c]));
            }
        }
    free(p);
    return worst / 20;
}

/* The rows cut into pieces of at most `piece`, the cache growing. */
static int64_t differs_in_pieces(const struct sequence *s, int piece, float *z)
{
    int64_t n = (int64_t)s->T * s->heads * s->d;

    memset(z, 0xff, (size_t)n * sizeof *z);
    for (int past = 0; past < s->T; past += piece) {
        struct mi_attention a = part_of(s, past, s->T - past < piece ? s->T - past : piece, z);
        mi_attention(&a, 1);
    }
    return memcmp(z, s->z, (size_t)n * sizeof *z) != 0;
}

static int64_t differs_in_stages(const struct sequence *s, int past, float *z)
{
    int64_t n = (int64_t)(s->T - past) * s->heads * s->d, bad = 0;
    struct mi_attention a = part_of(s, past, s->T - past, z);
    float *scores = data_floats((int64_t)s->heads * (s->T - past) * s->T);

    mi_attention_scores(&a, scores);
    for (int h = 0; h < s->heads; h++)
        for (int i = past; i < s->T; i++)
            for (int j = 0; j < s->T; j++) {
                float x = scores[((int64_t)h * a.n_q + i - past) * s->T + j];
                bad += sees(s, i, j) ? !isfinite(x) : x != -INFINITY;
            }
    mi_attention_pattern(&a, scores);
    for (int h = 0; h < s->heads; h++)
        for (int i = past; i < s->T; i++)
            for (int j = 0; j < s->T; j++)
                bad += !sees(s, i, j) && scores[((int64_t)h * a.n_q + i - past) * s->T + j] != 0;
    mi_attention_mix(&a, scores);
    free(scores);
    return bad + (memcmp(a.z, s->z + (int64_t)past * s->heads * s->d, (size_t)n * sizeof *z) != 0);
}

/* With a soft-cap of the scores, slopes of ALiBi and sinks, where they are not 0 and NULL. */
static void test_bent(int T, int heads, int kv_heads, int d, int window, float cap,
                      const float *slope, const float *sink)
{
    struct sequence s = make_sequence(T, heads, kv_heads, d, window);
    float *z = data_floats((int64_t)T * heads * d);
    struct mi_attention a;
    const char *isa[3];
    int isas = data_isas(isa);
    static const int pieces[] = {1, 2, 5, 16, 24, 33, 1000};
    int64_t bad = 0;
    double error;

    s.cap = cap;
    s.slope = slope;
    s.sink = sink;
    a = part_of(&s, 0, T, s.z);
    mi_cpu_set_isa("portable");
    mi_par_set(1);
    mi_attention(&a, 1);
    for (int k = 0; k < isas; k++)
        for (size_t p = T < 1000 ? 0 : k ? 5 : 6; p < sizeof pieces / sizeof *pieces; p++) {
            mi_cpu_set_isa(isa[k]);
            mi_par_set(1 + (int)(p % 3));
            bad += differs_in_pieces(&s, pieces[p], z);
        }
    ok(bad == 0, "%d tokens, %d/%d heads of %d, window %d: one piece or many, the same bits", T,
       heads, kv_heads, d, window);
    bad = 0;
    for (int k = 0; k < isas; k++) {
        mi_cpu_set_isa(isa[k]);
        bad += differs_in_stages(&s, T > 1000 ? T - 30 : 0, z) +
               differs_in_stages(&s, T > 1000 ? T - 7 : T / 2, z) + differs_in_stages(&s, T - 1, z);
    }
    ok(bad == 0, "the same in stages; masked where nothing is seen");
    error = error_against_double(&s);
    ok(error < 1e-5, "as in double (%.2g)", error);
    free(z);
    free_sequence(&s);
}

static void test_shape(int T, int heads, int kv_heads, int d, int window)
{
    test_bent(T, heads, kv_heads, d, window, 0, NULL, NULL);
}

/* Later tokens, whatever they are, leave earlier rows alone; so do other sequences. */
static void test_batch(void)
{
    enum { N = 40 };
    struct sequence s[N];
    struct mi_attention a[N];
    int64_t bad = 0;

    for (int i = 0; i < N; i++) {
        s[i] = make_sequence(1 + i * 7 % 50, 4, 2, 48, 0);
        a[i] = part_of(&s[i], 0, s[i].T, s[i].z);
    }
    for (int threads = 1; threads < 5; threads++) {
        mi_par_set(threads);
        for (int i = 0; i < N; i++)
            memset(s[i].z, 0xff, (size_t)(s[i].T * 4 * 48) * sizeof(float));
        mi_attention(a, N);
        for (int i = 0; i < N; i++) {
            float *z = data_floats((int64_t)s[i].T * 4 * 48);
            bad += differs_in_pieces(&s[i], 1, z);
            free(z);
        }
    }
    mi_attention(a, 0);
    ok(bad == 0, "ragged batches: every sequence as alone, any number of threads");
    for (int i = 0; i < N; i++) {
        float *k = s[i].k + (int64_t)(s[i].T - 1) * 2 * 48, *z = malloc(50 * 4 * 48 * sizeof *z);
        size_t before = (size_t)(s[i].T - 1) * 4 * 48 * sizeof *z;
        memcpy(z, s[i].z, before);
        for (int c = 0; c < 2 * 48; c++) {
            k[c] = NAN;
            s[i].v[(int64_t)(s[i].T - 1) * 2 * 48 + c] = INFINITY;
        }
        mi_attention(&a[i], 1);
        bad += memcmp(z, s[i].z, before) != 0;
        free(z);
        free_sequence(&s[i]);
    }
    ok(bad == 0, "a last token of NaN and infinities does not reach the rows before it");
}

int main(void)
{
    static const float slope[] = {0.5f, 0.25f, 0.7f, 0.1f, 0.01f, 0};
    static const float sink[] = {0.5f, -3, 9, 2, 40, -100};
    static const int heads[] = {16, 48, 64, 80, 96, 128, 256};

    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        test_shape(37, 6, 2, heads[i], 0);
    test_shape(8, 9, 3, 64, 0);
    test_shape(1, 3, 3, 64, 0);
    test_shape(70, 2, 1, 20, 0);
    test_shape(50, 2, 2, 7, 0);
    test_shape(90, 4, 2, 32, 17);
    test_shape(100, 2, 1, 64, 40);
    test_shape(20, 2, 1, 16, 1);
    test_shape(1100, 2, 1, 16, 0);
    test_shape(1140, 1, 1, 16, 1100);
    test_shape(1100, 1, 1, 16, 50);
    test_shape(6, 1, 1, 1040, 0);
    test_bent(37, 6, 2, 16, 0, 5, NULL, NULL);
    test_bent(90, 4, 2, 32, 17, 0.5f, NULL, NULL);
    test_bent(37, 6, 2, 16, 0, 0, slope, NULL);
    test_bent(1100, 2, 1, 16, 0, 0, slope, NULL);
    test_bent(90, 6, 3, 20, 33, 3, slope, NULL);
    test_bent(37, 6, 2, 16, 0, 0, NULL, sink);
    test_bent(1100, 2, 1, 16, 50, 0, slope, sink);
    test_batch();
    return done();
}
