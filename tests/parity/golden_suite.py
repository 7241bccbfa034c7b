#!/usr/bin/env python3
"""Writes tests/golden/json/suite.txt: the texts of JSONTestSuite, each a line.

usage: golden_suite.py FOLDER > tests/golden/json/suite.txt     (FOLDER: a copy of nst/JSONTestSuite)

A line is a file's name, which begins with y (to be read), n (to be refused) or i (either), and its
bytes in hexadecimal: the unit that is repeated, its count, what follows."""

import pathlib
import re
import sys


def main(folder):
    notice = pathlib.Path(folder, "LICENSE").read_text()
    print("# JSONTestSuite, https://github.com/nst/JSONTestSuite\n#")
    print("\n".join(f"# {line}".rstrip() for line in notice.strip().splitlines()))
    for path in sorted(pathlib.Path(folder, "test_parsing").iterdir()):
        data = path.read_bytes()
        unit, count, rest = b"", 0, data
        many = re.match(rb"(.{1,6}?)\1{99,}", data, re.DOTALL)
        if many:
            unit, count, rest = many[1], len(many[0]) // len(many[1]), data[many.end():]
        print(path.name.removesuffix(".json"), unit.hex() or "-", count, rest.hex() or "-")


main(sys.argv[1])
