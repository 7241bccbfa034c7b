/* base/escape.h: untrusted bytes made safe for one line of a terminal or log.
 *
 * Any string that comes from a file (token, key, tensor name, prompt, path)
 * passes through here before it is shown. */
#ifndef MI_BASE_ESCAPE_H
#define MI_BASE_ESCAPE_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Writes src [len] to dst [size], NUL-ended. C0, DEL, C1, bidirectional controls
 * and bytes that are not UTF-8 become \n, \t, \xNN or \u{NNNN}; a text that does
 * not fit ends in "...". Returns dst. size >= 8. */
char *mi_escape(char *dst, size_t size, const char *src, size_t len);

/* The same for a NUL-ended string, in one of four static buffers of the calling
 * thread (so four calls may stand in one printf), cut at 200 bytes. */
const char *mi_quote(const char *s);

/* Appends src [len] with everything of that kind escaped but line ends and tabs: a whole text
 * for a terminal. */
void mi_escape_text(struct mi_buf *out, const char *src, size_t len);

/* Length of the valid UTF-8 prefix of s [len]; equal to len when all is valid
 * (no overlong forms, no surrogates, at most U+10FFFF). */
size_t mi_utf8_valid(const char *s, size_t len);

/* Decodes one code point at s [len > 0]: returns its bytes (1 to 4) and sets *cp;
 * returns 0 where no valid code point starts. */
int mi_utf8_decode(const char *s, size_t len, uint32_t *cp);

/* Encodes cp (not a surrogate, at most U+10FFFF) into dst [4]; returns 1 to 4. */
int mi_utf8_encode(uint32_t cp, char *dst);

/* Of a byte string that may stop inside a code point: the length without the
 * unfinished tail. Invalid bytes elsewhere count as finished. For streamed text. */
size_t mi_utf8_whole(const char *s, size_t len);

#endif
