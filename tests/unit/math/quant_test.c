/* Dequantisation against golden data of the gguf Python package (tests/parity/golden_quant.py):
 * bit for bit, by the portable routines and by every instruction set's kernels. */
#include "base/sha256.h"
#include "math/quant.h"

#include "../tap.h"
#include "data.h"

/* The whole file, or NULL. */
static unsigned char *read_file(const char *path, size_t *size)
{
    FILE *f = fopen(path, "rb");
    unsigned char *p = malloc(1 << 20);

    *size = f && p ? fread(p, 1, 1 << 20, f) : 0;
    if (f)
        fclose(f);
    return p;
}

/* How many units of 256 floats differ from their digests [n, 8]. */
static int differing_units(float *y, size_t n, const unsigned char *digests)
{
    int bad = 0;

    for (size_t i = 0; i < n; i++, y += 256, digests += 8) {
        unsigned char sha[MI_SHA256_SIZE];
        for (int j = 0; j < 256; j++)
            if (isnan(y[j]))
                memcpy(&y[j], &(uint32_t){0x7fc00000}, sizeof *y);
        mi_sha256(y, 256 * sizeof *y, sha);
        bad += memcmp(sha, digests, 8) != 0;
    }
    return bad;
}

static void test_type(const struct mi_qtype_info *t)
{
    char path[64];
    size_t size, bytes, n;
    unsigned char *file;
    uint32_t units = 0;
    const char *isa[3];
    int isas = data_isas(isa), bad;
    float *y;

    snprintf(path, sizeof path, "tests/golden/quant/%s.bin", t->name);
    file = read_file(path, &size);
    if (size >= 4)
        memcpy(&units, file, 4);
    n = (size_t)units * 256;
    bytes = n / (size_t)t->block_elements * (size_t)t->block_bytes;
    if (!ok(units > 0 && size == 4 + bytes + 8 * units, "%s is there and whole", path)) {
        free(file);
        return;
    }
    y = malloc(4 * n);
    t->dequantise(y, file + 4, (int64_t)n / t->block_elements);
    bad = differing_units(y, units, file + 4 + bytes);
    ok(bad == 0, "%s: %zu floats as the gguf package has them (%d units differ)", t->name, n, bad);
    for (int a = 0; a < isas; a++) {
        struct mi_matrix W = {file + 4, t->type, 1, (int)n, bytes};
        mi_cpu_set_isa(isa[a]);
        memset(y, 0xff, 4 * n);
        mi_matrix_row(y, &W, 0);
        bad = differing_units(y, units, file + 4 + bytes);
        ok(bad == 0, "%s: the same by %s (%d units differ)", t->name, isa[a], bad);
    }
    free(y);
    free(file);
}

static void test_names(void)
{
    int n;
    const struct mi_qtype_info *types = mi_qtypes(&n);
    bool good = n == 27;

    for (int i = 0; i < n; i++)
        good = good && mi_qtype_info((int)types[i].type) == &types[i] &&
               strcmp(mi_qtype_name((int)types[i].type), types[i].name) == 0;
    ok(good, "27 types, found by number, named as ggml names them");
    ok(!mi_qtype_info(15) && strcmp(mi_qtype_name(15), "Q8_K") == 0,
       "Q8_K is known, not supported");
    ok(!mi_qtype_info(4) && !mi_qtype_name(4) && !mi_qtype_name(38), "removed types have no name");
    ok(!mi_qtype_name(-1) && !mi_qtype_name(43) && !mi_qtype_info(-1) && !mi_qtype_info(1 << 30),
       "other numbers have none");
    ok(strcmp(mi_qtype_name(39), "MXFP4") == 0 && strcmp(mi_qtype_name(34), "TQ1_0") == 0 &&
           strcmp(mi_qtype_name(42), "Q2_0") == 0 && strcmp(mi_qtype_name(24), "I8") == 0 &&
           strcmp(mi_qtype_name(256), "F8_E4M3") == 0,
       "the newer names stand at their numbers");
}

int main(void)
{
    int n;
    const struct mi_qtype_info *types = mi_qtypes(&n);

    for (int i = 0; i < n; i++)
        test_type(&types[i]);
    test_names();
    return done();
}
