/* figure/texts.h: texts side by side, for people to compare. */
#ifndef MI_FIGURE_TEXTS_H
#define MI_FIGURE_TEXTS_H

#include "figure/width.h"

struct mi_text {
    const char *at; /* any bytes */
    size_t len;
};

/* n columns of equal width, each text wrapped at blanks where it can be; line ends in it stay.
 * One column takes the whole width. */
void mi_texts_print(struct mi_buf *b, const struct mi_text *text, int n,
                    const struct mi_style *style);

#endif
