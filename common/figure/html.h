/* figure/html.h: untrusted bytes made inert in an HTML page.
 *
 * Everything that comes from a stream (tokens, texts, ids, keys, names of files) enters a
 * page through one of these. Control characters, marks that change the direction of
 * writing and bytes that are not UTF-8 are spelt out first, as on a terminal. */
#ifndef MI_FIGURE_HTML_H
#define MI_FIGURE_HTML_H

#include "base/buf.h"
#include "data/value.h"

/* As text of an element or as a quoted attribute's value. */
void mi_html_text(struct mi_buf *b, const char *s, size_t len);
void mi_html_str(struct mi_buf *b, const char *s);
/* The same for a transcript: what was spelt out is marked (class esc), and a line ends
 * where a line end was. */
void mi_html_words(struct mi_buf *b, const char *s, size_t len);
/* JSON inside a <script> element: no byte of it can end the element. */
void mi_html_json(struct mi_buf *b, const struct mi_value *v);
/* What Plotly shows as this text: it reads a few tags and entities in strings. */
struct mi_value mi_plotly_text(struct mi_arena *a, const char *s);

#endif
