/* text/bytemap.h: GPT-2's map between bytes and printable characters. */
#ifndef MI_TEXT_BYTEMAP_H
#define MI_TEXT_BYTEMAP_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The character that stands for a byte. */
uint32_t mi_bytemap_char(unsigned char byte);
/* Bytes that the characters s [len] stand for, appended to b; false (and nothing appended)
 * where one stands for none. */
bool mi_bytemap_decode(struct mi_buf *b, const char *s, size_t len);

#endif
