#!/usr/bin/env python3
"""Writes tests/fuzz/seeds/tokenizer_json: the tokenizers of fixtures/tokenizers cut down to a few
tokens, each with a text behind a NUL.

usage: make_tokenizer_seeds.py"""

import glob
import json
import os

HERE = os.path.dirname(os.path.abspath(__file__))
TEXT = "The a1 <s> <left> it's 1234\n  éé中 <tool><right>  of word"
MOST = 40


def cut(t):
    m = t["model"]
    if isinstance(m["vocab"], list):
        m["vocab"] = m["vocab"][:MOST]
        ids = {x[0]: i for i, x in enumerate(m["vocab"])}
    else:
        # specials, then what text is made of
        kept = [k for k in m["vocab"] if not k.startswith("<0x")]
        ids = m["vocab"] = {k: i for i, k in enumerate(kept[:MOST])}
    merges = [p for p in m.get("merges") or [] if p[0] in ids and p[1] in ids]
    prefix = len(m.get("continuing_subword_prefix") or "")
    if "merges" in m:
        m["merges"] = [p for p in merges if p[0] + p[1][prefix:] in ids][:MOST]
    for i, a in enumerate(t["added_tokens"]):
        a["id"] = ids.get(a["content"], MOST + i)
    return t


def main():
    out = HERE + "/seeds/tokenizer_json"
    os.makedirs(out, exist_ok=True)
    for path in sorted(glob.glob(HERE + "/../../fixtures/tokenizers/*.json")):
        with open(path, encoding="utf-8") as f:
            t = cut(json.load(f))
        with open(f"{out}/{os.path.basename(path)[:-5]}", "wb") as f:
            f.write(json.dumps(t, ensure_ascii=False, separators=(",", ":")).encode() + b"\0" +
                    TEXT.encode())


main()
