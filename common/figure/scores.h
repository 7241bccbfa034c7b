/* figure/scores.h: score records as tables and bar charts. */
#ifndef MI_FIGURE_SCORES_H
#define MI_FIGURE_SCORES_H

#include "data/value.h"
#include "figure/width.h"

/* bodies: an array of score bodies. Figures of probes (accuracy, pair_accuracy, auroc) become,
 * for every site, position and method, a table with a line a layer (or layer.head) and the
 * highest draw of each control, and a bar chart of `metric` (NULL: auroc); all other metrics a
 * table each, with the metric's formula above it. */
void mi_figure_scores(struct mi_buf *b, const struct mi_value *bodies, const char *metric,
                      const struct mi_style *style);

#endif
