/* figure/directions.h: dir records as a table. */
#ifndef MI_FIGURE_DIRECTIONS_H
#define MI_FIGURE_DIRECTIONS_H

#include "data/value.h"
#include "figure/width.h"

/* bodies: an array of dir bodies. One table a site and position, a line a layer and method;
 * controls are counted below it. */
void mi_figure_directions(struct mi_buf *b, const struct mi_value *bodies,
                          const struct mi_style *style);

#endif
