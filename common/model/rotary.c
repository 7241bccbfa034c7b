/* model/rotary.c: see rotary.h. */
#include "model/rotary.h"

#include "math/vmath.h"

#include <math.h>

static const double pi = 3.14159265358979323846;

/* mi_log and mi_pow are the same everywhere; libm's are not. */
static double base_of(const struct mi_rotary *r, int n_wanted)
{
    double n = (double)r->n_original, grown;

    if (r->kind != MI_SCALING_DYNAMIC || n_wanted <= r->n_original || r->n_rot <= 2)
        return r->base;
    grown = r->factor * (double)n_wanted / n - (r->factor - 1);
    return r->base * mi_pow(grown, (double)r->n_rot / (r->n_rot - 2));
}

/* A divisor, in single precision: so GGUF files hold it. */
static double llama3_step(const struct mi_rotary *r, double step)
{
    double wave = 2 * pi / step, n = (double)r->n_original, blend;

    if (wave < n / r->high)
        return step;
    if (wave > n / r->low)
        return step / (double)(float)r->factor;
    blend = (n / wave - r->low) / (r->high - r->low);
    return step / (double)(float)(1 / ((1 - blend) / r->factor + blend));
}

/* The coordinate pair that turns beta times in the original context. */
static double yarn_border(const struct mi_rotary *r, double beta)
{
    return r->n_rot * mi_log((double)r->n_original / (beta * 2 * pi)) / (2 * mi_log(r->base));
}

static double yarn_step(const struct mi_rotary *r, double step, int i)
{
    double low = yarn_border(r, r->beta_fast), high = yarn_border(r, r->beta_slow), ramp;

    if (!r->is_smooth) {
        low = floor(low);
        high = ceil(high);
    }
    low = low > 0 ? low : 0;
    high = high < r->n_rot - 1 ? high : r->n_rot - 1;
    if (low == high)
        high += 0.001;
    ramp = (i - low) / (high - low);
    ramp = ramp < 0 ? 0 : ramp > 1 ? 1 : ramp;
    return step / r->factor * ramp + step * (1 - ramp);
}

static double magnitude_of(const struct mi_rotary *r, int n_ctx)
{
    double s = (double)n_ctx / r->n_original;

    if (r->kind != MI_SCALING_YARN && r->kind != MI_SCALING_LONGROPE)
        return 1;
    if (r->magnitude > 0)
        return r->magnitude;
    if (r->kind == MI_SCALING_YARN)
        return r->factor > 1 ? 0.1 * mi_log(r->factor) + 1 : 1;
    s = r->factor > 1 ? r->factor : s;
    return s > 1 ? sqrt(1 + mi_log(s) / mi_log((double)r->n_original)) : 1;
}

double mi_rotary_steps(const struct mi_rotary *r, const float *factor, int n_ctx, int n_wanted,
                       double *step)
{
    double base = base_of(r, n_wanted);

    for (int i = 0; i < r->n_rot / 2; i++) {
        double x = mi_pow(base, -2.0 * i / r->n_rot);

        switch (r->kind) {
        case MI_SCALING_LINEAR: x *= 1 / r->factor; break;
        case MI_SCALING_LLAMA3: x = llama3_step(r, x); break;
        case MI_SCALING_YARN: x = yarn_step(r, x, i); break;
        case MI_SCALING_DYNAMIC:
        case MI_SCALING_LONGROPE: break;
        }
        step[i] = factor ? x / (double)factor[i] : x;
    }
    return magnitude_of(r, n_ctx);
}

bool mi_rotary_follows_context(const struct mi_rotary *r)
{
    return r->kind == MI_SCALING_DYNAMIC || r->kind == MI_SCALING_LONGROPE;
}
