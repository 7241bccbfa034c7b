#include "math/vec.h"

#include <math.h>

enum { LANES = 8 };

static double fold(const double *s)
{
    return ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]));
}

double mi_vec_dot(const double *x, const double *y, int64_t n)
{
    double s[LANES] = {0};
    int64_t i = 0;

    for (; i + LANES <= n; i += LANES)
        for (int k = 0; k < LANES; k++)
            s[k] += x[i + k] * y[i + k];
    for (int k = 0; i < n; i++, k++)
        s[k] += x[i] * y[i];
    return fold(s);
}

double mi_vec_dot_row(const float *x, const double *y, int64_t n)
{
    double s[LANES] = {0};
    int64_t i = 0;

    for (; i + LANES <= n; i += LANES)
        for (int k = 0; k < LANES; k++)
            s[k] += (double)x[i + k] * y[i + k];
    for (int k = 0; i < n; i++, k++)
        s[k] += (double)x[i] * y[i];
    return fold(s);
}

double mi_vec_norm(const double *x, int64_t n)
{
    return sqrt(mi_vec_dot(x, x, n));
}

void mi_vec_axpy(double *y, double a, const double *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        y[i] += a * x[i];
}

void mi_vec_axpy_row(double *y, double a, const float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        y[i] += a * (double)x[i];
}

void mi_vec_scale(double *x, double a, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        x[i] *= a;
}

double mi_vec_normalize(double *x, int64_t n)
{
    double norm = mi_vec_norm(x, n);

    if (norm > 0)
        mi_vec_scale(x, 1 / norm, n);
    return norm;
}
