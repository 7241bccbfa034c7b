/* text/unicode_table.h: private to text/unicode.c: runs of letters and numbers, cases. */
#ifndef MI_TEXT_UNICODE_TABLE_H
#define MI_TEXT_UNICODE_TABLE_H

#include <stddef.h>
#include <stdint.h>

/* Ascending first code points << 2 | class (0 other, 1 letter, 2 number) of runs that
 * together cover everything. */
extern const uint32_t mi_unicode_starts[];
extern const size_t mi_unicode_n_starts;

/* What becomes several code points in upper case; 0 where it does not. */
int mi_unicode_several(uint32_t cp, uint32_t out[3]);

#endif
