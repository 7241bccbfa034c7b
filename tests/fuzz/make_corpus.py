#!/usr/bin/env python3
"""Writes tests/fuzz/corpus/gguf: small model files from which gguf_fuzz starts.

usage: make_corpus.py [folder]

Each is a whole Llama or Qwen2 model of one block, so that what opens is run: one of every
container version, one of each kind of weights (the down projection, whose rows have 256), and a
vocabulary. Drawn weights; the same bytes each time."""

import os
import random
import struct
import sys

U32, F32, BOOL, STRING, ARRAY, I32 = 4, 6, 7, 8, 9, 5
D, M, V = 32, 256, 12
DOWN = ["q2_k", "q3_k", "q5_k", "q6_k", "iq1_s", "iq1_m", "iq2_xxs", "iq3_s", "iq4_xs", "tq1_0", "mxfp4"]
# name: (number, elements of a block, bytes of a block)
TYPES = {"f32": (0, 1, 4), "q4_0": (2, 32, 18), "q4_1": (3, 32, 20), "q5_0": (6, 32, 22),
         "q5_1": (7, 32, 24), "q2_k": (10, 256, 84), "q3_k": (11, 256, 110), "q5_k": (13, 256, 176),
         "q6_k": (14, 256, 210), "iq2_xxs": (16, 256, 66), "iq1_s": (19, 256, 50), "iq3_s": (21, 256, 110),
         "iq4_xs": (23, 256, 136), "iq1_m": (29, 256, 56), "tq1_0": (34, 256, 54), "mxfp4": (39, 32, 17)}


class Writer:
    def __init__(self, version):
        self.version, self.count = version, "<I" if version == 1 else "<Q"

    def string(self, s):
        return struct.pack(self.count, len(s)) + s.encode()

    def value(self, kind, x):
        if kind == STRING:
            return self.string(x)
        if kind == ARRAY:
            element, items = x
            return struct.pack("<I", element) + struct.pack(self.count, len(items)) + b"".join(
                self.value(element, i) for i in items)
        return struct.pack({U32: "<I", I32: "<i", F32: "<f", BOOL: "<?"}[kind], x)

    def file(self, keys, tensors):
        out = b"GGUF" + struct.pack("<I", self.version) + struct.pack(self.count, len(tensors))
        out += struct.pack(self.count, len(keys))
        for name, (kind, x) in keys.items():
            out += self.string(name) + struct.pack("<I", kind) + self.value(kind, x)
        data = b""
        for name, (ne, kind, rows) in tensors.items():
            out += self.string(name) + struct.pack("<I", len(ne))
            out += b"".join(struct.pack(self.count, n) for n in ne) + struct.pack("<IQ", kind, len(data))
            data += rows + bytes(-len(rows) % 32)
        return out + bytes(-len(out) % 32) + data


def weights(rng, ne, name):
    kind, elements, size = TYPES[name]
    n = ne[0] * (ne[1] if len(ne) > 1 else 1) // elements * size
    if name == "f32":
        return ne, kind, struct.pack(f"<{n // 4}f", *(rng.uniform(-0.5, 0.5) for _ in range(n // 4)))
    return ne, kind, bytes(rng.randrange(0x30) for _ in range(n))  # small scales, no NaN


def model(architecture, version, down, plain="q8_0", biases=False):
    rng = random.Random(f"{architecture} {version} {down}")
    a = architecture
    symbols = [chr(c) for c in range(ord("a"), ord("a") + V - 4)]
    keys = {
        "general.architecture": (STRING, a), f"{a}.block_count": (U32, 1), f"{a}.context_length": (U32, 16),
        f"{a}.embedding_length": (U32, D), f"{a}.feed_forward_length": (U32, M),
        f"{a}.attention.head_count": (U32, 2), f"{a}.attention.head_count_kv": (U32, 1),
        f"{a}.attention.layer_norm_rms_epsilon": (F32, 1e-5), f"{a}.rope.freq_base": (F32, 1e4),
        "tokenizer.ggml.model": (STRING, "gpt2"), "tokenizer.ggml.pre": (STRING, "gpt-2"),
        "tokenizer.ggml.tokens": (ARRAY, (STRING, ["<s>", "</s>", *symbols, "ab", "abc"])),
        "tokenizer.ggml.token_type": (ARRAY, (I32, [3, 3] + [1] * (V - 2))),
        "tokenizer.ggml.merges": (ARRAY, (STRING, ["a b", "ab c"])),
        "tokenizer.ggml.bos_token_id": (U32, 0), "tokenizer.ggml.add_bos_token": (BOOL, True)}
    tensors = {"token_embd.weight": weights(rng, [D, V], plain)}
    for name, n in {"attn_q": D, "attn_k": D // 2, "attn_v": D // 2, "attn_output": D, "ffn_gate": M,
                    "ffn_up": M}.items():
        tensors[f"blk.0.{name}.weight"] = weights(rng, [D, n], plain)
        if biases and name in ("attn_q", "attn_k", "attn_v"):
            tensors[f"blk.0.{name}.bias"] = weights(rng, [n], "f32")
    tensors["blk.0.ffn_down.weight"] = weights(rng, [M, D], down)
    for name in ("blk.0.attn_norm", "blk.0.ffn_norm", "output_norm"):
        tensors[name + ".weight"] = weights(rng, [D], "f32")
    return Writer(version).file(keys, tensors)


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.join(
        os.path.dirname(os.path.abspath(__file__)), "corpus", "gguf")
    os.makedirs(folder, exist_ok=True)
    files = {f"llama-{t}": model("llama", 3, t, "q4_0") for t in DOWN}
    files.update({"llama-v1": model("llama", 1, "q4_0", "q4_1"), "llama-v2": model("llama", 2, "q5_0", "q5_1"),
                  "qwen2": model("qwen2", 3, "tq1_0", "q4_0", True)})
    for name, data in files.items():
        with open(os.path.join(folder, name), "wb") as f:
            f.write(data)
    print(f"{len(files)} files, {sum(map(len, files.values())) >> 10} KiB")


main()
