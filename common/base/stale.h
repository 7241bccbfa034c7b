/* base/stale.h: temporaries whose writer was killed. Private to base/out.c. */
#ifndef MI_BASE_STALE_H
#define MI_BASE_STALE_H

#include <stdbool.h>

/* Marks an open temporary as in use for as long as the descriptor is open; the system takes
 * the mark away when the process dies, however it dies. False when the file is being removed
 * as stale just now: then another name must be taken. */
bool mi_stale_claim(int fd);

/* Removes what killed writers left of the same file: names that differ from `tmp` in the six
 * characters before ".part" only, and that nobody holds. */
void mi_stale_remove(const char *tmp);

#endif
