#include "method/readout.h"

#include "math/vmath.h"

#include <string.h>

double mi_softmax_entropy(const float *logits, int64_t n)
{
    float max = logits[0];
    double z = 0, sum = 0;

    for (int64_t i = 1; i < n; i++)
        max = logits[i] > max ? logits[i] : max;
    for (int64_t i = 0; i < n; i++) {
        double x = (double)logits[i] - (double)max, e = mi_exp(x);

        z += e;
        sum += e * x;
    }
    return mi_log(z) - sum / z;
}

void mi_largest(int32_t *top, const float *x, int64_t n, int k)
{
    int have = 0;

    for (int64_t i = 0; i < n; i++) {
        int at = have;

        if (have == k && x[i] <= x[top[k - 1]])
            continue;
        while (at > 0 && x[i] > x[top[at - 1]])
            at--;
        if (have < k)
            have++;
        memmove(top + at + 1, top + at, (size_t)(have - 1 - at) * sizeof *top);
        top[at] = (int32_t)i;
    }
}
