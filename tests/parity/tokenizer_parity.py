#!/usr/bin/env python3
"""mi-run --tokens against the tokenizers of transformers and of llama.cpp.

usage: tokenizer_parity.py MODEL.gguf BIN_FOLDER [--strings N]

The ids of N varied strings (strings.py: all planes, code, spaces, digits, look-alikes of
special tokens, emoji, marks), as plain text and with --parse-special, against the tokenizer
that transformers loads from the model file. transformers does not know the digits step of
smollm when it loads a GGUF file, so it is put in here, as the model's own tokenizer.json has
it. Offsets and pieces are checked against the text. Then each pre-tokenizer that is written in
C, on the same merges, against the tokenizers package with the original expressions. SHARED may
name a folder with tokenizers/ggml-vocab-NAME.gguf.zst, .inp and .out of llama.cpp.
Prints one line a check and exits 1 when one fails."""

import argparse
import base64
import json
import os
import subprocess
import sys
import tempfile

import small_model
import zstandard
from strings import strings
from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers
from transformers import AutoTokenizer

G2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
L3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|"
      r"\s*[\r\n]+|\s+(?!\S)|\s+")
DIGITS = pre_tokenizers.Digits(individual_digits=True)
BYTES = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
GPT2 = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)


def split(pattern):
    return pre_tokenizers.Split(Regex(pattern), "isolated")


FAMILIES = {
    "gpt-2": [GPT2],
    "smollm": [DIGITS, GPT2],
    "starcoder": [DIGITS, GPT2],
    "llama-bpe": [split(L3), BYTES],
    "qwen2": [split(L3.replace("{1,3}", "")), BYTES],
}
# Digits of Unicode 17, which the digits step of newer tokenizers packages counts, and no other
# part of them, nor this project.
NEWER_DIGITS = {chr(c) for r in ((0x11de0, 0x11dea), (0x16ff4, 0x16ff7)) for c in range(*r)}
failed = 0


def check(good, text):
    global failed
    failed += not good
    print(("ok " if good else "not ok ") + text)


def from_package(v):
    t = Tokenizer(models.BPE({s: i for i, s in enumerate(v["tokens"])},
                             [tuple(m.split(" ", 1)) for m in v["merges"]],
                             ignore_merges=v["pre"] == "llama-bpe"))
    if v["pre"] == "qwen2":
        t.normalizer = normalizers.NFC()
    t.pre_tokenizer = pre_tokenizers.Sequence(FAMILIES[v["pre"]])
    t.add_special_tokens([AddedToken(s, normalized=False)
                          for s, kind in zip(v["tokens"], v["types"]) if kind == 3])
    return t


def ours(tool, model, texts, *options):
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl", encoding="utf-8") as f:
        for i, text in enumerate(texts):
            f.write(json.dumps(dict(id=f"n{i}", text=text)) + "\n")
        f.flush()
        run = subprocess.run([tool, "-m", model, "--tokens", *options, f.name],
                             capture_output=True, check=False)
    if run.returncode:
        sys.exit(f"{tool}: {run.stderr.decode()}")
    return [json.loads(line) for line in run.stdout.decode().splitlines()]


def piece_bytes(piece):
    return base64.b64decode(piece["b64"]) if isinstance(piece, dict) else piece.encode()


def misplaced(text, got):
    """Does a token's piece not stand at its offset?"""
    raw, at = text.encode(), got["offsets"]
    return any(raw[o:o + len(p)] != p and n == o + len(p)
               for o, n, p in zip(at, at[1:] + [len(raw)], map(piece_bytes, got["pieces"])))


def compare(name, tool, model, reference, texts):
    for special in (False, True):
        reference.encode_special_tokens = not special
        want = [reference.encode(s, add_special_tokens=False).ids for s in texts]
        used = [(s, w) for s, w in zip(texts, want) if w]  # a prompt has tokens
        got = ours(tool, model, [s for s, _ in used], *(["--parse-special"] if special else []))
        bad = [s for (s, w), g in zip(used, got) if g["tokens"] != w]
        moved = [s for (s, _), g in zip(used, got) if name != "qwen2" and misplaced(s, g)]
        check(len(got) == len(used) and not bad and not moved,
              f"{name}, {'control tokens' if special else 'plain'}: {len(used)} strings, "
              f"{len(bad)} differ, {len(moved)} have misplaced tokens")
        for s in bad[:5]:
            print(f"# {s!r}")


def llama_cpp(tool, folder, shared):
    for name in ("gpt-2", "starcoder"):
        base = f"{shared}/tokenizers/ggml-vocab-{name}.gguf"
        if not os.path.exists(base + ".zst"):
            print(f"ok # SKIP no {os.path.basename(base)}.zst")
            continue
        vocab, model = f"{folder}/{name}.vocab.gguf", f"{folder}/{name}.gguf"
        with open(base + ".zst", "rb") as i, open(vocab, "wb") as o:
            zstandard.ZstdDecompressor().copy_stream(i, o)
        v = small_model.vocabulary(vocab)
        small_model.write(model, v)
        with open(base + ".inp", encoding="utf-8") as f:
            texts = f.read().split("\n__ggml_vocab_test__\n")
        with open(base + ".out", encoding="utf-8") as f:
            want = [[int(x) for x in line.split()] for line in f.read().splitlines()]
        used = [(s, w) for s, w in zip(texts, want) if w]
        got = ours(tool, model, [s for s, _ in used])
        bad = [s for (s, w), g in zip(used, got) if g["tokens"] != w]
        check(len(want) >= len(used) > 30 and not bad,
              f"{name} of llama.cpp: {len(used)} strings, {len(bad)} differ")
        for s in bad[:5]:
            print(f"# {s!r}")
        yield name, model, v


def main():
    p = argparse.ArgumentParser()
    p.add_argument("model")
    p.add_argument("bin")
    p.add_argument("--strings", type=int, default=4000)
    a = p.parse_args()
    tool = a.bin + "/mi-run"
    texts = [s for s in strings(a.strings, seed=2)
             if s.strip(" \t\r\n\0") and "\0" not in s and not NEWER_DIGITS & set(s)]
    t = AutoTokenizer.from_pretrained(os.path.dirname(os.path.abspath(a.model)),
                                      gguf_file=os.path.basename(a.model)).backend_tokenizer
    v = small_model.vocabulary(a.model)
    t.pre_tokenizer = pre_tokenizers.Sequence(FAMILIES[v["pre"]])
    compare(f"{os.path.basename(a.model)}, transformers", tool, a.model, t, texts)
    with tempfile.TemporaryDirectory() as folder:
        for pre in ("gpt-2", "llama-bpe", "qwen2"):
            small_model.write(f"{folder}/{pre}.gguf", dict(v, pre=pre))
            compare(pre, tool, f"{folder}/{pre}.gguf", from_package(dict(v, pre=pre)), texts)
        shared = os.environ.get("SHARED")
        for name, model, other in llama_cpp(tool, folder, shared) if shared else ():
            compare(f"{name}'s vocabulary", tool, model, from_package(other), texts)
    sys.exit(1 if failed else 0)


main()
