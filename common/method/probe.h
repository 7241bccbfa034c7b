/* method/probe.h: how well one number a row tells two sides apart.
 *
 * The number is a projection on a direction, or any other score. The figures are those of
 * data/metric.h's registry:
 *
 *     accuracy       share of rows that stand on the right side of the threshold
 *     pair_accuracy  share of pairs whose positive member scores higher, ties half
 *     auroc          P(score+ > score-) + P(score+ = score-) / 2 over all rows
 *
 * with intervals of a bootstrap over groups (stats/bootstrap.h). */
#ifndef MI_METHOD_PROBE_H
#define MI_METHOD_PROBE_H

#include "method/direction.h"
#include "stats/bootstrap.h"

enum mi_probe_figure {
    MI_PROBE_ACCURACY,
    MI_PROBE_PAIR_ACCURACY, /* without pairs: n = 0, value NAN */
    MI_PROBE_AUROC,
    MI_PROBE_FIGURES
};
const char *mi_probe_figure_id(enum mi_probe_figure f);

struct mi_figure {
    double value;
    double lo, hi; /* NAN without an interval */
    int64_t n;     /* rows or pairs */
};

/* score [s->n], in the order of the cases. A row reads as positive when its score is above
 * the threshold. boot NULL: no intervals. */
void mi_probe_figures(struct mi_figure out[MI_PROBE_FIGURES], const struct mi_cases *s,
                      const double *score, double threshold, const struct mi_resamples *boot,
                      double level);

/* Several draws of a control as one figure: the mean of value [n], between the smallest and
 * the largest. Its n is the number of draws. */
struct mi_figure mi_control_figure(const double *value, int n);

/* For a direction that was fitted nowhere (a random one): turns the scores [s->n] in place
 * and sets the threshold as a fit on these same cases would. What it then scores is what
 * chance reaches when it may look: a control that leans towards the control. Returns the
 * sign. */
double mi_probe_orient(double *score, const struct mi_cases *s, double *threshold);

#endif
