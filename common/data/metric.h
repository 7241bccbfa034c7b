/* data/metric.h: the registry of figures: an id and a written formula each.
 *
 * A figure travels under the id of its metric, and two figures may be compared only when the
 * ids agree. Every tool prints the formula from here, so there is one definition of each. */
#ifndef MI_DATA_METRIC_H
#define MI_DATA_METRIC_H

#include "base/error.h"

#include <stdbool.h>

struct mi_metric {
    const char *id;
    const char *formula;    /* one line, self-contained */
    const char *unit;       /* "share", "nats", "logits", "activation", "tokens", "" */
    double chance;          /* what a blind guess gets; NAN where that has no meaning */
    double lowest, highest; /* range; infinite where there is none */
};

int mi_metric_count(void);
const struct mi_metric *mi_metric_at(int i); /* 0 <= i < mi_metric_count() */
/* NULL when there is none of that id. */
const struct mi_metric *mi_metric_find(const char *id);
/* The same for what a user wrote: MI_EXIT_USAGE with the near ids. */
int mi_metric_need(const char *id, const struct mi_metric **out, struct mi_error *err) MI_MUST_USE;

#endif
