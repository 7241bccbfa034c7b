#!/usr/bin/env python3
"""Writes common/text/unicode_table.c: which code points are letters and numbers.

usage: unicode_table.py > common/text/unicode_table.c     (needs the package unicodedata2 16.0)

The table is fixed at Unicode 16, the version that the tokenizers package splits with, so
that token ids never depend on the system's libraries."""
import unicodedata2

assert unicodedata2.unidata_version == "16.0.0", unicodedata2.unidata_version


def group(cp):
    return {"L": 1, "N": 2}.get(unicodedata2.category(chr(cp))[0], 0)


starts = [(0, group(0))]
for cp in range(1, 0x110000):
    if group(cp) != starts[-1][1]:
        starts.append((cp, group(cp)))
words = ["0x%xu" % (cp << 2 | g) for cp, g in starts]
print('#include "text/unicode_table.h"\n')
print("/* Unicode 16. Made by tests/parity/unicode_table.py. */")
print("/* clang-format off */")
print("const uint32_t mi_unicode_starts[] = {")
line = "   "
for w in words:
    if len(line) + len(w) + 2 > 99:
        print(line)
        line = "   "
    line += " " + w + ","
print(line)
print("};")
print("/* clang-format on */")
print("const size_t mi_unicode_n_starts = sizeof mi_unicode_starts / sizeof mi_unicode_starts[0];")
