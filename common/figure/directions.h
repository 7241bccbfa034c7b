/* figure/directions.h: dir records as a table. */
#ifndef MI_FIGURE_DIRECTIONS_H
#define MI_FIGURE_DIRECTIONS_H

#include "figure/page.h"

/* bodies: an array of dir bodies. One table a site and position, a line a layer and method,
 * and charts by layer; controls are counted below the table. */
void mi_figure_directions(struct mi_page *p, const struct mi_value *bodies);

#endif
