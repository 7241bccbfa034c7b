/* figure/views.h: score records of one kind of work, each as people want to see it.
 *
 * Each takes an array of score bodies, adds those that are its own to a page, and leaves the rest
 * to figure/scores.h. */
#ifndef MI_FIGURE_VIEWS_H
#define MI_FIGURE_VIEWS_H

#include "data/metric.h"
#include "figure/page.h"

#include <stdbool.h>

/* Unembedded directions: entropy, entropy_z and the tokens of each end, a line an end. */
bool mi_is_unembed(const struct mi_value *body);
void mi_figure_unembed(struct mi_page *p, const struct mi_value *bodies);

/* What writes a direction: of every direction the parts with the largest difference of the
 * sides, as bars, and the figures of the whole. */
bool mi_is_attribution(const struct mi_value *body);
void mi_figure_attribution(struct mi_page *p, const struct mi_value *bodies);

/* Over how many parts the effects of sweeps are spread: a line a set of parts. */
bool mi_is_spread(const struct mi_value *body);
void mi_figure_spread(struct mi_page *p, const struct mi_value *bodies);

/* Probes of one domain on another: of every place and method a matrix of `metric`, a line a
 * domain of the fit, a column a domain of the evaluation. */
bool mi_is_transfer(const struct mi_value *body);
void mi_figure_transfer(struct mi_page *p, const struct mi_value *bodies, const char *metric);

/* Is it a figure of a probe, or of another kind that has a view of its own? (figure/scores.c) */
bool mi_is_own(const struct mi_value *body);

/* Does the record stand on the evaluation card (figure/card.h)? */
bool mi_is_card(const struct mi_value *body);

/* Of records with one metric (NULL: not registered) that are nothing of the above: lines by
 * layer or dose, or bars a subject; nothing where a table says it all. */
void mi_figure_any(struct mi_page *p, const struct mi_value *bodies, const struct mi_metric *m);

/* "15", "15.3" (layer.head) or "" into text [size]; returns text. */
char *mi_layer_text(const struct mi_value *body, char *text, size_t size);

#endif
