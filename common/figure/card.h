/* figure/card.h: what was found: verdicts, and the evaluation card of a direction. */
#ifndef MI_FIGURE_CARD_H
#define MI_FIGURE_CARD_H

#include "figure/page.h"

/* verdicts: an array of verdict bodies (stream/verdict_record.h). A table with a line a
 * claim. */
void mi_figure_verdicts(struct mi_page *p, const struct mi_value *verdicts);

/* scores: score bodies with a key `card` (E1 to E9). All nine conditions are named, each with
 * its figures; a record without a value says why in `reason`. */
void mi_figure_card(struct mi_page *p, const struct mi_value *scores);

#endif
