#!/usr/bin/env python3
"""Writes tests/golden/text/tokenizer_json.json: what the tokenizers package makes of strings with
each tokenizer of fixtures/tokenizers.

usage: golden_json.py > tests/golden/text/tokenizer_json.json     (needs tokenizers 0.22 or later)

`plain` are the ids of each string with control tokens as text; `special`, by the number of the
string, the ids with control tokens seen, where they differ; `text`, by number, what `plain` stands
for, where it is not the string itself (null: bytes that are no text)."""

import glob
import json
import os
import sys
import unicodedata

from strings import strings
from tokenizers import Tokenizer

FOLDER = os.path.dirname(os.path.abspath(__file__)) + "/../../fixtures/tokenizers"
NEWER = {"\U00011a5a", "\u08cb"}  # marks that the package does not know yet


def known(text):
    return not NEWER & set(text) and all(unicodedata.category(c) != "Cn" for c in text)


def answers(path, texts):
    t = Tokenizer.from_file(path)
    control = {i for i, a in t.get_added_tokens_decoder().items() if a.special}
    t.encode_special_tokens = True
    plain = [e.ids for e in t.encode_batch(texts, add_special_tokens=False)]
    t.encode_special_tokens = False
    special = [e.ids for e in t.encode_batch(texts, add_special_tokens=False)]
    text = t.decode_batch(plain, skip_special_tokens=False)
    # Unigram makes control tokens of text, which this project does not
    if "unigram" in path:
        plain = [p if not control & set(p) else None for p in plain]
    return dict(name=os.path.basename(path)[:-len(".json")], plain=plain,
                special={str(i): s for i, (p, s) in enumerate(zip(plain, special)) if s != p},
                text={str(i): None if "\ufffd" in d else d
                      for i, (s, d) in enumerate(zip(texts, text)) if s != d},
                first=t.encode("").ids[:1])


texts = [s for s in strings(420, longest=8) if known(s)]
json.dump(dict(strings=texts, tokenizers=[answers(p, texts)
                                          for p in sorted(glob.glob(FOLDER + "/*.json"))]),
          sys.stdout, ensure_ascii=False, separators=(",", ":"))
print()
