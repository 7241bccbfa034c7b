/* Splits of directions by a read-out against NumPy's singular value decomposition. */
#include "method/split.h"

#include "../../golden/split.h"
#include "../tap.h"
#include "math/linalg.h"

#include <math.h>

enum { MOST = 20 };

static const struct golden {
    const char *name;
    int64_t rows, width, rank;
    const float *w, *d;
    const double *row;
} goldens[] = {
    {"wide", wide_rows, wide_width, wide_rank, wide_w, wide_d, wide_row},
    {"deficient", deficient_rows, deficient_width, deficient_rank, deficient_w, deficient_d,
     deficient_row},
    {"tall", tall_rows, tall_width, tall_rank, tall_w, tall_d, tall_row},
    {"thin", thin_rows, thin_width, thin_rank, thin_w, thin_d, thin_row},
};

static void test_golden(const struct golden *g)
{
    struct mi_readout_space s = {0};
    double row[MOST], null[MOST], off = 0, sum = 0, seen = 0;
    int status;

    /* the weights are floats: a rank that float32 rounds away lies near 1e-7 of the largest */
    status = mi_readout_space_init(&s, g->w, g->rows, g->width, 1e-5);
    ok(status == 0 && s.rank == g->rank, "%s: rank %lld", g->name, (long long)s.rank);
    mi_split(&s, g->d, row, null);
    for (int64_t i = 0; i < g->width; i++) {
        off = fmax(off, fabs(row[i] - g->row[i]));
        sum = fmax(sum, fabs(row[i] + null[i] - (double)g->d[i]));
    }
    for (int64_t r = 0; r < g->rows; r++) {
        double y = 0;

        for (int64_t i = 0; i < g->width; i++)
            y += (double)g->w[r * g->width + i] * null[i];
        seen = fmax(seen, fabs(y));
    }
    ok(off < 1e-10, "%s: the row part is NumPy's: off by %g", g->name, off);
    ok(sum < 1e-14, "%s: the parts add up: off by %g", g->name, sum);
    ok(seen < (g->rank < g->rows && g->rank < g->width ? 1e-5 : 1e-12),
       "%s: the rest is not read: %g", g->name, seen);
    mi_readout_space_free(&s);
}

static void test_extremes(void)
{
    float zero[6] = {0}, bad[2] = {1, (float)NAN}, d[3] = {1, 0, 0};
    double row[3], null[3];
    struct mi_readout_space s = {0};

    ok(mi_readout_space_init(&s, zero, 2, 3, 1e-6) == 0 && s.rank == 0, "weights of zero");
    mi_split(&s, d, row, null);
    ok(row[0] == 0 && null[0] == 1, "read nothing");
    mi_readout_space_free(&s);
    ok(mi_readout_space_init(&s, bad, 1, 2, 1e-6) < 0, "weights that are no numbers");
    mi_readout_space_free(&s);
}

int main(void)
{
    for (size_t i = 0; i < sizeof goldens / sizeof *goldens; i++)
        test_golden(&goldens[i]);
    test_extremes();
    return done();
}
