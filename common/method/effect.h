/* method/effect.h: how far a change moves a figure from one run towards another.
 *
 * Activation patching (Vig et al. 2020, section 3; Zhang and Nanda 2024, sections 2 and 3): a
 * base run, a source run, and the base run with one part changed to its value in the source.
 * Of one pair, with m the figure:
 *
 *     effect = (m_patched - m_base) / (m_source - m_base)
 *
 * 0: the part changes nothing; 1: it carries all of the difference. Of many pairs the effect is
 * the ratio of the means, not the mean of the ratios: a pair whose runs hardly differ would have
 * a ratio without bound (Zhang and Nanda leave such pairs out; nothing is left out here). Its
 * interval is the bootstrap's over groups. When the interval of the mean of
 * m_source - m_base contains 0 there is nothing to be shared out, and no effect is given. */
#ifndef MI_METHOD_EFFECT_H
#define MI_METHOD_EFFECT_H

#include "stats/bootstrap.h"

#include <stdbool.h>
#include <stdint.h>

/* Of one pair; NAN when source is NAN or equals base. */
double mi_effect_one(double base, double source, double patched);

struct mi_effect_cases {
    int64_t n;
    const double *base, *patched; /* [n] */
    const double *source;         /* [n], or NULL: there is none */
    const int32_t *group;         /* [n] 0 .. n_groups - 1 of the resamples */
};

struct mi_effect_figures {
    double base, source, patched;           /* means; source NAN without one */
    double difference;                      /* mean of patched - base */
    struct mi_interval difference_interval; /* NAN without replicates */
    double gap;                             /* mean of source - base; NAN without source */
    struct mi_interval gap_interval;
    double effect; /* ratio of the means; NAN without source, and when refused */
    struct mi_interval effect_interval;
    bool is_refused; /* the interval of the gap contains 0, or there is none */
};

/* n > 0. Without replicates (r->n = 0) there are no intervals, and a ratio is given where the
 * gap is not 0. */
void mi_effect_figures(struct mi_effect_figures *out, const struct mi_effect_cases *c,
                       const struct mi_resamples *r, double level);

#endif
