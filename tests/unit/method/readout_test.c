/* Entropy and largest values against a plain computation. */
#include "../tap.h"
#include "base/rng.h"
#include "method/readout.h"

#include <stdlib.h>

enum { N = 1000 };

int main(void)
{
    float x[N];
    int32_t top[N];
    double z = 0, h = 0;
    struct mi_rng r = mi_rng_make(1, "test", "readout");
    bool is_sorted = true;

    for (int i = 0; i < N; i++) {
        x[i] = (float)(mi_rng_uniform(&r) * 20 - 10);
        z += exp((double)x[i]);
    }
    for (int i = 0; i < N; i++)
        h -= exp((double)x[i]) / z * log(exp((double)x[i]) / z);
    near(mi_softmax_entropy(x, N), h, 1e-12, "entropy of the softmax");
    mi_largest(top, x, N, N);
    for (int i = 1; i < N; i++)
        is_sorted = is_sorted && x[top[i - 1]] >= x[top[i]];
    ok(is_sorted, "all of them, sorted");
    for (int i = 0; i < N; i++)
        x[i] = (float)(i % 3) + 100;
    near(mi_softmax_entropy(x, 1), 0, 0, "one token has no entropy");
    mi_largest(top, x, N, 4);
    ok(top[0] == 2 && top[1] == 5 && top[2] == 8 && top[3] == 11, "equal ones by index");
    for (int i = 0; i < N; i++)
        x[i] = -1000;
    near(mi_softmax_entropy(x, N), log(N), 1e-12, "the uniform distribution, far below zero");
    return done();
}
