/* text/unicode.h: classes, case and normal forms (the only interface that knows utf8proc).
 *
 * The classes come from a table of Unicode 16 of our own, so that token ids are the same
 * whatever libraries a machine has. Normal forms and widths are utf8proc's; normal forms of
 * assigned code points never change between versions. */
#ifndef MI_TEXT_UNICODE_H
#define MI_TEXT_UNICODE_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool mi_is_letter(uint32_t cp);      /* \p{L} */
bool mi_is_number(uint32_t cp);      /* \p{N} */
bool mi_is_space(uint32_t cp);       /* \p{White_Space} */
bool mi_is_decimal(uint32_t cp);     /* \p{Nd} */
bool mi_is_mark(uint32_t cp);        /* \p{M} */
bool mi_is_nonspacing(uint32_t cp);  /* \p{Mn} */
bool mi_is_punctuation(uint32_t cp); /* \p{P} and the marks of ASCII */
bool mi_is_control(uint32_t cp);     /* \p{C} but for unassigned ones */
bool mi_is_word(uint32_t cp);        /* letters, marks, digits, connectors: \w */
/* Length of the first grapheme cluster of valid UTF-8 s [len > 0]. */
size_t mi_grapheme(const char *s, size_t len);

enum mi_form { MI_NFC = 0, MI_NFD = 1, MI_NFKC = 2, MI_NFKD = 3 };

/* A normal form of valid UTF-8 s [len], appended to b. Linear but for the sorting of marks. */
void mi_normal_form(struct mi_buf *b, const char *s, size_t len, enum mi_form form);
void mi_nfc(struct mi_buf *b, const char *s, size_t len);
/* True for a code point before which text may be cut without changing its normal form. */
bool mi_form_starts(uint32_t cp, enum mi_form form);
/* What is left of valid UTF-8 s [len] when case, compatibility forms and the accents of Latin,
 * Greek and Cyrillic letters (U+0300 to U+036F) do not count, appended to b. For comparing. */
void mi_fold(struct mi_buf *b, const char *s, size_t len);
/* True for a code point before which text may be cut without changing its NFC: no mark and
 * nothing that joins what stands before it. */
bool mi_nfc_starts(uint32_t cp);
/* Upper, lower and title case of cp as Python has them: 1 to 3 code points into out. */
int mi_to_upper(uint32_t cp, uint32_t out[3]);
int mi_to_lower(uint32_t cp, uint32_t out[3]);
int mi_to_title(uint32_t cp, uint32_t out[3]);
enum mi_letter_case { MI_CASE_NONE, MI_CASE_LOWER, MI_CASE_UPPER, MI_CASE_TITLE };
enum mi_letter_case mi_case_of(uint32_t cp);
bool mi_is_printable(uint32_t cp); /* no control, format, private, unassigned or blank but ' ' */
/* Columns that a terminal needs for cp: 0, 1 or 2. */
int mi_char_width(uint32_t cp);

#endif
