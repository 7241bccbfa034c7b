#!/usr/bin/env python3
"""Tokenizers of every kind, from tokenizer.json and from GGUF, against the tokenizers package and
against llama.cpp's vocabulary tests.

usage: vocabulary_parity.py MODEL.gguf BIN_FOLDER [--strings N]

Ids of N varied strings (strings.py) with control tokens seen and not, and the text that ids
stand for. The small tokenizers of fixtures/tokenizers always. With LLAMA_CPP (its source folder)
or SHARED (a folder with tokenizers/ggml-vocab-NAME.gguf.zst): their vocabularies, as GGUF and as a
tokenizer.json made of it with the pipeline of the model's own; and their tests (.inp, .out).
Prints one line a check and exits 1 when one fails."""

import argparse
import glob
import os
import struct
import subprocess
import sys
import tempfile
import unicodedata

import gguf
import zstandard
from strings import strings
from tokenizers import (AddedToken, Regex, Tokenizer, decoders, models, normalizers,
                        pre_tokenizers as pre)
from small_tokenizers import BYTES, G2, GPT2, HAN, L3, SPACE, llama_decoder, split

Q2 = L3.replace("{1,3}", "")
DIGITS = pre.Digits(individual_digits=True)
KANA, CJK = "[一-龥぀-ゟ゠-ヿ]+", "[一-龥ࠀ-一가-퟿]+"
WORD = r"[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"
MARKED = r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|" + WORD
DEEPSEEK = MARKED + r"| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
UPPER, LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"


def cased(after, numbers):
    head = r"[^\r\n\p{L}\p{N}]?"
    return (f"{head}{UPPER}*{LOWER}+{after}|{head}{UPPER}+{LOWER}*{after}|{numbers}| "
            r"?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")


CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
JAIS2 = L3[:L3.index(r"|\s+(?!\S)")] + "".join(
    rf"|\s{{{n}}}(?!\S)" for n in (512, 256, 128, 64, 32, 16, 8, 4, "1,2")) + r"|\s{1}"
# The steps that the models' own tokenizer.json files have, by the name that GGUF files give them.
STEPS = {
    "gpt-2": [split(G2)],
    "starcoder": [DIGITS, split(G2)],
    "llama-bpe": [split(L3)],
    "qwen2": [split(Q2)],
    "qwen35": [split(CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| "
                     r"?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")],
    "tekken": [split(cased("", r"\p{N}"))],
    "gpt-4o": [split(cased(CONTRACTIONS + "?", r"\p{N}{1,3}"))],
    "tiny_aya": [split(r"\d{1,3}(?=(?:\d{3})*\b)"),
                 split(cased(CONTRACTIONS + "?", r"\p{N}{1,3}"))],
    "kimi-k2": [split(HAN.replace("'s|'t", "'s|'t|'re|'ve|'m|'ll|'d").replace(
        "]+(?i", "]+(?i", 1).replace(
        r"|\p{N}{1,3}", r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+"
        r"[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*" + CONTRACTIONS + r"?|\p{N}{1,3}"))],
    "deepseek-v3": [split(r"\p{N}{1,3}"), split(KANA), split(DEEPSEEK)],
    "deepseek-coder": [split("[\r\n]"), split(r"\s?\p{L}+"), split(r"\s?\p{P}+"), split(CJK),
                       DIGITS],
    "falcon": [split(r"[\p{P}\$\+<=>\^~\|`]+"), split(G2), split("[0-9][0-9][0-9]")],
    "bloom": [split(" ?[^(\\s|.,!?…。，、।۔،)]+")],
    "viking": [split(" ?[^(\\s|.,!?…。，、।۔،)]+"), split(r"\p{N}")],
    "jais-2": [split(JAIS2)],
    "bailingmoe": [split(r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}| "
                         r"?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+")],
    "seed-coder": [split(CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1}| "
                         r"?[^\s\p{L}\p{N}\r\n]+|\s*[\r\n]+|\s+(?!\S)|\s+")],
    "exaone-moe": [split(CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+|"
                         r"\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]?|\s*[\r\n]|\s+(?!\S)|\s+")],
    "minicpm5": [split(r"\p{N}{1,3}"), split(L3.replace("{1,3}", "+"))],
    "laguna": [split(r"[^\n]+|[\n]+"), split(Q2)],
    "superbpe": [split(r"\p{N}+"), split(r"(?=(\d{3})+(?!\d))")],
    "ufakzeka": [split(Q2[Q2.index("[^"):])],
    "youtu": [split("[가-힣ㄱ-ㆎ]+|[！…“”‘’—：；，、-〿︰-﹏]+|[ㄅ-ㄯ]+|" + KANA),
              split(cased(CONTRACTIONS + "?", r"\p{N}"))],
    "chameleon": [split("<sentinel:[0-9]+>"), split("(IMGIMG)((A|B|C|D|E|F|G|H|I){1,4})Z"),
                  split("([\\t\\n]|    |  )"), DIGITS, split(r"[\p{P}!-/:-@\[-`{-~]"), split(G2)],
}
NORMAL_FORM = {"qwen2", "qwen35", "mpt"}
SAME_STEPS = {"refact": "starcoder", "command-r": "starcoder", "mpt": "gpt-2"}
IGNORE_MERGES = {"llama-bpe", "tekken", "minicpm5", "youtu"}
# Digits of Unicode 17, which newer tokenizers packages count in some of their parts only.
NEWER_DIGITS = {chr(c) for r in ((0x11de0, 0x11dea), (0x16ff4, 0x16ff7)) for c in range(*r)}
failed = 0


