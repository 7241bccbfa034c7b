"""usage: inert.py [--colour] FILE...: does nothing in these texts act on a terminal?

Says what does and exits 1: bytes that are no UTF-8, control characters but line end and tab, marks
that change the direction of writing, line separators, the byte order mark. With --colour the
sequences that mi-report writes itself are allowed: black on one of eight grounds, and the reset."""

import re
import sys

args = sys.argv[1:]
colour = args and args[0] == "--colour"
bad = False
for name in args[1:] if colour else args:
    data = open(name, "rb").read()
    try:
        text = data.decode()
    except UnicodeDecodeError as e:
        print(f"{name}: {e}")
        bad = True
        continue
    if colour:
        text = re.sub("\x1b\\[(30;48;5;(69|75|111|153|223|216|209|202)|0)m", "", text)
        text = text.replace("\r\n", "\n")  # of the terminal
    for at in re.finditer("[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]", text):
        print(f"{name}: {at[0]!r} in {text[max(0, at.start() - 20):at.end() + 20]!r}")
        bad = True
        break
sys.exit(bad)
