/* job/pace.h: how fast this machine is right now, so that a plan can say a time. */
#ifndef MI_JOB_PACE_H
#define MI_JOB_PACE_H

#include "model/model.h"

/* Floating point operations a second of products of the model's own type and width by many rows,
 * on as many threads as are allowed: measured for about a tenth of a second, the median of
 * several. A whole pass reaches 70 to 90 % of it. */
double mi_pace(const struct mi_model *m);

#endif
