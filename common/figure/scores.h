/* figure/scores.h: score records as tables and bar charts. */
#ifndef MI_FIGURE_SCORES_H
#define MI_FIGURE_SCORES_H

#include "figure/page.h"

/* bodies: an array of score bodies. Figures of probes (accuracy, pair_accuracy, auroc) become,
 * for every site, position and method, a table with a line a layer (or layer.head) and the
 * highest draw of each control, and a chart of `metric` (NULL: auroc); all other metrics a
 * table each, with the metric's formula above it, and a chart where places, doses or subjects
 * differ. Rows of the evaluation card are left to figure/card.h. */
void mi_figure_scores(struct mi_page *p, const struct mi_value *bodies, const char *metric);

#endif