def check(good, text, bad=()):
    global failed
    failed += not good
    print(("ok " if good else "not ok ") + text, flush=True)
    for b in bad[:4]:
        print("# " + ascii(b)[:300])


def ours(tool, path, texts, special=False):
    """[(ids, places, text)] of each string."""
    data = b"".join(struct.pack("<I", len(b)) + b for b in (s.encode() for s in texts))
    run = subprocess.run([tool, path] + (["-"] if path.endswith(".json") else []) +
                         (["special"] if special else []), input=data, capture_output=True,
                         check=False)
    if run.returncode:
        sys.exit(run.stderr.decode())
    d, at, out = run.stdout, 12, []
    for _ in texts:
        n, = struct.unpack_from("<i", d, at)
        x = struct.unpack_from(f"<{3 * max(n, 0)}i", d, at + 4)
        at += 4 + 12 * max(n, 0)
        if n < 0:
            out.append((None, [], b""))
            continue
        size, = struct.unpack_from("<i", d, at)
        out.append((list(x[::3]), list(zip(x[1::3], x[2::3])), d[at + 4:at + 4 + size]))
        at += 4 + size
    return out


def misplaced(text, places):
    """Places go on through the text and stay inside it."""
    begins, ends = [b for b, _ in places], [e for _, e in places]
    return (begins != sorted(begins) or ends != sorted(ends) or
            any(b > e for b, e in places) or bool(ends and ends[-1] > len(text.encode())))


def compare(name, tool, path, reference, texts, makes_control=False, decodes=True):
    for special in (False, True):
        reference.encode_special_tokens = not special
        want = [e.ids for e in reference.encode_batch(texts, add_special_tokens=False)]
        control = {i for i, t in reference.get_added_tokens_decoder().items() if t.special}
        got = ours(tool, path, texts, special)
        # where the package lets text make control tokens, this project does not
        bad = [(s, w, g[0]) for s, w, g in zip(texts, want, got)
               if g[0] != w and (special or not makes_control or not control & set(w))]
        moved = [s for s, g in zip(texts, got) if misplaced(s, g[1])]
        text = reference.decode_batch(want, skip_special_tokens=False) if decodes else []
        wrong = [(s, d, g[2]) for s, d, w, g in zip(texts, text, want, got)
                 if g[0] == w and "\ufffd" not in d and d.encode() != g[2]]
        check(not bad and not moved and not wrong,
              f"{name}, {'control tokens' if special else 'plain'}: {len(texts)} strings, "
              f"{len(bad)} differ, {len(moved)} have misplaced tokens" +
              (f", {len(wrong)} decode differently" if decodes else ""), bad + wrong + moved)


# ---- vocabularies of GGUF files --------------------------------------------------------


