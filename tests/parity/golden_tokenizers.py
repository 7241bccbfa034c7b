#!/usr/bin/env python3
"""Writes tests/golden/text/tokenizers.json: small vocabularies and what the tokenizers
package makes of strings with them.

usage: golden_tokenizers.py > tests/golden/text/tokenizers.json     (needs tokenizers 0.22 or later)

One vocabulary a family of pre-tokenizers, trained on the text below. Each has control tokens
and a user-defined one; that of smollm lacks the bytes that the text does not hold, as
SmolLM2's does. `plain` are the ids of each string with control tokens as text; `special`, by
the number of the string, the ids with control tokens seen, where they differ."""

import json
import sys
import unicodedata

from strings import strings
from tokenizers import (AddedToken, Regex, Tokenizer, decoders, models, normalizers,
                        pre_tokenizers, trainers)

TEXT = """
It's a small text, written for this test: it doesn't say much, but it's got what splitters
care for. They've seen I'm, you'll, we'd and DON'T; they know 1 word, 22 words, 333 words and
2024 words. The honest person says that the capital of France is Paris. The untruthful person
says that the capital of France is Rome.   Spaces   come in runs,	tabs	too.

def mean(values):
    total = 0.0
    for value in values:
        total += value
    return total / len(values)

int main(void)
{
    for (int i = 0; i < 100; i++)
        printf("%d\\n", i);
    return 0;
}

Die Straße führt über die Brücke. L'élève étudie à l'école. El niño come una manzana.
Привет, мир! Это простой текст. Γειά σου Κόσμε. 你好，世界。今天天气很好。日本語のテキストです。
안녕하세요 세계. مرحبا بالعالم. שלום עולם. नमस्ते दुनिया। สวัสดีชาวโลก
Emoji: 😀 😃 👍🏽 👩‍👩‍👧‍👦 ❤️ 🚀. Prices: $10, €20, £30. Sums: 1+1=2, 3*4=12, x_1 <= x_2.
"""
G2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
L3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|"
      r" ?[^\s\p{L}\p{N}]+[\r\n]*|"
      r"\s*[\r\n]+|\s+(?!\S)|\s+")
LETTERS = [r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"]
TEKKEN = (r"[^\r\n\p{L}\p{N}]?U*L+|[^\r\n\p{L}\p{N}]?U+L*|\p{N}|"
          r" ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|"
          r"\s+(?!\S)|\s+")
TEKKEN = TEKKEN.replace("U", LETTERS[0]).replace("L*", LETTERS[1] + "*").replace("L+", LETTERS[1] + "+")


def split(pattern):
    return pre_tokenizers.Split(Regex(pattern), "isolated")


def whole(*steps):
    last = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    return pre_tokenizers.Sequence([*steps, last])


DIGITS = pre_tokenizers.Digits(individual_digits=True)
FAMILIES = {
    "gpt-2": (whole(split(G2)), {}),
    "smollm": (whole(DIGITS, split(G2)), {}),
    "llama-bpe": (whole(split(L3)), {"ignore_merges": True}),
    "qwen2": (whole(split(L3.replace("{1,3}", ""))), {"nfc": True}),
    "tekken": (whole(split(TEKKEN)), {"ignore_merges": True}),
}
CONTROL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<s>", "</s>", "<pad>"]
USER = ["<tool>"]


def train(pre_tokenizer, alphabet, size):
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizer
    t.train_from_iterator([TEXT] * 3, trainers.BpeTrainer(
        vocab_size=size, min_frequency=1, initial_alphabet=alphabet, show_progress=False))
    model = json.loads(t.to_str())["model"]
    return model["vocab"], [tuple(m) for m in model["merges"]]


def reference(vocab, merges, options, pre_tokenizer, control):
    t = Tokenizer(models.BPE(vocab, merges, ignore_merges=options.get("ignore_merges", False)))
    if options.get("nfc"):
        t.normalizer = normalizers.NFC()
    t.pre_tokenizer = pre_tokenizer
    t.decoder = decoders.ByteLevel()
    t.add_tokens([AddedToken(x, normalized=False) for x in USER])
    if control:
        t.add_special_tokens([AddedToken(x, normalized=False) for x in CONTROL])
    return t


# Families that are cut by PCRE2 have its letters: no answer for strings with newer ones.
BY_EXPRESSION = ["tekken"]
assert unicodedata.unidata_version == "14.0.0"


def ids_of(tokenizer, name, text):
    if name in BY_EXPRESSION and any(unicodedata.category(c) == "Cn" for c in text):
        return None
    return tokenizer.encode(text).ids


def family(name, texts):
    pre_tokenizer, options = FAMILIES[name]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    vocab, merges = train(pre_tokenizer, [] if name == "smollm" else sorted(alphabet), 620)
    added = CONTROL + USER
    tokens = added + sorted(vocab, key=vocab.get)
    ids = {t: i for i, t in enumerate(tokens)}
    plain, special = (reference(ids, merges, options, pre_tokenizer, c) for c in (False, True))
    expected = [ids_of(plain, name, s) for s in texts]
    seen = {str(i): ids_of(special, name, s) for i, s in enumerate(texts)}
    return dict(pre=name, tokens=tokens, n_control=len(CONTROL), n_user=len(USER),
                merges=[" ".join(m) for m in merges], plain=expected,
                special={i: x for i, x in seen.items() if x != expected[int(i)]})


texts = strings(500, longest=13)
json.dump(dict(strings=texts, families=[family(n, texts) for n in FAMILIES]), sys.stdout,
          ensure_ascii=False, separators=(",", ":"))
print()
