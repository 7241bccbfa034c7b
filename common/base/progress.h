/* base/progress.h: a line on a terminal for long work; nothing elsewhere.
 *
 * First shown after one second, at most six times a second, with rate and time
 * left; cleared before any message. */
#ifndef MI_BASE_PROGRESS_H
#define MI_BASE_PROGRESS_H

#include <stdint.h>

void mi_progress_start(const char *what, int64_t total); /* total 0: unknown */
void mi_progress_add(int64_t n);
void mi_progress_end(void); /* removes the line */

/* Clears a line that is showing; the message functions call it. */
void mi_progress_clear(void);

/* For -v: "1.2 s, peak 210 MiB" since the start of the process, into text [64]. */
char *mi_usage_text(char *text);
int64_t mi_peak_bytes(void); /* the most memory that this process has held */
double mi_seconds(void);     /* monotonic */

#endif