def read_vocabulary(path):
    fields = gguf.GGUFReader(path).fields
    keys = ("model", "pre", "tokens", "merges", "token_type", "scores", "precompiled_charsmap")
    v = {k: fields["tokenizer.ggml." + k].contents() if "tokenizer.ggml." + k in fields else None
         for k in keys}
    v["ids"] = {t: i for i, t in enumerate(v["tokens"])}
    return v


def merges_of_scores(v):
    """Every way to make a token of two others, the best token first."""
    kinds, ids, out = v["token_type"], v["ids"], []
    for i, t in enumerate(v["tokens"]):
        if kinds[i] not in (1, 4):
            continue
        for k in range(1, len(t)):
            a, b = ids.get(t[:k]), ids.get(t[k:])
            if a is not None and b is not None and kinds[a] == 1 and kinds[b] == 1:
                out.append((-v["scores"][i], i, a, b))
    return [(v["tokens"][a], v["tokens"][b]) for _, _, a, b in sorted(out)]


def pairs(v):
    return [tuple(m.split(" ", 1)) for m in v["merges"]]


def byte_level(v, name):
    t = Tokenizer(models.BPE(v["ids"], pairs(v), ignore_merges=name in IGNORE_MERGES))
    if name in NORMAL_FORM:
        t.normalizer = normalizers.NFC()
    t.pre_tokenizer = pre.Sequence(STEPS[SAME_STEPS.get(name, name)] + [BYTES])
    t.decoder = decoders.ByteLevel()
    return t


def characters(v, merges, norm, strip):
    t = Tokenizer(models.BPE(v["ids"], merges, unk_token="<unk>", fuse_unk=True,
                             byte_fallback=True))
    t.normalizer, t.decoder = norm, llama_decoder(strip)
    return t


def reference_of(name, v):
    """The tokenizer that the model's own tokenizer.json is, or None where it is not known."""
    spaces = normalizers.Replace(" ", SPACE)
    if v["model"] == "gpt2" and SAME_STEPS.get(name, name) in STEPS:
        t = byte_level(v, name)
    elif v["model"] == "llama":
        t = characters(v, merges_of_scores(v),
                       normalizers.Sequence([normalizers.Prepend(SPACE), spaces]), 1)
    elif v["model"] == "gemma4":
        t = characters(v, pairs(v), spaces, 0)
    elif v["model"] == "t5":
        t = Tokenizer(models.Unigram(list(zip(v["tokens"], map(float, v["scores"]))), unk_id=3))
        t.normalizer = normalizers.Sequence([
            normalizers.Precompiled(bytes(x & 255 for x in v["precompiled_charsmap"])),
            normalizers.Replace(Regex(" {2,}"), " ")])
        t.pre_tokenizer, t.decoder = pre.Metaspace(prepend_scheme="always"), decoders.Metaspace()
    else:
        return None
    return add_tokens(t, v, name)


def add_tokens(t, v, name):
    ends = {"</s>"} if name == "phi-3" else set()  # user-defined in the file, which means control
    t.add_special_tokens([AddedToken(s, normalized=False, rstrip=name == "phi-3" and s not in (
        "<unk>", "<s>", "<|endoftext|>")) for s, k in zip(v["tokens"], v["token_type"])
        if (k == 3 or s in ends) and s])
    t.add_tokens([AddedToken(s, normalized=False) for s, k in zip(v["tokens"], v["token_type"])
                  if k == 4 and s and s not in ends])
    return t


def vocabularies(folder):
    """{name: (GGUF file, path of .inp and .out without their ends)}"""
    out = {}
    for path in sorted(glob.glob(os.environ.get("LLAMA_CPP", "/none") +
                                 "/models/ggml-vocab-*.gguf")):
        out[os.path.basename(path)[len("ggml-vocab-"):-len(".gguf")]] = (path, path)
    for path in sorted(glob.glob(os.environ.get("SHARED", "/none") + "/tokenizers/*.gguf.zst")):
        name = os.path.basename(path)[len("ggml-vocab-"):-len(".gguf.zst")]
        if name in out:
            continue
        plain = f"{folder}/{name}.gguf"
        with open(path, "rb") as i, open(plain, "wb") as o:
            zstandard.ZstdDecompressor().copy_stream(i, o)
        out[name] = (plain, path[:-len(".zst")])
    return out


