/* model/rotary.h: the angles by which positions rotate queries and keys.
 *
 * Coordinate pair i turns by pos * step[i]; without scaling step[i] = base^(-2i / n_rot).
 *
 *   linear    step / factor
 *   llama3    wavelength w = 2 pi / step: short ones (w < n / high) stay, long ones
 *             (w > n / low) are divided by factor, between a blend (Dubey et al. 2024)
 *   yarn      short ones stay, long ones are divided, by a ramp over i; cos and sin times
 *             0.1 ln factor + 1 (Peng et al. 2023)
 *   dynamic   base * (factor N / n - (factor - 1))^(n_rot / (n_rot - 2)) for a context of N > n
 *   longrope  step / short[i], or / long[i] for a context beyond n; cos and sin times
 *             sqrt(1 + ln s / ln n), s = the model's context / n (Ding et al. 2024)
 *
 * with n = n_original. The last two depend on how long the context is to be. Other programs
 * look at each prompt, so that a cache made under a shorter one is wrong; here it is one
 * number of the model (mi_model_context), and so a cache changes nothing. */
#ifndef MI_MODEL_ROTARY_H
#define MI_MODEL_ROTARY_H

#include "model/config.h"

/* Fills step [n_rot / 2] and returns the magnitude of cos and sin. `factor` [n_rot / 2]: more
 * divisors, or NULL; of longrope those of the context. n_ctx: the model's own context;
 * n_wanted: the one that is to be used. */
double mi_rotary_steps(const struct mi_rotary *r, const float *factor, int n_ctx, int n_wanted,
                       double *step);
/* Does the rotation depend on the context? */
bool mi_rotary_follows_context(const struct mi_rotary *r);

#endif