def own_tests(name, tool, path, base):
    with open(base + ".inp", encoding="utf-8") as f:
        texts = f.read().split("\n__ggml_vocab_test__\n")
    with open(base + ".out", encoding="utf-8") as f:
        want = [[int(x) for x in line.split()] for line in f.read().splitlines()]
    used = list(zip(texts, want))
    forms = 0
    if name in NORMAL_FORM:  # llama.cpp does not bring text to the form that the model has seen
        used = [(s, w) for s, w in used if unicodedata.is_normalized("NFC", s)]
        forms = min(len(texts), len(want)) - len(used)
    got = ours(tool, path, [s for s, _ in used])
    bad = [(s, w, g[0]) for (s, w), g in zip(used, got) if g[0] != w]
    check(len(want) >= len(used) > 30 and not bad,
          f"{name} of llama.cpp: {len(used)} strings, {len(bad)} differ" +
          (f" ({forms} are in no normal form: left out)" if forms else ""), bad)


def write_vocabulary(path, v, name):
    w = gguf.GGUFWriter(path, "llama")
    w.add_tokenizer_model("gpt2")
    w.add_tokenizer_pre(name)
    w.add_token_list(v["tokens"])
    w.add_token_types(v["token_type"])
    w.add_token_merges(v["merges"])
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.close()


def known_letters(texts):
    """Expressions have the letters of the installed PCRE2: no newer ones."""
    return [s for s in texts if not any(unicodedata.category(c) == "Cn" for c in s)]


def main():
    p = argparse.ArgumentParser()
    p.add_argument("model")
    p.add_argument("bin")
    p.add_argument("--strings", type=int, default=7200)
    p.add_argument("--only", help="a name")
    a = p.parse_args()
    tool = os.path.dirname(os.path.abspath(a.bin)) + "/parity/tokens"
    fixtures = os.path.dirname(os.path.abspath(__file__)) + "/../../fixtures/tokenizers"
    texts = [s for s in strings(a.strings, seed=5) if not NEWER_DIGITS & set(s)]
    assigned = known_letters(texts)
    for path in sorted(glob.glob(fixtures + "/*.json")):
        name = os.path.basename(path)
        # the package's marks are those of an old Unicode
        used = assigned if "prefix" not in name and "wordpiece" not in name else [
            s for s in assigned if not any((ord(c) > 0x10000 or 0x8c0 <= ord(c) < 0x8e0) and
                                           unicodedata.category(c)[0] == "M" for c in s)]
        if not a.only or a.only in name:
            compare(name, tool, path, Tokenizer.from_file(path), used,
                    makes_control=name.startswith("unigram"),
                    decodes=not name.startswith(("word", "bpe-")))
    with tempfile.TemporaryDirectory() as folder:
        found = vocabularies(folder)
        if not found:
            print("ok # SKIP no LLAMA_CPP and no SHARED: no real vocabularies")
        for name, (path, base) in found.items():
            if a.only and a.only not in name:
                continue
            if os.path.exists(base + ".inp"):
                own_tests(name, tool, path, base)
            v = read_vocabulary(path)
            t = reference_of(name, v)
            if not t:
                continue
            t.save(f"{folder}/{name}.json")
            t5 = v["model"] == "t5"
            if not t5:  # its GGUF form drops a text's spaces, as llama.cpp does
                compare(f"{name}.gguf", tool, path, t, assigned, decodes=False)
            compare(f"{name}.json", tool, f"{folder}/{name}.json", t, assigned, makes_control=t5)
        if "gpt-2" in found:
            v = read_vocabulary(found["gpt-2"][0])
            for name in STEPS:
                if name in found or (a.only and a.only not in name):
                    continue
                write_vocabulary(f"{folder}/pre.gguf", v, name)
                compare(f"pre-tokenizer {name}", tool, f"{folder}/pre.gguf",
                        add_tokens(byte_level(v, name), v, name), assigned, decodes=False)
    sys.exit(1 if failed else 0)


main()
